"""RSCoVLM: Qwen2.5-VL's JSON, rotated boxes as `"quadrant bbox": [x1, ..., y4]` or `"oriented bbox": [x, y, w, h, t]`.

Numbers are px of the resized view, cut by int(). We write quads; both are heard. The publisher's referring data run
counter-clockwise although their prompt says clockwise, its detection data clockwise: that one is written. "There are none."
says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, Ring, box, rbox

from ._angles import Turned, corners
from ._ear import check_kind, check_range, found, pixels
from ._frames import cells
from ._json_form import STRETCH, Entry, entries, entry, fenced
from ._pen import Written, scaled, speakable, truncated, turned_from_top, written
from ._qwen_json import box_of, check_inside
from ._resize import resized

NOTHING = "There are none."
SAYS: tuple[Kind, ...] = ("box", "rbox")


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    said = written(objects, limits, lambda one: _write(one, size_wh), kinds=SAYS)
    return fenced(said) if said else NOTHING


def _write(spoken: Spoken, size_wh: SizeWH) -> Written:
    points = scaled(spoken.shape.rings[0].points, size_wh, resized(size_wh))
    ring = [(truncated(x), truncated(y)) for x, y in points]
    key = "bbox_2d"
    if spoken.shape.kind == "rbox":
        if len(set(ring)) < 4:
            raise CannotSay("collapsed", f"corners {ring} of a rotated box are no longer distinct")
        ring, key = turned_from_top(ring, clockwise=True), "quadrant bbox"
    label = [("label", speakable(spoken.label))] if spoken.label else []
    place = tuple(v for x, y in ring for v in (y, x))
    return Written(place, entry((key, [v for point in ring for v in point]), *label))


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    return tuple(Spoken(_shape(one, size_wh, kinds, text), one.label) for one in entries(text))


def _shape(one: Entry, size_wh: SizeWH, kinds: Sequence[Kind], text: str) -> PointSet:
    extent = resized(size_wh)
    if one.bbox_2d is not None and one == Entry(bbox_2d=one.bbox_2d, label=one.label):
        return box_of(one.bbox_2d, size_wh, extent, kinds, text)
    check_kind("rbox", kinds, text, 0)
    if one.quad is not None and one == Entry(quad=one.quad, label=one.label):
        ring = tuple(zip(one.quad[::2], one.quad[1::2], strict=True))
        check_inside(ring, extent, text)
        if len(set(ring)) < 4:
            raise BadAnswer("collapsed_ring", text, expected="four distinct corners")
        return PointSet("rbox", (Ring(pixels(ring, size_wh, extent)),))
    if one.turned is not None and one == Entry(turned=one.turned, label=one.label):
        x, y, w, h, degrees = one.turned
        check_inside(((x, y),), extent, text)
        check_range((w, h), 0, 2 * sum(extent), text, 0)
        check_range((degrees,), -90, 90, text, 0)
        return PointSet("rbox", (Ring(pixels(corners(Turned(x, y, w, h, degrees)), size_wh, extent)),))
    raise BadAnswer("syntax", text, expected="bbox_2d, quadrant bbox or oriented bbox, and a label")


DIALECT = Dialect(
    title="RSCoVLM",
    source="VisionXLab/RSCoVLM rscovlm/training/data/dense_det_dataset.py (arXiv:2511.21272)",
    kinds=SAYS,
    frame="the view as Qwen2.5-VL's processor resizes it",
    span="0 to the resized width and height in px",
    rounding="int(v): cut toward zero",
    corner_order="min corner, max corner; quads clockwise on screen from the topmost corner, of two the left one",
    angle="heard only: whole degrees clockwise on the screen, -90 to 90, of the longer side, turned in the resized view",
    is_labelled=True,
    encode=encode,
    decode=decode,
    stretches=partial(found, STRETCH),
    grid=cells(resized),
    extent=resized,
    is_relative=False,
    examples=(
        Example(
            "the form of get_polygon_messages on a 560 px view",
            '```json\n[\n\t{"quadrant bbox": [100, 50, 150, 100, 100, 150, 50, 100], "label": "ship"}\n]\n```',
            (560, 560),
            (Spoken(rbox(((100, 50), (150, 100), (100, 150), (50, 100))), "ship"),),
        ),
        Example(
            "the form of get_obb_messages on the same",
            '```json\n[\n\t{"oriented bbox": [200, 100, 40, 20, -90], "label": "ship"}\n]\n```',
            (560, 560),
            (Spoken(rbox(((190, 80), (210, 80), (210, 120), (190, 120))), "ship"),),
        ),
        Example(
            "get_hbb_messages, two lines of detection",
            '```json\n[\n\t{"bbox_2d": [10, 20, 30, 40], "label": "plane"},\n\t'
            '{"bbox_2d": [50, 60, 70, 80], "label": "ship"}\n]\n```',
            (560, 560),
            (Spoken(box(10, 20, 30, 40), "plane"), Spoken(box(50, 60, 70, 80), "ship")),
        ),
        Example("the answer for an image without objects", "There are none.", (560, 560), ()),
    ),
)
