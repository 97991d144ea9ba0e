"""VRSBench's `obj_corner`: `[x1, y1, x2, y2, x3, y3, x4, y4]`, four corners as fractions of the view, unrounded.

Boxes that came from DIOR are the corners of the upright box on the publisher's main branch. Objects at the border of a
patch may stick out of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import CannotSay
from georsmllm.geometry import order_corners
from georsmllm.types import KINDS, Kind, PointSet, rbox

from ._ear import NONE, check_kind, check_range, found, items, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, joined, nearest, scaled, written

DIGITS = 6
"""We write so many; the publisher writes a float as it is."""
SAYS: tuple[Kind, ...] = ("rbox",)

_NUMBER = r"-?[0-9]{1,3}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?"
_ITEM = re.compile(rf"\[{_NUMBER}(?:, ?{_NUMBER}){{7}}\]")
_BETWEEN = re.compile(r";(?=\[)")
_LIST = r"\[-?[0-9][-+0-9.eE, ]*+\]?"
_STRETCH = stretch(rf"{_LIST}(?>(?:;{_LIST})*)")

extent = relative(1)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return joined(written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS), ";")


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    unit = 10**DIGITS
    steps = [(nearest(x * unit), nearest(y * unit)) for x, y in scaled(shape.rings[0].points, size_wh, extent(size_wh))]
    if len(set(steps)) < 4:
        raise CannotSay("collapsed", "corners of a rotated box are no longer distinct")
    ring = [(int(x), int(y)) for x, y in order_corners(steps)]
    text = ", ".join(repr(number / unit) for point in ring for number in point)
    return Written(tuple(v for x, y in ring for v in (y, x)), f"[{text}]")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    """The corners in the order in which they stand, wherever they are up to one view outside."""
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="a list of eight fractions")
    return tuple(Spoken(_shape(match.group(), size_wh, kinds, body, match.start())) for match in matches)


def _shape(text: str, size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    said = [float(number) for number in re.findall(_NUMBER, text)]
    check_kind("rbox", kinds, body, at)
    check_range(said, -1, 2, body, at)
    first, second, third, fourth = pixels(tuple(zip(said[::2], said[1::2], strict=True)), size_wh, extent(size_wh))
    return rbox((first, second, third, fourth))


DIALECT = Dialect(
    title="VRSBench obj_corner",
    source="lx709/VRSBench extract_patch_json.py, field obj_corner of the annotation files",
    kinds=SAYS,
    frame="the view",
    span="0 to 1 on each axis",
    rounding="none by the publisher; we write six decimals, to the nearest",
    corner_order="as the source has them (DOTA: the head side first); ours clockwise from the least x + y",
    angle="none: rotated boxes are four corners",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent, 10**DIGITS),
    extent=extent,
    examples=(
        Example(
            "the form of obj_corner in Annotations_val/*.json, 512 px patch",
            "[0.25, 0.125, 0.5, 0.125, 0.5, 0.375, 0.25, 0.375]",
            (512, 512),
            (Spoken(rbox(((128, 64), (256, 64), (256, 192), (128, 192)))),),
        ),
    ),
)
