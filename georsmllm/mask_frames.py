"""A mask of a view as a mask of the scene that the view was cut from, also where the view shows it smaller.

A scene pixel has the value of the view pixel that its centre lies in. Runs are moved and repeated as runs: memory goes with
their number, not with the pixels of an object that may be as large as the scene.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from georsmllm.masks import Crop, decode_crop, encode_crop
from georsmllm.types import Mask, Window

Ints = NDArray[np.int64]


def to_scene(mask: Mask, window: Window, size_wh: tuple[int, int]) -> Mask:
    """window: what the view shows of the scene; size_wh: of the scene."""
    part = decode_crop(mask)
    if not part.array.size:
        return Mask(*size_wh, (size_wh[0] * size_wh[1],))
    if (mask.width, mask.height) == (window.width, window.height):
        return encode_crop(Crop(part.array, part.x + window.x, part.y + window.y), size_wh)
    columns = _edges(part.x, part.array.shape[1], window.width, mask.width) + window.x
    rows = _edges(part.y, part.array.shape[0], window.height, mask.height) + window.y
    return _of_runs(*_enlarged(part.array, columns, rows), size_wh)


def _edges(first: int, num: int, length: int, length_view: int) -> Ints:
    """The first scene pixel of each of `num` view pixels, and the one behind the last: those with their centres in them."""
    at = np.arange(first, first + num + 1, dtype=np.int64)
    return -((-(2 * at * length - length_view)) // (2 * length_view))  # ceil(at * length / length_view - 1/2)


def _enlarged(array: NDArray[np.bool_], columns: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Runs as (scene column, first row, row behind the last), column by column."""
    padded = np.zeros((array.shape[1], array.shape[0] + 2), dtype=np.int8)
    padded[:, 1:-1] = array.T
    column, edge = np.nonzero(np.diff(padded, axis=1))
    runs = np.stack((column[::2], rows[edge[::2]], rows[edge[1::2]]))  # (3, runs), in the order of columns
    runs = runs[:, runs[1] < runs[2]]
    ends = np.searchsorted(runs[0], np.arange(array.shape[1] + 1)).tolist()
    per_column = [runs[:, start:end] for start, end in pairwise(ends)]
    out = [
        np.concatenate((np.full((1, found.shape[1]), at), found[1:]))
        for i, found in enumerate(per_column)
        if found.shape[1]
        for at in range(int(columns[i]), int(columns[i + 1]))
    ]
    whole = np.concatenate(out, axis=1) if out else np.zeros((3, 0), dtype=np.int64)
    return whole[0], whole[1], whole[2]


def _of_runs(column: Ints, first: Ints, behind: Ints, size_wh: tuple[int, int]) -> Mask:
    """The mask of runs in column-major order; a run to the foot of a column goes on at the next head."""
    width, height = size_wh
    at = np.stack((column * height + first, column * height + behind), axis=1).ravel()
    touching = np.flatnonzero(at[1:-1:2] == at[2::2]) * 2 + 1
    at = np.delete(at, np.concatenate((touching, touching + 1)))
    counts = np.diff(at, prepend=0, append=width * height)
    kept = counts[: len(counts) - (len(counts) > 1 and counts[-1] == 0)]
    return Mask(width, height, tuple(kept.tolist()))
