"""From prompts to masks: what a mask decoder promises, and the one that needs no weights.

Frame: view pixels; prompts and masks are of the image that is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING, NamedTuple, Protocol

from georsmllm.types import Mask, PointSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Decoded(NamedTuple):
    """One mask of the view; score: the decoder's own guess of its IoU, None where it makes none."""

    mask: Mask
    score: float | None


class MaskDecoder(Protocol):
    """title: what made the masks, for a person and for files: "SAM 2 (facebook/sam2.1-hiera-small)".

    masks(rgb, prompts, key): one mask a prompt, in order. rgb: H x W x 3. A prompt is a box with keypoints inside; of any
    other shape its bounds are the box, of a point the point alone. key: identity of the pixels; equal keys may share an
    encoding, "" shares none.
    """

    @property
    def title(self) -> str: ...

    def masks(self, rgb: NDArray[np.uint8], prompts: Sequence[PointSet], *, key: str = "") -> tuple[Decoded, ...]: ...


class PolygonDecoder:
    """Fills the very shape that the model said: no weights, no pixels looked at, and its title says so."""

    title = "filled shapes (no segmentation model)"

    def masks(self, rgb: NDArray[np.uint8], prompts: Sequence[PointSet], *, key: str = "") -> tuple[Decoded, ...]:  # noqa: ARG002
        height, width = rgb.shape[:2]
        return tuple(Decoded(filled(shape, (width, height)), None) for shape in prompts)


def filled(shape: PointSet, size_wh: tuple[int, int]) -> Mask:
    """The pixels whose centre lies in a shape; of a point the pixel that holds it, at the last border the last one."""
    from georsmllm.geometry import to_polygon
    from georsmllm.masks import from_shape

    if shape.kind == "point":
        return _pixel(shape.rings[0].points[0], size_wh)
    return from_shape(to_polygon(shape), size_wh)


def _pixel(at: tuple[float, float], size_wh: tuple[int, int]) -> Mask:
    (x, y), (width, height) = at, size_wh
    if not (0 <= x <= width and 0 <= y <= height):
        return Mask(width, height, (width * height,))
    before = min(floor(x), width - 1) * height + min(floor(y), height - 1)
    after = width * height - before - 1
    return Mask(width, height, (before, 1, after) if after else (before, 1))
