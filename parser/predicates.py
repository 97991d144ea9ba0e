"""Conditions behind a noun: prepositions, relative clauses, participles, comparisons; their negation, "and" and "or"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import lexicon
from .changes import change, times
from .comparisons import after_copula, comparison, within
from .cursor import Cursor
from .negation import denied
from .possession import contents, occupancy, whose
from .regions import region, side, the_image
from .relating import implied, relation
from .tree import Compares, Condition, Either, Has, Image, Phrase, Stands, Without

SINGULAR = frozenset(
    (
        "is",
        "was",
        "has",
        "does",
        "lies",
        "contains",
        "stands",
        "sits",
        "runs",
        "crosses",
        "leads",
        "connects",
        "touches",
        "faces",
    )
)
PLURAL = frozenset(
    ("are", "were", "have", "do", "lie", "contain", "stand", "sit", "run", "cross", "lead", "connect", "touch", "face")
)
_COPULA = frozenset(
    (
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "can",
        "could",
        "may",
        "might",
        "will",
        "would",
        "must",
        "should",
        "seem",
        "seems",
        "look",
        "looks",
        "appear",
        "appears",
        "got",
        "am",
    )
)
_RELATIVE = ("that", "which", "who")
_NOT = ("not", "never", "hardly")


@dataclass(slots=True)
class Owner:
    """The noun that conditions are read for. image: set by "in image B" among them. head: "" may be filled by "that is
    vegetation". is_line: a road or river, which is not told by what it is near to."""

    head: str = ""
    is_plural: bool = False
    is_definite: bool = False
    image: Image = "single"
    is_generic: bool = False

    @property
    def is_line(self) -> bool:
        return self.is_definite and not self.is_plural and lexicon.ends_in(self.head, "lines")


def conditions(c: Cursor, owner: Owner, *, joined: bool) -> list[Condition]:
    """All conditions that stand here. joined: "and", "or" and commas carry on; else only what follows at once belongs to
    the noun, and the rest to a noun farther out."""
    found: list[Condition] = []
    group = 0
    while True:
        start = c.at
        joiner = _joiner(c) if joined else ""
        got = clause(c, owner) if c.ahead() in (*_RELATIVE, "whose", "where") else None
        if got is None:
            got = predicate(c, owner)
        if got is None:
            c.at = start
            return found
        if joiner == "":
            group = len(found)
        if joiner == "or" and found and got:
            found[group:] = _alternatives(found[group:], got)
        else:
            found.extend(got)


def _joiner(c: Cursor) -> str:
    """Reads "and" and "or" win over commas; "" where nothing joins."""
    found = ""
    while word := c.take(",", ":", "and", "or", "but", "nor", "yet", "as", "also", "additionally"):
        if word == "as" and not c.take_all("well", "as") and not c.take("well"):
            c.at -= 1
            break
        if word == "but" and c.ahead() in ("not", "exclude", "excluding", "ignore", "without", "except"):
            c.at -= 1
            return found or "but"
        found = word if found in ("", ",", ":") else found
    if found == "nor":
        c.at -= 1
    return found


def _alternatives(before: list[Condition], after: list[Condition]) -> list[Condition]:
    """Either of two; what is denied together is denied both ("not on the road or the grass")."""
    if before and isinstance(before[-1], Has | Stands) and before[-1].negated:
        return [*before, *denied(after)]
    if len(before) == 1 and isinstance(before[0], Either):
        return [Either((*before[0].branches, tuple(after)))]
    return [Either((tuple(before), tuple(after)))]


def clause(c: Cursor, owner: Owner) -> list[Condition] | None:
    """A relative clause, and a step past it; None where its verb agrees with a noun farther out."""
    start = c.at
    if c.take("whose"):
        return whose(c) or _back(c, start)
    if c.take("where"):
        return occupancy(c) or _where(c) or _back(c, start)
    c.at += 1
    verb = c.ahead()
    if c.depth and ((verb in SINGULAR and owner.is_plural) or (verb in PLURAL and not owner.is_plural)):
        return _back(c, start)
    found = verb_phrase(c, owner)
    return found if found is not None else _back(c, start)


def _where(c: Cursor) -> list[Condition] | None:
    """Reads "car parks where trucks are standing": they contain such trucks."""
    if c.take_all("there", "are") or c.take_all("there", "is") or c.take("you", "we"):
        c.take("can")
        c.take("see", "find")
    found = contents(c, negated=False)
    if found is not None:
        while c.ahead() in _COPULA or c.sees(lexicon.phrases("postures")):
            c.at += 1
    return found


