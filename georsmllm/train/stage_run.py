"""One stage from its start to its final model: data, model and Trainer brought together."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainingArguments

from georsmllm.model import adapters, load, spec, tiny
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views

from . import batches, checkpoints, evaluate, stages, watch, zero
from .building import Precision, build
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
from .sources import open_source
from .trainer import Course, StageTrainer, Stopped
from .trouble import OwnTrouble

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration

_WORDS = 4000
"""Records whose words a tiny model's tokenizer learns."""


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
            tiny.make(recipe.model.tiny, start, texts=_texts(job), seed=recipe.seed)
    return start


def _texts(job: Job) -> list[str]:
    found: list[str] = []
    for one in job.recipe.data.sources:
        source = open_source(Path(one.path), one.split)
        numbers = range(min(_WORDS, len(source)))
        found += [message.content for number in numbers for message in source.conversation(number).messages]
    return found


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
    if job.ranks.size > 1:
        keep_vision_in_step(model.get_base_model() if stage.lora is not None else model)
    with interruption() as asked:
        course = Course(
            loader=lesson.loader(job),
            describe=lambda micro: lesson.describe(job.ranks.rank, micro),
            rate=stage.rate,
            epochs=lesson.plan.epoch_of,
            keep=job.recipe.save_total_limit,
            ranks=job.ranks,
            interruption=asked,
        )
        trainer = StageTrainer(model, arguments, course, callbacks=_callbacks(job, stage, lesson, start, folder))
        try:
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        except Stopped as stopped:
            return stopped.step
        except torch.OutOfMemoryError as error:
            raise OwnTrouble(_less(job, stage, lesson, trainer, error)) from None
        save_final(trainer, stage, start, folder / FINAL, is_bf16=job.recipe.bf16)
    return None


def precision_of(job: Job) -> Precision:
    return Precision(job.recipe.bf16, masters=job.deepspeed is not None)


def arguments_of(job: Job, stage: Stage, folder: Path, num_steps: int) -> TrainingArguments:
    """A stage in the Trainer's words. What it would do itself (logging, keeping checkpoints, dealing out data) is off."""
    recipe, on_gpu = job.recipe, torch.cuda.is_available()
    found = zero.suited(job.deepspeed, on_gpu=on_gpu) if job.deepspeed is not None else None
    offloads = found is not None and zero.facts(found).offloads
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=num_steps,
        per_device_train_batch_size=stage.per_device_train_batch_size,
        gradient_accumulation_steps=stage.gradient_accumulation_steps,
        learning_rate=stage.learning_rate,
        lr_scheduler_type=stage.lr_scheduler_type,
        warmup_steps=math.ceil(stage.warmup_ratio * num_steps),
        weight_decay=stage.weight_decay,
        adam_beta1=stage.adam_beta1,
        adam_beta2=stage.adam_beta2,
        max_grad_norm=stage.max_grad_norm,
        neftune_noise_alpha=stage.neftune_noise_alpha,
        optim="adamw_torch_fused" if on_gpu and not offloads else "adamw_torch",
        bf16=recipe.bf16,
        gradient_checkpointing=recipe.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recipe.gradient_checkpointing else None,
        save_steps=recipe.save_steps,
        logging_steps=recipe.logging_steps,
        logging_nan_inf_filter=False,  # it would write the average in a NaN's place
        disable_tqdm=True,
        report_to="none",
        seed=recipe.seed,
        use_cpu=not on_gpu,
        deepspeed=copy.deepcopy(found),  # "auto" is filled in, for each stage anew
        ddp_find_unused_parameters=False,
        average_tokens_across_devices=True,
        remove_unused_columns=False,
        restore_callback_states_from_checkpoint=False,
    )


def _callbacks(job: Job, stage: Stage, lesson: Lesson, start: Path, folder: Path) -> list[watch.Watch]:
    watched = watch.Watched(
        folder=folder,
        stage=stage.name,
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
    return watch.callbacks(watched, evaluate=evaluation, eval_steps=job.recipe.eval and job.recipe.eval.eval_steps)


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


def _less(job: Job, stage: Stage, lesson: Lesson, trainer: StageTrainer, error: torch.OutOfMemoryError) -> str:
    """What did not fit, and what to lower."""
    facts = lesson.plan.facts(lesson.samples.tokens, lesson.samples.crops)
    rows = stage.per_device_train_batch_size
    ways = [
        *([f"per_device_train_batch_size (now {rows}; gradient_accumulation_steps in its place)"] if rows > 1 else []),
        f"data.pack_length and data.max_length (now {job.recipe.data.row_length} and {job.recipe.data.max_length})",
    ]
    further = [
        *(["gradient_checkpointing=true"] if not job.recipe.gradient_checkpointing else []),
        *(
            ["deepspeed=zero3 or zero3_offload"]
            if job.deepspeed is None or not zero.facts(job.deepspeed).shards_weights
            else []
        ),
        *(["lora"] if stage.lora is None else []),
        "a model whose images get fewer crops",
    ]
    return (
        f"out of memory at {lesson.describe(job.ranks.rank, trainer.micro)} (the largest micro-batch of this stage has "
        f"{facts.most_tokens} tokens and {facts.most_crops} crops): lower {' or '.join(ways)}; or use "
        f"{', '.join(further)}; `georsmllm train ... --dry-run` computes what is needed. {str(error).splitlines()[0]}"
    )
