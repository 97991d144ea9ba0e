"""What a query asks: its clauses one by one, commands and questions; what is neither is passed over.

A clause that names nothing that could be seen makes no question, whatever it orders.
"""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .cursor import Cursor
from .deciding import yes_or_no
from .owner import Owner
from .phrases import phrase
from .predicates import conditions, predicate
from .questions import asked_of, count, which
from .shares import fraction
from .tree import Asked, Changed, Condition, Phrase, Question
from .wanted import is_seen, objects, only, phrase_list, separately

_ENDS = frozenset(".;!?")
_AUXILIARY = ("is", "are", "was", "were", "do", "does", "did", "has", "have")
MAX_QUESTIONS = 16


def questions(c: Cursor) -> tuple[Question, ...]:
    """Every question of the query in order. At most MAX_QUESTIONS are read."""
    found: list[Question] = []
    while not c.done() and len(found) < MAX_QUESTIONS:
        start = c.at
        question = _question(c, found[-1] if found else None)
        if question is None:
            c.at = start
            _pass_clause(c)
            continue
        found.append(_trailing(c, question))
        c.asked.append((start, c.at))
        if c.masks and question.asked == "find":
            found[-1] = replace(found[-1], asked="segment")
    c.leave_out(c.at, len(c.words))
    return tuple(found)


def _question(c: Cursor, before: Question | None) -> Question | None:
    front = _fronted(c)
    start = c.at
    while c.take(",", "and", "then", "also", "please", *_ENDS):
        pass
    open_question = yes_or_no(c) if c.ahead() in _AUXILIARY else None
    if open_question:
        return _with_front(open_question, front)
    c.at = start
    verb = _opening(c)
    if verb == "foreign":
        return None
    found = _ordered(c, verb) if verb else _asked(c, before)
    return _with_front(found, front) if found else None


def _fronted(c: Cursor) -> list[Condition | Phrase]:
    """Reads "Of the two largest buildings, ...", "In the upper left corner, ...": read before the clause they belong to."""
    start = c.at
    while c.take(",", "and", "then", "please", *_ENDS):
        pass
    here = c.at
    if c.take("of", "among", "from") or c.take_all("out", "of"):
        if c.take("them", "these", "those") and c.take(",") + c.ahead():
            return []
        whole = phrase(c, joined=False)
        if whole and is_seen(whole, strict=True) and c.take(","):
            return [whole]
    c.at = here
    owner = Owner(is_plural=True)
    if c.sees(lexicon.relations()) or c.ahead() in ("in", "at", "on"):
        got = predicate(c, owner)
        if got is not None and c.take(","):
            image = [Phrase("", image=owner.image)] if owner.image != "single" else []
            return [*got, *image]
    c.at = start
    return []


def _with_front(question: Question, front: list[Condition | Phrase]) -> Question:
    if not front:
        return question
    first = front[0]
    if isinstance(first, Phrase) and first.head:
        parts = tuple(
            replace(first, conditions=(*first.conditions, *one.conditions))
            if one.refers or one.head == first.head
            else one
            for one in question.phrases
        )
        return replace(question, phrases=parts)
    image = next((one.image for one in front if isinstance(one, Phrase)), None)
    extra = tuple(one for one in front if not isinstance(one, Phrase))
    return replace(question, phrases=tuple(_more(one, extra, image=image) for one in question.phrases))


def _more(one: Phrase, extra: tuple[Condition, ...], *, image: str | None = None) -> Phrase:
    placed = replace(one, image="A" if image == "A" else "B") if image in ("A", "B") else one
    return replace(placed, conditions=(*placed.conditions, *extra), num_behind=placed.num_behind + len(extra))


def _opening(c: Cursor) -> str:
    """Past politeness to the verb: detect, segment, count, fraction, exclude; "foreign" for what no image answers; "" (and
    no step, but for signs) where no verb opens the clause."""
    start = c.at
    fillers = lexicon.phrases("fillers")
    while not c.done():
        verb = c.find(lexicon.meanings("verbs"))
        if verb:
            return verb
        if c.ahead() not in (",", ":", *_ENDS) and not c.sees(fillers):
            break
        c.at += 1
    foreign = c.sees(lexicon.phrases("foreign_verbs")) and not c.sees(lexicon.nouns())
    c.at = start
    while c.take(",", ":", "and", "then", "also", "please", "but", "next", "finally", *_ENDS):
        pass
    return "foreign" if foreign else ""


def _ordered(c: Cursor, verb: str) -> Question | None:
    """What stands behind a verb."""
    strict = c.words[c.at - 1] in lexicon.weak_verbs()
    if verb == "count":
        return count(c)
    if verb == "fraction":
        return fraction(c)
    while (
        c.take("me", "us", "out", "for", "only", "up", "just", "all", "down", "to", "at", "with", "also")
        and not c.done()
    ):
        again = c.find(lexicon.meanings("verbs"))
        if again:
            return _ordered(c, again if verb != "segment" or again == "count" else verb)
    if c.take("if", "whether"):
        return yes_or_no(c) or _statement(c)
    if c.ahead() in ("how", "what", "which", "where") and verb != "exclude":
        inner = asked_of(c)
        if inner:
            return inner
    if c.words[c.at - 1] in ("mask", "outline", "contour", "map"):  # "outline of the lake" orders nothing else
        c.take("of")
    of_all = objects(c)
    asked: Asked = "segment" if verb == "segment" else "exclude" if verb == "exclude" else "find"
    if (
        asked == "find"
        and c.take("a", "the", "all")
        and c.take("mask", "masks", "outline", "outlines", "segmentation")
        and c.take("of", "for")
    ):
        asked = "segment"
    elif asked == "find" and not of_all:
        c.at -= c.words[c.at - 1] in ("a", "the", "all") and c.at > 0 and c.words[c.at - 1] != verb
    return _about(c, asked, strict=strict)


