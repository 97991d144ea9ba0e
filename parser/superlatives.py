"""Superlatives and ranks: largest, third largest, three longest, nearest to the river."""

from __future__ import annotations

from typing import NamedTuple, get_args

from . import lexicon
from .cursor import Cursor, number
from .regions import region
from .tree import Compares, Condition, Criterion, Phrase


class Superlative(NamedTuple):
    criterion: Criterion
    lowest: bool
    k: int | None
    is_rank: bool
    is_main: bool = False
    compass: bool = False


def criterion_of(name: str) -> Criterion:
    """A criterion that the lexicon names."""
    return next(one for one in get_args(Criterion) if one == name)


def superlative(c: Cursor) -> Superlative | None:
    """Reads "largest", "third largest", "three largest", "largest three", and steps past it."""
    start = c.at
    rank = c.find(lexicon.values("ordinals"))
    count = number(c) if rank is None else None
    if rank is None and count is None:
        c.take("first")
    c.take("most") if c.ahead(1) in ("northern", "southern", "eastern", "western") else ""
    found = c.find(lexicon.meanings("superlatives"))
    if found is None:
        c.at = start
        return None
    if rank is None and count is None and c.ahead(1) not in ("", "m"):
        here, count = c.at, number(c)
        if count is not None and (c.sees(lexicon.meanings("units")) or count == 1):
            c.at, count = here, None
    criterion, end = found.split()
    said = c.words[start : c.at]
    k = int(rank or count or 1)
    return Superlative(
        criterion_of(criterion), end == "min", k if k > 1 else None, rank is not None, "main" in said, of_compass(said)
    )


def of_compass(said: tuple[str, ...]) -> bool:
    """Whether words are of the compass."""
    return any(direction in word for word in said for direction in ("north", "south", "east", "west"))


def ranked(found: Superlative, anchors: tuple[Phrase, ...] = ()) -> Compares:
    """The condition of a superlative. Ranks and the k highest are counted from the top; from the bottom the mode is min with
    k, and a rank says so in its value. Distances are counted from the nearest."""
    if found.is_rank:
        usual = found.lowest if found.criterion == "distance_to" else not found.lowest
        value = None if usual else "min" if found.lowest else "max"
        return Compares(found.criterion, "rank_k", found.k, value, anchors, found.compass)
    if found.k is None or found.lowest:
        return Compares(found.criterion, "min" if found.lowest else "max", found.k, None, anchors, found.compass)
    return Compares(found.criterion, "top_k", found.k, None, anchors, found.compass)


def of_two(c: Cursor, ends: tuple[str, ...] = ("of",)) -> Superlative | None:
    """Reads "(which lake is) larger", "the longer of the two": a comparative without "than" is a superlative of few."""
    start = c.at
    name, _, direction = (c.find(lexicon.meanings("comparatives")) or "").partition(" ")
    measured = direction and name not in ("speed", "age", "brightness", "distance_to", "value")
    if measured and (c.ahead() in ends or c.sees(lexicon.nouns())):
        return Superlative(criterion_of(name), direction == "less", None, is_rank=False)
    c.at = start
    return None


def _outermost(c: Cursor, found: Superlative) -> list[Condition] | None:
    """Reads "(furthest) to the left", "(farthest) north": the outermost in that direction."""
    start = c.at
    if found.criterion == "distance_to" and not found.lowest:
        c.take("to") and c.take("the")
        said = c.words[c.at : c.at + 1]
        place = c.find(lexicon.meanings("positions"))
        c.take("side")
        if place and c.ahead() != "of":
            criterion, end = place.split()
            way = Superlative(criterion_of(criterion), end == "min", found.k, found.is_rank, compass=of_compass(said))
            return [ranked(way)]
    c.at = start
    return None


def after_copula(c: Cursor) -> list[Condition] | None:
    """Reads "the largest", "nearest to the river", "the second closest one to it", and steps past it."""
    start = c.at
    c.take("the")
    found = superlative(c) or of_two(c, ("", "?", ".", "of", ",", "one"))
    if found is None:
        c.at = start
        return None
    if c.sees(lexicon.nouns()):  # "(the largest lake and) the smallest island"
        c.at = start
        return None
    c.take("one", "ones")
    middle = region(c) if found.criterion == "distance_to" and found.lowest else None
    if middle:
        return middle
    outermost = _outermost(c, found)
    if outermost:
        return outermost
    anchors: tuple[Phrase, ...] = ()
    if found.criterion == "distance_to" and (c.take("to", "from") or c.take_all("away", "from")):
        anchor = c.phrase(c)
        anchors = (anchor,) if anchor else ()
    elif c.take("of") and not c.take_all("them", "all"):
        c.take("all")
        c.take("them")
    return [ranked(found, anchors)]
