"""Auxiliary verbs, and what joins the predicates of a clause."""

from __future__ import annotations

from . import lexicon
from .changes import auxiliary
from .cursor import Cursor
from .negation import denied
from .tree import Condition, Either, Has, Stands

SINGULAR = frozenset("is was has does lies contains stands sits runs crosses leads connects touches faces".split())  # noqa: SIM905
PLURAL = frozenset("are were have do lie contain stand sit run cross lead connect touch face".split())  # noqa: SIM905
COPULA = frozenset(
    "is are was were be been being has have had do does did can could may might will would must "  # noqa: SIM905
    "should seem seems look looks appear appears got am".split()
)
NOT = ("not", "never", "hardly")


def joiner_of(c: Cursor) -> str:
    """Reads "and" and "or" win over commas; "" where nothing joins."""
    found = ""
    while word := c.take(",", ":", "and", "or", "but", "nor", "yet", "as", "also", "additionally"):
        if word == "as" and not c.take_all("well", "as") and not c.take("well"):
            c.at -= 1
            break
        if word == "but" and (
            c.ahead() in ("not", "exclude", "excluding", "ignore", "without", "except") or others_next(c)
        ):
            c.at -= 1
            return found or "but"
        found = word if found in ("", ",", ":") else found
    if found == "nor":
        c.at -= 1
    return found


def others_next(c: Cursor) -> bool:
    """Whether "(all cars but) the ones", "those", "the largest" stands here: what is left out of all."""
    after_the = c.ahead() == "the" and (c.ahead(1) in ("one", "ones") or c.sees(lexicon.meanings("superlatives"), 1))
    return after_the or (c.ahead() == "those" and c.ahead(1) != "")


def alternatives(before: list[Condition], after: list[Condition]) -> list[Condition]:
    """Either of two; what is denied together is denied both ("not on the road or the grass")."""
    if not before:
        return list(after)
    if isinstance(before[-1], Has | Stands) and before[-1].negated:
        return [*before, *denied(after)]
    if len(before) == 1 and isinstance(before[0], Either):
        return [Either((*before[0].branches, tuple(after)))]
    return [Either((tuple(before), tuple(after)))]


def denied_alike(before: list[Condition], after: list[Condition]) -> bool:
    """Whether a list goes on that began with "not": "not red, white or black"."""
    if not before or not after:
        return False
    last, new = before[-1], after[0]
    return isinstance(last, Has) and isinstance(new, Has) and last.negated and not new.negated and last.name == new.name


def copula(c: Cursor) -> bool:
    """Whether "not" was said among the auxiliary verbs here, and a step past all of them."""
    negated = False
    while True:
        word = c.ahead()
        if word in ("has", "have", "had") and not auxiliary(c):
            return negated
        if word in ("appear", "appears") and c.ahead(1) != "to":
            return negated
        if word in COPULA:
            if word == "been" and _been(c):
                return negated
        elif word in NOT and not any(c.sees(lexicon.phrases(name)) for name in ("absent_a", "absent_b", "unchanged")):
            negated = not negated
        else:
            return negated
        c.at += 1


def _been(c: Cursor) -> bool:
    return any(
        c.sees(lexicon.phrases(name)) for name in ("appeared", "disappeared", "altered", "any_change", "replaced_by")
    )
