"""`georsmllm score` prints the table, counts what is missing, and refuses what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hand_made_set import records, write_set

from georsmllm.errors import UsageError
from georsmllm.scripts.score import command


def run(*words: object) -> str:
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def predictions(folder: Path, answers: dict[str, str]) -> Path:
    path = folder / "predictions.jsonl"
    lines = [{"id": identity, "text": text, "finish": "stop", "tokens": 3} for identity, text in answers.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def gold() -> dict[str, str]:
    return {one.id: one.gold_text for one in records()["train"]}


def test_gold_scores_one_in_every_task(tmp_path: Path) -> None:
    text = run(write_set(tmp_path / "set"), predictions(tmp_path, gold()), "--split", "train")
    assert "overall        6    100.0%  1.0000" in text
    assert "no prediction" not in text


def test_junk_and_silence_stay_in_the_denominator(tmp_path: Path) -> None:
    answers = gold()
    junk, silent = list(answers)[:2]
    answers[junk] = "[(1,2"
    del answers[silent]
    out = tmp_path / "scores"
    words = (write_set(tmp_path / "set"), predictions(tmp_path, answers), "--split", "train", "--json", "--out", out)
    report = json.loads(run(*words))
    det = report["tasks"]["det"]
    assert (det["n"], det["ok"], det["value"], det["verdicts"]["missing"]) == (2, 0.0, 0.0, 1)
    assert det["parts"]["gold_n"] == 3
    assert json.loads((out / "scores.json").read_text()) == report
    lines = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list(gold())
    assert lines[1]["score"]["verdict"] == "missing"


def test_a_limit_leaves_answers_to_later_records_aside(tmp_path: Path) -> None:
    words = (write_set(tmp_path / "set"), predictions(tmp_path, gold()), "--split", "train", "--limit", 2)
    text = run(*words)
    assert "overall        2    100.0%  1.0000" in text
    assert text.endswith("only the first 2 of 6 records were scored\n")


def test_missing_ones_are_told_to_a_person(tmp_path: Path) -> None:
    text = run(write_set(tmp_path / "set"), predictions(tmp_path, {}), "--split", "train")
    assert "6 of 6 records have no prediction; they count as 0" in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "toy/P9", "text": ""}', "1 predictions answer none of the 1 records: 'toy/P9'"),
        ('{"id": "a", "text": ""}\n{"id": "a", "text": ""}', "predictions.jsonl:2: a second answer to 'a'"),
        ('{"id": "a"}', "predictions.jsonl:1: Object missing required field `text`"),
        ("{", "predictions.jsonl:1: Input data was truncated"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UsageError) as error:
        run(write_set(tmp_path / "set"), path)
    assert said in str(error.value)


def test_a_shard_by_itself_is_a_file_of_records(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    text = run(folder / "records" / "train-00000.jsonl", predictions(tmp_path, gold()))
    assert "overall        6    100.0%" in text


def test_a_doctor_reads_predictions_with_more_keys(tmp_path: Path) -> None:
    from georsmllm.doctor.cases import Options, read

    path = predictions(tmp_path, {"a": "[(1,2),(3,4)]"})
    assert [(case.id, case.text) for case in read(path, Options())] == [("a", "[(1,2),(3,4)]")]
