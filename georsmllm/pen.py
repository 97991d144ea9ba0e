"""Shapes drawn on a picture: outlines with a dark edge, translucent areas, dots, and tags that hide little.

Frame: pixels of the picture. All pictures of this software are drawn by this pen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.geometry import bounds, clip
from georsmllm.placing import TAG_PX, Box, place
from georsmllm.types import Point, PointSet, Ring

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

# Bright, apart in hue and legible on vegetation, water and concrete alike; assigned in the order of the labels.
PALETTE = (
    "#ffb000", "#38bdf8", "#f472b6", "#a3e635", "#c084fc", "#fb7185", "#2dd4bf", "#facc15", "#818cf8", "#fb923c",
    "#4ade80", "#e879f9", "#22d3ee", "#fca5a5", "#bef264", "#93c5fd",
)  # fmt: skip
PAPER, INK, FAINT, RED = "#14181d", "#e8eaed", "#9aa3ad", "#ff5c5c"
SMALL_PX = 24
"""Of objects drawn smaller, lines are thinner and tags are numbers."""

_EDGE = "#000000a0"
_GROUND = "#101418"
_SMOOTH = 3  # shapes are drawn this many times larger and shrunk, because Pillow's lines are jagged
_SMOOTH_PIXELS = 40_000_000
_DASH_PX = 7
_ROOMY_PX = 60  # the order of keypoints is written into objects of at least this side


class Stroke(NamedTuple):
    """A shape in pixels of the picture. tag: words beside it, "" for none. fill: how far its area is covered, 0 to 1."""

    shape: PointSet
    colour: str
    tag: str = ""
    dashed: bool = False
    fill: float = 0.0


def colours(labels: Iterable[str]) -> dict[str, str]:
    """One colour a label, by its place in alphabetical order."""
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(sorted(set(labels)))}


def scaled(shape: PointSet, scale_xy: tuple[float, float], corner: Point = (0.0, 0.0)) -> PointSet:
    """The shape in pixels of a picture that shows its image from a corner on, so much enlarged."""

    def moved(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(((x - corner[0]) * scale_xy[0], (y - corner[1]) * scale_xy[1]) for x, y in points)

    rings = tuple(Ring(moved(ring.points), ring.sign) for ring in shape.rings)
    return PointSet(shape.kind, rings, moved(shape.keypoints))


def side(shape: PointSet) -> float:
    """The shorter side of a shape's bounds; a point is drawn as large as it needs."""
    x1, y1, x2, y2 = bounds(shape)
    return math.inf if shape.kind == "point" else min(x2 - x1, y2 - y1)


def drawn(panel: Image.Image, strokes: Sequence[Stroke]) -> Image.Image:
    """The picture with the strokes on it, in their order, their tags above all of them."""
    from PIL import Image, ImageDraw

    out = panel.convert("RGBA")
    for stroke in strokes:
        if stroke.fill:
            _fill(out, stroke)
    smooth = next((n for n in (_SMOOTH, 2) if panel.width * panel.height * n * n <= _SMOOTH_PIXELS), 1)
    layer = Image.new("RGBA", (panel.width * smooth, panel.height * smooth))
    pen = ImageDraw.Draw(layer)
    for stroke in strokes:
        for colour, extra in ((_EDGE, 2.0), (stroke.colour, 0.0)):  # a dark edge, so it shows on any ground
            _outline(pen, stroke, colour, extra, smooth)
    out = Image.alpha_composite(out, layer.resize(panel.size, Image.Resampling.LANCZOS)).convert("RGB")
    _write_tags(out, strokes)
    return out


def _write_tags(out: Image.Image, strokes: Sequence[Stroke]) -> None:
    from PIL import ImageDraw

    written = ImageDraw.Draw(out)
    boxes = [_room(stroke.shape) for stroke in strokes]
    taken: list[Box] = []
    for stroke, box in zip(strokes, boxes, strict=True):
        seen = clip(stroke.shape, (0, 0, *out.size)).shape if stroke.tag else None
        if seen is not None:
            width = written.textlength(stroke.tag, font=font(13)) + 7
            at = _handle(seen, _room(seen))
            taken.append(place(at, (width, TAG_PX), out.size, taken=taken, boxes=boxes))
            _tag(written, stroke, taken[-1])
        if min(box[2] - box[0], box[3] - box[1]) >= _ROOMY_PX:
            _orders(written, stroke)


def _room(shape: PointSet) -> Box:
    """What a shape takes of the picture; a point is a dot."""
    x1, y1, x2, y2 = bounds(shape)
    return (x1 - 6, y1 - 6, x2 + 6, y2 + 6) if shape.kind == "point" else (x1, y1, x2, y2)


