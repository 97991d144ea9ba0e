"""The frame of all findings of an ask, pixels of the whole scene: its compass, its metres, and shapes measured once."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.classes import canonical, is_countable, of_plural
from georsmllm.errors import GeoRSMLLMError
from georsmllm.found import Finding, outline
from georsmllm.geo import ground_axes, to_map
from georsmllm.geometry import to_rbox
from georsmllm.relations import bearing, ground_sample
from georsmllm.types import ImageRef, Point

from .amounts import METRES, Amount

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.measures import Measured

Axes = tuple[float, float, float, float]
IMAGE_WORDS = MappingProxyType(
    {
        "left": (-1.0, 0.0), "right": (1.0, 0.0), "top": (0.0, -1.0), "upper": (0.0, -1.0), "above": (0.0, -1.0),
        "bottom": (0.0, 1.0), "lower": (0.0, 1.0), "below": (0.0, 1.0),
    }
)  # fmt: skip
"""Words of the image -> unit vector in pixels."""
COMPASS_WORDS = MappingProxyType({"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)})
"""Words of the compass -> shares of (east, north)."""
NORTH_UP = "north taken as up, as the image says nothing of it"
PART = re.compile(r"north|south|east|west|left|right|top|upper|above|bottom|lower|below")
"""Words that say a direction, one by one: two of "north-west"."""
_DETERMINERS = re.compile(r"(?:(?:all|every|each|any|some|both)\s+(?:of\s+)?)?(?:(?:the|an|a)\s+)?", re.IGNORECASE)


class Unsaid(GeoRSMLLMError):
    """Nothing can be said by geometry. reason: a key of found.REASONS; the message says why in one line."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why


class Direction(NamedTuple):
    """towards: a unit vector in pixels. note: what was taken for granted, "" for nothing."""

    towards: Point
    note: str = ""


class Frame:
    """images: of the ask; two of a pair share one frame, that of the first. axes: None for pixels; of a frame of metres, how
    a step of one pixel leads east and south."""

    def __init__(self, images: Sequence[ImageRef], axes: Axes | None = None) -> None:
        self.image = images[0]
        self.axes = axes
        self._metric: Frame | None = None
        self._measured: dict[tuple[int, ...], tuple[tuple[Finding, ...], Measured]] = {}

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.image.size_wh

    def measured(self, findings: tuple[Finding, ...]) -> Measured:
        """The outlines of findings, measured once for all steps that ask for them; their keys are the ids."""
        from georsmllm.measures import Measured

        key = tuple(map(id, findings))
        if key not in self._measured:
            shapes = [outline(one) for one in findings]
            if self.axes is not None:
                a, b, d, e = self.axes
                upright = [to_rbox(one) if one.kind == "box" else one for one in shapes]
                shapes = [to_map(one, (a, b, 0.0, d, e, 0.0)) for one in upright]
            # the findings are kept beside, because an id of Python's is one only as long as its object lives
            self._measured[key] = findings, Measured(shapes, self.size_wh, [one.id for one in findings])
        return self._measured[key][1]

    def direction(self, words: str) -> Direction | None:
        """The direction that words say, such as "east", "north-west" or "top left"; None for words that say none.

        Words of the compass go through the affine, where there is one; without, north is up and the note says so. Raises
        Unsaid(NOT_GEOREFERENCED) where the map's north is not that of the Earth.
        """
        parts = PART.findall(words.lower())
        if not parts:
            return None
        note = ""
        x = y = 0.0
        for part in parts:
            if part in IMAGE_WORDS:
                dx, dy = IMAGE_WORDS[part]
            else:
                (dx, dy), note = self._compass(part)
            x, y = x + dx, y + dy
        length = math.hypot(x, y)
        return Direction((x / length, y / length), note) if length > 1e-9 else None

    def _compass(self, word: str) -> Direction:
        if self.image.affine is None:
            east, north = COMPASS_WORDS[word]
            return Direction((float(east), float(-north)), NORTH_UP)
        towards = bearing(f"{word}_of", self.image)
        if towards is None:
            raise Unsaid("NOT_GEOREFERENCED", "up on this map is not the north of the Earth, so it has no compass")
        return Direction(towards)

    def suited(self, said: Amount) -> Frame:
        """The frame in which an amount is measured: this one, or one of metres, where the metres of the map are none on the
        ground or its pixels are not square there (Web Mercator, degrees). Raises Unsaid where the image has no metres."""
        if said.unit == "px" or ground_sample(self.image) is not None:
            return self
        if said.unit not in METRES:
            raise Unsaid("NOT_GEOMETRIC", f"{said.number:g} {said.unit} is no length or area")
        axes = ground_axes(self.image)
        if axes is None or axes[0] * axes[3] == axes[1] * axes[2]:
            raise Unsaid(
                "NOT_GEOREFERENCED", f"{said.number:g} {said.unit} cannot be measured: the image has no metres"
            )
        self._metric = self._metric or Frame((self.image,), axes)
        return self._metric

    def lengths(self, said: Amount, *, dimensions: int = 1) -> float:
        """An amount in the lengths, or areas, of this frame, which is the one that is `suited`."""
        if said.unit == "px":
            return said.number
        if said.unit not in METRES:
            raise Unsaid("NOT_GEOMETRIC", f"{said.number:g} {said.unit} is no length or area")
        sample = 1.0 if self.axes is not None else ground_sample(self.image)
        assert sample is not None
        return said.number * METRES[said.unit] / sample**dimensions

    def told(self, said: Amount | None, unit: str) -> tuple[float, str]:
        """How a measure of this frame is told to whoever said an amount: a factor and the unit. Metres to whoever spoke of
        metres; else as it is."""
        sample = ground_sample(self.image) if self.axes is None else None
        if said is None or said.unit not in METRES or sample is None or unit not in ("px", "px²"):
            return 1.0, unit
        return (sample, "m") if unit == "px" else (sample**2, "m²")

    @property
    def unit(self) -> str:
        """What this frame measures in."""
        return "px" if self.axes is None else "m"


def label_of(phrase: str) -> str:
    """The class that a noun phrase names: "the rivers" -> "river"."""
    words = canonical(bare(phrase, article=True))
    return canonical(of_plural(words) or words)


def bare(phrase: str, *, article: bool = False) -> str:
    """A noun phrase without its "all"; article: without "the", too."""
    match = _DETERMINERS.match(phrase)
    rest = phrase[match.end() :] if match else phrase
    if article or not rest:
        return rest or phrase
    kept = re.match(r"(?:all|every|each|any|some|both)\s+(?:of\s+)?", phrase, re.IGNORECASE)
    return phrase[kept.end() :] if kept else phrase


def is_area(label: str) -> bool:
    """Whether a class, or the noun at the end of its name, is one of areas that nobody counts: "open sea", "main road"."""
    return not is_countable(label) or not is_countable(canonical(label.rpartition(" ")[2]))


def span(values: NDArray[np.float64]) -> str:
    """The least and the most of some numbers, "12 to 80", or the one that all of them are."""
    if not len(values):
        return "none"
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    low, high = (f"{float(one):g}" for one in (low, high))
    return low if low == high else f"{low} to {high}"
