"""DeepGlobe land cover: six classes a pixel at 0.5 m, in tiles of 2448 x 2448 px."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord
from georsmllm.formats import label_png, label_rgb
from georsmllm.types import Sample

from . import _deepglobe

CARD = Card(
    title="DeepGlobe Land Cover: masks of 803 rural and urban tiles of 2448 x 2448 px at 0.5 m",
    layout=_deepglobe.LAYOUT,
    label_line="a colour PNG of the image's size: urban (0, 255, 255), agriculture (255, 255, 0), rangeland (255, 0, 255), "
    "forest (0, 255, 0), water (0, 0, 255), barren (255, 255, 255), unknown (0, 0, 0)",
    classes="""
urban ("urban land"), agriculture ("agricultural land"), rangeland, forest, water, barren ("bare land"); unknown ground is
never asked. The names are kept as the attribute source_label where they differ.
An object is what hangs together, corners included; pieces under 64 px are ignored as "under_size". A tile with any unknown
pixel is sure of no class's absence.
""".strip(),
    paper="Demir et al., DeepGlobe 2018: A Challenge to Parse the Earth through Satellite Images, CVPR Workshops 2018 "
    "(arXiv:1805.06561)",
    licence="research use only (terms of the challenge and of DigitalGlobe's Vivid imagery)",
    defects="""
The colours are not pure: each channel counts from 128. Red alone is then no class; up to 1 % of such pixels are taken as
unknown, more are refused as unknown_colour. Only train has masks (803; 171 in valid, 172 in test without). "urban" holds
the roads between its buildings. Tiles are named by numbers that do not tell which of them are neighbours.
""".strip(),
    sizes={"train": 803, "valid": 171, "test": 172},
)
UNKNOWN, RED = 0, 4
# By bright channels: 4 for red, 2 for green, 1 for blue (`label_rgb.read_bright`).
CLASSES = {3: "urban", 6: "agriculture", 5: "rangeland", 2: "forest", 1: "water", 7: "barren"}
MAX_ODD_SHARE = 0.01


def read(root: Path, ref: Ref) -> Sample:
    sample = _deepglobe.unlabelled(
        root, ref, "deepglobe_landcover", tuple(sorted(canonical(name) for name in CLASSES.values()))
    )
    if len(ref.paths) == 1:
        return sample
    labels = label_rgb.read_bright(root, ref.paths[1], sample.images[0].size_wh)
    odd = int((labels == RED).sum())
    if odd > MAX_ODD_SHARE * labels.size:
        message = f"expected the seven colours of DeepGlobe, {odd} of {labels.size} px are red, which is none of them"
        raise BadRecord("unknown_colour", message, where=ref.paths[1])
    # What lies under an unknown pixel is open, so a tile that has some cannot prove that a class is absent.
    is_sure = not odd and not (labels == UNKNOWN).any()
    return replace(
        sample,
        tags=(),
        targets=label_png.objects(labels, CLASSES),
        exhaustive=sample.classes if is_sure else (),
        mended=(("odd_colour_unknown", odd),) if odd else (),
    )


CONVERTER = Converter(
    CARD,
    _deepglobe.find,
    read,
    label_rgb.REASONS,
    {"odd_colour_unknown": "pixels of a colour that is no class, 1 % of a tile at most, were taken as unknown"},
)
