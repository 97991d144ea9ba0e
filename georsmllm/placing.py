"""Where the tag of an object stands in a picture, so that it hides as little as can be."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the picture."""

TAG_PX = 16
_GAP_PX = 2


def place(
    box: Box, tag_wh: tuple[float, float], size_wh: tuple[int, int], *, taken: Sequence[Box], boxes: Sequence[Box]
) -> Box:
    """Beside a corner of its own box and inside the picture: first off the tags that stand already (`taken`), then off
    the objects (`boxes`, its own included), then above rather than beside, beside rather than below."""
    x1, y1, x2, y2 = box
    w, h = tag_wh
    above, below, right, left = y1 - h - _GAP_PX, y2 + _GAP_PX, x2 + _GAP_PX, x1 - w - _GAP_PX
    spots = (
        (x1, above), (x2 - w, above), (right, y1), (left, y1), (right, y2 - h), (left, y2 - h), (x1, below),
        (x2 - w, below),
    )  # fmt: skip
    inside = [(_clamped(x, w, size_wh[0]), _clamped(y, h, size_wh[1])) for x, y in spots]
    places = [(x, y, x + w, y + h) for x, y in inside]
    return min(places, key=lambda one: (_hidden(one, taken), _hidden(one, boxes)))


def _clamped(start: float, length: float, room: int) -> float:
    return min(max(start, 1), max(1, room - length - 1))


def _hidden(one: Box, others: Sequence[Box]) -> float:
    """The area of the others that a box covers, one by one."""
    return sum(
        max(0.0, min(one[2], x2) - max(one[0], x1)) * max(0.0, min(one[3], y2) - max(one[1], y1))
        for x1, y1, x2, y2 in others
    )
