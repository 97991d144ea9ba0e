"""DOTA v1.0, v1.5, v2.0 as released, and the patches that the DOTA and mmrotate splitters cut from them."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.discover import nearest
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, walk
from georsmllm.formats import dota_txt
from georsmllm.geometry import Corners, clip, hull, is_simple_quad, order_corners, signed_area
from georsmllm.tiling import MIN_FIT
from georsmllm.types import ImageRef, Sample, Target, rbox

if TYPE_CHECKING:
    from georsmllm.label_lines import Lines

CARD = Card(
    title="DOTA v1.0 / v1.5 / v2.0: oriented boxes of 15 / 16 / 18 classes in aerial and satellite images",
    layout="""
ROOT/{train,val,test,...}/images/P0003.png      or ROOT is itself one such split
ROOT/{train,val,test,...}/labelTxt/P0003.txt    or labelTxt-v2.0, labelTxt-v1.5, labelTxt-v1.0, annfiles, or
                                                annotations/version2.0 ... of torchgeo's repackaging
A split is a folder whose name begins with train, val or test, or any that holds images and one of these label folders;
other folders are left out.
Of several label folders in one split the first of labelTxt-v2.0, labelTxt-v1.5, labelTxt-v1.0, labelTxt, annfiles is
read: the newest generation has the densest labels. A folder of horizontal boxes (name ends in _hbb) is left out.
An image without a label file becomes a sample that says nothing (tag "unlabelled"), as in test.
""".strip(),
    label_line="1054 1028 1063 1011 1111 1040 1112 1062 ship 1",
    classes="""
v1.0: plane, baseball-diamond, bridge, ground-track-field, small-vehicle, large-vehicle, ship, tennis-court,
basketball-court, storage-tank, soccer-ball-field, roundabout, harbor, swimming-pool, helicopter;
v1.5 adds container-crane; v2.0 adds airport and helipad. "plane" becomes "airplane". Which of them are labelled in full
is read off the label folder's name; a folder without a version counts as v1.0, of which small-vehicle is not in full.
""".strip(),
    paper="Xia et al., DOTA: A Large-scale Dataset for Object Detection in Aerial Images, CVPR 2018 (arXiv:1711.10398); "
    "Ding et al., Object Detection in Aerial Images, TPAMI 2021 (arXiv:2102.12219)",
    licence="academic use only, no commercial use (terms of Google Earth, GF-2 and CycloMedia)",
    defects="""
v1.0 leaves objects under about 10 px unlabelled, and whole car parks in front of harbours (P0706), so that the absence
of small vehicles is no fact there; v1.5 has boxes outside the image (P0334, P1872); patches have corners outside
everywhere, and some splitters leave out objects that they cut (under 0.7 visible) or mark them difficult 2; quads may
cross themselves, repeat corners or have no area; the first corner is the object's head where it has one (kept as the
attribute "head"); thumbnails exist whose labels are in the frame of the full image (refused as frame_mismatch).
""".strip(),
    sizes={"train": 1411, "val": 458, "test": 937},  # v1.0 and v1.5
)
V1_0 = (
    "plane", "baseball-diamond", "bridge", "ground-track-field", "small-vehicle", "large-vehicle", "ship",
    "tennis-court", "basketball-court", "storage-tank", "soccer-ball-field", "roundabout", "harbor", "swimming-pool",
    "helicopter",
)  # fmt: skip
# Classes labelled in full: v1.0 has images full of cars without one label (P0706: 531 ships, 5 harbours, 0 vehicles).
V1_0_IN_FULL = tuple(name for name in V1_0 if name != "small-vehicle")
V1_5 = (*V1_0, "container-crane")
V2_0 = (*V1_5, "airport", "helipad")
LABEL_FOLDERS = {  # newest first, each with the classes that it labels in full
    "labelTxt-v2.0": V2_0,
    "annotations/version2.0": V2_0,
    "labelTxt-v1.5": V1_5,
    "annotations/version1.5": V1_5,
    "labelTxt-v1.0": V1_0_IN_FULL,
    "annotations/version1.0": V1_0_IN_FULL,
    "labelTxt": V1_0_IN_FULL,
    "annfiles": V1_0_IN_FULL,
}
MIN_AREA_PX = 1.0
MIN_VISIBLE = 0.7  # the share at which the DOTA splitters mark what they cut as difficult
_SPLIT = re.compile(r"train|val|test", re.IGNORECASE)  # and trainval1024, test-dev, val_split ...
# P0706__1__0___0 (DOTA devkit: scale) and P2805__1024__0___0 (mmrotate: patch size)
_PATCH = re.compile(r"(?P<scene>.+?)__\d+(?:\.\d+)?__-?\d+___-?\d+")


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a DOTA folder with train/images, val/images ... or images")
    if (root / "images").is_dir():
        yield from _find_split(root, "")
        return
    with_images = sorted(path.name for path in root.iterdir() if (path / "images").is_dir())
    splits = [name for name in with_images if _is_split(root / name)]
    if with_images and not splits:
        raise UsageError(
            f"no split in {root}: {', '.join(with_images[:5])} hold images and none of {', '.join(LABEL_FOLDERS)}; "
            "expected train/images and train/labelTxt"
        )
    if not splits:
        held = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise UsageError(
            f"no images/ in {root} or in a folder directly below it, which holds {held}; expected train/images"
        )
    for split in splits:
        yield from _find_split(root, split)


def _is_split(below: Path) -> bool:
    """Whether a folder with images is a split: by its name, or by DOTA's labels beside the images."""
    return _SPLIT.match(below.name) is not None or any((below / name).is_dir() for name in LABEL_FOLDERS)


