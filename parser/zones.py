"""Where a relation holds in the plane, so that areas are cut along it: the forest within 50 m of a road is part of a forest."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from georsmllm.relations import LATERAL, NEAR

from .amounts import amount
from .frame import Frame, Unsaid, is_area, label_of
from .held import Work
from .plan import Relation, Step
from .portions import portions
from .spatial import BOTH, MOST_WAYS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from shapely import Geometry

    from georsmllm.measures import Measured

SIDES = frozenset(("left_of", "right_of", "above", "below", "north_of", "east_of", "south_of", "west_of", "on_side_of"))
ZONED = SIDES | {"between", "within_distance", "near", "inside", "on", "under"}
"""Relations that hold of places, not of things alone."""
_PART = re.compile(r"\b(parts?|portions?|stretch(es)?|sections?|pixels)\b")


def cuts(work: Work) -> bool:
    """Whether the input is cut along the relation instead of kept or dropped whole: where the text speaks of a part of an area,
    and of areas that are no things, such as forest; a road or a river is one thing."""
    from georsmllm.ribbons import extent

    relation, held = work.step.relation, work.inputs[0]
    if relation is None or relation.name not in ZONED or _is_counted(relation):
        return False
    if relation.side and relation.name == "inside" and _is_of_itself(work):
        return True
    if not held.is_area:
        return False
    if _PART.search(work.step.text.lower()):
        return True
    if not all(is_area(label_of(one.label)) for one in held.findings):
        return False
    return not bool(extent(work.bench.frame.measured(held.findings)).are_ribbons.any())


def _is_of_itself(work: Work) -> bool:
    """Whether a part of the very things is asked for: the northern half of the lake."""
    labels = [{label_of(one.label) for one in group} for group in (work.findings, work.anchor_findings)]
    return labels[0] == labels[1]


def _is_counted(relation: Relation) -> bool:
    return relation.unit == "count_min" or (relation.name in SIDES and relation.value is not None)


def zone(step: Step, sets: list[Measured], anchors: Measured, work: Work) -> Geometry:
    """The places of which the step's relation to the anchors holds. Raises Unsaid where outlines do not tell."""
    import shapely

    relation, frame = step.relation, work.bench.frame
    assert relation is not None
    if relation.name == "between":
        return _between(sets)
    if relation.name in ("within_distance", "near"):
        return _near(relation, work)
    if relation.name not in SIDES:
        if relation.side:
            return shapely.union_all(portions(anchors, relation.side, frame))
        return shapely.union_all(anchors.surfaces)
    words = (relation.side or "") if relation.name == "on_side_of" else relation.name
    if words.lower() in BOTH:
        return shapely.difference(shapely.box(0, 0, *frame.size_wh), shapely.union_all(anchors.surfaces))
    direction = frame.direction(words)
    if direction is None:
        raise Unsaid("NOT_GEOMETRIC", f"{words[:30]!r} is neither a side of the image nor of the compass")
    return shapely.union_all([_beyond(anchors, i, direction.towards) for i in range(len(anchors))])


def _near(relation: Relation, work: Work) -> Geometry:
    """All that is no farther from an anchor than the distance that the relation says, or than what is near."""
    import shapely

    frame, anchors = work.bench.frame, work.anchor_findings
    if relation.value is None:
        if relation.name == "within_distance":
            raise Unsaid("NOT_GEOMETRIC", "the plan says no distance")
        shapes = frame.measured(anchors)
        return shapely.union_all(shapely.buffer(shapes.surfaces, NEAR * shapes.diagonal))
    said = amount(relation.value, relation.unit)
    if said is None or said.unit == "%":
        raise Unsaid("NOT_GEOMETRIC", f"{f'{relation.value} {relation.unit}'[:40]!r} is no distance")
    there = frame.suited(said)
    around = shapely.union_all(shapely.buffer(there.measured(anchors).surfaces, there.lengths(said)))
    return _in_pixels(around, there)


def _in_pixels(geometry: Geometry, frame: Frame) -> Geometry:
    import shapely

    if frame.axes is None:
        return geometry
    a, b, d, e = frame.axes
    determinant = a * e - b * d

    def back(points: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        east, south = points[:, 0], points[:, 1]
        return np.stack([(e * east - b * south) / determinant, (a * south - d * east) / determinant], axis=1)

    return shapely.transform(geometry, back)


def _beyond(anchors: Measured, index: int, towards: tuple[float, float]) -> Geometry:
    """The part of the view on the side of an anchor towards a direction: of its line, or of one across through its middle."""
    import numpy as np
    import shapely
    from shapely.ops import split

    from georsmllm.ribbons import offsets, prolonged, side_line, towards_side

    far = 2 * math.hypot(*anchors.size_wh)
    line = side_line(anchors, index)
    side = towards_side(line, towards)
    if side == 0:
        x, y = anchors.centres[index]
        line, side = ((x - towards[1], y + towards[0]), (x + towards[1], y - towards[0])), 1.0
        side = towards_side(line, towards)
    pieces = split(shapely.box(0, 0, *anchors.size_wh), shapely.LineString(prolonged(line, far)))
    kept = []
    for piece in pieces.geoms:
        inner = piece.representative_point()
        if side * offsets(np.array([(inner.x, inner.y)]), line, far)[0] > 0:
            kept.append(piece)
    return shapely.union_all(kept)


def _between(sets: list[Measured]) -> Geometry:
    """On the way from one middle to the other, no farther off it than half its length; between ribbons, in the hull of both."""
    import shapely

    there = [group for group in sets if len(group)]
    if len(there) < 2 and len(there[0]) < 2:
        raise Unsaid("ANCHOR_NOT_FOUND", "between needs two anchors, one was found")
    pairs = [(a, b) for i, a in enumerate(there) for b in there[i + 1 :]] or [(there[0], there[0])]
    zones = []
    for first, second in pairs:
        if len(first) * len(second) > MOST_WAYS:
            raise Unsaid("NOT_GEOMETRIC", f"{len(first)} x {len(second)} pairs of anchors are no two")
        same = set(first.same(second))
        zones += [
            _way(first, i, second, j)
            for i in range(len(first))
            for j in range(i + 1 if first is second else 0, len(second))
            if (i, j) not in same
        ]
    return shapely.union_all(zones)


def _way(first: Measured, i: int, second: Measured, j: int) -> Geometry:
    import shapely

    from georsmllm.ribbons import extent

    if bool(extent(first.only(i)).are_ribbons[0]) and bool(extent(second.only(j)).are_ribbons[0]):
        both = shapely.union(first.surfaces[i], second.surfaces[j])
        return shapely.difference(both.convex_hull, both)
    way = shapely.LineString([first.centres[i], second.centres[j]])
    return shapely.buffer(way, LATERAL * way.length, cap_style="flat") if way.length > 0 else shapely.Polygon()
