"""Qualities that things are said to have: red roofs, long shadows, a circular shape."""

from __future__ import annotations

from . import lexicon
from .comparisons import comparison
from .cursor import Cursor
from .tree import Compares, Condition, Has, Phrase

_SHADOWS = ("shadow", "shadows")


ROOFS = ("roof", "roofs", "rooftop", "rooftops")


_QUALITY = (
    "color",
    "colour",
    "shape",
    "surface",
    "size",
    "orientation",
    "state",
    "appearance",
    "body",
    "hull",
    "paint",
)


def roofs(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "a red roof", "roofs that are red"."""
    start = c.at
    c.take("a", "an", "the", "their", "its")
    found = c.find(lexicon.attributes())
    if found and c.take(*ROOFS):
        return [Has(of_roof(found[0]), found[1], negated)]
    c.at = start
    return None


def of_roof(name: str) -> str:
    return {"terrain": "roof_shape"}.get(name, f"roof_{name}")


def shadow(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "a shadow longer than their diameter", "shadows of at least 20 m": the shadows are a set of their own."""
    start = c.at
    c.take("a", "the", "their", "its", "cast", "visible")
    if c.take(*_SHADOWS):
        if c.take("that", "which"):
            c.take("is", "are")
        c.take("is", "are", "of")
        c.take("length") and c.take("of")
        found = comparison(c, negated=negated)
        if found and isinstance(found[0], Compares):
            return [
                Compares(
                    "shadow_length",
                    found[0].mode,
                    None,
                    found[0].value,
                    (Phrase("shadow", is_plural=True), *found[0].anchors),
                )
            ]
    c.at = start
    return None


def quality(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "a circular shape", "white color", "an asphalt surface"."""
    start = c.at
    c.take("a", "an", "the", "their")
    found = c.find(lexicon.attributes())
    if found and c.take(*_QUALITY):
        return [Has(found[0], found[1], negated)]
    c.at = start
    return None


def quality_of(c: Cursor, *, negated: bool) -> list[Condition] | None:
    """An attribute that stands here, and a step past it."""
    found = c.find(lexicon.attributes())
    return [Has(found[0], found[1], negated)] if found else None


def axis(c: Cursor) -> list[Condition] | None:
    c.take("is", "are", "runs", "run", "lies", "points", "point")
    negated = bool(c.take("not"))
    found = c.find(lexicon.attributes())
    return [Has(found[0], found[1], negated)] if found else None
