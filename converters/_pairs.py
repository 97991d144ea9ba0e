"""What the readers of image pairs share: two images of one size."""

from __future__ import annotations

from pathlib import Path

from georsmllm.errors import BadRecord
from georsmllm.formats import picture
from georsmllm.types import ImageRef

REASONS = {"pair_size": "the two images of a pair differ in size"}


def paired(root: Path, before: str, after: str) -> tuple[ImageRef, ImageRef]:
    """The two images, of one size; raises BadRecord."""
    first, second = (picture.read(root, path) for path in (before, after))
    if first.size_wh != second.size_wh:
        sizes = f"A is {first.width} x {first.height}, B is {second.width} x {second.height}"
        raise BadRecord("pair_size", f"expected two images of one size, {sizes}", where=after)
    return first, second
