"""Falcon: `<box><x1><y1><x2><y2></box>`, `<quad>` with four corners, `<poly>` with any number, 0 to 1000 of the view.

Parts of one polygon are joined by `<sep>`; the form has no holes. Published questions have 1000 at the far border; the
publisher's reader of polygons adds half a bin to every number, its readers of boxes do not: neither do we.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from georsmllm import pointtext
from georsmllm.contracts import Dialect, Example, Limits, SizeWH, Spoken
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, Point, PointSet, Ring, Sign, box, polygon, rbox

from ._ear import NONE, check_corners, check_kind, check_range, found, items, numbers, pixels, stretch
from ._frames import cells, relative
from ._pen import Written, joined, written

SPAN = pointtext.N
SAYS: tuple[Kind, ...] = ("box", "rbox", "polygon")

_NAMES: dict[Kind, str] = {"box": "box", "rbox": "quad", "polygon": "poly"}
_PAIR = "(?:<[0-9]{1,6}>){2}"
_ITEM = re.compile(
    rf"<box>(?P<box>(?:{_PAIR}){{2}})</box>|<quad>(?P<rbox>(?:{_PAIR}){{4}})</quad>"
    rf"|<poly>(?P<polygon>(?>(?:{_PAIR})+)(?>(?:<sep>(?>(?:{_PAIR})+))*))</poly>"
)
_BETWEEN = re.compile(r"(?=<)")
_STRETCH = stretch(r"<(?:box|quad|poly)>(?>(?:<sep>|</?(?:box|quad|poly)>|<-?[0-9][0-9.]*+>?)*)")

extent = relative(SPAN)


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return joined(written(objects, limits, lambda one: _write(one.shape, size_wh), kinds=SAYS))


def _write(shape: PointSet, size_wh: SizeWH) -> Written:
    """The grid is that of our own point text, and so is the order of corners, vertices and parts."""
    if any(ring.sign == "-" for ring in shape.rings):
        raise CannotSay("not_in_dialect", "the form has no holes")
    rings = [ring.points for ring in pointtext.canonical(shape, size_wh).rings]
    text = "<sep>".join("".join(f"<{x}><{y}>" for x, y in ring) for ring in rings)
    name = _NAMES[shape.kind]
    xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
    return Written((min(ys), min(xs), max(ys), max(xs)), f"<{name}>{text}</{name}>")


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    body = text.strip()
    if body == NONE:
        return ()
    matches = items(body, _ITEM, _BETWEEN, expected="<box>, <quad> or <poly> with its numbers")
    return tuple(Spoken(_shape(match, size_wh, kinds, body)) for match in matches)


def _shape(match: re.Match[str], size_wh: SizeWH, kinds: Sequence[Kind], body: str) -> PointSet:
    at = match.start()
    kind: Kind = "box" if match["box"] else "rbox" if match["rbox"] else "polygon"
    check_kind(kind, kinds, body, at)
    rings = [_points(part, body, at) for part in match[kind].split("<sep>")]
    if kind == "box":
        (x1, y1), (x2, y2) = rings[0]
        check_corners(x1, y1, x2, y2, body, at)
    elif any(len(set(ring)) < (4 if kind == "rbox" else 3) for ring in rings):
        raise BadAnswer("collapsed_ring", body, at=at, expected="distinct corners")
    sign: Sign = "+"
    return PointSet(kind, tuple(Ring(pixels(ring, size_wh, extent(size_wh)), sign) for ring in rings))


def _points(part: str, body: str, at: int) -> tuple[Point, ...]:
    said = numbers(part)
    check_range(said, 0, SPAN, body, at)
    return tuple(zip(said[::2], said[1::2], strict=True))


# fmt: off
_FIELD = Ring(
    (
        (1000, 0), (488, 0), (465, 221), (443, 279), (696, 258), (704, 373), (772, 343), (809, 397), (631, 489), (741, 704),
        (1000, 682), (1000, 585), (965, 589), (959, 509), (961, 471), (1000, 413),
    )
)
# fmt: on

DIALECT = Dialect(
    title="Falcon",
    source="TianHuiLab/Falcon README.md and inference.py (arXiv:2503.11070)",
    kinds=SAYS,
    frame="the view",
    span="0 to 1000 on each axis",
    rounding="the publisher's is unpublished (its readers have 1000 bins), ours is to the nearest of 1001 lines",
    corner_order="min corner, max corner; others clockwise on screen from the least x + y, where the publisher has no rule",
    angle="none: rotated boxes are four corners",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=partial(found, _STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "README.md, Region Classification-HBB",
            "<box><855><297><891><355></box>",
            (800, 800),
            (Spoken(box(684, 237.6, 712.8, 284)),),
        ),
        Example(
            "README.md, Region Classification-OBB",
            "<quad><703><420><703><292><571><292><571><420></quad>",
            (1000, 1000),
            (Spoken(rbox(((703, 420), (703, 292), (571, 292), (571, 420)))),),
        ),
        Example(
            "README.md, Pixel Classification",
            "<poly><1000><0><488><0><465><221><443><279><696><258><704><373><772><343><809><397><631><489><741><704>"
            "<1000><682><1000><585><965><589><959><509><961><471><1000><413></poly>",
            (1000, 1000),
            (Spoken(polygon(_FIELD)),),
        ),
    ),
)
