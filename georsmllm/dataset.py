"""The records of a set by their number, and streams of them in a shuffled order that can be left and taken up again.

    records = Records(Path("sets/mine"), "train")      # a map-style dataset: len(records), records[7], iteration
    stream = Stream(records, Reader(seed=1, epoch=0, window=10_000, rank=rank, world=world))
    for record in stream: ...
    saved = stream.state()                             # a few numbers, JSON
    stream = Stream.resume(records, saved)             # the very rest

Opening reads the shards once for their line ends (0.3 s for 0.9 GB in the system's cache) and keeps 8 bytes a
record; there is no index file that could disagree with a shard. Nothing here needs torch: its DataLoader takes `Records`
as it is, and reads a `Stream` in a worker by `rank`, `world`, `worker` and `workers`.
"""

from __future__ import annotations

import hashlib
import mmap
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.layout import Shard
from georsmllm.rng import rng
from georsmllm.types import Record

_CHUNK = 1 << 18  # bytes read at once: what a core's cache holds


class Records:
    """The records of a split (of all splits in the order of the manifest: None), read when they are asked for.

    Raises UsageError for a folder that is no finished set, a split that it has not, and shards whose size or number of
    lines is not the manifest's; their hashes are the business of `georsmllm validate`. A pickle holds paths and line
    ends, no record and no open file.
    """

    def __init__(self, folder: Path, split: str | None = None) -> None:
        manifest = layout.manifest(folder)
        splits = list(dict.fromkeys(shard.split for shard in manifest.shards))
        if split is not None and split not in splits:
            raise UsageError(f"{folder} has no split {split!r}; there are: {', '.join(splits) or 'none'}")
        shards = [shard for shard in manifest.shards if split in (None, shard.split)]
        self.folder = folder
        self.fingerprint = hashlib.sha256("\n".join(shard.sha256 for shard in shards).encode()).hexdigest()[:16]
        """Of the very bytes of these records, as the manifest has them."""
        self._paths = [folder / shard.path for shard in shards]
        self._ends = [_line_ends(folder, shard) for shard in shards]
        self._firsts = list(accumulate((shard.rows for shard in shards), initial=0))
        self._maps: dict[int, mmap.mmap] = {}

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getitem__(self, number: int) -> Record:
        line = self.line(number)
        try:
            return msgspec.json.decode(line, type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.place(number)}: {error}; see all that is wrong: georsmllm validate") from None

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self)))

    def line(self, number: int) -> bytes:
        """The JSON line of a record with its newline; a negative number counts from the end. Raises IndexError."""
        shard, row = self._find(number)
        data = self._maps.get(shard)
        if data is None:
            data = self._maps[shard] = _mapped(self._paths[shard])
        ends = self._ends[shard]
        return data[int(ends[row - 1]) if row else 0 : int(ends[row])]

    def place(self, number: int) -> str:
        """file:line of a record."""
        shard, row = self._find(number)
        return f"{self._paths[shard]}:{row + 1}"

    def _find(self, number: int) -> tuple[int, int]:
        """The shard that holds a record, and its row in it."""
        at = number + len(self) if number < 0 else number
        if not 0 <= at < len(self):
            raise IndexError(f"record {number} of {len(self)}")
        shard = bisect_right(self._firsts, at) - 1
        return shard, at - self._firsts[shard]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_maps": {}}


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _line_ends(folder: Path, shard: Shard) -> NDArray[np.int64]:
    """The byte after every newline of a shard, checked against the manifest."""
    path = folder / shard.path
    hint = f"see all that is wrong: georsmllm validate {folder}"
    try:
        with path.open("rb", buffering=_CHUNK) as file:
            ends = np.fromiter(accumulate(map(len, file)), dtype=np.int64)
            size = file.tell()
            file.seek(max(0, size - 1))
            is_whole = file.read(1) in (b"", b"\n")
    except FileNotFoundError:
        raise UsageError(f"{path} is missing; {hint}") from None
    if size != shard.bytes:
        raise UsageError(f"{path} has {size} bytes, manifest.json says {shard.bytes}; {hint}")
    if len(ends) != shard.rows or not is_whole:
        rows = len(ends) - (not is_whole)
        raise UsageError(f"{path} has {rows} whole lines, manifest.json says {shard.rows}; {hint}")
    return ends


