"""What a stage starts from and learns from: its model's folder, its samples, the plan that all processes follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import DataLoader

from georsmllm.model import adapters, tiny
from georsmllm.model.places import resolve
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views

from . import batches, reading
from .claims import claim_sources
from .collate import Batch
from .job import FINAL, Job, stage_folder, start_folder
from .plan import Plan, Settings, make_plan
from .recipe import Stage
from .samples import Samples, gather


def starting_model(job: Job, number: int) -> Path:
    """The folder of the whole model that a stage starts from; made by the first process where it is not there yet."""
    recipe = job.recipe
    with job.ranks.first() as is_first:
        start = start_folder(recipe, job.out, number)
        if start.exists() or not is_first:
            return start
        if recipe.model.tiny is not None and number == 1:
            job.say(f"making the tiny model {recipe.model.tiny!r}: {start}")
            return tiny.make(recipe.model.tiny, start, texts=reading.texts(recipe.data), seed=recipe.seed)
        adapter = stage_folder(recipe, job.out, number - 1) / FINAL if number > 1 else resolve(str(recipe.model.path))
        job.say(f"merging the adapter {adapter}: {start}")
        return adapters.merge(adapter, start)


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
