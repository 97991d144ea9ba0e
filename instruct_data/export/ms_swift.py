"""ms-swift: JSON lines of messages; points and upright boxes as its objects, where its own rounding says what ours says.

Rules (ms-swift, swift/dataset/preprocessor/core.py and swift/template/base.py): <ref-object> and <bbox> in the text are
filled in order from `objects` {ref, bbox, bbox_type, image_id}; a bbox of 2 numbers is a point, of 4 a box, in pixels of
the image `image_id`; a model's template rescales them (int(round(x / width * 1000)), or to pixels of the image it sees).
There is no type for rotated boxes, polygons or keypoints: those stay point text on the 0..1000 grid, and so does every
other shape of such a record. One type a column, so the two sorts of records lie in files of their own.
"""

from __future__ import annotations

import re
from functools import partial

import msgspec

from georsmllm.errors import BadAnswer
from georsmllm.hearing import IN_DEGREES, OWN, stretches
from georsmllm.pointtext import NONE, decode
from georsmllm.types import UNNAMED, PointSet

from ..conversations import REASONS, Turn, fault
from ..conversations import Conversation as Plain
from ..export_job import Export, Hashed, Job

READS = """\
```sh
# OUT is this folder; image paths are relative to ROOT_IMAGE_DIR
ROOT_IMAGE_DIR=OUT swift sft --dataset OUT/train.jsonl OUT/train_objects.jsonl ...
```

`*_objects.jsonl` holds the records whose points are all points or upright boxes, as `objects` that ms-swift writes in the
form of the model at hand; `*.jsonl` all others, with their points as text on a 0..1000 grid. A model that is trained on
pixels instead (Qwen2.5-VL) sees two frames when it gets both. A file that would be empty is not there. With
`--images none`, ROOT_IMAGE_DIR is the folder of the set."""

_POINT = r"\([0-9]+,[0-9]+\)"
_POINTS_AND_BOXES = re.compile(rf"\[{_POINT}(?:,{_POINT})?\](?>(?:;\[{_POINT}(?:,{_POINT})?\])*)")


class _Size(msgspec.Struct, frozen=True, gc=False):
    width: int
    height: int


class _Gold(msgspec.Struct, frozen=True, gc=False):
    image: int


class _Provenance(msgspec.Struct, frozen=True, gc=False):
    views: tuple[_Size, ...]
    dialect: str
    labels: tuple[str, ...]


class Conversation(Plain, frozen=True, gc=False):
    gold: tuple[_Gold, ...]
    provenance: _Provenance


class Objects(msgspec.Struct, frozen=True, gc=False):
    """ref: what the <ref-object> name, in order, never empty, so that the column has a type wherever a file begins; bbox:
    the numbers of the <bbox>, in order, in pixels of image_id."""

    ref: list[str]
    bbox: list[list[float]]
    bbox_type: str
    image_id: list[int]


class Row(msgspec.Struct, frozen=True, gc=False):
    id: str
    messages: list[Turn]
    images: tuple[str, ...]
    task: str
    objects: Objects


class PlainRow(msgspec.Struct, frozen=True, gc=False):
    id: str
    messages: tuple[Turn, ...]
    images: tuple[str, ...]
    task: str


def with_objects(record: Conversation) -> Row | None:
    """The record with placeholders in the place of its points; None where ms-swift would not write the same text again."""
    image = record.gold[0].image if record.gold else len(record.images) - 1
    if record.provenance.dialect != OWN or not 0 <= image < len(record.provenance.views):
        return None
    view = record.provenance.views[image]
    size = view.width, view.height
    objects = Objects([], [], "real", [])
    turns = []
    for turn in record.messages:
        content = turn.content
        if turn.role != "assistant" or record.task != IN_DEGREES:
            filled = _placeholders(turn, size, objects)
            if filled is None:
                return None
            content = filled
        turns.append(Turn(turn.role, content))
    objects.image_id.extend([image] * len(objects.bbox))
    if not objects.bbox or rendered(turns, objects, size) != [turn.content for turn in record.messages]:
        return None
    objects.ref.extend(record.provenance.labels or (UNNAMED,) if not objects.ref else ())
    return Row(record.id, turns, record.images, record.task, objects)


def _placeholders(turn: Turn, size_wh: tuple[int, int], objects: Objects) -> str | None:
    """The text with its points taken out into `objects`; None where one of them is no point and no bare box."""
    pieces = []
    at = 0
    for stretch in stretches(turn.content, "answer" if turn.role == "assistant" else "prompt"):
        if stretch.text.strip() == NONE:
            continue
        if not _POINTS_AND_BOXES.fullmatch(stretch.text):
            return None
        try:
            shapes = decode(stretch.text, size_wh)
        except BadAnswer:
            return None
        start = stretch.start
        if stretch.label and turn.content.endswith(f"{stretch.label}: ", at, start):
            start -= len(stretch.label) + 2
            objects.ref.append(stretch.label)
        label = "<ref-object>: " if start < stretch.start else ""
        pieces += [turn.content[at:start], label, ";".join(["<bbox>"] * len(shapes))]
        objects.bbox.extend(_numbers(shape) for shape in shapes)
        at = stretch.end
    return "".join([*pieces, turn.content[at:]])


def _numbers(shape: PointSet) -> list[float]:
    return [float(number) for point in shape.rings[0].points for number in point]


def rendered(turns: list[Turn], objects: Objects, size_wh: tuple[int, int]) -> list[str]:
    """What ms-swift's plain template makes of a row whose boxes all lie in one image (`normalize_bbox`, `replace_bbox`)."""
    names, boxes = iter(objects.ref), iter(objects.bbox)
    texts = []
    for turn in turns:
        head, *rest = turn.content.split("<bbox>")
        text = head + "".join(_bbox(next(boxes, []), size_wh) + tail for tail in rest)
        head, *rest = text.split("<ref-object>")
        texts.append(head + "".join(next(names, "") + tail for tail in rest))
    return texts


def _bbox(numbers: list[float], size_wh: tuple[int, int]) -> str:
    width, height = size_wh
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    points = [f"({round(x / width * 1000)},{round(y / height * 1000)})" for x, y in pairs]
    return f"[{','.join(points)}]"


def write(job: Job) -> str:
    for split in job.splits:
        sorts = bytearray(_sort(job, record) for record in job.rows(split, Conversation))
        for sort, name in ((_TEXT, f"{split}.jsonl"), (_OBJECTS, f"{split}_objects.jsonl")):
            if sort in sorts:
                job.write(name, partial(_write_sort, job, split, sorts, sort))
    return ""


_LEFT_OUT, _TEXT, _OBJECTS = range(3)


def _sort(job: Job, record: Conversation) -> int:
    reason = fault(record, system=True)
    if reason is not None:
        job.cannot(reason)
        return _LEFT_OUT
    return _TEXT if with_objects(record) is None else _OBJECTS


def _write_sort(job: Job, split: str, sorts: bytearray, sort: int, out: Hashed) -> None:
    encoder = msgspec.json.Encoder()
    line = bytearray()
    for record, its in zip(job.rows(split, Conversation), sorts, strict=True):
        if its != sort:
            continue
        row = with_objects(record) if sort == _OBJECTS else None
        encoder.encode_into(row or PlainRow(record.id, record.messages, record.images, record.task), line)
        out.write(line + b"\n")
        for path in record.images:
            job.image(path)
        job.wrote("records with their points as text" if row is None else "records with objects")


EXPORT = Export(
    title="ms-swift conversations",
    reads=READS,
    images=("copy", "link", "none"),
    reasons=REASONS,
    write=write,
    passes=3,
)
