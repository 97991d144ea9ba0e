"""A model on disk, whole or not there at all: weights under their published names, and all that plain transformers needs."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.errors import UsageError
from georsmllm.files import held
from georsmllm.jsonl import PART, write_json
from georsmllm.model import sidecars
from georsmllm.model.soundness import INDEX, WEIGHTS

if TYPE_CHECKING:
    import torch
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

SHARD_BYTES = 5 * 10**9
_PUBLISHED = (
    (re.compile(r"^model\.(?=image_newline|multi_modal_projector\.|vision_tower\.)"), ""),
    (re.compile(r"^vision_tower\.(?!vision_model\.)"), "vision_tower.vision_model."),
    (re.compile(r"^model\.language_model\."), "language_model.model."),
    (re.compile(r"^lm_head\."), "language_model.lm_head."),
)


def published_name(name: str) -> str:
    """The name of a weight in published checkpoints (which vLLM reads, too), from its name in memory.

    transformers renames when it loads, and 5.23 saves the tower of a model that it did not load without `vision_model.`.
    """
    for pattern, put in _PUBLISHED:
        name = pattern.sub(put, name)
    return name


def save(
    model: LlavaOnevisionForConditionalGeneration,
    folder_from: Path,
    out: Path,
    *,
    state_dict: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Weights and configuration of a model, tokenizer and processor of the folder it came from.

    A model that is at `out` is replaced at the end, when the new one is whole. state_dict: in the place of the model's own
    (gathered from elsewhere). A process that dies leaves what was there before, or, for an instant, nothing.
    """
    with new_folder(out, replace=True) as folder:
        write_config(model.config, folder)
        write_weights(model, folder, state_dict)
        sidecars.copy(folder_from, folder)
    return out


def write_config(config: LlavaOnevisionConfig, folder: Path) -> None:
    """config.json with the name of the class, by which vLLM chooses its own."""
    config.architectures = ["LlavaOnevisionForConditionalGeneration"]
    config.save_pretrained(folder)


@contextmanager
def new_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill that takes its name when the block ends without an error; raises UsageError where `out` is taken.

    replace: a model (or nothing) may be there.
    """
    beside, old = (out.with_name(f".{out.name}-{tail}{PART}") for tail in ("new", "old"))
    if old.exists() and not out.exists():  # killed between the two renames below
        old.rename(out)
    check_free(out, replace=replace)
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}; choose another place") from error
    try:
        with space_for(out):
            yield beside
            _sync(beside)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    beside.rename(out)
    shutil.rmtree(old, ignore_errors=True)


_FULL = "No space left on device", "Disk quota exceeded", "File too large", "inline_container"
"""Said by the system; the last is where PyTorch's writer of archives fails, whatever its words."""


@contextmanager
def space_for(out: Path) -> Iterator[None]:
    """A full disk is one line, also where it is safetensors or PyTorch that meets it, in an error of its own."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if not any(words in str(error) for words in _FULL):
            raise
        raise UsageError(
            f"no space left while writing {out}; nothing half-written is taken up: free some space and run the same "
            "command again"
        ) from error


def check_free(out: Path, *, replace: bool = False) -> None:
    """Raises UsageError where something else than an empty folder (or, to replace, a model) has the name already."""
    if out.is_dir():
        if any(out.iterdir()) and not (replace and _is_model(out)):
            raise UsageError(f"{out} is there already and holds {held(out)}; choose another place, or remove it")
    elif out.exists():
        raise UsageError(f"{out} is there already, a file; choose another place, or remove it")


def write_weights(
    model: LlavaOnevisionForConditionalGeneration,
    folder: Path,
    state_dict: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Shards of a model's weights under their published names; a tied output embedding is left out, as transformers does."""
    weights = model.state_dict() if state_dict is None else state_dict
    named = {published_name(name): tensor for name, tensor in weights.items()}
    if model.config.tie_word_embeddings:
        named.pop("language_model.lm_head.weight", None)
    write_tensors(named, folder)


def write_tensors(named: Mapping[str, torch.Tensor], folder: Path) -> None:
    """model.safetensors, or shards and their index."""
    write_streamed({name: tuple(one.shape) for name, one in named.items()}, named.__getitem__, folder)


def write_streamed(
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], torch.Tensor],
    folder: Path,
    dtype: str | None = None,
) -> None:
    """The same with tensors that are read when their turn comes: never more in memory than one shard. dtype: of all."""
    import torch
    from safetensors.torch import save_file

    to = {None: None, "float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    shards = _shards(shapes, to.itemsize if to is not None else 4)
    files: dict[str, str] = {}
    total = 0
    for number, names in enumerate(shards, start=1):
        file = WEIGHTS if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {name: read(name).detach().to("cpu", to).contiguous() for name in names}
        save_file(tensors, folder / file, {"format": "pt"})
        (folder / file).chmod(folder.stat().st_mode & 0o666)  # the library makes files that only their owner may read
        files |= dict.fromkeys(names, file)
        total += sum(one.nbytes for one in tensors.values())
    if len(shards) > 1:
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(files.items()))})


def _shards(shapes: Mapping[str, tuple[int, ...]], itemsize: int) -> list[list[str]]:
    """Names of tensors in groups that stay below SHARD_BYTES, in order."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, shape in shapes.items():
        size = math.prod(shape) * itemsize
        if shards[-1] and filled + size > SHARD_BYTES:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()


def _sync(folder: Path) -> None:
    """To the disk, so that a rename never names files that a power cut took."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
