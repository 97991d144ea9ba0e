"""TEOChat: `[x1, y1, x2, y2]`, whole percents of the view, several joined by a comma."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.types import KINDS, Kind, PointSet, Ring, box

from ._ear import NONE, check_corners, check_kind, check_range, found, items, numbers, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, joined, nearest, scaled, written

SPAN = 100
SAYS: tuple[Kind, ...] = ("box",)

_ITEM = re.compile(r"\[[0-9]{1,6}(?:, ?[0-9]{1,6}){3}\]")
_BETWEEN = re.compile(r"(?:, ?)?(?=\[)")
_LIST = r"\[-?[0-9][-0-9., ]*+\]?"
_STRETCH = stretch(rf"{_LIST}(?>(?:(?:, ?)?{_LIST})*)")

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return joined(written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS), ", ")


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    corners = scaled(shape.rings[0].points, size_wh, extent(size_wh))
    (x1, y1), (x2, y2) = [(nearest(x), nearest(y)) for x, y in corners]
    return Written((y1, x1, y2, x2), f"[{x1}, {y1}, {x2}, {y2}]")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="[x1, y1, x2, y2]")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    x1, y1, x2, y2 = said
    check_kind("box", kinds, body, at)
    check_range(said, 0, SPAN, body, at)
    check_corners(x1, y1, x2, y2, body, at)
    return PointSet("box", (Ring(pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))),))


DIALECT = Dialect(
    title="TEOChat",
    source="ermongroup/TEOChat README.md and videollava/serve/teochat_demo.py (arXiv:2410.06234)",
    kinds=SAYS,
    frame="the view",
    span="0 to 100 on each axis",
    rounding="to whole percents; the publisher's rounding is unpublished, ours is to the nearest, halves up",
    corner_order="min corner, max corner",
    angle="none",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "README.md, 'the building at location [0, 8, 49, 53]'",
            "[0, 8, 49, 53]",
            (256, 512),
            (Spoken(box(0, 40.96, 125.44, 271.36)),),
        ),
    ),
)
