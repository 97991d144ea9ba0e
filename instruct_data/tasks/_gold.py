"""The gold of a record as shapes again, in pixels of its views, for the tasks' scorers."""

from __future__ import annotations

from georsmllm.pointtext import N
from georsmllm.types import PointSet, Record, Ring


def shapes_of(record: Record, *, label: str | None = None) -> tuple[PointSet, ...]:
    """The gold objects (of one label), in the order they were written."""
    return tuple(
        PointSet(gold.kind, tuple(Ring(ring.points, ring.sign) for ring in gold.rings), gold.keypoints)
        for gold in record.gold
        if label is None or gold.label == label
    )


def size_of(record: Record, *, image: int = 0) -> tuple[int, int]:
    view = record.provenance.views[image]
    return view.width, view.height


def cell_of(size_wh: tuple[int, int]) -> tuple[float, float]:
    """One cell of the point text's grid in pixels."""
    return size_wh[0] / N, size_wh[1] / N
