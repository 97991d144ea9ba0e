"""Relations to other things: "moored along the pier", "between the dam and the bridge", "connected to at least four roads"."""

from __future__ import annotations

from typing import get_args

from . import lexicon
from .changes import auxiliary
from .cursor import BARE, Cursor
from .plan import RelationName
from .possession import contents, counted
from .regions import of_owner, region
from .tree import Compares, Condition, Either, Has, Phrase, Stands

_FINITE = frozenset(
    "has have had contain contains hold holds include includes feature features carry carries cross crosses touch "  # noqa: SIM905
    "touches overlap overlaps border borders connect connects lead leads face faces follow follows surround surrounds span "
    "spans feed feeds serve serves link links join joins adjoin adjoins abut abuts intersect intersects flow flows pass "
    "passes run runs".split()
)
"""Verbs that need a subject: behind a noun within a phrase they speak of a noun farther out."""
_AT_VERBS = frozenset("that which who and or but not also do does did both , to nor".split())  # noqa: SIM905
_WATERWARD = {"downstream": "downstream_of", "upstream": "upstream_of"}
_TELLING = frozenset(
    "near adjacent_to north_of south_of east_of west_of left_of right_of above below along contains "  # noqa: SIM905
    "within_distance".split()
)
"""Relations that do not tell one road or river from another: "houses along the river north of the bridge" are north of it."""


_BETWEEN_QUARTERS: dict[str, tuple[RelationName, RelationName]] = {
    "northeast_of": ("north_of", "east_of"),
    "northwest_of": ("north_of", "west_of"),
    "southeast_of": ("south_of", "east_of"),
    "southwest_of": ("south_of", "west_of"),
    "upper_left_of": ("above", "left_of"),
    "upper_right_of": ("above", "right_of"),
    "lower_left_of": ("below", "left_of"),
    "lower_right_of": ("below", "right_of"),
}


def relation(c: Cursor, head: str, *, negated: bool, may_stay: bool) -> list[Condition] | None:
    """A relation with its anchors, and a step past both. may_stay: any relation may belong to the noun at hand."""
    start = c.at
    if c.ahead() in ("has", "have", "had") and auxiliary(c):
        return None
    if not may_stay and region(c) is not None:  # "crossing the river in the middle of the image": what crosses it
        c.at = start
        return None
    name = c.find(lexicon.relations())
    if name is None and c.take("of"):
        return _belonging(c, start, head, negated=negated)
    if name is None and c.take("from"):
        return _from_to(c, start, negated=negated)
    if name and c.depth and _is_verb_of_another(c, start):
        c.at = start
        return None
    if name is None or (not may_stay and name.lstrip("-") in _TELLING):
        c.at = start
        return None
    negated = negated != name.startswith("-")
    name = name.removeprefix("-")
    if name == "contains":
        found = contents(c, negated=negated)
    elif name == "between":
        found = _between(c, negated=negated)
    else:
        found = _related(c, name, negated=negated)
    if found is None:
        c.at = start
    elif not found and name != "contains" and (negated or name not in ("inside", "on", "at")):
        c.leave_out(start, why="said")  # "beyond the image"
    return found


_OF_WHOLE: dict[str, RelationName] = {
    "shadow": "touches", "wake": "touches", "smoke": "touches", "roof": "on", "rooftop": "on", "bank": "adjacent_to",
    "shore": "adjacent_to", "edge": "adjacent_to", "intersection": "overlaps", "crossing": "overlaps", "junction": "overlaps",
}  # fmt: skip


def _belonging(c: Cursor, start: int, head: str, *, negated: bool) -> list[Condition] | None:
    """Reads "(the runways) of the airport", "(the shadow) of the tower": parts lie in their whole, or touch it."""
    anchor = c.phrase(c)
    if anchor is None or not (lexicon.knows(anchor.head) or anchor.refers):
        c.at = start
        return None
    name = _OF_WHOLE.get(head.rpartition(" ")[2], "inside")
    return [Stands(name, (anchor,), negated=negated)]


