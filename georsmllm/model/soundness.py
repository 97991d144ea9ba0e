"""Whether a model's folder is whole and its files agree, before torch is imported; what is wrong is one line."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

import msgspec

from georsmllm.errors import UsageError
from georsmllm.files import folder as the_folder
from georsmllm.files import held
from georsmllm.jsonl import read_json
from georsmllm.model import anyres, spec
from georsmllm.model.tokens import Chat

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_BLOCK = 4096
_LENGTH = 8
_MAX_HEADER = 100_000_000
_DType = Literal["float32", "bfloat16", "float16"]


class Tensor(msgspec.Struct, frozen=True):
    """Of a safetensors header. data_offsets: begin and end in bytes, behind the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class Header(NamedTuple):
    """tensors by name. size: bytes that the whole file has."""

    tensors: dict[str, Tensor]
    size: int


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


class _Settings(msgspec.Struct):
    """What config.json says of grids, which the model goes by and the processor's file has once more; and what is read in one
    way only: features of all patches, and weights in one of these types. Quantised weights are none of them."""

    image_grid_pinpoints: tuple[tuple[int, int], ...] | None = None
    vision_aspect_ratio: str = "anyres_max_9"
    vision_feature_select_strategy: Literal["full"] = "full"
    dtype: _DType | None = None
    torch_dtype: _DType | None = None
    quantization_config: object = None


def check(folder: Path) -> spec.Spec:
    """Raises UsageError unless weights are there in full and configuration, tokenizer and processor agree."""
    the_folder(folder, "the folder of a model, as `georsmllm model` makes it")
    found = spec.of_folder(folder)
    for path in weight_files(folder):
        header(path)
    check_tokens(folder, found)
    _check_views(folder, found)
    return found


def check_tokens(folder: Path, found: spec.Spec) -> None:
    """Raises UsageError unless every id of the tokenizer has an embedding, and the image's is the one the model waits for."""
    chat = Chat.of_folder(folder)
    if chat.size > found.text.vocab_size:
        raise UsageError(
            f"{folder}: the tokenizer has {chat.size} ids, the model embeds {found.text.vocab_size}; they are not of one "
            "model: `georsmllm model assemble` joins and resizes"
        )
    if chat.image != found.image_token_index:
        raise UsageError(
            f"{folder}: <image> is id {chat.image} of the tokenizer, config.json has image_token_index "
            f"{found.image_token_index}; they are not of one model"
        )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a model, all there; raises UsageError."""
    whole, index = folder / WEIGHTS, folder / INDEX
    if index.is_file():
        names = sorted(set(read_json(index, _Index).weight_map.values()))
        if outside := [name for name in names if PurePath(name).name != name]:
            raise UsageError(f"{index} names {outside[0]!r}; expected files that lie beside it")
        gone = [name for name in names if not (folder / name).is_file()]
        if gone:
            raise UsageError(f"{folder}: {', '.join(gone[:3])} of {len(names)} weight files is missing; copy it again")
        return tuple(folder / name for name in names)
    if whole.is_file():
        return (whole,)
    pickles = sorted(path.name for path in folder.glob("*.bin"))
    if pickles:
        raise UsageError(
            f"{folder} has its weights as {pickles[0]}, a pickle, which may run code; only safetensors are read: load it "
            "where you trust it with transformers, then save_pretrained"
        )
    raise UsageError(f"{folder} has no {WEIGHTS} and no {INDEX}; it holds {held(folder)}")


def header(path: Path) -> Header:
    """What a safetensors file holds, without its numbers; raises UsageError for one that is damaged or cut short."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        size = path.stat().st_size
        if not 0 < length <= min(size, _MAX_HEADER):
            raise UsageError(f"{path}: no safetensors file")
        try:
            raw = msgspec.json.decode(file.read(length), type=dict[str, msgspec.Raw])
            raw.pop("__metadata__", None)
            tensors = {name: msgspec.json.decode(one, type=Tensor) for name, one in raw.items()}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{path}: no safetensors file: {error}") from None
    expected = _LENGTH + length + max((one.data_offsets[1] for one in tensors.values()), default=0)
    if size != expected:
        raise UsageError(
            f"{path}: expected {expected} bytes, got {size}; a download or a copy was cut short, repeat it"
        )
    return Header(tensors, size)


def identity(folder: Path) -> str:
    """A hash that tells one model's weights from another's, also where a single module was trained: of every tensor its
    name, its shape and 4 KiB from its middle."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        tensors = header(path).tensors
        with path.open("rb") as file:
            data = _LENGTH + int.from_bytes(file.read(_LENGTH), "little")
            for name, one in sorted(tensors.items()):
                begin, end = one.data_offsets
                size = min(end - begin, _BLOCK)
                file.seek(data + begin + (end - begin - size) // 2)
                digest.update(f"{name}\0{one.dtype}\0{one.shape}\0".encode() + file.read(size))
    return digest.hexdigest()


def _check_views(folder: Path, found: spec.Spec) -> None:
    views = anyres.of_folder(folder)
    tower = found.vision
    if (views.side, views.patches) != (tower.image_size, tower.image_size // tower.patch_size):
        raise UsageError(
            f"{folder}: the processor cuts crops of {views.side} px into {views.patches} x {views.patches} features, the "
            f"tower of config.json takes {tower.image_size} px in patches of {tower.patch_size}; they are not of one model"
        )
    config = read_json(folder / spec.CONFIG, _Settings)
    if config.quantization_config is not None:
        raise UsageError(
            f"{folder}: config.json has a quantization_config; expected weights of full precision (lora.bits quantises them)"
        )
    taken, layers = found.vision_feature_layer, tower.num_hidden_layers
    if not all(-layers - 1 <= one <= layers for one in ([taken] if isinstance(taken, int) else taken)):
        raise UsageError(f"{folder}: config.json has vision_feature_layer {taken}, its tower has {layers} layers")
    grids = anyres.published().grids
    if config.image_grid_pinpoints is not None:
        grids = tuple((width, height) for height, width in config.image_grid_pinpoints)
    if (grids, config.vision_aspect_ratio) != (views.grids, f"anyres_max_{views.most}"):
        raise UsageError(
            f"{folder}: image_grid_pinpoints or vision_aspect_ratio of config.json and of the processor differ; the model "
            "would see other features than its questions have places for"
        )
