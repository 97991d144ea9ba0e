"""LMMRotate: `ship<loc_x1><loc_y1>...<loc_y4><sep><loc_x1>...`, quads in Florence-2's bins, grouped by class.

Corners run counter-clockwise on the screen from the topmost one (of two: the left one); objects of one class are joined by
`<sep>`, and only the first bears the label. "There are none." says that there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, Ring, rbox

from . import _locs
from ._ear import check_kind, found, items
from ._frames import cells
from ._pen import Written, check_budget, check_labels, joined, speakable, turned_from_top, written

NOTHING = "There are none."
SAYS: tuple[Kind, ...] = ("rbox",)

_ITEM = _locs.item(8)
_BETWEEN = re.compile("<sep>(?=<loc_)|")


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    check_budget(objects, limits)
    check_labels(objects)
    said: list[str] = []
    for label in sorted({spoken.label for spoken in objects}):
        same = [spoken for spoken in objects if spoken.label == label]
        quads = written(same, None, lambda one: _write(one.shape, size_wh), kinds=SAYS)
        said.append((speakable(label) if label else "") + "<sep>".join(quads))
    return joined(said, none=NOTHING)


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    corners = _locs.bins(shape.rings[0].points, size_wh)
    if len(set(corners)) < 4:
        raise CannotSay("collapsed", f"corners {corners} of a rotated box are no longer distinct")
    ring = turned_from_top(corners, clockwise=False)
    return Written(tuple(v for x, y in ring for v in (y, x)), _locs.tokens(ring))


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NOTHING:
        return ()
    heard: list[Spoken] = []
    label = ""
    for match in items(body, _ITEM, _BETWEEN, expected="a label and eight <loc_n>"):
        label = match["label"].strip() or label
        check_kind("rbox", kinds, body, match.start())
        points = _locs.middles(match["locs"], size_wh)
        if len(set(points)) < 4:
            raise BadAnswer("collapsed_ring", body, at=match.start(), expected="four distinct corners")
        heard.append(Spoken(PointSet("rbox", (Ring(points),)), label))
    return tuple(heard)


DIALECT = Dialect(
    title="LMMRotate",
    source="VisionXLab/mllm-mmrotate playground/convert_dota_for_sft.py, version 3 (arXiv:2501.09720)",
    kinds=SAYS,
    frame="the view, in 1000 bins on each axis",
    span="0 to 999 on each axis",
    rounding="downwards into the bin; heard at the bin's middle",
    corner_order="counter-clockwise on screen from the topmost corner, of two the left one",
    angle="none: rotated boxes are four corners",
    is_labelled=True,
    encode=encode,
    decode=decode,
    stretches=partial(found, _locs.STRETCH),
    grid=cells(_locs.extent),
    extent=_locs.extent,
    offset=_locs.MIDDLE,
    examples=(
        Example(
            "the form of main_convert_data_to_florence2fmt, version 3",
            "harbor<loc_100><loc_100><loc_100><loc_200><loc_300><loc_200><loc_300><loc_100>"
            "<sep><loc_500><loc_400><loc_400><loc_500><loc_500><loc_600><loc_600><loc_500>"
            "ship<loc_10><loc_20><loc_10><loc_40><loc_30><loc_40><loc_30><loc_20>",
            (1000, 1000),
            (
                Spoken(rbox(((100.5, 100.5), (100.5, 200.5), (300.5, 200.5), (300.5, 100.5))), "harbor"),
                Spoken(rbox(((500.5, 400.5), (400.5, 500.5), (500.5, 600.5), (600.5, 500.5))), "harbor"),
                Spoken(rbox(((10.5, 20.5), (10.5, 40.5), (30.5, 40.5), (30.5, 20.5))), "ship"),
            ),
        ),
        Example("the answer for an image without objects, the same", "There are none.", (800, 800), ()),
    ),
)
