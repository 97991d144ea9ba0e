"""Low-rank adapters: where they go, whose they are, and how they become a plain model again."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json
from georsmllm.model import load, sidecars, soundness
from georsmllm.model.needs import require
from georsmllm.model.places import BASE, Base, base_of
from georsmllm.model.save import check_free, new_folder, save
from georsmllm.model.spec import Linear, Spec
from georsmllm.train.recipe import Lora, Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from peft import LoraConfig, PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration

_TOWER = {
    "q_proj": ("q_proj",),
    "k_proj": ("k_proj",),
    "v_proj": ("v_proj",),
    "o_proj": ("out_proj",),
    "gate_proj": (),
    "up_proj": ("fc1",),
    "down_proj": ("fc2",),
}
"""Linear layers of Qwen2, and those of SigLIP's tower that do the same."""
_SAVED = {"projector": "multi_modal_projector", "embeddings": "embed_tokens", "head": "lm_head"}


def targets(lora: Lora, train: Collection[Module]) -> str:
    """The pattern of the layers that get adapters: of the language model, and of the tower where `vision` is trained."""
    unknown = next((name for name in lora.targets if name not in _TOWER), None)
    if unknown is not None:
        raise UsageError(f"lora.targets: no linear layer is called {unknown!r}; {nearest(unknown, tuple(_TOWER))}")
    tower = [name for target in lora.targets for name in _TOWER[target]]
    patterns = []
    if "llm" in train:
        patterns.append(rf".*language_model.*\.({'|'.join(lora.targets)})")
    if "vision" in train and tower:
        patterns.append(rf".*vision_tower.*\.({'|'.join(tower)})")
    if not patterns:
        raise UsageError(f"lora.targets {', '.join(lora.targets)} name no layer of {', '.join(train)}")
    return "|".join(patterns)


def trained_whole(lora: Lora, train: Collection[Module]) -> list[str]:
    """Modules that learn beside the adapters, all of their weights, and are saved with them."""
    names = [name for name in lora.modules_to_save if name != "projector" or "projector" in train]
    return [_SAVED[name] for name in names]


def adapted_layers(spec: Spec, lora: Lora, train: Collection[Module]) -> tuple[Linear, ...]:
    """The linear layers that get adapters; r * (inputs + outputs) numbers each, and `outputs` more with DoRA."""
    tower = {name for target in lora.targets for name in _TOWER.get(target, ())}
    of = {"llm": set(lora.targets), "vision": tower, "projector": set[str]()}
    return tuple(one for one in spec.linears if one.module in train and one.name in of[one.module])


def adapter_parameters(spec: Spec, lora: Lora, train: Collection[Module]) -> int:
    """Numbers that adapters add and learn, without the modules that are trained whole."""
    layers = adapted_layers(spec, lora, train)
    return sum(one.num * (lora.r * (one.inputs + one.outputs) + one.outputs * lora.dora) for one in layers)


def configuration(lora: Lora, train: Collection[Module]) -> LoraConfig:
    from peft import LoraConfig

    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets(lora, train),
        modules_to_save=trained_whole(lora, train) or None,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        task_type="CAUSAL_LM",
    )


def attach(
    model: LlavaOnevisionForConditionalGeneration,
    lora: Lora,
    train: Collection[Module],
    *,
    seed: int = 0,
    in_float32: bool = True,
) -> PeftModel:
    """A model with fresh adapters, all else frozen. The newline vector is no module and stays frozen, too.

    in_float32: the adapters, whatever the model is in; DeepSpeed wants them in the model's type and keeps float32 itself.

    Raises UsageError for embeddings or head of a model that ties them: PEFT would train two copies that drift apart.
    """
    require("adapters", "peft")
    import torch
    from peft import get_peft_model, prepare_model_for_kbit_training

    if model.config.tie_word_embeddings and {"embeddings", "head"} & set(lora.modules_to_save):
        raise UsageError(
            "lora.modules_to_save has embeddings or head, which this model ties into one matrix; leave both out, or train "
            "without lora"
        )
    config = configuration(lora, train)
    if lora.bits is not None:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", load.RENAMED, FutureWarning)
        return get_peft_model(model, config, autocast_adapter_dtype=in_float32)


def merge(folder: Path, out: Path, *, base: str | Path | None = None, dtype: load.DType = "auto") -> Path:
    """Base and adapter as one plain model at `out`, which must not be there; in the base's type unless told."""
    check_free(out)
    found = base_of(folder, base)
    whole = load.adapted(folder, base=found, dtype=dtype)
    kind = whole.get_base_model().dtype
    return save(whole.merge_and_unload(safe_merge=True).to(kind), found, out)


def save_adapter(
    model: PeftModel, base: Path, out: Path, *, state_dict: Mapping[str, torch.Tensor] | None = None
) -> Path:
    """Adapter weights, the identity of their base, and its tokenizer and processor; whole or not at all, as `save`."""
    with new_folder(out, replace=True) as folder:
        model.save_pretrained(folder, state_dict=state_dict, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a form without a word in it
        write_json(folder / BASE, Base(str(base.absolute()), soundness.identity(base)))
        sidecars.copy(base, folder)
    return out
