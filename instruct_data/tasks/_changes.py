"""What sentences on a pair of images say: that nothing changed, or of which classes something did."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from georsmllm.classes import canonical, is_countable
from georsmllm.metrics.text import lemma, tokens, words
from georsmllm.types import Sample

from ._asking import NUMBER_WORDS
from ._sentences import sentence, unsayable

_SAME = re.compile(
    r"(?:there (?:is|are|was|were|has been|have been) )?(?:almost |nearly )?no (?:\w+ ){0,2}(?:changes?|changed|differences?)"
    r"(?: \w+){0,5}"
    r"|(?:almost |nearly )?nothing (?:\w+ ){0,2}changed(?: \w+){0,5}"
    r"|(?:these |both |two ){0,2}(?:scenes?|images?|pictures?|places?|areas?|views?|everything|they) (?:\w+ )?"
    r"(?:is|are|seems?|looks?|remains?|stays?) (?:\w+ )?(?:same|identical|unchanged)(?: \w+){0,5}"
)
BUT = frozenset({"although", "apart", "besides", "but", "except", "however", "only", "though", "while"})

_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "building": ("apartment", "building", "cabin", "cottage", "dwelling", "factory", "home", "house", "hut", "mansion",
                     "residence", "shed", "storehouse", "villa", "warehouse"),
        "road": ("avenue", "driveway", "freeway", "highway", "lane", "path", "road", "roadway", "street"),
    }
)  # fmt: skip
"""Lemmas by which captions on change call a class besides its name (those of LEVIR-CC)."""
_GROUND = frozenset(
    "bareland desert farm farmland field forest grass grassland ground land lawn meadow plant sand shrub soil space tree "  # noqa: SIM905
    "vegetation wood woodland".split()
)
_GIVES_WAY = frozenset(
    "become becomes cleared converted cut disappear disappeared disappears lost occupied removed replace replaced replacing "  # noqa: SIM905
    "restored taken turn turned turns vanish vanished".split()
)
_BUILT_BESIDES = frozenset("bridge lot playground pond pool pools square court yard site".split())  # noqa: SIM905
_ARTICLES = frozenset({"a", "an"})


def says_unchanged(text: str) -> bool:
    """Whether a sentence says that nothing changed: the five of LEVIR-CC ("there is no difference", "the two scenes seem
    identical", "the scene is the same as before", "no change has occurred", "almost nothing has changed") and their like,
    without a but."""
    said = tokens(text)
    return BUT.isdisjoint(said) and _SAME.fullmatch(" ".join(said)) is not None


def describes(text: str, counts: Mapping[str, int], classes: tuple[str, ...]) -> bool:
    """Whether a caption is about a change of just these classes (label -> number of changed areas) out of the dataset's.

    It names each of them and no other class; no ground is said to give way and nothing else to be built, which no area
    shows; and where it counts things of a class, the areas are so many (methods, section 5.1).
    """
    if not counts or says_unchanged(text) or not BUT.isdisjoint(tokens(text)):
        return False
    said = [lemma(word) for word in words(text)]
    named = {label for label in classes if _places(said, label)}
    others = set(said) - {lemma(word) for label in classes for word in words(label)}
    if named != set(counts) or not _BUILT_BESIDES.isdisjoint(others):
        return False
    if not _GROUND.isdisjoint(others) and not _GIVES_WAY.isdisjoint(words(text)):
        return False
    return all(
        number in (None, counts[label])
        for label in counts
        if is_countable(label)
        for number in (_number_before(words(text), at) for at in _places(said, label))
    )


def captions_of_all(view: Sample) -> tuple[str, ...]:
    """The captions of a whole pair that are about just its changes, as sentences without their stop; sorted.

    () where not every change is known: a class is not annotated in full, or a target is ignored, or in the first image.
    """
    labels = tuple(sorted(map(canonical, view.classes)))
    is_known = set(labels) <= set(view.exhaustive) and all(
        target.label in labels and target.ignore is None and target.image == 1 for target in view.targets
    )
    if len(view.images) != 2 or not is_known or any(image.window is not None for image in view.images):
        return ()
    counts = Counter(target.label for target in view.targets)
    captions = [text.text for text in view.texts if text.kind == "caption" and not unsayable(text.text)]
    return tuple(sorted({sentence(one).rstrip(".") for one in captions if describes(one, counts, labels)}))


def _places(said: list[str], label: str) -> list[int]:
    """Where a class is named among lemmas, by the last word of each name."""
    names = [(name,) for name in _WORDS.get(label, ())] + [tuple(lemma(word) for word in words(label))]
    found = {
        i + len(name) - 1 for name in names for i in range(len(said)) if name and tuple(said[i : i + len(name)]) == name
    }
    return sorted(found)


def _number_before(said: tuple[str, ...], at: int) -> int | None:
    """How many of the things named there a sentence counts: its number up to three words before, None without one."""
    for word in said[max(0, at - 3) : at][::-1]:
        if word in _ARTICLES:
            return 1
        if word in NUMBER_WORDS:
            return NUMBER_WORDS.index(word)
        if word in ("of", "and", "with", "the"):
            return None
    return None
