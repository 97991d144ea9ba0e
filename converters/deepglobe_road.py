"""DeepGlobe roads: road surfaces at 0.5 m, in tiles of 1024 x 1024 px."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from georsmllm.contracts import Card, Converter, Ref
from georsmllm.formats import label_png
from georsmllm.types import Sample

from . import _deepglobe

CARD = Card(
    title="DeepGlobe Road Extraction: masks of the roads in 6,226 tiles of 1024 x 1024 px at 0.5 m",
    layout=_deepglobe.LAYOUT,
    label_line="a grey PNG of the image's size, in one or three equal channels: 128 and above a road, the rest none",
    classes="""
road. An object is what hangs together, corners included, so that a net of streets is one; pieces under 64 px are ignored
as "under_size". Of a tile with a mask every road is known, so "no road" is a fact.
""".strip(),
    paper="Demir et al., DeepGlobe 2018: A Challenge to Parse the Earth through Satellite Images, CVPR Workshops 2018 "
    "(arXiv:1805.06561)",
    licence="research use only (terms of the challenge and of DigitalGlobe's imagery)",
    defects="""
The values are not only 0 and 255: they count from 128. Only train has masks (6,226; 1,243 in valid, 1,101 in test without).
Tiles are named by numbers that do not tell which of them are neighbours.
""".strip(),
    sizes={"train": 6226, "valid": 1243, "test": 1101},
)


def read(root: Path, ref: Ref) -> Sample:
    sample = _deepglobe.unlabelled(root, ref, "deepglobe_road", ("road",))
    if len(ref.paths) == 1:
        return sample
    labels = label_png.read(root, ref.paths[1], sample.images[0].size_wh, values=range(256))
    roads = label_png.objects((labels >= 128).view("uint8"), {1: "road"})
    return replace(sample, tags=(), targets=roads, exhaustive=sample.classes)


CONVERTER = Converter(CARD, _deepglobe.find, read, label_png.REASONS)
