"""Which device and number format a model runs in where a person leaves it open."""

from __future__ import annotations

import os
from typing import Literal

from georsmllm.errors import UsageError

DType = Literal["bfloat16", "float32"]


def device_and_dtype(name: str, dtype: Literal["auto", "bfloat16", "float32"]) -> tuple[str, DType]:
    """What "auto" means here: this process's GPU and bfloat16, else the CPU and float32. Raises UsageError for a device that
    cannot be used."""
    import torch

    if name == "auto":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"--device {name} cannot be used here: {reason}; torch sees {_seen()}") from None
    if dtype == "auto":
        return name, "bfloat16" if name.startswith("cuda") else "float32"
    return name, dtype


def _seen() -> str:
    import torch

    num = torch.cuda.device_count()
    return f"cpu and cuda:0 to cuda:{num - 1}" if num else "cpu alone"
