"""Models from disk or hub: every file is held against the others first, and a weight that is missing is an error."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from georsmllm.errors import UsageError
from georsmllm.model import soundness
from georsmllm.model.needs import require, require_beside
from georsmllm.model.places import ADAPTER_WEIGHTS, base_of, resolve
from georsmllm.model.strict import explain, loaded

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import BitsAndBytesConfig, LlavaOnevisionForConditionalGeneration

    from georsmllm.model.image_only import ImageOnlyProcessor

__all__ = ["RENAMED", "Attention", "DType", "adapted", "model", "processor", "resolve"]

DType = Literal["auto", "bfloat16", "float32"]
Attention = Literal["sdpa", "eager", "flash_attention_2"]
_HELD_WHOLE = ["model.vision_tower", "model.multi_modal_projector", "lm_head"]
"""What QLoRA leaves in full precision: small, or read by the loss. Whole names: transformers matches them from their start."""
RENAMED = "`is_gradient_checkpointing` is deprecated"
"""What transformers 5.23 says of a name that PEFT asks for, and that 5.17 knows no other for."""


def model(
    folder: Path,
    *,
    dtype: DType = "auto",
    attn_implementation: Attention = "sdpa",
    device: str | torch.device | None = None,
    bits: Literal[4, 8] | None = None,
) -> LlavaOnevisionForConditionalGeneration:
    """A model in evaluation mode. bits: of its language model's frozen weights (a GPU and bitsandbytes). Raises UsageError."""
    soundness.check(folder)
    require("loading a model")
    if bits:
        require_beside("bitsandbytes", f"weights of {bits} bits", "pip install bitsandbytes, on a machine with a GPU")
    if attn_implementation == "flash_attention_2":
        require_beside("flash_attn", attn_implementation, "pip install flash-attn, or take sdpa")
    import torch
    from transformers import LlavaOnevisionForConditionalGeneration

    found = loaded(
        LlavaOnevisionForConditionalGeneration,
        folder,
        dtype={"auto": "auto", "bfloat16": torch.bfloat16, "float32": torch.float32}[dtype],
        attn_implementation=attn_implementation,
        **({"quantization_config": _quantised(bits)} if bits else {}),
    )
    return found.to(device) if device is not None and not bits else found


def adapted(
    folder: Path,
    *,
    dtype: DType = "auto",
    attn_implementation: Attention = "sdpa",
    device: str | torch.device | None = None,
    base: str | Path | None = None,
) -> PeftModel:
    """A model with the adapter of a folder on it, not merged; raises UsageError where its base is gone or another one.

    base: where the model under it is now, when it is not where it was.
    """
    found = base_of(folder, base)
    names = {*soundness.header(folder / ADAPTER_WEIGHTS).tensors}
    require("loading an adapter", "peft")
    from peft import PeftModel, get_peft_model_state_dict

    whole = model(found, dtype=dtype, attn_implementation=attn_implementation)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error below
        warnings.filterwarnings("ignore", RENAMED, FutureWarning)
        try:
            both = PeftModel.from_pretrained(whole, folder)
        except (ValueError, RuntimeError, re.error) as error:
            if isinstance(error, RuntimeError) and "size mismatch" not in str(error):
                raise
            reason = " ".join(str(error).split())[:160]
            raise UsageError(f"{folder}: the adapter does not fit {found}: {reason}") from None
    wanted = {*get_peft_model_state_dict(both, save_embedding_layers=False)}
    for what, keys in (("missing", wanted - names), ("unexpected", names - wanted)):
        if keys:
            raise UsageError(f"{folder}: {explain(what, sorted(keys))}")
    return both.to(device) if device is not None else both


def processor(folder: Path) -> ImageOnlyProcessor:
    """The processor of a model as transformers has it, for images and text, with Pillow's pixels."""
    require("reading a processor")
    from georsmllm.model.image_only import processor as of_folder

    return of_folder(folder)


def _quantised(bits: Literal[4, 8]) -> BitsAndBytesConfig:
    import torch
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=_HELD_WHOLE)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=_HELD_WHOLE,
    )
