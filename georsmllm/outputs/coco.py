"""The findings as COCO: images, annotations, categories. pycocotools reads it.

Masks are run lengths, exact. Of a finding without a mask its shape is rings, with holes run lengths. `id` is the finding's,
`area` that of the mask or shape in px². Category ids go by the alphabet of the classes, from 1. A point has no extent, which
every tool of COCO expects, and stays out; so `info` says how many there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from georsmllm import masks
from georsmllm.errors import UsageError
from georsmllm.found import Finding
from georsmllm.geometry import Rect, bounds
from georsmllm.outputs.attributes import area_px, attributes
from georsmllm.outputs.burning import mask_rect
from georsmllm.outputs.geojson import answer

if TYPE_CHECKING:
    from georsmllm.result import Result

_IN_COCO = {"id", "class", "area_px", "query"}


def document(result: Result) -> dict[str, object]:
    """The whole file as a JSON value; the extra members `image`, `step` ... are those of every format."""
    said = [finding for finding in result.findings if has_extent(finding)]
    categories = {label: number for number, label in enumerate(sorted({one.label for one in said}), start=1)}
    info = {
        "description": f"GeoRSMLLM: {result.query}",
        "version": result.maker.version,
        "without_extent": len(result.findings) - len(said),
    }
    images = [
        {"id": number, "file_name": scene.image.path, "width": scene.image.width, "height": scene.image.height}
        for number, scene in enumerate(result.scenes, start=1)
    ]
    return {
        "info": info,
        "licenses": [],
        "images": images,
        "annotations": [_annotation(one, result, categories[one.label]) for one in said],
        "categories": [{"id": number, "name": label, "supercategory": ""} for label, number in categories.items()],
        "georsmllm": answer(result, result.notices),
    }


def has_extent(finding: Finding) -> bool:
    return finding.mask_scene is not None or finding.shape_scene.kind != "point"


def _annotation(finding: Finding, result: Result, category: int) -> dict[str, object]:
    image = result.scenes[finding.image].image
    found: dict[str, object] = {"id": finding.id, "image_id": finding.image + 1, "category_id": category, "iscrowd": 0}
    found |= geometry(finding, image.size_wh)
    found["area"] = area_px(finding)
    return found | {name: value for name, value in attributes(finding, result).items() if name not in _IN_COCO}


def geometry(finding: Finding, size_wh: tuple[int, int]) -> dict[str, object]:
    """Segmentation and bbox of a finding; raises UsageError for a scene whose size COCO cannot say."""
    mask = finding.mask_scene
    shape = finding.shape_scene
    if mask is not None:
        return {"segmentation": masks.to_coco(mask), "bbox": _bbox(mask_rect(mask))}
    x1, y1, x2, y2 = bounds(shape)
    bbox = _bbox((x1, y1, x2, y2))
    if shape.kind == "box":
        return {"segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]], "bbox": bbox}
    if all(ring.sign == "+" for ring in shape.rings):
        rings = [[value for point in ring.points for value in point] for ring in shape.rings]
        return {"segmentation": rings, "bbox": bbox}
    if size_wh[0] * size_wh[1] > masks.MAX_PIXELS:
        raise UsageError(f"COCO's run lengths of {size_wh[0]} x {size_wh[1]} pixels are too long; write .geojson")
    return {"segmentation": masks.to_coco(masks.from_shape(shape, size_wh)), "bbox": bbox}


def _bbox(rect: Rect) -> list[float]:
    x1, y1, x2, y2 = rect
    return [x1, y1, x2 - x1, y2 - y1]
