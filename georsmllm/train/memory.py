"""What a recipe needs before anything is loaded: parameters, weights, gradients, optimizer, activations; bytes on each GPU.

Parameters and what follows from them are exact. AdamW in mixed precision is 16 bytes for each number that learns (Rajbhandari
et al. 2020, ZeRO, arXiv 1910.02054, section 3.1), wherever they lie: alone, weights, gradients and two moments in float32;
under DeepSpeed, weights and gradients in bf16, beside a float32 copy and its moments, which ZeRO-1 divides among the
processes, ZeRO-2 with the gradients, ZeRO-3 with the weights. Activations are those of `activations.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from georsmllm.model.adapters import adapted_layers, trained_whole
from georsmllm.model.spec import Spec

from .activations import Kept, Learning, Setting, Work, kept
from .recipe import MODULES, Module, Stage, TrainRecipe
from .zero import Facts

GIB = 1 << 30
CARDS: dict[str, float] = {"24 GB": 23.5, "48 GB": 44.4, "80 GB": 79.2, "141 GB": 139.8}
"""GiB that PyTorch finds: RTX 4090 or 3090, L40S (an A6000 has 47.5), H100 or A100, H200."""
CONTEXT = 1 * GIB
"""CUDA's own, its kernels' workspaces, and what the allocator rounds up."""

_MOST_LIVE = 1_000_000_000
"""stage3_max_live_parameters of DeepSpeed: parameters that ZeRO-3 gathers at a time."""
_BITS: dict[int | None, float] = {4: 0.5 + 1 / 64 + 4 / (64 * 256), 8: 1.0}
"""Bytes a number: NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314, section 3), LLM.int8."""
_A_PROCESS = 1.5 * GIB  # of RAM: Python, torch, transformers; a worker that decodes images is about as much
_PER_NODE = 8
_SHARD = 5_000_000_000  # bytes of one safetensors file, which a process of ZeRO-3 reads at a time

Phase = Literal["tower", "loss", "backward", "step"]


class Parameters(msgspec.Struct, frozen=True):
    """Of a module. whole: those that learn with all their numbers (where there are adapters: PEFT's copy of them)."""

    all: int
    whole: int
    adapters: int

    @property
    def trained(self) -> int:
        return self.whole + self.adapters


class Gpu(msgspec.Struct, frozen=True):
    """Bytes on each GPU. gathered: ZeRO-3's whole layers, or the buckets of a plain data-parallel run. kept: from forward to
    backward, for gradients. layer, logits: the most that one layer's gradients, and the loss, need besides. tower: of a forward
    pass through a layer of the tower. stepping: beside the optimizer while it steps."""

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    kept: int
    layer: int
    logits: int
    tower: int
    stepping: int


class StageMemory(msgspec.Struct, frozen=True):
    """peak: the phase of a step that needs most; total: bytes of it on each GPU, the context in it. ram: bytes on a machine
    with all the processes (of 8 where there are more)."""

    stage: str
    parameters: dict[Module, Parameters]
    work: Work
    gpu: Gpu
    phases: dict[Phase, int]
    peak: Phase
    total: int
    ram: dict[str, int]
    cards: dict[str, str]


def stage_memory(
    recipe: TrainRecipe, stage: Stage, spec: Spec, work: Work, *, world: int, deepspeed: Facts | None
) -> StageMemory:
    """Of one stage whose largest micro-batch is `work`."""
    found = parameters(spec, stage)
    gpu, ram = _states(recipe, stage, spec, found, world=world, deepspeed=deepspeed)
    setting = setting_of(recipe, stage, spec, work, masters=deepspeed is not None)
    gpu = _with_activations(gpu, kept(spec, work, setting), casts(spec, setting))
    is_accumulating = stage.gradient_accumulation_steps > 1 or deepspeed is not None
    phases = _phases(gpu, is_accumulating=is_accumulating)
    peak = max(phases, key=lambda phase: phases[phase])
    total = phases[peak] + CONTEXT
    return StageMemory(
        stage=stage.name,
        parameters=found,
        work=work,
        gpu=gpu,
        phases=phases,
        peak=peak,
        total=total,
        ram=ram,
        cards={name: _verdict(total / GIB, size) for name, size in CARDS.items()},
    )


def parameters(spec: Spec, stage: Stage) -> dict[Module, Parameters]:
    """Of each module, exactly. SigLIP's last norm and pooling head never learn: LLaVA takes features from before them."""
    every = spec.parameters()
    headless = msgspec.structs.replace(spec, vision_config=msgspec.structs.replace(spec.vision, vision_use_head=False))
    unused = every["vision"] - headless.parameters()["vision"] + 2 * spec.vision.hidden_size
    if stage.lora is None:
        return {
            module: Parameters(
                every[module], (every[module] - unused * (module == "vision")) * (module in stage.train), 0
            )
            for module in MODULES
        }
    lora, saved = stage.lora, trained_whole(stage.lora, stage.train)
    whole: dict[Module, int] = {
        "projector": (every["projector"] - spec.text.hidden_size) * ("multi_modal_projector" in saved),
        "llm": spec.embedding * (("embed_tokens" in saved) + ("lm_head" in saved)),
        "vision": 0,
    }
    added = dict.fromkeys(MODULES, 0)
    for one in adapted_layers(spec, lora, stage.train):
        added[one.module] += one.num * (lora.r * (one.inputs + one.outputs) + one.outputs * lora.dora)
    return {module: Parameters(every[module], whole[module], added[module]) for module in MODULES}


def setting_of(recipe: TrainRecipe, stage: Stage, spec: Spec, work: Work, *, masters: bool) -> Setting:
    """How a stage computes. masters: DeepSpeed keeps float32 copies, and nothing is cast on the way."""
    copies = recipe.bf16 and not masters
    lora, compute = stage.lora, 2 if recipe.bf16 else 4
    learning = {module: Learning("whole" if module in stage.train else "frozen", copies) for module in MODULES}
    if lora is not None:
        layers = adapted_layers(spec, lora, stage.train)
        for module in ("llm", "vision"):
            adapted = tuple(one for one in layers if one.module == module)
            learning[module] = Learning(
                "adapters" if adapted else "frozen", copies, adapted, lora.r, int(lora.dropout > 0), lora.dora
            )
        if "multi_modal_projector" not in trained_whole(lora, stage.train):
            learning["projector"] = Learning("frozen")
    is_packed, attention = recipe.data.batching == "packed", recipe.model.attn_implementation
    return Setting(
        learning,
        compute,
        "by_sample" if is_packed and attention == "sdpa" else attention,
        is_masked=work.rows > 1 and not is_packed,
        checkpointing=recipe.gradient_checkpointing,
    )


def casts(spec: Spec, setting: Setting) -> int:
    """Autocast's bf16 copies of float32 matrices that learn, which it makes once a pass."""
    cast = {module for module, one in setting.learning.items() if one.way == "whole" and one.copies}
    head = spec.embedding * ("llm" in cast)
    return 2 * (head + sum(one.weights for one in spec.linears if one.module in cast))


def _states(
    recipe: TrainRecipe,
    stage: Stage,
    spec: Spec,
    found: Mapping[Module, Parameters],
    *,
    world: int,
    deepspeed: Facts | None,
) -> tuple[Gpu, dict[str, int]]:
    """Weights, gradients and optimizer on a GPU, and what lies in the machine's RAM."""
    bits = stage.lora.bits if stage.lora is not None else None
    small = 2 if recipe.bf16 else 4
    frozen = sum(one.all - (one.whole if stage.lora is None else 0) for one in found.values())
    trained = sum(one.trained for one in found.values())
    quantised = sum(one.weights for one in spec.linears if one.module == "llm") if bits is not None else 0
    weights = (frozen - quantised) * small + math.ceil(quantised * _BITS.get(bits, 0))
    here = min(world, _PER_NODE)
    ram = {"processes and workers": int(here * (1 + recipe.data.dataloader_num_workers) * _A_PROCESS)}
    whole_plain = stage.lora is None and deepspeed is None
    reading = (frozen + (trained if stage.lora is None else 0)) * (4 if whole_plain else small)
    if deepspeed is None:
        ram["reading the weights"] = here * reading
        gathered = 4 * trained if world > 1 else 0
        gpu = Gpu(weights + 4 * trained, 4 * trained, 8 * trained, gathered, 0, 0, 0, 0, 0)
        return gpu, ram
    zero = deepspeed.zero_optimization
    weights += small * trained
    whole = weights // small
    gradients, optimizer, stepping = small * trained, 12 * trained // world, (small == 2) * 4 * trained // world
    if zero.stage >= 2:
        gradients //= world
    if zero.stage == 3:
        weights //= world
    ram["reading the weights"] = here * (min(reading, _SHARD) if zero.stage == 3 else reading)
    if deepspeed.offloads:
        ram["optimizer"] = here * (optimizer + stepping)
        optimizer = stepping = 0
    if zero.stage == 3 and zero.offload_param is not None and zero.offload_param.device != "none":
        ram["offloaded weights"] = here * weights
        weights = 0
    gathered = small * min(whole, _MOST_LIVE) if zero.stage == 3 else 0
    return Gpu(weights, gradients, optimizer, gathered, 0, 0, 0, 0, stepping), ram


def _with_activations(gpu: Gpu, found: Kept, casts: int) -> Gpu:
    return msgspec.structs.replace(
        gpu, kept=found.saved + casts, layer=found.layer, logits=found.logits, tower=found.tower
    )


def _phases(gpu: Gpu, *, is_accumulating: bool) -> dict[Phase, int]:
    """Bytes at the four moments of a step that can be its largest. The first micro-batch's gradients grow while what was kept
    for them shrinks, so a backward pass is largest at one of its ends; later ones add to gradients that are there."""
    held = gpu.weights + gpu.optimizer + gpu.gathered
    before = gpu.gradients * is_accumulating
    backward = max(before + gpu.kept, gpu.gradients) + gpu.layer
    return {
        "tower": held + before + gpu.tower,
        "loss": held + before + gpu.kept + gpu.logits,
        "backward": held + backward,
        "step": held + gpu.gradients + gpu.stepping,
    }


def _verdict(need: float, has: float) -> str:
    if need <= 0.92 * has:
        return "fits"
    return "tight" if need <= has else "no"
