"""A record as one picture: its images side by side, every shape of its texts drawn on them, the texts below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from georsmllm import images
from georsmllm.geometry import bounds
from georsmllm.hearing import Heard, Object, answer, hear, prompt
from georsmllm.images import BadImage
from georsmllm.placing import TAG_PX, Box, place
from georsmllm.types import Point, PointSet, Record

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

# Bright, apart in hue and legible on vegetation, water and concrete alike; assigned in the order of the labels.
PALETTE = (
    "#ffb000", "#38bdf8", "#f472b6", "#a3e635", "#c084fc", "#fb7185", "#2dd4bf", "#facc15", "#818cf8", "#fb923c",
    "#4ade80", "#e879f9", "#22d3ee", "#fca5a5", "#bef264", "#93c5fd",
)  # fmt: skip
ASKED = "#ffffff"
"""Colour of shapes that stand in the question."""

_PAPER, _INK, _FAINT, _RED = "#14181d", "#e8eaed", "#9aa3ad", "#ff5c5c"
_SIDE_PX = 960
_SMOOTH = 3  # shapes are drawn this many times larger and shrunk, because Pillow's lines are jagged
_GAP_PX, _MARGIN_PX = 12, 16
_DASH_PX = 7
_MANY = 8
_SMALL_PX = 24
"""Of more objects, or where one is drawn smaller, only numbers stand in the picture, and their labels below it."""

_ROOMY_PX = 60  # the order of keypoints is written into objects of at least this side
_TEXT_LINES = 12


def colours(labels: Iterable[str]) -> dict[str, str]:
    """One colour a label, by its place in alphabetical order."""
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(sorted(set(labels)))}


def draw(record: Record, folder: Path) -> Image.Image:
    """The picture of a record of the set in `folder`; whatever cannot be drawn is said in red, with its reason."""
    from PIL import Image

    asked, answered = hear(record, "prompt"), hear(record, "answer")
    colour_of = colours([*record.provenance.labels, *(o.label for o in answered.objects)])
    crowded = _is_crowded(record, answered.objects)
    troubles = [
        f"{where}: {t.message}" for where, heard in (("prompt", asked), ("answer", answered)) for t in heard.troubles
    ]
    panels = []
    for index in range(len(record.images)):
        panel, trouble = _panel(record, folder, index)
        troubles.extend(trouble)
        panels.append(_drawn(panel, record, index, _shapes(asked, answered, index, colour_of, crowded=crowded)))
    width = max(sum(panel.width for panel in panels) + _GAP_PX * (len(panels) - 1), _SIDE_PX // 2)
    caption = _caption(record, troubles, _legend(answered.objects, colour_of) if crowded else [], width)
    height = max((panel.height for panel in panels), default=0)
    picture = Image.new("RGB", (width, height + caption.height), _PAPER)
    left = 0
    for panel in panels:
        picture.paste(panel, (left, 0))
        left += panel.width + _GAP_PX
    picture.paste(caption, (0, height))
    return picture


class _Stroke(NamedTuple):
    shape: PointSet
    colour: str
    tag: str
    dashed: bool


def _is_crowded(record: Record, objects: tuple[Object, ...]) -> bool:
    views = record.provenance.views
    sides = (_side(o.shape) * _SIDE_PX / max(views[o.image].width, views[o.image].height, 1) for o in objects)
    return len(objects) > _MANY or min(sides, default=math.inf) < _SMALL_PX


def _side(shape: PointSet) -> float:
    """The shorter side of a shape's bounds; a point is drawn as large as it needs."""
    x1, y1, x2, y2 = bounds(shape)
    return math.inf if shape.kind == "point" else min(x2 - x1, y2 - y1)


def _shapes(asked: Heard, answered: Heard, image: int, colour_of: dict[str, str], *, crowded: bool) -> list[_Stroke]:
    def tag(objects: tuple[Object, ...], n: int) -> str:
        name = objects[n].label or "object"
        return f"{n + 1}" if crowded else f"{name} {n + 1}" if len(objects) > 1 else name

    strokes = [_Stroke(o.shape, ASKED, "asked", True) for o in asked.objects if o.image == image]
    return strokes + [
        _Stroke(o.shape, colour_of.get(o.label, PALETTE[0]), tag(answered.objects, n), False)
        for n, o in enumerate(answered.objects)
        if o.image == image
    ]


def _legend(objects: tuple[Object, ...], colour_of: dict[str, str]) -> list[tuple[str, str]]:
    """(colour, text) of each label, with the numbers of its objects: "1-3, 5: ship"."""
    numbers: dict[str, list[int]] = {}
    for n, o in enumerate(objects, start=1):
        numbers.setdefault(o.label, []).append(n)
    return [
        (colour_of.get(label, PALETTE[0]), f"{_runs(found)}: {label or 'object'}") for label, found in numbers.items()
    ]


