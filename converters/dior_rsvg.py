"""DIOR-RSVG: one referring expression for each of 38,320 boxes in 17,402 images of DIOR."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, not_there
from georsmllm.formats import picture, voc
from georsmllm.types import Mention, Sample, Text

from . import _dior
from ._folders import by_stem, first_there

CARD = Card(
    title="DIOR-RSVG: a referring expression for each of 38,320 boxes in images of DIOR",
    layout="""
ROOT/JPEGImages/00001.jpg
ROOT/Annotations/00001.xml
ROOT/train.txt, val.txt, test.txt       also in ROOT/DIOR_RSVG
A sample is one image with the objects of one split, "train/00001": an image whose objects are in several splits gives
several samples, and none shows the objects of another split.
""".strip(),
    label_line="<object><name>vehicle</name><pose>Unspecified</pose><bndbox><xmin>408</xmin><ymin>259</ymin>"
    "<xmax>433</xmax><ymax>271</ymax></bndbox><description>A vehicle on the left of the bridge</description></object>",
    classes="""
The 20 of DIOR. None is annotated in full, because only what has an expression is in the files, and of that only one
split's share is in a sample.
""".strip(),
    paper="Zhan et al., RSVG: Exploring Data and Models for Visual Grounding on Remote Sensing Data, TGRS 2023 "
    "(arXiv:2210.12634)",
    licence="none stated (asked in ZhanYang-nwpu/RSVG-pytorch#18 and never answered); research use",
    defects="""
The split lists hold neither names nor ids: they number the <object> elements of all files from 0, files in the order of
their names (26,991 / 3,829 / 7,500; 0 to 38,319, each once). Any file too many or too few moves all that follows, so
the count must be that of the lists, or nothing is read; an XML that is broken stops everything, too. Read as names, the
lists give 3,372 test items (NJU-LHRS/LHRS-Bot#18). Images recur in several splits; a build by the official splits
keeps an image of the test or validation list from training. Coordinates are kept as they stand (see dior).
""".strip(),
)
SPLITS = ("test", "train", "val")
_LISTS = ("", "DIOR_RSVG")
_LABELS = ("Annotations", "DIOR_RSVG/Annotations", "annotations")
_IMAGES = ("JPEGImages", "DIOR_RSVG/JPEGImages", "images")
MAX_NUMBER = 10_000_000

Span = tuple[int, int]


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a DIOR-RSVG folder with JPEGImages, Annotations, train.txt, val.txt and test.txt")
    labels, pictures = first_there(root, _LABELS), first_there(root, _IMAGES)
    if labels is None or pictures is None:
        missing = "Annotations" if labels is None else "JPEGImages"
        raise not_there(root, missing, _is_root, "JPEGImages and Annotations there")
    lists = _lists(root)
    files = by_stem(root, labels, (".xml",))
    image_of = by_stem(root, pictures, images.SUFFIXES)
    found: dict[str, list[Ref]] = defaultdict(list)
    number = 0
    for stem, path in sorted(files.items(), key=lambda item: item[1]):
        spans: dict[str, list[Span]] = defaultdict(list)
        for span in _objects(root, path):
            spans[lists.get(number, "")].append(span)
            number += 1
        paths = (image_of.get(stem, f"{pictures}/{stem}.jpg"), path)
        for split in sorted(spans.keys() - {""}):
            found[split].append(Ref(f"{split}/{stem}", split, paths, tuple(spans[split])))
    _check_count(root, lists, number)
    for split in sorted(found):
        yield from sorted(found[split], key=lambda ref: ref.key)


def _is_root(path: Path) -> bool:
    return first_there(path, _LABELS) is not None and first_there(path, _IMAGES) is not None


def _lists(root: Path) -> dict[int, str]:
    """Number of an object -> its split."""
    numbers: dict[int, str] = {}
    where = next((root / name for name in _LISTS if (root / name / "train.txt").is_file()), root)
    there = [where / f"{split}.txt" for split in SPLITS if (where / f"{split}.txt").is_file()]
    if not there:
        raise UsageError(f"no train.txt, val.txt or test.txt in {root}; they tell which objects are in which split")
    for path in there:
        for line, text in enumerate(path.read_bytes().split(b"\n"), start=1):
            word = text.strip()
            if not word:
                continue
            if not word.isdigit() or len(word) > len(str(MAX_NUMBER)):
                raise UsageError(
                    f"{path}:{line}: expected the number of an object, got {word[:40].decode(errors='replace')!r}"
                )
            if int(word) in numbers:
                raise UsageError(f"{path}:{line}: object {int(word)} is listed in {numbers[int(word)]}.txt already")
            numbers[int(word)] = path.stem
    return numbers


def _objects(root: Path, path: str) -> tuple[Span, ...]:
    try:
        return voc.object_spans(root, path)
    except BadRecord as bad:
        raise UsageError(
            f"{bad}; every object after it would get a wrong number and with it a wrong split: restore this file"
        ) from None


def _check_count(root: Path, lists: dict[int, str], count: int) -> None:
    """Numbers run through all files, so one file too few would give almost every object another one's split."""
    listed = max(lists, default=-1) + 1
    whole = set(lists.values()) == set(SPLITS)
    if count < listed or (whole and count > listed):
        raise UsageError(
            f"the split lists number {listed} objects, the XML files in {root} hold {count}; "
            "the numbers mean nothing for other files: restore exactly those that came with the lists"
        )


def read(root: Path, ref: Ref) -> Sample:
    image = picture.read(root, ref.paths[0])
    where = ref.paths[1]
    found = voc.read(root, where)
    voc.check_size(found, image.size_wh, where)
    objects = tuple(item for item in found.objects if item.span in ref.spans)
    if len(objects) != len(ref.spans):
        raise BadRecord("changed_meanwhile", "the file has changed since its objects were numbered", where=where)
    for item in objects:
        if not item.description:
            raise BadRecord("no_expression", "an object without <description>", where=f"{where}:{item.line}")
    targets, mended = _dior.targets(objects, image.size_wh, where)
    return Sample(
        id=f"dior_rsvg/{ref.key}",
        dataset="dior_rsvg",
        split=ref.split,
        scene=f"dior/{ref.key.partition('/')[2]}",
        images=(image,),
        targets=targets,
        texts=tuple(
            Text("expression", target.phrase, mentions=(Mention("answer", 0, (i,)),))
            for i, target in enumerate(targets)
        ),
        classes=_dior.class_names(),
        mended=mended,
    )


CONVERTER = Converter(
    CARD,
    find,
    read,
    {
        **images.REASONS,
        **voc.REASONS,
        "unknown_class": "a class name that is none of the 20",
        "no_expression": "an object without its description",
        "changed_meanwhile": "the label file changed between finding and reading",
    },
    voc.MENDS,
)
