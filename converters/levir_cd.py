"""LEVIR-CD and LEVIR-CD+: pairs of images and the buildings that appeared or vanished between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import UsageError
from georsmllm.files import folder, folders_below, held
from georsmllm.formats import label_png
from georsmllm.types import Sample, Target

from . import _pairs
from ._folders import by_stem

CARD = Card(
    title="LEVIR-CD / LEVIR-CD+: building change in pairs of 1024 x 1024 px at 0.5 m, and their crops of 256 px",
    layout="""
ROOT/{train,val,test}/{A,B,label}/train_1.png       full tiles; LEVIR-CD+ has train and test only
ROOT/{A,B,label}/train_386_0512_0768.png            crops (the split lists in ROOT/list repeat the names' first word)
A is before, B after. Files pair by name, never by order; the split is the folder, or else the first word of the name.
A part without a label folder gives samples that say nothing (tag "unlabelled").
""".strip(),
    label_line="an 8-bit grey PNG of the images' size: 255 a building that changed, 0 the rest",
    classes="""
building, on the second image, with the attribute change=any: the mask does not tell built from demolished. An object is
what hangs together, corners included. Of a labelled pair every change of a building is known, so "no change" is a fact.
""".strip(),
    paper="Chen and Shi, A Spatial-Temporal Attention-Based Method and a New Dataset for Remote Sensing Image Change "
    "Detection, Remote Sensing 12(10), 2020; LEVIR-CD+: Shen et al., S2Looking, Remote Sensing 13(24), 2021",
    licence="non-commercial academic use",
    defects="""
Circulating crops hold pairs of two sizes (test_113_0256: 384 and 383 px high; refused as pair_size); test files of
LEVIR-CD+ are named train_638.png, so there the folder decides; the buildings are only outlined to about a pixel; masks
saved as JPEG are read at a threshold of 128, any other value in a PNG is refused.
""".strip(),
    sizes={"train": 445, "val": 64, "test": 128},
)
SPLITS = ("train", "val", "test")
_TILE = re.compile(r"(?P<split>train|val|test)_\d+")


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a LEVIR-CD folder with A, B and label, or train/A ...")
    parts = [
        split for split in ("", *sorted(SPLITS)) if (root / split / "A").is_dir() and (root / split / "B").is_dir()
    ]
    if not parts:
        raise UsageError(f"no A and B, nor train/A and train/B, in {root}, which holds {held(root)}; {_way_out(root)}")
    for part in parts:
        yield from _find_part(root, part)


def _way_out(root: Path) -> str:
    """Where the folders A and B lie instead: above a folder that is given too deep, or below one."""
    around = [root.absolute().parent, *islice(folders_below(root, depth=4), 10_000)]
    pairs = [path for path in around if (path / "A").is_dir() and (path / "B").is_dir()]
    roots = list(dict.fromkeys(path.parent if path.name in SPLITS else path for path in pairs))
    if not roots:
        return "expected A, B and label (before, after, mask) there, or in its train, val and test"
    return f"A and B lie in {_listed(pairs)}: give {' or '.join(str(path) for path in roots[:3])}"


def _listed(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")


def _find_part(root: Path, part: str) -> Iterator[Ref]:
    prefix = f"{part}/" if part else ""
    sides = ("A", "B", "label") if (root / part / "label").is_dir() else ("A", "B")
    files = {side: by_stem(root, f"{prefix}{side}", images.SUFFIXES) for side in sides}
    stems = set().union(*files.values())
    for stem in sorted(stems):
        # A file that is missing keeps the name that its fellow would give it, so that reading names it.
        suffix = next(PurePosixPath(files[side][stem]).suffix for side in sides if stem in files[side])
        paths = tuple(files[side].get(stem, f"{prefix}{side}/{stem}{suffix}") for side in sides)
        tile = _TILE.match(PurePosixPath(stem).name)
        yield Ref(prefix + stem, part or (tile["split"] if tile else ""), paths)


def read(root: Path, ref: Ref) -> Sample:
    before, after = _pairs.paired(root, *ref.paths[:2])
    name = PurePosixPath(ref.key).name
    tile = _TILE.match(name)
    sample = Sample(
        id=f"levir_cd/{ref.key}",
        dataset="levir_cd",
        split=ref.split,
        scene=f"levir_cd/{tile[0] if tile else name}",
        images=(before, after),
        classes=("building",),
        tags=("unlabelled",),
    )
    if len(ref.paths) == 2:
        return sample
    return replace(sample, targets=_changes(root, ref.paths[2], before.size_wh), exhaustive=("building",), tags=())


def _changes(root: Path, path: str, size_wh: tuple[int, int]) -> tuple[Target, ...]:
    lossy = path.lower().endswith((".jpg", ".jpeg"))
    labels = label_png.read(root, path, size_wh, values=range(256) if lossy else (0, 255))
    found = label_png.objects((labels >= 128).view("uint8"), {1: "building"}, min_area_px=0)
    return tuple(replace(target, image=1, attributes=(("change", "any"),)) for target in found)


CONVERTER = Converter(CARD, find, read, {**label_png.REASONS, **_pairs.REASONS})
