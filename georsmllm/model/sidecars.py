"""What lies beside a model's weights, in the form that transformers and vLLM expect: processor, template, generation.

transformers itself writes `processor_config.json` so only where torchvision is installed (its video processor needs it); we
write the same keys everywhere. The video section is what a LLaVA-OneVision processor has, though no video is ever given.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json, write_json, writing
from georsmllm.model.anyres import Anyres
from georsmllm.model.tokens import END, IMAGE, PAD, TEMPLATE, Chat

VIDEO = "<video>"
PROCESSOR = "LlavaOnevisionProcessor"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json",
                   "special_tokens_map.json")  # fmt: skip
OTHER_FILES = ("processor_config.json", "preprocessor_config.json", "chat_template.jinja", "generation_config.json")
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_BICUBIC = 3


class Colours(NamedTuple):
    """How pixels are normalised, channel by channel; SigLIP's, unless its folder says otherwise."""

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)


class _Normalised(msgspec.Struct):
    image_mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    image_std: tuple[float, ...] = (0.5, 0.5, 0.5)
    image_processor: _Normalised | None = None


def colours(folder: Path) -> Colours:
    """What a folder's image processor normalises by."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            found = read_json(folder / name, _Normalised)
            if found.image_processor is not None or name == "preprocessor_config.json":
                found = found.image_processor or found
                return Colours(found.image_mean, found.image_std)
    return Colours()


def write_processor(out: Path, anyres: Anyres, look: Colours) -> None:
    """processor_config.json; its keys and their order are transformers' own."""
    size = {"height": anyres.side, "width": anyres.side}
    common = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "resample": _BICUBIC,
              "rescale_factor": 1 / 255, "size": size}  # fmt: skip
    images = {
        **common,
        "do_pad": True,
        "image_grid_pinpoints": [[height, width] for width, height in anyres.grids],
        "image_mean": look.mean,
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "image_std": look.std,
    }
    videos = {
        **common,
        "do_sample_frames": False,
        "image_mean": _CLIP_MEAN,
        "image_std": _CLIP_STD,
        "return_metadata": False,
        "video_processor_type": "LlavaOnevisionVideoProcessor",
    }
    settings = {
        "image_processor": dict(sorted(images.items())),
        "image_token": IMAGE,
        "num_image_tokens": anyres.base,
        "processor_class": PROCESSOR,
        "video_processor": dict(sorted(videos.items())),
        "video_token": VIDEO,
        "vision_aspect_ratio": f"anyres_max_{anyres.most}",
        "vision_feature_select_strategy": "full",
    }
    write_json(out / "processor_config.json", settings)


def write_chat(out: Path, chat: Chat, *, max_length: int) -> None:
    """The chat template, tokenizer_config.json and generation_config.json of a tokenizer.json. max_length: in tokens."""
    with writing(out / "chat_template.jinja") as template:
        template.write(TEMPLATE.encode())
    settings = {
        "add_prefix_space": False,
        "backend": "tokenizers",
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "errors": "replace",
        "model_max_length": max_length,
        "pad_token": PAD,
        "processor_class": PROCESSOR,
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": PAD,
    }
    write_json(out / "tokenizer_config.json", settings)
    generation = {"do_sample": False, "eos_token_id": chat.end, "pad_token_id": chat.pad}
    write_json(out / "generation_config.json", generation)


def copy(source: Path, out: Path) -> None:
    """Tokenizer, template, processor and generation settings from one model to another, as they are."""
    for name in ("tokenizer.json", "processor_config.json"):
        if not (source / name).is_file():
            raise UsageError(f"{source} has no {name}; expected a model made by `georsmllm model`")
    for name in (*TOKENIZER_FILES, *OTHER_FILES):
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
