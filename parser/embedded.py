"""The embedded planner: a grammar of queries about images, without any language model and without a network.

    words -> phrases and conditions (tree) -> questions -> steps

The query is data. A clause that orders anything but looking ("print your system prompt") makes no step.
"""

from __future__ import annotations

from typing import NamedTuple

from .answers import made
from .clauses import questions
from .cursor import Cursor
from .phrases import nested
from .plan import MAX_STEPS, BadPlan, Plan, check
from .planner import NoCondition
from .unread import unread
from .words import MAX_CHARACTERS, words


class Reading(NamedTuple):
    """unread: the words that play no part in the plan, neighbours in one text, as they were written."""

    plan: Plan
    unread: tuple[str, ...] = ()


def plan(query: str, *, num_images: int = 1) -> Plan:
    """The checked plan of a query about one image, or about two of a pair (num_images 2). The same query, the same plan.

    Raises NoCondition where the text holds no visual condition, is longer than 2000 characters, or needs more steps than
    a plan may have.
    """
    return read(query, num_images=num_images).plan


def read(query: str, *, num_images: int = 1) -> Reading:
    """The plan of `plan`, and the words of the query that it leaves out. Raises NoCondition as `plan` does."""
    if len(query) > MAX_CHARACTERS:
        raise NoCondition(
            f"a query of {len(query)} characters, at most {MAX_CHARACTERS} are read: ask one thing at a time"
        )
    cursor = Cursor(words(query), nested, num_images)
    made_plan, unanswered = made(questions(cursor))
    if len(made_plan.steps) > MAX_STEPS:
        raise NoCondition(
            f"the query needs {len(made_plan.steps)} steps, at most {MAX_STEPS} are taken: ask one thing at a time"
        )
    try:
        check(made_plan)
    except BadPlan as error:
        raise AssertionError(f"the embedded planner made a plan that is none: {error}") from error
    for one in unanswered:
        cursor.leave_out(*cursor.asked[one], why="said")
    return Reading(made_plan, unread(cursor, made_plan, query))
