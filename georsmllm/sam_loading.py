"""SAM 2 from a folder, a hub id or Meta's own checkpoint: files held against each other, and a missing weight is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import torch
from transformers import Sam2Model

from georsmllm.devices import device_and_dtype
from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json
from georsmllm.model import soundness
from georsmllm.model.places import resolve
from georsmllm.model.strict import loaded

CHECKPOINTS = (".pt", ".pth")
_FILES = ("config.json", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
"""Of a hub repository, which holds Meta's .pt as well."""


class Loaded(NamedTuple):
    """A model in evaluation mode, and what to call it in texts and files."""

    model: Sam2Model
    name: str


class _Backbone(msgspec.Struct):
    model_type: Literal["sam2_hiera_det_model"] = "sam2_hiera_det_model"


class _Vision(msgspec.Struct):
    backbone_config: _Backbone | None = None


class _Config(msgspec.Struct):
    """What a SAM 2 folder says of itself; the published ones call themselves sam2_video."""

    model_type: Literal["sam2", "sam2_video"]
    vision_config: _Vision | None = None


def model_of(path_or_id: str | Path, *, device: str = "auto") -> Loaded:
    """SAM 2 in float32 on a device ("auto": the GPU where there is one); raises UsageError.

    path_or_id: a folder as transformers saves it, `facebook/sam2.1-hiera-small` and its sisters, or one of Meta's .pt files.
    """
    if Path(path_or_id).suffix in CHECKPOINTS:
        from georsmllm.sam_weights import model_of_checkpoint

        path = Path(path_or_id).expanduser()
        return Loaded(model_of_checkpoint(path).to(_place(device)), path.name)
    folder = resolve(path_or_id, files=_FILES)
    is_id = not Path(path_or_id).expanduser().is_dir()
    return Loaded(_of_folder(folder).to(_place(device)), str(path_or_id) if is_id else folder.resolve().name)


def _of_folder(folder: Path) -> Sam2Model:
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} has no config.json; expected SAM 2 as transformers saves it, a hub id, or Meta's .pt"
        )
    read_json(folder / "config.json", _Config)
    for path in soundness.weight_files(folder):
        soundness.header(path)
    model = loaded(Sam2Model, folder, dtype=torch.float32)
    _check_sizes(model, folder)
    return model.eval()


def _check_sizes(model: Sam2Model, folder: Path) -> None:
    """The three feature maps are a quarter, an eighth and a sixteenth of the image's side; raises UsageError."""
    side = model.config.prompt_encoder_config.image_size
    expected = [[side // step, side // step] for step in (4, 8, 16)]
    came = [list(size) for size in model.config.vision_config.backbone_feature_sizes]
    if side % 16 or came != expected:
        raise UsageError(
            f"{folder}/config.json: images of {side} px make feature maps of {expected}, backbone_feature_sizes says {came}"
        )


def _place(device: str) -> torch.device:
    return torch.device(device_and_dtype(device, "float32")[0])
