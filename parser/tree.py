"""What a query says, as a tree: noun phrases with their conditions in the order of their scope, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .plan import RelationName

Criterion = Literal["area", "length", "width", "height", "x", "y", "distance_to", "count", "shadow_length", "value"]
Mode = Literal[
    "min", "max", "top_k", "rank_k", "at_least", "greater_than", "less_than", "difference_greater_than", "ratio", "exists",
    "argmax_label",
]  # fmt: skip
Kind = Literal["appeared", "disappeared", "altered", "any"]
Image = Literal["single", "A", "B", "pair"]


@dataclass(frozen=True, slots=True)
class Has:
    """One unary predicate. anchor: whatever it is seen by (how full a car park is, by the vehicles)."""

    name: str
    value: str
    negated: bool = False
    anchor: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Stands:
    """One relation to other things. any_of: to one of the anchors is enough; else to each of them in turn, but for
    "between", which takes them together."""

    name: RelationName
    anchors: tuple[Phrase, ...]
    negated: bool = False
    value: float | str | None = None
    unit: str | None = None
    side: str | None = None
    any_of: bool = False


@dataclass(frozen=True, slots=True)
class Compares:
    """A superlative, a rank, or a comparison with a value or other things. value "mean": with the mean of the set itself.
    compass: it was said in words of the compass, not of the image."""

    criterion: Criterion
    mode: Mode
    k: int | None = None
    value: float | str | None = None
    anchors: tuple[Phrase, ...] = ()
    compass: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several lists of conditions."""

    branches: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True, slots=True)
class Without:
    """All but what a phrase means."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class Changed:
    """What a pair of images says of the things themselves. unchanged: they are in both images. instead: what lay there before
    ("replaced" turns round: the phrase gave way to `instead`)."""

    kind: Kind = "any"
    unchanged: bool = False
    instead: Phrase | None = None
    gave_way: bool = False


Condition: TypeAlias = "Has | Stands | Compares | Either | Without | Changed"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase. head: the category in the singular; "" for a pronoun or a dropped noun, then `refers` says of what
    number ("one", "many") and `spelt` how it was said. points_back: "that station" is one that was spoken of. conditions: in
    the order in which they narrow the set; num_behind of them were said behind the noun. least, most: how many are asked
    for; is_strict: it was said as more or fewer than another number."""

    head: str
    is_plural: bool = False
    is_definite: bool = False
    conditions: tuple[Condition, ...] = ()
    num_behind: int = 0
    least: int | None = None
    most: int | None = None
    is_strict: bool = False
    refers: Literal["", "one", "many"] = ""
    points_back: bool = False
    image: Image = "single"
    spelt: str = ""


Asked = Literal[
    "find", "segment", "count", "fraction", "exists", "every", "more", "grown", "area_grown", "choice", "exclude"
]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked. phrases: what of; several are joined to one set, or each is asked by itself (separately), or
    they are held against each other (more, choice). conditions: what is asked of the phrases beyond their own conditions:
    the part of a fraction, what all of them must be. comparison: by what a choice is made. number: the threshold of a
    difference or a number of things; less: whether it is about a decrease or fewer. shared: what stands behind the last
    phrase holds of all."""

    asked: Asked
    phrases: tuple[Phrase, ...]
    conditions: tuple[Condition, ...] = ()
    comparison: Compares | None = None
    number: float | None = None
    less: bool = False
    separately: bool = False
    shared: bool = False
