"""The words that the embedded planner knows: nouns of the field with their kinds, relations, attributes, verbs, numbers.

`resources/nouns.json`, `relations.json`, `attributes.json` and `grammar.json` hold them, as lists in a string ("near,
close to"). The nouns are joined by every canonical class name of `georsmllm.classes`. A `Book` finds the longest of its
phrases that begins at a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Generic, NamedTuple, TypeVar

import msgspec

from georsmllm.classes import plural as class_plural
from georsmllm.classes import synonyms
from georsmllm.metrics.text import lemma

T = TypeVar("T")


class Book(Generic[T]):
    """Phrases with what they mean, found by their first word, the longest first."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        table: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        for phrase, meaning in entries:
            parts = tuple(phrase.split())
            table.setdefault(parts[0], []).append((parts, meaning))
        self._table = {first: sorted(rows, key=lambda row: -len(row[0])) for first, rows in table.items()}

    def match(self, words: Sequence[str], at: int) -> tuple[int, T] | None:
        """(number of words, meaning) of the longest phrase that begins at a place; None where none does."""
        if at >= len(words):
            return None
        for parts, meaning in self._table.get(words[at], ()):
            if tuple(words[at : at + len(parts)]) == parts:
                return len(parts), meaning
        return None

    def phrases(self) -> Iterable[str]:
        """Every phrase, in the order of first words."""
        return (" ".join(parts) for rows in self._table.values() for parts, _ in rows)


class NounData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See nouns.json. things are detected; regions are segmented where masks are asked for; stuff is always segmented."""

    things: str
    regions: str
    stuff: str
    lines: str
    places: str
    parts: str
    generic: str
    whole: str
    aliases: dict[str, str]
    beside_planes: dict[str, str]
    planes: str
    plurals: dict[str, str]
    land_use: dict[str, str]


class Noun(NamedTuple):
    """A category as the query spells it. singular: its form for one."""

    singular: str
    is_plural: bool


def _read(name: str) -> bytes:
    return files("georsmllm.parser").joinpath("resources", name).read_bytes()


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list in a string."""
    return tuple(" ".join(entry.replace("-", " ").split()) for entry in text.split(",") if entry.strip())


@cache
def noun_data() -> NounData:
    return msgspec.json.decode(_read("nouns.json"), type=NounData)


@cache
def grammar() -> dict[str, str | dict[str, str | int | float]]:
    return msgspec.json.decode(_read("grammar.json"), type=dict[str, str | dict[str, str | int | float]])


@cache
def phrases(name: str) -> Book[str]:
    """A plain list of the grammar; each phrase means itself."""
    text = grammar()[name]
    assert isinstance(text, str)
    return Book((phrase, phrase) for phrase in listed(text))


@cache
def meanings(name: str) -> Book[str]:
    """A table of the grammar that lists phrases by their meaning."""
    table = grammar()[name]
    assert isinstance(table, dict)
    return Book((phrase, meaning) for meaning, text in table.items() for phrase in listed(str(text)))


@cache
def values(name: str) -> Book[float]:
    """A table of the grammar from phrase to number."""
    table = grammar()[name]
    assert isinstance(table, dict)
    return Book((phrase, float(value)) for phrase, value in table.items())


@cache
def named(name: str) -> Mapping[str, str]:
    """A table of the grammar from phrase to word."""
    table = grammar()[name]
    assert isinstance(table, dict)
    return {phrase: str(value) for phrase, value in table.items()}


@cache
def stops() -> frozenset[str]:
    """The words at which a noun ends."""
    text = grammar()["stops"]
    assert isinstance(text, str)
    return _of(text)


@cache
def weak_verbs() -> frozenset[str]:
    """Verbs that order many things besides looking ("give", "show"): they need a category that is known."""
    text = grammar()["weak_verbs"]
    assert isinstance(text, str)
    return _of(text)


@cache
def foreign_nouns() -> frozenset[str]:
    """What no image shows, and what people ask machines for instead."""
    text = grammar()["foreign_nouns"]
    assert isinstance(text, str)
    return _of(text)


@cache
def knows(name: str) -> bool:
    """Whether a category ends in a known noun."""
    parts = name.replace("-", " ").split()
    return any((m := nouns().match(parts, i)) is not None and m[0] == len(parts) - i for i in range(len(parts)))


@cache
def slips() -> Mapping[str, str]:
    """Right words that are wrong in a query about images -> what was meant."""
    return named("real_word_slips")


@cache
def relations() -> Book[str]:
    """Phrase -> relation name, with "-" before it where the phrase denies it ("outside" -> "-inside")."""
    table = msgspec.json.decode(_read("relations.json"), type=dict[str, str])
    return Book((phrase, name) for name, text in table.items() for phrase in listed(text))