def _handle(shape: PointSet, box: Box) -> Box:
    """Where a tag may hang: at the box of a shape, at the top of a large turned one, whose box may be empty there."""
    if shape.kind not in ("polygon", "rbox") or min(box[2] - box[0], box[3] - box[1]) < _ROOMY_PX:
        return box
    x, y = min((point for ring in shape.rings for point in ring.points), key=lambda point: (point[1], point[0]))
    return x, y, x + 1, y + 1


def _fill(out: Image.Image, stroke: Stroke) -> None:
    """The area in its colour, holes left open, through a mask of its own bounds."""
    from PIL import Image, ImageDraw

    x1, y1, x2, y2 = bounds(stroke.shape)
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    width, height = min(out.width, math.ceil(x2)) - left, min(out.height, math.ceil(y2)) - top
    if width < 1 or height < 1 or stroke.shape.kind == "point":
        return
    smooth = _SMOOTH if width * height * _SMOOTH**2 <= _SMOOTH_PIXELS else 1
    area = Image.new("L", (width * smooth, height * smooth))
    pen = ImageDraw.Draw(area)
    for ring in _rings(stroke.shape):
        points = [((x - left) * smooth, (y - top) * smooth) for x, y in ring.points]
        pen.polygon(points, fill=0 if ring.sign == "-" else round(255 * stroke.fill))
    area = area.resize((width, height), Image.Resampling.BOX)
    out.paste(Image.new("RGBA", (width, height), stroke.colour), (left, top), area)


def _outline(pen: ImageDraw.ImageDraw, stroke: Stroke, colour: str, extra: float, smooth: int) -> None:
    shape = stroke.shape
    across = side(shape)
    width = max(1, round(((2.2 if across >= SMALL_PX else 1.4) + extra) * smooth))
    radius = min(4.0, max(1.6, across / 12))
    for ring in _rings(shape):
        points = [(x * smooth, y * smooth) for x, y in ring.points]
        if len(points) == 1:
            _dot(pen, points[0], (5 + extra / 2) * smooth, colour)
        elif stroke.dashed or (ring.sign == "-" and not stroke.fill):
            _dashes(pen, [*points, points[0]], colour, width, smooth)
        else:
            pen.line([*points, points[0], points[1]], fill=colour, width=width, joint="curve")
    for x, y in shape.keypoints:
        _dot(pen, (x * smooth, y * smooth), (radius + extra / 2) * smooth, colour)


def _rings(shape: PointSet) -> Sequence[Ring]:
    if shape.kind != "box":
        return shape.rings
    x1, y1, x2, y2 = bounds(shape)
    return (Ring(((x1, y1), (x2, y1), (x2, y2), (x1, y2))),)


def _dot(pen: ImageDraw.ImageDraw, centre: Point, radius: float, colour: str) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _dashes(pen: ImageDraw.ImageDraw, points: list[Point], colour: str, width: int, smooth: int) -> None:
    """A dashed line whose dashes run on round the corners."""
    dash = _DASH_PX * smooth
    walked = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        for k in range(math.floor(walked / dash), math.ceil((walked + length) / dash)):
            a, b = max(0.0, k * dash - walked), min(length, (k + 1) * dash - walked)
            if k % 2 == 0 and b > a:
                a, b = a / length, b / length
                ends = (x0 + (x1 - x0) * a, y0 + (y1 - y0) * a, x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)
                pen.line(ends, fill=colour, width=width)
        walked += length


def _tag(pen: ImageDraw.ImageDraw, stroke: Stroke, at: Box) -> None:
    x1, y1, x2, y2 = at
    pen.rectangle((x1, y1, x2, y2), fill=_GROUND)
    pen.text((x1 + 3, (y1 + y2) / 2), stroke.tag, fill=stroke.colour, font=font(13), anchor="lm")


def _orders(pen: ImageDraw.ImageDraw, stroke: Stroke) -> None:
    """The order numbers of a shape's keypoints."""
    for n, (x, y) in enumerate(stroke.shape.keypoints, start=1):
        pen.text(
            (x + 7, y), str(n), fill=stroke.colour, font=font(12), anchor="lm", stroke_width=2, stroke_fill=_GROUND
        )


def runs(numbers: Iterable[int]) -> str:
    """Numbers in order, neighbours drawn together: "1-3, 5"."""
    found: list[list[int]] = []
    for n in numbers:
        if found and found[-1][1] == n - 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
