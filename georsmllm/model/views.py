"""Images as the tower sees them: crops of one side, normalised; the numbers of transformers' own image processor.

One image of a sample: the base view, then the crops of its grid, row by row. Several: each padded to a square, one view
each. Source: transformers, image_processing_pil_llava_onevision.py; as an 8-bit value has 256 normalised forms a channel,
they are looked up, which gives the same floats in half the time. A test holds both against each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.model.anyres import Anyres, SizeWH
from georsmllm.model.anyres import of_folder as anyres_of_folder

if TYPE_CHECKING:
    from PIL.Image import Image


class Seen(NamedTuple):
    """The views of one sample. pixels: float32, (crops, 3, side, side). sizes_hw: of each image, as it came."""

    pixels: torch.Tensor
    sizes_hw: tuple[tuple[int, int], ...]


_Spread = Annotated[float, msgspec.Meta(gt=0)]


class _Settings(msgspec.Struct, frozen=True):
    image_mean: tuple[float, float, float]
    image_std: tuple[_Spread, _Spread, _Spread]
    resample: Annotated[int, msgspec.Meta(ge=0, le=5)] = 3  # Pillow's filters
    rescale_factor: float = 1 / 255
    do_resize: bool = True
    do_rescale: bool = True
    do_normalize: bool = True
    do_convert_rgb: bool = True


class _Processor(msgspec.Struct, frozen=True):
    image_processor: _Settings | None = None


class Views:
    """The door from images to pixels of one model."""

    def __init__(self, anyres: Anyres, settings: _Settings) -> None:
        self.anyres = anyres
        self.resample = settings.resample
        self.ground = tuple(int(value * 255) for value in settings.image_mean)
        values = (np.arange(256).astype(np.float64) * settings.rescale_factor).astype(np.float32)
        mean, std = (np.array(one, np.float32)[:, None] for one in (settings.image_mean, settings.image_std))
        self.table: NDArray[np.float32] = (values - mean) / std

    @classmethod
    def of_folder(cls, folder: Path) -> Views:
        """As the processor files of a saved model say; raises UsageError."""
        anyres = anyres_of_folder(folder)
        path = folder / "processor_config.json"
        try:
            settings = msgspec.json.decode(path.read_bytes(), type=_Processor).image_processor
            if settings is None:  # transformers 4 wrote it to a file of its own
                path = folder / "preprocessor_config.json"
                settings = msgspec.json.decode(path.read_bytes(), type=_Settings)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{path}: {error}; expected the settings of a LLaVA-OneVision processor") from None
        steps = (settings.do_resize, settings.do_rescale, settings.do_normalize, settings.do_convert_rgb)
        if not all(steps):
            raise UsageError(
                f"{path}: expected images to be resized, rescaled, normalised and RGB, one of these is off"
            )
        return cls(anyres, settings)

    def pixels(self, images: Sequence[Image]) -> Seen:
        """The views of the images of one sample."""
        rgb = [image if image.mode == "RGB" else image.convert("RGB") for image in images]
        crops = self._tiled(rgb[0]) if len(rgb) == 1 else [self._whole(self._squared(image)) for image in rgb]
        side = self.anyres.side
        found = np.empty((len(crops), 3, side, side), np.float32)
        for crop, target in zip(crops, found, strict=True):
            for channel in range(3):
                np.take(self.table[channel], crop[..., channel], out=target[channel], mode="clip")
        return Seen(torch.from_numpy(found), tuple((image.height, image.width) for image in rgb))

    def _tiled(self, image: Image) -> list[NDArray[np.uint8]]:
        """The base view, then the crops of the grid; what the image does not fill is black."""
        side = self.anyres.side
        grid_width, grid_height = self.anyres.grid(image.size)
        width, height = _fitted(image.size, (grid_width, grid_height))
        canvas = np.zeros((grid_height, grid_width, 3), np.uint8)
        left, top = (grid_width - width) // 2, (grid_height - height) // 2
        canvas[top : top + height, left : left + width] = np.asarray(image.resize((width, height), self.resample))
        crops = [
            canvas[y : y + side, x : x + side] for y in range(0, grid_height, side) for x in range(0, grid_width, side)
        ]
        return [self._whole(image), *crops]

    def _whole(self, image: Image) -> NDArray[np.uint8]:
        side = self.anyres.side
        return np.asarray(image.resize((side, side), self.resample))

    def _squared(self, image: Image) -> Image:
        """The image in the middle of a square of the mean colour."""
        from PIL import Image as Pillow

        if image.width == image.height:
            return image
        side = max(image.size)
        square = Pillow.new("RGB", (side, side), self.ground)
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        return square


def _fitted(size_wh: SizeWH, grid_wh: SizeWH) -> SizeWH:
    """The largest size of the same shape inside a grid."""
    (width, height), (grid_width, grid_height) = size_wh, grid_wh
    by_width, by_height = grid_width / width, grid_height / height
    if by_width < by_height:
        return grid_width, min(math.ceil(height * by_width), grid_height)
    return min(math.ceil(width * by_height), grid_width), grid_height
