"""A record as one picture: its images side by side, every shape of its texts drawn on them, the texts below."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import images
from georsmllm.hearing import Heard, Object, answer, hear, prompt
from georsmllm.images import BadImage
from georsmllm.pen import FAINT, INK, PALETTE, PAPER, RED, SMALL_PX, Stroke, colours, drawn, font, runs, scaled, side
from georsmllm.types import Record

if TYPE_CHECKING:
    from PIL import Image

ASKED = "#ffffff"
"""Colour of shapes that stand in the question."""

_SIDE_PX = 960
_GAP_PX, _MARGIN_PX = 12, 16
_MANY = 8
"""Of more objects, or where one is drawn smaller, only numbers stand in the picture, and their labels below it."""

_TEXT_LINES = 12


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
    picture = Image.new("RGB", (width, height + caption.height), PAPER)
    left = 0
    for panel in panels:
        picture.paste(panel, (left, 0))
        left += panel.width + _GAP_PX
    picture.paste(caption, (0, height))
    return picture


def _is_crowded(record: Record, objects: tuple[Object, ...]) -> bool:
    views = record.provenance.views
    sides = (side(o.shape) * _SIDE_PX / max(views[o.image].width, views[o.image].height, 1) for o in objects)
    return len(objects) > _MANY or min(sides, default=math.inf) < SMALL_PX


def _shapes(asked: Heard, answered: Heard, image: int, colour_of: dict[str, str], *, crowded: bool) -> list[Stroke]:
    def tag(objects: tuple[Object, ...], n: int) -> str:
        name = objects[n].label or "object"
        return f"{n + 1}" if crowded else f"{name} {n + 1}" if len(objects) > 1 else name

    strokes = [Stroke(o.shape, ASKED, "asked", True) for o in asked.objects if o.image == image]
    return strokes + [
        Stroke(o.shape, colour_of.get(o.label, PALETTE[0]), tag(answered.objects, n), False)
        for n, o in enumerate(answered.objects)
        if o.image == image
    ]


def _legend(objects: tuple[Object, ...], colour_of: dict[str, str]) -> list[tuple[str, str]]:
    """(colour, text) of each label, with the numbers of its objects: "1-3, 5: ship"."""
    numbers: dict[str, list[int]] = {}
    for n, o in enumerate(objects, start=1):
        numbers.setdefault(o.label, []).append(n)
    return [
        (colour_of.get(label, PALETTE[0]), f"{runs(found)}: {label or 'object'}") for label, found in numbers.items()
    ]


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


def _drawn(panel: Image.Image, record: Record, index: int, strokes: list[Stroke]) -> Image.Image:
    if index >= len(record.provenance.views):
        return panel
    view = record.provenance.views[index]
    scale_xy = panel.width / view.width, panel.height / view.height
    return drawn(panel, [stroke._replace(shape=scaled(stroke.shape, scale_xy)) for stroke in strokes])


def _caption(record: Record, troubles: list[str], legend: list[tuple[str, str]], width: int) -> Image.Image:
    from PIL import Image, ImageDraw

    lines: list[tuple[str, str]] = []
    for colour, text in (
        *legend,
        (FAINT, record.id),
        (INK, prompt(record).replace("<image>\n", "")),
        (PALETTE[0], answer(record)),
        *((RED, trouble) for trouble in troubles),
    ):
        lines.extend((colour, line) for line in _wrapped(text, width))
    caption = Image.new("RGB", (width, 22 * len(lines) + 2 * _MARGIN_PX), PAPER)
    pen = ImageDraw.Draw(caption)
    for n, (colour, line) in enumerate(lines):
        pen.text((_MARGIN_PX, _MARGIN_PX + 22 * n), line, fill=colour, font=font(15))
    return caption


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that fit the width; a text of many lines says how much of it is not shown."""
    columns = max(20, (width - 2 * _MARGIN_PX) // 8)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, columns) or [""]]
    if len(lines) <= _TEXT_LINES:
        return lines
    shown = lines[:_TEXT_LINES]
    return [*shown, f"... and {len(text) - sum(map(len, shown))} more characters"]
