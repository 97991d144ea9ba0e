"""The size to which the image processor of Qwen2-VL and Qwen2.5-VL brings a view before the model sees it."""

from __future__ import annotations

import math

from georsmllm.contracts import SizeWH

FACTOR, LEAST, MOST = 28, 56 * 56, 28 * 28 * 16384
"""Of the published processors: sides are multiples of 28 px, areas lie in 3,136 to 12,845,056 px²."""
MAX_RATIO = 200
"""Longer views are refused by the processor."""


def resized(size_wh: SizeWH) -> tuple[float, float]:
    """Width and height in px after the resize; Python's round (halves to even), as the processor does it."""
    width, height = size_wh
    wide, high = round(width / FACTOR) * FACTOR, round(height / FACTOR) * FACTOR
    if wide * high > MOST:
        shrink = math.sqrt(width * height / MOST)
        wide = max(FACTOR, math.floor(width / shrink / FACTOR) * FACTOR)
        high = max(FACTOR, math.floor(height / shrink / FACTOR) * FACTOR)
    elif wide * high < LEAST:
        grow = math.sqrt(LEAST / (width * height))
        wide, high = math.ceil(width * grow / FACTOR) * FACTOR, math.ceil(height * grow / FACTOR) * FACTOR
    return wide, high
