"""Which number stands at the far borders of a view, and how large one rounding step is in its pixels."""

from __future__ import annotations

from collections.abc import Callable

from georsmllm.contracts import SizeWH

Extent = Callable[[SizeWH], tuple[float, float]]


def relative(span: float) -> Extent:
    """Numbers from 0 to the span on both axes, whatever the size of the view."""

    def extent(_: SizeWH) -> tuple[float, float]:
        return span, span

    return extent


def cells(extent: Extent, steps: int = 1) -> Extent:
    """The size of one rounding step in pixels of the view, where a number is written in so many steps a unit."""

    def grid(size_wh: SizeWH) -> tuple[float, float]:
        across, down = extent(size_wh)
        return size_wh[0] / (across * steps), size_wh[1] / (down * steps)

    return grid
