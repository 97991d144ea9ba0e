"""Where the values of a large JSON object lie: byte spans of members and of array elements, found in one pass.

Nothing is decoded here and nothing but positions is kept, so a file of any size costs tens of bytes an element. The
scan checks quotes, escapes, nesting and commas; what stands inside an element is checked by whoever decodes it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

OK: Final = 0
MORE: Final = 1
"""The output arrays are full; call again from the position given."""
TRUNCATED: Final = 2
MISMATCH: Final = 3
"""A bracket closes another kind of bracket, or closes nothing."""
NO_COMMA: Final = 4
"""Something else stands where a comma or the closing bracket belongs."""
TOO_DEEP: Final = 5

STATUS_TEXT: Final = {
    TRUNCATED: "the file ends in the middle of a value",
    MISMATCH: "a bracket closes another kind of bracket",
    NO_COMMA: "expected a comma or a closing bracket",
    TOO_DEEP: "brackets nested deeper than 60 levels",
}

NO_ID: Final = 0
_MAX_DEPTH: Final = 60
_QUOTE: Final = 34
_COMMA: Final = 44
_COLON: Final = 58
_OPEN_LIST: Final = 91
_BACKSLASH: Final = 92
_CLOSE_LIST: Final = 93
_OPEN_OBJECT: Final = 123
_CLOSE_OBJECT: Final = 125
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3


def _special_bytes() -> Bytes:
    table = np.zeros(256, dtype=np.uint8)
    table[[_QUOTE, _OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT]] = 1
    return table


_SPECIAL: Final = _special_bytes()


@njit(cache=True, nogil=True)
def skip_space(data: Bytes, at: int) -> int:
    """The first position from `at` on that holds no JSON white space; len(data) when there is none."""
    while at < data.size and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@njit(cache=True, nogil=True)
def skip_string(data: Bytes, at: int) -> int:
    """The position after the string whose opening quote is at `at`; len(data) + 1 when it does not end."""
    at += 1
    while at < data.size:
        byte = data[at]
        if byte == _QUOTE:
            return at + 1
        at += 2 if byte == _BACKSLASH else 1
    return data.size + 1


@njit(cache=True, nogil=True)
def _token_end(data: Bytes, at: int) -> int:
    """The position after a scalar that starts at `at`: a string, or everything up to a comma, bracket or space."""
    if data[at] == _QUOTE:
        return skip_string(data, at)
    while at < data.size:
        byte = data[at]
        if byte in (_COMMA, _CLOSE_OBJECT, _CLOSE_LIST) or byte <= 32:
            return at
        at += 1
    return data.size


@njit(cache=True, nogil=True)
def _hash(data: Bytes, start: int, end: int) -> np.uint64:
    """64-bit FNV-1a of the raw bytes of a token: 3 and "3" differ, equal tokens agree."""
    value = np.uint64(_FNV_OFFSET)
    for at in range(start, end):
        value = (value ^ np.uint64(data[at])) * np.uint64(_FNV_PRIME)
    return value


@njit(cache=True, nogil=True)
def _is_key(data: Bytes, start: int, end: int, key: Bytes) -> bool:
    if key.size == 0 or end > data.size or end - start != key.size + 2:
        return False
    same = True
    for i in range(key.size):
        same &= data[start + 1 + i] == key[i]
    return same


@njit(cache=True, nogil=True)
def _scalar_after(data: Bytes, end: int) -> tuple[int, np.uint64]:
    """(where to go on, hash of the scalar behind the colon after `end`, or NO_ID where there is no such scalar)."""
    colon = skip_space(data, end)
    if colon >= data.size or data[colon] != _COLON:
        return end, np.uint64(NO_ID)
    start = skip_space(data, colon + 1)
    if start >= data.size or data[start] in (_OPEN_LIST, _OPEN_OBJECT):
        return start, np.uint64(NO_ID)
    end = _token_end(data, start)
    return end, _hash(data, start, min(end, data.size))


@njit(cache=True, nogil=True)
def skip_value(data: Bytes, at: int, key: Bytes) -> tuple[int, int, np.uint64]:
    """(position after the value at `at`, status, hash of the scalar under `key` when the value is an object, or NO_ID).

    On a status other than OK the position is where the trouble lies. An empty `key` asks for none.
    """
    found = np.uint64(NO_ID)
    if at < data.size and data[at] not in (_OPEN_LIST, _OPEN_OBJECT):
        end = _token_end(data, at)
        return min(end, data.size), OK if end <= data.size else TRUNCATED, found
    depth = 0
    objects = 0  # one bit a level: 1 an object, 0 a list
    while at < data.size:
        byte = data[at]
        if _SPECIAL[byte] == 0:
            at += 1
        elif byte == _QUOTE:
            end = skip_string(data, at)
            if depth == 1 and objects & 1 and _is_key(data, at, end, key):
                end, found = _scalar_after(data, end)
            at = end
        elif byte in (_OPEN_LIST, _OPEN_OBJECT):
            if depth == _MAX_DEPTH:
                return at, TOO_DEEP, found
            objects = (objects << 1) | (byte == _OPEN_OBJECT)
            depth += 1
            at += 1
        else:
            if (objects & 1) != (byte == _CLOSE_OBJECT):
                return at, MISMATCH, found
            objects >>= 1
            depth -= 1
            at += 1
            if depth == 0:
                return at, OK, found
    return data.size, TRUNCATED, found


@njit(cache=True, nogil=True)
def elements(
    data: Bytes, at: int, key: Bytes, spans: NDArray[np.int64], ids: NDArray[np.uint64]
) -> tuple[int, int, int]:
    """Fill spans[:n] with (start, end) of the elements of a list, and ids[:n] with the hash of each one's `key`.

    `at` lies after the list's opening bracket or after an element. Returns (n, position, status): OK after the
    closing bracket, MORE when the outputs are full, otherwise the position of the trouble.
    """
    n = 0
    while True:
        at = skip_space(data, at)
        if at >= data.size:
            return n, data.size, TRUNCATED
        if data[at] == _CLOSE_LIST:
            return n, at + 1, OK
        if n == ids.size:
            return n, at, MORE
        if data[at] == _COMMA:
            at = skip_space(data, at + 1)
        end, status, found = skip_value(data, at, key)
        if status != OK:
            return n, end, status
        if end == at:
            return n, at, NO_COMMA
        spans[n, 0], spans[n, 1], ids[n] = at, end, found
        n += 1
        at = skip_space(data, end)
        if at < data.size and data[at] != _COMMA and data[at] != _CLOSE_LIST:
            return n, at, NO_COMMA
