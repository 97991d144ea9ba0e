"""What a person sees of a stage while it trains: the Trainer's callback that measures, and hands events to the sinks."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import Module
from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from . import curve
from .ranks import ALONE, Ranks
from .sinks import JOURNAL, Board, Console, Journal, Sink, Wandb
from .throughput import Counts, Meter, Reading, Stopwatch, mfu, peak_flops, rates

GIB = 2**30
_UNIT = 1_000_000  # ranks exchange whole numbers: microseconds, millionths of a GiB


class Evaluated(NamedTuple):
    """What an evaluation found: named values, and the line that says so to a person."""

    values: Mapping[str, float]
    line: str


Evaluate = Callable[[Module, int], Evaluated]
"""Of a model at a step, on every rank; it leaves model and random numbers as they were."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is watched. folder: of the stage. count: what the optimizer step of that number (1 is the first) trains on, over all
    ranks. say: takes a line. is_watched: a person sits before a terminal, so a bar is drawn. waiting: runs while the Trainer
    waits for batches. config: what W&B is told."""

    folder: Path
    stage: str
    count: Callable[[int], Counts]
    say: Callable[[str], None]
    is_watched: bool
    waiting: Stopwatch = field(default_factory=Stopwatch)
    ranks: Ranks = field(default_factory=lambda: Ranks(ALONE))
    report_to: Sequence[str] = ()
    config: Mapping[str, object] = field(default_factory=dict)


def callbacks(watched: Watched, *, evaluate: Evaluate | None = None, eval_steps: int | None = None) -> list[Watch]:
    """The callbacks of one stage, to be handed to a Trainer that reports to nothing itself; on every rank. Whoever stops the
    Trainer by an exception closes them."""
    return [Watch(watched, evaluate=evaluate, eval_steps=eval_steps)]


class Watch(TrainerCallback):
    """Measures on every rank, writes on the first. A step is evaluated before it is saved, so that a resumed run has its
    evaluation behind it."""

    def __init__(self, watched: Watched, *, evaluate: Evaluate | None, eval_steps: int | None) -> None:
        self.watched = watched
        self.evaluate = evaluate
        self.eval_steps = eval_steps
        self.sinks: list[Sink] = []
        self.console: Console | None = None
        self.meter = Meter(time.perf_counter(), watched.waiting)
        self.learning_rates: dict[str, float] = {}
        self.peak: float | None = None
        self.began = (0, 0.0)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        self.began = (state.global_step, time.perf_counter())
        if state.is_world_process_zero:
            self._open(state)
        self.peak = self._peak(args)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        self.meter.mark("worked", time.perf_counter())
        if state.global_step == self.began[0]:  # that workers start takes time once
            self.meter.begin()

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        optimizer: Optimizer,
        **kwargs: object,
    ) -> None:
        """The rates that this step learns with; the Trainer's own log has those of the next."""
        self.learning_rates = {str(group.get("name", "all")): float(group["lr"]) for group in optimizer.param_groups}

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: Module,
        **kwargs: object,
    ) -> None:
        self.meter.mark("worked", time.perf_counter())
        if self.console is not None:
            self.meter.add(self.watched.count(state.global_step))
            self.console.advance(state.global_step)
        if self.evaluate is not None and self._is_due(state):
            found = self.evaluate(model, state.global_step)
            self._write(state.global_step, found.values)
            if self.console is not None:
                self.console.tell(found.line)
            self.meter.mark("paused", time.perf_counter())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float],
        **kwargs: object,
    ) -> None:
        if "loss" not in logs:  # the Trainer's farewell
            return
        self.meter.mark("worked", time.perf_counter())  # the Trainer has waited for the loss: queued work is done
        values = {name: float(logs[name]) for name in ("epoch", "loss", "grad_norm") if name in logs}
        values |= {f"learning_rate/{name}": rate for name, rate in self.learning_rates.items()}
        values |= self._measured(self.meter.read(), args.device)
        self._write(state.global_step, values)
        if self.console is not None:
            self.console.write(state.global_step, values, eta_s=self._eta_s(state))
        self.meter.mark("paused", time.perf_counter())

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        self.meter.mark("paused", time.perf_counter())

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is open, and draw the picture; also of a run that was stopped, which the Trainer does not tell us of."""
        for sink in self.sinks:
            sink.close()
        if self.console is not None:
            self.console.close()
            curve.draw(self.watched.folder / JOURNAL, self.watched.folder / "loss.png", title=self.watched.stage)
        self.sinks, self.console = [], None

    def _open(self, state: TrainerState) -> None:
        what, step = self.watched, state.global_step
        self.console = Console(what.stage, first=step, total=state.max_steps, say=what.say, watched=what.is_watched)
        self.sinks = [Journal(what.folder / JOURNAL, resumed_at=step)]
        if "tensorboard" in what.report_to:
            self.sinks.append(Board(what.folder / "tensorboard", resumed_at=step))
        if "wandb" in what.report_to:
            self.sinks.append(Wandb(what.folder, resumed_at=step, name=what.stage, config=what.config))

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        for sink in self.sinks:
            sink.write(step, values)

    def _is_due(self, state: TrainerState) -> bool:
        is_last = state.global_step == state.max_steps
        return is_last or (self.eval_steps is not None and state.global_step % self.eval_steps == 0)

    def _eta_s(self, state: TrainerState) -> float:
        first, began_s = self.began
        pace_s = (time.perf_counter() - began_s) / max(1, state.global_step - first)
        return pace_s * (state.max_steps - state.global_step)

    def _peak(self, args: TrainingArguments) -> float | None:
        """The device's peak, where a utilisation of it can be stated."""
        if args.device.type != "cuda" or not (args.bf16 or args.fp16):
            return None
        name = torch.cuda.get_device_name(args.device)
        found = peak_flops(name)
        if found is None and self.console is not None:
            self.console.tell(f"no peak is known of {name}: MFU is not stated")
        return found

    def _measured(self, reading: Reading, device: torch.device) -> dict[str, float]:
        """Pace and memory; the longest wait and the largest memory of all ranks, said at one go."""
        own = {"waited": reading.waited_s, **_memory(device)}
        said = self.watched.ranks.numbers([round(value * _UNIT) for value in own.values()])
        most = {name: max(column) / _UNIT for name, column in zip(own, zip(*said, strict=True), strict=True)}
        waited_s = min(most.pop("waited"), reading.seconds)
        values = rates(reading._replace(waited_s=waited_s, worked_s=reading.seconds - waited_s)) | most
        if self.peak is not None:
            values["mfu"] = mfu(reading, peak=self.peak, num_devices=self.watched.ranks.size)
        return values


def _memory(device: torch.device) -> dict[str, float]:
    """Peaks in GiB: of a GPU's memory since the log before, of the process since its start where there is none."""
    if device.type == "cuda":
        peaks = {
            "memory/allocated_gib": torch.cuda.max_memory_allocated(device) / GIB,
            "memory/reserved_gib": torch.cuda.max_memory_reserved(device) / GIB,
        }
        torch.cuda.reset_peak_memory_stats(device)
        return peaks
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere
    return {"memory/resident_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB}
