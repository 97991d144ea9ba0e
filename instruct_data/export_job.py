"""What a format file promises, and the job it works on: records in, whole files out, everything counted by name.

A format file holds `EXPORT = Export(...)`; the file is its registration, its name with "-" for "_" its name on the command
line. Its `write` asks the job for records and hands it files. A file has its name only when it is whole, a mark below
.state/marks says what was counted while it was written, and a job that is run again passes over what is marked.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TypeVar

import msgspec

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.jsonl import PART, read_json, replacing, write_json, writing
from georsmllm.layout import Counts, Manifest, Shard
from georsmllm.rng import hash64

from .parts import Bar, add

Images = Literal["copy", "link", "none"]
_BATCH_BYTES = 1 << 20
_HINT = "see all that is wrong: georsmllm validate"


@dataclass(frozen=True, slots=True)
class Export:
    """A way to write a set.

    reads: Markdown, how its consumer reads the folder, `OUT` standing for it. images: the ways in which images may come
    along, the first unless a person says otherwise; of a format whose files hold images, "copy" puts them there.
    reasons: the closed set of what the format cannot say, each with its sentence. write(job): write every file; gives
    the head of README.md (the Hub's YAML), "" for none. passes: how often it reads the set.
    """

    title: str
    reads: str
    images: tuple[Images, ...]
    reasons: Mapping[str, str]
    write: Callable[[Job], str]
    passes: int = 1


class Asked(Protocol):
    """Whatever of a record a format needs; its task decides whether it is wanted."""

    @property
    def task(self) -> str: ...


T = TypeVar("T", bound=Asked)
Row = TypeVar("Row")


class FileFacts(msgspec.Struct, frozen=True):
    path: str
    bytes: int
    sha256: str


class Tally(msgspec.Struct):
    """written: records, objects, views and so on; left_out: by the names of the format's reasons."""

    written: Counts = {}
    left_out: Counts = {}

    def add(self, other: Tally) -> None:
        add(self.written, other.written)
        add(self.left_out, other.left_out)


class Mark(msgspec.Struct, frozen=True):
    """A file that is whole. rows: given to it; ticks: records of the set that were read for it."""

    file: FileFacts
    tally: Tally
    rows: int
    ticks: int


class Hashed(io.RawIOBase):
    """A file that is written once from its head to its end, with the size and the hash of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type] # any buffer, as io has it
        self.file.write(view)
        self.digest.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size


class Job:
    """One export at work. Everything that a format file does to the disk goes through here."""

    def __init__(
        self, folder: Path, out: Path, reasons: Mapping[str, str], *, splits: tuple[str, ...], tasks: tuple[str, ...]
    ) -> None:
        self.folder = folder
        self.out = out
        self.reasons = reasons
        self.splits = splits
        self.tasks = frozenset(tasks)
        self.images: Images = "copy"
        self.manifest: Manifest = layout.manifest(folder)
        self.tally = Tally()
        self.ticks = 0
        self.watch: Bar | None = None

    # what there is

    def rows(self, split: str, type_: type[T], *, is_a_look: bool = False) -> Iterator[T]:
        """The wanted records of a split as that type, in the order of the set; raises UsageError with file:line.

        is_a_look: only to see what there is, which is no progress.
        """
        return chain.from_iterable(self.batches(split, type_, is_a_look=is_a_look))

    def batches(self, split: str, type_: type[T], *, is_a_look: bool = False) -> Iterator[list[T]]:
        """The same, many at a time: ten thousand records have a few dozen batches."""
        decoder = msgspec.json.Decoder(type_)
        for shard in self.manifest.shards:
            if shard.split != split:
                continue
            start = 1
            with _open(self.folder, shard) as file:
                while lines := file.readlines(_BATCH_BYTES):
                    try:
                        batch = decoder.decode_lines(b"".join(lines))
                    except (msgspec.DecodeError, UnicodeDecodeError):
                        raise _unreadable(self.folder / shard.path, lines, start, type_) from None
                    start += len(lines)
                    self.tick(0 if is_a_look else len(lines))
                    yield [row for row in batch if row.task in self.tasks] if self.tasks else batch

    def tick(self, count: int) -> None:
        self.ticks += count
        if self.watch is not None:
            self.watch.update(count)

    # what is counted

    def wrote(self, what: str, count: int = 1) -> None:
        add(self.tally.written, {what: count} if count else {})

    def cannot(self, reason: str, count: int = 1) -> None:
        """Something of the set that the format cannot say, by one of its reasons."""
        assert reason in self.reasons, reason
        add(self.tally.left_out, {reason: count} if count else {})

    # what is written

    def write(self, name: str, fill: Callable[[Hashed], object]) -> None:
        """The file of that name below the export, unless it is marked as whole."""
        mark = self._marked(name)
        if mark is None:
            self._write(name, lambda out: (fill(out), 0)[1])
        else:
            self.tick(mark.ticks)

    def write_pieces(
        self,
        name: Callable[[int], str],
        rows: Iterator[Row],
        fill: Callable[[Hashed, Iterator[Row]], None],
        *,
        most: int,
    ) -> None:
        """Numbered files, each filled with the next rows until it has `most` bytes."""
        for number, first in enumerate(rows):
            mark = self._marked(name(number))
            rest = chain((first,), rows)
            if mark is None:
                self._write(name(number), lambda out, rest=rest: _fill(out, rest, fill, most))  # type: ignore[misc]
            else:
                for _ in zip(range(mark.rows), rest, strict=False):
                    pass

    def small(self, name: str, data: bytes) -> None:
        """One of very many small files: written anew by every run, and not in the list of files."""
        with replacing(self.out / name) as file:
            file.write(data)

    def image(self, path: str, name: str = "") -> None:
        """See to it that an image of the set lies below the export, under its own path or another name."""
        # asked for every record, ten times for an image: by strings, a Path takes several times as long as the question
        if self.images == "none":
            return
        source, target = self.source(path), f"{self.out}/{name or path}"
        try:
            size = os.stat(source).st_size  # noqa: PTH116
        except FileNotFoundError:
            raise UsageError(f"{source} is missing; {_HINT} {self.folder}") from None
        if self.images == "link":
            if not os.path.islink(target):  # noqa: PTH114
                _link(Path(source), Path(target))
        elif _size(target) != size and not _copied(source, target):  # a power cut may have left it empty
            with replacing(Path(target)) as out, open(source, "rb") as file:  # noqa: PTH123
                shutil.copyfileobj(file, out, 1 << 20)

    def image_bytes(self, path: str) -> bytes:
        try:
            return Path(self.source(path)).read_bytes()
        except FileNotFoundError:
            raise UsageError(f"{self.folder / path} is missing; {_HINT} {self.folder}") from None

    def source(self, path: str) -> str:
        """Where an image of the set lies; raises UsageError for a path that leads out of it."""
        if path.startswith("/") or (".." in path and ".." in path.split("/")):
            raise UsageError(f"{path!r} leads out of the set; {_HINT} {self.folder}")
        return f"{self.folder}/{path}"

    # what a killed export goes on from

    def _write(self, name: str, fill: Callable[[Hashed], int]) -> None:
        before, self.tally, ticks = self.tally, Tally(), self.ticks
        with writing(self.out / name) as file:
            out = Hashed(file)
            rows = fill(out)
        facts = FileFacts(name, out.size, out.digest.hexdigest())
        write_json(_marks(self.out) / f"{hash64(name):016x}.json", Mark(facts, self.tally, rows, self.ticks - ticks))
        self.tally = before

    def _marked(self, name: str) -> Mark | None:
        path = _marks(self.out) / f"{hash64(name):016x}.json"
        if not path.exists():
            return None
        mark = read_json(path, Mark)
        file = self.out / name
        return mark if file.is_file() and file.stat().st_size == mark.file.bytes else None


def marks(out: Path) -> tuple[Mark, ...]:
    """Of all files that are whole, by their paths."""
    found = [read_json(path, Mark) for path in _marks(out).glob("*.json")]
    return tuple(sorted(found, key=lambda mark: mark.file.path))


def _marks(out: Path) -> Path:
    return out / ".state" / "marks"


def _fill(out: Hashed, rows: Iterator[Row], fill: Callable[[Hashed, Iterator[Row]], None], most: int) -> int:
    """How many rows went into the file until it was full."""
    count = 0

    def until_full() -> Iterator[Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row
            if out.size >= most:
                return

    fill(out, until_full())
    return count


def _open(folder: Path, shard: Shard) -> BinaryIO:
    try:
        return (folder / shard.path).open("rb")
    except FileNotFoundError:
        raise UsageError(
            f"{folder / shard.path} is missing; see all that is wrong: georsmllm validate {folder}"
        ) from None


def _unreadable(path: Path, lines: list[bytes], start: int, type_: type[object]) -> UsageError:
    """The error of the first line that cannot be read."""
    for number, line in enumerate(lines, start):
        try:
            msgspec.json.decode(line, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return UsageError(f"{path}:{number}: {error}; {_HINT} DIR")
    return UsageError(f"{path}: a line between {start} and {start + len(lines)} is no record")


def _size(path: str) -> int:
    """Of a file; -1 where there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:
        return -1


def _copied(source: str, target: str) -> bool:
    """Copy a file the quick way; False where its folder is not there yet, the disk is full and so on, of which the long
    way says what there is to say."""
    beside = f"{target[: target.rfind('/')]}/.{os.getpid()}-image{PART}"
    try:
        with open(source, "rb", buffering=0) as file, open(beside, "wb", buffering=0) as out:  # noqa: PTH123
            data = file.read()
            if out.write(data) != len(data):
                return False
        os.rename(beside, target)  # noqa: PTH104
    except OSError:
        return False
    return True


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{os.getpid()}-link{PART}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(source.resolve())
    beside.replace(target)
