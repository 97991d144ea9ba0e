"""LoveDA: land cover of Chinese cities and countryside, seven classes a pixel at 0.3 m."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.files import folder, not_there, walk
from georsmllm.formats import label_png, picture
from georsmllm.types import Sample

CARD = Card(
    title="LoveDA: land-cover masks of 5,987 urban and rural tiles of 1024 x 1024 px at 0.3 m",
    layout="""
ROOT/{Train,Val,Test}/{Rural,Urban}/images_png/0.png
ROOT/{Train,Val}/{Rural,Urban}/masks_png/0.png
A folder without masks_png (Test) gives samples that say nothing (tag "unlabelled").
""".strip(),
    label_line="an 8-bit grey PNG of the image's size with values 0 to 7 (it looks black in a viewer)",
    classes="""
0 no data (never asked), 1 background (never asked), 2 building, 3 road, 4 water, 5 barren ("bare land"), 6 forest,
7 agricultural ("agricultural land"). The file names are kept as the attribute source_label where they differ.
An object is what hangs together, corners included; pieces under 64 px are ignored as "under_size". A tile with any
no-data pixel is sure of no class's absence.
""".strip(),
    paper="Wang et al., LoveDA: A Remote Sensing Land-Cover Dataset for Domain Adaptive Semantic Segmentation, NeurIPS "
    "2021 Datasets and Benchmarks (arXiv:2110.08733)",
    licence="CC BY-NC-SA 4.0, academic use only",
    defects="""
Class lists in other loaders start at background, so their names are off by one against the values; the numbers of the
tiles are unique across Train, Val, Test, Rural and Urban; neighbouring tiles of one region are not told in the names.
""".strip(),
    sizes={"train": 2522, "val": 1669, "test": 1796},
)
NO_DATA, BACKGROUND = 0, 1
CLASSES = {2: "building", 3: "road", 4: "water", 5: "barren", 6: "forest", 7: "agricultural"}
_SPLITS = ("Test", "Train", "Val")
_AREAS = ("Rural", "Urban")


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a LoveDA folder with Train/Rural/images_png ...")
    parts = _parts(root)
    if not parts:
        expected = "Train, Val or Test, each with Rural or Urban, each with images_png and masks_png"
        raise not_there(root, "Train/Rural/images_png or the like", lambda path: bool(_parts(path)), expected)
    for part in parts:
        yield from _find_part(root, part)


def _parts(root: Path) -> list[str]:
    parts = [f"{split}/{area}" for split in _SPLITS for area in _AREAS]
    return [part for part in parts if (root / part / "images_png").is_dir()]


def _find_part(root: Path, part: str) -> Iterator[Ref]:
    labelled = (root / part / "masks_png").is_dir()
    names = set(walk(root / part / "images_png", (".png",), recursive=False))
    if labelled:
        names |= set(walk(root / part / "masks_png", (".png",), recursive=False))
    split = part.split("/")[0].lower()
    for key, name in sorted((f"{part}/{PurePosixPath(name).with_suffix('')}", name) for name in names):
        mask = (f"{part}/masks_png/{name}",) if labelled else ()
        yield Ref(key, split, (f"{part}/images_png/{name}", *mask))


def read(root: Path, ref: Ref) -> Sample:
    image = picture.read(root, ref.paths[0])
    area = PurePosixPath(ref.key).parts[1].lower()
    sample = Sample(
        id=f"loveda/{ref.key}",
        dataset="loveda",
        split=ref.split,
        scene=f"loveda/{PurePosixPath(ref.key).name}",
        images=(image,),
        classes=tuple(sorted(canonical(name) for name in CLASSES.values())),
        tags=(area,),
    )
    if len(ref.paths) == 1:
        return replace(sample, tags=(area, "unlabelled"))
    labels = label_png.read(root, ref.paths[1], image.size_wh, values=(NO_DATA, BACKGROUND, *CLASSES))
    # What lies under no data is unknown, so a tile that has some cannot prove that a class is absent.
    sure = () if (labels == NO_DATA).any() else sample.classes
    return replace(sample, targets=label_png.objects(labels, CLASSES), exhaustive=sure)


CONVERTER = Converter(CARD, find, read, label_png.REASONS)