def _find_split(root: Path, split: str) -> Iterator[Ref]:
    """The refs of a split. Only file names are held: a folder may have a hundred thousand of them."""
    prefix = f"{split}/" if split else ""
    below, labels, elsewhere = _labels(root, prefix)
    names = sorted(walk(root / split / "images", images.SUFFIXES), key=_key)
    for name, after in pairwise(names):
        if _key(name) == _key(after):
            both = f"{prefix}images/{name} and {prefix}images/{after}"
            raise UsageError(f"two images of one name below {root}: {both}; keep one of them")
    orphans = labels - {PurePosixPath(name).stem for name in names}

    def label_of(stem: str) -> str:
        return f"{below}/{elsewhere.get(stem, f'{stem}.txt')}"

    imaged = (
        Ref(prefix + _key(name), split, (f"{prefix}images/{name}", *_if_labelled(name, labels, label_of)))
        for name in names
    )
    labelled = (Ref(prefix + o, split, (f"{prefix}images/{o}.png", label_of(o))) for o in sorted(orphans))
    yield from heapq.merge(imaged, labelled, key=lambda ref: ref.key)


def _key(name: str) -> str:
    return name[: name.rindex(".")]


def _if_labelled(name: str, labels: Set[str], label_of: Callable[[str], str]) -> tuple[str, ...]:
    stem = PurePosixPath(name).stem
    return (label_of(stem),) if stem in labels else ()


def _labels(root: Path, prefix: str) -> tuple[str, set[str], dict[str, str]]:
    """The first of LABEL_FOLDERS that is there, the stems of its label files, and the names of those that are not STEM.txt."""
    below = next((prefix + name for name in LABEL_FOLDERS if (root / prefix / name).is_dir()), None)
    labels: set[str] = set()
    elsewhere: dict[str, str] = {}
    for name in walk(root / below, (".txt",)) if below else ():
        path = PurePosixPath(name)
        if path.parent.name.endswith("_hbb"):
            continue
        if path.stem in labels:
            other = f"{below}/{elsewhere.get(path.stem, f'{path.stem}.txt')}"
            raise UsageError(f"two label files of one name: {other} and {below}/{name}; keep one of the folders")
        labels.add(path.stem)
        if name != f"{path.stem}.txt":
            elsewhere[path.stem] = name
    return below or "", labels, elsewhere


def read(root: Path, ref: Ref) -> Sample:
    image, *labels = ref.paths
    if labels and not (root / image).exists():
        raise BadRecord("image_missing", f"label file without its image; expected {image}", where=labels[0])
    try:
        size_wh = images.size_wh(root / image)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=image) from None
    name = PurePosixPath(ref.key).name
    patch = _PATCH.fullmatch(name)
    sample = Sample(
        id=f"dota/{ref.key}",
        dataset="dota",
        split=ref.split,
        scene=f"dota/{patch['scene'] if patch else name}",
        images=(ImageRef(image, *size_wh),),
        tags=("unlabelled",),
        classes=_canonical(V2_0),
    )
    if not labels:
        return sample
    found = dota_txt.read(root / labels[0], labels[0])
    targets, mended = _targets(found, size_wh, labels[0])
    _check_frame(targets, size_wh, ref)
    facts = {"imagesource": found.imagesource, "gsd": found.gsd}
    return replace(
        sample,
        targets=targets,
        tags=tuple(f"{key}:{value}" for key, value in sorted(facts.items()) if value),
        exhaustive=_canonical(_generation(ref.split, labels[0])),
        mended=tuple(sorted(mended.items())),
    )


