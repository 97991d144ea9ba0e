"""Scores of many answers in one table: verdict shares, each task's value and parts; a record without an answer counts as 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec

from georsmllm.contracts import Score
from georsmllm.errors import UsageError
from georsmllm.types import Record

Scorer = Callable[[Record, str], Score]
"""The judge of a record's task over one text; total."""

MISSING = "missing"
"""The verdict on a record that has no prediction."""
_SUMMED = ("_n", "_px")


class Scored(NamedTuple):
    """The judgement of one record's answer."""

    id: str
    task: str
    score: Score


class TaskScore(msgspec.Struct, frozen=True, kw_only=True):
    """A task's answers. verdicts: how many of each; "ok" was readable, "missing" had no prediction. value: the mean over all n.
    parts: means over all n, those whose name ends in _n or _px are sums."""

    n: int
    ok: float
    value: float
    verdicts: dict[str, int]
    parts: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """tasks: by name, sorted. overall: over all records; its parts are empty, for no part means the same in every task.
    mean_of_tasks: each task counts once."""

    tasks: dict[str, TaskScore]
    overall: TaskScore
    mean_of_tasks: float


def judged(records: Iterable[Record], answers: Mapping[str, str], scorer: Scorer) -> Iterator[Scored]:
    """Every record in its order. Raises UsageError for a record that comes twice, and for answers to none of the records."""
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise UsageError(f"two records are called {record.id!r}; scores need ids that are unique")
        seen.add(record.id)
        text = answers.get(record.id)
        score = _missing(record, scorer) if text is None else scorer(record, text)
        yield Scored(record.id, record.task, score)
    unknown = [identity for identity in answers if identity not in seen]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise UsageError(
            f"{len(unknown)} predictions answer none of the {len(seen)} records: "
            f"{', '.join(map(repr, unknown[:3]))}{more}; score them with the set and split that they were made of"
        )


def _missing(record: Record, scorer: Scorer) -> Score:
    """What was not answered counts in the parts as an empty answer does: its gold objects are missed, not forgotten."""
    return replace(scorer(record, ""), verdict=MISSING, value=0.0)


def aggregate(scored: Iterable[Scored]) -> Report:
    """The tables of judgements; raises UsageError where there is none."""
    by_task: dict[str, list[Score]] = {}
    for one in scored:
        by_task.setdefault(one.task, []).append(one.score)
    if not by_task:
        raise UsageError("there are no records to score")
    tasks = {task: _task_score(by_task[task], parts=True) for task in sorted(by_task)}
    overall = _task_score([score for scores in by_task.values() for score in scores], parts=False)
    mean = sum(task.value for task in tasks.values()) / len(tasks)
    return Report(tasks=tasks, overall=overall, mean_of_tasks=mean)


def _task_score(scores: list[Score], *, parts: bool) -> TaskScore:
    n = len(scores)
    verdicts = Counter(score.verdict for score in scores)
    names = dict.fromkeys(name for score in scores for name in score.parts) if parts else {}
    sums = {name: sum(score.parts.get(name, 0.0) for score in scores) for name in names}
    return TaskScore(
        n=n,
        ok=verdicts["ok"] / n,
        value=sum(score.value for score in scores) / n,
        verdicts=dict(sorted(verdicts.items(), key=lambda item: (-item[1], item[0]))),
        parts={name: total if name.endswith(_SUMMED) else total / n for name, total in sums.items()},
    )


def table(report: Report) -> list[str]:
    """The report as lines for a person: a row a task, then its verdicts that are not ok, then its parts."""
    width = max(map(len, ("overall", *report.tasks)))
    lines = [f"{'task':<{width}} {'records':>8} {'readable':>9} {'score':>7}"]
    for name, task in (*report.tasks.items(), ("overall", report.overall)):
        lines.append(f"{name:<{width}} {task.n:>8} {task.ok:>9.1%} {task.value:>7.4f}")
        unreadable = ", ".join(f"{verdict} {count}" for verdict, count in task.verdicts.items() if verdict != "ok")
        if unreadable and name != "overall":
            lines.append(f"  not readable: {unreadable}")
        if task.parts:
            lines.append("  " + ", ".join(f"{part} {_number(part, value)}" for part, value in task.parts.items()))
    lines.append(f"mean of the {len(report.tasks)} tasks {report.mean_of_tasks:.4f}")
    missing = report.overall.verdicts.get(MISSING, 0)
    if missing:
        lines.append(f"{missing} of {report.overall.n} records have no prediction; they count as 0")
    return lines


def _number(part: str, value: float) -> str:
    return f"{value:.0f}" if part.endswith(_SUMMED) else f"{value:.4f}"
