"""The words below a picture: query, answer, steps with their counts, classes, who made it, notices, scale and north."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.found import REASONS, StepTrace, Value
from georsmllm.outputs.attributes import gsd_m
from georsmllm.outputs.views import ANCHOR, MANY_TAGS, Shown, View
from georsmllm.pen import FAINT, INK, PALETTE, PAPER, font, runs
from georsmllm.relations import bearing

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from georsmllm.result import Result

ANSWER, AMBER = "#8ce99a", "#ffb000"
_MARGIN_PX, _HEAD_PX, _GAP_PX = 18, 44, 9
_LONGEST = 1500
"""Characters of one text; more would make a picture of words."""
_MOST_STEPS, _LAST_STEPS = 14, 4
_PLACEHOLDER = re.compile(r"\{(s[0-9]{1,3})\}")


class Line(NamedTuple):
    """head: in a column of its own on the left. tail: on the right, tail_px from the left (0:
    at the right border). swatch: a square of
    colour before the text; mark: a sign there."""

    text: str
    colour: str = INK
    size: int = 15
    head: str = ""
    tail: str = ""
    tail_colour: str = FAINT
    tail_px: int = 0
    swatch: str = ""
    mark: str = ""
    lines: int = 6


Block = Sequence[Line]


def caption(result: Result, shown: Shown, views: Sequence[View], width: int, colour: Mapping[str, str]) -> Image.Image:
    """The strip below the picture, as wide as that."""
    from PIL import Image, ImageDraw

    blocks: list[Block] = [
        [Line(result.query, INK, 20), *([Line(result.text, ANSWER, 17, lines=8)] if result.text.strip() else [])],
        _steps(result),
        _legend(shown, colour),
        [
            *_made_by(result, shown),
            *(Line(notice, AMBER, 14, mark="!") for notice in dict.fromkeys(result.notices)),
        ],
    ]
    blocks = [_with_tails_near(block, width) for block in blocks if block]
    rows = [[_wrapped(line, width) for line in block] for block in blocks]
    height = sum(_height(line, texts) for block, kept in zip(blocks, rows, strict=True)
                 for line, texts in zip(block, kept, strict=True))  # fmt: skip
    foot = _foot(result, views, width)
    strip = Image.new("RGB", (width, height + _GAP_PX * len(rows) + 2 * _MARGIN_PX + foot.height), PAPER)
    pen = ImageDraw.Draw(strip)
    y = _MARGIN_PX
    for block, kept in zip(blocks, rows, strict=True):
        for line, texts in zip(block, kept, strict=True):
            _write(pen, line, texts, y, width)
            y += _height(line, texts)
        y += _GAP_PX
    strip.paste(foot, (0, y))
    return strip


def _with_tails_near(block: Block, width: int) -> list[Line]:
    """Tails in a column just right of the longest text, where that leaves room."""
    longest = max((font(line.size).getlength(line.text) for line in block if line.tail), default=0)
    widest = max((font(line.size).getlength(line.tail) for line in block if line.tail), default=0)
    at = round(_MARGIN_PX + _HEAD_PX + longest + 36)
    fits = at + widest + _MARGIN_PX <= width
    return [line._replace(tail_px=at) if line.tail and fits else line for line in block]


def _steps(result: Result) -> list[Line]:
    """The first and the last where there are many; braces about the names of earlier steps are for planners."""
    steps = result.outcome.steps
    kept = steps if len(steps) <= _MOST_STEPS else steps[: _MOST_STEPS - _LAST_STEPS]
    lines = [line for trace in kept for line in _step(trace)]
    if len(steps) > len(kept):
        left = len(steps) - _MOST_STEPS
        lines.append(Line(f"... {left} more steps ...", FAINT, 14, " "))
        lines.extend(line for trace in steps[-_LAST_STEPS:] for line in _step(trace))
    return lines


def _step(trace: StepTrace) -> list[Line]:
    text = _PLACEHOLDER.sub(r"\1", trace.text)
    colour = FAINT if trace.role == "anchor" else INK
    lines = [Line(text, colour, 14, trace.id, _came(trace), AMBER if trace.reason else colour, lines=3)]
    why = "; ".join(
        one for one in (REASONS[trace.reason] if trace.reason in REASONS and trace.reason else "", trace.note) if one
    )
    return [*lines, Line(why, AMBER if trace.reason else FAINT, 13, " ", lines=3)] if why else lines


def _came(trace: StepTrace) -> str:
    """What a step came to and who decided it: "8 of 12, by geometry"."""
    if trace.value is not None:
        found = said(trace.value)
    elif trace.inputs:
        found = f"{len(trace.outputs)} of {len(trace.inputs)}"
    else:
        found = f"{len(trace.outputs)} found"
    return f"{found} · {trace.how}"


def said(value: Value) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(f"{one:g}" for one in value)
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _legend(shown: Shown, colour: Mapping[str, str]) -> list[Line]:
    numbers: dict[str, list[int]] = {}
    for one in shown.findings:
        numbers.setdefault(one.label, []).append(one.id)
    lines = []
    for label in sorted(numbers):
        ids = sorted(numbers[label])
        which = f": {runs(ids)}" if len(shown.findings) <= MANY_TAGS else ""
        text = f"{label or 'object'} ({len(ids)}){which}"
        lines.append(Line(text, colour.get(label, PALETTE[0]), 14, swatch=colour.get(label, PALETTE[0]), lines=2))
    if shown.anchors:
        labels = ", ".join(dict.fromkeys(one.label or "object" for one in shown.anchors))
        lines.append(Line(f"dashed: what they are related to ({labels})", ANCHOR, 14, swatch=ANCHOR, lines=2))
    return lines


def _made_by(result: Result, shown: Shown) -> list[Line]:
    maker = result.maker
    said_: list[str] = []
    if maker.decoder and any(one.mask_scene is not None for one in shown.findings):
        said_.append(f"masks: {maker.decoder}")
    if maker.planner:
        said_.append(f"steps planned by: {maker.planner}")
    if maker.model:
        adapter = f" + adapter {maker.adapter[:12]}" if maker.adapter else ""
        said_.append(f"model {maker.model[:12]}{adapter}")
    return [Line("   ·   ".join(said_), FAINT, 14)] if said_ else []


def _wrapped(line: Line, width: int) -> list[str]:
    """The text in lines that fit; what does not fit is said to be left out."""
    room = width - 2 * _MARGIN_PX - (_HEAD_PX if line.head else 0) - (20 if line.swatch or line.mark else 0)
    room -= round(font(line.size).getlength(line.tail)) + 24 if line.tail and not line.tail_px else 0
    room = max(room, 120)
    text = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in line.text)
    cut = text[:_LONGEST]
    lines = [part for paragraph in cut.split("\n") for part in _broken(paragraph, line.size, room)]
    if len(lines) <= line.lines and cut == text:
        return lines
    kept = lines[: line.lines]
    return [*kept[:-1], f"{kept[-1][: max(0, len(kept[-1]) - 28)]} ... ({len(text)} characters in all)"]


def _broken(text: str, size: int, room: int) -> list[str]:
    """Between words, inside those that are longer than a line."""
    measure = font(size).getlength
    lines, current = [], ""
    for word in text.split(" "):
        joined = f"{current} {word}" if current else word
        if measure(joined) <= room:
            current = joined
            continue
        if current:
            lines.append(current)
        while measure(word) > room:
            fits = max(1, int(len(word) * room / measure(word)) - 1)
            lines.append(word[:fits])
            word = word[fits:]
        current = word
    return [*lines, current]


def _height(line: Line, texts: Sequence[str]) -> int:
    return round(line.size * 1.45) * len(texts)


def _write(pen: ImageDraw.ImageDraw, line: Line, texts: Sequence[str], y: int, width: int) -> None:
    x, step = _MARGIN_PX, round(line.size * 1.45)
    if line.head:
        pen.text((x, y), line.head, fill=FAINT, font=font(line.size))
        x += _HEAD_PX
    if line.swatch:
        pen.rectangle((x, y + step // 2 - 6, x + 10, y + step // 2 + 4), fill=line.swatch)
        x += 20
    if line.mark:
        pen.text((x + 2, y), line.mark, fill=line.colour, font=font(line.size), stroke_width=0.5)
        x += 20
    for n, text in enumerate(texts):
        pen.text((x, y + n * step), text, fill=line.colour, font=font(line.size))
    if line.tail:
        at, anchor = (line.tail_px, "la") if line.tail_px else (width - _MARGIN_PX, "ra")
        pen.text((at, y), line.tail, fill=line.tail_colour, font=font(line.size), anchor=anchor)


def _foot(result: Result, views: Sequence[View], width: int) -> Image.Image:
    """Scale, north and the names of the images."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width, 30), PAPER)
    pen = ImageDraw.Draw(strip)
    image = result.scenes[-1].image
    x = _MARGIN_PX
    if (metres := gsd_m(image)) is not None:
        length_m, length_px = _scale(metres / views[-1].scale_xy[0])
        pen.line((x, 8, x, 16, x + length_px, 16, x + length_px, 8), fill=INK, width=2)
        label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
        pen.text((x + length_px + 8, 6), label, fill=INK, font=font(14))
        x += round(length_px + 26 + font(14).getlength(label))
    if (north := bearing("north_of", image)) is not None:
        _arrow(pen, (x + 10, 14), north)
        x += 42
    names = "  |  ".join(
        f"{scene.image.path}  {scene.image.width} x {scene.image.height} px" for scene in result.scenes
    )
    metres_text = f"  ·  {metres:.3g} m a pixel" if metres is not None else ""
    pen.text((width - _MARGIN_PX, 6), f"{names}{metres_text}", fill=FAINT, font=font(13), anchor="ra")
    return strip


def _scale(metres_a_pixel: float) -> tuple[float, float]:
    """The round length that is drawn about 120 px long at most, and how long it is drawn."""
    most = 120 * metres_a_pixel
    power = 10.0 ** math.floor(math.log10(most))
    length = max(step * power for step in (1, 2, 5) if step * power <= most)
    return length, length / metres_a_pixel


def _arrow(pen: ImageDraw.ImageDraw, at: tuple[float, float], north: tuple[float, float]) -> None:
    (x, y), (dx, dy) = at, north
    tip, tail = (x + 9 * dx, y + 9 * dy), (x - 9 * dx, y - 9 * dy)
    left, right = (tail[0] - 5 * dy, tail[1] + 5 * dx), (tail[0] + 5 * dy, tail[1] - 5 * dx)
    pen.polygon([tip, left, (x - 5 * dx, y - 5 * dy), right], fill=INK)
    pen.text((x + 16, y), "N", fill=INK, font=font(13), anchor="lm")
