"""Where the numbers of a run go: the terminal, metrics.jsonl, TensorBoard, Weights & Biases; each can take up a resumed run.

An event is a step and named values; names with "/" belong to a group (`learning_rate/projector`, `eval/value/det`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
from tqdm import tqdm

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.jsonl import replacing, writing

if TYPE_CHECKING:
    from wandb import Run

Values = Mapping[str, float]
JOURNAL = "metrics.jsonl"
_SHOWN = ("loss", "grad_norm")


class Sink(Protocol):
    """Takes events, steps in order."""

    def write(self, step: int, values: Values) -> None: ...

    def close(self) -> None: ...


class _Line(msgspec.Struct, frozen=True):
    step: int


class Journal:
    """A line of JSON for each event. After a resume at a step the lines of later steps are gone, and half a line of a killed
    process too, so that the file reads as one run."""

    def __init__(self, path: Path, *, resumed_at: int) -> None:
        lines = path.read_bytes().splitlines(keepends=True) if resumed_at and path.exists() else []
        kept = [line for n, line in enumerate(lines, start=1) if _stays(line, resumed_at, where=f"{path}:{n}")]
        with writing(path) as out:
            out.writelines(kept)
        self._file = path.open("ab")

    def write(self, step: int, values: Values) -> None:
        self._file.write(msgspec.json.encode({"step": step, **values}) + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _stays(line: bytes, resumed_at: int, *, where: str) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        return msgspec.json.decode(line, type=_Line).step <= resumed_at
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: {error}; expected an event with its step; move the file away to go on") from None


def read_journal(path: Path) -> list[dict[str, float | None]]:
    """Its events in order, `step` among their values; what was not a number (a loss gone astray) is None."""
    with path.open("rb") as lines:
        return [msgspec.json.decode(line, type=dict[str, float | None]) for line in lines]


class Board:
    """TensorBoard's event files. After a resume, what was written of later steps is purged where it is read."""

    def __init__(self, folder: Path, *, resumed_at: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            raise MissingExtra("tensorboard", "train", "report_to tensorboard") from None
        self._writer = SummaryWriter(str(folder), purge_step=resumed_at + 1 if resumed_at else None)

    def write(self, step: int, values: Values) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name if "/" in name else f"train/{name}", value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Wandb:
    """A run of Weights & Biases; WANDB_MODE=offline and its like are wandb's own to read. A resumed run goes on under its id,
    which lies beside; W&B itself ignores steps that it has already."""

    def __init__(self, folder: Path, *, resumed_at: int, name: str, config: Mapping[str, object]) -> None:
        wandb = _wandb()
        beside = folder / "wandb.id"
        known = beside.read_text().strip() if resumed_at and beside.exists() else None
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._run: Run = wandb.init(
                project="georsmllm", name=name, dir=str(folder), config=dict(config), id=known, resume="allow"
            )
        except wandb.Error as error:
            raise UsageError(
                f"report_to wandb: {str(error).splitlines()[0].rstrip('.')}; WANDB_MODE=offline needs no account"
            ) from None
        with replacing(beside) as out:
            out.write(f"{self._run.id}\n".encode())

    def write(self, step: int, values: Values) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def _wandb():  # type: ignore[no-untyped-def]  # a module
    try:
        import wandb
    except ModuleNotFoundError:
        raise UsageError("report_to wandb needs wandb: pip install wandb (or report_to: [tensorboard])") from None
    return wandb


def check(report_to: Sequence[str]) -> None:
    """Raises UsageError, before anything is loaded, where something to report to is not installed."""
    from importlib.util import find_spec

    if "tensorboard" in report_to and find_spec("tensorboard") is None:
        raise MissingExtra("tensorboard", "train", "report_to tensorboard")
    if "wandb" in report_to and find_spec("wandb") is None:
        raise UsageError("report_to wandb needs wandb: pip install wandb (or report_to: [tensorboard])")
    if find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "train", "the picture of a run's loss")


class Console:
    """A progress bar where a person watches; a line for each event where nobody does."""

    def __init__(self, stage: str, *, first: int, total: int, say: Callable[[str], None], watched: bool) -> None:
        self._stage, self._first, self._total, self._say = stage, first, total, say
        self._last = first
        self._bar = None
        if watched:
            self._bar = tqdm(initial=first, total=total, desc=stage, unit="step", dynamic_ncols=True, file=sys.stderr)

    def advance(self, step: int) -> None:
        if self._bar is not None:
            self._bar.update(step - self._last)
        self._last = step

    def write(self, step: int, values: Values, *, eta_s: float | None = None) -> None:
        """Loss, rates and pace of a training event."""
        words = _words(values)
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(words))
            return
        eta = [] if eta_s is None else [f"ETA {timedelta(seconds=round(eta_s))}"]
        self.tell(f"{self._stage} {step}/{self._total}: {', '.join([*words, *eta])}")

    def tell(self, line: str) -> None:
        """A line that stays."""
        if self._bar is None:
            self._say(line)
        else:
            self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _words(values: Values) -> list[str]:
    """An event in a person's words: loss first, then the rates of learning, then the pace."""
    words = [f"{name} {values[name]:.4g}" for name in _SHOWN if name in values]
    rates = {name.partition("/")[2]: rate for name, rate in values.items() if name.startswith("learning_rate/")}
    if len(set(rates.values())) == 1:
        words.append(f"lr {next(iter(rates.values())):.2e}")
    else:
        words += [f"lr {name} {rate:.2e}" for name, rate in rates.items()]
    if "tokens_per_s" in values:
        words.append(f"{values['tokens_per_s']:,.0f} tokens/s".replace(",", " "))
    if "samples_per_s" in values:
        words.append(f"{values['samples_per_s']:.3g} samples/s")
    if "mfu" in values:
        words.append(f"MFU {values['mfu']:.1%}")
    if "data_wait" in values:
        words.append(f"data wait {values['data_wait']:.1%}")
    return words
