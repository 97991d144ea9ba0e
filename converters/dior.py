"""DIOR and DIOR-R: 20 classes in 23,463 images of 800 x 800 px, as plain boxes or as rotated ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import UsageError
from georsmllm.files import folder, not_there
from georsmllm.formats import picture, voc
from georsmllm.types import Sample

from . import _dior
from ._folders import by_stem

CARD = Card(
    title="DIOR and DIOR-R: boxes or rotated boxes of 20 classes in optical images of 800 x 800 px",
    layout="""
ROOT/JPEGImages-trainval/00001.jpg, ROOT/JPEGImages-test/11726.jpg      or both in ROOT/JPEGImages
ROOT/Annotations/Oriented Bounding Boxes/00001.xml                      DIOR-R: taken where it is there
ROOT/Annotations/Horizontal Bounding Boxes/00001.xml                    DIOR: taken for images that the other lacks
ROOT/ImageSets/Main/{train,val,test}.txt                                one number a line; may be missing
or, as torchgeo repackages it, ROOT/Images/{trainval,test}, ROOT/Annotations/{trainval,test}, ROOT/sample_df.csv
The split is the list that names the image; an image in no list belongs to trainval or test, as its folder says, or
else its number (up to 11725: trainval). A number that is listed and nowhere on disk is image_missing. An image without
a label is label_missing, unless its whole split has none: then it says nothing (tag "unlabelled").
""".strip(),
    label_line="<object><name>golffield</name><difficult>0</difficult><robndbox><x_left_top>133</x_left_top>"
    "<y_left_top>237</y_left_top> ... <y_left_bottom>672</y_left_bottom></robndbox><angle>0</angle></object>",
    classes="""
airplane, airport, baseballfield, basketballcourt, bridge, chimney, dam, Expressway-Service-area,
Expressway-toll-station, golffield (golfcourse in places), groundtrackfield, harbor, overpass, ship, stadium,
storagetank, tenniscourt, trainstation, vehicle, windmill; their case varies in the files. All but bridge and vehicle
count as annotated in full: image 00001 shows a bridge and traffic and labels only its golf course.
""".strip(),
    paper="Li et al., Object detection in optical remote sensing images: A survey and a new benchmark, ISPRS J. 2020 "
    "(arXiv:1909.00133); Cheng et al., Anchor-free oriented proposal generator (DIOR-R), TGRS 2022 (arXiv:2110.01931)",
    licence="none stated; research use",
    defects="""
Whether pixels count from 0 or from 1 is told nowhere. Coordinates are kept as they stand, as pixel edges: 800 is then
the right edge of an image of 800 px, anything beyond is cut off (clipped_to_image), and the doubt is one pixel.
x_left_top and its like are only labels: a rotated box may begin at any corner. Some images are a pixel or two off 800
x 800; labels are refused as size_mismatch from 3 px on. torchgeo's repackaging has plain boxes only and no labels of
its test images. The pixels recur in DIOR-RSVG, RRSIS-D, VRSBench and others: scenes are called dior/00001 in all.
""".strip(),
    sizes={"train": 5862, "val": 5863, "test": 11738},
)
NOT_IN_FULL = ("bridge", "vehicle")  # image 00001 shows both and labels neither
LAST_TRAINVAL = 11725
_IMAGES = {  # folder -> the split of its images that no list names
    "JPEGImages-trainval": "trainval",
    "JPEGImages-test": "test",
    "JPEGImages": "",
    "Images/trainval": "trainval",
    "Images/test": "test",
}
_LABELS = (  # the first that has an image's label wins
    "Annotations/Oriented Bounding Boxes",
    "Annotations/Oriented_Bounding_Boxes",
    "Annotations/Horizontal Bounding Boxes",
    "Annotations/Horizontal_Bounding_Boxes",
    "Annotations/trainval",
    "Annotations/test",
    "Annotations",
)
_TORCHGEO = ("Images/trainval", "Images/test", "Annotations/trainval", "Annotations/test")
_NUMBER = re.compile(r"\d{5}")
_EXPECTED = "JPEGImages-trainval, Annotations/Oriented Bounding Boxes and ImageSets/Main"


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a DIOR folder with JPEGImages-trainval and Annotations")
    pictures, folder_split = _pictures(root)
    labels: dict[str, str] = {}
    for name in _LABELS:
        labels = {**_files(root, name, (".xml",)), **labels}
    if not pictures and not labels:
        raise not_there(root, "DIOR images or labels", _is_root, _EXPECTED)
    listed = _listed(root)
    keys = sorted({*pictures, *labels, *listed})
    splits = {key: listed.get(key) or folder_split.get(key) or _by_number(key) or "" for key in keys}
    labelled = {splits[key] for key in labels}
    for key in keys:
        image = pictures.get(key, f"{_folder_for(root, splits[key])}/{key}.jpg")
        if key in labels or splits[key] in labelled:
            yield Ref(key, splits[key], (image, labels.get(key, f"Annotations/{key}.xml")))
        else:
            yield Ref(key, splits[key], (image,))


def _is_root(path: Path) -> bool:
    return (path / "Annotations").is_dir() and any((path / name).is_dir() for name in _IMAGES)


def _files(root: Path, name: str, suffixes: tuple[str, ...]) -> dict[str, str]:
    """By key the files of a folder, if it is there. A key is a bare name; torchgeo's repeat in trainval and test."""
    prefix = f"{PurePosixPath(name).name}/" if name in _TORCHGEO else ""
    there = by_stem(root, name, suffixes) if (root / name).is_dir() else {}
    return {prefix + stem: path for stem, path in there.items()}


