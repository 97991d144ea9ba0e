"""Our trainer against TRL's SFTTrainer: the same model, weights, records, micro-batch and precision, one epoch each.

    python benchmarks/trl_train.py [--size demo] [--records 192] [--rows 8] [--rounds 3] [--set DIR] [--method full|lora]

TRL (1.16) packs no data that has images, so its batches are padded; ours are padded, grouped by length, and packed (a packed
row has as many tokens as a padded batch has on average, so that a step reads about as many samples everywhere). The sides
take turns in every round; each reads all records once. A bare loop over our packed batches says what our trainer adds to a
step. Useful tokens are those of samples, counted alike for all. The device is the GPU where there is one
(CUDA_VISIBLE_DEVICES= for the CPU), in bf16 there; with --size 0.5b that is the published 0.5B layout with random weights.
On a CPU that does other work, too, read the last column. Needs `pip install trl datasets`.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from packing import write_mixed
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_utils import SaveStrategy

from georsmllm.model import load, spec, tiny
from georsmllm.model.tokens import MARKER, Chat
from georsmllm.model.views import Views
from georsmllm.rng import rng
from georsmllm.train import batches, stages
from georsmllm.train.arguments import arguments_of, precision_of
from georsmllm.train.building import build
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.counting import counter
from georsmllm.train.interruption import Interruption
from georsmllm.train.job import Job
from georsmllm.train.plan import Plan, Settings, make_plan
from georsmllm.train.ranks import ALONE, Ranks
from georsmllm.train.recipe import Data, Lora, Model, Source, Stage, TrainRecipe
from georsmllm.train.samples import Samples, gather
from georsmllm.train.throughput import Stopwatch, peak_flops
from georsmllm.train.trainer import Course, StageTrainer
from georsmllm.train.watch import Watched, callbacks

SIDES = ("TRL padded", "ours padded", "ours grouped", "ours packed", "bare loop, packed")
GIB = 2**30
LORA = Lora(r=16, alpha=32, dropout=0.0)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all sides have in common."""

    start: Path
    out: Path
    job: Job
    samples: Samples
    rows: int
    workers: int

    @property
    def stage(self) -> Stage:
        return self.job.recipe.stages[0]


class Timed(NamedTuple):
    """cpu: seconds of this process on all cores (not of its workers), which other work on the machine does not lengthen.
    peak: GiB of GPU memory, 0 on a CPU. loss: the mean of all steps."""

    seconds: float
    cpu: float
    steps: int
    peak: float
    loss: float


class Clock(TrainerCallback):
    """From the first step's beginning to the last one's end; batches that were asked for before it began are few."""

    def __init__(self) -> None:
        self.start = self.end = (0.0, 0.0)
        self.loss = 0.0

    def on_step_begin(self, _args, state, _control, **_rest):
        if state.global_step == 0:
            self.start = now()

    def on_step_end(self, _args, state, _control, **_rest):
        if state.global_step == state.max_steps:
            self.end = now()

    def on_log(self, _args, _state, _control, logs, **_rest):
        self.loss = logs.get("train_loss", self.loss)


def now() -> tuple[float, float]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def run(trainer, clock: Clock) -> Timed:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    peak = torch.cuda.max_memory_allocated() / GIB if torch.cuda.is_available() else 0.0
    seconds, cpu = (end - start for end, start in zip(clock.end, clock.start, strict=True))
    return Timed(seconds, cpu, trainer.state.global_step, peak, clock.loss)


class Lesson(NamedTuple):
    plan: Plan
    loader: torch.utils.data.DataLoader
    model: torch.nn.Module


def lesson(ground: Ground, batching: str) -> Lesson:
    """Batches and model of ours."""
    chat, views = Chat.of_folder(ground.start), Views.of_folder(ground.start)
    tokens = ground.samples.tokens
    settings = Settings(
        batching=batching, row_length=max(int(tokens.max()), int(ground.rows * tokens.mean())),
        rows=1 if batching == "packed" else ground.rows, accumulation=1, world=1, epochs=1.0, max_steps=None, seed=0,
    )  # fmt: skip
    plan = make_plan(tokens, ground.samples.weights, settings)
    loader = batches.loader(ground.samples, plan, chat, views, rank=0, num_workers=ground.workers)
    model = built(ground)
    if batching == "packed":
        attend_by_sample(model.get_base_model() if ground.stage.lora is not None else model)
    return Lesson(plan, loader, model)


