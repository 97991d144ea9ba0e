"""A set's export to WebDataset as a source: any record by number, through an index of the tar files' members.

The index is read once from the members' headers: 40 bytes a member are held, nothing is unpacked. The keys are the numbers
of the records in their split, so that the order is that of the set, whatever tar files they lie in.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from georsmllm.errors import UsageError
from georsmllm.train.forms import Conversation, Receipt, Spoken, alike, open_bytes, whole
from georsmllm.types import Record

T = TypeVar("T")
_NAME = re.compile(r"(?P<key>[0-9]{9,})\.(?:(?P<turn>[0-9]+)\.)?(?P<ending>[a-z0-9]{1,8})")


class _Member(NamedTuple):
    """key: of the record. turn: -1 for its JSON line, else which of its images. file, start, size: where its bytes are."""

    key: int
    turn: int
    file: int
    start: int
    size: int


class TarExport:
    """A folder that `georsmllm export --to webdataset` made."""

    def __init__(self, folder: Path, split: str, receipt: Receipt) -> None:
        files = [file for file in receipt.files if _split_of(file.path, receipt.claim.splits) == split]
        files.sort(key=lambda file: file.path)
        self.folder = folder
        self.fingerprint = hashlib.sha256("\n".join(file.sha256 for file in files).encode()).hexdigest()[:16]
        self._paths = [whole(folder, file) for file in files]
        dtype = np.dtype([(name, np.int64) for name in _Member._fields])
        parts = [np.fromiter(_members(path, at), dtype) for at, path in enumerate(self._paths)]
        members = np.concatenate(parts) if parts else np.empty(0, dtype)
        self._members: NDArray[np.void] = members[np.lexsort((members["turn"], members["key"]))]
        self._firsts: NDArray[np.int64] = np.flatnonzero(self._members["turn"] == -1)
        keys = self._members["key"]
        if not np.array_equal(keys[self._firsts], np.arange(len(self._firsts))) or len(np.unique(keys)) != len(self):
            raise UsageError(f"{folder}: the records of {split} are not all there; export the set once more")
        self._maps: dict[int, mmap.mmap] = {}

    def __len__(self) -> int:
        return len(self._firsts)

    def __getitem__(self, number: int) -> Record:
        return self._decoded(number, Record)

    def conversation(self, number: int) -> Conversation:
        return self._decoded(number, Spoken).conversation

    def conversations(self) -> Iterator[Conversation]:
        return map(self.conversation, range(len(self)))

    def images(self, number: int) -> tuple[Image, ...]:
        spoken, place = self._decoded(number, Spoken), self.place(number)
        found = self._of(number)[1:]
        if len(found) != len(spoken.images):
            raise UsageError(f"{place}: {len(found)} images of {len(spoken.images)}; export the set once more")
        opened = (
            open_bytes(self._bytes(member), path, place) for member, path in zip(found, spoken.images, strict=True)
        )
        return alike(tuple(opened), spoken.sizes_wh, place)

    def place(self, number: int) -> str:
        """file:member."""
        return f"{self._paths[self._of(number)[0].file]}:{number:09d}.json"

    def _of(self, number: int) -> list[_Member]:
        """A record's members: its JSON line, then its images."""
        if not 0 <= number < len(self):
            raise IndexError(f"record {number} of {len(self)}")
        last = int(self._firsts[number + 1]) if number + 1 < len(self) else len(self._members)
        return [_Member(*row.tolist()) for row in self._members[int(self._firsts[number]) : last]]

    def _bytes(self, member: _Member) -> bytes:
        if member.file not in self._maps:
            with self._paths[member.file].open("rb") as file:
                self._maps[member.file] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._maps[member.file][member.start : member.start + member.size]

    def _decoded(self, number: int, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(self._bytes(self._of(number)[0]), type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.place(number)}: {error}; export the set once more") from None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_maps": {}}


def _split_of(path: str, splits: tuple[str, ...]) -> str | None:
    """The split that a file is of: the longest name that its own begins with."""
    if not re.fullmatch(r".+-[0-9]{5}\.tar", path):
        return None
    return max((split for split in splits if path.startswith(f"{split}-")), key=len, default=None)


def _members(path: Path, at: int) -> Iterator[_Member]:
    """The files of a tar by their headers."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start < size:
            file.seek(start)
            block = file.read(tarfile.BLOCKSIZE)
            if not block.strip(b"\0"):
                return
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            except (tarfile.TarError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}: no tar file at byte {start}: {error}; export the set once more") from None
            found = _NAME.fullmatch(header.name)
            data = start + tarfile.BLOCKSIZE
            if found is None or data + header.size > size:
                raise UsageError(
                    f"{path}: {header.name!r} at byte {start} is no member of our export; export once more"
                )
            turn = -1 if found["ending"] == "json" else int(found["turn"] or 0)
            yield _Member(int(found["key"]), turn, at, data, header.size)
            start = data + -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
