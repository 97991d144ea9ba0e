"""Scores of many answers: tables by hand, missing answers in the denominator, ids that must match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hand_made_set import record, records, write_set

from georsmllm.contracts import Score
from georsmllm.dataset import Records
from georsmllm.discover import task
from georsmllm.errors import UsageError
from georsmllm.scoring import Scored, aggregate, judged, table
from georsmllm.translation import judge
from georsmllm.types import Record


def named(name: str, of: str = "det") -> Record:
    return replace(record(of, "Where are the ships?", "none"), id=name)


def scored(*rows: tuple[str, str, float, Mapping[str, float]]) -> list[Scored]:
    return [Scored(f"r{i}", of, Score(verdict, value, parts)) for i, (of, verdict, value, parts) in enumerate(rows)]


def test_the_table_is_that_of_the_hand() -> None:
    report = aggregate(
        scored(
            ("det", "ok", 1.0, {"recall": 1.0, "gold_n": 2}),
            ("det", "ok", 0.5, {"recall": 0.25, "gold_n": 4}),
            ("det", "junk", 0.0, {"gold_n": 1}),
            ("det", "missing", 0.0, {"gold_n": 3}),
            ("count", "ok", 1.0, {}),
        )
    )
    det = report.tasks["det"]
    assert (det.n, det.ok, det.value) == (4, 0.5, 0.375)
    assert det.parts == {"recall": 1.25 / 4, "gold_n": 10}
    assert det.verdicts == {"ok": 2, "junk": 1, "missing": 1}
    assert (report.overall.n, report.overall.ok, report.overall.value) == (5, 0.6, 0.5)
    assert report.mean_of_tasks == pytest.approx((0.375 + 1.0) / 2)
    assert list(report.tasks) == ["count", "det"]


def test_a_person_reads_it() -> None:
    lines = table(aggregate(scored(("det", "ok", 1.0, {"recall": 1.0, "gold_n": 2}), ("det", "missing", 0.0, {}))))
    assert lines == [
        "task     records  readable   score",
        "det            2     50.0%  0.5000",
        "  not readable: missing 1",
        "  recall 0.5000, gold_n 2",
        "overall        2     50.0%  0.5000",
        "mean of the 1 tasks 0.5000",
        "1 of 2 records have no prediction; they count as 0",
    ]


def test_nothing_to_score_is_said() -> None:
    with pytest.raises(UsageError, match="there are no records to score"):
        aggregate([])


def test_a_record_without_an_answer_scores_0_and_its_gold_is_missed() -> None:
    (det, *_), _ = records().values()
    (found,) = judged([det], {}, lambda one, text: judge(task(one.task), text, one))
    assert (found.score.verdict, found.score.value) == ("missing", 0.0)
    assert found.score.parts["gold_n"] == 2


def test_a_scorer_that_likes_silence_cannot_reward_a_missing_answer() -> None:
    (found,) = judged([named("a")], {}, lambda _, text: Score("ok", float(not text)))
    assert (found.score.verdict, found.score.value) == ("missing", 0.0)


def test_answers_to_no_record_are_named() -> None:
    answers = {"a": "", "x": "", "y": "", "z": "", "zz": ""}
    with pytest.raises(
        UsageError, match=re.escape("4 predictions answer none of the 1 records: 'x', 'y', 'z' and 1 more")
    ):
        list(judged([named("a")], answers, lambda *_: Score("ok", 1.0)))


def test_two_records_of_one_id_are_an_error() -> None:
    with pytest.raises(UsageError, match="two records are called 'a'"):
        list(judged([named("a"), named("a")], {}, lambda *_: Score("ok", 1.0)))


def test_gold_as_predictions_scores_the_ceilings(tmp_path: Path) -> None:
    source = Records(write_set(tmp_path), "train")
    answers = {one.id: one.gold_text for one in source}
    report = aggregate(judged(source, answers, lambda one, text: judge(task(one.task), text, one)))
    assert report.overall.ok == 1.0
    for name, of in report.tasks.items():
        assert of.value >= task(name).ceiling