class Reader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who reads which order. All readers of an epoch share seed, epoch, window, world and workers.

    window: so many records that lie beside each other are shuffled among themselves, and these windows among each other;
    the size of the set or more: one shuffle of everything. rank of
    world: the process, as torchrun counts it. worker of workers: the DataLoader's worker inside of it.
    """

    seed: int = 0
    epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    window: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    rank: Annotated[int, msgspec.Meta(ge=0)] = 0
    world: Annotated[int, msgspec.Meta(ge=1)] = 1
    worker: Annotated[int, msgspec.Meta(ge=0)] = 0
    workers: Annotated[int, msgspec.Meta(ge=1)] = 1


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a reader stands. of: the fingerprint of its records. skipped: records at the head of the epoch's order that
    earlier readers, of any number, have read between them. read: what this reader read after those."""

    of: str
    reader: Reader
    skipped: Annotated[int, msgspec.Meta(ge=0)] = 0
    read: Annotated[int, msgspec.Meta(ge=0)] = 0


class Stream:
    """One reader's share of one epoch, in an order that seed and epoch decide; it goes on from where it stands.

    The readers of an epoch read every record exactly once between them: none is dropped, and none read twice to make the
    shares equal, so that they differ by one record at most (`len`). skipped: for other readers than began the epoch: what
    those have read, when all had read equally much.
    """

    def __init__(self, records: Records, reader: Reader, *, skipped: int = 0, read: int = 0) -> None:
        if reader.rank >= reader.world or reader.worker >= reader.workers:
            raise UsageError(
                f"expected a rank below {reader.world} and a worker below {reader.workers}, "
                f"got {reader.rank} and {reader.worker}"
            )
        self.records = records
        self.reader = reader
        self.skipped = skipped
        self.read = read
        self._order = _Order(len(records), reader)

    @classmethod
    def resume(cls, records: Records, state: Mapping[str, object]) -> Stream:
        """The stream that goes on after what `state()` had read; raises UsageError for other records or another value."""
        try:
            old = msgspec.convert(state, State)
        except msgspec.ValidationError as error:
            raise UsageError(f"no state of a stream: {error}") from None
        if old.of != records.fingerprint:
            raise UsageError(
                f"the state is of other records ({old.of}) than those of {records.folder} ({records.fingerprint}); "
                "take the set and split that the stream read"
            )
        return cls(records, old.reader, skipped=old.skipped, read=old.read)

    def state(self) -> dict[str, object]:
        """A few numbers that JSON can hold; a record counts as read once it was handed out."""
        state = State(of=self.records.fingerprint, reader=self.reader, skipped=self.skipped, read=self.read)
        found: dict[str, object] = msgspec.to_builtins(state)
        return found

    def __len__(self) -> int:
        """Records that are left."""
        left = len(self.records) - self._position()
        return max(0, -(-left // self._readers()))

    def __iter__(self) -> Iterator[Record]:
        return (self.records[number] for number in self.numbers())

    def numbers(self) -> Iterator[int]:
        """The same as numbers of records."""
        while (at := self._position()) < len(self.records):
            number = self._order.number(at)
            self.read += 1
            yield number

    def _position(self) -> int:
        """In the epoch's order, of this reader's next record."""
        number = self.reader.rank * self.reader.workers + self.reader.worker
        return self.skipped + number + self.read * self._readers()

    def _readers(self) -> int:
        return self.reader.world * self.reader.workers


class _Order:
    """The order of an epoch: which record stands at a position. One window is held at a time."""

    def __init__(self, size: int, reader: Reader) -> None:
        self.reader = reader
        starts = list(range(0, size, reader.window))
        rng(reader.seed, "windows", reader.epoch).shuffle(starts)
        self.windows = [range(start, min(start + reader.window, size)) for start in starts]
        self.firsts = list(accumulate(map(len, self.windows), initial=0))
        self.held = -1
        self.shuffled: list[int] = []

    def number(self, at: int) -> int:
        which = bisect_right(self.firsts, at) - 1
        if which != self.held:
            window = self.windows[which]
            self.shuffled = list(window)
            rng(self.reader.seed, "window", self.reader.epoch, window.start).shuffle(self.shuffled)
            self.held = which
        return self.shuffled[at - self.firsts[which]]
