"""iSAID: instance masks of 15 classes on the images of DOTA v1.0, and the patches that its devkit cuts from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, not_there, walk
from georsmllm.formats import coco, coco_shapes, label_png, label_rgb, picture
from georsmllm.json_lists import Span
from georsmllm.types import Sample, Target, polygon

from .coco import REASONS as COCO_REASONS
from .coco import read as read_coco

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CARD = Card(
    title="iSAID: 655,451 instance masks of 15 classes in the 2,806 images of DOTA v1.0",
    layout="""
ROOT/{train,val,test}/images/P0002.png                          or ROOT is itself one such split
ROOT/{train,val}/**/P0002_instance_id_RGB.png                   Instance_masks/images, or beside the images (patches)
ROOT/{train,val}/**/P0002_instance_color_RGB.png                Semantic_masks/images, or beside the images
ROOT/{train,val}/**/*.json, or ROOT/*train*.json                COCO JSON, for images that lack one of the two masks
Patches are named P0002_<ymin>_<ymax>_<xmin>_<xmax>: y comes first. Their place becomes a tag, "patch:xmin,ymin,xmax,ymax".
A split with colour masks alone gives connected areas in place of instances (tag "areas"); one without any label, and an
image that the JSON does not list, say nothing (tag "unlabelled").
""".strip(),
    label_line="instance id of a pixel = R + 256 G + 65536 B of the first mask, 0 none; its class is the colour in the "
    "second: (0, 0, 63) is a ship",
    classes="""
ship, storage_tank, baseball_diamond, tennis_court, basketball_court, Ground_Track_Field, Bridge, Large_Vehicle,
Small_Vehicle, Helicopter, Swimming_pool, Roundabout, Soccer_ball_field, plane ("airplane"), Harbor; the source's spelling
is kept as the attribute source_label. An instance is all pixels of one id, holes and several parts included.
By masks all 15 classes are annotated in full: iSAID labelled DOTA's images anew down to single cars. Instances of 10 px
and less, which its own JSON leaves out, are ignored as "under_size". By JSON no class is, because its writer leaves out
whole objects with a contour of two points or fewer.
""".strip(),
    paper="Waqas Zamir et al., iSAID: A Large-scale Dataset for Instance Segmentation in Aerial Images, CVPR Workshops "
    "2019 (arXiv:1905.12886)",
    licence="academic use only, no commercial use (as DOTA)",
    defects="""
iSAID_train.json numbers its classes otherwise than the file for val and has no width and height (iSAID_Devkit, issue 35):
names are read from `categories`. Polygons of the JSON are outer contours through pixel centres: holes are lost, touching
pixels grow together. The devkit leaves out P1527 and P1530. In a patch, objects end at its border and how much of them is
seen is not known: whole images, which a build tiles itself, are better. Scenes are named as DOTA's, whose pixels they are.
""".strip(),
    sizes={"train": 1411, "val": 458, "test": 937},
)
REASONS = {
    **COCO_REASONS,
    **label_rgb.REASONS,
    "instance_without_class": "an instance whose pixels have no colour",
    "instance_of_two_classes": "an instance of whose pixels fewer than 90 % have one colour",
}
MENDS = {
    **coco_shapes.MENDS,
    "majority_colour": "an instance with a few pixels of another colour got the class of 90 % or more of them",
}
COLOUR_OF = {
    "ship": (0, 0, 63),
    "storage_tank": (0, 63, 63),
    "baseball_diamond": (0, 63, 0),
    "tennis_court": (0, 63, 127),
    "basketball_court": (0, 63, 191),
    "Ground_Track_Field": (0, 63, 255),
    "Bridge": (0, 127, 63),
    "Large_Vehicle": (0, 127, 127),
    "Small_Vehicle": (0, 0, 127),
    "Helicopter": (0, 0, 191),
    "Swimming_pool": (0, 0, 255),
    "Roundabout": (0, 191, 127),
    "Soccer_ball_field": (0, 127, 191),
    "plane": (0, 127, 255),
    "Harbor": (0, 100, 155),
}
NAMES = dict(enumerate(COLOUR_OF, start=1))
COLOURS = {(0, 0, 0): 0} | {COLOUR_OF[name]: value for value, name in NAMES.items()}
CLASSES = tuple(sorted(canonical(name) for name in COLOUR_OF))
SPLITS = ("test", "train", "val")
IDS, CLASS_COLOURS = "_instance_id_RGB", "_instance_color_RGB"
MAX_SPECK_PX = 10  # what the devkit's JSON leaves out
MIN_SHARE = 0.9
_PATCH = re.compile(r"(?P<scene>.+?)_(?P<y1>\d+)_(?P<y2>\d+)_(?P<x1>\d+)_(?P<x2>\d+)")


class _Files(NamedTuple):
    """Of one split, by image name without suffix: paths below the root."""

    images: dict[str, str]
    ids: dict[str, str]
    colours: dict[str, str]


class _Listed(NamedTuple):
    """A COCO JSON: path below the root, the byte spans of every image by its name, and those of nobody's annotations."""

    path: str
    spans: dict[str, tuple[Span, ...]]
    orphans: tuple[tuple[Span, ...], ...]


def find(root: Path) -> Iterator[Ref]:
    folder(root, "an iSAID folder with train/images ... or images")
    splits = [""] if (root / "images").is_dir() else _splits(root)
    if not splits:
        expected = "images, Instance_masks and Semantic_masks there"
        raise not_there(root, "train/images, val/images or test/images", lambda path: bool(_splits(path)), expected)
    yield from sorted((ref for split in splits for ref in _refs(root, split)), key=lambda ref: ref.key)


def _splits(root: Path) -> list[str]:
    return [name for name in SPLITS if (root / name / "images").is_dir()]


def _refs(root: Path, split: str) -> Iterator[Ref]:
    prefix = f"{split}/" if split else ""
    files = _files(root, split)
    masked = files.ids.keys() | files.colours.keys()
    whole = files.ids.keys() & files.colours.keys() if files.ids else masked
    listed = _Listed("", {}, ()) if files.images.keys() <= whole and whole else _listed(root, split)
    for stem in files.images.keys() | masked | listed.spans.keys():
        key, image = prefix + stem, files.images.get(stem, f"{prefix}images/{stem}.png")
        if stem in listed.spans and stem not in whole:
            yield Ref(key, split, (image, listed.path), listed.spans[stem])
            continue
        labels: tuple[str, ...] = ()
        if files.ids or stem in whole:
            colours = files.colours.get(stem, f"{prefix}Semantic_masks/images/{stem}{CLASS_COLOURS}.png")
            ids = files.ids.get(stem, f"{prefix}Instance_masks/images/{stem}{IDS}.png")
            labels = (ids, colours) if files.ids else (colours,)
        yield Ref(key, split, (image, *labels))
    for runs in listed.orphans:
        yield Ref(f"{listed.path}@{runs[0][0]}", split, (listed.path,), runs)


def _files(root: Path, split: str) -> _Files:
    found = _Files({}, {}, {})
    prefix = f"{split}/" if split else ""
    for name in walk(root / split, images.SUFFIXES):
        stem = PurePosixPath(name).stem
        if stem.endswith(IDS):
            place, stem = found.ids, stem.removesuffix(IDS)
        elif stem.endswith(CLASS_COLOURS):
            place, stem = found.colours, stem.removesuffix(CLASS_COLOURS)
        elif name.startswith("images/"):
            place = found.images
        else:
            continue
        if stem in place:
            raise UsageError(f"two files of one name below {root}: {place[stem]} and {prefix}{name}; keep one of them")
        place[stem] = prefix + name
    return found


def _listed(root: Path, split: str) -> _Listed:
    prefix = f"{split}/" if split else ""
    names = [prefix + name for name in walk(root / split, (".json",))]
    names += [name for name in walk(root, (".json",), recursive=False) if split and split in name.lower()]
    found = [name for name in names if coco.has_lists(root / name)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} COCO JSONs of one split below {root}: {', '.join(found[:5])}; keep one of them")
    if not found:
        return _Listed("", {}, ())
    index = coco.index(root / found[0])
    runs = coco.runs(index)
    spans: dict[str, tuple[Span, ...]] = {}
    for i, entry in enumerate(coco.entries(index)):
        start, end = index.images.spans[i].tolist()
        stem = PurePosixPath(entry.file_name).stem
        if not stem or stem in spans:
            raise UsageError(f"{found[0]}@{start}: expected an image's name, each once, got {entry.file_name!r}")
        spans[stem] = (index.categories, (start, end), *runs.of(i))
    return _Listed(found[0], spans, tuple(coco.orphans(index)))


def read(root: Path, ref: Ref) -> Sample:
    if ref.spans:
        return _read_listed(root, ref)
    image = picture.read(root, ref.paths[0])
    scene, tags = _place(ref.key)
    sample = Sample(
        id=f"isaid/{ref.key}",
        dataset="isaid",
        split=ref.split,
        scene=scene,
        images=(image,),
        tags=tags,
        classes=CLASSES,
        exhaustive=CLASSES,
    )
    if len(ref.paths) == 1:
        return replace(sample, tags=(*tags, "unlabelled"), exhaustive=())
    values = label_rgb.read(root, ref.paths[-1], image.size_wh, colours=COLOURS)
    if len(ref.paths) == 2:
        areas = label_png.objects(values, NAMES)
        return replace(sample, tags=("areas", *tags), targets=areas)
    ids = label_rgb.read_packed(root, ref.paths[1], image.size_wh)
    class_of, mended = _class_of(ids, values, ref.paths[1])
    found = (*_instances(ids, class_of), *_strays(ids, values))
    return replace(sample, targets=found, mended=(("majority_colour", mended),) if mended else ())


def _read_listed(root: Path, ref: Ref) -> Sample:
    sample = read_coco(root, ref)
    unknown = sorted({target.label for target in sample.targets} - set(CLASSES))
    if unknown:
        message = f"no iSAID class is called {', '.join(map(repr, unknown[:5]))}; the classes are {', '.join(CLASSES)}"
        raise BadRecord("unknown_class", message, where=f"{PurePosixPath(ref.paths[-1]).name}@{ref.spans[1][0]}")
    scene, tags = _place(ref.key)
    return replace(
        sample, id=f"isaid/{ref.key}", dataset="isaid", scene=scene, tags=tags, classes=CLASSES, exhaustive=()
    )


def _place(key: str) -> tuple[str, tuple[str, ...]]:
    """The scene of an image, and of a patch a tag that says where in it."""
    name = PurePosixPath(key).name
    patch = _PATCH.fullmatch(name)
    if patch is None:
        return f"dota/{name}", ()
    corners = ",".join(str(int(patch[side])) for side in ("x1", "y1", "x2", "y2"))
    return f"dota/{patch['scene']}", (f"patch:{corners}",)


def _class_of(ids: NDArray[np.int32], values: NDArray[np.uint8], where: str) -> tuple[dict[int, int], int]:
    """Instance id -> class value, and how many instances have pixels of another colour; raises BadRecord."""
    import numpy as np

    inside = ids > 0
    pairs, counts = np.unique((ids[inside].astype(np.int64) << 8) | values[inside], return_counts=True)
    pixels: dict[int, dict[int, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        pixels.setdefault(pair >> 8, {})[pair & 255] = count
    chosen: dict[int, int] = {}
    for number, by_value in pixels.items():
        value, most = max(by_value.items(), key=lambda item: (item[1], item[0]))
        if set(by_value) == {0}:
            message = f"expected a class colour for each instance, instance {number} has none on its {most} px"
            raise BadRecord("instance_without_class", message, where=where)
        if value == 0 or most < MIN_SHARE * sum(by_value.values()):
            shares = ", ".join(
                f"{NAMES.get(value, 'no colour')} ({count} px)" for value, count in sorted(by_value.items())
            )
            raise BadRecord(
                "instance_of_two_classes",
                f"expected one class colour for each instance, instance {number} has {shares}",
                where=where,
            )
        chosen[number] = value
    return chosen, sum(len(by_value) > 1 for by_value in pixels.values())


def _instances(ids: NDArray[np.int32], class_of: Mapping[int, int]) -> Iterator[Target]:
    """One target for each id with the exact rings of all its parts, in raster order of their first pixel."""
    from georsmllm import masks

    parts: dict[int, list[masks.Component]] = {}
    for part in masks.components(ids, ignore=(0,)):
        parts.setdefault(part.value, []).append(part)
    for number, pieces in parts.items():
        name = NAMES[class_of[number]]
        label = canonical(name)
        yield Target(
            0,
            label,
            polygon(*(ring for piece in pieces for ring in piece.shape.rings)),
            attributes=() if name == label else (("source_label", name),),
            ignore="under_size" if sum(piece.area_px for piece in pieces) <= MAX_SPECK_PX else None,
        )


def _strays(ids: NDArray[np.int32], values: NDArray[np.uint8]) -> Iterator[Target]:
    """What has a class and no instance: never asked, and its class is not complete here."""
    if not values[ids == 0].any():
        return
    found = label_png.objects(values * (ids == 0), NAMES, min_area_px=0)
    yield from (replace(target, ignore="no_instance") for target in found)


CONVERTER = Converter(CARD, find, read, REASONS, MENDS)
