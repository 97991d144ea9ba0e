"""Questions about what has become more or less between two images."""

from __future__ import annotations

from . import lexicon
from .changes import times
from .cursor import BARE, Cursor, bound, number
from .phrases import nested
from .tree import Phrase, Question
from .wanted import is_seen


def grown(c: Cursor) -> Question | None:
    """Reads "Did the number of buildings increase by more than ten?", "Has the lake shrunk?"."""
    if not c.take("did", "has", "have", "is", "are", "was", "do", "does"):
        return None
    counted = (
        c.take_all("the", "number", "of")
        or c.take_all("the", "total", "number", "of")
        or c.take_all("the", "amount", "of")
        or c.take_all("the", "count", "of")
    )
    if not counted:
        c.take_all("the", "area", "of") or c.take_all("the", "extent", "of") or c.take_all(
            "the", "size", "of"
        ) or c.take_all("the", "surface", "of")
    one, more, less = _change_of_size(c)
    if one is None or not (more or less) or not is_seen(one, strict=True):
        return None
    limit = 0.0
    if c.take("by"):
        told = bound(c)
        limit = number(c) or 0.0
        limit -= told == ">="
    return Question("grown" if counted else "area_grown", (one,), number=limit, less=less)


def _change_of_size(c: Cursor) -> tuple[Phrase | None, bool, bool]:
    """What grows or shrinks, whether it grows, whether it shrinks: "the lake shrunk", "ships in the harbor decrease"."""
    start = c.at
    one: Phrase | None = None
    for depth in (BARE, 0):
        c.at = start
        c.depth += depth
        one = nested(c)
        c.depth -= depth
        c.take("been", "has", "have")
        bigger = _bigger_in(c) if one else None
        if bigger is not None:
            return one, bigger, not bigger
        for more, name in ((True, "more_now"), (False, "less_now")):
            if one and c.find(lexicon.phrases(name)):
                return one, more, not more
    return one, False, False


def _bigger_in(c: Cursor) -> bool | None:
    """Reads "larger in image B than in image A", "larger than before"."""
    start = c.at
    found = c.find(lexicon.meanings("comparatives"))
    if found and found.startswith(("area", "length", "width")):
        first = times(c)
        if c.take("than") and (c.take("before") or (c.take("it") and c.take("was")) or times(c)):
            c.take("before")
            times(c)
            return found.endswith("more") != (first is not None and first.image == "A")
    c.at = start
    return None
