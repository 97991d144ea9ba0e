"""The findings as DOTA's labelTxt: x1 y1 x2 y2 x3 y3 x4 y4 class difficulty, in pixels of the scene.

A box is its corners, a rotated box its own, a mask or polygon the rotated rectangle of least area around it; clockwise from
the corner with least x + y. `formats/dota_txt.py` reads it back. A class keeps one word: spaces become hyphens, as DOTA
writes them. Points have no extent and stay out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from georsmllm.found import Finding, outline
from georsmllm.geometry import to_rbox
from georsmllm.outputs.coco import has_extent
from georsmllm.relations import ground_sample

if TYPE_CHECKING:
    from georsmllm.result import Result


def text(result: Result, *, image: int = 0) -> str:
    """The label file of one of the scenes, with its two header lines."""
    gsd_m = ground_sample(result.scenes[image].image)
    head = ["imagesource:GeoRSMLLM", f"gsd:{'null' if gsd_m is None else f'{gsd_m:.6g}'}"]
    found = (one for one in result.findings if one.image == image and has_extent(one))
    return "\n".join([*head, *(line(one) for one in found)]) + "\n"


def line(finding: Finding) -> str:
    """One row; the difficulty is always 0, since nobody said it."""
    shape = outline(finding) if finding.shape_scene.kind in ("point", "polygon") else finding.shape_scene
    numbers = " ".join(_number(value) for corner in to_rbox(shape).rings[0].points for value in corner)
    return f"{numbers} {'-'.join(finding.label.split()) or 'object'} 0"


def _number(value: float) -> str:
    """To a thousandth of a pixel, without zeros that say nothing."""
    return f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")
