"""Evaluation while training: a held-out slice is answered and judged; the run goes on as if nothing had happened.

Under several ranks each answers its share. Under ZeRO-3 every forward pass is everybody's: all ranks get equally many batches,
by repeating a few questions where the slice does not come out even; within a batch `generate` keeps them in step
(synced_gpus, which transformers sets for ZeRO-3), and words without images run the tower, too (`everywhere`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import torch
from torch.nn import Module
from transformers.integrations import is_deepspeed_zero3_enabled

from georsmllm.answering import Answer, Decoding, Question
from georsmllm.infer import Generator
from georsmllm.jsonl import write_json, writing
from georsmllm.rng import hash64
from georsmllm.scoring import Report, Scored, Scorer, aggregate

from .sources import open_source
from .watch import Evaluated

if TYPE_CHECKING:
    from georsmllm.model.anyres import Anyres
    from georsmllm.model.tokens import Chat
    from georsmllm.model.views import Views

    from .ranks import Ranks
    from .recipe import TrainRecipe
    from .sources import Source


class Held(NamedTuple):
    """A held-out record: its number in the source, its task, and the question."""

    number: int
    task: str
    question: Question


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How the slice is answered. batch_size: answers at once, of each rank. is_bf16: matrices are multiplied in bf16, as in
    training."""

    chat: Chat
    views: Views
    anyres: Anyres
    batch_size: int
    max_new_tokens: int
    is_bf16: bool


def choose(source: Source, num: int, *, seed: int) -> list[int]:
    """The numbers of that many records, every task in turn, by a hash of identity: other records do not change the order of
    these. All of them where there are no more."""
    by_task: dict[str, list[tuple[int, int]]] = {}
    for number in range(len(source)):
        record = source[number]
        by_task.setdefault(record.task, []).append((hash64(seed, "evaluation", record.id), number))
    turns = [
        (turn, task, number) for task, numbers in by_task.items() for turn, (_, number) in enumerate(sorted(numbers))
    ]
    return sorted(number for _, _, number in sorted(turns)[:num])


def held_out(source: Source, num: int, *, seed: int) -> list[Held]:
    """The slice with its questions. Every image of it is opened once, so that one that is gone is said before training begins
    (BadRecord) and not hours later."""
    return [_held(source, number) for number in choose(source, num, seed=seed)]


def _held(source: Source, number: int) -> Held:
    record, asked = source[number], source.conversation(number)
    source.images(number)
    question = Question(
        id=record.id,
        messages=asked.messages,
        sizes_wh=asked.sizes_wh if record.images else (),
        images=lambda: source.images(number),
        where=source.place(number),
    )
    return Held(number, record.task, question)