def _about(c: Cursor, asked: Asked, *, strict: bool) -> Question | None:
    phrases, shared, _ = phrase_list(c)
    if not phrases or not all(is_seen(one, strict=strict) for one in phrases):
        return None
    apart = separately(c)
    return Question("count" if apart and asked == "count" else asked, phrases, separately=apart, shared=shared)


def _statement(c: Cursor) -> Question | None:
    """Reads "whether the stadium is closer to the river"."""
    c.take("there") and c.take("is", "are")
    one = only(c, phrase_list(c, verbs=True))
    return Question("exists", (one,)) if one and is_seen(one, strict=True) else None


def _asked(c: Cursor, before: Question | None) -> Question | None:
    """A question, or a noun phrase by itself, which goes on with what was asked before."""
    for read in (asked_of, which, yes_or_no):
        start = c.at
        found = read(c)
        if found:
            return found
        c.at = start
    task = _task(c) or _form_of(c)
    if task:
        return task
    asked: Asked = before.asked if before and before.asked in ("segment", "count") else "find"
    return _about(c, asked, strict=True)


_TASKS: dict[str, Asked] = {
    "detection": "find", "localization": "find", "localisation": "find", "grounding": "find", "segmentation": "segment",
    "extraction": "segment", "mapping": "segment", "delineation": "segment", "counting": "count",
}  # fmt: skip


def _task(c: Cursor) -> Question | None:
    """Reads "ship detection in the harbor", "segmentation of roads", "building change detection"."""
    start = c.at
    noun = c.find(lexicon.nouns())
    c.take("footprint", "footprints", "area", "instance", "object")
    changes = bool(c.take("change", "changes"))
    task = c.take(*_TASKS)
    one: Phrase | None = None
    if task and noun:
        owner = Owner(noun.singular, is_plural=True)
        behind = conditions(c, owner, joined=True)
        one = Phrase(
            owner.head, is_plural=noun.is_plural or lexicon.kind(noun.singular) != "stuff", conditions=tuple(behind)
        )
    elif task and (c.take("of", "for") or changes):
        one = phrase(c) or Phrase("object", is_plural=True)
    if one is None or not is_seen(one, strict=True):
        c.at = start
        return None
    told = (Changed("any"), *one.conditions) if changes else one.conditions
    return Question(_TASKS[task], (replace(one, conditions=told),))


def _form_of(c: Cursor) -> Question | None:
    """Reads "the masks of all ships", "bounding boxes of the planes": the form of the answer comes first."""
    start = c.at
    c.take("a", "an", "the", "all")
    form = c.find(lexicon.meanings("answers"))
    found = _about(c, "segment" if form == "masks" else "find", strict=True) if form and c.take("of", "for") else None
    if found is None:
        c.at = start
    return found


def _trailing(c: Cursor, question: Question) -> Question:
    """The rest of a clause: conditions that were not reached for words in between, "separately"; up to the next clause."""
    while not c.done() and c.ahead() not in _ENDS:
        if separately(c):
            question = replace(question, separately=True)
            continue
        if _next_clause(c):
            return question
        start = c.at
        owner = _owner(question.phrases[-1])
        got = conditions(c, owner, joined=True)
        if got and len(question.phrases) == 1:
            last = _more(question.phrases[-1], tuple(got), image=owner.image)
            question = replace(question, phrases=(*question.phrases[:-1], last))
        elif got:
            c.leave_out(start, why="said")
        if c.at <= start:
            c.at = start + 1
            c.leave_out(start)
    return question


def _owner(one: Phrase) -> Owner:
    return Owner(one.head, one.is_plural, one.is_definite)


def _next_clause(c: Cursor) -> bool:
    """Whether another clause begins here: "and segment ...", ", then the bridge"."""
    if c.ahead() not in (",", "and", "then", "also", "but", ":", "plus"):
        return False
    start = c.at
    had_then = False
    while word := c.take(",", "and", "then", "also", "but", ":", "plus", "finally", "next", "please"):
        had_then = had_then or word in ("then", "also", "plus", "finally", "next")
    opens = c.sees(lexicon.meanings("verbs")) or c.ahead() in ("how", "which", "what", "is", "are")
    foreign = c.sees(lexicon.phrases("foreign_verbs")) and not c.sees(lexicon.nouns())
    opens = opens or foreign or (had_then and not c.sees(lexicon.relations()))
    c.at = start
    return opens


def _pass_clause(c: Cursor) -> None:
    """Past a clause that asks nothing."""
    start = c.at
    c.at += 1
    while not c.done() and c.ahead() not in _ENDS:
        if c.ahead() in (",", "and", "then", "also", ":", "but") and _opens(c):
            break
        c.at += 1
    c.leave_out(start)


def _opens(c: Cursor) -> bool:
    start = c.at
    verb = _opening(c)
    found = verb not in ("", "foreign") or c.ahead() in ("how", "which", "where", "the", "all", "every")
    c.at = start
    return found
