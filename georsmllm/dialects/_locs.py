"""Location tokens `<loc_0>` to `<loc_999>` behind a label: 1000 bins of the view, cut downwards, heard at their middle."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from georsmllm.contracts import SizeWH
from georsmllm.types import Point

from ._ear import stretch
from ._frames import relative
from ._pen import NEARLY, scaled

BINS = 1000
MIDDLE = 0.5

extent = relative(BINS)

_NAME = r"[^<>\s](?:[^<>\n]{0,198}[^<>\s])?"
STRETCH = stretch(
    rf"(?:^{_NAME}(?=<loc_))?<loc_[0-9]*+>?(?>(?:<loc_[0-9]*+>?|<sep>|{_NAME}(?=<loc_))*)", "There are none."
)
"""A label has no space between itself and its tokens, words of a sentence do; it stands at the beginning of a line or after
an object."""


def item(count: int) -> re.Pattern[str]:
    """A label, if any, and so many tokens."""
    return re.compile(rf"(?P<label>(?:{_NAME})?)(?P<locs>(?:<loc_[0-9]{{1,3}}>){{{count}}})")


def bins(points: Sequence[Point], size_wh: SizeWH) -> list[tuple[int, int]]:
    """Pixels as numbers of bins; the far border is in the last one."""
    inside = scaled(points, size_wh, extent(size_wh))
    return [(min(math.floor(x + NEARLY), BINS - 1), min(math.floor(y + NEARLY), BINS - 1)) for x, y in inside]


def middles(locs: str, size_wh: SizeWH) -> tuple[Point, ...]:
    """The tokens as points in pixels of the view."""
    said = [(int(number) + MIDDLE) / BINS for number in re.findall("[0-9]+", locs)]
    return tuple((x * size_wh[0], y * size_wh[1]) for x, y in zip(said[::2], said[1::2], strict=True))


def tokens(ring: Sequence[tuple[int, int]]) -> str:
    return "".join(f"<loc_{number}>" for point in ring for number in point)
