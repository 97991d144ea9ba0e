"""Adjectives that stand by themselves behind a noun or verb, and words that narrow nothing."""

from __future__ import annotations

from . import lexicon
from .changes import times
from .cursor import Cursor
from .owner import Owner
from .regions import sides_of, the_image
from .tree import Condition, Has
from .verbs import COPULA


def adverbs(c: Cursor) -> None:
    """Past words like "both" and "also", which say nothing more; never past a posture that a place follows."""
    while c.ahead() in ("both", "also", "either", "currently", "still", "clearly", "actually", "all", "mostly"):
        if c.sees(lexicon.attributes()):
            return
        c.at += 1


def nowhere(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Words that narrow nothing: the image itself, the time, what something is good for."""
    start = c.at
    if the_image(c) or (c.depth and sides_of(c)):
        return []
    time = times(c)
    if time:
        if time.image in ("A", "B"):
            owner.image = time.image
        return []
    if c.find(lexicon.phrases("dropped")):
        while c.ahead() not in ("", ",", ":", ".", ";", "and", "that", "which"):
            c.at += 1
        if c.ahead() != ":":  # "suitable for a landing: flat and open" says itself what that means
            c.leave_out(start)
        return []
    c.at = start
    return None


def attribute(c: Cursor, *, negated: bool) -> list[Condition] | None:
    """An adjective behind its noun or verb ("painted white", "oriented north-south", "red in colour")."""
    start = c.at
    if _is_longer_relation(c):
        return None
    c.take(
        "very",
        "completely",
        "entirely",
        "fully",
        "mostly",
        "of",
        "in",
        "painted",
        "colored",
        "coloured",
        "with",
        "made",
    )
    c.take("a", "the", "of")
    non = c.take("non")
    found = c.find(lexicon.attributes())
    if found is None:
        c.at = start
        found = c.find(lexicon.attributes())
    if found is None or not _closes(c):
        c.at = start
        return None
    bare = c.at - start == 1 and c.depth > 0
    if bare and c.words[start - 1] not in COPULA and c.words[start - 1] not in ("and", "or", "not", "nor", "neither"):
        c.at = start  # "is the car next to the truck red?": it is the car
        return None
    values: list[Condition] = [Has(found[0], found[1], negated != bool(non))]
    return values


def _is_longer_relation(c: Cursor) -> bool:
    """Whether an adjective is the beginning of a relation ("full of cars")."""
    quality, other = lexicon.attributes().match(c.words, c.at), lexicon.relations().match(c.words, c.at)
    return quality is not None and other is not None and other[0] > quality[0]


def _closes(c: Cursor) -> bool:
    """Whether an adjective that ends here stands by itself, before no noun of its own; past "in color", "in shape"."""
    if c.words[c.at - 1] == "parked" and (
        c.sees(lexicon.relations()) or c.ahead() in ("neither", "not", "either", "both")
    ):
        return False
    if c.take("in", "of") and not c.take("color", "colour", "shape", "size", "style", "orientation"):
        c.at -= 1
    c.take("color", "colour", "shape", "shaped", "colored", "coloured", "surface", "state", "direction", "ones", "one")
    word = c.ahead()
    if word in ("", ",", ".", ";", ":", "?", "!"):
        return True
    if word in lexicon.stops() or c.sees(lexicon.relations()) or c.sees(lexicon.phrases("postures")):
        return True
    return c.sees(lexicon.phrases("times")) or (c.sees(lexicon.attributes()) and _closes_after(c))


def _closes_after(c: Cursor) -> bool:
    return c.ahead(1) in ("", ",", ".", "and", "or", "?")
