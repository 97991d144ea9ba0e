"""What every ear of a dialect does: finds its stretches among words, reads one object after another, scales to pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from georsmllm.contracts import SizeWH
from georsmllm.errors import BadAnswer
from georsmllm.types import Kind, Point

NONE = "none"
NUMBER = r"-?[0-9]{1,6}+(?:\.[0-9]{1,6}+)?"


def stretch(form: str, none: str = NONE) -> re.Pattern[str]:
    """Whatever looks like the form, damaged or not, and a line that is the form's word for nothing, alone or behind a colon."""
    return re.compile(rf"{form}|(?:^[ \t]*|(?<=: )){re.escape(none)}[ \t]*$", re.MULTILINE)


def found(pattern: re.Pattern[str], text: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of every match, without the white space around it."""
    spans: list[tuple[int, int]] = []
    for match in pattern.finditer(text):
        piece = match.group()
        start = match.start() + len(piece) - len(piece.lstrip())
        spans.append((start, start + len(piece.strip())))
    return tuple(spans)


def items(body: str, item: re.Pattern[str], between: re.Pattern[str], *, expected: str) -> list[re.Match[str]]:
    """The objects of a stretch, one after another to its end; raises BadAnswer syntax."""
    matches: list[re.Match[str]] = []
    at = 0
    while True:
        match = item.match(body, at)
        if match is None:
            raise BadAnswer("syntax", body, at=at, expected=expected)
        matches.append(match)
        at = match.end()
        if at == len(body):
            return matches
        joint = between.match(body, at)
        if joint is None:
            raise BadAnswer("syntax", body, at=at, expected="another object or the end")
        at = joint.end()


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(NUMBER, text)]


def check_kind(kind: Kind, kinds: Sequence[Kind], body: str, at: int) -> None:
    """Raises BadAnswer wrong_form for a kind that was not asked for."""
    if kind not in kinds:
        raise BadAnswer("wrong_form", body, at=at, expected=" or ".join(kinds))


def check_range(values: Sequence[float], least: float, most: float, body: str, at: int) -> None:
    """Raises BadAnswer out_of_range."""
    if values and (min(values) < least or max(values) > most):
        raise BadAnswer("out_of_range", body, at=at, expected=f"numbers in {least:g}..{most:g}")


def check_corners(x1: float, y1: float, x2: float, y2: float, body: str, at: int) -> None:
    """Raises BadAnswer reversed_box."""
    if x1 > x2 or y1 > y2:
        raise BadAnswer("reversed_box", body, at=at, expected="the min corner before the max corner")


def pixels(points: Sequence[Point], size_wh: SizeWH, extent: tuple[float, float]) -> tuple[Point, ...]:
    """Numbers of the form as pixels of the view."""
    return tuple((x * size_wh[0] / extent[0], y * size_wh[1] / extent[1]) for x, y in points)
