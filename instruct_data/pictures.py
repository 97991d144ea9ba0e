"""The pixels of a sample's images while its records are made: read once, proved whole, saved as the views records show."""

from __future__ import annotations

import errno
import os
import shutil
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from georsmllm import imagefile, images
from georsmllm.errors import BadRecord
from georsmllm.images import BadImage, Stretch
from georsmllm.jsonl import PART, replacing
from georsmllm.looks import looks
from georsmllm.types import ImageRef, ViewFacts, Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXIF_ORIENTATION = 274
UP = "__up__"
PNG_LEVEL = 1  # of zlib; OpenCV writes a 1024 px tile three times as fast as Pillow


class Picture:
    """One image file, proved whole before anything is asked about it. Up to 100 megapixels its pixels are held; beyond
    that each view is read by window, and nothing is known of its looks."""

    def __init__(self, root: Path, image: ImageRef, stretch: Stretch) -> None:
        """Raises BadRecord with the reason of the image layer."""
        self.path = root / image.path
        self.name = image.path
        self.stretch = stretch
        self.rgb: NDArray[np.uint8] | None = None
        self._rows: tuple[int, int] | None = None
        try:
            width, height = images.size_wh(self.path)
            self._width = width
            if width * height <= imagefile.MAX_PIXELS_AT_ONCE:
                self.rgb = images.read_rgb(self.path, stretch=stretch)
                self.content = images.content_hash(self.rgb)
                self.looks = looks(self.rgb)
            else:
                images.verify(self.path)
                self.content = images.file_hash(self.path)
                self.looks = ""
        except BadImage as bad:
            raise _as_record(bad, image.path) from None

    def facts(self, view: ImageRef) -> ViewFacts:
        window = view.window
        return ViewFacts(
            source=view.path,
            width=view.width,
            height=view.height,
            window=(window.x, window.y, window.width, window.height) if window else (),
            affine=view.affine or (),
            crs=view.crs or "",
            content=self.content,
            looks=self.looks,
        )

    def save(self, view: ImageRef, path: Path, mode: Literal["copy", "link"]) -> None:
        """The view as a file that any trainer reads: the source file itself where it is whole, 8-bit RGB and upright, else
        a PNG of its pixels. Raises BadRecord(name_too_long)."""
        try:
            self._save(view, path, mode)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            message = (
                f"a file name of {len(path.name)} characters is too long for this file system: {path.name[:60]}..."
            )
            raise BadRecord("name_too_long", message, where=self.name) from None

    def _save(self, view: ImageRef, path: Path, mode: Literal["copy", "link"]) -> None:
        if view.window is None and self._stands_as_it_is:
            path.parent.mkdir(parents=True, exist_ok=True)
            if mode == "link":
                beside = path.with_name(f".{os.getpid()}-link{PART}")
                beside.unlink(missing_ok=True)
                beside.symlink_to(self.path.resolve())
                beside.replace(path)
                return
            with replacing(path) as out, self.path.open("rb") as source:
                shutil.copyfileobj(source, out)
            return
        import cv2

        done, png = cv2.imencode(
            ".png", self._pixels(view.window)[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
        )
        assert done
        with replacing(path) as out:
            out.write(png.tobytes())

    def suffix(self, view: ImageRef) -> str:
        """The suffix of the file that `save` writes."""
        return self.path.suffix if view.window is None and self._stands_as_it_is else ".png"

    @cached_property
    def _stands_as_it_is(self) -> bool:
        if self.stretch.kind != "auto":  # the file does not show what the stretch makes of it
            return False
        if imagefile.needs_gdal(imagefile.head(self.path)):
            return False
        with imagefile.picture(self.path) as picture:
            if picture.mode != "RGB" or picture.format not in ("PNG", "JPEG"):
                return False
            # Pillow decodes a whole PNG to look for what may stand behind its pixels.
            if picture.format == "PNG" and not imagefile.png_has_exif(self.path):
                return True
            return bool(picture.getexif().get(EXIF_ORIENTATION, 1) == 1)

    def _pixels(self, window: Window | None) -> NDArray[np.uint8]:
        if self.rgb is None:
            return self._read(window)
        if window is None:
            return self.rgb
        return self.rgb[window.y : window.y + window.height, window.x : window.x + window.width]

    def _read(self, window: Window | None) -> NDArray[np.uint8]:
        """A view of a large file. The rows of a tile are held over the whole width: tiles come row by row, and a PNG is
        decoded from its top for every read."""
        try:
            if window is None or self._width * window.height > imagefile.MAX_PIXELS_AT_ONCE:
                return images.read_rgb(self.path, window, self.stretch)
            if self._rows != (window.y, window.height):
                rows = Window(0, window.y, self._width, window.height)
                self._strip = images.read_rgb(self.path, rows, self.stretch)
                self._rows = (window.y, window.height)
        except BadImage as bad:
            raise _as_record(bad, self.name) from None
        return self._strip[:, window.x : window.x + window.width]


def view_path(source: str, view: ImageRef, suffix: str) -> str:
    """Where a view lies in the set: a tile's name tells its size and its corner in the scene, and a file that is written in
    another format keeps its own suffix before the new one, so that no two files meet in one name. A path never leaves
    the set's folder, whatever it says."""
    parts = (UP if part == ".." else part for part in PurePosixPath(view.path).parts if part != "/")
    path = PurePosixPath("images", source, *parts)
    window = view.window
    tile = f"__{window.width}x{window.height}__{window.x}___{window.y}" if window else ""
    stem = path.stem if path.suffix == suffix else path.name
    return str(path.with_name(f"{stem}{tile}{suffix}"))


def _as_record(bad: BadImage, name: str) -> BadRecord:
    return BadRecord(bad.reason, bad.message, where=name)
