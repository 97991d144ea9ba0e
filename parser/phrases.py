"""Noun phrases: articles, quantifiers, ranks, adjectives, the category, and the conditions behind it in their scope."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from . import lexicon
from .adjectives import Adjectives, adjectives_before
from .cursor import BARE, MAX_DEPTH, Cursor, bound, determiner, number
from .heads import begins_noun, head_of
from .owner import Owner
from .predicates import conditions
from .relating import nearest_in_row
from .superlatives import Superlative, criterion_of, of_compass, ranked
from .tree import Compares, Condition, Has, Phrase, Stands

_HALVES = ("half", "part", "side", "end", "portion", "section", "third", "quarter", "tip")


class Quantity(NamedTuple):
    least: int | None = None
    most: int | None = None
    is_strict: bool = False


def nested(c: Cursor) -> Phrase | None:
    """A noun phrase inside another one; None, and no step, where none stands here."""
    start = c.at
    c.depth += 1
    found = phrase(c, joined=False)
    c.depth -= 1
    if found is None:
        c.at = start
    return found


def phrase(c: Cursor, *, joined: bool = True) -> Phrase | None:
    """A noun phrase with its conditions. joined: it is the outermost one, and takes conditions that "and" joins."""
    pronoun = _pronoun(c)
    if pronoun:
        return _completed(c, pronoun, Adjectives(), joined=joined) if _takes_conditions(c) else pronoun
    start = c.at
    said, definite = determiner(c)
    apiece = c.depth > 0 and any(word in ("each", "every") for word in c.words[start : c.at])
    quantity = _quantity(c)
    definite = definite or determiner(c)[1]
    points_back = c.ahead() in ("that", "said") and begins_noun(c, 1) and bool(c.take("that"))
    here = c.at
    adjectives = adjectives_before(c)
    if adjectives.in_row and quantity == Quantity():
        quantity = _quantity(c)
    head = head_of(c)
    if head is None:
        return _headless(c, adjectives, joined=joined) if said or adjectives.rank or adjectives.conditions else None
    if apiece:
        c.leave_out(start, why="apiece")
    draft = Phrase(
        head.singular,
        head.is_plural,
        definite or points_back,
        least=quantity.least,
        most=quantity.most,
        is_strict=quantity.is_strict,
        points_back=points_back,
    )
    half = _half_of(c, draft, adjectives)
    if half:
        return half
    draft = _of_parts(c, draft)
    theirs = (
        None if c.depth else _possessed(c, _finished(replace(draft, is_definite=True), (), adjectives), joined=joined)
    )
    if theirs:
        return theirs
    found = _completed(c, draft, adjectives, joined=joined)
    if adjectives.in_row and not any(isinstance(one, Compares) for one in found.conditions):
        c.leave_out(here, here + 1, why="said")
    return found


def _possessed(c: Cursor, owner: Phrase, *, joined: bool) -> Phrase | None:
    """Reads "(the harbor)'s ships": the ships in the harbor."""
    start = c.at
    held = None
    if c.take("'s") and not c.sees(lexicon.meanings("measures")) and lexicon.knows(owner.head):
        held = phrase(c, joined=joined)
    if held is None or not lexicon.knows(held.head):
        c.at = start
        return None
    return replace(held, conditions=(Stands("inside", (owner,)), *held.conditions))


def _takes_conditions(c: Cursor) -> bool:
    return c.depth < MAX_DEPTH and not (c.depth and c.ahead() in ("and", "or", "but", ","))


def _pronoun(c: Cursor) -> Phrase | None:
    start = c.at
    if c.take_all("each", "other") or c.take_all("one", "another"):
        return Phrase("", is_plural=True, is_definite=True, refers="many", spelt="ones")
    if c.take("the"):
        word = c.take("ones", "one", "latter", "others", "rest", "former")
        if word:
            few = word in ("one", "latter")
            return Phrase("", not few, is_definite=True, refers="one" if few else "many", spelt="ones")
        c.at = start
    word = c.ahead()
    number_ = lexicon.named("pronouns").get(word)
    if number_ is None or (word in ("these", "those", "one") and begins_noun(c, 1)):
        return None
    c.at += 1
    spelt = "ones" if word in ("ones", "one", "those", "these") else word
    return Phrase("", number_ == "many", is_definite=True, refers="one" if number_ == "one" else "many", spelt=spelt)


def _quantity(c: Cursor) -> Quantity:
    start = c.at
    limit = bound(c)
    value = number(c)
    if value is None or c.sees(lexicon.meanings("superlatives")) or c.sees(lexicon.meanings("units")):
        c.at = start
        return Quantity()
    if not limit and c.take_all("or", "more"):
        limit = ">="
    c.take("of") and c.take("the")
    n = int(min(value, 1_000_000))
    if limit == ">":
        return Quantity(n + 1, None, is_strict=True)
    if limit == "<":
        return Quantity(None, n - 1, is_strict=True)
    if limit == "<=":
        return Quantity(None, n)
    if limit == "=":
        return Quantity(n, n)
    return Quantity(n if n > 1 or limit else None)


def _half_of(c: Cursor, draft: Phrase, adjectives: Adjectives) -> Phrase | None:
    """Reads "(the western) half of the lake": what of the lake lies there."""
    start = c.at
    if adjectives.position and draft.head in _HALVES and c.depth < MAX_DEPTH and c.take("of"):
        c.depth += BARE
        whole = phrase(c, joined=False)
        c.depth -= BARE
        side = lexicon.meanings("regions").match((adjectives.position.split(" ", 2)[2],), 0)
        if whole and whole.head and side and not lexicon.is_whole(whole.head):
            return replace(whole, conditions=(Stands("inside", (whole,), side=side[1]),), num_behind=0)
    c.at = start
    return None


def _of_parts(c: Cursor, draft: Phrase) -> Phrase:
    """Reads "sections of the river", "riverbed sections": the category is what they are parts of."""
    head, _, last = draft.head.rpartition(" ")
    if (
        head
        and lexicon.kind(draft.head) != "region"
        and last in ("section", "part", "stretch", "portion", "segment", "reach")
        and lexicon.kind(head) in ("stuff", "region")
    ):
        return replace(draft, head=head, is_plural=False, is_definite=True)
    if (
        c.ahead() == "of"
        and lexicon.ends_in(draft.head, "parts")
        and draft.head.count(" ") == 0
        and not draft.points_back
    ):
        start = c.at
        c.at += 1
        c.depth += BARE
        inner = phrase(c, joined=False)
        c.depth -= BARE
        if inner and inner.head:
            return replace(
                inner, least=draft.least, most=draft.most, is_definite=inner.is_definite or draft.is_definite
            )
        c.at = start
    return draft


def _headless(c: Cursor, adjectives: Adjectives, *, joined: bool) -> Phrase | None:
    """Reads "the largest of the ships", "the red ones", "the largest"."""
    c.take("one", "ones")
    if c.ahead() in ("of", "among") or c.take_all("out", "of"):
        c.take("of", "among")
        c.depth += not joined
        inner = phrase(c, joined=joined) if c.depth < MAX_DEPTH else None
        c.depth -= not joined
        if inner is None:
            return None
        ranked_ = _finished(replace(inner, conditions=()), inner.conditions, adjectives)
        return replace(ranked_, num_behind=0)
    if not adjectives.rank and not adjectives.conditions and not adjectives.position:
        return None
    if c.ahead() in ("and", "or") and c.ahead(1) in ("the", "a"):  # "the new and the old houses": the noun comes later
        joined = False
    draft = Phrase("", is_plural=True, is_definite=True, refers="many", spelt="ones")
    return _completed(c, draft, adjectives, joined=joined)


def _completed(c: Cursor, draft: Phrase, adjectives: Adjectives, *, joined: bool) -> Phrase:
    owner = Owner(draft.head, draft.is_plural, draft.is_definite, draft.image, lexicon.ends_in(draft.head, "generic"))
    anchors = _nearest_to(c, adjectives)
    counted = _counted_from(c, draft, adjectives)
    among = _among_its_like(c, draft) if counted else ()
    behind = conditions(c, owner, joined=joined) if c.depth < MAX_DEPTH else []
    if owner.head != draft.head:
        draft = replace(draft, head=owner.head, is_plural=owner.is_plural)
    draft = replace(draft, image=owner.image)
    if counted:
        return _finished(draft, (*among, counted, *behind), adjectives._replace(in_row=0))
    return _finished(draft, tuple(behind), adjectives, anchors=anchors)


def _among_its_like(c: Cursor, draft: Phrase) -> tuple[Condition, ...]:
    """Reads "(the first tank from the left) of the tanks in the harbor": the conditions of those it is counted among."""
    start = c.at
    among = c.phrase(c) if c.take("of", "among") else None
    if among and among.head == draft.head:
        return among.conditions
    c.at = start
    return ()


def _counted_from(c: Cursor, draft: Phrase, adjectives: Adjectives) -> Compares | None:
    """Reads "from the left" behind "the second plane"."""
    start = c.at
    c.take("counting", "counted", "when")
    if adjectives.in_row and c.take("from") and c.take("the"):
        found = c.find(lexicon.meanings("positions"))
        c.take("left", "right")
        c.take("side", "end", "edge", "corner")
        if found:
            criterion, end = found.split()
            k, lowest = adjectives.in_row, end == "min"
            if draft.least and k == 1:
                return Compares(criterion_of(criterion), "min" if lowest else "top_k", draft.least)
            if k == 1:
                return Compares(criterion_of(criterion), "min" if lowest else "max")
            return Compares(criterion_of(criterion), "rank_k", k, "min" if lowest else None)
    c.at = start
    return None


def _nearest_to(c: Cursor, adjectives: Adjectives) -> tuple[Phrase, ...]:
    """The anchors of "nearest building to the river"; "it" where they are not said."""
    if adjectives.rank is None or adjectives.rank.criterion != "distance_to":
        return ()
    start = c.at
    anchor = c.phrase(c) if c.take("to", "from") or c.take_all("away", "from") else None
    if anchor is None:
        c.at = start
    return (anchor or Phrase("", refers="one", spelt="it"),)


def _finished(
    draft: Phrase, behind: tuple[Condition, ...], adjectives: Adjectives, *, anchors: tuple[Phrase, ...] = ()
) -> Phrase:
    """The phrase with its conditions in the order of their scope: adjectives, what stands behind, the rank at last."""
    every = [*adjectives.conditions, *behind]
    every = [_as_many(one, draft.least) for one in every]
    if adjectives.position:
        every.insert(0, _placed(draft, adjectives.position)) if draft.is_plural else every.append(
            _placed(draft, adjectives.position)
        )
    if adjectives.in_row and not adjectives.rank:
        every = list(nearest_in_row(tuple(every), adjectives.in_row))
    if adjectives.rank:
        every.append(_rank(draft, adjectives.rank, anchors))
    return replace(draft, conditions=tuple(every), num_behind=len(behind))


def _as_many(one: Condition, number_said: int | None) -> Condition:
    """Reads "the three ships closest to the pier": as many as were said."""
    if not number_said or number_said < 2 or not isinstance(one, Compares) or one.k or one.mode not in ("min", "max"):
        return one
    return replace(one, mode="min" if one.mode == "min" else "top_k", k=number_said)


def _placed(draft: Phrase, position: str) -> Condition:
    criterion, end, word = position.split(" ", 2)
    if draft.is_plural:
        found = lexicon.meanings("regions").match((word,), 0)
        return Has("image_region", found[1] if found else word)
    return Compares(criterion_of(criterion), "min" if end == "min" else "max", compass=of_compass((word,)))


def _rank(draft: Phrase, rank: Superlative, anchors: tuple[Phrase, ...]) -> Compares:
    """The rank; "main" is the widest of roads and rivers, else the largest."""
    if rank.is_main and not lexicon.ends_in(draft.head, "lines"):
        rank = rank._replace(criterion="area")
    return ranked(rank, anchors)
