"""Masks on their image: tinted pixels with an edge, and the prompts that they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.geometry import bounds
from georsmllm.masks import decode_crop
from georsmllm.types import Mask, PointSet

if TYPE_CHECKING:
    from PIL import Image

_TINT = 0.45
_LEAST_SIDE_PX = 640
"""Smaller images are shown a whole number of times larger."""


class Drawn(NamedTuple):
    """One mask with the prompt that it was made from. colour: r, g, b."""

    mask: Mask
    prompt: PointSet
    colour: tuple[int, int, int]


def overlay(rgb: NDArray[np.uint8], drawn: Sequence[Drawn]) -> Image.Image:
    """The image with its masks, boxes as thin lines and points as dots."""
    from PIL import Image, ImageDraw

    times = max(1, _LEAST_SIDE_PX // max(rgb.shape[:2]))
    canvas = rgb.repeat(times, axis=0).repeat(times, axis=1).astype(np.float32)
    for one in drawn:
        _tint(canvas, one, times)
    picture = Image.fromarray(canvas.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for one in drawn:
        if one.prompt.kind != "point":
            pen.rectangle([value * times for value in bounds(one.prompt)], outline=one.colour)
        lone = one.prompt.rings[0].points if one.prompt.kind == "point" else ()
        for x, y in (*lone, *one.prompt.keypoints):
            pen.ellipse((x * times - 3, y * times - 3, x * times + 3, y * times + 3), fill="white", outline="black")
    return picture


def rgb_of(colours: Mapping[str, str], label: str) -> tuple[int, int, int]:
    """A colour like "#ffb000" in numbers."""
    text = colours[label].lstrip("#")
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def _tint(canvas: NDArray[np.float32], one: Drawn, times: int) -> None:
    part = decode_crop(one.mask)
    if not part.array.size:
        return
    array = part.array.repeat(times, axis=0).repeat(times, axis=1)
    padded = np.pad(array, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    top, left = part.y * times, part.x * times
    view = canvas[top : top + array.shape[0], left : left + array.shape[1]]
    colour = np.array(one.colour, dtype=np.float32)
    view[array] = view[array] * (1 - _TINT) + colour * _TINT
    view[array & ~inner] = colour
