"""EarthDial: `[[x1, y1, x2, y2, t]]`, one after another, in `<box>...</box>` where a question points at a region.

The numbers are GeoChat's: whole percents of the rectangle before its rotation by t degrees clockwise, t in 1..90; an upright
box has t = 0. Phrases stand in `<ref>...</ref>` among the words. Models also answer `[[...], [...]]`. The publisher's
scorer turns by -t and loses minus signs: not repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.types import KINDS, Kind, PointSet, Ring, box, rbox

from . import geochat
from ._ear import NONE, check_corners, check_kind, check_range, found, items, numbers, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, joined, written

SPAN = geochat.SPAN
SAYS: tuple[Kind, ...] = ("box", "rbox")

_ITEM = re.compile(r"\[?\[(?:-?[0-9]{1,5}, ?){4}-?[0-9]{1,3}\]\]?")
_BETWEEN = re.compile(r"(?:, ?)?(?=\[)")
_LIST = r"\[\[?-?[0-9][-0-9., ]*+\]{0,2}"
_STRETCH = stretch(rf"<box>[-0-9., \[\]]*+(?:</box>)?|\[{_LIST}(?>(?:(?:, ?)?{_LIST})*)")
_OPEN, _CLOSE = "<box>", "</box>"

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return joined(written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS))


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    place, text = geochat.write(shape, size_wh)
    said = [int(number) for number in re.findall("-?[0-9]+", text)]
    return Written(place, f"[{[*said, 0][:5]}]")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    if body.startswith(_OPEN) and body.endswith(_CLOSE):
        body = body[len(_OPEN) : -len(_CLOSE)]
    matches = items(body, _ITEM, _BETWEEN, expected="[[x1, y1, x2, y2, t]]")
    return tuple(Spoken(_shape(numbers(match.group()), size_wh, kinds, body, match.start())) for match in matches)


def _shape(said: list[float], size_wh: SizeWH, kinds: Sequence[Kind], body: str, at: int) -> PointSet:
    """No angle is an upright box, or a rotated one where only those were asked for."""
    x1, y1, x2, y2, angle = said
    is_box = angle == 0 and ("box" in kinds or "rbox" not in kinds)
    check_kind("box" if is_box else "rbox", kinds, body, at)
    check_corners(x1, y1, x2, y2, body, at)
    if not is_box:
        return geochat.unturned(said, size_wh, body, at)
    check_range((x1, y1, x2, y2), 0, SPAN, body, at)
    return PointSet("box", (Ring(pixels(((x1, y1), (x2, y2)), size_wh, extent(size_wh))),))


DIALECT = Dialect(
    title="EarthDial",
    source="hiyamdebary/EarthDial src/earthdial/eval (results and scorers), arXiv:2412.15190",
    kinds=SAYS,
    frame="the view; the two corners of the rectangle before its rotation about its centre",
    span="0 to 100 on each axis, beyond it where the unturned rectangle leaves the view",
    rounding="to whole percents; the publisher's rounding is unpublished, ours is to the nearest, halves up",
    corner_order="left top, right bottom, before the rotation",
    angle="whole degrees clockwise on the screen, 1 to 90 as in GeoChat, 0 for upright boxes, in pixel space",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "eval/rs_change_detection/results/xBD_object_detection.jsonl, caption0",
            "[[31, 30, 37, 37, 0]][[43, 21, 46, 27, 0]]",
            (1000, 1000),
            (Spoken(box(310, 300, 370, 370)), Spoken(box(430, 210, 460, 270))),
        ),
        Example(
            "GeoChat-Bench region captioning as re-coded there: 'describe this object in ...'",
            "<box>[[87, 34, 91, 35, 90]]</box>",
            (100, 100),
            (Spoken(rbox(((88.5, 32.5), (89.5, 32.5), (89.5, 36.5), (88.5, 36.5)))),),
        ),
        Example(
            "an answer in eval/rs_grounding_description/results/NWPU_VHR_10.jsonl joins boxes in one list",
            "[[88, 82, 96, 86, 90], [93, 82, 100, 86, 90]]",
            (100, 100),
            (
                Spoken(rbox(((90, 80), (94, 80), (94, 88), (90, 88)))),
                Spoken(rbox(((94.5, 80.5), (98.5, 80.5), (98.5, 87.5), (94.5, 87.5)))),
            ),
        ),
    ),
)