def built(ground: Ground) -> torch.nn.Module:
    """The model that every side begins with."""
    return build(ground.start, ground.stage, precision_of(ground.job), attn_implementation="sdpa", seed=0)


def ours(ground: Ground, batching: str) -> Timed:
    """As `georsmllm train` does it, what is watched and logged included."""
    plan, loader, model = lesson(ground, batching)
    arguments = arguments_of(ground.job, ground.stage, ground.out, plan.steps)
    arguments.save_strategy = SaveStrategy.NO
    waiting = Stopwatch()
    watched = Watched(
        folder=ground.out / batching, stage=batching, say=quiet, is_watched=False, waiting=waiting, report_to=("tensorboard",),
        count=counter(plan, ground.samples, spec.of_folder(ground.start), ground.stage),
    )  # fmt: skip
    course = Course(
        loader=loader, waiting=waiting, describe=str, rate=ground.stage.rate, epochs=plan.epoch_of, keep=1,
        ranks=Ranks(ALONE), interruption=Interruption(),
    )  # fmt: skip
    clock = Clock()
    return run(StageTrainer(model, arguments, course, callbacks=[clock, *callbacks(watched)]), clock)


def bare(ground: Ground, batching: str) -> Timed:
    """The loop of a textbook over our batches: forward, backward, clip, AdamW, schedule; no Trainer, nothing is logged."""
    plan, loader, model = lesson(ground, batching)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).train()
    if ground.job.recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4, weight_decay=0.0, fused=device.type == "cuda")
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.steps)
    total = torch.zeros((), device=device)
    start = None
    for batch in loader:
        start = start or now()  # the first batch is there, as in the other sides
        moved = {
            name: one.to(device, non_blocking=True) if isinstance(one, torch.Tensor) else one
            for name, one in batch.items()
            if name != "samples"
        }
        with torch.autocast(device.type, torch.bfloat16, enabled=ground.job.recipe.bf16):
            loss = model(**moved).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total += loss.detach()
    seconds, cpu = (end - begin for end, begin in zip(now(), start, strict=True))
    return Timed(seconds, cpu, plan.steps, 0.0, float(total) / plan.steps)


