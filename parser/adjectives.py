"""What stands before a category: ranks, colours and other attributes, positions, changes."""

from __future__ import annotations

from typing import NamedTuple

from . import lexicon
from .cursor import Cursor
from .heads import ends_here, noun_ends
from .superlatives import Superlative, of_two, superlative
from .tree import Changed, Condition, Either, Has

_CHANGES: tuple[tuple[str, Changed], ...] = (
    ("unchanged", Changed(unchanged=True)),
    ("appeared", Changed("appeared")),
    ("disappeared", Changed("disappeared")),
    ("altered", Changed("altered")),
    ("any_change", Changed("any")),
)


_PLAIN = (
    "clearly",
    "partially",
    "partly",
    "slightly",
    "nearly",
    "very",
    "visible",
    "individual",
    "quite",
    "fairly",
    "relatively",
    "really",
    "recently",
    "mostly",
    "two",
    "remaining",
)


class Adjectives(NamedTuple):
    """What stands before a category. rank: applied after everything else. position: "northern", which means the
    northernmost of them or a part of the image. in_row: 1 of "first", 2 of "second"; 0 where nothing is said."""

    conditions: tuple[Condition, ...] = ()
    rank: Superlative | None = None
    position: str = ""
    in_row: int = 0


def adjectives_before(c: Cursor) -> Adjectives:
    found = Adjectives()
    joiner = ""
    while not noun_ends(c):
        start = c.at
        got = _adjective(c, found)
        if got is None:
            break
        found = _joined(found, got, joiner)
        joiner = c.take("and", "or", ",")
        if joiner and (not _adjective_next(c) or noun_ends(c)):
            c.at -= 1
            break
        if joiner and c.at <= start:
            break
    return found


def _joined(before: Adjectives, got: Adjectives, joiner: str) -> Adjectives:
    """Reads "red or white": either; "red and white", too, for one thing has one colour; else both in turn."""
    last, new = before.conditions[-1:], got.conditions[len(before.conditions) :]
    same = bool(last and new) and isinstance(last[0], Has) and isinstance(new[0], Has) and last[0].name == new[0].name
    if (joiner == "or" and last and new) or (joiner == "and" and same):
        return got._replace(conditions=(*before.conditions[:-1], Either(((last[0],), new))))
    return got


def _adjective_next(c: Cursor) -> bool:
    start = c.at
    found = _adjective(c, Adjectives()) is not None and not ends_here(c)
    c.at = start
    return found


def _adjective(c: Cursor, before: Adjectives) -> Adjectives | None:
    if before.rank is None:
        rank = superlative(c) or of_two(c)
        if rank:
            return before._replace(rank=rank)
    if c.ahead() in ("first", "next") and not c.sees(lexicon.phrases("image_a")):
        c.at += 1
        return before._replace(in_row=1)
    ordinal = None if c.sees(lexicon.phrases("image_b")) else c.find(lexicon.values("ordinals"))
    if ordinal:
        return before._replace(in_row=int(ordinal))
    if c.num_images == 2 and c.take("destroyed"):
        return before._replace(conditions=(*before.conditions, Changed("disappeared")))
    if c.take(*_PLAIN):
        return before
    if c.ahead() in ("change", "changes", "difference", "differences") and not c.sees(lexicon.nouns(), 1):
        return None
    for name, meaning in _CHANGES:
        if c.find(lexicon.phrases(name)):
            return before._replace(conditions=(*before.conditions, meaning))
    start = c.at
    negated = bool(c.take("non", "not"))
    found = c.find(lexicon.attributes())
    if found:
        name = f"roof_{found[0]}" if c.take("roofed", "roof") else found[0]
        return before._replace(conditions=(*before.conditions, Has(name, found[1], negated)))
    c.at = start
    return _position(c, before)


def _position(c: Cursor, before: Adjectives) -> Adjectives | None:
    start = c.at
    single = c.find(lexicon.meanings("positions"))
    is_of_part = c.ahead() in ("side", "part") and c.ahead(1) == "of"  # "the northern part of the lake" is no lake
    if (
        single
        and not c.sees(lexicon.meanings("regions"))
        and (is_of_part or not c.take("side", "hand", "corner", "part"))
    ):
        return None if ends_here(c) else before._replace(position=f"{single} {c.words[start]}")
    c.at = start
    value = c.find(lexicon.meanings("regions"))
    if value is None or ends_here(c) or value in ("edge", "corner") or value.endswith("edge"):
        c.at = start
        return None
    c.take("most", "side", "corner", "part")
    return before._replace(conditions=(*before.conditions, Has("image_region", value)))
