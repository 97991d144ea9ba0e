"""`georsmllm predict` end to end on a model of 0.2 M parameters: order, kill and resume, shards, adapters, bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hand_made_set import records, write_set

from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.form import of
from georsmllm.discover import task
from georsmllm.errors import BadRecord, UsageError
from georsmllm.model import adapters, load, tiny
from georsmllm.scripts.predict import command
from georsmllm.scripts.score import command as score
from georsmllm.train.recipe import Lora

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set, a model, and an adapter on it that changes what it says."""
    home = tmp_path_factory.mktemp("predict")
    write_set(home / "set")
    tiny.make("mini", home / "model", seed=3)
    adapted = adapters.attach(load.model(home / "model", dtype="float32"), Lora(r=4), ("llm", "projector"), seed=1)
    chance = torch.Generator().manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            weight.data += torch.randn(weight.shape, generator=chance) * 0.3
    adapters.save_adapter(adapted, home / "model", home / "adapter")
    return home


def run(home: Path, out: Path, *words: object) -> str:
    options = {"--model": home / "model", "--split": "train", "--max-new-tokens": 8, "--batch-size": 2}
    given = dict(zip(words[::2], words[1::2], strict=False)) if words else {}
    options |= {str(name): value for name, value in given.items() if value is not None}
    flags = [str(name) for name, value in given.items() if value is None]
    line = [str(home / "set"), "-o", str(out), *(str(word) for pair in options.items() for word in pair), *flags]
    result = CliRunner().invoke(command, line, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def texts(out: Path) -> list[str]:
    return [json.loads(line)["text"] for line in out.read_text().splitlines()]


def test_every_record_is_answered_in_order_and_scored(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.jsonl"
    said = run(home, out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [one.id for one in records()["train"]]
    cut = sum(line["finish"] == "length" for line in lines)
    assert said.splitlines()[-1] == f"{out}: 6 answers, {cut} of them cut at 8 tokens (finish: length)"
    assert json.loads((tmp_path / "predictions.settings.json").read_text())["max_new_tokens"] == 8
    table = CliRunner().invoke(score, [str(home / "set"), str(out)], catch_exceptions=False)
    assert "overall        6" in table.output
    assert run(home, out) == said.splitlines()[-1] + "\n", "a finished file is not made again"
    with pytest.raises(UsageError, match="begun with other settings: max_new_tokens was 8, is 9"):
        run(home, out, "--max-new-tokens", 9)


def test_a_part_of_the_records_is_scored_as_that_part(home: Path, tmp_path: Path) -> None:
    run(home, tmp_path / "some.jsonl", "--limit", 2)
    result = CliRunner().invoke(score, [str(home / "set"), str(tmp_path / "some.jsonl")], catch_exceptions=False)
    assert "overall        2" in result.output
    assert result.output.endswith("only the first 2 of 6 records were scored\n")


def test_shards_and_a_file_of_records_give_the_same_bytes(home: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    run(home, whole)
    assert "this one has ended" in run(home, parts, "--shard", "2/2")
    run(home, parts, "--shard", "1/2")
    assert parts.read_bytes() == whole.read_bytes()
    result = CliRunner().invoke(
        command,
        [str(home / "set/records/train-00000.jsonl"), "-m", str(home / "model"), "-o", str(tmp_path / "file.jsonl"),
         "--max-new-tokens", "8", "--batch-size", "2"],
        catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0
    assert (tmp_path / "file.jsonl").read_bytes() == whole.read_bytes()


def test_an_adapter_says_the_same_merged_and_unmerged_and_not_what_its_base_says(home: Path, tmp_path: Path) -> None:
    names = {
        "base": (),
        "folder": ("--model", home / "adapter"),
        "beside": ("--adapter", home / "adapter"),
        "merged": ("--model", home / "adapter", "--merged", None),
    }
    for name, words in names.items():
        run(home, tmp_path / f"{name}.jsonl", *words)
    said = {name: texts(tmp_path / f"{name}.jsonl") for name in names}
    assert said["folder"] == said["beside"] == said["merged"]
    assert said["folder"] != said["base"]
    settings = json.loads((tmp_path / "merged.settings.json").read_text())
    assert (settings["is_merged"], len(settings["adapter"])) == (True, 16)
    with pytest.raises(UsageError, match="begun with other settings: adapter was"):
        run(home, tmp_path / "folder.jsonl")


def test_constrained_answers_have_the_form_that_was_asked_for(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.jsonl"
    assert "2 of 6 answers have no form and are free" in run(home, out, "--constrained", None, "--max-new-tokens", 80)
    forms = [of(task(one.task), one) for one in records()["train"]]
    assert sum(form is not None for form in forms) == 4
    for form, text in zip(forms, texts(out), strict=True):
        assert form is None or accepts(form, text), text


def test_a_killed_run_goes_on_to_the_same_bytes(home: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    words = ("--max-new-tokens", 400, "--batch-size", 1)
    run(home, whole, *words)
    line = [sys.executable, "-m", "georsmllm.scripts.cli", "predict", str(home / "set"), "-m", str(home / "model"),
            "-o", str(out), "--split", "train", *map(str, words)]  # fmt: skip
    process = subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    part = tmp_path / ".out.jsonl.state" / "part-0-of-1.jsonl"
    until = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert 1 <= len(part.read_bytes().splitlines()) < 6
    assert "6 answers" in run(home, out, *words)
    assert out.read_bytes() == whole.read_bytes()


def test_an_image_that_is_gone_is_one_line(home: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "images/toy/B.png").unlink()
    line = [str(folder), "-m", str(home / "model"), "-o", str(tmp_path / "out.jsonl"), "--split", "train"]
    with pytest.raises(BadRecord, match=r"train-00000.jsonl:4: no such image file: .*B.png \[image_missing\]"):
        CliRunner().invoke(command, line, catch_exceptions=False)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda line: line.update(messages=[]), "records.jsonl:1: a record without messages"),
        (lambda line: line["provenance"]["views"][0].update(width=0), "records.jsonl:1: Expected `int` >= 1"),
    ],
)
def test_a_record_that_asks_nothing_is_one_line(home: Path, tmp_path: Path, spoil: Callable, said: str) -> None:
    line = json.loads((home / "set/records/train-00000.jsonl").read_text().splitlines()[0])
    spoil(line)
    (tmp_path / "records.jsonl").write_text(json.dumps(line) + "\n")
    words = [str(tmp_path / "records.jsonl"), "-m", str(home / "model"), "-o", str(tmp_path / "out.jsonl")]
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(command, [*words, "--images", str(home / "set")], catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shard", "3/2"), "--shard 3/2: expected I/N"),
        (("--split", "test"), "has no split 'test'; there are: train, val"),
        (("--merged", None), "is no adapter"),
        (("--model", "nowhere"), "nowhere"),
        (("--adapter", "nowhere"), "nowhere"),
        (("--device", "banana"), "--device banana cannot be used here: "),
        (("--device", "cuda:99"), "--device cuda:99 cannot be used here: "),
        (
            ("--constrained", None, "--max-new-tokens", 3),
            "an answer of its form may need 25 tokens, max_new_tokens is 3",
        ),
        (("--engine", "vllm"), "--engine vllm needs vllm"),
    ],
)
def test_what_a_person_gets_wrong_is_one_line(home: Path, tmp_path: Path, words: tuple[object, ...], said: str) -> None:
    with pytest.raises(UsageError) as error:
        run(home, tmp_path / "out.jsonl", *words)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
