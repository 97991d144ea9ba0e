"""What learns in a stage: parameters by module, frozen or trained, with rates of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .recipe import MODULES, Module, Stage

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module as Network
    from torch.nn import Parameter

ADAPTED = ("lora_", ".modules_to_save.")
"""In the names of the parameters that PEFT adds."""


def module_of(name: str) -> Module:
    """The module of a parameter's name; the vector that ends a row of an image is the projector's."""
    if "vision_tower." in name:
        return "vision"
    if "multi_modal_projector." in name or name.endswith("image_newline"):
        return "projector"
    return "llm"


def is_unused(name: str) -> bool:
    """Whether a parameter can get no gradient: features leave SigLIP before its last norm and its pooling head (SigLIP
    so400m in LLaVA-OneVision: vision_feature_layer -1), and DistributedDataParallel would wait for them."""
    return "vision_tower." in name and (".post_layernorm." in name or ".head." in name)


def freeze(model: Network, stage: Stage) -> None:
    """Let only the modules of a stage learn. Where PEFT has added parameters, it has said itself what learns; the last word
    on parameters that are never used is ours."""
    has_adapters = stage.lora is not None
    for name, parameter in model.named_parameters():
        if is_unused(name):
            parameter.requires_grad_(False)
        elif not has_adapters:
            parameter.requires_grad_(module_of(name) in stage.train)


class Count(NamedTuple):
    """Parameters of a module: those that learn, and all."""

    trained: int
    all: int


def counts(model: Network) -> dict[Module, Count]:
    """Parameters by module; those of PEFT count to the module that they adapt."""
    found: dict[Module, Count] = dict.fromkeys(MODULES, Count(0, 0))
    for name, parameter in model.named_parameters():
        module, size = module_of(name), num_elements(parameter)
        trained, every = found[module]
        found[module] = Count(trained + size * parameter.requires_grad, every + size)
    return found


def num_elements(parameter: Parameter) -> int:
    """Also of a parameter that ZeRO-3 has cut up."""
    try:
        return int(parameter.ds_numel)
    except AttributeError:
        return int(parameter.numel())


def is_finite(model: Network) -> bool:
    """Whether every number that learns is one; of what ZeRO-3 has cut up, this process's share."""
    return all(bool(_own(one).isfinite().all()) for one in model.parameters() if one.requires_grad)


def _own(parameter: Parameter) -> Tensor:
    try:
        shard: Tensor = parameter.ds_tensor
    except AttributeError:
        return parameter.detach()
    return shard


class Group(NamedTuple):
    module: Module
    decays: bool


def groups(parameters: Iterable[tuple[str, Parameter]], decaying: frozenset[str]) -> dict[Group, list[Parameter]]:
    """The parameters that learn, by module and by whether weight decay pulls at them; groups in order of MODULES."""
    found: dict[Group, list[Parameter]] = {Group(module, decays): [] for module in MODULES for decays in (True, False)}
    for name, parameter in parameters:
        if parameter.requires_grad:
            found[Group(module_of(name), name in decaying)].append(parameter)
    return {group: members for group, members in found.items() if members}


def said(counted: Mapping[Module, Count]) -> str:
    """Counts in one line."""
    return ", ".join(f"{module} {count.trained:,} of {count.all:,}" for module, count in counted.items())
