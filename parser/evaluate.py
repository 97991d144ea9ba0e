"""A planner held against ideal decompositions: the metrics of methods section 4.4, query by query and in sum.

A query whose plan failed (no plan, an invalid one, no condition seen where there is one) stays in every denominator and
counts 0. An ideal decomposition without steps is met by saying that there is no condition, and by nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm.errors import UsageError

from .likeness import Hits, Slot, edge_hits, slot_hits, slots_of, types
from .plan import BadPlan, Plan, check, read
from .planner import NoCondition, NoPlan, Planned, Planner

_ORDER_TAG = re.compile(r"order|minimal.?pair")
_NONE = "no condition"


class Gold(NamedTuple):
    """One query and its ideal plan; None where it holds no condition. num_images: 2 where a step names A, B or the pair."""

    id: str
    query: str
    plan: Plan | None
    num_images: int
    tags: tuple[str, ...]


class Row(msgspec.Struct, frozen=True):
    """One query. error: why there is no plan, "" where there is one. missing, extra: slots of the ideal plan alone and of the
    made one alone, as "field: value". Types are in post-order."""

    id: str
    query: str
    planner: str
    notices: tuple[str, ...]
    error: str
    schema_valid: bool
    steps: int
    expected_steps: int
    type_sequence: tuple[str, ...]
    expected_type_sequence: tuple[str, ...]
    type_sequence_exact_match: bool
    answer_type_match: bool
    slot_f1: float
    dag_edge_f1: float
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    plan: Plan | None


class Judged(NamedTuple):
    row: Row
    slots: Hits
    edges: Hits


class Evaluation(msgspec.Struct, frozen=True):
    """All metrics are shares or F1 in [0, 1]. Micro: counts of all queries added before the ratio; macro: the mean of the
    queries' own values. Of no queries all are 1.

    step_count_accuracy + over_split + under_split + the share of failed = 1. order_pair_accuracy: None where the file has
    no minimal pair.
    """

    num_queries: int
    schema_valid: float
    step_count_accuracy: float
    over_split: float
    under_split: float
    type_sequence_exact_match: float
    slot_f1: float
    slot_f1_macro: float
    dag_edge_f1: float
    dag_edge_f1_macro: float
    answer_type_accuracy: float
    order_pair_accuracy: float | None
    num_order_pairs: int
    queries: tuple[Row, ...]


class _Line(msgspec.Struct):
    query: str
    steps: list[msgspec.Raw]
    id: str = ""
    tags: tuple[str, ...] = ()


def read_gold(path: Path) -> tuple[Gold, ...]:
    """The queries of a JSONL file: a plan a line, with `query` and optionally `id` and `tags`. Raises UsageError."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    golds = tuple(_gold(line, f"{path}:{number}", number) for number, line in enumerate(lines, start=1) if line.strip())
    if not golds:
        raise UsageError(f"{path}: expected a query and its plan on each line, got an empty file")
    return golds


def _gold(line: bytes, where: str, number: int) -> Gold:
    try:
        known = msgspec.json.decode(line, type=_Line)
        plan = read(line) if known.steps else None
    except (msgspec.DecodeError, UnicodeError, RecursionError, BadPlan) as error:
        raise UsageError(f"{where}: {error}") from None
    pair = plan is not None and any(step.image != "single" for step in plan.steps)
    return Gold(known.id or str(number), known.query, plan, 1 + pair, known.tags)


def evaluate(golds: Sequence[Gold], planner: Planner, *, tick: Callable[[int], object] = lambda _: None) -> Evaluation:
    """Let a planner plan every query and judge it. tick: called with 1 after each."""

    def judged() -> Iterator[Judged]:
        for gold in golds:
            yield judge(gold, attempt(planner, gold))
            tick(1)

    return summary(golds, tuple(judged()))


def attempt(planner: Planner, gold: Gold) -> Planned | str:
    """The plan of a query, or why there is none: one line, which begins with "no condition" where that is what it says."""
    try:
        planned = planner.plan(gold.query, num_images=gold.num_images)
        check(planned.plan)
    except NoCondition as error:
        return f"{_NONE}: {error}"
    except (BadPlan, NoPlan) as error:
        return str(error)
    return planned


