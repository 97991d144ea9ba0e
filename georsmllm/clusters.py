"""The compiled kernel behind `keypoints`: k-means over the pixels of an object, and the safest pixel of each cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

Floats = NDArray[np.float64]


@kernel
def _nearest(centres: Floats, num: int, row: float, column: float) -> tuple[int, float]:
    best, best_away = 0, np.inf
    for k in range(num):
        away = (centres[k, 0] - row) ** 2 + (centres[k, 1] - column) ** 2
        if away < best_away:
            best, best_away = k, away
    return best, best_away


@kernel
def _sample(inside: NDArray[np.bool_], most: int) -> Floats:
    """Every n-th pixel in raster order, at most `most` of them."""
    num = 0
    for r in range(inside.shape[0]):
        for c in range(inside.shape[1]):
            num += inside[r, c]
    step = -(-num // most)
    out = np.empty((-(-num // step), 2))
    seen = 0
    for r in range(inside.shape[0]):
        for c in range(inside.shape[1]):
            if inside[r, c]:
                if seen % step == 0:
                    out[seen // step, 0] = r
                    out[seen // step, 1] = c
                seen += 1
    return out


@kernel
def _means(pixels: Floats, row: int, column: int, count: int, rounds: int) -> Floats:
    """Lloyd's k-means; the first seed is given, each further one is the pixel farthest from those before."""
    centres = np.zeros((count, 2))
    centres[0, 0], centres[0, 1] = row, column
    for k in range(1, count):
        farthest = -1.0
        for i in range(len(pixels)):
            away = _nearest(centres, k, pixels[i, 0], pixels[i, 1])[1]
            if away > farthest:
                farthest = away
                centres[k] = pixels[i]
    for _ in range(rounds):
        sums = np.zeros((count, 2))
        sizes = np.zeros(count)
        for i in range(len(pixels)):
            k = _nearest(centres, count, pixels[i, 0], pixels[i, 1])[0]
            sums[k] += pixels[i]
            sizes[k] += 1
        moved = 0.0
        for k in range(count):
            if sizes[k]:
                for axis in range(2):
                    place = sums[k, axis] / sizes[k]
                    moved = max(moved, abs(place - centres[k, axis]))
                    centres[k, axis] = place
        if moved < 0.5:
            break
    return centres


@kernel
def safest_pixels(
    inside: NDArray[np.bool_], depths: NDArray[np.float32], count: int, most: int, share: float, rounds: int
) -> NDArray[np.int64]:
    """(row, column) of one pixel a cluster, by decreasing depth: of the pixels of at least `share` of the cluster's
    greatest depth the one nearest its centre. `most` pixels take part in the k-means, all of them in the choice."""
    height, width = inside.shape
    deepest = np.argmax(depths)
    pixels = _sample(inside, most)
    count = min(count, len(pixels))
    centres = _means(pixels, deepest // width, deepest % width, count, rounds)
    greatest = np.zeros(count, np.float32)
    for i in range(len(pixels)):
        k = _nearest(centres, count, pixels[i, 0], pixels[i, 1])[0]
        greatest[k] = max(greatest[k], depths[int(pixels[i, 0]), int(pixels[i, 1])])
    least = greatest.min()
    for r in range(height):
        for c in range(width):
            if depths[r, c] > least:  # others cannot raise any; most pixels are spared the search
                k = _nearest(centres, count, r, c)[0]
                greatest[k] = max(greatest[k], depths[r, c])
                least = greatest.min()
    out = np.full((count, 2), -1, np.int64)
    nearest = np.full(count, np.inf)
    for r in range(height):
        for c in range(width):
            if inside[r, c] and depths[r, c] >= share * least:
                k, away = _nearest(centres, count, r, c)
                if depths[r, c] >= share * greatest[k] and away < nearest[k]:
                    nearest[k] = away
                    out[k, 0], out[k, 1] = r, c
    return out[nearest < np.inf]
