"""Our own point text: grid lines 0..1000 of the view, every kind of shape (`georsmllm.pointtext`)."""

from __future__ import annotations

from collections.abc import Sequence

from georsmllm import pointtext
from georsmllm.contracts import Dialect, Limits, SizeWH, Spoken
from georsmllm.hearing import stretches
from georsmllm.types import KINDS, Kind

from ._frames import cells, relative


def encode(objects: Sequence[Spoken], size_wh: SizeWH, limits: Limits | None = None) -> str:
    return pointtext.encode([spoken.shape for spoken in objects], size_wh, limits)


def decode(text: str, size_wh: SizeWH, kinds: Sequence[Kind] = KINDS) -> tuple[Spoken, ...]:
    return tuple(Spoken(shape) for shape in pointtext.decode(text, size_wh, kinds))


def find(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((stretch.start, stretch.end) for stretch in stretches(text, "answer"))


extent = relative(pointtext.N)

DIALECT = Dialect(
    title="GeoRSMLLM point text",
    source="arXiv:2503.12490 eqs. 1-5 for the forms; grid and order: docs/decisions.md",
    kinds=KINDS,
    frame="the view, x right and y down from its outer corner",
    span="0 to 1000 on each axis",
    rounding="to the nearest of 1001 grid lines, halves up",
    corner_order="clockwise on screen from the corner with the least x + y",
    angle="none: rotated boxes are four corners",
    is_labelled=False,
    encode=encode,
    decode=decode,
    stretches=find,
    grid=cells(extent),
    extent=extent,
    num_keypoints=None,
)
