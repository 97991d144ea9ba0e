"""SkySenseGPT's FIT-RS: `<rbox>({<cx><cy><w><h>|<t>}, {...})</rbox>`, percents with two decimals, degrees clockwise.

Centre and sides of the rectangle of least area over the width and height of the (512 px) patch, t by the "oc" rule cut to
whole degrees. Regions inside questions use the same braces, also without the tag. "No such object" is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, PointSet, rbox

from . import _many
from ._angles import Turned, corners, place, quarter
from ._ear import check_kind, check_range, found, items, numbers, stretch
from ._frames import cells, relative
from ._pen import NEARLY, Written, check_budget, check_centre, nearest, truncated, written

if TYPE_CHECKING:
    from ._many import Array

SPAN, STEPS = 100, 100
"""Percents of the view, in steps of a hundredth of a percent."""
NOTHING = "I'm sorry, I cannot answer as the given image does not contain any given objects."
SAYS: tuple[Kind, ...] = ("rbox",)

_NUMBER = r"<-?[0-9]{1,5}(?:\.[0-9]{1,4})?>"
_ITEM = re.compile(rf"\{{(?:{_NUMBER}){{4}}\|<-?[0-9]{{1,3}}>\}}")
_BETWEEN = re.compile(r", ?(?=\{)")
_BRACES = r"\{<-?[0-9][-0-9.<>|]*+\}?(?>(?:, ?\{[-0-9.<>|]*+\}?)*)"
_STRETCH = stretch(rf"<rbox>\(?(?>(?:{_BRACES})?)\)?(?:</rbox>)?|{_BRACES}", NOTHING)
_OPEN, _CLOSE = "<rbox>(", ")</rbox>"

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    check_budget(objects, limits)
    quads = _many.quads_of(objects)
    said = None if quads is None else said_quads(quads, size_wh)
    if said is not None:
        return joined([said.texts[i] for i in said.order])
    return joined(written(objects, None, lambda one: _write(one.shape, size_wh), kinds=SAYS))


def joined(said: Sequence[str]) -> str:
    """The objects one after another, or the sentence for nothing."""
    return f"{_OPEN}{', '.join(said)}{_CLOSE}" if said else NOTHING


def said_quads(quads: Array, size_wh: SizeWH) -> _many.Said | None:
    """The text of each of n x 8 corners in px, and the order of an answer; None where there is something to refuse, or a box
    is not convex."""
    turned = _many.quarters(quads)
    if turned is None:
        return None
    import numpy as np

    angle = np.trunc(turned[:, 4] + NEARLY)
    turned[:, 2:4] = np.where((angle == 0)[:, None], turned[:, 3:1:-1], turned[:, 2:4])
    per = np.array([SPAN * STEPS / size_wh[0], SPAN * STEPS / size_wh[1]] * 2)
    steps = _many.nearest(turned[:, :4] * per)
    inside = (turned[:, :2] >= -1e-9) & (turned[:, :2] <= np.array(size_wh) + 1e-9)
    numbers = _numbers()
    if not (inside.all() and (steps[:, 2:] > 0).all() and (steps < len(numbers)).all()):
        return None
    degrees = np.where(angle == 0, 90.0, angle)
    rows = zip(steps.astype(np.int64).tolist(), degrees.astype(np.int64).tolist(), strict=True)
    texts = [f"{{{numbers[x]}{numbers[y]}{numbers[w]}{numbers[h]}|<{t}>}}" for (x, y, w, h), t in rows]
    return _many.ordered(texts, _many.seen(np.column_stack((steps / per, degrees))))


@cache
def _numbers() -> list[str]:
    """Each number of steps that a box in a square view can have, as it is written."""
    return [f"<{steps / STEPS:.2f}>" for steps in range(2 * SPAN * STEPS)]


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    x, y, w, h, degrees = quarter(shape.rings[0].points)
    check_centre(x, y, size_wh)
    angle = truncated(degrees)
    if angle == 0:
        w, h, angle = h, w, 90
    per_x, per_y = SPAN * STEPS / size_wh[0], SPAN * STEPS / size_wh[1]
    cx, cy, wide, high = (nearest(v) for v in (x * per_x, y * per_y, w * per_x, h * per_y))
    if wide == 0 or high == 0:
        raise CannotSay("collapsed", f"a rotated box of {w:.3g}x{h:.3g} px has no area in hundredths of a percent")
    text = "".join(f"<{number / STEPS:.2f}>" for number in (cx, cy, wide, high))
    seen = place(_turned([cx / STEPS, cy / STEPS, wide / STEPS, high / STEPS, angle], size_wh))
    return Written(seen, f"{{{text}|<{angle}>}}")


def _turned(said: Sequence[float], size_wh: SizeWH) -> Turned:
    cx, cy, w, h, angle = said
    per_x, per_y = size_wh[0] / SPAN, size_wh[1] / SPAN
    return Turned(cx * per_x, cy * per_y, w * per_x, h * per_y, angle)


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NOTHING:
        return ()
    if body.startswith("<rbox>"):
        if not (body.startswith(_OPEN) and body.endswith(_CLOSE)):
            raise BadAnswer("syntax", body, at=len(_OPEN), expected="<rbox>({...})</rbox>")
        body = body[len(_OPEN) : -len(_CLOSE)]
    matches = items(body, _ITEM, _BETWEEN, expected="{<cx><cy><w><h>|<t>}")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    cx, cy, w, h, angle = said
    check_kind("rbox", kinds, body, at)
    check_range((cx, cy), 0, SPAN, body, at)
    check_range((w, h), 0, 100 * SPAN, body, at)
    check_range((angle,), 0, 90, body, at)
    return rbox(corners(_turned(said, size_wh)))


DIALECT = Dialect(
    title="SkySenseGPT FIT-RS",
    source="Luo-Z13/SkySenseGPT Tools/process_data_RS_Object_Detection.py (arXiv:2406.10100)",
    kinds=SAYS,
    frame="the view; centre, side along the angle, side across it, and the angle",
    span="0 to 100 on each axis",
    rounding="to two decimals, halves up; the angle is cut to whole degrees",
    corner_order="none: centre and sides",
    angle="whole degrees clockwise on the screen, 0 to 90 (minAreaRect of OpenCV 4.5.1, 'oc'), in pixel space",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent, STEPS),
    extent=extent,
    examples=(
        Example(
            "the form of Tools/process_data_RS_Object_Detection.py on a 512 px patch",
            "<rbox>({<25.00><50.00><12.50><6.25>|<90>}, {<50.00><50.00><20.00><10.00>|<30>})</rbox>",
            (512, 512),
            (
                Spoken(rbox(((144, 224), (144, 288), (112, 288), (112, 224)))),
                Spoken(rbox(((224.4595, 208.2297), (313.1405, 259.4297), (287.5405, 303.7703), (198.8595, 252.5703)))),
            ),
        ),
        Example(
            "NEG_ANSWER1 of the same file",
            "I'm sorry, I cannot answer as the given image does not contain any given objects.",
            (512, 512),
            (),
        ),
    ),
)