def _targets(found: dota_txt.Labels, size_wh: tuple[int, int], where: str) -> tuple[tuple[Target, ...], Counter[str]]:
    """The objects of a file; those that are convex, inside and of some area straight from its columns."""
    from georsmllm.quad_kernels import ordered_quads

    lines = found.lines
    ordered, is_sound = ordered_quads(lines.corners, size_wh, MIN_AREA_PX)
    heads, flags = lines.corners[:, :2].tolist(), lines.flags.tolist()
    labelled = {name: _labelled(name, lines, where) for name in dict.fromkeys(lines.names)}
    targets: list[Target] = []
    mended: Counter[str] = Counter()
    for i, (corners, is_plain) in enumerate(zip(ordered.tolist(), is_sound.tolist(), strict=True)):
        label, source = labelled[lines.names[i]]
        head = ("head", f"{_plain(heads[i][0])},{_plain(heads[i][1])}")
        attributes = (head, *source)
        if is_plain:
            ax, ay, bx, by, cx, cy, dx, dy = corners
            shape = rbox(((ax, ay), (bx, by), (cx, cy), (dx, dy)))
            ignore = "difficult" if flags[i] else None
            targets.append(Target(0, label, shape, "", attributes, None, flags[i], 1.0, ignore))
        else:
            target, mends = _unsound(found.row(i), label, attributes, size_wh)
            targets.append(target)
            mended.update(mends)
    return tuple(targets), mended


def _labelled(name: str, lines: Lines, where: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The canonical class, and the source's own spelling as an attribute where it differs."""
    label = _label(name)
    if label is None:
        message = f"no DOTA class is called {name!r}; {nearest(name, V2_0)}"
        raise BadRecord("unknown_class", message, where=f"{where}:{lines.lines[lines.names.index(name)]}")
    return label, () if label == name else (("source_label", name),)


def _unsound(
    row: dota_txt.Row, label: str, attributes: tuple[tuple[str, str], ...], size_wh: tuple[int, int]
) -> tuple[Target, tuple[str, ...]]:
    """An object that sticks out, crosses itself or has no area, and the names of the mends that it needed."""
    corners = row.corners
    mends: tuple[str, ...] = ()
    if not is_simple_quad(corners):
        corners, mends = reordered_corners(corners), ("reordered_corners",)
    shape, visible, ignore = rbox(order_corners(corners)), 1.0, "difficult" if row.difficult else None
    if len(set(corners)) < 3 or abs(signed_area(corners)) < MIN_AREA_PX:
        ignore = "collapsed"
    else:
        clipped, visible, fit = clip(shape, (0, 0, *size_wh))
        if clipped is None:
            ignore = "outside_image"
        elif clipped is not shape:
            shape, mends = clipped, (*mends, "clipped_to_image")
            ignore = ignore or ("low_visibility" if visible < MIN_VISIBLE else None)
            ignore = ignore or ("clipped_beyond_shape" if fit < MIN_FIT else None)
    return Target(0, label, shape, "", attributes, None, row.difficult, visible, ignore), mends


def reordered_corners(corners: Corners) -> Corners:
    """The corners of a quad that crosses itself in the order of their convex hull, where no side crosses another."""
    a, b, c, d = hull(corners)  # two sides can only cross when all four corners are on the hull
    return a, b, c, d


def _check_frame(targets: tuple[Target, ...], size_wh: tuple[int, int], ref: Ref) -> None:
    """A rescaled image under labels of the full one would give wrong boxes where they still overlap."""
    outside = sum(target.visible < 0.5 for target in targets)
    if outside >= 2 and outside * 2 > len(targets):
        width, height = size_wh
        raise BadRecord(
            "frame_mismatch",
            f"{outside} of {len(targets)} objects lie outside the {width} x {height} image: the labels belong to an "
            "image of another size; put the original image back, or scale the labels",
            where=ref.paths[1],
        )


def _generation(split: str, label_path: str) -> tuple[str, ...]:
    below = label_path.removeprefix(f"{split}/")
    return next(classes for name, classes in LABEL_FOLDERS.items() if below.startswith(f"{name}/"))


@lru_cache(maxsize=256)
def _label(name: str) -> str | None:
    label = canonical(name)
    return label if label in _canonical(V2_0) else None


@cache
def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(canonical(name) for name in names)


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


CONVERTER = Converter(
    card=CARD,
    find=find,
    read=read,
    reasons={
        **images.REASONS,
        **dota_txt.REASONS,
        "unknown_class": "a class name that is none of the 18",
        "frame_mismatch": "most objects lie outside the image: the image was rescaled and its labels were not",
    },
    mends={
        "reordered_corners": "a quad that crosses itself gets its corners in the order of their convex hull",
        "clipped_to_image": "an object that sticks out is replaced by its visible part",
    },
)
