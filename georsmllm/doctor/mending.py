"""Answers said anew: each object where the found reading puts it, in the form that is asked for."""

from __future__ import annotations

import numpy as np

from georsmllm.contracts import Dialect, SizeWH, Spoken
from georsmllm.doctor.answers import hear
from georsmllm.doctor.readings import Reading, quads, rectangles, to_px
from georsmllm.errors import CannotSay
from georsmllm.geometry import bounds, order_corners
from georsmllm.types import PointSet, Ring, box, point, rbox


def mended(text: str, size_wh: SizeWH, reading: Reading, dialect: Dialect) -> str:
    """The objects of an answer in that dialect; raises CannotSay as its pen does, and no_numbers."""
    said = hear(text)
    if not said.objects:
        raise CannotSay("no_numbers", "the answer holds no numbers")
    shapes = [shape_of(numbers, size_wh, reading) for numbers in said.objects]
    try:
        return dialect.encode([Spoken(shape) for shape in shapes], size_wh, None)
    except CannotSay as cannot:
        if cannot.reason != "outside_view":
            raise
        return dialect.encode([Spoken(_within(shape, size_wh)) for shape in shapes], size_wh, None)


def shape_of(numbers: tuple[float, ...], size_wh: SizeWH, reading: Reading) -> PointSet:
    """One object in px of its view: a point, an upright box, a rotated box or an outline, by how many numbers it has."""
    row, sizes = np.array([numbers], dtype=np.float64), np.array([size_wh], dtype=np.float64)
    if len(numbers) == 2:
        return point(*map(float, to_px(row, reading, sizes)[0]))
    if len(numbers) not in (4, 5, 8):
        outline = to_px(row.reshape(1, -1, 2), reading, sizes)[0]
        return PointSet("polygon", (Ring(tuple((float(x), float(y)) for x, y in outline)),))
    corners = [(float(x), float(y)) for x, y in quads(reading, row, sizes)[0]]
    found = rectangles(reading.layout, row)
    if found is not None and not float(found.angles[0]):
        return box(*bounds(rbox(order_corners(corners))))
    return rbox(order_corners(corners))


def _within(shape: PointSet, size_wh: SizeWH) -> PointSet:
    """Points that rounding put up to a hundredth of the view outside are taken back to its border; those of a rotated box
    from anywhere, as long as its middle is inside: forms with an angle let its corners stick out."""
    width, height = size_wh
    points = [p for ring in shape.rings for p in ring.points]
    slack, kept = (width / 100, height / 100), points
    if shape.kind == "rbox":
        slack, kept = (0.0, 0.0), [(sum(x for x, _ in points) / 4, sum(y for _, y in points) / 4)]
    if any(not (-slack[0] <= x <= width + slack[0] and -slack[1] <= y <= height + slack[1]) for x, y in kept):
        raise CannotSay("outside_view", "a mended object still leaves its view")
    rings = tuple(
        Ring(
            tuple((min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in ring.points), ring.sign
        )
        for ring in shape.rings
    )
    return PointSet(shape.kind, rings)
