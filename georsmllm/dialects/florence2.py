"""Florence-2 object detection: `car<loc_1><loc_2><loc_3><loc_4>`, a label and four of 1000 bins for each object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.types import KINDS, Kind, PointSet, Ring, box

from . import _locs
from ._ear import check_corners, check_kind, found, items
from ._frames import cells
from ._pen import Written, check_labels, joined, speakable, written

NOTHING = "There are none."
"""LMMRotate's words; Florence-2 itself has none."""
SAYS: tuple[Kind, ...] = ("box",)

_ITEM = _locs.item(4)
_BETWEEN = re.compile("")


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    check_labels(objects)
    return joined(written(objects, limits, lambda one: _write(one, size_wh), kinds=SAYS), none=NOTHING)


def _write(spoken: Spoken, size_wh: SizeWH) -> Written:
    (x1, y1), (x2, y2) = corners = _locs.bins(spoken.shape.rings[0].points, size_wh)
    label = speakable(spoken.label) if spoken.label else ""
    return Written((y1, x1, y2, x2), label + _locs.tokens(corners))


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    """Several boxes may follow one label."""
    body = text.strip()
    if body == NOTHING:
        return ()
    heard: list[Spoken] = []
    label = ""
    for match in items(body, _ITEM, _BETWEEN, expected="a label and four <loc_n>"):
        label = match["label"].strip() or label
        check_kind("box", kinds, body, match.start())
        (x1, y1), (x2, y2) = points = _locs.middles(match["locs"], size_wh)
        check_corners(x1, y1, x2, y2, body, match.start())
        heard.append(Spoken(PointSet("box", (Ring(points),)), label))
    return tuple(heard)


DIALECT = Dialect(
    title="Florence-2",
    source="arXiv:2311.06242 section 4.1; microsoft/Florence-2-large processing_florence2.py",
    kinds=SAYS,
    frame="the view, in 1000 bins on each axis",
    span="0 to 999 on each axis",
    rounding="downwards into the bin; heard at the bin's middle",
    corner_order="min corner, max corner",
    angle="none",
    is_labelled=True,
    encode=encode,
    decode=decode,
    stretches=partial(found, _locs.STRETCH),
    grid=cells(_locs.extent),
    extent=_locs.extent,
    offset=_locs.MIDDLE,
    examples=(
        Example(
            "the form of the <OD> task, model card of microsoft/Florence-2-large",
            "car<loc_52><loc_332><loc_932><loc_774>wheel<loc_708><loc_575><loc_864><loc_774>",
            (1000, 1000),
            (Spoken(box(52.5, 332.5, 932.5, 774.5), "car"), Spoken(box(708.5, 575.5, 864.5, 774.5), "wheel")),
        ),
    ),
)
