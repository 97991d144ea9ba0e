"""Scene classification sets with one folder a class: RESISC45, AID, UC Merced, EuroSAT, Million-AID and their like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, walk
from georsmllm.types import ImageRef, Sample, Text

CARD = Card(
    title="Scene classification, one folder a class (RESISC45, AID, UC Merced, EuroSAT, Million-AID)",
    layout="""
ROOT/Airport/airport_1.jpg                                      AID
ROOT/NWPU-RESISC45/airplane/airplane_001.jpg                    RESISC45; folders around all classes do not matter
ROOT/train/agriculture_land/grassland/meadow/P0115918.jpg       Million-AID: the class is the last folder, those above
                                                                it are tags, train, val and test are the split
ROOT/resisc45-train.txt, -val.txt, -test.txt                    image names, one a line, as in torchgeo's layouts
Of several families of lists (eurosat-*, eurosat-spatial-*) the one with the shortest name counts; an image that no list
names has no split, one that several lists name belongs to the first of test, val, train.
""".strip(),
    label_line="the folder's name: DenseResidential, dense_residential and denseresidential are one class",
    classes="the folders that are there, under their canonical names",
    paper="Cheng et al., RESISC45, Proc. IEEE 2017 (arXiv:1703.00121); Xia et al., AID, TGRS 2017 (arXiv:1608.05167); "
    "Yang and Newsam, UC Merced, GIS 2010; Helber et al., EuroSAT, JSTARS 2019 (arXiv:1709.00029); "
    "Long et al., Million-AID, JSTARS 2021 (arXiv:2006.12485)",
    licence="research use (RESISC45, AID, UC Merced, Million-AID); EuroSAT: MIT, Copernicus Sentinel data",
    defects="""
UC Merced has images of 253 to 257 px; EuroSAT's 13-band files need bands 4, 3, 2 and a stretch; torchgeo's Million-AID
spells "bapsketball_court"; a scene class says what the image is about, never that other objects are absent.
""".strip(),
)
_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
_FIRST = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class _Layout:
    """around: number of folders that stand around all classes. classes: canonical. lists: split -> names in its list."""

    around: int
    classes: tuple[str, ...]
    lists: Mapping[str, frozenset[str]]

    def splits(self, name: str) -> tuple[str, ...]:
        return tuple(split for split in _FIRST if PurePosixPath(name).stem in self.lists.get(split, ()))


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a folder with one folder of images a class")
    _layout.cache_clear()  # the folder may have changed since this process last looked
    layout = _layout(root.resolve())
    for name in walk(root, images.SUFFIXES):
        split, _ = _folders(name)
        listed = layout.splits(name)
        yield Ref(name, split or (listed[0] if listed else ""), (name,))


def read(root: Path, ref: Ref) -> Sample:
    (name,) = ref.paths
    split, folders = _folders(name)
    if not folders:
        raise BadRecord("no_class", "expected an image inside a class folder, got one above all of them", where=name)
    try:
        size_wh = images.size_wh(root / name)
        affine, crs = images.geo(root / name)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=name) from None
    layout = _layout(root.resolve())
    several = not split and len(layout.splits(name)) > 1
    return Sample(
        id=f"scene_folder/{ref.key}",
        dataset="scene_folder",
        split=ref.split,
        scene=f"scene_folder/{ref.key}",
        images=(ImageRef(name, *size_wh, affine=affine, crs=crs),),
        texts=(Text("scene", canonical(folders[-1])),),
        tags=tuple(canonical(parent) for parent in folders[layout.around : -1]),
        classes=layout.classes,
        mended=(("kept_from_training", 1),) if several else (),
    )


def _folders(name: str) -> tuple[str, tuple[str, ...]]:
    """The split that a folder names, and the other folders from the outermost to the class."""
    folders = PurePosixPath(name).parts[:-1]
    at = next((i for i, part in enumerate(folders[:-1]) if part.lower() in _SPLITS), None)
    return ("", folders) if at is None else (_SPLITS[folders[at].lower()], folders[:at] + folders[at + 1 :])


@lru_cache(maxsize=8)  # one walk for all records of one find
def _layout(root: Path) -> _Layout:
    classes = {folders for _, folders in map(_folders, walk(root, images.SUFFIXES)) if folders}
    if not classes:
        raise UsageError(f"no class folder with images in {root}; expected {root}/<class>/<image>")
    parents = sorted(folders[:-1] for folders in classes)
    first, last = parents[0], parents[-1]
    around = next((i for i, part in enumerate(first) if i >= len(last) or last[i] != part), len(first))
    return _Layout(around, tuple(sorted({canonical(folders[-1]) for folders in classes})), _lists(root))


def _lists(root: Path) -> dict[str, frozenset[str]]:
    """Split -> image names without suffix, of the family of lists whose name is shortest."""
    families: dict[str, dict[str, Path]] = {}
    for path in sorted(root.glob("*.txt")):
        family, _, split = path.stem.lower().rpartition("-")
        if split in _SPLITS:
            families.setdefault(family, {})[_SPLITS[split]] = path
    if not families:
        return {}
    chosen = families[min(families, key=lambda family: (len(family), family))]
    return {split: frozenset(_names(path)) for split, path in chosen.items()}


def _names(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the split list {path}: {error}; expected image names, one a line") from None
    return (PurePosixPath(line.strip()).stem for line in text.split("\n") if line.strip())


CONVERTER = Converter(
    card=CARD,
    find=find,
    read=read,
    reasons={**images.REASONS, "no_class": "an image that lies above the class folders"},
    mends={"kept_from_training": "an image in several split lists goes to the first of test, val, train"},
    generic=True,
)
