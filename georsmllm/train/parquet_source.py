"""A set's export to Parquet as a source: rows by number, a few row groups held at a time.

A row is read with its whole row group (at most 100 rows), so that a shuffled order costs a group a sample where images are
large; a built set or a WebDataset export gives any record for its own price.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from georsmllm.errors import BadRecord, MissingExtra, UsageError
from georsmllm.train.forms import Conversation, Receipt, Spoken, alike, open_below, open_bytes, whole
from georsmllm.types import Record

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL.Image import Image

T = TypeVar("T")
_HELD = 4
"""Row groups of images that a process holds; each is of 32 MB, about."""

_WORDS = ("id", "messages", "images.list.element.path", "provenance.views")


class ParquetExport:
    """A folder that `georsmllm export --to parquet` made."""

    def __init__(self, folder: Path, split: str, receipt: Receipt) -> None:
        _require()
        import pyarrow.parquet as pq

        name = re.compile(rf"data/{re.escape(split)}-[0-9]{{5}}\.parquet")
        files = sorted((file for file in receipt.files if name.fullmatch(file.path)), key=lambda file: file.path)
        self.folder = folder
        self.fingerprint = hashlib.sha256("\n".join(file.sha256 for file in files).encode()).hexdigest()[:16]
        self._paths = [whole(folder, file) for file in files]
        self._groups: list[tuple[int, int]] = []
        self._files_first: list[int] = []
        rows: list[int] = []
        for at, path in enumerate(self._paths):
            try:
                facts = pq.read_metadata(path)
            except (OSError, ValueError) as error:
                raise UsageError(f"{path}: no Parquet: {error}; export the set once more") from None
            self._files_first.append(sum(rows))
            self._groups += [(at, group) for group in range(facts.num_row_groups)]
            rows += [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        self._firsts = list(accumulate(rows, initial=0))
        self._files: dict[int, pq.ParquetFile] = {}
        self._tables: OrderedDict[tuple[int, bool], pa.Table] = OrderedDict()

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getitem__(self, number: int) -> Record:
        group, row = self._find(number)
        values = self._table(group, is_whole=True).slice(row, 1).to_pylist()[0]
        values["images"] = [image["path"] for image in values["images"]]
        return _converted(values, Record, self.place(number))

    def conversation(self, number: int) -> Conversation:
        group, row = self._find(number)
        values = self._table(group, is_whole=False).slice(row, 1).to_pylist()[0]
        return _spoken(values, self.place(number)).conversation

    def conversations(self) -> Iterator[Conversation]:
        for group, first in enumerate(self._firsts[:-1]):
            for row, values in enumerate(self._table(group, is_whole=False).to_pylist()):
                yield _spoken(values, self.place(first + row)).conversation

    def images(self, number: int) -> tuple[Image, ...]:
        group, row = self._find(number)
        place = self.place(number)
        cells = self._table(group, is_whole=True).column("images").slice(row, 1).to_pylist()[0]
        found = tuple(
            open_below(self.folder, cell["path"], place)
            if cell["bytes"] is None
            else open_bytes(cell["bytes"], cell["path"], place)
            for cell in cells
        )
        return alike(found, self.conversation(number).sizes_wh, place)

    def place(self, number: int) -> str:
        """file:row, from 1."""
        at, _ = self._groups[self._find(number)[0]]
        return f"{self._paths[at]}:{number - self._files_first[at] + 1}"

    def _find(self, number: int) -> tuple[int, int]:
        if not 0 <= number < len(self):
            raise IndexError(f"record {number} of {len(self)}")
        group = bisect_right(self._firsts, number) - 1
        return group, number - self._firsts[group]

    def _table(self, group: int, *, is_whole: bool) -> pa.Table:
        """The rows of a group, with their images' bytes or with the words alone."""
        import pyarrow.parquet as pq

        key = group, is_whole
        if key in self._tables:
            self._tables.move_to_end(key)
            return self._tables[key]
        at, number = self._groups[group]
        if at not in self._files:
            self._files[at] = pq.ParquetFile(self._paths[at])
        try:
            table = self._files[at].read_row_group(number, columns=None if is_whole else _WORDS, use_threads=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._paths[at]}: row group {number}: {error}; export the set once more") from None
        self._tables[key] = table
        while len(self._tables) > 2 * _HELD:
            self._tables.popitem(last=False)
        return table

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_files": {}, "_tables": OrderedDict()}


def _require() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", "export", "training from a Parquet export") from None


def _spoken(values: dict[str, object], place: str) -> Spoken:
    paths = [image["path"] for image in values["images"]]  # type: ignore[attr-defined] # a list of structs, as Arrow has it
    return _converted({**values, "images": paths}, Spoken, place)


def _converted(values: dict[str, object], type_: type[T], place: str) -> T:
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise BadRecord("bad_entry", str(error), where=place) from None