@cache
def attributes() -> Book[tuple[str, str]]:
    """Phrase -> (attribute name, value). Under "" stand words that are their own value, where no value lists them."""
    table = msgspec.json.decode(_read("attributes.json"), type=dict[str, dict[str, str]])
    found: dict[str, tuple[str, str]] = {}
    for name, by_value in table.items():
        for value, text in sorted(by_value.items(), key=lambda item: item[0] == ""):
            for phrase in listed(text):
                found.setdefault(phrase, (name, value or phrase))
    for tone in ("dark", "light", "bright", "pale"):
        for color in listed(table["color"][""]):
            found.setdefault(f"{tone} {color}", ("color", f"{tone} {color}"))
    for direction in ("north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"):
        found.setdefault(f"{direction} facing", ("orientation", direction))
    return Book(found.items())


def _of(text: str) -> frozenset[str]:
    return frozenset(listed(text))


@cache
def nouns() -> Book[Noun]:
    """Every known category, in the singular and the plural."""
    data = noun_data()
    names = [*listed(data.things), *listed(data.regions), *listed(data.stuff)]
    damaged = {"damaged building"}  # a class of xView, yet "damaged" is a condition wherever somebody says it
    classes = sorted({*synonyms(), *synonyms().values()} - damaged)
    names.extend(" ".join(name.replace("/", " ").split()) for name in classes if " " in name)
    found: dict[str, Noun] = {}
    for name in names:
        found.setdefault(name, Noun(name, is_plural=False))
        found.setdefault(counted(name), Noun(name, is_plural=True))
        if name == lemma(name):
            found.setdefault(class_plural(name), Noun(name, is_plural=True))
    return Book(found.items())


def several(name: str) -> str:
    """The plural of a category as a person writes it; what is not counted stays as it is."""
    return name if kind(name) == "stuff" else counted(name)


def counted(name: str) -> str:
    """The plural of a category, also of one that is seldom counted ("forests")."""
    irregular = noun_data().plurals
    if name in irregular:
        return irregular[name]
    if lemma(name.rpartition(" ")[2]) != name.rpartition(" ")[2]:
        return name
    head, space, last = name.rpartition(" ")
    if last in irregular:
        return f"{head}{space}{irregular[last]}"
    plural = class_plural(last)
    return f"{head}{space}{last}s" if plural.endswith(" areas") else f"{head}{space}{plural}"


@cache
def _kinds() -> tuple[tuple[str, frozenset[str]], ...]:
    data = noun_data()
    return tuple(
        (name, _of(text)) for name, text in (("thing", data.things), ("region", data.regions), ("stuff", data.stuff))
    )


@cache
def kind(name: str) -> str:
    """thing, region or stuff: by the longest known ending of a category in the singular; thing where nothing is known."""
    parts = name.replace("-", " ").split()
    for start in range(len(parts)):
        tail = " ".join(parts[start:])
        for label, known in _kinds():
            if tail in known:
                return label
    return "thing"


@cache
def ends_in(name: str, table: str) -> bool:
    """Whether a category in the singular ends in a word of a list of nouns.json: lines, places, parts, generic, planes."""
    parts = name.split()
    known = _lists()[table]
    return any(" ".join(parts[start:]) in known for start in range(len(parts)))


def is_line(name: str) -> bool:
    """Whether a category is long and by itself, such as a road or river ("running track" is none)."""
    return name in _lists()["lines"] or (kind(name) != "thing" and ends_in(name, "lines"))


def is_whole(name: str) -> bool:
    """Whether words mean the image itself."""
    return name in _lists()["whole"]


@cache
def _lists() -> Mapping[str, frozenset[str]]:
    data = noun_data()
    return {
        "lines": _of(data.lines),
        "places": _of(data.places),
        "parts": _of(data.parts),
        "generic": _of(data.generic),
        "whole": _of(data.whole),
        "planes": _of(data.planes),
    }


@cache
def vocabulary() -> frozenset[str]:
    """Every single word that stands in the lexicon: what needs no repair, and what slips are repaired to."""
    found: set[str] = set()
    for book in (nouns(), relations(), attributes()):
        for phrase in book.phrases():
            found.update(phrase.split())
    for table in grammar().values():
        texts = [table] if isinstance(table, str) else [*table, *(v for v in table.values() if isinstance(v, str))]
        for text in texts:
            found.update(word for phrase in listed(text) for word in phrase.split())
    for one in _lists().values():
        found.update(one)
    return frozenset(found)
