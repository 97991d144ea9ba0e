"""Questions that are answered with yes or no."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .cursor import Cursor, number
from .growth import grown
from .phrases import nested
from .shares import part_of
from .tree import Condition, Phrase, Question
from .wanted import is_seen, phrase_list

_AUXILIARY = ("is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will")


def yes_or_no(c: Cursor) -> Question | None:
    """Reads "Is there a bridge over the river?", "Is the lake larger than the park?", "Are there more cars than trucks?"."""
    start = c.at
    growth = grown(c) if c.ahead() in _AUXILIARY else None
    if growth:
        return growth
    c.at = start
    return None if c.ahead() not in (*_AUXILIARY, "there", "any", "will") else _open_question(c)


def _open_question(c: Cursor) -> Question | None:
    there = c.find(lexicon.phrases("is_there"))
    if there is None and not c.take(*_AUXILIARY, "there", "any"):
        return None
    c.take("there")
    for read in (more_than, _number_against):
        more = read(c)
        if more:
            return more
    every = c.ahead() in ("all", "every", "each")
    phrases, _ = phrase_list(c, verbs=True)
    if not phrases or not is_seen(phrases[0], strict=True) or (phrases[0].refers and not phrases[0].conditions):
        return None
    one = phrases[0]
    if every and one.num_behind:
        return part_of(c, "every", one)
    if (there and (one.least or 0) > 1) or one.most is not None:
        return _number_of(one)
    return Question("exists", phrases, shared=False)


def _number_of(one: Phrase) -> Question:
    """Reads "Are there at least five ships?"."""
    bare = replace(one, least=None, most=None)
    if one.least is not None:
        return Question("exists", (bare,), number=float(one.least))
    return Question("exists", (bare,), number=float(one.most or 0), less=True)


def _number_against(c: Cursor) -> Question | None:
    """Reads "the number of ships in the harbor greater than ten", "... than the number of boats"."""
    start = c.at
    c.counting += 1
    first = nested(c) if _the_number(c) else None
    c.counting -= 1
    found = c.find(lexicon.meanings("comparatives")) or c.take("more", "less", "fewer") if first else None
    if first is None or found is None or not c.take("than") or not is_seen(first, strict=True):
        c.at = start
        return None
    less = found.endswith("less") or found == "fewer"
    if _the_number(c):
        second = nested(c)
        return Question("more", (first, second), less=less) if second else None
    limit = number(c)
    if limit is None:
        c.at = start
        return None
    return Question("exists", (first,), number=limit - 1 if less else limit + 1, less=less)


def _the_number(c: Cursor) -> bool:
    c.take("the")
    c.take("total")
    return bool(c.take("number", "count", "amount") and c.take("of"))


def more_than(c: Cursor) -> Question | None:
    """Reads "more cars than trucks on the bridge", "more ships in image B than in image A"."""
    start = c.at
    word = c.take("more", "fewer", "less")
    first = nested(c) if word and c.ahead() != "than" else None
    if first is None or not c.take("than"):
        c.at = start
        return None
    here = c.at
    if (c.take("in") or c.take("before")) and first.image == "B":
        return Question("grown", (replace(first, image="single"),), number=0.0, less=word != "more")
    c.at = here
    second = nested(c)
    if second is None or not is_seen(first, strict=True):
        c.at = start
        return None
    shared: tuple[Condition, ...] = second.conditions if second.num_behind and not first.conditions else ()
    first = replace(first, conditions=(*first.conditions, *shared))
    return Question("more", (first, second), less=word != "more")
