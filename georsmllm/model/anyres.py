"""Dynamic high resolution in numbers: which crops an image gets, and how many visual tokens; no pixels, no torch.

One image of a sample is resized whole (the base view) and again to the best of the grids, cut into crops of the tower's
side; features of its padding are dropped, beyond `most` crops' worth they are shrunk, and every row ends with a newline.
Several images of a sample get the base view alone. Source: transformers, processing_llava_onevision.py
(`_get_number_of_features`) and modeling_llava_onevision.py (`pack_image_features`), which are LLaVA-NeXT's anyres_max_9;
tests hold the counts against both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated

import msgspec

from georsmllm.errors import UsageError

SizeWH = tuple[int, int]


class Anyres(msgspec.Struct, frozen=True, dict=True):
    """side: of a crop, in pixels. patches: of a crop's side, in features. grids: the sizes to choose from, (width, height) in
    pixels. most: crops whose features are kept at full resolution (anyres_max_N)."""

    side: int
    patches: int
    grids: tuple[SizeWH, ...]
    most: int

    @cached_property
    def base(self) -> int:
        """Features of the base view."""
        return self.patches * self.patches

    def tokens(self, sizes_wh: Sequence[SizeWH]) -> tuple[int, ...]:
        """Visual tokens of each image of one sample, by their sizes in pixels."""
        if len(sizes_wh) != 1:
            return (self.base + 1,) * len(sizes_wh)
        return (_tokens(self, sizes_wh[0]),)

    def crops(self, sizes_wh: Sequence[SizeWH]) -> tuple[int, ...]:
        """Views that the tower sees of each image of one sample: the base view and the crops."""
        if len(sizes_wh) != 1:
            return (1,) * len(sizes_wh)
        width, height = self.grid(sizes_wh[0])
        return (1 + (width // self.side) * (height // self.side),)

    def grid(self, size_wh: SizeWH) -> SizeWH:
        """The grid that keeps most of an image's resolution, of equals the one that wastes least; in pixels."""
        return _best(self, size_wh)


@lru_cache(maxsize=4096)
def _best(anyres: Anyres, size_wh: SizeWH) -> SizeWH:
    width, height = size_wh
    best, most, least = anyres.grids[0], -1, 0
    for grid_width, grid_height in anyres.grids:
        scale = min(grid_width / width, grid_height / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = grid_width * grid_height - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (grid_width, grid_height), kept, wasted
    return best


@lru_cache(maxsize=4096)
def _tokens(anyres: Anyres, size_wh: SizeWH) -> int:
    width, height = size_wh
    grid_width, grid_height = _best(anyres, size_wh)
    columns = anyres.patches * (grid_width // anyres.side)
    rows = anyres.patches * (grid_height // anyres.side)
    if width / height > columns / rows:
        rows -= (rows - int(round(height * (columns / width), 7))) // 2 * 2
    else:
        columns -= (columns - int(round(width * (rows / height), 7))) // 2 * 2
    ratio = math.sqrt(rows * columns / (anyres.most * anyres.base))
    if ratio > 1.1:
        rows, columns = int(rows // ratio), int(columns // ratio)
    return anyres.base + rows * columns + rows


def of_tower(side: int, patch: int, *, max_grid: int, most: int = 9) -> Anyres:
    """For a tower of that image and patch size in pixels: all grids of 1 to max_grid crops a side, in the published order."""
    sides = range(side, side * max_grid + 1, side)
    return Anyres(side, side // patch, tuple((width, height) for height in sides for width in sides), most)


def published() -> Anyres:
    """LLaVA-OneVision's with SigLIP so400m: crops of 384 px, grids of 1 to 6 crops a side, anyres_max_9."""
    return of_tower(384, 14, max_grid=6)


_Pixels = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]


class _Size(msgspec.Struct):
    height: _Pixels
    width: _Pixels


class _ImageProcessor(msgspec.Struct):
    image_grid_pinpoints: Annotated[tuple[tuple[_Pixels, _Pixels], ...], msgspec.Meta(min_length=1)]
    size: _Size


class _Processor(msgspec.Struct):
    num_image_tokens: _Pixels
    vision_aspect_ratio: str = "anyres_max_9"  # files of transformers 4 leave it out
    image_processor: _ImageProcessor | None = None


def of_folder(folder: Path) -> Anyres:
    """What the processor files of a saved model say; raises UsageError."""
    path = folder / "processor_config.json"
    try:
        processor = msgspec.json.decode(path.read_bytes(), type=_Processor)
        images = processor.image_processor
        if images is None:  # transformers 4 wrote it to a file of its own
            path = folder / "preprocessor_config.json"
            images = msgspec.json.decode(path.read_bytes(), type=_ImageProcessor)
    except FileNotFoundError:
        raise UsageError(f"{folder} has no {path.name}; expected a LLaVA-OneVision model with its processor") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; expected the settings of a LLaVA-OneVision processor") from None
    patches = math.isqrt(processor.num_image_tokens)
    most = re.fullmatch(r"anyres_max_([1-9][0-9]{0,3})", processor.vision_aspect_ratio)
    if patches**2 != processor.num_image_tokens or most is None:
        raise UsageError(
            f"{path}: expected num_image_tokens to be a square and vision_aspect_ratio like anyres_max_9, "
            f"got {processor.num_image_tokens} and {processor.vision_aspect_ratio}"
        )
    side, grids = images.size.width, tuple((width, height) for height, width in images.image_grid_pinpoints)
    if images.size.height != side or any(width % side or height % side for width, height in grids):
        raise UsageError(f"{path}: expected size to be a square and image_grid_pinpoints to be whole crops of it")
    return Anyres(side, patches, grids, int(most[1]))
