"""What the readers of image pairs share: files that pair by name, and two images of one size."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import walk
from georsmllm.types import ImageRef

REASONS = {"pair_size": "the two images of a pair differ in size"}


def by_stem(root: Path, below: str) -> dict[str, str]:
    """The images directly in a folder of the root: name without suffix -> path below the root."""
    files: dict[str, str] = {}
    for name in walk(root / below, images.SUFFIXES, recursive=False):
        stem = str(PurePosixPath(name).with_suffix(""))
        if stem in files:
            raise UsageError(f"two images of one name: {files[stem]} and {below}/{name}; keep one of them")
        files[stem] = f"{below}/{name}"
    return files


def paired(root: Path, before: str, after: str) -> tuple[ImageRef, ImageRef]:
    """The two images, of one size; raises BadRecord."""
    first, second = (_image(root, path) for path in (before, after))
    if first.size_wh != second.size_wh:
        sizes = f"A is {first.width} x {first.height}, B is {second.width} x {second.height}"
        raise BadRecord("pair_size", f"expected two images of one size, {sizes}", where=after)
    return first, second


def _image(root: Path, path: str) -> ImageRef:
    try:
        return ImageRef(path, *images.size_wh(root / path))
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=path) from None
