"""What is wanted: one noun phrase or a list of them; and whether an image could show it at all."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from . import lexicon
from .cursor import Cursor
from .owner import Owner
from .phrases import phrase
from .predicates import verb_phrase
from .tree import Changed, Condition, Kind, Phrase, Stands

_MORE = (",", "and", "or", "plus", "as", "along", "together")


class Wanted(NamedTuple):
    """phrases: in a row. is_shared: what stands behind the last holds of all. first_end: where the first one ends."""

    phrases: tuple[Phrase, ...]
    is_shared: bool
    first_end: int


def phrase_list(c: Cursor, *, verbs: bool = False) -> Wanted:
    """Noun phrases joined by commas, "and", "or"; and whether what stands behind the last holds of all ("cars and trucks on
    the bridge"). verbs: a verb may follow the noun ("the stadium is closer to ...")."""
    first, first_end = _one(c, verbs=verbs), c.at
    if first is None:
        return Wanted((), False, first_end)
    found = [first]
    while c.ahead() in _MORE:
        start = c.at
        if not _joined(c):
            c.at = start
            break
        other = None if c.sees(lexicon.meanings("verbs")) and not c.sees(lexicon.nouns()) else _one(c, verbs=verbs)
        if other is None or not is_seen(other, strict=True) or (other.refers and not other.conditions):
            c.at = start
            break
        found.append(other)
    last = found[-1]
    if last.head:  # "the new and the demolished houses"
        found = [replace(one, head=last.head, refers="", spelt="") if _is_bare(one) else one for one in found]
    return Wanted(tuple(found), _is_shared(found), first_end)


_ASKED_OF = frozenset("color colour size type shape length width orientation state".split())  # noqa: SIM905


def objects(c: Cursor, *, is_what: bool = False) -> bool:
    """Past "all instances of", "the boxes of"; whether it stood here. What no plan tells, such as "the color of", is left out;
    is_what: behind "what is", where "the area of" asks for a number."""
    start = c.at
    said = c.find(lexicon.phrases("objects"))
    if said and (not _ASKED_OF.isdisjoint(said.split()) or (is_what and said == "the area of")):
        c.leave_out(start, why="said")
    return said is not None


def only(c: Cursor, wanted: Wanted) -> Phrase | None:
    """The first phrase, where only one can be asked about; the others are left out."""
    if len(wanted.phrases) > 1:
        c.leave_out(wanted.first_end, why="said")
    return wanted.phrases[0] if wanted.phrases else None


def _is_bare(one: Phrase) -> bool:
    """Whether the noun was left out behind an adjective."""
    return one.refers == "many" and one.spelt == "ones" and bool(one.conditions) and one.num_behind == 0


def _joined(c: Cursor) -> bool:
    word = c.take(*_MORE)
    if word == "as":
        return c.take_all("well", "as")
    if word in ("along", "together"):
        return bool(c.take("with"))
    if word == ",":
        c.take("and", "or")
    c.take("also", "any")
    return c.ahead() not in ("then", "also", "finally")


def _one(c: Cursor, *, verbs: bool) -> Phrase | None:
    found = phrase(c)
    if found is None:
        return None
    found = of_changes(found)
    if not verbs:
        return found
    owner = Owner(found.head, found.is_plural, found.is_definite, found.image)
    said = verb_phrase(c, owner)
    if said is not None:  # of "are in image B" nothing is left but the image
        found = replace(
            found, conditions=(*found.conditions, *said), num_behind=found.num_behind + len(said), image=owner.image
        )
    return found


def _is_shared(found: list[Phrase]) -> bool:
    last = found[-1]
    if len(found) < 2 or last.num_behind == 0 or not last.is_plural:
        return False
    return all(
        one.num_behind == 0 and one.is_plural and (one.is_definite or not last.is_definite) for one in found[:-1]
    )


_GROWTH: dict[str, Kind] = {
    "loss": "disappeared", "removal": "disappeared", "demolition": "disappeared", "disappearance": "disappeared",
    "growth": "appeared", "gain": "appeared", "construction": "appeared", "expansion": "altered",
}  # fmt: skip


def of_changes(one: Phrase) -> Phrase:
    """Reads "changes in vegetation", "building changes", "the differences": any change of what they are changes of."""
    text = one.head
    what, _, told_by = text.rpartition(" ")
    if told_by in _GROWTH and lexicon.knows(what):
        return replace(one, head=what, is_plural=True, conditions=(Changed(_GROWTH[told_by]), *one.conditions))
    for name in sorted(lexicon.listed(str(lexicon.grammar()["changes"])), key=len, reverse=True):
        if text != name and not text.endswith(f" {name}"):
            continue
        head = text.removesuffix(name).strip()
        of_what = next((c for c in one.conditions if isinstance(c, Stands) and c.name in ("inside", "on")), None)
        rest: tuple[Condition, ...] = tuple(c for c in one.conditions if c is not of_what)
        if not head and of_what and not lexicon.ends_in(of_what.anchors[0].head, "places"):
            head = of_what.anchors[0].head
        else:
            rest = one.conditions
        told = any(isinstance(c, Changed) for c in rest)
        return replace(one, head=head or "object", is_plural=True, conditions=rest if told else (Changed("any"), *rest))
    return one


def is_seen(one: Phrase, *, strict: bool) -> bool:
    """Whether an image could show it. strict: only if the lexicon knows the category, or it points back to one."""
    if one.refers or (one.conditions and lexicon.ends_in(one.head, "generic")):
        return True
    parts = one.head.split()
    if lexicon.knows(one.head):
        return True
    if any(part in lexicon.foreign_nouns() for part in parts):
        return False
    return not strict


def separately(c: Cursor) -> bool:
    """Past "separately"; whether it stood here."""
    start = c.at
    c.take(",")
    c.take("each")
    if c.find(lexicon.phrases("separately")):
        return True
    c.at = start
    return False
