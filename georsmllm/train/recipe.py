"""What a person writes to fine-tune a model: one typed value; hyper-parameters bear the names of transformers' Trainer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from georsmllm import typed_yaml
from georsmllm.errors import UsageError
from georsmllm.overrides import Plain

Count = Annotated[int, msgspec.Meta(ge=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
Rate = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Beta = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
"""What numpy takes for one."""
Module = Literal["projector", "llm", "vision"]
MODULES: tuple[Module, ...] = ("projector", "llm", "vision")


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where training starts. path: a folder or hub id of a LLaVA-OneVision model (`georsmllm model` makes folders). tiny: in
    its place, the name of a small one that is made from its configuration alone, at OUT/start."""

    path: str | None = None
    tiny: str | None = None
    attn_implementation: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Records to learn from: a built set, or its export to Parquet or WebDataset. weight: share of them that an epoch reads
    (2: each twice)."""

    path: str
    split: str = "train"
    name: str = ""
    weight: Rate = 1.0

    @property
    def called(self) -> str:
        return self.name or Path(self.path).name


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """max_length: tokens of a sample, its images' included; longer ones are refused by name. batching: packed (several
    samples in a row of pack_length tokens, none sees another), grouped (rows of like lengths, padded), or padded (as they
    come). pack_length: max_length unless given. max_refused_share: above it training does not start."""

    sources: tuple[Source, ...]
    max_length: Count = 8192
    batching: Literal["packed", "grouped", "padded"] = "packed"
    pack_length: Count | None = None
    dataloader_num_workers: Whole = 2
    max_refused_share: Share = 0.1

    @property
    def row_length(self) -> int:
        return self.pack_length or self.max_length


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Low-rank adapters on the language model (and on the tower, where `vision` is trained). targets: names of its linear
    layers. rslora, dora: rank-stabilised scaling, weight decomposition. bits: 4 or 8 loads the frozen weights quantised
    (QLoRA; a GPU and bitsandbytes). modules_to_save: trained whole and saved with the adapter."""

    r: Count = 64
    alpha: Rate = 128
    dropout: Share = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    rslora: bool = False
    dora: bool = False
    bits: Literal[4, 8] | None = None
    modules_to_save: tuple[Literal["projector", "embeddings", "head"], ...] = ("projector",)


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run of the trainer; the next stage starts from its weights. train: the modules that learn, the others are frozen.
    learning_rates: of modules that have one of their own. sources: names of those that this stage reads (none: all).
    max_steps: in the place of num_train_epochs. warmup_ratio: share of the steps. max_grad_norm: 0 clips nothing."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]*$")]
    train: tuple[Module, ...] = MODULES
    learning_rate: Rate = 1e-5
    learning_rates: dict[Module, Rate] = {}
    lora: Lora | None = None
    sources: tuple[str, ...] = ()
    num_train_epochs: Rate = 1.0
    max_steps: Count | None = None
    per_device_train_batch_size: Count = 1
    gradient_accumulation_steps: Count = 1
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup_ratio: Share = 0.03
    weight_decay: Amount = 0.0
    max_grad_norm: Amount = 1.0
    adam_beta1: Beta = 0.9
    adam_beta2: Beta = 0.999
    neftune_noise_alpha: Rate | None = None

    def rate(self, module: Module) -> float:
        return self.learning_rates.get(module, self.learning_rate)


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The held-out slice that is answered and scored while training. records: of the split, chosen by the seed."""

    path: str
    split: str = "val"
    records: Count = 64
    eval_steps: Count = 500
    max_new_tokens: Count = 1024
    per_device_eval_batch_size: Count = 8


class TrainRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides a fine-tuned model. deepspeed: zero1, zero2, zero2_offload, zero3, zero3_offload, or a path to a
    configuration of your own. save_total_limit: checkpoints kept. report_to: tensorboard, wandb. world: processes that
    must be there (fewer: an error, not a slower run)."""

    model: Model
    data: Data
    stages: tuple[Stage, ...]
    eval: Evaluation | None = None
    bf16: bool = True
    gradient_checkpointing: bool = True
    deepspeed: str | None = None
    world: Count | None = None
    save_steps: Count = 500
    save_total_limit: Count = 2
    logging_steps: Count = 10
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    seed: Seed = 0


def load(path: Path | None, overrides: Sequence[str] = (), flags: Mapping[str, Plain] | None = None) -> TrainRecipe:
    """The recipe of a YAML file, then dotted `key=value` overrides, then flags; raises UsageError. Relative paths of the file
    are meant from the file's folder, those of overrides from the working directory."""
    recipe = typed_yaml.load(TrainRecipe, path, overrides, flags, anchor=_anchor)
    _check(recipe)
    return recipe


def dump(recipe: TrainRecipe) -> str:
    """The recipe as YAML, every key in its place; `load` reads it back."""
    return typed_yaml.dump(recipe)


def _anchor(tree: dict[str, Plain], folder: Path) -> None:
    """Paths that begin with "." or "~", or that lie there, become absolute; hub ids and names of configurations stay."""
    data = tree.get("data")
    sources = data.get("sources") if isinstance(data, dict) else None
    for group in [tree.get("model"), tree.get("eval"), *(sources if isinstance(sources, list) else [])]:
        if isinstance(group, dict) and isinstance(group.get("path"), str):
            group["path"] = _from(str(group["path"]), folder, is_file=group is not tree.get("model"))
    if isinstance(tree.get("deepspeed"), str):
        tree["deepspeed"] = _from(str(tree["deepspeed"]), folder, is_file=False)


def _from(path: str, folder: Path, *, is_file: bool) -> str:
    there = Path(os.path.normpath(folder / Path(path).expanduser()))
    return str(there) if is_file or path.startswith((".", "~", "/")) or there.exists() else path


def _check(recipe: TrainRecipe) -> None:
    if (recipe.model.path is None) == (recipe.model.tiny is None):
        raise UsageError(
            "a recipe starts from model.path (a folder or hub id) or from model.tiny (a name), one of them"
        )
    if not recipe.data.sources:
        raise UsageError("a recipe needs at least one of data.sources, each with the path of a built set")
    if not recipe.stages:
        raise UsageError("a recipe needs at least one of stages")
    if recipe.data.row_length < recipe.data.max_length:
        raise UsageError(
            f"data.pack_length {recipe.data.row_length} has no room for a sample of data.max_length {recipe.data.max_length}"
        )
    _check_names([source.called for source in recipe.data.sources], "data.sources")
    _check_names([stage.name for stage in recipe.stages], "stages")
    called = {source.called for source in recipe.data.sources}
    for stage in recipe.stages:
        if not stage.train:
            raise UsageError(f"stage {stage.name!r} trains nothing; `train:` names projector, llm, vision")
        for name in stage.sources:
            if name not in called:
                raise UsageError(f"stage {stage.name!r} reads {name!r}, data.sources has {', '.join(sorted(called))}")
        if stage.lora is not None and not {"llm", "vision"} & set(stage.train):
            raise UsageError(
                f"stage {stage.name!r} has adapters and trains neither llm nor vision, where they would be"
            )
    quantised = [stage.name for stage in recipe.stages if stage.lora is not None and stage.lora.bits is not None]
    if quantised and recipe.deepspeed is not None and "zero3" in recipe.deepspeed:
        raise UsageError(f"stage {quantised[0]!r} quantises its frozen weights, which ZeRO-3 cannot shard; use zero2")


def _check_names(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two of {where} are called {twice[0]!r}; give each a `name:` of its own")
