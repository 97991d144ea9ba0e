"""Questions: how many, what fraction, is there, which is larger, did the number increase."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .cursor import Cursor
from .deciding import more_than
from .growth import grown
from .owner import Owner
from .phrases import nested
from .predicates import verb_phrase
from .shares import covered, fraction
from .superlatives import criterion_of
from .tree import Changed, Compares, Phrase, Question
from .wanted import is_seen, objects, phrase_list, separately


def asked_of(c: Cursor) -> Question | None:
    """A question that opens with "how many", "what fraction", "where" or "did the number"."""
    for read in (_how_many, grown, _changed, _where):
        start = c.at
        found = read(c)
        if found:
            return found
        c.at = start
    return None


def _how_many(c: Cursor) -> Question | None:
    start = c.at
    if c.take_all("how", "much") and c.take("of"):
        part = covered(c)
        if part:
            return part
    c.at = start
    if c.take_all("how", "many") or c.take_all("how", "much"):
        c.take("of")
        return count(c)
    verb = c.find(lexicon.meanings("verbs"))
    if verb == "count":
        return count(c)
    return fraction(c) if verb == "fraction" else None


def count(c: Cursor) -> Question | None:
    """How many of the phrases here; what a verb says behind them holds, too."""
    more = more_than(c)
    if more:
        return Question("count", more.phrases, separately=True)
    c.take("me", "up", "how")
    c.take("many")
    c.take("of") if c.ahead() == "of" else ""
    objects(c)
    phrases, shared, _ = phrase_list(c, verbs=True)
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
    found = change(c)
    if not found or not isinstance(found[0], Changed) or found[0].instead:
        c.at = start
        return None
    more = verb_phrase(c, owner) or ()
    return Question("find", (Phrase("object", is_plural=True, conditions=(*found, *more)),))


def _where(c: Cursor) -> Question | None:
    """Reads "Where are the planes?", "Where have new buildings appeared?"."""
    start = c.at
    strict = c.ahead() != "where"
    place = c.find(lexicon.phrases("wh_places"))
    if place and place.startswith("how "):
        c.leave_out(start, why="said")
    if place is None:
        if not c.take("where"):
            return None
        c.take("have", "has", "did", "do", "does", "can", "were", "was")
    objects(c, is_what=strict)
    phrases, shared, _ = phrase_list(c, verbs=True)
    if not phrases or not all(is_seen(one, strict=strict) for one in phrases):
        return None
    return Question("find", phrases, shared=shared)


def which(c: Cursor) -> Question | None:
    """Reads "Which tanks are near the river?", "Which is larger, the lake or the park?"."""
    asks_what = c.ahead() == "what"
    kind = c.at + 1
    if not c.take("which", "what"):
        return None
    if c.take("class", "kind", "type", "category") and c.ahead() not in ("is", "are"):
        c.at -= 1
    if c.take("is", "are", "one", "of") and not c.sees(lexicon.meanings("superlatives")):
        chosen = _choice(c)
        if chosen:
            return chosen
    start = c.at
    c.take("one", "ones")
    said = (
        verb_phrase(c, Owner())
        if c.at > start or c.words[c.at - 1] in ("is", "are", "one") or c.ahead() in ("lies", "lie", "stands")
        else None
    )
    if said:
        pronoun = (
            Phrase("object", is_plural=True)
            if asks_what
            else Phrase("", is_plural=True, is_definite=True, refers="many", spelt="ones")
        )
        return Question("find", (replace(pronoun, conditions=tuple(said), num_behind=len(said)),))
    c.at = start
    c.take("of")
    phrases, shared, _ = phrase_list(c, verbs=True)
    if not phrases or not is_seen(phrases[0], strict=True):
        return None
    if c.words[kind] in ("type", "kind", "sort"):
        c.leave_out(kind, kind + 1, why="said")
    return Question("find", phrases, shared=shared)


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
    phrases, *_ = phrase_list(c)
    name, direction = found.split()
    if len(phrases) < 2 or name in ("speed", "age", "brightness") or not is_seen(phrases[0], strict=False):
        c.at = start
        return None
    least = direction == "less"
    by = Compares(criterion_of(name), "argmax_label", value="min" if least else None, anchors=anchors)
    return Question("choice", phrases, comparison=by)