def _is_verb_of_another(c: Cursor, start: int) -> bool:
    """Whether a verb stands here whose subject is a noun farther out ("houses near the lake have a pool")."""
    before = c.words[start - 1] if start else ""
    return c.words[start] in _FINITE and before not in _AT_VERBS


def _from_to(c: Cursor, start: int, *, negated: bool) -> list[Condition] | None:
    """Reads "(the road) from the village to the quarry"."""
    first = c.phrase(c)
    second = c.phrase(c) if first and c.take("to") else None
    if first is None or second is None:
        c.at = start
        return None
    return [Stands("connected_to", (first, second), negated=negated)]


def name_of(text: str) -> RelationName:
    """A relation that the lexicon names."""
    return next(one for one in get_args(RelationName) if one == text)


def _related(c: Cursor, name: str, *, negated: bool) -> list[Condition] | None:
    over = c.words[c.at - 1] in ("over", "across")
    if name == "at" and c.ahead() in ("least", "most"):
        return None
    both = _sharing(c, name, negated=negated)
    if both is not None:
        return both
    anchors, any_of = coordinated(c)
    if not anchors:
        return None
    if name == "connected_to" and len(anchors) == 1 and c.take("to", "with"):
        other = c.phrase(c)
        anchors = (*anchors, other) if other else anchors
    owned = of_owner(c, anchors[0], negated=negated)
    if owned is not None:
        return owned
    first = anchors[0]
    across = name == "crosses" and over and c.take("from")  # "across the river from the harbor"
    beyond = c.phrase(c) if across else None
    if beyond is not None:
        return [Stands("on_side_of", (first, beyond), negated=negated, side="opposite")]
    c.at -= bool(across)
    if name == "at":
        name = "inside" if lexicon.ends_in(first.head, "places") else "adjacent_to"
    if first.head and lexicon.ends_in(first.head, "whole"):
        return []
    if name in _BETWEEN_QUARTERS:
        return [Stands(one, anchors, negated=negated, any_of=any_of) for one in _BETWEEN_QUARTERS[name]]
    if over and not lexicon.ends_in(first.head, "lines") and first.head:
        name = "above"
    return counted(Stands(name_of(name), anchors, negated=negated, any_of=any_of))


def _sharing(c: Cursor, name: str, *, negated: bool) -> list[Condition] | None:
    """Reads "near, but not on, the road", "in, on or under the bridge": relations to the same anchor, told behind all."""
    start = c.at
    told, joiner = [(name, negated)], ""
    while name not in _ALONE:
        here = c.at
        comma = c.take(",")
        joiner = c.take("but", "yet", "and", "or") or joiner
        denied_too = bool(c.take("not"))
        other = c.find(lexicon.relations()) if comma or joiner else None
        if other is None or other in _ALONE:
            c.at = here
            break
        told.append((other.removeprefix("-"), (denied_too or (negated and joiner != "but")) != other.startswith("-")))
    c.take(",")
    anchor = c.phrase(c) if joiner and len(told) > 1 else None
    if anchor is None or not anchor.head:
        c.at = start
        return None
    found = [_alone(one, anchor, negated=denied) for one, denied in told]
    return [Either(tuple((one,) for one in found))] if joiner == "or" and not negated else found


_ALONE = frozenset(("contains", "-contains", "between", *_BETWEEN_QUARTERS))
"""Relations that share no anchor with another one."""


def _alone(name: str, anchor: Phrase, *, negated: bool) -> Condition:
    if name == "at":
        name = "inside" if lexicon.ends_in(anchor.head, "places") else "adjacent_to"
    return Stands(name_of(name), (anchor,), negated=negated)


