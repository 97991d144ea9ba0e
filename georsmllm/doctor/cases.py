"""Answers of a file with the sizes of their views and their gold, under whatever names people give these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from georsmllm import images
from georsmllm.contracts import Dialect, SizeWH
from georsmllm.doctor.ears import SQUARE, Case, spoken_in
from georsmllm.errors import UsageError
from georsmllm.hearing import IN_DEGREES
from georsmllm.types import PointSet, Record, Ring, box, rbox

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

ANSWERS = ("text", "answer", "prediction", "response", "output", "generated_text", "gpt_answer", "pred")
SIZES = (("width", "height"), ("image_width", "image_height"), ("img_width", "img_height"), ("w", "h"))
SIZE_PAIRS = ("size", "image_size", "size_wh")
IMAGES = ("image", "images", "image_path", "file_name", "image_id", "filename")
IDS = ("id", "question_id", "image_id", "image")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """answers, gold: names of fields, "" for whatever is there. gold_dialect: how gold that is text is written. size_wh: of
    all views. images: the folder that holds them. records: of a built set, by id."""

    answers: str = ""
    gold: str = ""
    gold_dialect: Dialect | None = None
    size_wh: SizeWH | None = None
    images: Path | None = None
    records: Mapping[str, Record] | None = None


def read(path: Path, options: Options) -> list[Case]:
    """The answers of a file of JSON lines, or of one JSON list, but those in degrees of the Earth; raises UsageError with
    file:line."""
    cases = [_case(row, where, options) for where, row in _rows(path)]
    return [case for case in cases if not _is_in_degrees(case.id, options)]


def identities(path: Path) -> set[str]:
    """The ids of the answers of a file, "" for one without; raises UsageError as `read` does."""
    return {_identity(row) for _, row in _rows(path)}


def _identity(row: dict[str, Plain]) -> str:
    return next((str(row[name]) for name in IDS if name in row), "")


def _is_in_degrees(identity: str, options: Options) -> bool:
    record = (options.records or {}).get(identity)
    return record is not None and record.task == IN_DEGREES


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Plain]]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    rows: Sequence[tuple[str, Plain]]
    if data.lstrip()[:1] == b"[":
        whole = _decode(data, str(path))
        rows = [(f"{path}, entry {number}", row) for number, row in enumerate(cast("list[Plain]", whole), start=1)]
    else:
        rows = [
            (f"{path}:{number}", _decode(line, f"{path}:{number}"))
            for number, line in enumerate(data.split(b"\n"), start=1)
            if line.strip()
        ]
    if not rows:
        raise UsageError(f"{path} is empty; expected a line of JSON for each answer")
    for where, row in rows:
        if isinstance(row, str):
            yield where, {"text": row}
        elif isinstance(row, dict):
            yield where, row
        else:
            raise UsageError(f"{where}: expected an object with an answer, got {type(row).__name__}")


def _decode(data: bytes, where: str) -> Plain:
    try:
        return cast(Plain, msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: not JSON: {error}") from None


def _case(row: dict[str, Plain], where: str, options: Options) -> Case:
    identity = _identity(row)
    record = (options.records or {}).get(identity)
    if options.records is not None and record is None:
        raise UsageError(f"{where}: no record of the set is called {identity!r}")
    size = _size(row, where, options, record)
    return Case(identity, _text(row, where, options), size, _gold(row, where, options, size, record))


def _text(row: dict[str, Plain], where: str, options: Options) -> str:
    name = options.answers or next((name for name in ANSWERS if isinstance(row.get(name), str)), "")
    text = row.get(name)
    if isinstance(text, str):
        return text
    if isinstance(text, list):  # an answer that was JSON already
        return msgspec.json.encode(text).decode()
    names = ", ".join(row) or "no field"
    raise UsageError(
        f"{where}: no answer in {name or 'any of ' + ', '.join(ANSWERS)}; it has {names}; name one by --answers"
    )


def _size(row: dict[str, Plain], where: str, options: Options, record: Record | None) -> SizeWH | None:
    if record is not None:
        view = record.provenance.views[record.gold[0].image if record.gold else -1]
        return view.width, view.height
    found: list[Plain] = []
    for names in SIZES:
        if all(name in row for name in names):
            found = [row[name] for name in names]
    for name in SIZE_PAIRS:
        pair = row.get(name)
        found = pair if isinstance(pair, list) and len(pair) == 2 else found
    if found:
        width, height = found
        if not (isinstance(width, int) and isinstance(height, int) and 0 < width < 10**6 and 0 < height < 10**6):
            raise UsageError(f"{where}: expected the width and height of the view in px, got {width!r} and {height!r}")
        return width, height
    if options.images is not None:
        return _image_size(row, where, options.images)
    return options.size_wh


def _image_size(row: dict[str, Plain], where: str, folder: Path) -> SizeWH:
    for name in IMAGES:
        value = row.get(name)
        value = value[-1] if isinstance(value, list) and value else value
        if isinstance(value, str):
            path = folder / value
            beside = [path, *(path.with_name(path.name + suffix) for suffix in images.SUFFIXES)]
            there = next((one for one in beside if one.is_file()), None)
            if there is None:
                raise UsageError(f"{where}: no image {value} in {folder}")
            try:
                return images.size_wh(there)
            except images.BadImage as bad:
                raise UsageError(f"{where}: {there}: {bad.message}") from None
    raise UsageError(f"{where}: no image is named in any of {', '.join(IMAGES)}")


def _gold(
    row: dict[str, Plain], where: str, options: Options, size: SizeWH | None, record: Record | None
) -> tuple[PointSet, ...] | None:
    if record is not None:
        return tuple(PointSet(g.kind, tuple(Ring(r.points, r.sign) for r in g.rings)) for g in record.gold)
    if not options.gold:
        return None
    value = row.get(options.gold)
    if isinstance(value, str):
        if options.gold_dialect is None:
            raise UsageError(f"{where}: the gold is text; say in which form by --gold-dialect")
        spoken = spoken_in(options.gold_dialect, value, size or SQUARE)
        return None if spoken is None else tuple(one.shape for one in spoken)
    if isinstance(value, list):
        boxes = [value] if value and not isinstance(value[0], list | dict) else value
        return tuple(_box(one, where) for one in boxes)
    raise UsageError(f"{where}: no gold in {options.gold!r}: expected text, or boxes in pixels of the view")


def _box(value: Plain, where: str) -> PointSet:
    """Four numbers x1, y1, x2, y2, or the eight of four corners, in pixels of the view."""
    flat = (
        [v for part in value for v in (part if isinstance(part, list) else [part])] if isinstance(value, list) else []
    )
    numbers = [float(v) for v in flat if isinstance(v, int | float)]
    if len(numbers) == 4:
        x1, y1, x2, y2 = numbers
        return box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    if len(numbers) == 8:
        return rbox(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    raise UsageError(f"{where}: expected gold boxes of 4 or 8 numbers in pixels of the view, got {str(value)[:60]}")
