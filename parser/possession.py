"""What things have: "with more than ten ships", "whose roof is red", "where fewer than half of the spaces are occupied"."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from . import lexicon
from .comparisons import LENGTH_UNITS, comparison, dimension
from .cursor import BARE, Cursor, amount
from .fullness import occupancy
from .plan import RelationName
from .qualities import ROOFS, axis, of_roof, quality, quality_of, roofs, shadow
from .regions import sides_of
from .superlatives import after_copula, criterion_of
from .tree import Compares, Condition, Has, Phrase, Stands


def counted(stands: Stands) -> list[Condition]:
    """A relation with the number of anchors that it asks for. A most is the denial of one more."""
    first = stands.anchors[0]
    if stands.name in ("between", "within_distance") or first.is_definite or len(stands.anchors) > 1:
        return [stands]
    found: list[Condition] = []
    if first.least is not None:
        found.append(replace(stands, value=first.least, unit="count_min"))
    if first.most is not None:
        found.append(replace(stands, negated=not stands.negated, value=first.most + 1, unit="count_min"))
    return found or [stands]


def contents(c: Cursor, *, negated: bool) -> list[Condition] | None:
    """What stands behind "with", "that have", "containing"."""
    start = c.at
    if _answer_form(c):
        return []
    negated = negated != bool(c.take("no")) if not c.take_all("no", "fewer") else negated
    for read in (roofs, shadow, quality, _extreme, _most):
        found = read(c, negated)
        if found is not None:
            return [*found, *_held_too(c, Phrase(""), negated=negated)] if c.ahead() == "and" else found
    here = c.at
    c.take("a", "an", "the", "their", "its")
    c.take("total", "surface") if c.ahead(1) == "area" else ""
    found = dimension(c, negated=negated)
    if found is not None:
        return found
    c.at = here
    occupied = occupancy(c)
    if occupied is not None:
        return occupied
    phrase = _held(c)
    if phrase is None or not (phrase.head or phrase.refers):
        c.at = start
        return None
    return _contains(c, phrase, negated=negated)


def _held(c: Cursor) -> Phrase | None:
    """What is held. Places behind it belong to the holder ("roofs with panels north of the canal"), what tells it from its
    like is its own ("lots with cars that are red")."""
    start = c.at
    c.depth += BARE
    phrase = c.phrase(c)
    c.depth -= BARE
    if phrase is None:
        return None
    here = c.at
    while c.find(lexicon.phrases("postures")):
        pass
    behind = c.at
    if sides_of(c):  # "with cars parked on both sides"
        c.at = behind
        return phrase
    c.at = here
    own = (
        c.ahead() in ("that", "which", "whose")
        or c.sees(lexicon.phrases("postures"))
        or c.sees(lexicon.meanings("comparatives"))
    )
    if not own and not (phrase.is_definite and c.sees(lexicon.relations())):
        return phrase
    c.at = start
    return c.phrase(c)


def _contains(c: Cursor, phrase: Phrase, *, negated: bool) -> list[Condition]:
    beside = _beside_it(c, phrase, negated=negated)
    if beside:
        return [beside]
    sides = sides_of(c)
    if sides == "all":
        return [Stands("surrounded_by", (phrase,), negated=negated)]
    if sides:
        return [Stands("flanked_by", (phrase,), negated=negated, value=2, unit="count_min")]
    if c.take("nearby", "around") and not c.sees(lexicon.nouns()):
        return counted(Stands("near", (phrase,), negated=negated))
    found = _holding(phrase, negated=negated)
    _inside_of_it(c)
    while c.ahead() in ("and", "or") and c.ahead(1) not in ("with", "without"):
        another = _held_too(c, phrase, negated=negated)
        if not another:
            break
        found.extend(another)
    return found


def _inside_of_it(c: Cursor) -> None:
    """Past "inside", "in the middle", "on board": that a thing is held where it is held says nothing more."""
    start = c.at
    if (c.take("in") and c.take("it", "them")) or c.take("inside", "within", "aboard"):
        c.take("it", "them")
    elif c.take("on") and c.take("deck", "board", "top", "it", "them"):
        c.take("of") and c.take("it", "them")
    else:
        c.at = start
        c.take("in") and c.take("the", "its", "their") and c.take("middle", "center", "centre", "inside", "interior")
    if c.at > start and (
        c.ahead() == "of" or c.words[c.at - 1] in ("in", "the", "its", "their", "on") or c.sees(lexicon.nouns())
    ):
        c.at = start


def _held_too(c: Cursor, before: Phrase, *, negated: bool) -> list[Condition]:
    """Reads "and a garden", "and no trucks"; [] and no step where another thing is not held, but is wanted itself."""
    start = c.at
    joined = c.take("and", "or")
    denied_too = bool(c.take("no"))
    c.depth += BARE
    other = c.phrase(c)
    c.depth -= BARE
    if other is not None:
        _inside_of_it(c)
    alike = other is not None and bool(other.head) and other.is_definite == before.is_definite
    if other is None or not alike or joined == "or" or c.sees(lexicon.relations()):
        c.at = start
        return []
    return _holding(other, negated=negated != denied_too)


def _beside_it(c: Cursor, phrase: Phrase, *, negated: bool) -> Condition | None:
    """Reads "next to it" behind "have a pool": the pool is next to them, not in them."""
    start = c.at
    reach = amount(c) if c.take("within") else None
    if reach is not None and reach.unit in LENGTH_UNITS:
        c.take("of", "from") and c.take("it", "them")
        return Stands("within_distance", (phrase,), negated=negated, value=reach.number, unit=reach.unit)
    c.at = start
    name = c.find(lexicon.relations())
    if name and c.take("it", "them", "itself", "themselves", "that"):
        told = next((one for one in get_args(RelationName) if one == _TURNED.get(name, name)), None)
        if told and told not in ("between", "contains"):
            return Stands(told, (phrase,), negated=negated)
    c.at = start
    return None


_TURNED = {
    "north_of": "south_of", "south_of": "north_of", "east_of": "west_of", "west_of": "east_of", "left_of": "right_of",
    "right_of": "left_of", "above": "below", "below": "above", "on": "contains", "inside": "contains",
}  # fmt: skip
"""What the holder is to the held: a house with a road north of it lies south of the road."""


def _holding(phrase: Phrase, *, negated: bool) -> list[Condition]:
    if phrase.is_definite or (phrase.least is None and phrase.most is None):
        return [Stands("contains", (phrase,), negated=negated, value=1, unit="count_min")]
    return counted(Stands("contains", (phrase,), negated=negated))


def _answer_form(c: Cursor) -> bool:
    """Past "with their bounding boxes": how to answer, no condition."""
    start = c.at
    c.take("their", "its", "the", "a", "an", "all", "tight", "accurate", "precise")
    c.take("corresponding", "respective", "precise", "accurate", "exact", "tight")
    form = c.find(lexicon.meanings("answers"))
    if form and c.ahead() in ("", ".", ",", "and", "?", "!", ";", "please"):
        c.masks = c.masks or form == "masks"
        return True
    c.at = start
    return False


_FEW = ("fewest", "least", "lowest", "smallest", "shortest", "narrowest")


def _extreme(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "the largest area", "the greatest length": whichever is the most so."""
    start = c.at
    c.take("the")
    word = c.take("largest", "greatest", "biggest", "highest", "longest", "widest", "maximum", *_FEW)
    said = c.find(lexicon.meanings("measures")) if word else None
    if said is None:
        c.at = start
        return None
    return [Compares(criterion_of(said), "min" if (word in _FEW) != negated else "max")]


