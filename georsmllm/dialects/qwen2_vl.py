"""Qwen2-VL: `<|object_ref_start|>label<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`, 0 to 1000 of the view.

Four points stand between `<|quad_start|>` and `<|quad_end|>`. Several boxes may follow one label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm import pointtext
from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer
from georsmllm.types import KINDS, Kind, PointSet, Ring, box

from ._ear import NONE, check_corners, check_kind, check_range, found, items, numbers, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, check_labels, joined, speakable, written

SPAN = pointtext.N
SAYS: tuple[Kind, ...] = ("box", "rbox")

_REF = r"<\|object_ref_start\|>(?P<label>[^<>\n]{0,200})<\|object_ref_end\|>"
_POINT = r"\([0-9]{1,6},[0-9]{1,6}\)"
_ITEM = re.compile(
    rf"(?:{_REF})?(?:<\|box_start\|>(?P<box>{_POINT},{_POINT})<\|box_end\|>"
    rf"|<\|quad_start\|>(?P<quad>{_POINT}(?:,{_POINT}){{3}})<\|quad_end\|>)"
)
_BETWEEN = re.compile(r"(?=<\|)")
_ANY = r"<\|(?:object_ref|box|quad)_(?:start|end)\|>"
_STRETCH = stretch(rf"(?:{_REF})?{_ANY}[-0-9(),. ]*+(?>(?:{_ANY}(?:[^<>\n]{{0,200}}(?={_ANY}))?)*)")

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    check_labels(objects)
    return joined(written(objects, limits, lambda one: _write(one, size_wh), kinds=SAYS))


def _write(spoken: Spoken, size_wh: SizeWH) -> Written:
    """The grid is that of our own point text, and so is the order of corners."""
    points = pointtext.canonical(spoken.shape, size_wh).rings[0].points
    what = "box" if spoken.shape.kind == "box" else "quad"
    label = f"<|object_ref_start|>{speakable(spoken.label)}<|object_ref_end|>" if spoken.label else ""
    said = ",".join(f"({x},{y})" for x, y in points)
    return Written(tuple(v for x, y in points for v in (y, x)), f"{label}<|{what}_start|>{said}<|{what}_end|>")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    heard: list[Spoken] = []
    label = ""
    for match in items(body, _ITEM, _BETWEEN, expected="<|box_start|>(x1,y1),(x2,y2)<|box_end|>"):
        label = label if match["label"] is None else match["label"].strip()
        heard.append(Spoken(_shape(match, size_wh, kinds, body), label))
    return tuple(heard)


def _shape(match: re.Match[str], size_wh: SizeWH, kinds: Sequence[Kind], body: str) -> PointSet:
    said, at = numbers(match["box"] or match["quad"]), match.start()
    kind: Kind = "box" if match["box"] else "rbox"
    check_kind(kind, kinds, body, at)
    check_range(said, 0, SPAN, body, at)
    points = tuple(zip(said[::2], said[1::2], strict=True))
    if kind == "box":
        x1, y1, x2, y2 = said
        check_corners(x1, y1, x2, y2, body, at)
    elif len(set(points)) < 4:
        raise BadAnswer("collapsed_ring", body, at=at, expected="four distinct corners")
    return PointSet(kind, (Ring(pixels(points, size_wh, extent(size_wh))),))


DIALECT = Dialect(
    title="Qwen2-VL",
    source="arXiv:2409.12191 section 2.2; QwenLM/Qwen3-VL qwen-vl-finetune/tools/process_bbox.ipynb",
    kinds=SAYS,
    frame="the view",
    span="0 to 1000 on each axis",
    rounding="to the nearest",
    corner_order="min corner, max corner; of quads clockwise on screen from the corner with the least x + y",
    angle="none: rotated boxes are four corners",
    is_labelled=True,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "process_bbox.ipynb: [146, 137, 615, 415] of a 640 x 428 px image becomes [228, 320, 961, 970]",
            "<|object_ref_start|>bowl of carrots<|object_ref_end|><|box_start|>(228,320),(961,970)<|box_end|>",
            (640, 428),
            (Spoken(box(145.92, 136.96, 615.04, 415.16), "bowl of carrots"),),
        ),
        Example(
            "two boxes behind one label, as published models answer",
            "<|object_ref_start|>birch tree<|object_ref_end|><|box_start|>(530,351),(602,516)<|box_end|>"
            "<|box_start|>(176,106),(232,160)<|box_end|>",
            (1000, 1000),
            (Spoken(box(530, 351, 602, 516), "birch tree"), Spoken(box(176, 106, 232, 160), "birch tree")),
        ),
    ),
)
