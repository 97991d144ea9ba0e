"""The picture of a run: loss as it was and smoothed, learning rates by module, what evaluations found; from metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.errors import MissingExtra
from georsmllm.jsonl import replacing

from .sinks import read_journal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by colour-blind eyes."""
WINDOW = 20
"""Logs that the smoothed loss is the mean of, or a tenth of all where that is less."""
OVERALL = "all tasks"


class Series(NamedTuple):
    """Values of one name by step."""

    steps: list[float]
    values: list[float]


def series(events: Sequence[Mapping[str, float | None]], prefix: str) -> dict[str, Series]:
    """Of the names that begin so, without the prefix; what was not a number is left out."""
    found: dict[str, Series] = {}
    for event in events:
        step = event["step"]
        for name, value in event.items():
            if name.startswith(prefix) and value is not None and step is not None and math.isfinite(value):
                line = found.setdefault(name.removeprefix(prefix), Series([], []))
                line.steps.append(step)
                line.values.append(value)
    return found


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The mean over about that many values around each, fewer at the ends."""
    sums, num, reach = [0.0, *accumulate(values)], len(values), window // 2
    ends = ((max(0, at - reach), min(num, at + reach + 1)) for at in range(num))
    return [(sums[end] - sums[start]) / (end - start) for start, end in ends]


def draw(journal: Path, picture: Path, *, title: str) -> None:
    """The PNG of a journal; the same journal gives the same bytes. Raises MissingExtra."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtra("matplotlib", "train", "the picture of a run's loss") from None
    events = read_journal(journal)
    panels = list(_panels(events))
    figure = Figure(figsize=(9, 1.2 + 2.6 * len(panels)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for one, (name, lines) in zip(axes, panels, strict=True):
        if name == "loss":
            _loss(one, lines)
        else:
            _lines(one, name, lines)
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("step")
    with replacing(picture) as out:
        figure.savefig(out, format="png", metadata={"Software": None})


def _panels(events: Sequence[Mapping[str, float | None]]) -> Iterator[tuple[str, dict[str, Series]]]:
    """What there is to draw, in this order; the loss always."""
    yield "loss", {"loss": series(events, "").get("loss", Series([], []))}
    rates = series(events, "learning_rate/")
    if rates:
        yield "learning rate", rates
    tasks = series(events, "eval/value/")
    overall = series(events, "eval/").get("value")
    if overall:
        if verdicts := _completed(series(events, "eval/verdict/"), overall.steps):
            yield "share of answers", verdicts
        yield "score", {OVERALL: overall} | (tasks if len(tasks) > 1 else {})


def _completed(verdicts: Mapping[str, Series], steps: list[float]) -> dict[str, Series]:
    """A verdict that an evaluation does not name was nobody's."""
    found = {name: dict(zip(*line, strict=True)) for name, line in verdicts.items()}
    return {name: Series(steps, [shares.get(step, 0.0) for step in steps]) for name, shares in found.items()}


def _loss(axes: Axes, lines: Mapping[str, Series]) -> None:
    line = lines["loss"]
    window = max(1, min(WINDOW, len(line.values) // 10))
    axes.plot(
        line.steps, line.values, color=COLOURS[0], alpha=0.35 if window > 1 else 1, linewidth=1, label="as logged"
    )
    if window > 1:
        axes.plot(line.steps, smoothed(line.values, window), color=COLOURS[0], linewidth=2, label=f"mean over {window}")
    positive = [value for value in line.values if value > 0]
    if positive and max(positive) > 50 * min(positive):  # near zero only a logarithm shows what still happens
        axes.set_yscale("log")
    axes.set_ylabel("loss")
    if line.values:
        axes.legend(frameon=False, loc="upper right")


def _lines(axes: Axes, name: str, lines: Mapping[str, Series]) -> None:
    is_rate = name == "learning rate"
    alike: dict[tuple[float, ...], list[str]] = {}  # lines that lie on one another are one
    for label in sorted(lines, key=lambda label: (-lines[label].values[-1], label != OVERALL, label)):
        alike.setdefault(tuple(lines[label].values), []).append(label)
    for number, (values, labels) in enumerate(alike.items()):
        is_all = OVERALL in labels
        axes.plot(
            lines[labels[0]].steps,
            values,
            color="black" if is_all else COLOURS[number % len(COLOURS)],
            linestyle="-" if is_all or number < len(COLOURS) else "--",
            linewidth=2.5 if is_all else 1.5,
            marker="" if is_rate else "o",
            markersize=3,
            label=fill(", ".join(labels), 24) + (f": up to {max(values):.1e}" if is_rate else ""),
        )
    axes.set_ylabel(name)
    axes.set_ylim(bottom=0)
    if is_rate:
        axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    else:
        axes.set_ylim(0, 1.03)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