def shares(held: Sequence[Held], batch_size: int, world: int) -> list[list[list[Held]]]:
    """The batches of each rank, equally many and equally large for all; some questions twice where it takes that."""
    even = -(-len(held) // world) * world
    padded = [held[i % len(held)] for i in range(even)]
    own = [padded[rank::world] for rank in range(world)]
    return [[some[at : at + batch_size] for at in range(0, len(some), batch_size)] for some in own]


class Evaluator:
    """Answers a slice by the model of a step and judges it; called on every rank. An answer that cannot be read is worth 0 and
    stays in the denominator. Rank 0 writes eval-STEP.json, the table, and eval-STEP.jsonl, every answer beside its gold."""

    def __init__(
        self, source: Source, held: Sequence[Held], asking: Asking, *, scorer: Scorer, ranks: Ranks, folder: Path
    ) -> None:
        self.source = source
        self.held = sorted(held, key=lambda one: _cost(one, asking.anyres), reverse=True)
        self.asking = asking
        self.scorer = scorer
        self.ranks = ranks
        self.folder = folder

    def __call__(self, model: Module, step: int) -> Evaluated:
        start_s = time.perf_counter()
        batches = shares(self.held, self.asking.batch_size, self.ranks.size)
        own = self._answers(model, batches[self.ranks.rank])
        said = self.ranks.words(msgspec.json.encode(own).decode())
        if not self.ranks.is_first:
            return Evaluated({}, "")
        answers = {
            number: answer for some in said for number, answer in msgspec.json.decode(some, type=_Answers).items()
        }
        report = self._judge(answers, step)
        found = values(report)
        found["eval/cut"] = sum(answer.finish == "length" for answer in answers.values()) / len(answers)
        found["eval/seconds"] = time.perf_counter() - start_s
        return Evaluated(found, line(report, step))

    def _answers(self, model: Module, batches: Sequence[Sequence[Held]]) -> dict[int, Answer]:
        asking = self.asking
        generator = Generator(
            model,  # a LoRA model hands on what it does not know itself
            asking.chat,
            asking.views,
            asking.anyres,
            batch_size=asking.batch_size,
            shares_steps=is_deepspeed_zero3_enabled(),
        )
        questions = [[one.question for one in batch] for batch in batches]
        device = next(model.parameters()).device
        with undisturbed(model, device), torch.autocast(device.type, torch.bfloat16, enabled=asking.is_bf16):
            found = list(generator.stream(questions, Decoding(asking.max_new_tokens)))
        if device.type == "cuda":
            torch.cuda.empty_cache()  # what generation held would lie in the way of the next step
        asked = [one.number for batch in batches for one in batch]
        return dict(zip(asked, (answer for answers in found for answer in answers), strict=True))

    def _judge(self, answers: dict[int, Answer], step: int) -> Report:
        scored: list[Scored] = []
        with writing(self.folder / f"eval-{step}.jsonl") as out:
            for number, answer in sorted(answers.items()):
                record = self.source[number]
                score = self.scorer(record, answer.text)
                scored.append(Scored(record.id, record.task, score))
                said = _Said(
                    id=record.id,
                    task=record.task,
                    question=record.messages[-2].content,
                    gold=record.gold_text,
                    answer=answer.text,
                    finish=answer.finish,
                    verdict=score.verdict,
                    value=score.value,
                )
                out.write(msgspec.json.encode(said) + b"\n")
        report = aggregate(scored)
        write_json(self.folder / f"eval-{step}.json", report)
        return report


def of_recipe(
    recipe: TrainRecipe, *, chat: Chat, views: Views, scorer: Scorer, ranks: Ranks, folder: Path
) -> Evaluator | None:
    """The evaluation that a recipe asks for, of a stage's folder; None where it asks for none. Raises UsageError, BadRecord."""
    if recipe.eval is None:
        return None
    source = open_source(Path(recipe.eval.path), recipe.eval.split)
    asking = Asking(
        chat=chat,
        views=views,
        anyres=views.anyres,
        batch_size=recipe.eval.per_device_eval_batch_size,
        max_new_tokens=recipe.eval.max_new_tokens,
        is_bf16=recipe.bf16,
    )
    held = held_out(source, recipe.eval.records, seed=recipe.seed)
    return Evaluator(source, held, asking, scorer=scorer, ranks=ranks, folder=folder)


_Answers = dict[int, Answer]


def _cost(one: Held, anyres: Anyres) -> tuple[int, str, int, int]:
    """What is answered together is alike: in crops, in task (and so in the length of answers), in words."""
    sizes = one.question.sizes_wh
    words = sum(len(message.content) for message in one.question.messages[:-1])
    return sum(anyres.tokens(sizes)) if sizes else 0, one.task, words, one.number


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as a person reads it in eval-STEP.jsonl."""

    id: str
    task: str
    question: str
    gold: str
    answer: str
    finish: str
    verdict: str
    value: float


def values(report: Report) -> dict[str, float]:
    """The numbers of a report by name: the mean value, of each task too, and the share of each verdict."""
    overall = report.overall
    return {
        "eval/value": overall.value,
        **{f"eval/value/{task}": score.value for task, score in report.tasks.items()},
        **{f"eval/verdict/{verdict}": count / overall.n for verdict, count in overall.verdicts.items()},
    }


def line(report: Report, step: int) -> str:
    """A report in one line."""
    overall = report.overall
    verdicts = ", ".join(f"{verdict} {count / overall.n:.1%}" for verdict, count in overall.verdicts.items())
    tasks = ", ".join(f"{task} {score.value:.3f}" for task, score in report.tasks.items())
    return f"evaluation at step {step}, {overall.n} answers: {verdicts}; score {overall.value:.3f} ({tasks})"


@contextmanager
def undisturbed(model: Module, device: torch.device) -> Iterator[None]:
    """Afterwards every module is in the mode that it was in, and all random numbers go on where they were."""
    modes = {module: module.training for module in model.modules()}
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
        for module, mode in modes.items():
            module.training = mode
