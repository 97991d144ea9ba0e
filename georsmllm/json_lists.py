"""Where the elements of a large JSON file's top-level lists lie: one pass, a mapped file, a few bytes an element."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from georsmllm.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.json_spans import Bytes

Span = tuple[int, int]
_BATCH = 65_536


class Elements(NamedTuple):
    """spans: (N, 2) byte positions of a list's elements; ids: (N,) hash of each one's id token, 0 where it has none."""

    spans: NDArray[np.int64]
    ids: NDArray[np.uint64]


class Found(NamedTuple):
    """A list: its elements, and where it lies, brackets included."""

    elements: Elements
    span: Span


def scan(path: Path, id_keys: Mapping[str, str]) -> dict[str, Found]:
    """The lists under the given top-level keys, each with the key that holds its elements' id; other keys are passed by.

    Raises UsageError with file@byte for a file that is missing, cut short or broken between its elements.
    """
    import numpy as np

    from georsmllm.json_spans import OK, STATUS_TEXT, skip_space, skip_string, skip_value

    data, release = _mapped(path)
    at = skip_space(data, 3 if data[:3].tobytes() == b"\xef\xbb\xbf" else 0)
    if at < data.size and data[at] == ord("["):
        _broken(
            path,
            at,
            "expected a JSON object, found a list",
            f"it is to hold the lists {', '.join(id_keys)} under their names",
        )
    if at >= data.size or data[at] != ord("{"):
        _broken(path, at, "expected a JSON object")
    found: dict[str, Found] = {}
    at = skip_space(data, at + 1)
    while at < data.size and data[at] != ord("}"):
        key_end = skip_string(data, at)
        colon = skip_space(data, key_end)
        if data[at] != ord('"') or colon >= data.size or data[colon] != ord(":"):
            _broken(path, min(colon, data.size), "expected a key and a colon")
        key = data[at + 1 : key_end - 1].tobytes().decode(errors="replace")
        at = skip_space(data, colon + 1)
        if at < data.size and key in id_keys:
            if data[at] != ord("["):
                _broken(
                    path,
                    at,
                    f"expected a list under {key!r}",
                    "one JSON for each image, as in SODA-A, is another format",
                )
            if key in found:
                _broken(path, at, f"a second list {key!r}", "join the two")
            start = at
            list_elements, at = _elements(path, data, at + 1, np.frombuffer(id_keys[key].encode(), np.uint8), release)
            found[key] = Found(list_elements, (start, at))
        else:
            at, status, _ = skip_value(data, at, np.zeros(0, np.uint8))
            if status != OK:
                _broken(path, at, STATUS_TEXT[status])
        at = skip_space(data, at)
        if at < data.size and data[at] == ord(","):
            at = skip_space(data, at + 1)
    if at >= data.size:
        _broken(path, data.size, "the file ends before its last closing bracket")
    if (rest := skip_space(data, at + 1)) < data.size:
        _broken(path, rest, "something follows the last closing bracket")
    return found


def scan_list(path: Path, id_key: str) -> Elements:
    """The elements of a file that is one list, each with the hash of what stands under the given key.

    Raises UsageError with file@byte for a file that is missing, cut short or broken between its elements.
    """
    import numpy as np

    from georsmllm.json_spans import skip_space

    data, release = _mapped(path)
    at = skip_space(data, 3 if data[:3].tobytes() == b"\xef\xbb\xbf" else 0)
    if at >= data.size or data[at] != ord("["):
        _broken(path, at, "expected a JSON list")
    found, at = _elements(path, data, at + 1, np.frombuffer(id_key.encode(), np.uint8), release)
    if (rest := skip_space(data, at)) < data.size:
        _broken(path, rest, "something follows the last closing bracket")
    return found


class Groups(NamedTuple):
    """Elements by their id, ids in the order in which they appear: those of group g are spans[starts[g] : starts[g + 1]]."""

    spans: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, group: int) -> tuple[Span, ...]:
        return tuple((start, end) for start, end in self.spans[self.starts[group] : self.starts[group + 1]].tolist())


def by_id(found: Elements) -> Groups:
    """The elements of a list by their id; those without an id are one group."""
    import numpy as np

    _, first, groups = np.unique(found.ids, return_index=True, return_inverse=True)
    order = np.lexsort((np.arange(len(groups)), first[groups]))
    changes = np.flatnonzero(np.diff(first[groups][order], prepend=-1))
    return Groups(found.spans[order], np.append(changes, len(order)))


def _elements(path: Path, data: Bytes, at: int, key: Bytes, release: Callable[[int], None]) -> tuple[Elements, int]:
    import numpy as np

    from georsmllm.json_spans import MORE, OK, STATUS_TEXT, elements

    spans = np.empty((_BATCH, 2), np.int64)
    ids = np.empty(_BATCH, np.uint64)
    batches: list[Elements] = []
    status = MORE
    while status == MORE:
        count, at, status = elements(data, at, key, spans, ids)
        batches.append(Elements(spans[:count].copy(), ids[:count].copy()))
        release(at)
    if status != OK:
        _broken(path, at, STATUS_TEXT[status])
    return Elements(np.concatenate([b.spans for b in batches]), np.concatenate([b.ids for b in batches])), at


def _mapped(path: Path) -> tuple[Bytes, Callable[[int], None]]:
    """The bytes of a file, and a function that gives the pages before a position back to the system."""
    import numpy as np

    try:
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"no such file: {path}") from None
    except ValueError:
        _broken(path, 0, "the file is empty")

    def release(at: int) -> None:
        if sys.platform == "linux":  # elsewhere the system takes pages back when it needs them
            mapping.madvise(mmap.MADV_DONTNEED, 0, at)

    return np.frombuffer(mapping, np.uint8), release


def _broken(
    path: Path, at: int, trouble: str, way_out: str = "the file is not whole JSON: fetch or write it again"
) -> NoReturn:
    raise UsageError(f"{path}@{at}: {trouble}; {way_out}")


def element_spans(raw: bytes) -> list[Span]:
    """Positions of the elements inside a run of a list."""
    import numpy as np

    from georsmllm.json_spans import elements

    data = np.frombuffer(raw + b"]", np.uint8)
    room = 1 + raw.count(b"{")
    spans = np.empty((room, 2), np.int64)
    count, _, _ = elements(data, 0, np.zeros(0, np.uint8), spans, np.empty(room, np.uint64))
    return [(start, end) for start, end in spans[:count].tolist()]
