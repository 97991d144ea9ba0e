"""Where a model lies: a folder, a hub id, the base of an adapter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from georsmllm.errors import UsageError
from georsmllm.files import folder as the_folder
from georsmllm.jsonl import read_json
from georsmllm.model import soundness
from georsmllm.model.needs import require

_FILES = ("*.json", "*.jinja", "merges.txt", "vocab.txt", "*.safetensors")
ADAPTER, ADAPTER_WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"


class Base(msgspec.Struct, frozen=True):
    """The model that an adapter was trained on. base: its folder or hub id. identity: a hash of its weights."""

    base: str
    identity: str


class _Config(msgspec.Struct):
    """What an adapter says of itself; only low-rank ones are read."""

    peft_type: Literal["LORA"]
    r: Annotated[int, msgspec.Meta(ge=1)]
    base_model_name_or_path: str | None = None


def resolve(path_or_id: str | Path, *, files: Sequence[str] = _FILES) -> Path:
    """A local folder as it is, or the snapshot of a hub id (what its cache lacks is downloaded); raises UsageError.

    files: name patterns of what is wanted of a snapshot.
    """
    path = Path(path_or_id).expanduser()
    name = str(path_or_id)
    if path.is_dir():
        return path
    if path.exists() or name.startswith((".", "~", os.sep)) or name.count("/") != 1:
        return the_folder(path, "the folder of a model, or a hub id like llava-hf/llava-onevision-qwen2-7b-ov-hf")
    require("reading a model from the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(files)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"no folder {name} here, and as a hub id it cannot be had: {' '.join(str(error).split())[:160]}; check its name "
            "and the network, or give a folder"
        ) from None


def is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER).is_file()


def base_of(folder: Path, given: str | Path | None = None) -> Path:
    """The folder of the model that an adapter belongs on; raises UsageError where it is gone or has other weights.

    given: where the base is now, when it is not where it was.
    """
    the_folder(folder, "the folder of an adapter")
    if not is_adapter(folder):
        raise UsageError(f"{folder} has no {ADAPTER}; expected an adapter, as training with lora saves it")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise UsageError(f"{folder} has no {ADAPTER_WEIGHTS}; only safetensors are read")
    config, path = read_json(folder / ADAPTER, _Config), folder / BASE
    known = read_json(path, Base) if path.is_file() else None
    name = given or (known.base if known else config.base_model_name_or_path)
    if not name:
        raise UsageError(f"{folder} does not say which model it belongs on; give it as --base")
    try:
        base = resolve(name)
    except UsageError as error:
        raise UsageError(f"the base of the adapter {folder} is gone: {error}; where it is now is --base") from None
    if known is not None and soundness.identity(base) != known.identity:
        raise UsageError(
            f"{base} is not the model that the adapter {folder} was trained on: its weights have another hash; give the "
            "right one as --base"
        )
    return base