def _runs(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for n in numbers:
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _panel(record: Record, folder: Path, index: int) -> tuple[Image.Image, list[str]]:
    """The image at the size it is shown in, and what is wrong with it."""
    from PIL import Image

    path = record.images[index]
    troubles = []
    try:
        picture = Image.fromarray(images.read_rgb(folder / path))
    except BadImage as bad:
        troubles.append(f"image {path}: {bad.message}")
        picture = Image.new("RGB", (_SIDE_PX, _SIDE_PX), "#401818")
    else:
        views = record.provenance.views
        if index < len(views) and picture.size != (views[index].width, views[index].height):
            came = f"{picture.width}x{picture.height}"
            troubles.append(f"image {path}: {came} pixels, its view says {views[index].width}x{views[index].height}")
    scale = _SIDE_PX / max(picture.size)
    shown = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(shown, Image.Resampling.NEAREST if scale > 4 else Image.Resampling.LANCZOS), troubles


def _drawn(panel: Image.Image, record: Record, index: int, strokes: list[_Stroke]) -> Image.Image:
    from PIL import Image, ImageDraw

    if index >= len(record.provenance.views):
        return panel
    view = record.provenance.views[index]
    scale_x, scale_y = panel.width / view.width, panel.height / view.height
    layer = Image.new("RGBA", (panel.width * _SMOOTH, panel.height * _SMOOTH))
    pen = ImageDraw.Draw(layer)
    for stroke in strokes:
        for pass_colour, extra in (("#000000a0", 2.0), (stroke.colour, 0.0)):  # a dark edge, so it shows on any ground
            _outline(pen, stroke, pass_colour, extra, (scale_x * _SMOOTH, scale_y * _SMOOTH))
    smooth = layer.resize(panel.size, Image.Resampling.LANCZOS)
    out = Image.alpha_composite(panel.convert("RGBA"), smooth).convert("RGB")
    written = ImageDraw.Draw(out)
    boxes = [_scaled(bounds(stroke.shape), (scale_x, scale_y)) for stroke in strokes]
    taken: list[Box] = []
    for stroke, box in zip(strokes, boxes, strict=True):
        width = written.textlength(stroke.tag, font=_font(13)) + 7
        taken.append(place(box, (width, TAG_PX), out.size, taken=taken, boxes=boxes))
        _tag(written, stroke, taken[-1])
        if min(box[2] - box[0], box[3] - box[1]) >= _ROOMY_PX:
            _orders(written, stroke, (scale_x, scale_y))
    return out


def _outline(
    pen: ImageDraw.ImageDraw, stroke: _Stroke, colour: str, extra: float, scale_xy: tuple[float, float]
) -> None:
    shape = stroke.shape
    side = _side(shape) * min(scale_xy) / _SMOOTH
    width = round(((2.2 if side >= _SMALL_PX else 1.4) + extra) * _SMOOTH)
    radius = min(4.0, max(1.6, side / 12))
    for ring in _rings(shape):
        points = [(x * scale_xy[0], y * scale_xy[1]) for x, y in ring.points]
        if len(points) == 1:
            _dot(pen, points[0], (5 + extra / 2) * _SMOOTH, colour)
        elif stroke.dashed or ring.sign == "-":
            _dashes(pen, [*points, points[0]], colour, width)
        else:
            pen.line([*points, points[0], points[1]], fill=colour, width=width, joint="curve")
    for x, y in shape.keypoints:
        _dot(pen, (x * scale_xy[0], y * scale_xy[1]), (radius + extra / 2) * _SMOOTH, colour)


class _Line(NamedTuple):
    points: tuple[Point, ...]
    sign: str


def _rings(shape: PointSet) -> list[_Line]:
    if shape.kind != "box":
        return [_Line(ring.points, ring.sign) for ring in shape.rings]
    x1, y1, x2, y2 = bounds(shape)
    return [_Line(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), "+")]


def _dot(pen: ImageDraw.ImageDraw, centre: Point, radius: float, colour: str) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _dashes(pen: ImageDraw.ImageDraw, points: list[Point], colour: str, width: int) -> None:
    """A dashed line whose dashes run on round the corners."""
    dash = _DASH_PX * _SMOOTH
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


def _scaled(box: Box, scale_xy: tuple[float, float]) -> Box:
    return box[0] * scale_xy[0], box[1] * scale_xy[1], box[2] * scale_xy[0], box[3] * scale_xy[1]


def _tag(pen: ImageDraw.ImageDraw, stroke: _Stroke, at: Box) -> None:
    x1, y1, x2, y2 = at
    pen.rectangle((x1, y1, x2, y2), fill="#101418")
    pen.text((x1 + 3, (y1 + y2) / 2), stroke.tag, fill=stroke.colour, font=_font(13), anchor="lm")


def _orders(pen: ImageDraw.ImageDraw, stroke: _Stroke, scale_xy: tuple[float, float]) -> None:
    """The order numbers of a shape's keypoints."""
    for n, (kx, ky) in enumerate(stroke.shape.keypoints, start=1):
        at = (kx * scale_xy[0] + 7, ky * scale_xy[1])
        pen.text(at, str(n), fill=stroke.colour, font=_font(12), anchor="lm", stroke_width=2, stroke_fill="#101418")


def _caption(record: Record, troubles: list[str], legend: list[tuple[str, str]], width: int) -> Image.Image:
    from PIL import Image, ImageDraw

    lines: list[tuple[str, str]] = []
    for colour, text in (
        *legend,
        (_FAINT, record.id),
        (_INK, prompt(record).replace("<image>\n", "")),
        (PALETTE[0], answer(record)),
        *((_RED, trouble) for trouble in troubles),
    ):
        lines.extend((colour, line) for line in _wrapped(text, width))
    caption = Image.new("RGB", (width, 22 * len(lines) + 2 * _MARGIN_PX), _PAPER)
    pen = ImageDraw.Draw(caption)
    for n, (colour, line) in enumerate(lines):
        pen.text((_MARGIN_PX, _MARGIN_PX + 22 * n), line, fill=colour, font=_font(15))
    return caption


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that fit the width; a text of many lines says how much of it is not shown."""
    columns = max(20, (width - 2 * _MARGIN_PX) // 8)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, columns) or [""]]
    if len(lines) <= _TEXT_LINES:
        return lines
    shown = lines[:_TEXT_LINES]
    return [*shown, f"... and {len(text) - sum(map(len, shown))} more characters"]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
