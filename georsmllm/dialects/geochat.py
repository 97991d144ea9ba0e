"""GeoChat: `{<x1><y1><x2><y2>|<t>}`, a rectangle before its rotation by t degrees, and `{<x1><y1><x2><y2>}` an upright box.

(x1, y1) and (x2, y2) are c -/+ (w/2, h/2) of the rectangle of least area, which is then turned clockwise about its centre,
in pixels. They leave 0..100 where the turned rectangle does not. Whoever drops t turns a third of the published boxes by
90 degrees (t = 90: w and h are swapped against what one sees); the publisher's demo drops the last number of upright
boxes, and rotates in relative numbers. An angle of 0 is read, and written as 90 with the sides swapped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, Ring, box, rbox

from . import _many
from ._angles import Turned, corners, place, quarter
from ._ear import NONE, check_corners, check_kind, check_range, found, items, numbers, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, check_budget, check_centre, joined, nearest, scaled, written

if TYPE_CHECKING:
    from ._many import Array

SPAN = 100
FURTHEST = 100 * SPAN
"""An unturned rectangle on a view that is up to 100 times as wide as high ends before this number."""

SAYS: tuple[Kind, ...] = ("box", "rbox")

_ITEM = re.compile(r"\{(?:<-?[0-9]{1,5}>){4}(?:\|<-?[0-9]{1,3}>)?\}")
_BETWEEN = re.compile(r"(?:<delim>)?(?=\{)")
_STRETCH = stretch(r"\{<-?[0-9][-0-9<>|]*+\}?(?>(?:(?:<delim>)?\{[-0-9<>|]*+\}?)*)")

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    check_budget(objects, limits)
    quads = _many.quads_of(objects)
    said = None if quads is None else said_quads(quads, size_wh)
    if said is not None:
        return joined([said.texts[i] for i in said.order])
    return joined(written(objects, None, lambda one: write(one.shape, size_wh), kinds=SAYS))


def said_quads(quads: Array, size_wh: SizeWH) -> _many.Said | None:
    """The text of each of n x 8 corners in px, and the order of an answer; None where there is something to refuse, or a box
    is not convex."""
    turned = _many.quarters(quads)
    if turned is None:
        return None
    import numpy as np

    angle = _many.nearest(turned[:, 4])
    turned[:, 2:4] = np.where((angle == 0)[:, None], turned[:, 3:1:-1], turned[:, 2:4])
    per = np.array([SPAN / size_wh[0], SPAN / size_wh[1]])
    low = _many.nearest((turned[:, :2] - turned[:, 2:4] / 2) * per)
    high = _many.nearest((turned[:, :2] + turned[:, 2:4] / 2) * per)
    inside = (turned[:, :2] >= -1e-9) & (turned[:, :2] <= np.array(size_wh) + 1e-9)
    if not (inside.all() and (high > low).all()):
        return None
    degrees = np.where(angle == 0, 90.0, angle)
    heard = np.column_stack(((low + high) / 2 / per, (high - low) / per, degrees))
    numbers = np.column_stack((low, high, degrees)).astype(np.int64).tolist()
    texts = [f"{{<{x1}><{y1}><{x2}><{y2}>|<{t}>}}" for x1, y1, x2, y2, t in numbers]
    return _many.ordered(texts, _many.seen(heard))


def write(shape: PointSet, size_wh: SizeWH) -> Written:
    if shape.kind == "box":
        (x1, y1), (x2, y2) = [
            (nearest(x), nearest(y)) for x, y in scaled(shape.rings[0].points, size_wh, extent(size_wh))
        ]
        (left, top), (right, bottom) = pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))
        return Written((top, left, bottom, right), f"{{<{x1}><{y1}><{x2}><{y2}>}}")
    x, y, w, h, degrees = quarter(shape.rings[0].points)
    check_centre(x, y, size_wh)
    angle = nearest(degrees)
    if angle == 0:
        w, h, angle = h, w, 90
    per_x, per_y = SPAN / size_wh[0], SPAN / size_wh[1]
    x1, y1 = nearest((x - w / 2) * per_x), nearest((y - h / 2) * per_y)
    x2, y2 = nearest((x + w / 2) * per_x), nearest((y + h / 2) * per_y)
    if x1 == x2 or y1 == y2:
        raise CannotSay("collapsed", f"a rotated box of {w:.3g}x{h:.3g} px has no area in whole percents")
    (left, top), (right, bottom) = pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))
    said = Turned((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle)
    return Written(place(said), f"{{<{x1}><{y1}><{x2}><{y2}>|<{angle}>}}")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    """A rectangle that lost its area to the rounding is heard as what it is; its pen will not write it again."""
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="{<x1><y1><x2><y2>|<t>}")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    x1, y1, x2, y2, *angle = said
    check_kind("rbox" if angle else "box", kinds, body, at)
    check_corners(x1, y1, x2, y2, body, at)
    if not angle:
        check_range((x1, y1, x2, y2), 0, SPAN, body, at)
        return PointSet("box", (Ring(pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))),))
    return unturned(said, size_wh, body, at)


def unturned(said: list[float], size_wh: SizeWH, body: str, at: int) -> PointSet:
    """The rotated box of x1, y1, x2, y2 before the rotation and degrees clockwise; raises BadAnswer out_of_range."""
    x1, y1, x2, y2, angle = said
    check_range(((x1 + x2) / 2, (y1 + y2) / 2), 0, SPAN, body, at)
    check_range((x1, y1, x2, y2), -FURTHEST, FURTHEST, body, at)
    if not 0 <= angle <= 90:
        raise BadAnswer("out_of_range", body, at=at, expected="an angle in 0..90")
    (left, top), (right, bottom) = pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))
    return rbox(corners(Turned((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle)))


DIALECT = Dialect(
    title="GeoChat",
    source="arXiv:2311.15826 section 4; numbers as measured on 10,571 published boxes",
    kinds=SAYS,
    frame="the view; the two corners of the rectangle before its rotation about its centre",
    span="0 to 100 on each axis, beyond it where the unturned rectangle leaves the view",
    rounding="to whole percents; the publisher's rounding is unpublished, ours is to the nearest, halves up",
    corner_order="left top, right bottom, before the rotation",
    angle="whole degrees clockwise on the screen, 0 to 90 (minAreaRect of OpenCV 4.5.1), in pixel space",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "GeoChat-Bench referring, '3 airplanes at the right', as re-coded in hiyamdebary/EarthDial results",
            "{<96><48><102><55>|<59>}{<91><39><97><47>|<57>}{<84><31><91><38>|<58>}",
            (100, 100),
            (
                Spoken(rbox(((100.455, 47.1259), (103.5452, 52.2689), (97.545, 55.8741), (94.4548, 50.7311)))),
                Spoken(rbox(((95.7208, 38.3054), (98.9886, 43.3375), (92.2792, 47.6946), (89.0114, 42.6625)))),
                Spoken(rbox(((88.6134, 29.6771), (92.3229, 35.6134), (86.3866, 39.3229), (82.6771, 33.3866)))),
            ),
        ),
        Example(
            "GeoChat's answers join boxes with <delim>, mbzuai-oryx/GeoChat geochat_demo.py",
            "{<25><84><33><88>|<90>}<delim>{<34><84><43><88>|<90>}",
            (200, 100),
            (
                Spoken(rbox(((60, 78), (60, 94), (56, 94), (56, 78)))),
                Spoken(rbox(((79, 77), (79, 95), (75, 95), (75, 77)))),
            ),
        ),
        Example(
            "the upright box of a drawn region, mbzuai-oryx/GeoChat geochat_demo.py, mask2bbox",
            "{<10><20><30><40>}",
            (200, 100),
            (Spoken(box(20, 20, 60, 40)),),
        ),
    ),
)
