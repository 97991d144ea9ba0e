"""The memory table of a recipe: its largest micro-batch, from the set where it is there, and what each stage then needs.

expected = expect(recipe, world=8, deepspeed=facts)        # of zero.facts(zero.settings("zero3", folder)), or None
print(table(expected))                                     # or msgspec.json.encode(expected)
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm.model import anyres as grids
from georsmllm.model import spec as specs
from georsmllm.model import tiny
from georsmllm.model.anyres import Anyres
from georsmllm.model.load import resolve
from georsmllm.model.places import base_of, is_adapter
from georsmllm.model.spec import Spec

from . import reading
from .activations import Work
from .memory import CARDS, CONTEXT, GIB, StageMemory, stage_memory
from .plan import Settings, make_plan
from .recipe import MODULES, Stage, TrainRecipe
from .samples import Samples, gather
from .zero import Facts

SUPERVISED_SHARE = 4
"""Without the set: one token in so many is taken to be an answer's."""
_PUBLISHED = {
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": specs.published("7b"),
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": specs.published("0.5b"),
}


class Expected(msgspec.Struct, frozen=True):
    """is_measured: the micro-batches are those of the recipe's own records; else they are as large as it allows."""

    model: str
    num_parameters: int
    world: int
    deepspeed: str | None
    arithmetic: str
    is_measured: bool
    stages: tuple[StageMemory, ...]


class _Model(NamedTuple):
    name: str
    spec: Spec
    anyres: Anyres
    is_here: bool


def expect(recipe: TrainRecipe, *, world: int | None = None, deepspeed: Facts | None = None) -> Expected:
    """What a recipe needs. world: processes; the recipe's own, or one. Reads configuration, records and tokenizer, no weight.

    Raises UsageError, also for records that the recipe refuses.
    """
    world = world or recipe.world or 1
    model = _model(recipe)
    samples = _samples(recipe, model)
    stages = tuple(
        stage_memory(
            recipe, stage, model.spec, _work(recipe, stage, model, samples, world), world=world, deepspeed=deepspeed
        )
        for stage in recipe.stages
    )
    arithmetic = "bf16" if recipe.bf16 else "fp32"
    checkpointing = "gradient checkpointing" if recipe.gradient_checkpointing else "no gradient checkpointing"
    return Expected(
        model=model.name,
        num_parameters=model.spec.num_parameters,
        world=world,
        deepspeed=recipe.deepspeed,
        arithmetic=f"{arithmetic}, {checkpointing}, {recipe.model.attn_implementation}",
        is_measured=samples is not None,
        stages=stages,
    )


def _model(recipe: TrainRecipe) -> _Model:
    """The architecture that a recipe starts from; the published ones are known without the hub."""
    name = recipe.model.tiny
    if name is not None:
        size = tiny.size(name)
        return _Model(f"tiny {name}", size.spec, size.anyres, True)
    path = str(recipe.model.path)
    if path in _PUBLISHED and not Path(path).is_dir():
        return _Model(path, _PUBLISHED[path], grids.published(), False)
    folder = resolve(path)
    base = base_of(folder) if is_adapter(folder) else folder
    return _Model(path, specs.of_folder(base), grids.of_folder(base), True)


def _samples(recipe: TrainRecipe, model: _Model) -> Samples | None:
    """The recipe's records by their lengths, where they and the tokenizer are there."""
    if not model.is_here or not all(Path(source.path).exists() for source in recipe.data.sources):
        return None
    with tempfile.TemporaryDirectory() as out:
        return gather(recipe.data, reading.of_recipe(recipe).chat, model.anyres, out=Path(out))


