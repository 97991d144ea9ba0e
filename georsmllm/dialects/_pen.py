"""What every pen of a dialect does: refuses what its form has no room for, scales to its numbers, orders what is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from georsmllm.contracts import Limits, SizeWH, Spoken
from georsmllm.errors import CannotSay
from georsmllm.types import Kind, Point

from ._ear import NONE

NEARLY = 1e-6
"""In rounding steps: a value so near to a whole step (or to half of one) is meant to be on it."""


class Written(NamedTuple):
    """One object as text, with the numbers that it is ordered by: y before x, then the far corner."""

    place: tuple[float, ...]
    text: str


def written(
    objects: Sequence[Spoken],
    limits: Limits | None,
    write: Callable[[Spoken], Written],
    *,
    kinds: Sequence[Kind],
    keypoints: bool = False,
) -> list[str]:
    """Each object's text, from the top of the view down (ties: from the left, then by the text).

    Raises CannotSay: not_in_dialect (a kind or keypoints that the form has no room for), over_budget, ring_over_budget,
    and what `write` raises.
    """
    check_budget(objects, limits)
    said: list[Written] = []
    for spoken in objects:
        if spoken.shape.kind not in kinds:
            raise CannotSay("not_in_dialect", f"the form has no {spoken.shape.kind}, only {' and '.join(kinds)}")
        if spoken.shape.keypoints and not keypoints:
            raise CannotSay("not_in_dialect", "the form has no room for keypoints")
        said.append(write(spoken))
    return [one.text for one in sorted(said)]


def joined(said: Sequence[str], between: str = "", none: str = NONE) -> str:
    """The objects one after another, or the form's word for nothing."""
    return between.join(said) if said else none


def check_budget(objects: Sequence[Spoken], limits: Limits | None) -> None:
    """Raises CannotSay over_budget, ring_over_budget."""
    if limits is None:
        return
    if len(objects) > limits.max_objects:
        raise CannotSay("over_budget", f"{len(objects)} objects, at most {limits.max_objects} fit one answer")
    rings = [len(ring.points) for spoken in objects for ring in spoken.shape.rings]
    if max(rings, default=0) > limits.max_ring_points:
        raise CannotSay("ring_over_budget", f"a ring of {max(rings)}, at most {limits.max_ring_points} fit a ring")
    total = sum(rings) + sum(len(spoken.shape.keypoints) for spoken in objects)
    if total > limits.max_points:
        raise CannotSay("over_budget", f"{total} points, at most {limits.max_points} fit one answer")


def scaled(points: Sequence[Point], size_wh: SizeWH, extent: tuple[float, float]) -> list[Point]:
    """Pixels of the view as unrounded numbers of the form; raises CannotSay not_finite, outside_view."""
    numbers: list[Point] = []
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            raise CannotSay("not_finite", "a coordinate is NaN or infinite")
        if not (-1e-9 <= x <= size_wh[0] + 1e-9 and -1e-9 <= y <= size_wh[1] + 1e-9):
            raise CannotSay("outside_view", f"({x:g}, {y:g}) lies outside a {size_wh[0]}x{size_wh[1]} view")
        numbers.append((x * extent[0] / size_wh[0], y * extent[1] / size_wh[1]))
    return numbers


def check_centre(x: float, y: float, size_wh: SizeWH) -> None:
    """For a form that may leave the view at its corners; raises CannotSay not_finite, outside_view."""
    scaled(((x, y),), size_wh, size_wh)


def nearest(value: float) -> int:
    """To the nearest whole number, halves up."""
    return math.floor(value + 0.5 + NEARLY)


def truncated(value: float) -> int:
    """Toward zero, as Python's int() does; a value that misses a whole number by rounding noise is that number."""
    return math.trunc(value + math.copysign(NEARLY, value))


def speakable(label: str) -> str:
    """A label that may stand inside the form; raises CannotSay unspeakable_label where it would be read as markup."""
    if not label.strip() or len(label) > 200 or any(c in "<>{}[]|" or ord(c) < 32 for c in label):
        raise CannotSay("unspeakable_label", f"{label[:40]!r} cannot stand inside the form")
    return label


def turned_from_top(ring: Sequence[tuple[int, int]], *, clockwise: bool) -> list[tuple[int, int]]:
    """A ring of whole numbers started at its topmost corner, of two the left one, and run round in one sense on the
    screen; a ring without area runs the way that gives the lesser list."""
    doubled = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True))
    ways = [list(ring), list(ring)[::-1]]
    wanted = ways if doubled == 0 else [ways[(doubled > 0) != clockwise]]
    tops = [way.index(min(way, key=lambda point: (point[1], point[0]))) for way in wanted]
    return min(way[top:] + way[:top] for way, top in zip(wanted, tops, strict=True))


def check_labels(objects: Sequence[Spoken]) -> None:
    """For forms in which an object without a label would inherit the last one; raises CannotSay unspeakable_label."""
    if len({bool(spoken.label) for spoken in objects}) > 1:
        raise CannotSay("unspeakable_label", "objects with and without a label cannot share an answer of this form")
