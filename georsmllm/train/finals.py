"""A stage's final model, and a checkpoint turned into one: plain folders that transformers reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch import Tensor

from georsmllm.errors import UsageError
from georsmllm.model import adapters, needs
from georsmllm.model.save import save

from . import checkpoints
from .building import Precision, build
from .claims import recipe_of
from .job import start_folder
from .recipe import Stage
from .trainer import TRAINED, StageTrainer, load_trained

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration

    Model: TypeAlias = "LlavaOnevisionForConditionalGeneration | PeftModel"


def save_final(trainer: StageTrainer, stage: Stage, start: Path, out: Path, *, is_bf16: bool) -> None:
    """The model that was trained, as it is in the memory of all processes; by all of them together."""
    weights = _gathered(trainer, learning_only=stage.lora is not None)
    with trainer.course.ranks.first() as is_first:
        if is_first:
            _save(trainer.model, weights, Form(stage.lora is not None, is_bf16), start, out)


def _gathered(trainer: StageTrainer, *, learning_only: bool) -> Mapping[str, Tensor]:
    """The weights by their names in memory; of ZeRO-3, put together on the first process (the others get nothing).
    learning_only: what is frozen may be left out."""
    if not trainer.is_deepspeed_enabled:
        return trainer.model.state_dict()
    engine = trainer.model_wrapped
    if engine.zero_optimization_partition_weights():
        return engine._zero3_consolidated_16bit_state_dict(exclude_frozen_parameters=learning_only) or {}  # noqa: SLF001 - the door of accelerate, too
    return engine.module.state_dict()


class Form(NamedTuple):
    """How a model is written."""

    is_adapter: bool
    is_bf16: bool


def _save(model: Model, weights: Mapping[str, Tensor], form: Form, start: Path, out: Path) -> None:
    if form.is_adapter:
        adapters.save_adapter(model, start, out, state_dict=dict(weights))
        return
    kind = torch.bfloat16 if form.is_bf16 else torch.float32
    model.config.dtype = kind
    cast = {name: one.to(kind) if one.is_floating_point() else one for name, one in weights.items()}
    save(model, start, out, state_dict=cast)


def consolidate(folder: Path, out: Path) -> Path:
    """A plain model (or adapter) of a checkpoint, of the newest of a stage, or of a run's last stage that has one; of any
    ZeRO stage, and without DeepSpeed. Raises UsageError."""
    checkpoint = _checkpoint(folder)
    root, number = checkpoint.parents[1], int(checkpoint.parent.name.partition("-")[0])
    recipe = recipe_of(root)
    stage = recipe.stages[number - 1]
    start = start_folder(recipe, root, number)
    model = build(start, stage, Precision(bf16=False, masters=False), seed=recipe.seed)
    if (checkpoint / TRAINED).is_file():
        load_trained(model, checkpoint / TRAINED)
    else:
        _load_sharded(model, checkpoint)
    _save(model, model.state_dict(), Form(stage.lora is not None, recipe.bf16), start, out)
    return out


def _checkpoint(folder: Path) -> Path:
    if (folder / checkpoints.MARK).is_file():
        return folder.absolute()
    found = checkpoints.whole(folder)
    stages = sorted(folder.glob("[0-9]*-*"), key=lambda path: int(path.name.partition("-")[0]))
    found = found or tuple(one for stage in stages for one in checkpoints.whole(stage))
    if not found:
        raise UsageError(f"{folder} holds no whole checkpoint; expected OUT/1-STAGE/checkpoint-N of a training run")
    return found[-1].absolute()


def _load_sharded(model: Model, checkpoint: Path) -> None:
    """The float32 weights that DeepSpeed's processes wrote, each its share."""
    needs.require("consolidating a checkpoint of DeepSpeed", "deepspeed")
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    state = get_fp32_state_dict_from_zero_checkpoint(str(checkpoint))
    learning = {name for name, one in model.named_parameters() if one.requires_grad}
    lacking = sorted(learning - state.keys())
    if lacking:
        raise UsageError(f"{checkpoint} has no {lacking[0]} and {len(lacking) - 1} more of what its stage teaches")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in learning:
                parameter.copy_(state[name])
