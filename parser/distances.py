"""Distances to other things: within 50 pixels of, more than 100 m away from."""

from __future__ import annotations

from . import lexicon
from .comparisons import LENGTH_UNITS
from .cursor import Amount, Cursor, amount, bound
from .tree import Condition, Phrase, Stands


def within(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """Reads "within 50 pixels of X", "less than 100 m from X", "more than 1 km away from X", "within 100 m north of X"."""
    start = c.at
    band = None if negated else _band(c)
    if band is not None:
        return band
    beyond = _limit(c)
    value = None if beyond is None else amount(c)
    if beyond is None or value is None or value.unit not in LENGTH_UNITS:
        c.at = start
        return None
    c.take("radius", "buffer", "distance", "range", "zone", "wide")
    c.take("or")
    c.take("less", "closer")
    direction = None
    if not (c.take("of", "from", "around", "to") or c.take_all("away", "from") or c.take_all("off")):
        direction = c.find(lexicon.relations())
        if direction is None or direction.startswith("-"):
            c.at = start
            return None
    here = c.at
    anchor = c.phrase(c)
    if anchor is None:
        c.at = start
        return None
    if anchor.least is not None and not anchor.is_definite:  # a plan has one number: that of the distance
        c.leave_out(here, here + (3 if c.words[here + 1 : here + 2] in (("least",), ("than",)) else 1), why="said")
    found: list[Condition] = [
        Stands("within_distance", (anchor,), negated=beyond != negated, value=value.number, unit=value.unit)
    ]
    if direction in ("north_of", "south_of", "east_of", "west_of", "left_of", "right_of", "above", "below"):
        found.append(Stands(direction, (anchor,)))  # type: ignore[arg-type]
    return found


def _band(c: Cursor) -> list[Condition] | None:
    """Reads "less than 100 m but more than 20 m from X", "between 20 and 100 m away from X": two filters."""
    start = c.at
    ends = _two_limits(c) or _from_and_to(c)
    anchor: Phrase | None = None
    if ends and c.take("away", "off", "from", "of"):
        c.take("from")
        anchor = None if c.sees(lexicon.meanings("measures")) else c.phrase(c)
    if ends is None or anchor is None:
        c.at = start
        return None
    return [
        Stands("within_distance", (anchor,), negated=beyond, value=value.number, unit=value.unit)
        for beyond, value in ends
    ]


_Ends = tuple[tuple[bool, Amount], tuple[bool, Amount]]
"""Two limits, each with whether what lies beyond it is meant."""


def _two_limits(c: Cursor) -> _Ends | None:
    start = c.at
    first, low = _limit(c), amount(c)
    c.take("away")
    c.take(",")
    second, high = (_limit(c), amount(c)) if low and c.take("but", "and", "yet") else (None, None)
    if first is None or second is None or first == second or low is None or high is None:
        c.at = start
        return None
    return _in_units((first, low), (second, high), c, start)


def _from_and_to(c: Cursor) -> _Ends | None:
    start = c.at
    c.take("at", "in", "within")
    c.take("a", "the")
    c.take("distance", "distances", "range") and c.take("of")
    low = amount(c) if c.take("between") else None
    high = amount(c) if low and c.take("and") else None
    if low is None or high is None:
        c.at = start
        return None
    return _in_units((True, low), (False, high), c, start)


def _in_units(first: tuple[bool, Amount], second: tuple[bool, Amount], c: Cursor, start: int) -> _Ends | None:
    """Both in a unit of length; the first one's is the second one's where it was not said."""
    beyond, low = first
    low = low if low.unit else Amount(low.number, second[1].unit)
    if low.unit not in LENGTH_UNITS or second[1].unit not in LENGTH_UNITS:
        c.at = start
        return None
    return (beyond, low), second


def _limit(c: Cursor) -> bool | None:
    """Whether what lies beyond the distance is meant; None where no distance is told."""
    lead = "" if c.ahead(1) in ("least", "most") else c.take("within", "in", "at", "inside", "outside")
    c.take("a", "an", "the")
    if c.take("distance", "radius", "buffer", "range", "zone"):
        c.take("of")
    denied = c.sees(lexicon.meanings("comparatives"), 1) and bool(c.take("no"))
    comparative = c.find(lexicon.meanings("comparatives"))
    if comparative in ("distance_to less", "distance_to more") and c.take("than"):
        return (comparative == "distance_to more") != denied
    limit = bound(c)
    if comparative:
        return None
    if limit:
        return limit in (">", ">=")
    return lead == "outside"
