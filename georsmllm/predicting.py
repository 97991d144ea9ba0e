"""What `georsmllm predict` puts together: the folders of a model, the settings that decide its answers, an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from georsmllm.errors import UsageError
from georsmllm.predictions import Settings, fingerprint

if TYPE_CHECKING:
    from georsmllm.answering import Decoding
    from georsmllm.infer import Generator
    from georsmllm.train.sources import Source

EngineName = Literal["transformers", "vllm"]
DType = Literal["bfloat16", "float32"]


class Weights(NamedTuple):
    """base: a model's folder. adapter: put on it, merged into it in memory or not."""

    base: Path
    adapter: Path | None
    is_merged: bool


class Run(NamedTuple):
    """How records are answered."""

    engine: EngineName
    dtype: DType
    batch_size: int
    constrained: bool
    decoding: Decoding


def weights_of(model: str, adapter: Path | None, *, merged: bool) -> Weights:
    """The folders that a person means: an adapter that is given as the model brings its base. Raises UsageError."""
    from georsmllm.model.load import resolve
    from georsmllm.model.places import base_of, is_adapter

    folder = resolve(model)
    if is_adapter(folder):
        if adapter is not None:
            raise UsageError(f"--model {folder} is an adapter, too; give its base as --model, or one adapter alone")
        folder, adapter = base_of(folder), folder
    elif adapter is not None:
        folder = base_of(adapter, folder)
    if merged and adapter is None:
        raise UsageError(f"--merged, and {folder} is no adapter; leave it out, or name one by --adapter")
    return Weights(folder, adapter, merged)


def settings_of(weights: Weights, run: Run, source: Source, *, split: str, limit: int) -> Settings:
    """All that decides the answers. limit: 0 for all records."""
    from georsmllm.model.soundness import identity

    return Settings(
        records=source.fingerprint,
        split=split,
        limit=limit,
        model=fingerprint(weights.base, weights=identity(weights.base)),
        adapter=fingerprint(weights.adapter) if weights.adapter is not None else "",
        is_merged=weights.is_merged,
        engine=run.engine,
        dtype=run.dtype,
        batch_size=run.batch_size,
        max_new_tokens=run.decoding.max_new_tokens,
        temperature=run.decoding.temperature,
        top_p=run.decoding.top_p,
        seed=run.decoding.seed,
        constrained=run.constrained,
    )


def generator(
    weights: Weights, *, dtype: DType, device: str, batch_size: int, workers: int, say: Callable[[str], None]
) -> Generator:
    """The transformers engine, its model loaded; raises UsageError."""
    from georsmllm.infer import Generator
    from georsmllm.model import anyres, load
    from georsmllm.model.tokens import Chat
    from georsmllm.model.views import Views

    if weights.adapter is None:
        model = load.model(weights.base, dtype=dtype, device=device)
    else:
        model = load.adapted(weights.adapter, base=weights.base, dtype=dtype, device=device)
        model = model.merge_and_unload(safe_merge=True) if weights.is_merged else model
    sizes, views = anyres.of_folder(weights.base), Views.of_folder(weights.base)
    chat = Chat.of_folder(weights.base)
    return Generator(model, chat, views, sizes, batch_size=batch_size, workers=workers, say=say)
