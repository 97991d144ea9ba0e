"""`[{"bbox_2d": [x1, y1, x2, y2], "label": "..."}]` and `point_2d`, the form that Qwen2.5-VL and Qwen3-VL share.

Only the frame differs: the caller passes the extent.
"""

from __future__ import annotations

from collections.abc import Sequence

from georsmllm.contracts import Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer
from georsmllm.types import KINDS, Kind, PointSet, Ring

from ._ear import check_corners, check_kind, check_range, pixels
from ._frames import Extent
from ._json_form import Entry, entries, entry, fenced
from ._pen import Written, nearest, scaled, speakable, written

SAYS: tuple[Kind, ...] = ("point", "box")


def encode(extent: Extent, objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return fenced(written(objects, limits, lambda one: _write(one, size_wh, extent(size_wh)), kinds=SAYS))


def _write(spoken: Spoken, size_wh: SizeWH, extent: tuple[float, float]) -> Written:
    points = scaled(spoken.shape.rings[0].points, size_wh, extent)
    numbers = [nearest(v) for point in points for v in point]
    key = "point_2d" if spoken.shape.kind == "point" else "bbox_2d"
    label = [("label", speakable(spoken.label))] if spoken.label else []
    place = tuple(numbers[i + 1 - 2 * (i % 2)] for i in range(len(numbers)))
    return Written(place, entry((key, numbers), *label))


def decode(extent: Extent, text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    return tuple(Spoken(shape(one, size_wh, extent(size_wh), kinds, text), one.label) for one in entries(text))


def shape(one: Entry, size_wh: SizeWH, extent: tuple[float, float], kinds: Sequence[Kind], text: str) -> PointSet:
    """The box or the point of an entry that has no other key but a label."""
    if one == Entry(bbox_2d=one.bbox_2d, label=one.label) and one.bbox_2d is not None:
        return box_of(one.bbox_2d, size_wh, extent, kinds, text)
    if one == Entry(point_2d=one.point_2d, label=one.label) and one.point_2d is not None:
        check_kind("point", kinds, text, 0)
        check_inside((one.point_2d,), extent, text)
        return PointSet("point", (Ring(pixels((one.point_2d,), size_wh, extent)),))
    raise BadAnswer("syntax", text, expected="bbox_2d or point_2d, and a label")


def box_of(
    said: tuple[float, float, float, float],
    size_wh: SizeWH,
    extent: tuple[float, float],
    kinds: Sequence[Kind],
    text: str,
) -> PointSet:
    x1, y1, x2, y2 = said
    check_kind("box", kinds, text, 0)
    check_inside(((x1, y1), (x2, y2)), extent, text)
    check_corners(x1, y1, x2, y2, text, 0)
    return PointSet("box", (Ring(pixels(((x1, y1), (x2, y2)), size_wh, extent)),))


def check_inside(points: Sequence[tuple[float, float]], extent: tuple[float, float], text: str) -> None:
    """Raises BadAnswer out_of_range for a point beyond the frame."""
    check_range([x for x, _ in points], 0, extent[0], text, 0)
    check_range([y for _, y in points], 0, extent[1], text, 0)