def _back(c: Cursor, start: int) -> list[Condition] | None:
    c.at = start
    return None


def verb_phrase(c: Cursor, owner: Owner) -> list[Condition] | None:
    """What a verb says: "are not red and lie near the road", "contains a pool"; None where nothing is said."""
    start = c.at
    was, negated = copula(c)
    nominal = _nominal(c, owner) if not negated else None
    got = nominal if nominal is not None else predicate(c, owner, negated=negated, was=was)
    if got is None:
        c.at = start
        return None
    return _carried_on(c, owner, got, was=was)


def _carried_on(c: Cursor, owner: Owner, first: list[Condition], *, was: bool) -> list[Condition]:
    """The same clause, carried on by "and", "or", "but"."""
    found, group = list(first), 0
    while True:
        start = c.at
        joiner = _joiner(c)
        got = None
        if joiner:
            was_too, negated = copula(c)
            got = predicate(c, owner, negated=negated, was=was or was_too)
        if got is None:
            c.at = start
            return found
        if joiner == "or" and found and got:
            found[group:] = _alternatives(found[group:], got)
        else:
            found.extend(got)


def copula(c: Cursor) -> tuple[bool, bool]:
    """(whether "was", "been" or "has" was said, whether "not" was), and a step past all auxiliaries."""
    was, negated = False, False
    while True:
        word = c.ahead()
        if word in ("has", "have", "had") and not _auxiliary(c):
            return was, negated
        if word in ("appear", "appears") and c.ahead(1) != "to":
            return was, negated
        if word in _COPULA:
            was = was or word in ("was", "were", "been", "has", "have")
            if word == "been" and _been(c):
                return was, negated
        elif word in _NOT and not any(c.sees(lexicon.phrases(name)) for name in ("absent_a", "absent_b", "unchanged")):
            negated = not negated
        else:
            return was, negated
        c.at += 1


def _been(c: Cursor) -> bool:
    return any(
        c.sees(lexicon.phrases(name)) for name in ("appeared", "disappeared", "altered", "any_change", "replaced_by")
    )


def _auxiliary(c: Cursor) -> bool:
    """Whether "have" helps another verb ("have been built", "has changed") and does not own anything."""
    if c.ahead(1) in ("been", "not", "now", "since", "already", "recently", "newly") and c.ahead(2) != "a":
        return True
    names = ("appeared", "disappeared", "altered", "any_change", "replaced_by", "unchanged", "replaced")
    return any(c.sees(lexicon.phrases(name), 1) for name in names) and c.ahead(1) not in ("new", "added", "different")


