"""Weights onto a model of transformers without a warning that nobody reads: what does not fit is an error that says how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from georsmllm.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

M = TypeVar("M", bound="PreTrainedModel")


def loaded(kind: type[M], folder: Path, **options: Any) -> M:
    """The model of a folder, from safetensors alone; options: of `from_pretrained`. Raises UsageError for weights that are
    missing, unexpected or of another shape, and for a configuration that contradicts itself."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # its report on weights is our error below
    try:
        model, info = kind.from_pretrained(
            folder,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they come back in info, and are an error below
            output_loading_info=True,
            **options,
        )
    except StrictDataclassError as error:
        raise UsageError(f"{folder}/config.json contradicts itself: {' '.join(str(error).split())}") from None
    finally:
        logging.set_verbosity(verbosity)
    for what in ("missing", "unexpected", "mismatched"):
        keys = sorted(str(key[0] if isinstance(key, tuple) else key) for key in info[f"{what}_keys"])
        if keys:
            raise UsageError(f"{folder}: {explain(what, keys)}")
    return model


def explain(what: str, keys: Sequence[str]) -> str:
    """What is wrong with some weights; what: missing, unexpected or mismatched."""
    some = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
    return {
        "missing": f"its weights lack {some}, which config.json asks for",
        "unexpected": f"its weights have {some}, which config.json knows nothing of",
        "mismatched": f"its weights and config.json give {some} different shapes",
    }[what] + "; the files are not of one model"
