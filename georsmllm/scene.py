"""A scene: an image of any size that is asked about, read window by window through the one radiometry door.

Frame: scene pixels; x right, y down, (0, 0) the outer corner of the first pixel.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import images
from georsmllm.errors import UsageError
from georsmllm.images import AUTO, BadImage, Stretch
from georsmllm.types import ImageRef, Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Picture = str | Path | NDArray[np.generic] | Image.Image


class Scene:
    """image: its size, affine and CRS, without a window. name: for files and people. content: a hash of its pixels or bytes."""

    def __init__(self, picture: Picture, *, stretch: Stretch = AUTO) -> None:
        raise NotImplementedError  # the contract first

    def read(self, window: Window | None = None, size_wh: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """H x W x 3 of the whole scene or a window of it; size_wh: resampled to that size, read decimated where the file has
        overviews or is large, so that memory is bounded by what comes out."""
        raise NotImplementedError