def _most(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "the most ships", "the highest number of ships": whichever holds the most of them."""
    start = c.at
    c.take("the")
    word = c.take("most", "fewest", "least", "highest", "largest", "greatest", "lowest", "smallest")
    if word and (word in ("most", "fewest", "least") or c.take("number", "count", "amount")):
        c.take("of")
        held = c.phrase(c)
        if held:
            few = word in _FEW
            return [Compares("count", "min" if few != negated else "max", anchors=(held,))]
    c.at = start
    return None


def whose(c: Cursor) -> list[Condition] | None:
    """What stands behind "whose"."""
    start = c.at
    if c.take(*ROOFS) and c.take("is", "are"):
        negated = bool(c.take("not"))
        found = c.find(lexicon.attributes())
        if found:
            return [Has(of_roof(found[0]), found[1], negated)]
    c.at = start
    shaded = shadow(c, False)
    if shaded is not None:
        return shaded
    if c.take("long", "main", "major") and c.take("axis", "axes", "side", "sides"):
        return axis(c)
    c.at = start
    measured = dimension(c)
    if measured is not None:
        return measured
    c.take("overall")
    if c.take("color", "colour", "shape", "surface", "state", "orientation", "size") and c.take("is", "are"):
        negated = bool(c.take("not"))
        found = c.find(lexicon.attributes())
        return [Has(found[0], found[1], negated)] if found else None
    occupied = occupancy(c)
    return occupied if occupied is not None else _part(c, start)


def _part(c: Cursor, start: int) -> list[Condition] | None:
    """Reads "whose infield contains a soccer field": what a part holds, the whole holds."""
    c.at = start
    c.depth += BARE
    part = c.phrase(c)
    c.depth -= BARE
    if part is None:
        return None
    if lexicon.knows(part.head) and c.take("is", "are"):
        negated = bool(c.take("not"))
        found = after_copula(c) or comparison(c, negated=negated) or quality_of(c, negated=negated)
        if found:
            whole = replace(part, conditions=tuple(found), is_definite=False)
            return [Stands("contains", (whole,), value=1, unit="count_min")]
    c.take("do", "does")
    negated = bool(c.take("not"))
    held = c.find(lexicon.relations())
    if held in ("contains", "-contains"):
        return contents(c, negated=negated != (held == "-contains"))
    c.at = start
    return None
