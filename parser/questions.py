"""Questions: how many, what fraction, is there, which is larger, did the number increase."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .comparisons import criterion_of
from .cursor import BARE, Cursor, amount, bound, number
from .phrases import nested
from .predicates import Owner, verb_phrase
from .tree import Asked, Changed, Compares, Condition, Phrase, Question
from .wanted import is_seen, phrase_list, separately

_AUXILIARY = ("is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will")


def asked_of(c: Cursor) -> Question | None:
    """A question that opens with "how many", "what fraction", "where" or "did the number"."""
    for read in (_how_many, _grown, _changed, _where):
        start = c.at
        found = read(c)
        if found:
            return found
        c.at = start
    return None


def _how_many(c: Cursor) -> Question | None:
    if c.take_all("how", "many") or c.take_all("how", "much"):
        c.take("of")
        return count(c)
    verb = c.find(lexicon.meanings("verbs"))
    if verb == "count":
        return count(c)
    return fraction(c) if verb == "fraction" else None


def count(c: Cursor) -> Question | None:
    """How many of the phrases here; what a verb says behind them holds, too."""
    more = _more_than(c)
    if more:
        return Question("count", more.phrases, separately=True)
    c.take("me", "up", "how")
    c.take("many")
    c.take("of") if c.ahead() == "of" else ""
    c.find(lexicon.phrases("objects"))
    phrases, shared = phrase_list(c, verbs=True)
    if not phrases or not all(is_seen(one, strict=False) for one in phrases):
        return None
    phrases = (*phrases[:-1], _possessed(c, phrases[-1]))
    return Question("count", phrases, separately=separately(c), shared=shared)


def _possessed(c: Cursor, one: Phrase) -> Phrase:
    """Reads "how many ships does the harbor contain": they are inside of it."""
    start = c.at
    if c.take("does", "do", "did"):
        whole = nested(c)
        if whole and c.take("contain", "have", "hold", "include", "show", "host", "carry", "feature"):
            from .tree import Stands

            if lexicon.ends_in(whole.head, "whole"):
                return one
            return replace(one, conditions=(*one.conditions, Stands("inside", (whole,))), num_behind=one.num_behind + 1)
    c.at = start
    return one


def fraction(c: Cursor) -> Question | None:
    """What part of a set the conditions of a verb leave; without a verb, what the conditions behind the noun leave."""
    c.take("of")
    c.find(lexicon.phrases("objects"))
    start = c.at
    covered = _covered(c)
    if covered:
        return covered
    c.at = start
    phrases, _ = phrase_list(c)
    if not phrases or not is_seen(phrases[0], strict=False):
        return None
    return _part_of(c, "fraction", phrases[0])


def _covered(c: Cursor) -> Question | None:
    """Reads "of the image is covered by forest"."""
    c.take("the", "this", "total")
    c.take("area", "surface", "pixels", "land") and c.take("of", "in") and c.take("the", "this")
    from .regions import whole_image

    if not whole_image(c) and c.words[c.at - 1] not in ("area", "surface", "pixels", "land"):
        return None
    c.take("is", "are")
    c.take("covered", "occupied", "taken", "made", "filled", "classified")
    c.take("up")
    c.take("by", "with", "of", "as")
    phrases, _ = phrase_list(c)
    if not phrases or not is_seen(phrases[0], strict=True):
        return None
    return Question("fraction", phrases[:1], comparison=Compares("area", "ratio", value="image"))


def _part_of(c: Cursor, asked: Asked, one: Phrase) -> Question | None:
    owner = Owner(one.head, one.is_plural, one.is_definite, one.image)
    said = verb_phrase(c, owner)
    if said:
        return Question(asked, (one,), conditions=tuple(said))
    behind = one.conditions[len(one.conditions) - one.num_behind :] if one.num_behind else one.conditions
    whole = one.conditions[: len(one.conditions) - len(behind)]
    if not behind:
        return None
    return Question(asked, (replace(one, conditions=whole, num_behind=0),), conditions=behind)


def _grown(c: Cursor) -> Question | None:
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
        for more, name in ((True, "more_now"), (False, "less_now")):
            if one and c.find(lexicon.phrases(name)):
                return one, more, not more
    return one, False, False


def _changed(c: Cursor) -> Question | None:
    """Reads "What has changed?", "What is new in image B?"."""
    if not c.take("what") and not c.take("where"):
        return None
    c.take("all", "exactly")
    start = c.at
    while c.take("has", "have", "is", "are", "was", "did", "things", "been", "objects"):
        pass
    from .changes import change

    owner = Owner()
    found = change(c, was=True)
    if not found or not isinstance(found[0], Changed) or found[0].instead:
        c.at = start
        return None
    more = verb_phrase(c, owner) or ()
    return Question("find", (Phrase("object", is_plural=True, conditions=(*found, *more)),))


def _where(c: Cursor) -> Question | None:
    """Reads "Where are the planes?", "Where have new buildings appeared?"."""
    strict = c.ahead() != "where"
    if c.find(lexicon.phrases("wh_places")) is None:
        if not c.take("where"):
            return None
        c.take("have", "has", "did", "do", "does", "can", "were", "was")
    c.find(lexicon.phrases("objects"))
    phrases, shared = phrase_list(c, verbs=True)
    if not phrases or not all(is_seen(one, strict=strict) for one in phrases):
        return None
    return Question("find", phrases, shared=shared)


def which(c: Cursor) -> Question | None:
    """Reads "Which tanks are near the river?", "Which is larger, the lake or the park?"."""
    if not c.take("which", "what"):
        return None
    if c.take("is", "are", "one", "of") and not c.sees(lexicon.meanings("superlatives")):
        chosen = _choice(c)
        if chosen:
            return chosen
    c.take("of")
    phrases, _ = phrase_list(c, verbs=True)
    if not phrases or not is_seen(phrases[0], strict=True):
        return None
    return Question("find", phrases)


def _choice(c: Cursor) -> Question | None:
    start = c.at
    c.take("is", "are", "has")
    found = c.find(lexicon.meanings("comparatives"))
    anchors: tuple[Phrase, ...] = ()
    if found is None or " " not in found:
        c.at = start
        return None
    if c.take("to", "from"):
        anchor = nested(c)
        anchors = (anchor,) if anchor else ()
    c.take(",", ":")
    phrases, _ = phrase_list(c)
    name, direction = found.split()
    if len(phrases) < 2 or name in ("speed", "age", "brightness") or not is_seen(phrases[0], strict=False):
        c.at = start
        return None
    least = direction == "less"
    by = Compares(criterion_of(name), "argmax_label", value="min" if least else None, anchors=anchors)
    return Question("choice", phrases, comparison=by)


def yes_or_no(c: Cursor) -> Question | None:
    """Reads "Is there a bridge over the river?", "Is the stadium closer to A than to B?", "Are there more cars than trucks?"."""
    start = c.at
    grown = _grown(c) if c.ahead() in _AUXILIARY else None
    if grown:
        return grown
    c.at = start
    return None if c.ahead() not in (*_AUXILIARY, "there", "any", "will") else _open_question(c)


def _open_question(c: Cursor) -> Question | None:
    there = c.find(lexicon.phrases("is_there"))
    if there is None and not c.take(*_AUXILIARY, "there", "any"):
        return None
    c.take("there")
    more = _more_than(c)
    if more:
        return more
    every = c.ahead() in ("all", "every", "each")
    phrases, _ = phrase_list(c, verbs=True)
    if not phrases or not is_seen(phrases[0], strict=True):
        return None
    one = phrases[0]
    if every and one.num_behind:
        return _part_of(c, "every", one)
    if (there and (one.least or 0) > 1) or one.most is not None:
        return _number_of(one)
    return Question("exists", phrases, shared=False)


def _number_of(one: Phrase) -> Question:
    """Reads "Are there at least five ships?"."""
    bare = replace(one, least=None, most=None)
    if one.least is not None:
        return Question("exists", (bare,), number=float(one.least))
    return Question("exists", (bare,), number=float(one.most or 0), less=True)


def _more_than(c: Cursor) -> Question | None:
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


__all__ = ["amount", "asked_of", "count", "fraction", "which", "yes_or_no"]
