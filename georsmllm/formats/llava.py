"""LLaVA conversations of any size: JSON lists or lines, their records by image, and their turns as words and places.

    [{"id", "image": "P0001_0002.png", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}, ...]}]

The same records one a line are JSON lines. Only positions are kept of a file (24 bytes a record), never the records.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from georsmllm import images
from georsmllm.contracts import Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import by_stem
from georsmllm.formats import json_record, picture
from georsmllm.formats.json_record import BOM, T, read_span
from georsmllm.json_lists import Elements, Groups, Span, by_id, scan_list
from georsmllm.rng import hash64
from georsmllm.types import ImageRef

REASONS = {
    **json_record.REASONS,
    "no_image": "records that name no image",
}
MENDS = {"unpaired_turn_dropped": "a question without an answer, or an answer without a question, is left out"}
SUFFIXES = (".json", ".jsonl")


class Message(msgspec.Struct, frozen=True, rename={"speaker": "from"}):
    speaker: str
    value: str


class Record(msgspec.Struct, frozen=True):
    conversations: tuple[Message, ...]


class _Named(msgspec.Struct, frozen=True):
    image: str | None = None
    image_id: str | None = None


class Index(NamedTuple):
    """The records of a file by image: the groups of each name, sorted by name; "" for records that name none."""

    groups: Groups
    names: dict[str, tuple[int, ...]]

    def of(self, name: str) -> tuple[Span, ...]:
        return tuple(span for group in self.names[name] for span in self.groups.of(group))


def index(path: Path) -> Index:
    """The records say `image`, or image_id. Raises UsageError for a list that is cut short or broken between its records."""
    groups = by_id(_named(path, scan_list(path, "image")) if _is_list(path) else _lines(path))
    names: dict[str, list[int]] = {}
    with path.open("rb") as file:
        for group in range(len(groups.starts) - 1):
            start, end = groups.spans[groups.starts[group]].tolist()
            file.seek(start)
            names.setdefault(clean(_name(file.read(end - start))), []).append(group)
    return Index(groups, {name: tuple(numbers) for name, numbers in sorted(names.items())})


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4096).removeprefix(BOM).lstrip(b" \t\r\n").startswith(b"[")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _named(path: Path, found: Elements) -> Elements:
    """Records without `image` are told apart by their image_id, one by one."""
    import numpy as np

    rows = np.flatnonzero(found.ids == 0)
    ids = found.ids.copy()
    with path.open("rb") as file:
        for row in rows.tolist():
            start, end = found.spans[row].tolist()
            file.seek(start)
            ids[row] = _id(file.read(end - start))
    return Elements(found.spans, ids)


def _lines(path: Path) -> Elements:
    import numpy as np

    starts, ends, ids = array("q"), array("q"), array("Q")
    at = 0
    with path.open("rb") as file:
        for line in file:
            skipped = len(BOM) if at == 0 and line.startswith(BOM) else 0
            if line.strip(b" \t\r\n\xef\xbb\xbf"):
                starts.append(at + skipped)
                ends.append(at + len(line))
                ids.append(_id(line[skipped:]))
            at += len(line)
    spans = np.stack([np.frombuffer(starts, np.int64), np.frombuffer(ends, np.int64)], axis=1) if starts else None
    if spans is None:
        raise UsageError(f"{path}: no record; expected a JSON list or JSON lines of conversations")
    return Elements(spans, np.frombuffer(ids, np.uint64))


def _name(raw: bytes) -> str:
    try:
        named = _NAMED.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return (named.image or named.image_id or "").strip()


def _id(raw: bytes) -> int:
    name = _name(raw)
    return hash64(name) if name else 0


def clean(name: str) -> str:
    """A file name of a record as a path below a folder: whatever its author's machine put in front stays a plain name."""
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("/", "//", ".."))


def refs(base: Path, files: Sequence[tuple[str, str]]) -> Iterator[Ref]:
    """A ref for each image of each file, given as (path below base, split); its key is the file and the image's name in it.

    A file none of whose images is on disk is left out, unless that is true of all of them.
    """
    stems = by_stem(base, images.SUFFIXES)
    found = [(name, split, index(base / name)) for name, split in files]
    here = [one for one in found if any(_path(one[0], own, stems) for own in one[2].names)] or found
    prefixes = {str(PurePosixPath(one[0]).with_suffix("")): one for one in here}
    if len(prefixes) < len(here):
        name = next(one[0] for one in here if one not in prefixes.values())
        raise UsageError(
            f"{name} stands beside a file of the same name with another suffix below {base}; keep one of them"
        )
    for prefix, (name, split, records) in sorted(prefixes.items(), key=lambda item: f"{item[0]}/"):
        keys = {own or f"@{records.of(own)[0][0]}": own for own in records.names}
        for key, own in sorted(keys.items()):
            paths = (_path(name, own, stems) or own, name) if own else (name,)
            yield Ref(f"{prefix}/{key}", split, paths, records.of(own))


def _path(json: str, name: str, stems: Mapping[str, tuple[str, ...]]) -> str:
    """Where an image lies: under its own name from the root or from the JSON's folder, else by its bare name anywhere,
    whatever its suffix; "" when it is nowhere."""
    bare = PurePosixPath(name)
    found = stems.get(bare.stem, ()) or stems.get(bare.name, ())
    for own in (name, str(PurePosixPath(json).parent / name)):
        if own in found:
            return own
    same = [path for path in found if PurePosixPath(path).name == bare.name] or list(found)
    if len(same) > 1:
        raise UsageError(f"{json}: {name} may be {same[0]} or {same[1]}; keep one of them")
    return same[0] if same else ""


def decode(decoder: msgspec.json.Decoder[T], path: Path, span: Span) -> T:
    """One record by its place; raises BadRecord with file@byte."""
    return json_record.decode(decoder, read_span(path, span), f"{path.name}@{span[0]}")


def image(base: Path, path: str, where: str) -> ImageRef:
    """The image of a ref; raises BadRecord."""
    if not (base / path).exists():
        raise BadRecord("image_missing", f"{path} is named and nowhere on disk", where=where)
    return picture.read(base, path)


def turns(record: Record, mended: Counter[str]) -> Iterator[tuple[str, str]]:
    """Questions with their answers, in order; what has no partner is counted and left out."""
    question: str | None = None
    for message in record.conversations:
        if message.speaker in ("human", "user"):
            mended["unpaired_turn_dropped"] += question is not None
            question = message.value
        elif question is None:
            mended["unpaired_turn_dropped"] += 1
        else:
            yield question, message.value
            question = None
    mended["unpaired_turn_dropped"] += question is not None


_NAMED = msgspec.json.Decoder(_Named)
RECORD = msgspec.json.Decoder(Record)
