"""A LLaVA-OneVision model from a language model and a vision tower, or from a published one, shard by shard.

The tower keeps all layers but its last and no head, as LLaVA-OneVision's has it (26 of SigLIP so400m's 27 layers, feature
layer -1: arXiv 2408.03326; transformers, convert_llava_onevision_weights_to_hf.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json
from georsmllm.model import anyres, projector, sidecars, soundness, spec
from georsmllm.model.needs import require
from georsmllm.model.save import new_folder, published_name, write_config, write_streamed
from georsmllm.model.tokens import END, IMAGE, PAD, START, Chat
from georsmllm.tokencount import whole_tokenizer

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

DType = Literal["bfloat16", "float32"]
MULTIPLE = 64
"""The rows of the embeddings are a multiple of it, where they must grow."""
_OF_THE_WHOLE = ("architectures", "transformers_version", "torch_dtype")
_FRESH = ("image_newline", "multi_modal_projector.")
_EMBEDDINGS = ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """max_grid: crops a side, at most. drop_layers: the tower's last ones. dtype: of everything that is written (None: the
    language model's). seed: of the projector."""

    max_grid: int = 6
    drop_layers: int = 1
    dtype: DType | None = None
    seed: int = 0


class _Kind(msgspec.Struct):
    model_type: str = "one that is not named"
    architectures: tuple[str, ...] = ()
    dtype: str | None = None
    torch_dtype: str | None = None


class Parts(NamedTuple):
    """Two folders, and what their files say. tower: its configuration, the last layers dropped."""

    llm: Path
    vision: Path
    text: spec.Text
    tower: spec.Vision


