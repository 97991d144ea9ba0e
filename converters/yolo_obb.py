"""YOLO label files as Ultralytics reads them: rotated boxes, plain boxes and outlines, one text file an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from georsmllm import geometry, images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import coco_shapes, picture
from georsmllm.formats.coco_shapes import Shaped
from georsmllm.types import PointSet, Ring, Sample, Target, box, polygon

from . import _yolo
from .coco import scene_of

CARD = Card(
    title="YOLO-OBB (Ultralytics): rotated boxes, and the plain boxes and outlines of the same family",
    layout="""
PATH is the dataset.yaml, or a folder that holds exactly one YAML file with `names` (itself, or one folder below).
dataset.yaml: path (optional), train, val, test: a folder, a list of folders, or a .txt file of image paths each; names.
IMAGES/images/train/x.png has its label in IMAGES/labels/train/x.txt: the last "images" of the path becomes "labels".
`path` may be absolute or relative; where it is not there (somebody else's machine), the folder of the YAML is taken.
An empty or missing label file is an image without objects; a split without any label file says nothing ("unlabelled").
""".strip(),
    label_line="0 0.780811 0.743961 0.782371 0.74686 0.777691 0.752174 0.776131 0.749758",
    classes="""
As `names` says, a list or a table by number. Every one of them counts as annotated in full in every image of a split
that has labels, because a missing label file is a background image to Ultralytics.
""".strip(),
    paper="Ultralytics YOLO, https://docs.ultralytics.com/datasets/obb/ (no paper)",
    licence="that of the dataset at hand",
    defects="""
Numbers are shares of width and height. 9 of them are a class and four corners in any order, 5 a class, centre, width
and height, any other odd number from 7 on a class and an outline; an outline of four points cannot be told from a
rotated box and is read as one. The first corner means nothing: Ultralytics loses the head. A coordinate outside -0.01
to 1.01 refuses the image (not_normalised), as Ultralytics does; inside of that, what sticks out is cut off. Lines that
say the same twice count once (duplicate_dropped). Images of DOTA's names (P0706...) keep DOTA's scene.
""".strip(),
)
REASONS = {
    **images.REASONS,
    "label_missing": "the label file may not be read",
    "not_text": "the label file is not UTF-8 text",
    "bad_row": "a line is neither a box, nor four corners, nor an outline",
    "not_a_number": "a field is not a number",
    "not_normalised": "a coordinate is no share of the image's width and height, -0.01 to 1.01",
    "unknown_class": "a class number that `names` lacks",
}
MENDS = {
    **{name: coco_shapes.MENDS[name] for name in ("clipped_to_image", "reordered_corners", "self_crossing_mended")},
    "duplicate_dropped": "a line that says the same as another one of its file counts once",
}
LOW, HIGH = -0.01, 1.01  # ultralytics/data/utils.py, verify_image_label
MAX_LABEL_BYTES = 64_000_000

Row = tuple[float, ...]


def find(root: Path) -> Iterator[Ref]:
    path = _yolo.locate(root)
    config = _yolo.config(path)
    top = _yolo.top(root)
    yaml = _yolo.relative(path, top)
    if not config.splits:
        raise UsageError(f"{path}: expected train, val or test, got none of them")
    for split, entries in sorted(config.splits.items()):
        pairs = _yolo.pairs(config.base, entries, path)
        labelled = {key for key, (_, label) in pairs.items() if label.is_file()}
        for key in sorted(pairs):
            image, label = (_yolo.relative(file, top) for file in pairs[key])
            said = (yaml, label) if key in labelled else (yaml,) if labelled else ()
            yield Ref(f"{split}/{key}", split, (image, *said))


def read(root: Path, ref: Ref) -> Sample:
    top = _yolo.top(root)
    image = picture.read(top, ref.paths[0])
    scene = scene_of(image.path)  # by its path: an image that is in train and in val is one scene
    sample = Sample(
        id=f"yolo_obb/{ref.key}",
        dataset="yolo_obb",
        split=ref.split,
        scene=f"yolo_obb/{scene.removeprefix('coco/')}" if scene.startswith("coco/") else scene,
        images=(image,),
        tags=("unlabelled",),
    )
    if len(ref.paths) == 1:
        return sample
    names = _yolo.config(top / ref.paths[1]).names
    targets, mended = _targets(top, ref.paths[2], names, image.size_wh) if len(ref.paths) > 2 else ((), ())
    classes = tuple(sorted({canonical(name) for name in names.values()}))
    return replace(sample, targets=targets, classes=classes, exhaustive=classes, tags=(), mended=mended)


def _targets(
    top: Path, path: str, names: Mapping[int, str], size_wh: tuple[int, int]
) -> tuple[tuple[Target, ...], tuple[tuple[str, int], ...]]:
    """The objects of one label file, in its order, and the repairs that they needed; raises BadRecord."""
    found: dict[Row, Target] = {}
    mended: Counter[str] = Counter()
    for number, line in enumerate(_text(top, path).split("\n"), start=1):
        where = f"{path}:{number}"
        row = _row(line, where)
        if not row or row in found:
            mended.update(["duplicate_dropped"] if row else [])
            continue
        if row[0] not in names:
            known = ", ".join(map(str, list(names)[:20]))
            raise BadRecord("unknown_class", f"expected a class of {known}, got {row[0]:g}", where=where, raw=line)
        name = names[int(row[0])]
        label = canonical(name)
        shaped = _shaped(row[1:], size_wh)
        attributes = () if label == name else (("source_label", name),)
        found[row] = Target(0, label, shaped.shape, attributes=attributes, visible=shaped.visible, ignore=shaped.ignore)
        mended.update(shaped.mended)
    return tuple(found.values()), tuple(sorted(mended.items()))


def _text(top: Path, path: str) -> str:
    try:
        with (top / path).open("rb") as file:
            return file.read(MAX_LABEL_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise BadRecord("label_missing", f"cannot read the label file: {error.strerror}", where=path) from None
    except UnicodeDecodeError as error:
        raise BadRecord("not_text", f"expected UTF-8 text, got byte {error.start}", where=path) from None


def _row(line: str, where: str) -> Row:
    """Class and coordinates of a line, () of an empty one; raises BadRecord."""
    fields = line.split()
    if not fields:
        return ()
    if len(fields) != 5 and (len(fields) < 7 or len(fields) % 2 == 0):
        message = f"expected a class with 4 numbers, 8, or x y pairs from 3 on, got {len(fields)} fields"
        raise BadRecord("bad_row", message, where=where, raw=line)
    try:
        row = tuple(map(float, fields))
    except ValueError as error:
        raise BadRecord("not_a_number", f"expected numbers: {str(error)[:200]}", where=where, raw=line) from None
    off = next((field for field, value in zip(fields[1:], row[1:], strict=True) if not LOW <= value <= HIGH), None)
    if off is not None:
        message = f"expected shares of width and height from {LOW} to {HIGH}, got {off[:40]}"
        raise BadRecord("not_normalised", message, where=where, raw=line)
    return row


def _shaped(shares: Row, size_wh: tuple[int, int]) -> Shaped:
    """The shape of a line in pixels of its image."""
    width, height = size_wh
    if len(shares) == 4:
        x, y, w, h = shares
        w, h = max(w, 0.0), max(h, 0.0)
        edges = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        return coco_shapes.inside(box(*edges), size_wh)
    points = tuple((x * width, y * height) for x, y in zip(shares[::2], shares[1::2], strict=True))
    if len(points) > 4 and points[0] == points[-1]:
        points = points[:-1]
    elif len(points) == 4:
        shape, mends = coco_shapes.quad(points)
        return coco_shapes.inside(shape, size_wh, mends)
    return _outline(polygon(Ring(points)), size_wh)


def _outline(shape: PointSet, size_wh: tuple[int, int]) -> Shaped:
    if geometry.to_shapely(shape).is_valid:
        return coco_shapes.inside(shape, size_wh)
    areas = geometry.from_shapely(geometry.to_valid(shape))
    if areas is None:
        return Shaped(shape, 1.0, "collapsed", ())
    return coco_shapes.inside(areas, size_wh, ("self_crossing_mended",))


CONVERTER = Converter(CARD, find, read, REASONS, MENDS, generic=True)