def _work(recipe: TrainRecipe, stage: Stage, model: _Model, samples: Samples | None, world: int) -> Work:
    """The largest micro-batch of a stage; each of its numbers may be another's."""
    rows, data = stage.per_device_train_batch_size, recipe.data
    if samples is None:
        length = data.row_length if data.batching == "packed" else data.max_length
        crops = math.ceil(rows * length * _crops_per_token(model.anyres))
        return Work(rows, length, rows * length, rows * length // SUPERVISED_SHARE, crops)
    own = samples.of(stage.sources)
    plan = make_plan(
        own.tokens,
        own.weights,
        Settings(
            batching=data.batching,
            row_length=data.row_length,
            rows=rows,
            accumulation=stage.gradient_accumulation_steps,
            world=world,
            epochs=stage.num_train_epochs,
            max_steps=stage.max_steps,
            seed=recipe.seed,
        ),
    )
    facts = plan.facts(own.tokens, own.crops)
    supervised = plan.facts(own.supervised, own.crops).most_tokens
    length = data.row_length if data.batching == "packed" else int(own.tokens.max())
    return Work(rows, min(length, facts.most_tokens), facts.most_tokens, supervised, facts.most_crops)


def _crops_per_token(anyres: Anyres) -> float:
    """The most that any image costs the tower for its tokens: one that fills its grid, or one of several."""
    alone = max(sum(anyres.crops([grid])) / sum(anyres.tokens([grid])) for grid in anyres.grids)
    return max(alone, 1 / (anyres.base + 1))


def table(expected: Expected) -> str:
    """Lines for a terminal: a column for each stage, GiB on each GPU."""
    processes = f"{expected.world} process{'es' * (expected.world > 1)}"
    lines = [
        f"{expected.model}: {_count(expected.num_parameters)} parameters; {processes}, "
        f"{expected.deepspeed or 'no DeepSpeed'}, {expected.arithmetic}",
        "largest micro-batch: "
        + (
            "of the recipe's own records"
            if expected.is_measured
            else "as large as the recipe allows (no set or no tokenizer here to measure), "
            f"1 token in {SUPERVISED_SHARE} an answer's"
        ),
        "",
    ]
    columns = [[f"{number}-{stage.stage}", *_column(stage)] for number, stage in enumerate(expected.stages, start=1)]
    names = ["stage", *_NAMES]
    widths = [max(map(len, column)) for column in columns]
    for row, name in enumerate(names):
        cells = "  ".join(column[row].rjust(width) for column, width in zip(columns, widths, strict=True))
        lines.append(f"{name:<34}{cells}")
    return "\n".join(line.rstrip() for line in lines)


_NAMES = (
    *(f"{module} learns" for module in MODULES),
    "micro-batch: tokens",
    "  supervised",
    "  crops",
    "GiB on each GPU: weights",
    "  gradients",
    "  optimizer",
    "  gathered or in buckets",
    "  kept for the backward pass",
    "  one layer going backward",
    "  loss over the vocabulary",
    "  CUDA context and kernels",
    "peak, in the phase",
    "peak, GiB",
    *(f"  a GPU of {card}" for card in CARDS),
    "RAM of a machine, GiB",
)


def _column(stage: StageMemory) -> list[str]:
    work, gpu = stage.work, stage.gpu
    learns = [
        f"{_count(one.trained)} of {_count(one.all)}" if one.trained else f"- of {_count(one.all)}"
        for one in (stage.parameters[module] for module in MODULES)
    ]
    held = (gpu.weights, gpu.gradients, gpu.optimizer, gpu.gathered, gpu.kept, gpu.layer, gpu.logits, CONTEXT)
    return [
        *learns,
        f"{work.tokens:,}",
        f"{work.supervised:,}",
        f"{work.crops:,}",
        *map(_gib, held),
        stage.peak,
        _gib(stage.total),
        *stage.cards.values(),
        _gib(sum(stage.ram.values())),
    ]


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.2f}" if num_bytes < GIB else f"{num_bytes / GIB:.1f}"


def _count(number: int) -> str:
    """A count to three figures: 8.03 B, 16.8 M."""
    for size, unit in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
