"""DeepSpeed's settings of a run: named ones, or a file of one's own, and what this machine changes about them."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json

Settings = dict[str, object]


class _Offload(msgspec.Struct, frozen=True):
    device: str = "none"


class _Zero(msgspec.Struct, frozen=True):
    stage: int = 0
    offload_optimizer: _Offload | None = None
    offload_param: _Offload | None = None
    stage3_gather_16bit_weights_on_model_save: bool = False


class Facts(msgspec.Struct, frozen=True):
    """What we ourselves need to know of DeepSpeed's settings."""

    zero_optimization: _Zero = _Zero()
    zero_force_ds_cpu_optimizer: bool = True
    optimizer: dict[str, object] | None = None

    @property
    def shards_weights(self) -> bool:
        return self.zero_optimization.stage == 3

    @property
    def offloads(self) -> bool:
        offload = self.zero_optimization.offload_optimizer
        return offload is not None and offload.device != "none"


def settings(name: str, folder: Path) -> Settings:
    """The settings of that name in a folder of JSON files, or of a file of that path; raises UsageError."""
    names = tuple(sorted(path.stem for path in folder.glob("*.json")))
    path = folder / f"{name}.json" if name in names else Path(name)
    if not path.is_file():
        raise UsageError(
            f"deepspeed: no settings are called {name!r} and no such file is there; {nearest(name, names)}"
        )
    found = read_json(path, Settings)
    if facts(found, path).optimizer is not None:
        raise UsageError(
            f"{path}: leave `optimizer` out: it is AdamW, with the recipe's learning rates for each module, which a group of "
            "DeepSpeed's own would not have"
        )
    return found


def facts(found: Settings, path: Path | None = None) -> Facts:
    try:
        return msgspec.convert(found, Facts)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path or 'deepspeed'}: {error}") from None


def suited(found: Settings, *, on_gpu: bool) -> Settings:
    """The settings for this machine. Offloaded steps are DeepSpeed's own Adam for CPUs: five to seven times as fast as
    PyTorch's (https://www.deepspeed.ai/docs/config-json/#optimizer-offloading), compiled at first use. Where there is no GPU
    nothing is offloaded, and PyTorch's own is taken, so that nothing is compiled. Raises UsageError without a compiler."""
    if not facts(found).offloads:
        return found
    if not on_gpu:
        return {**found, "zero_force_ds_cpu_optimizer": False}
    if facts(found).zero_force_ds_cpu_optimizer and shutil.which("c++") is None and shutil.which("g++") is None:
        raise UsageError(
            "offloading the optimizer compiles DeepSpeed's Adam for CPUs, and this machine has no g++; install it, or use "
            'settings of your own with "zero_force_ds_cpu_optimizer": false (slower steps)'
        )
    return found
