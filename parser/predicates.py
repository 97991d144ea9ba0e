"""Conditions behind a noun: prepositions, relative clauses, participles, comparisons; their negation, "and" and "or"."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .changes import change
from .comparisons import comparison
from .cursor import BARE, Cursor
from .describing import adverbs, attribute, nowhere
from .distances import within
from .fullness import occupancy
from .heads import noun_ends
from .negation import denied
from .owner import Owner
from .possession import contents, whose
from .regions import region, side
from .relating import implied, relation
from .superlatives import after_copula
from .tree import Changed, Compares, Condition, Has, Phrase, Stands, Without
from .verbs import COPULA, NOT, PLURAL, SINGULAR, alternatives, copula, denied_alike, joiner_of, others_next

_RELATIVE = ("that", "which", "who")
_ANYWHERE = ("area", "region", "place", "location", "spot", "zone", "site", "patch", "land")


def conditions(c: Cursor, owner: Owner, *, joined: bool) -> list[Condition]:
    """All conditions that stand here. joined: "and", "or" and commas carry on; else only what follows at once belongs to
    the noun, and the rest to a noun farther out."""
    found: list[Condition] = []
    group = 0
    while True:
        start = c.at
        joiner = joiner_of(c) if joined else ""
        got = clause(c, owner) if c.ahead() in (*_RELATIVE, "whose", "where") else None
        if got is None and joiner and c.ahead() in ("it", "they") and c.ahead(1) in COPULA:
            c.at += 1
            got = verb_phrase(c, owner)
        if got is None:
            got = predicate(c, owner)
        if got is None:
            c.at = start
            return found
        if joiner == "":
            group = len(found)
        if joiner == "or" and found and got:
            found[group:] = alternatives(found[group:], got)
        else:
            found.extend(got)


def clause(c: Cursor, owner: Owner) -> list[Condition] | None:
    """A relative clause, and a step past it; None where its verb agrees with a noun farther out."""
    start = c.at
    if c.take("whose"):
        return whose(c) or _back(c, start)
    if c.take("where"):
        return occupancy(c) or _happened(c, owner) or _where(c) or _back(c, start)
    c.at += 1
    verb = c.ahead()
    if c.depth and ((verb in SINGULAR and owner.is_plural) or (verb in PLURAL and not owner.is_plural)):
        return _back(c, start)
    found = verb_phrase(c, owner)
    if found and c.depth and owner.is_line and all(isinstance(one, Has | Compares) for one in found):
        return _back(c, start)  # "a field near the road that is larger than 1 ha": the field
    return found if found is not None else _back(c, start)


def _happened(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Reads "areas where forest was replaced by buildings": it is the forest that they are about."""
    start = c.at
    inner = c.phrase(c) if owner.head in _ANYWHERE else None
    if inner and inner.head:
        told = Owner(inner.head, inner.is_plural, inner.is_definite)
        said = [*inner.conditions, *(verb_phrase(c, told) or ())]
        if any(isinstance(one, Changed) for one in said):
            owner.head, owner.is_plural = told.head, told.is_plural
            return said
    return _back(c, start)


def _where(c: Cursor) -> list[Condition] | None:
    """Reads "car parks where trucks are standing": they contain such trucks."""
    if c.take_all("there", "are") or c.take_all("there", "is") or c.take("you", "we"):
        c.take("can")
        c.take("see", "find")
    found = contents(c, negated=False)
    if found is not None:
        while c.ahead() in COPULA or c.sees(lexicon.phrases("postures")):
            c.at += 1
    return found


def _back(c: Cursor, start: int) -> list[Condition] | None:
    c.at = start
    return None


def verb_phrase(c: Cursor, owner: Owner) -> list[Condition] | None:
    """What a verb says: "are not red and lie near the road", "contains a pool"; None where nothing is said."""
    start = c.at
    negated = copula(c)
    nominal = _nominal(c, owner) if c.at > start and not negated else None
    got = nominal if nominal is not None else predicate(c, owner, negated=negated)
    if got is None:
        c.at = start
        return None
    return _carried_on(c, owner, got)


