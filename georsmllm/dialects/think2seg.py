"""Think2Seg-RS: ```` ```json[{"bbox_2d": [...], "positive_points": [[x, y], [x, y]]}]``` ````, px of an 840 x 840 resize.

Exactly two points inside each object prompt SAM 2. The view is stretched to a square, so the numbers are relative to it.
An empty list says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, box

from ._ear import found, pixels
from ._frames import cells, relative
from ._json_form import STRETCH, Entry, entries, entry
from ._pen import Written, nearest, scaled, written
from ._qwen_json import box_of, check_inside

SIDE = 840
SAYS: tuple[Kind, ...] = ("box",)

extent = relative(SIDE)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    said = written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS, keypoints=True)
    return f"```json[{', '.join(said)}]```"


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    if len(shape.keypoints) != 2:
        raise CannotSay("not_in_dialect", f"{len(shape.keypoints)} keypoints: the form has exactly two")
    corners, inside = (
        [[nearest(x), nearest(y)] for x, y in scaled(points, size_wh, extent(size_wh))]
        for points in (shape.rings[0].points, shape.keypoints)
    )
    (x1, y1), (x2, y2) = corners
    return Written((y1, x1, y2, x2), entry(("bbox_2d", [x1, y1, x2, y2]), ("positive_points", inside)))


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    return tuple(Spoken(_shape(one, size_wh, kinds, text)) for one in entries(text))


def _shape(one: Entry, size_wh: SizeWH, kinds: Sequence[Kind], text: str) -> PointSet:
    points = one.positive_points
    if one != Entry(bbox_2d=one.bbox_2d, positive_points=points) or one.bbox_2d is None or points is None:
        raise BadAnswer("syntax", text, expected="bbox_2d and positive_points")
    if len(points) != 2:
        raise BadAnswer("syntax", text, expected="exactly two positive_points")
    check_inside(points, extent(size_wh), text)
    plain = box_of(one.bbox_2d, size_wh, extent(size_wh), kinds, text)
    return PointSet("box", plain.rings, pixels(points, size_wh, extent(size_wh)))


DIALECT = Dialect(
    title="Think2Seg-RS",
    source="Ricardo-XZ/Think2Seg-RS src/open-r1-multimodal/src/open_r1/dataset/EarthReason_datasets.py",
    kinds=SAYS,
    frame="the view stretched to 840 x 840 px",
    span="0 to 840 on each axis",
    rounding="int(v + 0.5): to the nearest, halves up",
    corner_order="min corner, max corner; then two points inside",
    angle="none",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, STRETCH),
    grid=cells(extent),
    extent=extent,
    num_keypoints=2,
    examples=(
        Example(
            "USER_PROMPT of EarthReason_datasets.py",
            '```json[{"bbox_2d": [310,360,567,586], "positive_points": [[434, 474], [450, 460]]}, '
            '{"bbox_2d": [10,200,100,320], "positive_points": [[50, 250], [90, 300]]}]```',
            (840, 420),
            (
                Spoken(box(310, 180, 567, 293, keypoints=((434, 237), (450, 230)))),
                Spoken(box(10, 100, 100, 160, keypoints=((50, 125), (90, 150)))),
            ),
        ),
        Example("'If no targets are found, output an empty list', the same", "```json[]```", (840, 840), ()),
    ),
)
