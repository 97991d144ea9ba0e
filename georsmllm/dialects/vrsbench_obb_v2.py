"""VRSBench's `obb_v2`: `{<x1><y1><x2><y2>|<t>}`, two opposite corners AFTER the rotation, and the angle of `obb_v1`.

The corners are those of the turned box with the least and the greatest x² + y², cut to whole percents; t is BboxToolkit's
angle of the longer side, degrees counter-clockwise. So the diagonal and the direction of a side give the rectangle back.
It looks exactly like GeoChat's form and means another rectangle. The publisher's own scorer takes the sides from the
diagonal's length times cos t and sin t, which is right only for a diagonal along the x axis: not repeated here. Once cut,
the other diagonal may be the nearer one, so this form, read and written again, can drift by a percent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import CannotSay
from georsmllm.types import KINDS, Kind, PointSet, rbox

from ._angles import Turned, corners, counter_clockwise, place
from ._ear import NONE, check_kind, check_range, found, items, numbers, stretch
from ._frames import cells, relative
from ._pen import NEARLY, Written, check_centre, joined, truncated, written

SPAN = 100
SAYS: tuple[Kind, ...] = ("rbox",)

_ITEM = re.compile(r"\{(?:<-?[0-9]{1,5}>){4}\|<-?[0-9]{1,3}>\}")
_BETWEEN = re.compile(r"(?=\{)")
_STRETCH = stretch(r"\{<-?[0-9][-0-9<>|]*+\}?(?>(?:\{[-0-9<>|]*+\}?)*)")

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return joined(written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS))


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    turned, angle = counter_clockwise(shape.rings[0].points)
    check_centre(turned.x, turned.y, size_wh)
    ring = [(x * SPAN / size_wh[0], y * SPAN / size_wh[1]) for x, y in corners(turned)]
    near = min(range(4), key=lambda i: (round(ring[i][0] ** 2 + ring[i][1] ** 2, 6), i))
    (x1, y1), (x2, y2) = [(truncated(x), truncated(y)) for x, y in (ring[near], ring[(near + 2) % 4])]
    heard = _turned((x1, y1, x2, y2, angle), size_wh)
    if min(heard.w, heard.h) < NEARLY:
        raise CannotSay("collapsed", f"a rotated box of {turned.w:.3g}x{turned.h:.3g} px has no area in whole percents")
    return Written(place(heard), f"{{<{x1}><{y1}><{x2}><{y2}>|<{angle}>}}")


def _turned(said: Sequence[float], size_wh: SizeWH) -> Turned:
    """The rectangle on a diagonal whose one side has the direction t."""
    per_x, per_y = size_wh[0] / SPAN, size_wh[1] / SPAN
    x1, y1, x2, y2 = said[0] * per_x, said[1] * per_y, said[2] * per_x, said[3] * per_y
    cos, sin = math.cos(math.radians(-said[4])), math.sin(math.radians(-said[4]))
    along, across = (x2 - x1) * cos + (y2 - y1) * sin, (y2 - y1) * cos - (x2 - x1) * sin
    return Turned((x1 + x2) / 2, (y1 + y2) / 2, abs(along), abs(across), -said[4])


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="{<x1><y1><x2><y2>|<t>}")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    check_kind("rbox", kinds, body, at)
    check_range(said[:4], -SPAN, 2 * SPAN, body, at)
    check_range(said[4:], -90, 90, body, at)
    return rbox(corners(_turned(said, size_wh)))


DIALECT = Dialect(
    title="VRSBench obb_v2",
    source="lx709/VRSBench prepare_eval_all.ipynb; angle: jbwang1997/BboxToolkit transforms.py, poly2obb",
    kinds=SAYS,
    frame="the view; two opposite corners of the turned rectangle, and the angle of its longer side",
    span="0 to 100 on each axis",
    rounding="int(100 * v): cut toward zero; the angle to the nearest degree",
    corner_order="the corner with the least x² + y², the one with the greatest",
    angle="whole degrees counter-clockwise on the screen, -90 to 90, of the longer side",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    is_stable=False,
    examples=(
        Example(
            "the form of prepare_eval_all.ipynb on a 512 px patch, an upright box and one of 45 degrees",
            "{<25><25><75><50>|<0>}{<40><30><40><70>|<45>}",
            (500, 500),
            (
                Spoken(rbox(((125, 125), (375, 125), (375, 250), (125, 250)))),
                Spoken(rbox(((100, 250), (200, 150), (300, 250), (200, 350)))),
            ),
        ),
    ),
)
