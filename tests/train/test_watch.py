"""The Trainer's callback: events with their step, rates by module, pace without pauses, a resumed run as one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from georsmllm.train.sinks import read_journal
from georsmllm.train.throughput import Counts
from georsmllm.train.watch import Evaluated, Watched, callbacks

pytestmark = pytest.mark.filterwarnings("default")
STEPS = 6


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(1))
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, x, labels):
        return {"loss": ((self.slope * x + self.offset - labels) ** 2).mean()}


class Killed(Exception):
    pass


class Kill(TrainerCallback):
    """Ends the process's work, as far as the files can tell, in the middle of a step's log."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Killed


def train(out: Path, *, kill_at: int | None = None, resume: str | None = None, said=None, evaluate=None, **settings):
    model = Line()
    rows = [{"x": torch.tensor([float(i)]), "labels": torch.tensor([2.0 * i])} for i in range(4)]
    watched = Watched(
        folder=out,
        stage="fit",
        count=lambda step: Counts(samples=4, tokens=100 * step, supervised=10, computed=200 * step, flops=1),
        say=(said if said is not None else []).append,
        is_watched=False,
        report_to=("tensorboard",),
    )
    watching = callbacks(watched, evaluate=evaluate, eval_steps=2)
    optimizer = torch.optim.SGD(
        [
            {"params": [model.slope], "lr": 0.02, "name": "llm"},
            {"params": [model.offset], "lr": 0.01, "name": "projector"},
        ]
    )
    arguments = TrainingArguments(
        str(out), max_steps=STEPS, logging_steps=2, save_steps=2, lr_scheduler_type="linear", report_to=[],
        per_device_train_batch_size=4, use_cpu=True, disable_tqdm=True, **settings,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    trainer = Trainer(
        model, arguments, train_dataset=rows, optimizers=(optimizer, schedule),
        callbacks=[*watching, *([Kill(kill_at)] if kill_at is not None else [])],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train(resume_from_checkpoint=resume)
    finally:
        watching[0].close()


def scored(model: nn.Module, step: int) -> Evaluated:
    return Evaluated({"eval/value": step / 10}, f"evaluated at {step}")


def test_every_log_is_an_event_with_the_rates_that_its_step_learned_with(tmp_path: Path) -> None:
    said: list[str] = []
    train(tmp_path, said=said)
    events = read_journal(tmp_path / "metrics.jsonl")
    assert [event["step"] for event in events] == [2, 4, 6]
    assert [event["learning_rate/llm"] for event in events] == pytest.approx([0.02 * 5 / 6, 0.02 * 3 / 6, 0.02 / 6])
    assert [event["learning_rate/projector"] for event in events] == pytest.approx([0.01 * 5 / 6, 0.005, 0.01 / 6])
    for event in events:
        assert event["loss"] > 0 and event["grad_norm"] > 0 and event["memory/resident_gib"] > 0
        assert event["padding"] == pytest.approx(0.5) and 0 <= event["data_wait"] <= 1
        assert event["tokens_per_s"] / event["samples_per_s"] == pytest.approx((2 * event["step"] - 1) * 100 / 8)
        assert "mfu" not in event, "a CPU has no peak"
    assert [line.split(",")[0].split(": ")[0] for line in said] == ["fit 2/6", "fit 4/6", "fit 6/6"]
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_run_killed_and_resumed_reads_like_one_that_was_not(tmp_path: Path) -> None:
    train(tmp_path / "whole", evaluate=scored)
    with pytest.raises(Killed):
        train(tmp_path / "killed", evaluate=scored, kill_at=5, resume=None)
    checkpoint = tmp_path / "killed" / "checkpoint-2"
    assert [event["step"] for event in read_journal(tmp_path / "killed" / "metrics.jsonl")] == [2, 2, 4, 4]
    assert (tmp_path / "killed" / "loss.png").exists(), "of a run that was stopped, too"
    train(tmp_path / "killed", evaluate=scored, resume=str(checkpoint))

    def same(folder: str):
        events = read_journal(tmp_path / folder / "metrics.jsonl")
        kept = ("step", "loss", "grad_norm", "learning_rate/llm", "eval/value")
        return [{name: event[name] for name in kept if name in event} for event in events]

    assert same("killed") == same("whole")
    assert [event["step"] for event in same("whole")] == [2, 2, 4, 4, 6, 6]


def test_pauses_do_not_slow_the_pace(tmp_path: Path) -> None:
    def slow(model: nn.Module, step: int) -> Evaluated:
        time.sleep(0.4)
        return scored(model, step)

    said: list[str] = []
    train(tmp_path, said=said, evaluate=slow)
    events = [event for event in read_journal(tmp_path / "metrics.jsonl") if "samples_per_s" in event]
    assert all(event["samples_per_s"] > 8 / 0.4 for event in events), "8 samples a log, and an evaluation of 0.4 s"
    assert [line for line in said if line.startswith("evaluated")] == [f"evaluated at {step}" for step in (2, 4, 6)]


def test_the_last_step_is_evaluated_though_it_is_no_multiple(tmp_path: Path) -> None:
    steps: list[int] = []

    def note(model: nn.Module, step: int) -> Evaluated:
        steps.append(step)
        return scored(model, step)

    watched = Watched(folder=tmp_path, stage="fit", count=lambda _: Counts(), say=print, is_watched=False)
    (watch,) = callbacks(watched, evaluate=note, eval_steps=4)
    trainer = Trainer(
        Line(),
        TrainingArguments(
            str(tmp_path), max_steps=6, report_to=[], use_cpu=True, disable_tqdm=True, save_strategy="no"
        ),
        train_dataset=[{"x": torch.ones(1), "labels": torch.ones(1)}] * 64,
        callbacks=[watch],
    )
    trainer.train()
    assert steps == [4, 6]
