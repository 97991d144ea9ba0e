"""Findings cut along an outline: the part of a river between two bridges, what two areas share, one without another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from georsmllm.found import Finding
from georsmllm.geometry import from_shapely

from .held import Held, Work
from .zones import zone

if TYPE_CHECKING:
    from shapely import Geometry

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


def parts(work: Work) -> Held:
    """The parts of areas of which the step's relation holds; of a relation that is denied, the rest. Raises Unsaid."""
    import shapely

    relation, frame = work.step.relation, work.bench.frame
    assert relation is not None
    shapes = frame.measured(work.findings)
    sets = [frame.measured(held.findings) for held in work.anchors]
    there = zone(work.step, sets, frame.measured(work.anchor_findings), work)
    split = shapely.difference if relation.negated else shapely.intersection
    lefts = split(shapes.surfaces, there)
    found = [
        cut(one, whole, left, work.step.id)
        for one, whole, left in zip(work.findings, shapes.surfaces, lefts, strict=True)
    ]
    kept = tuple(part for part in found if part is not None)
    share = 100 * shapely.area(lefts).sum() / max(float(shapes.areas.sum()), 1e-9)
    where = f"{'not ' * relation.negated}{relation.name.replace('_', ' ')} the anchors"
    note = f"kept parts of {len(kept)} of {len(work.findings)}: {share:.3g} % of their area lie {where}"
    return Held(kept, note=note, is_area=True)
