"""A projector that has learnt nothing yet, as LLaVA starts one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import LlavaOnevisionForConditionalGeneration


def fresh(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """float32 weights by name, for the projector's names that end in weight or bias and for image_newline.

    torch's start of a linear layer, uniform in +-1/sqrt(inputs), and newline normal / sqrt(width), as LLaVA's own code has
    them (llava/model/multimodal_projector/builder.py, llava_arch.py). A weight must come before its bias.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    inputs = 0
    for name, shape in shapes.items():
        if name.endswith("image_newline"):
            tensors[name] = torch.randn(shape, generator=generator) / math.sqrt(shape[0])
            continue
        inputs = shape[1] if name.endswith(".weight") else inputs
        bound = 1 / math.sqrt(inputs)
        tensors[name] = (torch.rand(shape, generator=generator) * 2 - 1) * bound
    return tensors


def freshen(model: LlavaOnevisionForConditionalGeneration, seed: int) -> None:
    """Give a model's projector and newline vector fresh weights, in place."""
    import torch

    own = model.model.multi_modal_projector.state_dict()
    tensors = fresh({**{name: tuple(one.shape) for name, one in own.items()}, "image_newline": _shape(model)}, seed)
    with torch.no_grad():
        model.model.image_newline.copy_(tensors.pop("image_newline"))
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def _shape(model: LlavaOnevisionForConditionalGeneration) -> tuple[int, ...]:
    return tuple(model.model.image_newline.shape)
