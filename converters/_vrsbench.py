"""What the files of VRSBench hold: a JSON an image, or three evaluation files of whose elements the same JSON is made."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import msgspec

from georsmllm.contracts import Ref
from georsmllm.errors import BadRecord
from georsmllm.formats.json_record import BOM, decode, read_span

_EVAL = re.compile(r"(?:VRS|RS)Bench_EVAL_(?P<part>cap|referring|vqa)(?:_\w+)?", re.IGNORECASE)
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


_RECORD = msgspec.json.Decoder(Record)
LINE = msgspec.json.Decoder(Line)
