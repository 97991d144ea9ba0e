"""Polygons of masks with few enough vertices for an answer: named rules for what is left out, and how far it strays.

The method and its rivals: docs/polygon-study.md. Rules of methods.md 1.5: a piece under 2 px wide stays exact; parts
under 16 px² and holes under max(64 px², 2 % of their ring) are left out and counted; every ring gets the fewest
vertices that reach the IoU target, at most 64, all together at most 256; what cannot keep to that is refused by name.
Frame: pixels of the view.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.contracts import Limits
from georsmllm.errors import CannotSay
from georsmllm.types import Point, PointSet, Ring, polygon

MIN_PART_PX = 16.0
MIN_HOLE_PX = 64.0
MIN_HOLE_SHARE = 0.02
LEAST_IOU = 0.8  # a ring or shape that meets its budget only below this is refused, not taught
LOOSER = (0.93, 0.9, 0.87, 0.84, 0.8)  # targets tried in turn when the whole shape is over budget
TIGHTER = (0.97, 0.985, 0.995)  # when simplified rings cross one another

Floats = NDArray[np.float64]


class Simplified(NamedTuple):
    """iou and area_bias (signed, relative) compare the shape with the exact one, everything left out included."""

    shape: PointSet
    iou: float
    area_bias: float
    dropped_holes: int
    dropped_parts: int


class _Kept(NamedTuple):
    rings: tuple[Ring, ...]
    dropped_holes: int
    dropped_parts: int


def simplify(
    shape: PointSet, size_wh: tuple[int, int], *, target_iou: float = 0.95, limits: Limits | None = None
) -> Simplified:
    """The polygon with the fewest vertices that reaches the IoU with `shape`; its rings are simple and do not cross.

    `shape`: simple rings inside the view, as `masks` makes them. An edge as ragged as its own pixel stairs is allowed
    less than the IoU where more vertices would only retell the stairs (`collapse.fewest_points`).

    Raises CannotSay: ring_over_budget (a ring needs more than limits.max_ring_points), over_budget (all rings together
    more than limits.max_points), rings_cross (no tighter target parts them), collapsed (no area).
    """
    limits = limits or Limits()
    kept = _drop_small(shape.rings)
    if 3 * len(kept.rings) > limits.max_points:
        raise CannotSay("over_budget", f"expected at most {limits.max_points} vertices, got {len(kept.rings)} rings")
    rings = _within_budget(kept.rings, size_wh, target_iou, limits)
    for tighter in TIGHTER:
        if not _cross(rings):
            break
        rings = _within_budget(kept.rings, size_wh, tighter, limits)
    if _cross(rings):
        raise CannotSay("rings_cross", f"expected rings apart from one another, got crossings at IoU {TIGHTER[-1]}")
    common, exact, area = _shared(shape.rings, rings), _area(shape.rings), _area(rings)
    iou = common / (exact + area - common)
    if iou < LEAST_IOU:
        raise CannotSay("over_budget", f"expected an IoU of at least {LEAST_IOU}, got {iou:.2f} within the budget")
    return Simplified(polygon(*rings), iou, area / exact - 1, kept.dropped_holes, kept.dropped_parts)


def _drop_small(rings: tuple[Ring, ...]) -> _Kept:
    from georsmllm.collapse import signed_area

    areas = [abs(signed_area(_array(ring))) for ring in rings]
    largest = max((area for ring, area in zip(rings, areas, strict=True) if ring.sign == "+"), default=0.0)
    if largest == 0:
        raise CannotSay("collapsed", "expected a polygon with an area, got none")
    out: list[Ring] = []
    holes = parts = 0
    part_area = 0.0
    part_kept = False
    for ring, area in zip(rings, areas, strict=True):
        if ring.sign == "+":
            part_area, part_kept = area, area >= min(MIN_PART_PX, largest)
            parts += not part_kept
            wanted = part_kept
        else:
            wanted = part_kept and area >= max(MIN_HOLE_PX, MIN_HOLE_SHARE * part_area)
            holes += part_kept and not wanted
        if wanted:
            out.append(ring)
    return _Kept(tuple(out), holes, parts)


def _within_budget(
    rings: tuple[Ring, ...], size_wh: tuple[int, int], target_iou: float, limits: Limits
) -> tuple[Ring, ...]:
    for target in (target_iou, *(looser for looser in LOOSER if looser < target_iou)):
        out = tuple(_simplify_ring(ring, size_wh, target, limits.max_ring_points) for ring in rings)
        if sum(len(ring.points) for ring in out) <= limits.max_points:
            return out
    raise CannotSay("over_budget", f"expected at most {limits.max_points} vertices in {len(rings)} rings, got more")


def _simplify_ring(ring: Ring, size_wh: tuple[int, int], target_iou: float, max_points: int) -> Ring:
    from georsmllm.collapse import fewest_points, perimeter, signed_area

    points = _array(ring)
    # a piece of pixels without a 2 x 2 block has the perimeter 2 * area + 2, any other a shorter one
    if perimeter(points) >= 2 * abs(signed_area(points)) + 2 - 1e-9:
        if len(points) > max_points:
            raise CannotSay("ring_over_budget", f"expected at most {max_points} vertices, got {len(points)} under 2 px")
        return ring
    found, iou = fewest_points(points, target_iou, max_points, np.array((0.0, 0.0, *size_wh)))
    if iou < LEAST_IOU:
        raise CannotSay("ring_over_budget", f"expected IoU {LEAST_IOU} with {max_points} vertices, got {iou:.2f}")
    return Ring(tuple((x, y) for x, y in found.tolist()), ring.sign)


def _cross(rings: tuple[Ring, ...]) -> bool:
    """Whether the rings of a shape do more than touch one another in points."""
    if len(rings) == 1:
        return False
    import shapely

    parts: list[tuple[tuple[Point, ...], list[tuple[Point, ...]]]] = []
    for ring in rings:
        if ring.sign == "+":
            parts.append((ring.points, []))
        else:
            parts[-1][1].append(ring.points)
    return not shapely.MultiPolygon(parts).is_valid


def _shared(p: tuple[Ring, ...], q: tuple[Ring, ...]) -> float:
    from georsmllm.collapse import shared_area

    return shared_area(*_ragged(p), *_ragged(q))


def _area(rings: tuple[Ring, ...]) -> float:
    from georsmllm.collapse import signed_area

    areas = ((abs(signed_area(_array(ring))), ring.sign) for ring in rings)
    return sum(area if sign == "+" else -area for area, sign in areas)


def _ragged(rings: tuple[Ring, ...]) -> tuple[Floats, NDArray[np.int64], Floats]:
    offsets = np.zeros(len(rings) + 1, dtype=np.int64)
    np.cumsum([len(ring.points) for ring in rings], out=offsets[1:])
    signs = np.array([1.0 if ring.sign == "+" else -1.0 for ring in rings])
    return np.array([point for ring in rings for point in ring.points], dtype=np.float64), offsets, signs


def _array(ring: Ring) -> Floats:
    return np.array(ring.points, dtype=np.float64)
