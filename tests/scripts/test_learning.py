"""The road's end: a model that was taught a set by the tiny recipe answers its questions with the gold, word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner
from hand_made_set import records, write_set

from georsmllm.scripts.predict import command as predict
from georsmllm.scripts.score import command as score
from georsmllm.scripts.train import command as train

pytestmark = pytest.mark.filterwarnings("default")
RECIPE = Path(__file__).parents[2] / "scripts" / "recipes" / "train" / "tiny.yaml"


def run(command: Command, *words: object) -> str:
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_was_learnt_by_heart_is_answered_and_scores_one(tmp_path: Path) -> None:
    made, out, answers = tmp_path / "set", tmp_path / "run", tmp_path / "predictions.jsonl"
    write_set(made)
    own = (f"data.sources.0.path={made}", "stages.0.max_steps=100", "data.dataloader_num_workers=0", "logging_steps=20")
    run(train, RECIPE, *own, "--out", out)
    losses = [json.loads(line)["loss"] for line in (out / "1-all" / "metrics.jsonl").read_text().splitlines()]
    assert losses[0] > 1 and losses[-1] < 0.02, losses
    assert (out / "1-all" / "loss.png").is_file()

    run(predict, made, "--split", "train", "--model", out / "final", "-o", answers)
    said = [json.loads(line)["text"] for line in answers.read_text(encoding="utf-8").splitlines()]
    assert said == [one.messages[-1].content for one in records()["train"]]
    report = json.loads(run(score, made, answers, "--json"))
    assert report["overall"]["value"] == 1.0
