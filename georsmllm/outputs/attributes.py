"""What a file says of one finding, the same in every format; null where it is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.areas import square_metres
from georsmllm.found import Finding, StepTrace, outline
from georsmllm.geometry import area, to_valid
from georsmllm.relations import ground_sample
from georsmllm.types import ImageRef

if TYPE_CHECKING:
    from georsmllm.result import Result

Attribute = str | int | float | None


class Said(NamedTuple):
    """A name, its type and what it holds, for a reader's documentation and the columns of a table."""

    name: str
    type: type
    meaning: str


COLUMNS = (
    Said("id", int, "number of the finding, unique within the answer"),
    Said("class", str, "what was found"),
    Said("step", str, "id of the step that found it"),
    Said("step_text", str, "the sub-question of that step"),
    Said("kind", str, "point, box, rbox (rotated box) or polygon, as the model said it"),
    Said("area_px", float, "of the mask where there is one, else of the shape; none of a point"),
    Said("area_m2", float, "on the ground, where the image says where it lies"),
    Said("gsd_m", float, "metres a pixel of the image"),
    Said("score", float, "the mask decoder's own guess of the mask's IoU"),
    Said("image", str, "single, or A or B of a pair"),
    Said("query", str, "as asked"),
    Said("planner", str, "what made the plan"),
    Said("mask_decoder", str, "what made the mask"),
    Said("model", str, "hash of the model's folder"),
    Said("adapter", str, "hash of the adapter's folder"),
    Said("georsmllm", str, "version of this software"),
)


def attributes(finding: Finding, result: Result) -> dict[str, Attribute]:
    """The attributes by name, in the order of COLUMNS."""
    image = result.scenes[finding.image].image
    maker = result.maker
    values: tuple[Attribute, ...] = (
        finding.id,
        finding.label,
        finding.step or None,
        step_text(finding.step, result.outcome.steps) or None,
        finding.shape_scene.kind,
        area_px(finding),
        _known(square_metres(outline(finding), image)) if finding.shape_scene.kind != "point" else None,
        gsd_m(image),
        _known(finding.mask_score),
        image_name(finding.image, len(result.scenes)),
        result.query,
        maker.planner or None,
        (maker.decoder or None) if finding.mask_scene is not None else None,
        maker.model or None,
        maker.adapter or None,
        maker.version or None,
    )
    return dict(zip((column.name for column in COLUMNS), values, strict=True))


def area_px(finding: Finding) -> float | None:
    """In px² of the scene; None of a point without a mask."""
    if finding.mask_scene is not None:
        return float(sum(finding.mask_scene.counts[1::2]))
    shape = finding.shape_scene
    if shape.kind == "point":
        return None
    return float(to_valid(shape).area) if shape.kind == "polygon" else area(shape)


@lru_cache(maxsize=16)
def gsd_m(image: ImageRef) -> float | None:
    return _known(ground_sample(image))


def step_text(step: str, steps: Sequence[StepTrace]) -> str:
    """The sub-question of a step, "" where there is none of that name."""
    return next((trace.text for trace in steps if trace.id == step), "")


def image_name(index: int, num_scenes: int) -> str:
    return "single" if num_scenes < 2 else "AB"[index]


def _known(value: float | None) -> float | None:
    """Numbers that are none (NaN) are unknown, as JSON would have it."""
    return None if value is None or not math.isfinite(value) else float(value)
