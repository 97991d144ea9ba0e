"""Scenes as pictures for a screen: the whole one small, or a window of a large one at the size it is looked at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.scene import Scene
from georsmllm.serve.refusals import bad
from georsmllm.types import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SIDE = 2048
_PNG_PIXELS = 700_000
"""Up to so many pixels nothing is lost, so that single pixels can be looked at."""


class Picture(NamedTuple):
    media_type: str
    data: bytes


def whole(scene: Scene, side: int) -> Picture:
    """The scene within a square of `side` pixels, never enlarged."""
    return of_window(scene, Window(0, 0, scene.image.width, scene.image.height), side)


def of_window(scene: Scene, window: Window, side: int) -> Picture:
    """A part of the scene; what lies beyond its borders is left out. Raises Refusal where nothing is left."""
    width, height = scene.image.size_wh
    x1, y1 = max(0, window.x), max(0, window.y)
    x2, y2 = min(width, window.x + window.width), min(height, window.y + window.height)
    if x1 >= x2 or y1 >= y2:
        raise bad(f"the window lies outside of the image of {width} x {height} px", param="x")
    part = Window(x1, y1, x2 - x1, y2 - y1)
    share = min(1.0, side / max(part.width, part.height))
    size_wh = max(1, round(part.width * share)), max(1, round(part.height * share))
    return _encoded(scene.read(part, None if share == 1 else size_wh))


def _encoded(rgb: NDArray[np.uint8]) -> Picture:
    from PIL import Image

    picture, out = Image.fromarray(rgb), io.BytesIO()
    if picture.width * picture.height <= _PNG_PIXELS:
        picture.save(out, "PNG", compress_level=3)
        return Picture("image/png", out.getvalue())
    picture.save(out, "JPEG", quality=90)
    return Picture("image/jpeg", out.getvalue())
