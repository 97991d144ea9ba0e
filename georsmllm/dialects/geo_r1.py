"""Geo-R1: JSON with `bbox_2d`, `keypoint1` and `keypoint2`, in px of the view after Qwen2.5-VL's resize.

A box alone is the form of its detection and referring tasks, one with both points that of segmentation. "None" says that
there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, box

from ._ear import found, pixels
from ._frames import cells
from ._json_form import STRETCH, Entry, entries, entry
from ._pen import Written, nearest, scaled, speakable, written
from ._qwen_json import box_of, check_inside
from ._resize import resized

NOTHING = "None"
SAYS: tuple[Kind, ...] = ("box",)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    said = written(objects, limits, lambda one: _write(one, size_wh), kinds=SAYS, keypoints=True)
    return "```json\n[\n    " + ",\n    ".join(said) + "\n]\n```" if said else NOTHING


def _write(spoken: Spoken, size_wh: SizeWH) -> Written:
    points = spoken.shape.keypoints
    if len(points) not in (0, 2):
        raise CannotSay("not_in_dialect", f"{len(points)} keypoints: the form has two or none")
    corners, inside = (
        [[nearest(x), nearest(y)] for x, y in scaled(some, size_wh, resized(size_wh))]
        for some in (spoken.shape.rings[0].points, points)
    )
    (x1, y1), (x2, y2) = corners
    pairs: list[tuple[str, object]] = [("bbox_2d", [x1, y1, x2, y2])]
    pairs += [(f"keypoint{i}", point) for i, point in enumerate(inside, start=1)]
    pairs += [("label", speakable(spoken.label))] if spoken.label and not inside else []
    return Written((y1, x1, y2, x2), entry(*pairs))


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    return tuple(Spoken(_shape(one, size_wh, kinds, text), one.label) for one in entries(text))


def _shape(one: Entry, size_wh: SizeWH, kinds: Sequence[Kind], text: str) -> PointSet:
    first, second = one.keypoint1, one.keypoint2
    if one != Entry(bbox_2d=one.bbox_2d, keypoint1=first, keypoint2=second, label=one.label) or one.bbox_2d is None:
        raise BadAnswer("syntax", text, expected="bbox_2d, or bbox_2d with keypoint1 and keypoint2")
    points = tuple(point for point in (first, second) if point is not None)
    if len(points) == 1:
        raise BadAnswer("syntax", text, expected="keypoint1 and keypoint2, or neither")
    check_inside(points, resized(size_wh), text)
    plain = box_of(one.bbox_2d, size_wh, resized(size_wh), kinds, text)
    return PointSet("box", plain.rings, pixels(points, size_wh, resized(size_wh)))


DIALECT = Dialect(
    title="Geo-R1",
    source="Geo-R1/geo-r1 run_scripts/test_gres_eval.py, test_ovd_nwpu_eval.py",
    kinds=SAYS,
    frame="the view as Qwen2.5-VL's processor resizes it",
    span="0 to the resized width and height in px",
    rounding="to the nearest; the publisher's rounding is not published",
    corner_order="min corner, max corner; then two points inside, or none",
    angle="none",
    is_labelled=True,
    encode=encode,
    decode=decode,
    stretches=partial(found, STRETCH),
    grid=cells(resized),
    extent=resized,
    is_relative=False,
    num_keypoints=2,
    examples=(
        Example(
            "the form of run_scripts/test_gres_eval.py on a 560 px view",
            '```json\n[\n    {"bbox_2d": [10, 20, 110, 220], "keypoint1": [50, 100], "keypoint2": [60, 140]}\n]\n```',
            (560, 560),
            (Spoken(box(10, 20, 110, 220, keypoints=((50, 100), (60, 140)))),),
        ),
    ),
)
