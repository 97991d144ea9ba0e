"""VRSBench's `obb_v1`: `{<cx><cy><w><h>|<t>}`, whole percents cut toward zero, degrees COUNTER-clockwise on the screen.

The rectangle is BboxToolkit's `obb`: w is the longer side, t in (-90, 90] before it is rounded. Under nearly the same name
`obb_v2` writes two corners. The publisher's scorer reads numbers without their sign. -90 is read, and written as 90; sides
that become equal by the cutting get the angle of a square, 1 to 90.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import CannotSay
from georsmllm.types import KINDS, Kind, PointSet, rbox

from ._angles import Turned, corners, counter_clockwise, place
from ._ear import NONE, check_kind, check_range, found, items, numbers, stretch
from ._frames import cells, relative
from ._pen import Written, check_centre, joined, truncated, written

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
    per_x, per_y = SPAN / size_wh[0], SPAN / size_wh[1]
    cx, cy, w, h = (truncated(v) for v in (turned.x * per_x, turned.y * per_y, turned.w * per_x, turned.h * per_y))
    if w == 0 or h == 0:
        raise CannotSay("collapsed", f"a rotated box of {turned.w:.3g}x{turned.h:.3g} px has no area in whole percents")
    if w * size_wh[0] == h * size_wh[1] and angle <= 0:
        angle += 90
    return Written(place(_turned([cx, cy, w, h, angle], size_wh)), f"{{<{cx}><{cy}><{w}><{h}>|<{angle}>}}")


def _turned(said: Sequence[float], size_wh: SizeWH) -> Turned:
    cx, cy, w, h, angle = said
    per_x, per_y = size_wh[0] / SPAN, size_wh[1] / SPAN
    return Turned(cx * per_x, cy * per_y, w * per_x, h * per_y, -angle)


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="{<cx><cy><w><h>|<t>}")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    cx, cy, w, h, angle = said
    check_kind("rbox", kinds, body, at)
    check_range((cx, cy), 0, SPAN, body, at)
    check_range((w, h), 0, 100 * SPAN, body, at)
    check_range((angle,), -90, 90, body, at)
    return rbox(corners(_turned(said, size_wh)))


DIALECT = Dialect(
    title="VRSBench obb_v1",
    source="lx709/VRSBench prepare_eval_all.ipynb; angle: jbwang1997/BboxToolkit transforms.py, poly2obb",
    kinds=SAYS,
    frame="the view; centre, longer side, shorter side, and the angle of the longer one",
    span="0 to 100 on each axis",
    rounding="int(100 * v): cut toward zero; the angle to the nearest degree",
    corner_order="none: centre and sides",
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
            "the form of prepare_eval_all.ipynb on a 512 px patch, an angle of its measured range -90..90",
            "{<50><50><20><10>|<-30>}{<25><50><12><6>|<90>}",
            (512, 512),
            (
                Spoken(rbox(((224.4595, 208.2297), (313.1405, 259.4297), (287.5405, 303.7703), (198.8595, 252.5703)))),
                Spoken(rbox(((112.64, 225.28), (143.36, 225.28), (143.36, 286.72), (112.64, 286.72)))),
            ),
        ),
    ),
)