def _pictures(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """By key: the path of the image, and the split that its folder says."""
    pictures: dict[str, str] = {}
    splits: dict[str, str] = {}
    for name, split in _IMAGES.items():
        for key, path in _files(root, name, images.SUFFIXES).items():
            if key in pictures:
                raise UsageError(f"two images of one name: {pictures[key]} and {path}; keep one of them")
            pictures[key], splits[key] = path, split
    return pictures, splits


def _listed(root: Path) -> dict[str, str]:
    """Key -> the list that names it; trainval.txt only where neither train.txt nor val.txt does."""
    found: dict[str, str] = {}
    for split in ("train", "val", "test", "trainval"):
        path = root / "ImageSets" / "Main" / f"{split}.txt"
        for line in _lines(path) if path.is_file() else ():
            other = found.setdefault(line, split)
            if other != split and split != "trainval":
                raise UsageError(f"{path}: {line} is listed in {other}.txt, too; keep it in one of them")
    table = root / "sample_df.csv"  # torchgeo's
    for line in _lines(table)[1:] if table.is_file() else ():
        image, _, split = (*line.split(","), "", "")[:3]
        found.setdefault("/".join(PurePosixPath(image).with_suffix("").parts[-2:]), split.strip())
    return found


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected one image number a line: {error}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _by_number(stem: str) -> str | None:
    if not _NUMBER.fullmatch(stem):
        return None
    return "trainval" if int(stem) <= LAST_TRAINVAL else "test"


def _folder_for(root: Path, split: str) -> str:
    """Where an image that is missing should lie."""
    part = "test" if split == "test" else "trainval"
    return next(
        (name for name, of in _IMAGES.items() if of in (part, "") and (root / name).is_dir()), f"JPEGImages-{part}"
    )


def read(root: Path, ref: Ref) -> Sample:
    image = picture.read(root, ref.paths[0])
    number = PurePosixPath(ref.key).name
    sample = Sample(
        id=f"dior/{ref.key}",
        dataset="dior",
        split=ref.split,
        scene=f"dior/{number if _NUMBER.fullmatch(number) else ref.key}",
        images=(image,),
        classes=_dior.class_names(),
        tags=("unlabelled",),
    )
    if len(ref.paths) == 1:
        return sample
    found = voc.read(root, ref.paths[1])
    voc.check_size(found, image.size_wh, ref.paths[1])
    targets, mended = _dior.targets(found.objects, image.size_wh, ref.paths[1])
    in_full = tuple(name for name in sample.classes if name not in NOT_IN_FULL)
    return replace(sample, targets=targets, mended=mended, exhaustive=in_full, tags=())


CONVERTER = Converter(
    CARD,
    find,
    read,
    {**images.REASONS, **voc.REASONS, "unknown_class": "a class name that is none of the 20"},
    voc.MENDS,
)
