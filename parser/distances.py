"""Distances to other things: within 50 pixels of, more than 100 m away from."""

from __future__ import annotations

from . import lexicon
from .comparisons import LENGTH_UNITS
from .cursor import Cursor, amount, bound
from .tree import Condition, Stands


def within(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """Reads "within 50 pixels of X", "less than 100 m from X", "more than 1 km away from X", "within 100 m north of X"."""
    start = c.at
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
    anchor = c.phrase(c)
    if anchor is None:
        c.at = start
        return None
    found: list[Condition] = [
        Stands("within_distance", (anchor,), negated=beyond != negated, value=value.number, unit=value.unit)
    ]
    if direction in ("north_of", "south_of", "east_of", "west_of", "left_of", "right_of", "above", "below"):
        found.append(Stands(direction, (anchor,)))  # type: ignore[arg-type]
    return found


def _limit(c: Cursor) -> bool | None:
    """Whether what lies beyond the distance is meant; None where no distance is told."""
    lead = c.take("within", "in", "at", "inside", "outside")
    c.take("a", "an", "the")
    if c.take("distance", "radius", "buffer", "range", "zone"):
        c.take("of")
    comparative = c.find(lexicon.meanings("comparatives"))
    if comparative in ("distance_to less", "distance_to more") and c.take("than"):
        return comparative == "distance_to more"
    limit = bound(c)
    if comparative:
        return None
    if limit:
        return limit in (">", ">=")
    return lead == "outside"
