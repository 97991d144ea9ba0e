"""Label images (one class value a pixel) as targets: values checked, one target for each connected object."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.errors import BadRecord
from georsmllm.types import Target

if TYPE_CHECKING:
    from georsmllm.images import Labels

MIN_AREA_PX = 64  # smaller pieces of a class are noise of its border (methods section 3.3)

REASONS = {
    **images.REASONS,
    "label_missing": "an image without its label, in a part of the dataset that has labels",
    "mask_size": "a label of another size than its image",
    "unknown_value": "a label with pixel values that the dataset does not define",
}


def read(root: Path, path: str, size_wh: tuple[int, int], *, values: Collection[int]) -> Labels:
    """H x W label values as stored, of the image's size and of the given values only; raises BadRecord."""
    if not (root / path).is_file():
        raise BadRecord("label_missing", "no such label file", where=path)
    try:
        labels = images.read_labels(root / path)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=path) from None
    height, width = labels.shape
    if (width, height) != size_wh:
        expected = f"expected {size_wh[0]} x {size_wh[1]} as the image, the label is {width} x {height}"
        raise BadRecord("mask_size", expected, where=path)
    unknown = {value: count for value, count in value_counts(labels).items() if value not in values}
    if unknown:
        shown = ", ".join(f"{value} ({count} px)" for value, count in list(unknown.items())[:5])
        raise BadRecord("unknown_value", f"expected values of {shorten(values)}, got {shown}", where=path)
    return labels


def value_counts(labels: Labels) -> dict[int, int]:
    """Pixels of each value that occurs, by value."""
    import numpy as np

    if labels.dtype == np.uint8:
        counts = np.bincount(labels.ravel())
        return {value: int(count) for value, count in enumerate(counts) if count}
    found, counts = np.unique(labels, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def objects(labels: Labels, names: Mapping[int, str], *, min_area_px: int = MIN_AREA_PX) -> tuple[Target, ...]:
    """One target with exact rings for each 8-connected object of the named values, the small ones as "under_size"."""
    from georsmllm import masks

    others = tuple(value for value in value_counts(labels) if value not in names)
    words = {value: canonical(name) for value, name in names.items()}
    sources = {value: (("source_label", name),) if name != words[value] else () for value, name in names.items()}
    return tuple(
        Target(
            0,
            words[found.value],
            found.shape,
            attributes=sources[found.value],
            ignore="under_size" if found.area_px < min_area_px else None,
        )
        for found in masks.components(labels, ignore=others)
    )


def shorten(values: Iterable[int]) -> str:
    """Values as words, at most ten of them."""
    listed = sorted(values)
    return ", ".join(map(str, listed[:10])) + (", ..." if len(listed) > 10 else "")
