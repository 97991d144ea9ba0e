"""One stage from its start to its final model: data, model and Trainer brought together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
from torch.utils.data import DataLoader

from georsmllm.model import adapters, load, spec, tiny
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views

from . import batches, checkpoints, evaluate, reading, stages, watch
from .arguments import arguments_of, precision_of
from .building import build
from .by_sample import attend_by_sample
from .claims import claim_sources
from .collate import Batch
from .counting import counter
from .everywhere import keep_vision_in_step
from .finals import save_final
from .interruption import interruption
from .job import FINAL, Job, stage_folder, start_folder
from .plan import Plan, Settings, make_plan
from .recipe import Stage
from .samples import Samples, gather
from .throughput import Stopwatch
from .trainer import Course, StageTrainer, Stopped
from .trouble import OwnTrouble, no_room

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration


def starting_model(job: Job, number: int) -> Path:
    """The folder of the whole model that a stage starts from; made by the first process where it is not there yet."""
    recipe = job.recipe
    start = start_folder(recipe, job.out, number)
    with job.ranks.first() as is_first:
        if isinstance(start, str):
            return load.resolve(start)
        if is_first and not start.exists() and number > 1:
            job.say(f"merging the adapters of stage {recipe.stages[number - 2].name}: {start}")
            adapters.merge(stage_folder(recipe, job.out, number - 1) / FINAL, start)
        if is_first and not start.exists():
            assert recipe.model.tiny is not None  # a recipe has one of the two
            job.say(f"making the tiny model {recipe.model.tiny!r}: {start}")
            tiny.make(recipe.model.tiny, start, texts=reading.texts(recipe.data), seed=recipe.seed)
    return start


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a stage learns from, and how it is read."""

    samples: Samples
    plan: Plan
    chat: Chat
    views: Views

    def describe(self, rank: int, micro: int) -> str:
        """A micro-batch in words: its records with their places, and its size."""
        members = [sample for row in self.plan.batch(rank, micro) for sample in row]
        named = []
        for sample in members[:3]:
            source, number = self.samples.find(sample)
            named.append(f"{source.conversation(number).id} ({source.place(number)})")
        more = f" and {len(members) - 3} more" if len(members) > 3 else ""
        tokens, crops = (int(column[members].sum()) for column in (self.samples.tokens, self.samples.crops))
        return f"micro-batch {micro} of process {rank}: {', '.join(named)}{more}; {tokens} tokens, {crops} crops"

    def loader(self, job: Job) -> DataLoader[Batch]:
        """Of this process."""
        return batches.loader(
            self.samples,
            self.plan,
            self.chat,
            self.views,
            rank=job.ranks.rank,
            num_workers=job.recipe.data.dataloader_num_workers,
            is_flat=job.recipe.model.attn_implementation == "flash_attention_2",
        )


def lesson_of(job: Job, stage: Stage, start: Path) -> Lesson:
    """The samples of a stage, measured by the first process, and the plan that all of them follow."""
    recipe, ranks = job.recipe, job.ranks
    chat, views = Chat.of_folder(start), Views.of_folder(start)
    with ranks.first() as is_first:
        samples = gather(recipe.data, chat, views.anyres, out=job.out)
        if is_first:
            prints = {name: source.fingerprint for name, source in zip(samples.names, samples.sources, strict=True)}
            claim_sources(job.out, prints)
    own = samples.of(stage.sources)
    settings = Settings(
        batching=recipe.data.batching,
        row_length=recipe.data.row_length,
        rows=stage.per_device_train_batch_size,
        accumulation=stage.gradient_accumulation_steps,
        world=ranks.size,
        epochs=stage.num_train_epochs,
        max_steps=stage.max_steps,
        seed=recipe.seed,
    )
    plan = make_plan(own.tokens, own.weights, settings)
    return Lesson(samples=own, plan=plan, chat=chat, views=views)


def teach(job: Job, number: int) -> int | None:
    """Train a stage to its end, `final/`; the step of the checkpoint that was saved where it was asked to stop before."""
    stage, folder = job.recipe.stages[number - 1], stage_folder(job.recipe, job.out, number)
    with job.ranks.first() as is_first:
        if is_first:
            folder.mkdir(exist_ok=True)
            checkpoints.clear(folder)
    start = starting_model(job, number)
    lesson = lesson_of(job, stage, start)
    resumed = checkpoints.newest(folder, world=job.ranks.size)
    arguments = arguments_of(job, stage, folder, lesson.plan.steps)  # before the model: ZeRO-3 shards as it loads
    model = build(
        start,
        stage,
        precision_of(job),
        attn_implementation=job.recipe.model.attn_implementation,
        seed=job.recipe.seed,
    )
    _tell(job, stage, lesson, model, resumed)
    plain = model.get_base_model() if stage.lora is not None else model
    if job.recipe.data.batching == "packed" and job.recipe.model.attn_implementation == "sdpa":
        attend_by_sample(plain)
    if job.ranks.size > 1:
        keep_vision_in_step(plain)
    waiting = Stopwatch()
    with interruption() as asked:
        course = Course(
            loader=lesson.loader(job),
            waiting=waiting,
            describe=lambda micro: lesson.describe(job.ranks.rank, micro),
            rate=stage.rate,
            epochs=lesson.plan.epoch_of,
            keep=job.recipe.save_total_limit,
            ranks=job.ranks,
            interruption=asked,
        )
        watching = _callbacks(job, stage, lesson, start, folder, waiting)
        trainer = StageTrainer(model, arguments, course, callbacks=watching)
        try:
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        except Stopped as stopped:
            return stopped.step
        except torch.OutOfMemoryError as error:
            batch = lesson.describe(job.ranks.rank, trainer.micro)
            facts = lesson.plan.facts(lesson.samples.tokens, lesson.samples.crops)
            raise OwnTrouble(no_room(job, stage, facts, batch)) from error
        finally:
            for one in watching:
                one.close()
        save_final(trainer, stage, start, folder / FINAL, is_bf16=job.recipe.bf16)
    return None


def _callbacks(
    job: Job, stage: Stage, lesson: Lesson, start: Path, folder: Path, waiting: Stopwatch
) -> list[watch.Watch]:
    watched = watch.Watched(
        folder=folder,
        stage=stage.name,
        waiting=waiting,
        count=counter(lesson.plan, lesson.samples, spec.of_folder(start), stage),
        say=job.say,
        is_watched=job.is_watched,
        ranks=job.ranks,
        report_to=job.recipe.report_to,
        config=msgspec.to_builtins(job.recipe),
    )
    evaluation = evaluate.of_recipe(
        job.recipe, chat=lesson.chat, views=lesson.views, scorer=job.scorer, ranks=job.ranks, folder=folder
    )
    every = job.recipe.eval.eval_steps if job.recipe.eval is not None else None
    return watch.callbacks(watched, evaluate=evaluation, eval_steps=every)


def _tell(
    job: Job,
    stage: Stage,
    lesson: Lesson,
    model: LlavaOnevisionForConditionalGeneration | PeftModel,
    resumed: Path | None,
) -> None:
    plan = lesson.plan
    job.say(f"stage {stage.name}: learns {stages.said(stages.counts(model))}")
    job.say(
        f"stage {stage.name}: {len(lesson.samples):,} samples, {plan.steps:,} steps"
        + (f", goes on from {resumed}" if resumed else "")
    )
