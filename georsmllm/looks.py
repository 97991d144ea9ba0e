"""What an image looks like in 128 bits, and which of many images look alike however they were turned, scaled or compressed.

The hash is a dHash (methods section 5.2) of both directions: the image in grey, area-averaged to 72 x 72 cells (the least
common multiple), is 9 columns of 8 rows and 8 columns of 9 rows; a bit says whether the next cell to the right, or below, is
brighter. So the hash of every dihedral view follows from that of the image: turned by 90 degrees, across becomes down.

Two images look alike when at most 12 of the 128 bits differ in some view: 6 of 64, in both directions together. Measured on
real images: among 24 million pairs of different places (tiles of 64 px), 64 bits within 6 take 66 pairs for one, 128 bits
within 12 none; of 548 images and tiles of 256 px with enough to see, every copy that was turned, mirrored, halved, stored as
JPEG of quality 75 or 5 grey levels brighter was known again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

MOST_BITS = 12
"""Images that differ in more of the 128 bits do not look alike."""

MIN_STEP = 1.0
"""Grey levels of 255; where half of the neighbouring cells differ by less, noise decides the bits: water, nodata."""

MIN_CHANGES = 40
"""Of 224 pairs of neighbouring bits, so many differ at least; fewer is a smooth slope, and smooth slopes look alike wherever
they are. Of 116 real images none has fewer than 58; of slopes of the fifth order one in fifty has 40."""

_CELLS = 72
_WORDS = 8  # 16-bit pieces of a hash: of 12 wrong bits at most one falls into some piece

Codes = NDArray[np.uint64]


def looks(rgb: NDArray[np.uint8]) -> str:
    """32 hex digits of an H x W x 3 image (across, then down, row by row); "" where there is too little to see."""
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.int64)
    across = np.diff(cells.reshape(8, 9, 9, 8).sum(axis=(1, 3)), axis=1)
    down = np.diff(cells.reshape(9, 8, 8, 9).sum(axis=(1, 3)), axis=0)
    steps = np.stack((across, down))
    inwards = np.arange(8) < 4  # equal cells count as brighter towards the middle, which every dihedral view agrees on
    bits = (steps > 0) | ((steps == 0) & np.stack((inwards[None].repeat(8, 0), inwards[:, None].repeat(8, 1))))
    changes = (bits[:, 1:] != bits[:, :-1]).sum() + (bits[:, :, 1:] != bits[:, :, :-1]).sum()
    if np.median(np.abs(steps)) < MIN_STEP * _CELLS or changes < MIN_CHANGES:
        return ""
    return np.packbits(bits).tobytes().hex()


def distance(one: str, other: str) -> int:
    """How many of the 128 bits differ in the dihedral view that fits best; both must say something."""
    turned = _views(_codes((one,)))[0]
    return int(np.bitwise_count(turned ^ _codes((other,))).sum(axis=1).min())


class Gallery:
    """Many images by their looks, to ask which of them look like another.

    Pieces of 16 bits are looked up with at most one bit wrong (multi-index hashing), so that an image meets only what
    shares a piece with it: 50 bytes an image, and among 100 000 a tenth of a millisecond for each that asks.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        """Every hash must say something."""
        self._codes = _codes(hashes)
        keys = np.ascontiguousarray(_pieces(self._codes).T)
        self._order = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        self._starts = np.stack([np.searchsorted(np.sort(key), np.arange(2**16 + 1)) for key in keys])

    def near(self, hashes: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """For each hash the indices of all images that look like it, sorted."""
        turned = _views(_codes(hashes))
        pairs = _meet(turned, _pieces(turned), self._codes, self._order, self._starts)
        ends = np.searchsorted(pairs[:, 0], np.arange(len(hashes) + 1))
        members = pairs[:, 1].tolist()
        return tuple(tuple(sorted(members[a:b])) for a, b in pairwise(ends.tolist()))


def _codes(hashes: Sequence[str]) -> Codes:
    """(n, 2) words of 64 bits: across, down."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), ">u8").astype(np.uint64).reshape(-1, 2)


def _pieces(codes: Codes) -> NDArray[np.uint16]:
    """(..., 8) pieces of 16 bits of (..., 2) words."""
    return np.ascontiguousarray(codes.astype(">u8")).view(">u2").astype(np.uint16)


def _views(codes: Codes) -> Codes:
    """(n, 8, 2): the hashes of the eight dihedral views of images, from their own."""
    bits = np.unpackbits(codes.astype(">u8").view(np.uint8).reshape(-1, 16), axis=1).reshape(-1, 2, 8, 8)
    turned = np.stack((bits, bits[:, ::-1].swapaxes(2, 3)), axis=1)  # itself and transposed
    mirrored = turned[..., ::-1].copy()
    mirrored[:, :, 0] ^= 1  # what was brighter to the right is darker now
    turned = np.concatenate((turned, mirrored), axis=1)
    upturned = turned[..., ::-1, :].copy()
    upturned[:, :, 1] ^= 1
    turned = np.concatenate((turned, upturned), axis=1)
    return np.packbits(turned.reshape(-1, 8, 128), axis=2).view(">u8").astype(np.uint64)


@kernel
def _meet(
    turned: Codes, pieces: NDArray[np.uint16], codes: Codes, order: NDArray[np.int32], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(n, 2) pairs (i, j), each once, i rising: the image whose eight views are turned[i] looks like codes[j]."""
    found = np.empty((256, 2), np.int64)
    count = 0
    last = np.full(len(codes), -1, np.int64)  # the image that j was last found for
    for i in range(len(turned)):
        for view in range(8):
            for word in range(_WORDS):
                for flip in range(17):
                    key = np.int64(pieces[i, view, word])
                    if flip:
                        key ^= np.int64(1) << np.int64(flip - 1)
                    for place in range(starts[word, key], starts[word, key + 1]):
                        j = order[word, place]
                        differ = _ones(turned[i, view, 0] ^ codes[j, 0]) + _ones(turned[i, view, 1] ^ codes[j, 1])
                        if differ <= MOST_BITS and last[j] != i:
                            last[j] = i
                            if count == len(found):
                                found = np.concatenate((found, np.empty_like(found)))
                            found[count, 0], found[count, 1] = i, j
                            count += 1
    return found[:count]


@kernel
def _ones(word: np.uint64) -> np.int64:
    """How many bits are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
