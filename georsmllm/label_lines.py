"""Lines of eight numbers, a name and a flag, read by bytes: the compiled kernel behind `formats.dota_txt`.

It takes the plain form of such lines only; whatever else stands in a file is left to the general reader, which also has
the words for what is wrong with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

MAX_NAMES = 256
MAX_DIGITS = 15
"""So many digits over a power of ten is the very float that Python reads."""
_TENS = np.power(10.0, np.arange(MAX_DIGITS + 1)).astype(np.float64)


class Lines(NamedTuple):
    """corners n x 8 as written; names: each line's, and flags: whether its tenth field is set; lines: 1-based."""

    corners: NDArray[np.float64]
    names: tuple[str, ...]
    flags: NDArray[np.bool_]
    lines: Ints


def read(data: bytes, first_line: int) -> Lines | None:
    """The lines of a file, or of its rest from that line on; None where one of them is not plain."""
    most = data.count(b"\n") + 1
    corners, which = np.empty((most, 8)), np.empty(most, np.int64)
    flags, lines = np.empty(most, np.bool_), np.empty(most, np.int64)
    spans = np.empty((MAX_NAMES, 2), np.int64)
    num, num_names = _read(np.frombuffer(data, np.uint8), first_line, _TENS, corners, which, flags, lines, spans)
    if num < 0:
        return None
    names = [data[start:end].decode("ascii") for start, end in spans[:num_names].tolist()]
    return Lines(corners[:num], tuple([names[i] for i in which[:num].tolist()]), flags[:num], lines[:num])


@kernel
def _read(
    data: Bytes,
    line: int,
    tens: NDArray[np.float64],
    corners: NDArray[np.float64],
    which: Ints,
    flags: NDArray[np.bool_],
    lines: Ints,
    spans: Ints,
) -> tuple[int, int]:
    size, at, num, num_names = len(data), 0, 0, 0
    while True:
        at = _skip(data, at)
        if at == size:
            return num, num_names
        if data[at] == 10:
            at, line = at + 1, line + 1
            continue
        for k in range(8):
            value, at = _number(data, at, tens)
            if at < 0:
                return -1, 0
            corners[num, k] = value
            at = _skip(data, at)
        start = at
        while at < size and 32 < data[at] < 127:
            at += 1
        if at == start or (at < size and data[at] not in (9, 10, 13, 32)):
            return -1, 0
        name = _name(data, start, at, spans, num_names)
        if name == MAX_NAMES:
            return -1, 0
        if name == num_names:
            spans[name, 0], spans[name, 1] = start, at
            num_names += 1
        at = _skip(data, at)
        flags[num] = False
        if at < size and data[at] != 10:
            value, at = _number(data, at, tens)
            if at < 0:
                return -1, 0
            flags[num] = int(value) != 0
            while at < size and data[at] != 10:  # further fields mean nothing
                at += 1
        which[num], lines[num] = name, line
        num += 1


@kernel
def _skip(data: Bytes, at: int) -> int:
    while at < len(data) and (data[at] == 32 or data[at] == 9 or data[at] == 13):
        at += 1
    return at


@kernel
def _number(data: Bytes, at: int, tens: NDArray[np.float64]) -> tuple[float, int]:
    """A decimal number and where it ends; -1 where none of at most 15 digits and 10 million stands alone."""
    size, sign = len(data), 1.0
    if at < size and data[at] == 45:
        sign, at = -1.0, at + 1
    value, digits, places, seen_point = 0, 0, 0, False
    while at < size:
        if 48 <= data[at] <= 57:
            value, digits = value * 10 + (data[at] - 48), digits + 1
            places += seen_point
        elif data[at] == 46 and not seen_point and digits > 0:
            seen_point = True
        else:
            break
        if digits > 15:
            return 0.0, -1
        at += 1
    if digits == 0 or (at < size and data[at] not in (9, 10, 13, 32)):
        return 0.0, -1
    number = sign * (value / tens[places])
    return (number, at) if abs(number) <= 1e7 else (0.0, -1)


@kernel
def _name(data: Bytes, start: int, end: int, spans: Ints, num_names: int) -> int:
    """The number of a name among those seen, or the next free one."""
    for i in range(num_names):
        if spans[i, 1] - spans[i, 0] == end - start:
            same = True
            for k in range(end - start):
                same = same and data[spans[i, 0] + k] == data[start + k]
            if same:
                return i
    return num_names