def assemble(llm: Path, vision: Path, out: Path, options: Options = Options()) -> Path:  # noqa: B008 - frozen
    """The model at `out`, which must not be there; llm: of Qwen2 or Qwen2.5, vision: of SigLIP. Raises UsageError."""
    parts = read_parts(llm, vision, options)
    require("assembling a model")
    tokenizer = read_tokenizer(parts.llm)
    with new_folder(out) as folder:
        tokenizer.save(str(folder / "tokenizer.json"))
        chat = Chat.of_folder(folder)
        rows = max(parts.text.vocab_size, -(-chat.size // MULTIPLE) * MULTIPLE)
        found = _write_config(parts, folder, chat, rows, options)
        views = anyres.of_tower(found.vision.image_size, found.vision.patch_size, max_grid=options.max_grid)
        sidecars.write_processor(folder, views, sidecars.colours(parts.vision))
        sidecars.write_chat(folder, chat, max_length=found.text.max_position_embeddings)
        _write_weights(parts, folder, options)
        soundness.check(folder)
    return out


def start_from(source: Path, out: Path) -> Path:
    """A LLaVA-OneVision model with our chat template and all files in one form; its weights as they are. Raises UsageError."""
    found = soundness.check(source)
    views, look, chat = anyres.of_folder(source), sidecars.colours(source), Chat.of_folder(source)
    with new_folder(out) as folder:
        for name in (spec.CONFIG, soundness.INDEX, "tokenizer.json"):
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        for path in soundness.weight_files(source):
            shutil.copyfile(path, folder / path.name)
        sidecars.write_processor(folder, views, look)
        sidecars.write_chat(folder, chat, max_length=found.text.max_position_embeddings)
        soundness.check(folder)
    return out


def read_parts(llm: Path, vision: Path, options: Options) -> Parts:
    """Both configurations, and whether their weights are there; raises UsageError."""
    kind = _kind(llm)
    if kind.model_type != "qwen2" or "Qwen2ForCausalLM" not in kind.architectures:
        raise UsageError(
            f"--llm {llm} is a {kind.model_type} model ({', '.join(kind.architectures) or 'no architectures'}); expected "
            "Qwen2ForCausalLM, a Qwen2 or Qwen2.5 language model"
        )
    text = read_json(llm / spec.CONFIG, spec.Text)
    kind = _kind(vision)
    if kind.model_type == "siglip":
        tower = read_json(vision / spec.CONFIG, _Siglip).vision_config
    elif kind.model_type == "siglip_vision_model":
        tower = read_json(vision / spec.CONFIG, spec.Vision)
    else:
        raise UsageError(f"--vision {vision} is a {kind.model_type} model; expected SigLIP, whole or its vision part")
    layers = tower.num_hidden_layers - options.drop_layers
    if layers < 1:
        raise UsageError(f"--vision {vision} has {tower.num_hidden_layers} layers, of which {options.drop_layers} go")
    for folder in (llm, vision):
        soundness.weight_files(folder)
    tower = msgspec.structs.replace(tower, num_hidden_layers=layers, vision_use_head=False)
    return Parts(llm, vision, text, tower)


class _Siglip(msgspec.Struct):
    vision_config: spec.Vision = msgspec.field(default_factory=spec.Vision)


def _kind(folder: Path) -> _Kind:
    if not (folder / spec.CONFIG).is_file():
        raise UsageError(f"{folder} has no {spec.CONFIG}; expected the folder of a model")
    return read_json(folder / spec.CONFIG, _Kind)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, with every token that a conversation with images needs; new ones come behind all others."""
    from tokenizers import AddedToken

    tokenizer = whole_tokenizer(folder)
    wanted = (PAD, START, END, IMAGE, sidecars.VIDEO)
    new = [token for token in wanted if tokenizer.token_to_id(token) is None]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in new])
    return tokenizer


def _write_config(parts: Parts, folder: Path, chat: Chat, rows: int, options: Options) -> spec.Spec:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import LlavaOnevisionConfig

    dtype = _dtype(parts, options)
    text = _settings(parts.llm)
    text |= {"vocab_size": rows, "eos_token_id": chat.end, "pad_token_id": chat.pad, "dtype": dtype}
    tower = {**_settings(parts.vision), **msgspec.to_builtins(parts.tower), "dtype": dtype}
    views = anyres.of_tower(parts.tower.image_size, parts.tower.patch_size, max_grid=options.max_grid)
    try:
        config = LlavaOnevisionConfig(
            text_config=text,
            vision_config=tower,
            image_token_index=chat.image,
            video_token_index=chat.tokenizer.token_to_id(sidecars.VIDEO),
            image_grid_pinpoints=[[height, width] for width, height in views.grids],
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            tie_word_embeddings=parts.text.tie_word_embeddings,
            dtype=dtype,
        )
    except StrictDataclassError as error:
        raise UsageError(
            f"{parts.llm} or {parts.vision}: a config.json contradicts itself: {' '.join(str(error).split())}"
        ) from None
    write_config(config, folder)
    return spec.of_folder(folder)


def _settings(folder: Path) -> dict[str, object]:
    """The configuration of a part without what is said of the whole."""
    whole: dict[str, object] = json.loads((folder / spec.CONFIG).read_bytes())
    inner = whole.get("vision_config")
    settings = inner if isinstance(inner, dict) else whole
    return {key: value for key, value in settings.items() if key not in _OF_THE_WHOLE}


def _dtype(parts: Parts, options: Options) -> str:
    kind = _kind(parts.llm)
    return options.dtype or ("bfloat16" if "bfloat16" in (kind.dtype, kind.torch_dtype) else "float32")


class _Source(NamedTuple):
    path: Path
    name: str
    shape: tuple[int, ...]


def _write_weights(parts: Parts, folder: Path, options: Options) -> None:
    """All tensors of the new model, a shard at a time."""
    wanted = layout(folder)
    sources = {**_of_llm(parts.llm, wanted), **_of_vision(parts.vision, wanted)}
    fresh = projector.fresh({name: shape for name, shape in wanted.items() if name.startswith(_FRESH)}, options.seed)
    for name, shape in wanted.items():
        if name not in sources and name not in fresh:
            raise UsageError(f"no weights for {name}: neither {parts.llm} nor {parts.vision} has them")
        stated = (parts.text.vocab_size, *shape[1:]) if name in _EMBEDDINGS else shape
        if name in sources and sources[name].shape != stated:
            one = sources[name]
            raise UsageError(f"{one.path}: {one.name} is {one.shape}, by its config.json it would be {stated}")
    write_streamed(
        wanted,
        lambda name: fresh[name] if name in fresh else _read(sources[name], wanted[name]),
        folder,
        _dtype(parts, options),
    )


def layout(folder: Path) -> dict[str, tuple[int, ...]]:
    """Published name -> shape of every tensor of the model that a config.json describes, without making any."""
    import torch
    from transformers import AutoConfig, LlavaOnevisionForConditionalGeneration

    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        empty = LlavaOnevisionForConditionalGeneration(config)
    shapes = {published_name(name): tuple(one.shape) for name, one in empty.state_dict().items()}
    if config.tie_word_embeddings:
        shapes.pop(_EMBEDDINGS[1])
    return shapes


def _of_llm(folder: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, _Source]:
    found = {f"language_model.{one.name}": one for one in _tensors(folder)}
    tied = {_EMBEDDINGS[1]} - wanted.keys()
    extra = sorted(name for name in found.keys() - wanted.keys() - tied if not name.endswith("inv_freq"))
    if extra:
        raise UsageError(f"--llm {folder} has weights that its config.json knows nothing of: {', '.join(extra[:3])}")
    return {name: one for name, one in found.items() if name in wanted}


def _of_vision(folder: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, _Source]:
    """The tower's tensors; the text half of a whole SigLIP, the head and the layers that are dropped stay behind."""
    found = {f"vision_tower.vision_model.{one.name.removeprefix('vision_model.')}": one for one in _tensors(folder)}
    return {name: one for name, one in found.items() if name in wanted}


def _tensors(folder: Path) -> Iterator[_Source]:
    for path in soundness.weight_files(folder):
        for name, one in soundness.header(path).tensors.items():
            yield _Source(path, name, one.shape)


def _read(source: _Source, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor from its file; rows that embeddings lack are the mean of the others, in which nothing stands out."""
    import torch
    from safetensors import safe_open

    with safe_open(source.path, framework="pt") as file:
        tensor = file.get_tensor(source.name)
    if tensor.shape == shape:
        return tensor
    mean = tensor.float().mean(0, keepdim=True).to(tensor.dtype)
    return torch.cat([tensor, mean.expand(shape[0] - tensor.shape[0], -1)])
