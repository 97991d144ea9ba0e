"""Parts of the image ("in the top left corner") and sides of things ("on the east bank of the river")."""

from __future__ import annotations

from typing import Literal

from . import lexicon
from .cursor import Cursor
from .tree import Condition, Has, Phrase, Stands

_PLACING = ("in", "at", "on", "near", "from", "within", "inside", "towards", "toward", "along", "to", "of", "close")
_DIRECTIONS = ("north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest", "left", "right")
_SIDES = ("bank", "side", "shore", "edge", "end", "banks", "flank", "sides", "shores", "slope")
_OTHER = {
    "opposite": "opposite",
    "other": "opposite",
    "far": "opposite",
    "both": "both",
    "either": "both",
    "each": "both",
    "same": "same",
}
_INSIDE = ("part", "half", "section", "portion", "corner", "area", "sector", "outskirts", "end", "quarter")


def region(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """A part of the image as a condition, and steps past it."""
    start = c.at
    placed = c.take(*_PLACING)
    c.take("to") if placed == "close" else ""
    c.take("the")
    c.take("very", "extreme", "far")
    value = part_of_image(c)
    if value is None or not placed or not _of_the_image(c):
        c.at = start
        return None
    return [Has("image_region", value, negated)]


def part_of_image(c: Cursor) -> str | None:
    """Reads "top-left" of "top left corner", "top half" of "upper half", and a step past the words."""
    value = c.find(lexicon.meanings("regions"))
    if value is None:
        return None
    c.take("most")
    here = c.at
    part = c.find(lexicon.phrases("region_parts"))
    if part is None and c.ahead() not in (
        "",
        "of",
        ",",
        ".",
        "and",
        "or",
        "that",
        "which",
        "?",
        "with",
        "but",
        ";",
        "is",
        "are",
        "was",
        "has",
    ):
        c.at = here
        after = c.sees(lexicon.relations()) or c.sees(lexicon.meanings("comparatives"))
        if value not in ("center", "edge", "corner") and not after:
            return None
    return f"{value} half" if part == "half" and value in ("top", "bottom", "left", "right") else value


def _of_the_image(c: Cursor) -> bool:
    """Past "of the image"; False where it is the part of something else."""
    if c.ahead() not in ("of", "in"):
        return True
    here = c.at
    c.at += 1
    c.take("the", "this", "our", "your")
    if whole_image(c):
        return True
    c.at = here
    return c.ahead() == "in"


def whole_image(c: Cursor) -> bool:
    """Whether words for the image itself stand here, and a step past them."""
    for length in (2, 1):
        if lexicon.is_whole(" ".join(c.words[c.at : c.at + length])):
            c.at += length
            return True
    return False


def the_image(c: Cursor) -> bool:
    """Past "in the image", "of this scene": words that narrow nothing."""
    start = c.at
    if c.take("in", "of", "on", "from", "within", "inside", "across", "throughout", "over"):
        c.take("the", "this", "our", "your", "entire", "whole")
        c.take("whole", "entire", "given", "provided", "attached", "current", "satellite", "aerial", "same")
        if whole_image(c) and c.ahead() not in ("a", "b"):
            return True
    c.at = start
    return False


def side(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """Sides of things, and parts of them that the compass names: "in the northern part of the village"."""
    start = c.at
    placed = c.take("on", "at", "along", "to", "from", "in", "near", "by", "inside", "within")
    its = c.take("the", "its", "their")
    here = c.at
    value = _named_side(c)
    name = c.take(*_SIDES, *_INSIDE)
    if value is None:
        c.at = here
        value = c.find(lexicon.meanings("regions"))
        name = c.take(*_INSIDE) if value else ""
    if not placed or value is None or not name:
        c.at = start
        return None
    if value == "opposite" and name in ("sides", "banks", "shores"):
        value = "both"
    anchor = _owner(c, implied=its in ("its", "their") or name in ("bank", "banks", "shore"))
    other = c.phrase(c) if anchor and value in ("same", "opposite") and c.take("as", "from", "to") else None
    if anchor is None or (value == "same" and other is None):
        c.at = start
        return None
    if other is not None:
        return [Stands("on_side_of", (anchor, other), negated=negated, side=value)]
    return [_on_side(anchor, value, part=name in _INSIDE and name not in _SIDES, negated=negated)]


def _owner(c: Cursor, *, implied: bool) -> Phrase | None:
    if c.take("of"):
        return c.phrase(c)
    return Phrase("", refers="one") if implied else None


def _named_side(c: Cursor) -> str | None:
    word = c.ahead()
    if word in _OTHER:
        c.at += 1
        c.take("long", "short")
        return _OTHER[word]
    value = c.find(lexicon.meanings("regions"))
    return value if value in (*_DIRECTIONS, "top", "bottom") else None


def _on_side(anchor: Phrase, value: str, *, part: bool, negated: bool) -> Condition:
    if part:
        return Stands("inside", (anchor,), negated=negated, side=value)
    if value in ("left", "right") and not lexicon.ends_in(anchor.head, "lines"):
        name: Literal["left_of", "right_of"] = "left_of" if value == "left" else "right_of"
        return Stands(name, (anchor,), negated=negated)
    return Stands("on_side_of", (anchor,), negated=negated, side=value)


def of_owner(c: Cursor, anchor: Phrase, *, negated: bool) -> list[Condition] | None:
    """Reads "(on the river)'s east bank"."""
    start = c.at
    if c.take("'s"):
        value = _named_side(c)
        if value and c.take(*_SIDES):
            return [_on_side(anchor, value, part=False, negated=negated)]
    c.at = start
    return None


def sides_of(c: Cursor) -> str:
    """Past "on both sides": both or all, "" where nothing of the kind stands here."""
    start = c.at
    if c.take("on", "along", "at"):
        word = c.take("both", "either", "each", "two", "all", "every", "opposite")
        c.take("of")
        c.take("the", "its", "their")
        c.take("long", "short", "opposite")
        if word and c.take("side", "sides", "end", "ends", "edges", "banks") and c.ahead() != "of":
            return "all" if word in ("all", "every") else "both"
    c.at = start
    return ""
