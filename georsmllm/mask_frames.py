"""A mask of a view as a mask of the scene that the view was cut from, also where the view shows it smaller.

A scene pixel has the value of the view pixel that its centre lies in. Runs are moved and repeated as runs: memory goes with
their number, not with the pixels of an object that may be as large as the scene.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from georsmllm.masks import Crop, Ints, decode_crop, encode_crop, of_edges
from georsmllm.types import Mask, Window


def to_scene(mask: Mask, window: Window, size_wh: tuple[int, int]) -> Mask:
    """window: what the view shows of the scene; size_wh: of the scene."""
    part = decode_crop(mask)
    if not part.array.size:
        return Mask(*size_wh, (size_wh[0] * size_wh[1],))
    if (mask.width, mask.height) == (window.width, window.height):
        return encode_crop(Crop(part.array, part.x + window.x, part.y + window.y), size_wh)
    columns = _edges(part.x, part.array.shape[1], window.width, mask.width) + window.x
    rows = _edges(part.y, part.array.shape[0], window.height, mask.height) + window.y
    return of_edges(_enlarged(part.array, columns, rows, size_wh[1]), size_wh)


def _edges(first: int, num: int, length: int, length_view: int) -> Ints:
    """The first scene pixel of each of `num` view pixels, and the one behind the last: those with their centres in them."""
    at = np.arange(first, first + num + 1, dtype=np.int64)
    return -((-(2 * at * length - length_view)) // (2 * length_view))  # ceil(at * length / length_view - 1/2)


def _enlarged(array: NDArray[np.bool_], columns: Ints, rows: Ints, height: int) -> Ints:
    """Where runs start and end, in turns, as pixels of the scene, column-major."""
    padded = np.zeros((array.shape[1], array.shape[0] + 2), dtype=np.int8)
    padded[:, 1:-1] = array.T
    column, edge = np.nonzero(np.diff(padded, axis=1))
    begins, ends = rows[edge[::2]], rows[edge[1::2]]
    kept = begins < ends
    runs = np.stack((begins[kept], ends[kept]), axis=1)  # (runs, 2), in the order of columns
    of_column = np.searchsorted(column[::2][kept], np.arange(array.shape[1] + 1)).tolist()
    edges = [np.zeros(0, dtype=np.int64)]
    for (first, behind), (start, end) in zip(pairwise(columns.tolist()), pairwise(of_column), strict=True):
        edges += [runs[start:end].ravel() + at * height for at in range(first, behind)]
    return np.concatenate(edges)