def judge(gold: Gold, made: Planned | str) -> Judged:
    """One row, and its counts."""
    planned = None if isinstance(made, str) else made
    plan = planned.plan if planned else None
    error = made if isinstance(made, str) and not (gold.plan is None and made.startswith(_NONE)) else ""
    ours, theirs = types(plan), types(gold.plan)
    slot, edge = slot_hits(plan, gold.plan), edge_hits(plan, gold.plan)
    row = Row(
        id=gold.id,
        query=gold.query,
        planner=planned.planner if planned else "",
        notices=planned.notices if planned else (),
        error=error,
        schema_valid=not error,
        steps=len(ours),
        expected_steps=len(theirs),
        type_sequence=ours,
        expected_type_sequence=theirs,
        type_sequence_exact_match=not error and ours == theirs,
        answer_type_match=not error and _answer_type(plan) == _answer_type(gold.plan),
        slot_f1=0.0 if error else slot.f1,
        dag_edge_f1=0.0 if error else edge.f1,
        missing=_named(slots_of(gold.plan) - slots_of(plan)),
        extra=_named(slots_of(plan) - slots_of(gold.plan)),
        plan=plan,
    )
    return Judged(row, slot, edge)


def summary(golds: Sequence[Gold], judged: Sequence[Judged]) -> Evaluation:
    """The metrics of all queries."""
    rows = tuple(one.row for one in judged)
    made = [row for row in rows if row.schema_valid]
    pairs = order_pairs(golds)
    ordered = [all(rows[place].type_sequence_exact_match for place in pair) for pair in pairs]

    def share(hits: int) -> float:
        return hits / len(rows) if rows else 1.0

    return Evaluation(
        num_queries=len(rows),
        schema_valid=share(len(made)),
        step_count_accuracy=share(sum(row.steps == row.expected_steps for row in made)),
        over_split=share(sum(row.steps > row.expected_steps for row in made)),
        under_split=share(sum(row.steps < row.expected_steps for row in made)),
        type_sequence_exact_match=share(sum(row.type_sequence_exact_match for row in rows)),
        slot_f1=_micro([one.slots for one in judged]),
        slot_f1_macro=sum(row.slot_f1 for row in rows) / len(rows) if rows else 1.0,
        dag_edge_f1=_micro([one.edges for one in judged]),
        dag_edge_f1_macro=sum(row.dag_edge_f1 for row in rows) / len(rows) if rows else 1.0,
        answer_type_accuracy=share(sum(row.answer_type_match for row in rows)),
        order_pair_accuracy=sum(ordered) / len(ordered) if ordered else None,
        num_order_pairs=len(ordered),
        queries=rows,
    )


def order_pairs(golds: Sequence[Gold]) -> tuple[tuple[int, int], ...]:
    """Places of queries that differ in the order of their steps alone ("the two largest buildings south of X" and "of the
    two largest, those south of X"): both carry a tag that names the order or a minimal pair, both have the same slots
    and the same types, in another order. A pair is right when both type sequences are."""
    marked = [i for i, gold in enumerate(golds) if any(_ORDER_TAG.search(tag.lower()) for tag in gold.tags)]
    return tuple(
        (i, j)
        for n, i in enumerate(marked)
        for j in marked[n + 1 :]
        if slots_of(golds[i].plan) == slots_of(golds[j].plan)
        and sorted(types(golds[i].plan)) == sorted(types(golds[j].plan))
        and types(golds[i].plan) != types(golds[j].plan)
    )


def _micro(hits: Sequence[Hits]) -> float:
    return Hits(sum(h.matched for h in hits), sum(h.made for h in hits), sum(h.wanted for h in hits)).f1


def _answer_type(plan: Plan | None) -> str:
    return plan.answer_type if plan else ""


def _named(bag: Counter[Slot]) -> tuple[str, ...]:
    return tuple(f"{field}: {value}" for field, value in sorted(bag.elements()))
