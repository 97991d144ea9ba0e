"""The files that lie beside the records of a built set: its images by their pixels, its descriptions by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from georsmllm import imagefile, images
from georsmllm.images import BadImage
from georsmllm.layout import Manifest
from georsmllm.types import ViewFacts


class Pictured(NamedTuple):
    """What an image file holds. content: its pixels' hash, "" of one colour only, None where they were not looked at.
    problem, what: a problem's name and words, "" for none."""

    width: int
    height: int
    content: str | None
    problem: str
    what: str


def by_header(folder: Path, path: str) -> Pictured:
    """The image by its header alone."""
    return _pictured(folder, path, pixels=False)


def by_pixels(folder: Path, path: str) -> Pictured:
    """The image with every pixel decoded."""
    return _pictured(folder, path, pixels=True)


def _pictured(folder: Path, path: str, *, pixels: bool) -> Pictured:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return Pictured(0, 0, None, "image_path", "a path below the set's folder was expected")
    file = folder / path
    try:
        width, height = images.size_wh(file)
        content = _content(file, width * height) if pixels else None
    except BadImage as bad:
        name = "image_missing" if bad.reason == "image_missing" else "image_unreadable"
        return Pictured(0, 0, None, name, bad.message)
    return Pictured(width, height, content, "", "")


def _content(file: Path, num_pixels: int) -> str | None:
    """The hash that a view's provenance has of a whole image; None above 100 megapixels, where that is of the source's
    bytes."""
    if num_pixels > imagefile.MAX_PIXELS_AT_ONCE:
        images.verify(file)
        return None
    return images.content_hash(images.read_rgb(file))


def unlike(picture: Pictured, view: ViewFacts) -> tuple[str, str]:
    """The name and the words of what is wrong with a picture as the image of a view, "" for nothing.

    Of a part of its source a view knows no hash, and none of an image of one colour.
    """
    if picture.problem:
        return picture.problem, picture.what
    if (picture.width, picture.height) != (view.width, view.height):
        return "image_size", f"{picture.width}x{picture.height} pixels, its view says {view.width}x{view.height}"
    if picture.content is not None and view.content and not view.window and picture.content != view.content:
        return (
            "image_content",
            f"the hash of its pixels is {picture.content or 'none (one colour)'}, its view says {view.content}",
        )
    return "", ""


def described(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """(problem, path, what) of the files that the manifest names besides the shards."""
    for path, expected in manifest.files.items():
        try:
            with (folder / path).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield "file_missing", path, f"manifest.json names it: {error.strerror}"
            continue
        if found != expected:
            yield "file_changed", path, "its SHA-256 is not that of manifest.json"
