"""One stage from its start to its final model: data, model and Trainer brought together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from georsmllm.model import spec

from . import checkpoints, evaluate, stages, watch
from .arguments import arguments_of, precision_of
from .building import build
from .by_sample import attend_by_sample
from .counting import counter
from .everywhere import keep_vision_in_step
from .finals import save_final
from .interruption import Interruption, interruption
from .job import FINAL, Job, stage_folder
from .lesson import Lesson, lesson_of, starting_model
from .recipe import Stage
from .throughput import Stopwatch
from .trainer import Course, StageTrainer, Stopped
from .trouble import OwnTrouble, is_lost_worker, is_no_room, lost_worker, no_room

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration

    Model: TypeAlias = "LlavaOnevisionForConditionalGeneration | PeftModel"


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """start: the folder of the model that the stage starts from. resumed: the checkpoint that it goes on from, if any."""

    job: Job
    stage: Stage
    folder: Path
    start: Path
    lesson: Lesson
    resumed: Path | None


def teach(job: Job, number: int) -> int | None:
    """Train a stage to its end, `final/`; the step of the checkpoint that was saved where it was asked to stop before."""
    run = _prepared(job, number)
    arguments = arguments_of(
        job, run.stage, run.folder, run.lesson.plan.steps
    )  # before the model: ZeRO-3 cuts as it loads
    waiting = Stopwatch()
    watching = _callbacks(run, waiting)  # an evaluation that cannot be is said before the model is loaded
    trainer: StageTrainer | None = None
    try:
        try:
            model = _model(run)
            with interruption() as asked:
                trainer = StageTrainer(model, arguments, _course(run, waiting, asked), callbacks=watching)
                trainer.train(resume_from_checkpoint=None if run.resumed is None else str(run.resumed))
        except Stopped as stopped:
            return stopped.step
        finally:
            for one in watching:
                one.close()
    except (RuntimeError, ConnectionError) as error:  # a lost worker is one or the other, and also heard of in a close
        told = _explained(error, run, None if trainer is None else trainer.micro)
        if told is None:
            raise
        raise told from error
    save_final(trainer, run.stage, run.start, run.folder / FINAL, is_bf16=job.recipe.bf16)
    return None


def _explained(error: Exception, run: StageRun, micro: int | None) -> OwnTrouble | None:
    """An error of PyTorch's as one line, where it has a cause that a person can mend. micro: what was computed, None while the
    model was loaded."""
    if is_lost_worker(error):
        return OwnTrouble(lost_worker(error, run.job.recipe.data.dataloader_num_workers))
    if not is_no_room(error):
        return None
    plan, samples = run.lesson.plan, run.lesson.samples
    what = "the model itself"
    if micro is not None:
        what = run.lesson.describe(run.job.ranks.rank, min(micro, len(plan) - 1))
    return OwnTrouble(no_room(run.job, run.stage, plan.facts(samples.tokens, samples.crops), what))


def _prepared(job: Job, number: int) -> StageRun:
    stage, folder = job.recipe.stages[number - 1], stage_folder(job.recipe, job.out, number)
    with job.ranks.first() as is_first:
        if is_first:
            folder.mkdir(exist_ok=True)
            checkpoints.clear(folder)
    start = starting_model(job, number)
    lesson = lesson_of(job, stage, start)
    resumed = checkpoints.newest(folder, world=job.ranks.size)
    return StageRun(job=job, stage=stage, folder=folder, start=start, lesson=lesson, resumed=resumed)


def _model(run: StageRun) -> Model:
    recipe, plan = run.job.recipe, run.lesson.plan
    attention = recipe.model.attn_implementation
    model = build(run.start, run.stage, precision_of(run.job), attn_implementation=attention, seed=recipe.seed)
    plain = model.get_base_model() if run.stage.lora is not None else model
    if recipe.data.batching == "packed" and attention == "sdpa":
        attend_by_sample(plain)
    if run.job.ranks.size > 1 or "llm" not in run.stage.train:  # of words alone, nothing else would learn
        keep_vision_in_step(plain)
    going_on = f", goes on from {run.resumed}" if run.resumed is not None else ""
    run.job.say(f"stage {run.stage.name}: learns {stages.said(stages.counts(model))}")
    run.job.say(f"stage {run.stage.name}: {len(run.lesson.samples):,} samples, {plan.steps:,} steps{going_on}")
    return model


def _course(run: StageRun, waiting: Stopwatch, asked: Interruption) -> Course:
    ranks, lesson = run.job.ranks, run.lesson
    return Course(
        loader=lesson.loader(run.job),
        waiting=waiting,
        describe=lambda micro: lesson.describe(ranks.rank, micro),
        rate=run.stage.rate,
        epochs=lesson.plan.epoch_of,
        keep=run.job.recipe.save_total_limit,
        ranks=ranks,
        interruption=asked,
    )


def _callbacks(run: StageRun, waiting: Stopwatch) -> list[watch.Watch]:
    job, lesson = run.job, run.lesson
    watched = watch.Watched(
        folder=run.folder,
        stage=run.stage.name,
        waiting=waiting,
        count=counter(lesson.plan, lesson.samples, spec.of_folder(run.start), run.stage),
        say=job.say,
        is_watched=job.is_watched,
        ranks=job.ranks,
        report_to=job.recipe.report_to,
        config=msgspec.to_builtins(job.recipe),
    )
    evaluation = evaluate.of_recipe(
        job.recipe, chat=lesson.chat, views=lesson.views, scorer=job.scorer, ranks=job.ranks, folder=run.folder
    )
    every = job.recipe.eval.eval_steps if job.recipe.eval is not None else None
    return watch.callbacks(watched, evaluate=evaluation, eval_steps=every)
