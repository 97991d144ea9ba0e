"""Useful tokens a second of padded, grouped and packed batches, and what waiting for them costs.

    python benchmarks/packing.py [--rows 600] [--steps 6] [--rounds 3] [--model demo] [--set DIR] [--workers 2]

One small model, one set of mixed records (text alone, one image, two; answers of 1 to 60 boxes), the same training step
(forward, backward, AdamW). A packed row holds as many tokens as the padded batch has on average, so that a step reads
about as many samples everywhere. The three take turns in every round. Useful tokens are those of samples, padding is none.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from big_set import record, write_lines
from PIL import Image

from georsmllm.model import load, tiny
from georsmllm.model.tokens import IGNORED, Chat
from georsmllm.model.views import Views
from georsmllm.pointtext import encode
from georsmllm.train import batches
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.collate import Batch
from georsmllm.train.plan import Facts, Settings, make_plan
from georsmllm.train.recipe import Data, Source
from georsmllm.train.samples import Samples, gather
from georsmllm.types import Message, Record, rbox

ROWS = 8
SIDE = 336
KINDS = ("padded", "grouped", "packed")


class Side(NamedTuple):
    """A way to make batches, at work."""

    facts: Facts
    batches: Iterator[Batch]
    loader: torch.utils.data.DataLoader[Batch]


def mixed(number: int, rng: Random) -> Record:
    """A record with none, one or two images, and an answer of 1 to 60 boxes, most of them short."""
    plain = record(number, rng)
    images = (0, 1, 1, 1, 1, 2)[number % 6]
    boxes = [(rng.randrange(900), rng.randrange(900)) for _ in range(min(60, int(rng.lognormvariate(1.5, 1.2)) + 1))]
    answer = encode([rbox(((x, y), (x + 60, y), (x + 60, y + 40), (x, y + 40))) for x, y in boxes], (1024, 1024))
    view = replace(plain.provenance.views[0], width=SIDE, height=SIDE, window=())
    question = plain.messages[0].content.removeprefix("<image>\n")
    return replace(
        plain,
        images=tuple(f"images/{(number + i) % 97}.jpg" for i in range(images)),
        messages=(Message("user", "<image>\n" * images + question), Message("assistant", answer)),
        provenance=replace(plain.provenance, views=(view,) * images),
    )


def write_mixed(folder: Path, rows: int) -> Path:
    rng, noise = Random(0), np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for number in range(97):
        coarse = Image.fromarray(noise.integers(0, 256, (24, 24, 3), np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / "images" / f"{number}.jpg", quality=90)
    return write_lines(folder, (msgspec.json.encode(mixed(number, rng)) + b"\n" for number in range(rows)), rows)


def sides(samples: Samples, model: Path, workers: int) -> dict[str, Side]:
    chat, views = Chat.of_folder(model), Views.of_folder(model)
    row_length = max(int(samples.tokens.max()), int(ROWS * samples.tokens.mean()))
    found = {}
    for kind in KINDS:
        settings = Settings(
            batching=kind, row_length=row_length, rows=1 if kind == "packed" else ROWS, accumulation=1, world=1,
            epochs=1.0, max_steps=None, seed=0,
        )  # fmt: skip
        plan = make_plan(samples.tokens, samples.weights, settings)
        loader = batches.loader(samples, plan, chat, views, rank=0, num_workers=workers)
        found[kind] = Side(plan.facts(samples.tokens, samples.crops), cycle(loader), loader)
    return found


def tokens_of(batch: Batch) -> tuple[int, int]:
    """Useful and supervised tokens."""
    labels, positions = batch["labels"], batch.get("position_ids")
    mask = batch.get("attention_mask")
    assert isinstance(labels, torch.Tensor)
    useful = int(mask.sum()) if isinstance(mask, torch.Tensor) else labels.numel()
    assert positions is None or labels.shape[0] == 1, "one packed row has no padding"
    return useful, int((labels != IGNORED).sum())


class Timed(NamedTuple):
    seconds: float
    waited: float
    useful: int
    supervised: int


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, source: Iterator[Batch], steps: int) -> Timed:
    waited = useful = supervised = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(source)
        waited += time.perf_counter() - asked
        counts = tokens_of(batch)
        useful, supervised = useful + counts[0], supervised + counts[1]
        model(**{key: value for key, value in batch.items() if key != "samples"}).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return Timed(time.perf_counter() - start, waited, int(useful), int(supervised))


def loading_s(side: Side, count: int) -> float:
    """Seconds a batch of the loader alone."""
    start = time.perf_counter()
    made = sum(1 for _ in islice(side.loader, count))
    return (time.perf_counter() - start) / made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--steps", type=int, default=6, help="of each side in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", choices=("mini", "demo"), default="demo")
    parser.add_argument("--set", type=Path, help="in the place of the one made here")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        below = Path(temporary)
        folder = options.set or write_mixed(below / "set", options.rows)
        start = tiny.make(options.model, below / "model")
        samples = gather(
            Data(sources=(Source(path=str(folder)),), max_length=8192),
            Chat.of_folder(start), Views.of_folder(start).anyres, out=below / "out",
        )  # fmt: skip
        measure(samples, start, options)


def measure(samples: Samples, start: Path, options: argparse.Namespace) -> None:
    low, middle, high = np.percentile(samples.tokens, (5, 50, 95))
    print(f"{len(samples):,} samples of {low:.0f}, {middle:.0f}, {high:.0f} tokens (5 %, median, 95 %)\n")
    model = load.model(start, dtype="float32", attn_implementation="sdpa").train()
    attend_by_sample(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    made = sides(samples, start, options.workers)
    for side in made.values():
        train(model, optimizer, side.batches, 2)
    runs: dict[str, list[Timed]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind, side in made.items():
            runs[kind].append(train(model, optimizer, side.batches, options.steps))
    rate = {kind: max(run.useful / run.seconds for run in its) for kind, its in runs.items()}
    print("| batches | useful tokens/s | of padded | supervised tokens/s | padding | waited | loader alone / step |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, its in runs.items():
        best = max(its, key=lambda run: run.useful / run.seconds)
        steps_s = sum(run.seconds - run.waited for run in its) / (options.rounds * options.steps)
        waited = sum(run.waited for run in its) / sum(run.seconds for run in its)
        alone = loading_s(made[kind], 20)
        print(
            f"| {kind} | {rate[kind]:,.0f} | {rate[kind] / rate['padded']:.2f} | {best.supervised / best.seconds:,.0f} "
            f"| {made[kind].facts.padding:.1%} | {waited:.1%} | {alone / steps_s:.1%} |",
            flush=True,
        )
    packed = made["packed"].facts
    print(f"\nfill of packed rows {packed.fill:.1%}, {packed.rows:,} rows")


if __name__ == "__main__":
    main()