def trl(ground: Ground) -> Timed:
    """As TRL's documentation has it for images, prompt and completion; loss on the completion."""
    from trl import SFTConfig, SFTTrainer

    same = arguments_of(ground.job, ground.stage, ground.out / "trl", 1)
    kept = (
        "learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "optim", "bf16",
        "gradient_checkpointing", "gradient_checkpointing_kwargs", "logging_steps", "use_cpu", "seed",
    )  # fmt: skip
    arguments = SFTConfig(
        output_dir=str(ground.out / "trl"), num_train_epochs=1, per_device_train_batch_size=ground.rows, packing=False,
        max_length=None, save_strategy="no", report_to="none", disable_tqdm=True, dataloader_num_workers=ground.workers,
        dataloader_pin_memory=torch.cuda.is_available(), completion_only_loss=True,
        **{name: getattr(same, name) for name in kept},
    )  # fmt: skip
    clock = Clock()
    trainer = SFTTrainer(
        built(ground), arguments, train_dataset=dataset(ground.samples), processing_class=load.processor(ground.start),
        callbacks=[clock],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return run(trainer, clock)


def dataset(samples: Samples):
    """The records in TRL's form; images are opened when they are asked for."""
    import datasets

    rows = []
    for sample in range(len(samples)):
        source, number = samples.find(sample)
        record = source[number]
        said = [{"role": one.role, "content": one.content.replace(MARKER, "")} for one in record.messages]
        images = [str(source.folder / path) for path in record.images]
        rows.append({"prompt": said[:-1], "completion": said[-1:], "images": images})
    return datasets.Dataset.from_list(rows).cast_column("images", datasets.List(datasets.Image()))


def quiet(_: str) -> None:
    pass


def some(samples: Samples, count: int, *, max_crops: int) -> Samples:
    """So many samples, by chance; with images, which TRL's collator wants of every one in a batch."""
    fitting = [one for one in range(len(samples)) if 0 < samples.crops[one] <= max_crops]
    chosen = sorted(rng(0, "trl").sample(fitting, min(count, len(fitting))))
    columns = {one.name: getattr(samples, one.name) for one in fields(samples)}
    arrays = {name: value[chosen] for name, value in columns.items() if isinstance(value, np.ndarray)}
    return replace(samples, **arrays)


def ground_of(options: argparse.Namespace, folder: Path) -> Ground:
    made = options.set or write_mixed(folder / "set", 4 * options.records)
    data = Data(sources=(Source(path=str(made)),), max_length=options.max_length)
    start = tiny.make(options.size, folder / "start", texts=tiny.texts_of(made))
    stage = Stage(
        name="all", learning_rate=1e-4, lora=LORA if options.method == "lora" else None,
        train=("projector", "llm") if options.method == "lora" else ("projector", "llm", "vision"),
        per_device_train_batch_size=options.rows,
    )  # fmt: skip
    recipe = TrainRecipe(
        model=Model(path=str(start)), data=data, stages=(stage,), bf16=torch.cuda.is_available(),
        gradient_checkpointing=options.checkpointing, logging_steps=10,
    )  # fmt: skip
    job = Job(
        recipe=recipe, out=folder / "out", ranks=Ranks(ALONE), deepspeed=None, say=quiet, is_watched=False, scorer=None
    )
    chat, views = Chat.of_folder(start), Views.of_folder(start)
    samples = some(gather(data, chat, views.anyres, out=job.out), options.records, max_crops=options.max_crops)
    return Ground(start=start, out=job.out, job=job, samples=samples, rows=options.rows, workers=options.workers)


def table(ground: Ground, timed: dict[str, list[Timed]]) -> None:
    samples = ground.samples
    tokens, peak = int(samples.tokens.sum()), None
    if torch.cuda.is_available():
        peak = peak_flops(torch.cuda.get_device_name())
    adapted = ("llm",) if ground.stage.lora else ()
    flops = spec.of_folder(ground.start).flops(
        samples.tokens.tolist(), int(samples.crops.sum()), train=ground.stage.train, adapters=adapted,
        num_logits=int(samples.supervised.sum()),
    )  # fmt: skip
    print(
        "\n| side | steps | useful tokens/s | samples/s | MFU | peak GiB | times TRL's pace (least, most) | by CPU time |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for side, runs in timed.items():
        seconds = statistics.median(one.seconds for one in runs)
        ratios = sorted(theirs.seconds / one.seconds for theirs, one in zip(timed[SIDES[0]], runs, strict=True))
        by_cpu = statistics.median(theirs.cpu / one.cpu for theirs, one in zip(timed[SIDES[0]], runs, strict=True))
        use = f"{flops / seconds / peak:.1%}" if peak else "-"
        print(
            f"| {side} | {runs[0].steps} | {tokens / seconds:,.0f} | {len(samples) / seconds:.2f} | {use} | "
            f"{max(one.peak for one in runs):.1f} | {statistics.median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f}) | "
            f"{by_cpu:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tiny.NAMES, default="demo")
    parser.add_argument("--records", type=int, default=192)
    parser.add_argument("--rows", type=int, default=8, help="samples of a micro-batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-length", type=int, default=8192)
    parser.add_argument("--max-crops", type=int, default=37, help="records with more are left out")
    parser.add_argument("--method", choices=("full", "lora"), default="full")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", type=Path, help="a built set, in the place of the one made here")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        ground = ground_of(options, Path(temporary))
        sides: dict[str, Callable[[Ground], Timed]] = {
            SIDES[0]: trl,
            **{f"ours {kind}": partial(ours, batching=kind) for kind in ("padded", "grouped", "packed")},
            SIDES[-1]: lambda on: bare(on, "packed"),
        }
        if importlib.util.find_spec("trl") is None:
            raise SystemExit("this compares with TRL, which is not here: pip install trl datasets")
        device = (
            torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
        )
        tokens = ground.samples.tokens
        model = built(ground)
        print(f"{device}; {options.size}: {stages.said(stages.counts(model))}; {options.method}, rows {options.rows}")
        print(
            f"{len(tokens)} records: {tokens.min()} to {tokens.max()} tokens, mean {tokens.mean():.0f}, of which "
            f"{ground.samples.supervised.sum() / tokens.sum():.0%} supervised; {ground.samples.crops.mean():.1f} crops each"
        )
        del model
        warm = replace(ground, samples=some(ground.samples, 2 * options.rows, max_crops=options.max_crops))
        timed: dict[str, list[Timed]] = {side: [] for side in sides}
        for number in range(options.rounds + 1):
            for side, teach in sides.items():
                one = teach(ground if number else warm)
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                if number:
                    timed[side].append(one)
                    print(
                        f"round {number}, {side}: {one.seconds:.1f} s ({one.cpu:.1f} s of CPU), mean loss {one.loss:.3f}",
                        flush=True,
                    )
        table(ground, timed)


if __name__ == "__main__":
    main()