def _carried_on(c: Cursor, owner: Owner, first: list[Condition]) -> list[Condition]:
    """The same clause, carried on by "and", "or", "but"."""
    found, group = list(first), 0
    while True:
        start = c.at
        joiner = joiner_of(c)
        got = None
        if joiner:
            negated = copula(c)
            got = predicate(c, owner, negated=negated)
        if got is None:
            c.at = start
            return found
        if joiner == "or" and found and got:
            found[group:] = alternatives(found[group:], got)
        elif joiner == "," and got and denied_alike(found, got):
            found.extend(denied(got))
        else:
            found.extend(got)


def _nominal(c: Cursor, owner: Owner) -> list[Condition] | None:
    """Reads "everything that is vegetation": the noun behind the verb is the category."""
    start = c.at
    if not owner.is_generic and not noun_ends(c):
        return None
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


def predicate(c: Cursor, owner: Owner, *, negated: bool = False) -> list[Condition] | None:
    """One condition (or several that one word says), and a step past it; [] where the words narrow nothing."""
    start = c.at
    found = change(c, negated=negated)
    if found is None:
        found = _neither(c, owner) if c.ahead() == "neither" else _except(c, owner)
    while found is None and c.take(*NOT):
        negated = not negated
        found = change(c, negated=negated)
    if found is None:
        found = _plain(c, owner, negated=negated)
    if found is None:
        c.at = start
        return None
    return found


def _plain(c: Cursor, owner: Owner, *, negated: bool) -> list[Condition] | None:
    is_told = owner.is_line and c.depth > 0  # "houses on the bank of the river within 50 m of the bridge": the houses
    for read in (adverbs, occupancy, after_copula):
        start = c.at
        found = None if is_told and read is after_copula and c.words[start - 1] not in COPULA else read(c)
        if found is not None:
            return _others_than(found) if negated else found
        c.at = start
    while True:
        for told in (region, within, comparison, side, attribute, implied):
            passed = (region, within, comparison) if is_told else ()
            found = None if told in passed else told(c, negated=negated)
            if found is not None:
                return found
        found = nowhere(c, owner)
        if found is None:
            found = relation(c, owner.head, negated=negated, may_stay=not is_told)
        if found is None and negated and c.depth == 0:
            found = _no_such(c)
        if found is not None or c.find(lexicon.phrases("postures")) is None:
            return found


def _no_such(c: Cursor) -> list[Condition] | None:
    """Reads "(land that is not) forest or water": all but these."""
    found: list[Condition] = []
    while True:
        start = c.at
        if found and not c.take("or", "nor", "and", ","):
            return found
        c.take("or", "nor", "and")
        c.depth += BARE
        phrase = c.phrase(c) if c.sees(lexicon.nouns()) or c.ahead() in ("a", "an", "the") else None
        c.depth -= BARE
        if phrase is None or not lexicon.knows(phrase.head):
            c.at = start
            return found or None
        found.append(Without(phrase))


def _others_than(found: list[Condition]) -> list[Condition]:
    """All but those of a superlative; the denial of whatever can be denied."""
    if any(isinstance(one, Compares) and one.mode in ("min", "max", "top_k", "rank_k") for one in found):
        return [Without(Phrase("", is_plural=True, refers="many", spelt="ones", conditions=tuple(found)))]
    return denied(found)


def _neither(c: Cursor, owner: Owner) -> list[Condition] | None:
    start = c.at
    while c.take("neither", "either", "both"):
        pass
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
    told = c.find(lexicon.phrases("except")) is not None or c.take_all("but", "not") or c.take_all("and", "not")
    if not told and not (c.take("but") and others_next(c)):
        return _back(c, start)
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
