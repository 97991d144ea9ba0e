"""What the files of VRSBench hold: a JSON an image, or evaluation files of which the same is made; where its objects lie."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import msgspec

from georsmllm.contracts import Ref, SizeWH
from georsmllm.dialects.vrsbench import DIALECT
from georsmllm.errors import BadAnswer, BadRecord
from georsmllm.formats import coco_shapes
from georsmllm.formats.json_record import BOM, decode, read_span
from georsmllm.geometry import bounds
from georsmllm.types import PointSet, box

_EVAL = re.compile(r"(?:VRS|RS)Bench_EVAL_(?P<part>cap|referring|vqa)(?:_\w+)?", re.IGNORECASE)
MAX_OUTSIDE = 2.0
"""Fractions beyond it are no fractions: an object that lies a whole image away from its image is in another frame."""
MAX_APART = 1.01
"""How far ground_truth may lie from the corners, in its own hundredths: what cutting off can do."""
NEXT_FILE = (0, 0)
"""Stands between the spans of one evaluation file and those of the next."""


class Object(msgspec.Struct, frozen=True):
    obj_cls: str
    obj_corner: tuple[float, ...] | None = None
    obj_coord: tuple[float, ...] | None = None
    obj_id: int | float | str | None = None
    is_unique: bool | str | None = None
    obj_position: str | None = None
    obj_rel_position: str | None = None
    obj_size: str | None = None
    obj_rel_size: str | None = None
    flag: bool | None = None
    referring_sentence: str | None = None
    ground_truth: str = ""


class Question(msgspec.Struct, frozen=True):
    question: str | None = None
    answer: str | bool | int | float | None = None
    type: str | None = None


class Record(msgspec.Struct, frozen=True):
    image: str | None = None
    caption: str | None = None
    objects: tuple[Object, ...] = ()
    qa_pairs: tuple[Question, ...] = ()


class Line(msgspec.Struct, frozen=True):
    """An element of an evaluation file."""

    image_id: str
    question: str | None = None
    ground_truth: str | bool | int | float = ""
    type: str | None = None
    unique: bool | str | None = None
    obj_corner: tuple[float, ...] | None = None
    obj_cls: str | None = None
    size_group: str | None = None


def part_of(name: str) -> str:
    """Which evaluation file it is: cap, referring or vqa; "" for none."""
    found = _EVAL.fullmatch(PurePosixPath(name).stem)
    return found["part"].lower() if found else ""


def from_file(root: Path, ref: Ref) -> Record:
    name = ref.paths[1]
    try:
        raw = (root / name).read_bytes()
    except OSError as error:
        raise BadRecord("label_missing", f"cannot be read: {error.strerror}", where=name) from None
    record = decode(_RECORD, raw.removeprefix(BOM), name)
    if record.image and PurePosixPath(record.image).stem != PurePosixPath(ref.key).name:
        raise BadRecord("other_image", f"the file is of {record.image!r} by its field image", where=name)
    return record


def from_evaluation(root: Path, ref: Ref) -> Record:
    """The elements of one image in the evaluation files as the one JSON that they were made from."""
    caption, objects, questions = None, [], []
    names = iter(ref.paths[1:])
    name = next(names)
    for span in ref.spans:
        if span == NEXT_FILE:
            name = next(names, name)
            continue
        where = f"{name}@{span[0]}"
        line = decode(LINE, read_span(root / name, span), where)
        part = part_of(name)
        if part == "cap":
            caption = str(line.ground_truth)
        elif part == "referring":
            objects.append(_object(line, where))
        else:
            questions.append(Question(line.question, line.ground_truth, line.type))
    return Record(caption=caption, objects=tuple(objects), qa_pairs=tuple(questions))


def _object(line: Line, where: str) -> Object:
    if line.obj_cls is None:
        raise BadRecord("bad_entry", "expected the class of the object under obj_cls", where=where)
    return Object(
        line.obj_cls,
        obj_corner=line.obj_corner,
        is_unique=line.unique,
        obj_size=line.size_group,
        referring_sentence=line.question,
        ground_truth=str(line.ground_truth),
    )


def shape_of(one: Object, size_wh: SizeWH, where: str) -> tuple[PointSet, tuple[str, ...]]:
    """The object in pixels of the image: by its corners, or else by the box rounded to hundredths."""
    if one.obj_corner:
        return coco_shapes.quad(_pixels(one.obj_corner, 8, size_wh, where))
    if one.obj_coord:
        (x1, y1), (x2, y2) = _pixels(one.obj_coord, 4, size_wh, where)
        return box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), ("rounded_box",)
    said = _said(one.ground_truth, size_wh)
    if said is None:
        raise BadRecord("no_shape", f"an object of class {one.obj_cls!r} without obj_corner", where=where)
    return said, ("rounded_box",)


def _pixels(flat: tuple[float, ...], count: int, size_wh: SizeWH, where: str) -> list[tuple[float, float]]:
    if len(flat) != count:
        raise BadRecord("bad_entry", f"expected {count} numbers of an object, got {len(flat)}", where=where)
    if not all(1 - MAX_OUTSIDE <= value <= MAX_OUTSIDE for value in flat):
        message = f"expected fractions of the image from 0 to 1, got {max(flat, key=abs):g}"
        raise BadRecord("out_of_range", message, where=where)
    width, height = size_wh
    return [(x * width, y * height) for x, y in zip(flat[::2], flat[1::2], strict=True)]


def _said(text: str, size_wh: SizeWH) -> PointSet | None:
    """The one box of an evaluation string; None for anything else."""
    try:
        heard = DIALECT.decode(text, size_wh, ("box",))
    except BadAnswer:
        return None
    return heard[0].shape if len(heard) == 1 else None


def is_upright(shape: PointSet) -> bool:
    """Whether every corner of a rotated box is a corner of its bounds."""
    x1, y1, x2, y2 = bounds(shape)
    return set(shape.rings[0].points) == {(x, y) for x in (x1, x2) for y in (y1, y2)}


def is_apart(shape: PointSet, ground_truth: str, size_wh: SizeWH) -> bool:
    """Whether the evaluation string is of another box than the corners; it has no form for what leaves the image."""
    exact = bounds(shape)
    width, height = size_wh
    if min(exact) < 0 or exact[2] > width or exact[3] > height:
        return False
    said = _said(ground_truth, size_wh)
    steps = (width / 100, height / 100) * 2
    return said is None or any(
        abs(a - b) > MAX_APART * step for a, b, step in zip(exact, bounds(said), steps, strict=True)
    )


_RECORD = msgspec.json.Decoder(Record)
LINE = msgspec.json.Decoder(Line)