def coordinated(c: Cursor) -> tuple[tuple[Phrase, ...], bool]:
    """The anchors here, and whether one of them is enough. "and the pond" carries on only in the same form as before ("the
    river and the pond", not "the bridge and trucks"), and never into a phrase with conditions of its own."""
    first = c.phrase(c)
    if first is None:
        return (), False
    found, any_of = [first], False
    while c.between == 0:
        start = c.at
        word = c.take(",", "and", "or", "nor")
        if word == ",":
            word = c.take("and", "or") or word
        other = _like(c, found[-1]) if word else None
        if other is None or (word == "," and not _goes_on(c)):
            c.at = start
            break
        found.append(other)
        any_of = any_of or word == "or"
    return tuple(found), any_of


def _goes_on(c: Cursor) -> bool:
    """Whether a list goes on to an "and" or "or"."""
    return c.ahead() in (",", "and", "or")


def _like(c: Cursor, before: Phrase) -> Phrase | None:
    if before.conditions or c.ahead() in ("it", "them", "they", "those", "that"):
        return None
    c.depth += BARE
    phrase = c.phrase(c)
    c.depth -= BARE
    if phrase is None or not phrase.head or phrase.conditions:
        return None
    alike = (
        phrase.is_definite in (before.is_definite, before.is_definite and not before.is_plural)
        and phrase.is_plural == before.is_plural
    )
    follows = c.sees(lexicon.relations()) or c.ahead() in ("that", "which", "whose")
    return phrase if alike and not follows else None


def _between(c: Cursor, *, negated: bool) -> list[Condition] | None:
    c.between += 1
    first = c.phrase(c)
    c.between -= 1
    if first is None:
        return None
    if not c.take("and"):
        return [Stands("between", (first,), negated=negated)]
    second = c.phrase(c)
    if second is None:
        c.at -= 1
        return [Stands("between", (first,), negated=negated)]
    return [Stands("between", (first, second), negated=negated)]


def implied(c: Cursor, *, negated: bool) -> list[Condition] | None:
    """Reads "docked", "downstream": the anchor is not said."""
    start = c.at
    ward = c.take("downstream", "upstream")
    if ward and c.ahead() not in ("of", "from"):
        return [Stands(name_of(_WATERWARD[ward]), (Phrase("", refers="one"),), negated=negated)]
    c.at = start
    right = c.take_all("at", "right", "angles") or c.take_all("at", "a", "right", "angle")
    if (right or c.take("perpendicular", "orthogonal")) and c.take("to", "with"):
        across = c.phrase(c)
        if across:
            return [Has("orientation", "perpendicular", negated, across)]
    c.at = start
    c.take("moored", "parked", "standing", "lying", "docked")
    if c.take_all("side", "by", "side") and c.ahead() != "with":
        like = Phrase("", is_plural=True, is_definite=True, refers="many", spelt="ones")
        return [Stands("adjacent_to", (like,), negated=negated)]
    c.at = start
    if c.sees(lexicon.relations()):
        return None
    if (
        c.find(lexicon.phrases("docked"))
        and c.ahead() not in ("nearest", "closest")
        and (not c.sees(lexicon.relations()) or c.ahead() == "with")
    ):
        return [Stands("adjacent_to", (Phrase("dock", is_plural=True),), negated=negated)]
    c.at = start
    if c.find(lexicon.phrases("possession")):
        owner = []
        while c.ahead() not in ("", ",", ".", ";", "?", "and", "or", "that", "which", "in", "on", "near"):
            owner.append(c.ahead())
            c.at += 1
        if owner:
            return [Has("owner", " ".join(owner), negated)]
    c.at = start
    return None


def nearest_in_row(conditions: tuple[Condition, ...], k: int) -> tuple[Condition, ...]:
    """For "the first bridge downstream of the dam": of those downstream, the nearest to the same anchor, or the k-th."""
    row = next((one for one in conditions if isinstance(one, Stands)), None)
    if row is None:
        return conditions
    nearest = Compares("distance_to", "min", anchors=row.anchors[:1])
    return (*conditions, nearest if k == 1 else Compares("distance_to", "rank_k", k, anchors=row.anchors[:1]))
