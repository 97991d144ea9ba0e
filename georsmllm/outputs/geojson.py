"""The findings as GeoJSON: WGS 84 by RFC 7946, or a CRS that is named.

Another CRS than WGS 84 stands in the member `crs` of GeoJSON 2008, which RFC 7946 dropped and GDAL reads. Coordinates that
are no place on Earth are scene pixels: the member `frame` says so, and `crs` names an engineering grid, because a reader
without it would take them for degrees. Numbers, yes and no, and the steps are in the member `georsmllm`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from georsmllm.areas import areas
from georsmllm.errors import CannotSay
from georsmllm.found import Finding, StepTrace, outline
from georsmllm.outputs.attributes import attributes, image_name
from georsmllm.outputs.places import Frame, at_home, on_earth, on_map, placed, simplified
from georsmllm.rfc7946 import PRECISION, bbox, geometry, within_180
from georsmllm.types import ImageRef, PointSet, Ring

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from georsmllm.result import Result

GRID = 'ENGCRS["image grid",EDATUM["the image"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["pixel",1.0]]'
"""The CRS of what has no place on Earth; QGIS and GDAL draw it by its numbers."""
_SHARE_OF_PIXEL = 1e-4


def collection(result: Result, *, crs: str | None = None, simplify_px: float = 0.0) -> dict[str, object]:
    """A FeatureCollection of the findings. crs: None (WGS 84), "source", or a name that PROJ knows.

    simplify_px: how far the outline of a mask may stray from its pixels. Raises UsageError for an unknown CRS.
    """
    frame = frame_of(result, crs)
    decimals = _decimals(frame, [scene.image for scene in result.scenes])
    shapes, notices = shapes_of(result, result.findings, frame, simplify_px=simplify_px)
    near = [None if shape is None else rounded(shape, decimals) for shape in shapes]
    features = [
        {
            "type": "Feature",
            "id": finding.id,
            "geometry": None if shape is None else geometry(shape),
            "properties": attributes(finding, result),
        }
        for finding, shape in zip(result.findings, near, strict=True)
    ]
    head: dict[str, object] = {"type": "FeatureCollection"}
    if frame.says:
        head["frame"] = frame.says
    if not frame.is_lon_lat:
        head["crs"] = {"type": "name", "properties": {"name": _crs_name(frame.crs)}}
    elif around := bbox([shape for shape in near if shape is not None]):
        head["bbox"] = around
    return {**head, "georsmllm": answer(result, (*result.notices, *notices)), "features": features}


def frame_of(result: Result, crs: str | None) -> Frame:
    """Where the coordinates of the file live; raises UsageError."""
    images = [scene.image for scene in result.scenes]
    if crs is None:
        return on_earth(images)
    return at_home(images) if crs.strip().lower() == "source" else on_map(images, crs)


def shapes_of(
    result: Result, findings: Sequence[Finding], frame: Frame, *, simplify_px: float = 0.0
) -> tuple[list[PointSet | None], list[str]]:
    """The outline of each finding in the frame, None where the CRS does not reach it; what a person should know of that."""
    found: list[PointSet | None] = []
    lost: dict[str, int] = {}
    for finding in findings:
        shape = outline(finding)
        if finding.mask_scene is not None:
            shape = simplified(shape, simplify_px)
        try:
            at = placed(shape, result.scenes[finding.image].image, frame)
            found.append(within_180(at) if frame.is_lon_lat else at)
        except CannotSay as reason:
            lost[str(reason)] = lost.get(str(reason), 0) + 1
            found.append(None)
    notices = [f"{frame.why}; coordinates are {frame.says}"] if frame.says else []
    return found, notices + [f"{count} findings have no geometry: {why}" for why, count in lost.items()]


def answer(result: Result, notices: Sequence[str]) -> dict[str, object]:
    """What an answer says beside its findings."""
    return {
        "query": result.query,
        "text": result.text,
        "answer_type": result.outcome.answer_type,
        "value": result.outcome.value,
        "reason": result.outcome.reason,
        "areas": area_rows(result),
        "steps": [step(trace) for trace in result.outcome.steps],
        "notices": list(notices),
        "plan": result.plan,
    }


def area_rows(result: Result) -> list[dict[str, object]]:
    """What the findings of each class cover together, image by image; square metres are None without a place on the Earth."""
    rows: list[dict[str, object]] = []
    for index, scene in enumerate(result.scenes):
        image = image_name(index, len(result.scenes))
        theirs = [one for one in result.findings if one.image == index and one.shape_scene.kind != "point"]
        rows += [
            {
                "class": row.label,
                "image": image,
                "count": row.count,
                "area_px": row.area_px,
                "area_m2": row.square_metres,
                "share": row.share,
            }
            for row in areas(theirs, scene.image)
        ]
    return rows


def step(trace: StepTrace) -> dict[str, object]:
    """A step of the trace without its time, which is another in every run."""
    found: dict[str, object] = msgspec.to_builtins(replace(trace, seconds=0.0))
    del found["seconds"]
    return found


def _crs_name(crs: CRS | None) -> str:
    if crs is None:
        return GRID
    authority = crs.to_authority()
    return f"urn:ogc:def:crs:{authority[0]}::{authority[1]}" if authority else str(crs.to_wkt())


def _decimals(frame: Frame, images: Sequence[ImageRef]) -> int:
    """Of a degree, of a metre or foot, of a pixel; of an unnamed unit so many that no pixel sees the rounding."""
    if frame.crs is not None:
        return PRECISION if frame.crs.is_geographic else 6
    if frame.to == "pixels":
        return 4
    return max(0, math.ceil(-math.log10(_SHARE_OF_PIXEL * min(map(_pixel_side, images)))))


def _pixel_side(image: ImageRef) -> float:
    assert image.affine is not None
    a, b, _, d, e, _ = image.affine
    return min(math.hypot(a, d), math.hypot(b, e))


def rounded(shape: PointSet, decimals: int) -> PointSet:
    """The shape with so many decimals."""
    rings = (Ring(tuple((round(x, decimals), round(y, decimals)) for x, y in r.points), r.sign) for r in shape.rings)
    return PointSet(shape.kind, tuple(rings))
