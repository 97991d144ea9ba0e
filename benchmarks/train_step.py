"""What our trainer adds to a training step: against a bare loop over the same model, weights and batches.

    python benchmarks/train_step.py [--model demo] [--steps 40] [--rounds 3] [--records 200]

The batches lie in memory, packed; forward, backward, clipping, AdamW and schedule are the same arithmetic on every side.
"bare" computes logits where something is learnt, as ours does, so that the difference is what the Trainer, agreement between
processes, and measuring cost; "bare, all logits" is the loop that people write. The sides take turns in every round. A step
is from batch to batch, and the median counts; CPU seconds are those of the process, which other work on the machine disturbs
least. Logged every 10 steps, nothing saved.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from packing import write_mixed
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from georsmllm.contracts import Score
from georsmllm.model import spec, tiny
from georsmllm.model.tokens import IGNORED, Chat
from georsmllm.model.views import Views
from georsmllm.train import watch
from georsmllm.train.arguments import arguments_of, precision_of
from georsmllm.train.batches import MicroBatches
from georsmllm.train.building import build
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.collate import Batch
from georsmllm.train.counting import counter
from georsmllm.train.interruption import Interruption
from georsmllm.train.job import Job
from georsmllm.train.plan import Settings, make_plan
from georsmllm.train.ranks import ALONE, Ranks
from georsmllm.train.recipe import Data, Model, Source, Stage, TrainRecipe
from georsmllm.train.samples import gather
from georsmllm.train.throughput import Stopwatch
from georsmllm.train.trainer import Course, StageTrainer, supervised_only
from georsmllm.types import Record

SIDES = ("bare", "ours", "bare, all logits")


class Times(NamedTuple):
    wall_s: float
    cpu_s: float


@dataclass
class Clocked:
    """Batches in memory that note when each is fetched."""

    batches: list[Batch]
    at: list[Times] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Batch:
        self.at.append(Times(time.perf_counter(), time.process_time()))
        return self.batches[number]

    def loader(self) -> DataLoader[Batch]:
        return DataLoader(self, batch_size=1, collate_fn=lambda one: one[0])

    def steps(self) -> list[Times]:
        """The first ones make the optimizer's state."""
        return [Times(b.wall_s - a.wall_s, b.cpu_s - a.cpu_s) for a, b in zip(self.at[2:], self.at[3:], strict=False)]


def unscored(record: Record, text: str) -> Score:
    raise AssertionError(f"nothing is evaluated here, {record.id}: {text}")


def ours(model: torch.nn.Module, clocked: Clocked, job: Job, count) -> None:
    stage = job.recipe.stages[0]
    waiting = Stopwatch()
    watched = watch.Watched(
        folder=job.out, stage=stage.name, waiting=waiting, count=count, say=job.say, is_watched=False, ranks=job.ranks
    )
    course = Course(
        loader=clocked.loader(), waiting=waiting, describe=str, rate=stage.rate, epochs=float, keep=1, ranks=job.ranks,
        interruption=Interruption(),
    )  # fmt: skip
    arguments = arguments_of(job, stage, job.out, len(clocked))
    arguments.save_strategy = "no"
    StageTrainer(model, arguments, course, callbacks=watch.callbacks(watched)).train()


def bare(model: torch.nn.Module, clocked: Clocked, *, is_lean: bool) -> None:
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, 1, len(clocked))
    model.train()
    for batch in clocked.loader():
        num_items = int((batch["labels"] != IGNORED).sum())
        inputs = supervised_only(batch) if is_lean else {key: one for key, one in batch.items() if key != "samples"}
        loss = model(**inputs, num_items_in_batch=torch.tensor(num_items)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def measured(below: Path, name: str, *, steps: int, records: int, rounds: int) -> dict[str, list[Times]]:
    source = write_mixed(below / "set", records)
    start = tiny.make(name, below / "start")
    stage = Stage(name="all", learning_rate=1e-4, max_steps=steps)
    recipe = TrainRecipe(
        model=Model(path=str(start)), data=Data(sources=(Source(path=str(source)),), max_length=4096), stages=(stage,),
        bf16=False, gradient_checkpointing=False, logging_steps=10, report_to=(),
    )  # fmt: skip
    chat, views = Chat.of_folder(start), Views.of_folder(start)
    samples = gather(recipe.data, chat, views.anyres, out=below)
    settings = Settings(
        batching="packed", row_length=4096, rows=1, accumulation=1, world=1, epochs=1.0, max_steps=steps, seed=0
    )
    plan = make_plan(samples.tokens, samples.weights, settings)
    every = MicroBatches(samples, plan, chat, views, rank=0)
    held = [every[number] for number in range(len(plan))]
    job = Job(
        recipe=recipe, out=below / "out", ranks=Ranks(ALONE), deepspeed=None, say=lambda _: None, is_watched=False,
        scorer=unscored,
    )  # fmt: skip
    job.out.mkdir()
    count = counter(plan, samples, spec.of_folder(start), stage)
    found: dict[str, list[Times]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            model = build(start, stage, precision_of(job), seed=0)
            attend_by_sample(model)
            clocked = Clocked(held)
            if side == "ours":
                ours(model, clocked, job, count)
            else:
                bare(model, clocked, is_lean=side == "bare")
            found[side] += clocked.steps()
    return found


def rows(found: dict[str, list[Times]]) -> Iterator[str]:
    base = Times(*(statistics.median(column) for column in zip(*found["bare"], strict=True)))
    for side, times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        over = f"{wall / base.wall_s - 1:+.1%} wall, {cpu / base.cpu_s - 1:+.1%} CPU"
        yield f"{side:18} {wall * 1e3:9.1f} ms wall {cpu * 1e3:9.1f} ms CPU   {over}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as below:
        found = measured(Path(below), args.model, steps=args.steps, records=args.records, rounds=args.rounds)
    for row in rows(found):
        print(row)


if __name__ == "__main__":
    main()
