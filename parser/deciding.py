"""Questions that are answered with yes or no."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .cursor import Cursor, bound, number
from .growth import grown
from .owner import Owner
from .phrases import nested
from .predicates import predicate
from .shares import part_of
from .tree import Compares, Has, Mode, Phrase, Question, Stands
from .wanted import is_seen, only, phrase_list

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
    if there and c.take("no"):
        none, *_ = phrase_list(c, verbs=True)
        seen = none and is_seen(none[0], strict=True)
        return Question("exists", none, comparison=Compares("value", "less_than", value=1)) if seen else None
    for read in (more_than, _number_against):
        more = read(c)
        if more:
            return more
    some = _part_asked(c)
    if some:
        return some
    every = c.ahead() in ("all", "every", "each", "both")
    wanted = phrase_list(c, verbs=True)
    phrases = wanted.phrases
    if not phrases or not is_seen(phrases[0], strict=True) or (phrases[0].refers and not phrases[0].conditions):
        return None
    one = phrases[0]
    if every and one.num_behind:
        only(c, wanted)
        return part_of(c, "every", one)
    if ((one.least or 0) > 1 and (there or one.is_strict or not one.is_definite)) or one.most is not None:
        only(c, wanted)
        return _number_of(one)
    if not there:
        phrases = (_asked_last(one), *phrases[1:])
    return Question("exists", phrases, shared=False)


def _part_asked(c: Cursor) -> Question | None:
    """Reads "(are) most of the tanks white", "(do) more than half of the buildings lie west of the river"."""
    start = c.at
    if c.take("most") or c.take_all("the", "majority"):
        mode: Mode | None = "greater_than"
        share: float | None = 0.5
    else:
        mode = _SHARES.get(bound(c) or "")
        share = c.find(lexicon.values("fractions")) if mode else None
    c.take("of")
    one = only(c, phrase_list(c, verbs=True)) if share and mode else None
    asked = part_of(c, "every", one) if one and one.num_behind and is_seen(one, strict=True) else None
    if asked is None or mode is None:
        c.at = start
        return None
    return replace(asked, comparison=Compares("value", mode, value=share))


_SHARES: dict[str, Mode] = {">": "greater_than", ">=": "at_least", "<": "less_than"}


def _number_of(one: Phrase) -> Question:
    """Reads "Are there at least five ships?"."""
    bare = replace(one, least=None, most=None)
    if one.least is not None:
        by = (
            Compares("value", "greater_than", value=one.least - 1)
            if one.is_strict
            else Compares("value", "at_least", value=one.least)
        )
    else:
        by = Compares("value", "less_than", value=(one.most or 0) + 1)
    return Question("exists", (bare,), comparison=by)


def _asked_last(one: Phrase) -> Phrase:
    """For "is the largest tank white?": the rank picks the tank, and what is said last is asked of it."""
    last = one.conditions[-1] if one.conditions else None
    if not isinstance(last, Compares) or last.mode not in ("min", "max", "top_k", "rank_k") or not one.num_behind:
        return one
    asked = one.conditions[-2] if len(one.conditions) > 1 else None
    if not isinstance(asked, Has | Stands | Compares):
        return one
    return replace(one, conditions=(*one.conditions[:-2], last, asked))


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
    by = Compares("value", "less_than" if less else "greater_than", value=int(limit))
    return Question("exists", (first,), comparison=by)


def _the_number(c: Cursor) -> bool:
    c.take("the")
    c.take("total")
    return bool(c.take("number", "count", "amount") and c.take("of"))


def more_than(c: Cursor) -> Question | None:
    """Reads "more cars than trucks on the bridge", "more ships in image B than in image A"."""
    start = c.at
    word = c.take("more", "fewer", "less")
    first = nested(c) if word and c.ahead() != "than" else None
    if first and c.take("or"):
        return _either_more(first, nested(c), less=word != "more") or _back(c, start)
    if first is None or not c.take("than"):
        return _back(c, start)
    here = c.at
    if (c.take("in") or c.take("before")) and first.image == "B":
        return Question("grown", (replace(first, image="single"),), number=0.0, less=word != "more")
    c.at = here
    second = nested(c) or _elsewhere(c, first)
    if second is None or not is_seen(first, strict=True):
        return _back(c, start)
    return Question("more", _sharing(first, second), less=word != "more")


def _back(c: Cursor, start: int) -> Question | None:
    c.at = start
    return None


def _elsewhere(c: Cursor, first: Phrase) -> Phrase | None:
    """Reads "(more planes on the apron) than on the runway": the same things, elsewhere."""
    told = predicate(c, Owner(first.head, first.is_plural))
    if not told or not first.num_behind:
        return None
    kept = first.conditions[: len(first.conditions) - first.num_behind]
    return replace(first, conditions=(*kept, *told), num_behind=len(told))


def _sharing(first: Phrase, second: Phrase) -> tuple[Phrase, Phrase]:
    """What stands behind the second holds of both ("more cars than trucks on the bridge")."""
    if first.conditions or not second.num_behind:
        return first, second
    behind = second.conditions[len(second.conditions) - second.num_behind :]
    return replace(first, conditions=behind, num_behind=len(behind)), second


def _either_more(first: Phrase, second: Phrase | None, *, less: bool) -> Question | None:
    """Reads "more cars or trucks": which of them."""
    if second is None or not is_seen(first, strict=True) or not is_seen(second, strict=True):
        return None
    by = Compares("value", "argmax_label", value="min" if less else None)
    return Question("choice", _sharing(first, second), comparison=by)
