"""How full something is: fewer than half of the spaces are occupied."""

from __future__ import annotations

from . import lexicon
from .cursor import Bound, Cursor, bound, number
from .tree import Condition, Has, Phrase

_SPACES = {
    "spaces": "parked vehicle",
    "slots": "parked vehicle",
    "spots": "parked vehicle",
    "bays": "parked vehicle",
    "places": "parked vehicle",
    "stalls": "parked vehicle",
    "parking": "parked vehicle",
    "berths": "ship",
    "docks": "ship",
    "moorings": "ship",
    "gates": "plane",
    "stands": "plane",
    "it": "parked vehicle",
    "lot": "parked vehicle",
    "capacity": "parked vehicle",
    "area": "parked vehicle",
    "them": "parked vehicle",
    "space": "parked vehicle",
}


_FULL, _EMPTY = (
    ("occupied", "full", "filled", "taken", "used", "occupancy", "in"),
    ("empty", "free", "vacant", "unoccupied"),
)


_FLIPPED: dict[Bound, Bound] = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "=": "="}


def occupancy(c: Cursor) -> list[Condition] | None:
    """Reads "fewer than half of the spaces are occupied", "more than 80 % full", "with less than 30 % occupancy"."""
    start = c.at
    limit = bound(c)
    share = c.find(lexicon.values("fractions"))
    if share is None:
        share = number(c)
        c.at = c.at if share is not None and c.take("%") else start
        share = share / 100 if share is not None and c.at > start else None
    if share is None:
        c.at = start
        return None
    c.take("of")
    c.take("the", "its", "their", "all", "available", "parking")
    anchor = _SPACES.get(c.ahead())
    c.at += anchor is not None
    while c.take("are", "is", "being", "of", "remain", "stay"):
        pass
    quality = c.find(lexicon.attributes())
    if quality and quality[0] != "occupancy":  # "where more than half of the area is flooded"
        return [Has(quality[0], f"{limit or '='}{share:g} {quality[1]}")]
    c.at -= 1 if quality else 0
    full = c.take(*_FULL)
    if full or c.take(*_EMPTY):
        return [_filled(limit or "=", share, anchor, full=bool(full), c=c)]
    c.at = start
    return None


def _filled(limit: Bound, share: float, anchor: str | None, *, full: bool, c: Cursor) -> Condition:
    c.take("use")
    sign = limit if full else _FLIPPED[limit]
    value = share if full else round(1 - share, 2)
    return Has("occupancy", f"{sign}{value:g}", anchor=Phrase(anchor or "parked vehicle", is_plural=True))
