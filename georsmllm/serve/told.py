"""A step, a plan and a result as JSON-able data for clients: geometry in scene pixels beside the GeoJSON."""

from __future__ import annotations

from dataclasses import asdict

from georsmllm.areas import square_metres
from georsmllm.errors import CannotSay, UsageError
from georsmllm.found import REASONS, Finding, StepTrace, outline
from georsmllm.geo import lon_lat
from georsmllm.geometry import bounds, centre, from_shapely, to_valid
from georsmllm.outputs.attributes import area_px
from georsmllm.result import Result
from georsmllm.types import ImageRef, PointSet

Data = dict[str, object]
_MANY_POINTS = 2000
"""Of an outline, before it is thinned for the screen; files have all of them."""
_THIN_PX = 0.75


def step(trace: StepTrace) -> Data:
    """explained: the reason in words, "" where the step did what its text says."""
    told = asdict(trace)
    told["count"] = len(trace.outputs)
    told["explained"] = REASONS[trace.reason] if trace.reason else ""
    return told


def result(answer: Result) -> Data:
    """objects: of the answer and of every step, each once, as it is in the answer where it is there."""
    objects = {one.id: one for _, layer in answer.outcome.layers for one in layer}
    objects.update({one.id: one for one in answer.findings})
    refs = tuple(scene.image for scene in answer.scenes)
    return {
        "query": answer.query,
        "text": answer.text,
        "answer_type": answer.outcome.answer_type,
        "value": answer.outcome.value,
        "reason": answer.outcome.reason,
        "explained": REASONS[answer.outcome.reason] if answer.outcome.reason else "",
        "notices": answer.notices,
        "plan": answer.plan,
        "maker": asdict(answer.maker),
        "images": [_image(ref) for ref in refs],
        "steps": [step(trace) for trace in answer.outcome.steps],
        "objects": [_object(one, refs[one.image]) for one in objects.values()],
        "answer": [one.id for one in answer.findings],
        "layers": [{"step": name, "ids": [one.id for one in layer]} for name, layer in answer.outcome.layers],
    }


def _image(ref: ImageRef) -> Data:
    return {"width": ref.width, "height": ref.height, "crs": ref.crs}


def _object(finding: Finding, ref: ImageRef) -> Data:
    """area_px, area_m2: of the mask where there is one, else of the shape; None where there is none."""
    whole = outline(finding)
    said = finding.shape_scene
    masked = finding.mask_scene is not None
    return {
        "id": finding.id,
        "label": finding.label,
        "image": finding.image,
        "step": finding.step,
        "kind": said.kind,
        "rings": _rings(said),
        "keypoints": said.keypoints,
        "mask": _rings(_thinned(whole)) if masked else None,
        "score": finding.mask_score,
        "box": bounds(whole),
        "area_px": area_px(finding),
        "area_m2": None if whole.kind == "point" else square_metres(whole, ref),
        "lon_lat": _place(whole, ref),
    }


def _rings(shape: PointSet) -> list[Data]:
    return [{"sign": ring.sign, "points": [(round(x, 2), round(y, 2)) for x, y in ring.points]} for ring in shape.rings]


def _thinned(shape: PointSet) -> PointSet:
    if sum(len(ring.points) for ring in shape.rings) <= _MANY_POINTS:
        return shape
    return from_shapely(to_valid(shape).simplify(_THIN_PX)) or shape


def _place(shape: PointSet, ref: ImageRef) -> tuple[float, float] | None:
    """Longitude and latitude of the middle, None where the image does not say where it lies."""
    try:
        ((lon, lat),) = lon_lat([centre(shape)], ref)
    except CannotSay:
        return None
    return round(lon, 7), round(lat, 7)


def geojson(answer: Result) -> Data | None:
    """On WGS 84; None where it cannot be said."""
    try:
        return answer.to_geojson()
    except (CannotSay, UsageError):
        return None
