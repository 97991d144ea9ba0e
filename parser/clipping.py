"""Findings cut along an outline: the part of a river between two bridges, what two areas share, one without another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from georsmllm.found import Finding
from georsmllm.geometry import from_shapely
from georsmllm.relations import LATERAL

from .frame import Unsaid
from .held import Held, Work
from .spatial import MOST_WAYS

if TYPE_CHECKING:
    from shapely import Geometry

    from georsmllm.measures import Measured

STEP_IDS = 1_000_000
"""What a step cuts is a new object: its id is that of the whole plus so much times the step's number, so that it is unique."""
LEAST_PX = 1.0
"""What is left of an area and is smaller, in px², is nothing but rounding."""
WHOLE = 0.999
"""A finding of which at least this share is left is the same finding."""


def cut(finding: Finding, whole: Geometry, left: Geometry, step: str) -> Finding | None:
    """What is left of a finding whose outline is `whole`; itself where next to nothing is missing, None where nothing is left.
    A mask is cut along, by the centres of its pixels."""
    area = left.area
    if area < min(LEAST_PX, (1 - WHOLE) * whole.area) or area == 0:
        return None
    if area >= WHOLE * whole.area:
        return finding
    shape = from_shapely(left)
    if shape is None:
        return None
    number = int(step.removeprefix("s"))
    part = replace(finding, id=number * STEP_IDS + finding.id % STEP_IDS, shape_scene=shape, step=step, mask_score=None)
    if finding.mask_scene is None:
        return part
    from georsmllm.masks import from_shape

    mask = from_shape(shape, (finding.mask_scene.width, finding.mask_scene.height))
    return replace(part, mask_scene=mask) if len(mask.counts) > 1 else None


def between_parts(work: Work) -> Held:
    """The parts of areas that lie between two anchors: on the way from one middle to the other and no farther off it than half
    its length; between ribbons, in the hull of both."""
    import shapely

    zone = _zone(work)
    shapes = work.bench.frame.measured(work.findings)
    lefts = shapely.intersection(shapes.surfaces, zone)
    parts = [
        cut(one, whole, left, work.step.id)
        for one, whole, left in zip(work.findings, shapes.surfaces, lefts, strict=True)
    ]
    kept = tuple(part for part in parts if part is not None)
    share = 100 * shapely.area(lefts).sum() / max(float(shapes.areas.sum()), 1e-9)
    note = f"kept parts of {len(kept)} of {len(work.findings)}: {share:.3g} % of their area lie between the anchors"
    return Held(kept, note=note, is_area=True)


def _zone(work: Work) -> Geometry:
    import shapely

    frame = work.bench.frame
    sets = [frame.measured(held.findings) for held in work.anchors if held.findings]
    if len(sets) < 2 and len(sets[0]) < 2:
        raise Unsaid("ANCHOR_NOT_FOUND", "between needs two anchors, one was found")
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[i + 1 :]] or [(sets[0], sets[0])]
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