def _nominal(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Reads "everything that is vegetation": the noun behind the verb is the category."""
    if not owner.is_generic:
        return None
    start = c.at
    c.take("a", "an", "some", "any")
    land = lexicon.noun_data().land_use.get(c.ahead())
    noun = c.find(lexicon.nouns()) if not c.sees(lexicon.attributes()) else None
    if noun is None and land:
        c.at += 1
    if noun is None and land is None:
        c.at = start
        return None
    owner.head, owner.is_plural, owner.is_generic = (noun.singular if noun else str(land)), False, False
    return []


def predicate(c: Cursor, owner: Owner, *, negated: bool = False, was: bool = False) -> list[Condition] | None:
    """One condition (or several that one word says), and a step past it; [] where the words narrow nothing."""
    start = c.at
    found = change(c, negated=negated, was=was)
    if found is None:
        found = _neither(c, owner) if c.ahead() == "neither" else _except(c, owner)
    if found is None and c.ahead() in _NOT:
        c.at += 1
        found = predicate(c, owner, negated=not negated, was=was)
    if found is None:
        found = _plain(c, owner, negated=negated)
    if found is None:
        c.at = start
        return None
    return found


def _plain(c: Cursor, owner: Owner, *, negated: bool) -> list[Condition] | None:
    for read in (_adverbs, occupancy, after_copula):
        start = c.at
        found = read(c)
        if found is not None:
            return _others_than(found) if negated else found
        c.at = start
    while True:
        for told in (region, within, comparison, side, _attribute, implied):
            found = told(c, negated=negated)
            if found is not None:
                return found
        found = _nowhere(c, owner)
        if found is None:
            found = relation(c, negated=negated, may_stay=not (owner.is_line and c.depth > 0))
        if found is not None or c.find(lexicon.phrases("postures")) is None:
            return found


def _others_than(found: list[Condition]) -> list[Condition]:
    """All but those of a superlative; the denial of whatever can be denied."""
    if any(isinstance(one, Compares) and one.mode in ("min", "max", "top_k", "rank_k") for one in found):
        return [Without(Phrase("", is_plural=True, refers="many", spelt="ones", conditions=tuple(found)))]
    return denied(found)


def _adverbs(c: Cursor) -> None:
    """Past words like "both" and "also", which say nothing more; never past a posture that a place follows."""
    while c.ahead() in ("both", "also", "either", "currently", "still", "clearly", "actually", "all", "mostly"):
        if c.sees(lexicon.attributes()):
            return
        c.at += 1


def _nowhere(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Words that narrow nothing: the image itself, the time, what something is good for."""
    start = c.at
    if the_image(c):
        return []
    time = times(c)
    if time:
        if time.image in ("A", "B"):
            owner.image = time.image
        return []
    if c.find(lexicon.phrases("dropped")):
        while c.ahead() not in ("", ",", ":", ".", ";", "and", "that", "which"):
            c.at += 1
        return [] if c.at > start else None
    c.at = start
    return None


def _neither(c: Cursor, owner: Owner) -> list[Condition] | None:
    start = c.at
    c.at += 1
    first = predicate(c, owner, negated=True)
    if first is None:
        return _back(c, start)
    found = list(first)
    while c.take("nor") or c.take_all(",", "nor"):
        copula(c)
        found.extend(predicate(c, owner, negated=True) or ())
    return found


def _except(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Reads "except the red ones", "excluding the harbor walls", "but not agricultural"."""
    start = c.at
    if c.depth:
        return None
    if c.find(lexicon.phrases("except")) is None and not (c.take_all("but", "not") or c.take_all("and", "not")):
        return None
    c.take("for", "the ones")
    land = lexicon.noun_data().land_use.get(c.ahead())
    if land and c.ahead(1) in ("", ".", ",", "land", "areas"):
        c.at += 1
        c.take("land", "areas")
        return [Without(_category(land))]
    negative = predicate(c, owner, negated=True)
    if negative is not None:
        return negative
    phrase = c.phrase(c)
    if phrase is None:
        return _back(c, start)
    if phrase.refers and phrase.conditions and all(isinstance(one, Has | Stands) for one in phrase.conditions):
        return denied(phrase.conditions) if len(phrase.conditions) == 1 else [Without(phrase)]
    return [Without(replace(phrase, is_definite=phrase.is_definite))]


def _category(name: str) -> Phrase:
    return Phrase(name)


def _attribute(c: Cursor, *, negated: bool) -> list[Condition] | None:
    """An adjective behind its noun or verb ("painted white", "oriented north-south", "red in colour")."""
    start = c.at
    c.take(
        "very",
        "completely",
        "entirely",
        "fully",
        "mostly",
        "of",
        "in",
        "painted",
        "colored",
        "coloured",
        "with",
        "made",
    )
    c.take("a", "the", "of")
    non = c.take("non")
    found = c.find(lexicon.attributes())
    if found is None:
        c.at = start
        found = c.find(lexicon.attributes())
    if found is None or not _closes(c):
        c.at = start
        return None
    bare = c.at - start == 1 and c.depth > 0
    if bare and c.words[start - 1] not in _COPULA and c.words[start - 1] not in ("and", "or", "not", "nor", "neither"):
        c.at = start  # "is the car next to the truck red?": it is the car
        return None
    values: list[Condition] = [Has(found[0], found[1], negated != bool(non))]
    return values


def _closes(c: Cursor) -> bool:
    """Whether an adjective that ends here stands by itself, before no noun of its own; past "in color", "in shape"."""
    if c.words[c.at - 1] == "parked" and c.sees(lexicon.relations()):
        return False
    if c.take("in", "of") and not c.take("color", "colour", "shape", "size", "style", "orientation"):
        c.at -= 1
    c.take("color", "colour", "shape", "shaped", "colored", "coloured", "surface", "state", "direction", "ones", "one")
    word = c.ahead()
    if word in ("", ",", ".", ";", ":", "?", "!"):
        return True
    if word in lexicon.stops() or c.sees(lexicon.relations()) or c.sees(lexicon.phrases("postures")):
        return True
    return c.sees(lexicon.phrases("times")) or (c.sees(lexicon.attributes()) and _closes_after(c))


def _closes_after(c: Cursor) -> bool:
    return c.ahead(1) in ("", ",", ".", "and", "or", "?")


def names(found: Sequence[Condition]) -> tuple[str, ...]:
    """The kinds of conditions, for those who decide by them."""
    return tuple(type(one).__name__ for one in found)
