"""Class names as words: one canonical name for every spelling of a class, its plural and its article.

Datasets spell one class in many ways ("Small_Vehicle", "small-vehicle"; "baseballfield", "Baseball Field",
"baseball_diamond"). The canonical name is lower-case words with single spaces; where datasets use different words for
the same thing, it is the words that most of them use (the exception: "wind turbine", which is not a windmill).
`resources/synonyms.json` lists canonical names, each with the other words for it; spaces play no part in the look-up,
so a listed "tennis court" is found as "tenniscourt", too.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

import msgspec

from georsmllm.metrics.text import lemma

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[\s_-]+")
_SIBILANT = re.compile(r"(s|x|z|ch|sh)$")
_CONSONANT_Y = re.compile(r"[^aeiou]y$")
_VOWEL_SOUND = re.compile(r"(?!uni(?![dmn])|use|uti|eu|one)[aeiou]")


class _Nouns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """mass: names that have no plural of their own. irregular: plurals that the rules get wrong."""

    mass: frozenset[str]
    irregular: dict[str, str]


class _Stuff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """classes: names of areas that nobody counts, besides the mass names. class_maps: datasets whose targets are the
    connected areas of a map of classes, so that two buildings that touch are one target."""

    classes: frozenset[str]
    class_maps: frozenset[str]


def canonical(name: str) -> str:
    """Lower-case words with single spaces, in NFC; other words for the same class are folded; idempotent."""
    words = " ".join(_SEPARATORS.sub(" ", _CAMEL.sub(" ", name)).lower().split())
    words = unicodedata.normalize("NFC", words)  # as tokenizers write it; folders that macOS made are spelt otherwise
    return synonyms().get(words.replace(" ", ""), words)


def plural(name: str) -> str:
    """The plural of a canonical name, itself where it is one; one that has none is spoken of as areas: "water areas"."""
    nouns = _nouns()
    if name in nouns.irregular:
        return nouns.irregular[name]
    if name in nouns.mass:
        return f"{name} areas"
    if _singular(name) != name:
        return name
    if _CONSONANT_Y.search(name):
        return f"{name[:-1]}ies"
    return f"{name}es" if _SIBILANT.search(name) else f"{name}s"


def of_plural(name: str) -> str:
    """The canonical name of which this is the plural, "" where there is none."""
    head, space, last = name.rpartition(" ")
    irregular = [one for one, several in _nouns().irregular.items() if several == name]
    area = [name.removesuffix(" areas")] if name.endswith(" areas") else []
    guesses = [*irregular, *area, f"{head}{space}{lemma(last)}", name[:-1], name[:-2], name]
    fitting = [guess for guess in guesses if guess and plural(guess) == name]
    known = set(synonyms().values())
    return next((guess for guess in fitting if guess in known), fitting[0] if fitting else "")


def with_article(name: str) -> str:
    """A canonical name as one thing: "a ship", "an airport", "a water area"."""
    noun = f"{name} area" if name in _nouns().mass else _singular(name)
    if noun.startswith("other "):
        return f"some {noun}"
    return f"an {noun}" if _VOWEL_SOUND.match(noun) else f"a {noun}"


def _singular(name: str) -> str:
    """A dataset's plural ("solar panels") as one thing."""
    head, space, last = name.rpartition(" ")
    return name if name in _nouns().irregular else f"{head}{space}{lemma(last)}"


def is_countable(name: str) -> bool:
    """Whether targets of a canonical name are things that one counts (a ship), not areas (a forest, a road)."""
    return name not in _nouns().mass and name not in _stuff().classes


def is_class_map(dataset: str) -> bool:
    """Whether a dataset's targets are connected areas of a class map, whose number is no number of objects."""
    return dataset in _stuff().class_maps


@cache
def synonyms() -> dict[str, str]:
    """Every known spelling without its spaces -> the canonical name."""
    table = msgspec.json.decode(_resource("synonyms.json"), type=dict[str, tuple[str, ...]])
    return {spelling.replace(" ", ""): name for name, others in table.items() for spelling in (name, *others)}


@cache
def _nouns() -> _Nouns:
    return msgspec.json.decode(_resource("plurals.json"), type=_Nouns)


@cache
def _stuff() -> _Stuff:
    return msgspec.json.decode(_resource("stuff.json"), type=_Stuff)


def _resource(name: str) -> bytes:
    return files("georsmllm").joinpath("resources", name).read_bytes()
