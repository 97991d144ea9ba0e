"""Where in an image: the halves and quarters that a person names, and how much of a shape lies in one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from georsmllm.geometry import area, centre, clip
from georsmllm.types import PointSet

IMAGE_REGIONS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "left half": (0.0, 0.0, 0.5, 1.0),
        "right half": (0.5, 0.0, 1.0, 1.0),
        "top half": (0.0, 0.0, 1.0, 0.5),
        "bottom half": (0.0, 0.5, 1.0, 1.0),
        "top left quarter": (0.0, 0.0, 0.5, 0.5),
        "top right quarter": (0.5, 0.0, 1.0, 0.5),
        "bottom left quarter": (0.0, 0.5, 0.5, 1.0),
        "bottom right quarter": (0.5, 0.5, 1.0, 1.0),
    }
)
"""Name -> (x min, y min, x max, y max) in shares of the view; words of the image, never of the compass."""


def region_share(shape: PointSet, region: str, size_wh: tuple[int, int]) -> float:
    """The share of a shape's area that lies in a named region of a view; for a shape without area, of its middle.

    A point on a border belongs to both sides: its share is 1 for each.
    """
    x1, y1, x2, y2 = IMAGE_REGIONS[region]
    width, height = size_wh
    window = (x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height)
    if area(shape) == 0:
        x, y = centre(shape)
        return float(window[0] <= x <= window[0] + window[2] and window[1] <= y <= window[1] + window[3])
    return clip(shape, window).visible
