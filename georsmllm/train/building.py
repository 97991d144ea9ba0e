"""The model of a stage: what it starts from, in the precision that it trains in, with adapters and frozen modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from georsmllm.model import adapters, load
from georsmllm.model.load import Attention, DType

from . import stages
from .recipe import Stage

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration


class Precision(NamedTuple):
    """bf16: arithmetic in bfloat16. masters: DeepSpeed keeps copies of what learns in float32, the model itself is bf16."""

    bf16: bool
    masters: bool


def build(
    start: Path, stage: Stage, precision: Precision, *, seed: int, attn_implementation: Attention = "sdpa"
) -> LlavaOnevisionForConditionalGeneration | PeftModel:
    """The model that a stage teaches, from the folder of a whole one.

    What learns is float32 unless DeepSpeed keeps masters: steps of 1e-5 are lost on a bf16 weight. What is frozen is bf16 in
    bf16 training.
    """
    model = _loaded(start, stage, precision, attn_implementation)
    if stage.lora is not None:
        model = adapters.attach(model, stage.lora, stage.train, seed=seed, in_float32=not precision.masters)
    stages.freeze(model, stage)
    if precision.bf16 and not precision.masters:
        for name, parameter in model.named_parameters():
            learns = parameter.requires_grad or (
                stages.is_unused(name) and stage.lora is None and "vision" in stage.train
            )
            if parameter.is_floating_point():  # a norm of a tower that learns computes in its float32, learning or not
                parameter.data = parameter.data.to(torch.float32 if learns else torch.bfloat16)
    return model


def _loaded(
    start: Path, stage: Stage, precision: Precision, attention: Attention
) -> LlavaOnevisionForConditionalGeneration:
    # a stage that learns everything begins in float32, so that nothing that is stored is rounded away
    whole = precision.bf16 and (precision.masters or stage.lora is not None)
    dtype: DType = "bfloat16" if whole else "float32"
    bits = stage.lora.bits if stage.lora is not None else None
    return load.model(start, dtype=dtype, attn_implementation=attention, bits=bits)
