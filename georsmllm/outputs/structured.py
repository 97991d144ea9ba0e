"""A result as one JSON value for software that asks over HTTP: words, value, steps, and every finding in scene pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from georsmllm import masks
from georsmllm.errors import CannotSay
from georsmllm.found import Finding, outline
from georsmllm.geometry import bounds
from georsmllm.outputs.attributes import attributes
from georsmllm.outputs.geojson import answer, rounded
from georsmllm.outputs.places import Frame, on_earth, placed
from georsmllm.rfc7946 import FRAME, PRECISION, geometry, within_180

if TYPE_CHECKING:
    from georsmllm.result import Result

_IN_ANSWER = {"query", "step_text", "planner", "mask_decoder", "model", "adapter", "georsmllm"}


def structured(result: Result) -> dict[str, object]:
    """Findings have `box` and `rings` in scene pixels, `mask` as COCO's run lengths, and `lon_lat` as a GeoJSON geometry,
    each null where there is none."""
    maker = result.maker
    frame = on_earth([scene.image for scene in result.scenes])
    return {
        **answer(result, result.notices),
        "frame": FRAME,
        "images": [
            {
                "name": scene.image.path,
                "width": scene.image.width,
                "height": scene.image.height,
                "affine": scene.image.affine,
                "crs": scene.image.crs,
            }
            for scene in result.scenes
        ],
        "made_by": {
            "model": maker.model or None,
            "adapter": maker.adapter or None,
            "mask_decoder": maker.decoder or None,
            "planner": maker.planner or None,
            "georsmllm": maker.version or None,
        },
        "findings": [_finding(one, result, frame) for one in result.findings],
    }


def _finding(finding: Finding, result: Result, frame: Frame) -> dict[str, object]:
    shape = outline(finding)
    said = {name: value for name, value in attributes(finding, result).items() if name not in _IN_ANSWER}
    return {
        **said,
        "box": bounds(shape),
        "rings": [{"sign": ring.sign, "points": ring.points} for ring in shape.rings],
        "keypoints": finding.shape_scene.keypoints,
        "mask": None if finding.mask_scene is None else masks.to_coco(finding.mask_scene),
        "lon_lat": _lon_lat(finding, result, frame),
    }


def _lon_lat(finding: Finding, result: Result, frame: Frame) -> dict[str, object] | None:
    if frame.to != "earth":
        return None
    try:
        at = placed(outline(finding), result.scenes[finding.image].image, frame)
    except CannotSay:
        return None
    return geometry(rounded(within_180(at), PRECISION))
