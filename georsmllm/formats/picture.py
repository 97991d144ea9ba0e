"""A picture of a dataset, by its header alone."""

from __future__ import annotations

from pathlib import Path

from georsmllm import images
from georsmllm.errors import BadRecord
from georsmllm.types import ImageRef


def read(root: Path, path: str) -> ImageRef:
    """Its size, and where it lies on the map if it says so; raises BadRecord with the file's name."""
    try:
        affine, crs = images.geo(root / path)
        return ImageRef(path, *images.size_wh(root / path), affine=affine, crs=crs)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=path) from None
