"""Colour label images (one colour a class) as label values: colours looked up exactly, or by their brightest channels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import images
from georsmllm.errors import BadRecord
from georsmllm.formats import label_png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Colour = tuple[int, int, int]

REASONS = {**label_png.REASONS, "unknown_colour": "a colour label with colours that the dataset does not define"}
UNKNOWN = 255  # no dataset has as many classes


def read(root: Path, path: str, size_wh: tuple[int, int], *, colours: Mapping[Colour, int]) -> NDArray[np.uint8]:
    """H x W values (0 to 254) of the given colours, of the image's size; raises BadRecord, also for any other colour."""
    assert UNKNOWN not in colours.values()
    packed = read_packed(root, path, size_wh)
    labels: NDArray[np.uint8] = _table(tuple(sorted(colours.items())))[packed]
    if (labels == UNKNOWN).any():
        shown = ", ".join(f"{colour} ({count} px)" for colour, count in _commonest(packed[labels == UNKNOWN]))
        known = ", ".join(str(colour) for colour in list(colours)[:20])
        raise BadRecord("unknown_colour", f"expected colours of {known}, got {shown}", where=path)
    return labels


def read_bright(root: Path, path: str, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """H x W numbers 0 to 7 of an impure colour label: 4 where red is 128 or more, and 2 for green, and 1 for blue."""
    import numpy as np

    bright = _read(root, path, size_wh) >= 128
    return (bright @ np.array([4, 2, 1], dtype=np.uint8)).astype(np.uint8)


def read_packed(root: Path, path: str, size_wh: tuple[int, int]) -> NDArray[np.int32]:
    """H x W numbers R + 256 G + 65536 B, of the image's size; raises BadRecord."""
    import numpy as np

    rgb = _read(root, path, size_wh)
    packed = rgb[..., 2].astype(np.int32)
    for channel in (1, 0):
        packed <<= 8
        packed |= rgb[..., channel]
    return packed


def _read(root: Path, path: str, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    if not (root / path).is_file():
        raise BadRecord("label_missing", "no such label file", where=path)
    try:
        found_wh = images.size_wh(root / path)
        if found_wh == size_wh:
            return images.read_label_rgb(root / path)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=path) from None
    expected = f"expected {size_wh[0]} x {size_wh[1]} as the image, the label is {found_wh[0]} x {found_wh[1]}"
    raise BadRecord("mask_size", expected, where=path)


@lru_cache(maxsize=4)
def _table(colours: tuple[tuple[Colour, int], ...]) -> NDArray[np.uint8]:
    """The value of every packed colour, UNKNOWN where it has none."""
    import numpy as np

    table = np.full(1 << 24, UNKNOWN, dtype=np.uint8)
    for (red, green, blue), value in colours:
        table[red + 256 * green + 65536 * blue] = value
    return table


def _commonest(packed: NDArray[np.int32]) -> list[tuple[Colour, int]]:
    import numpy as np

    found, counts = np.unique(packed, return_counts=True)
    rows = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda row: (-row[1], row[0]))
    return [((value & 255, value >> 8 & 255, value >> 16), count) for value, count in rows[:5]]
