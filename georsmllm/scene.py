"""A scene: an image of any size that is asked about, read window by window through the one radiometry door.

Frame: scene pixels; x right, y down, (0, 0) the outer corner of the first pixel of the stored grid: no EXIF rotation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from georsmllm import imagefile, images, scene_sources
from georsmllm.errors import UsageError
from georsmllm.images import AUTO, BadImage, Stretch
from georsmllm.scene_sources import ArrayPixels, FilePixels, RasterPixels, Source
from georsmllm.types import ImageRef, Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from rasterio.io import DatasetReader

    Picture = str | Path | NDArray[np.generic] | Image.Image

_EXIF_ORIENTATION = 0x0112
_BLOCK_BYTES = 2**29  # a file whose smallest readable piece is larger breaks the promise of flat memory


class Opened(NamedTuple):
    """What a picture turned out to be. path: of the file, None where there is none."""

    source: Source
    image: ImageRef
    path: Path | None = None
    notices: tuple[str, ...] = ()


class Scene:
    """image: its size, affine and CRS, without a window. path: of the file, None where there is none. notices: lines that a
    person should read before believing coordinates.

    picture: a path, an array (H x W, or H x W x 1, 3 or 4; any real type) or a Pillow image; no addresses. Files stay open
    between reads; `close` lets go of them, and a later read opens them again. Raises UsageError for what is no image.
    """

    def __init__(self, picture: Picture, *, stretch: Stretch = AUTO) -> None:
        self._source, self.image, self.path, self.notices = _open(picture, stretch)
        self.stretch = stretch

    @classmethod
    def of(cls, opened: Opened, *, stretch: Stretch = AUTO) -> Self:
        """A scene of pixels that come from elsewhere, such as a raster that is resampled while it is read."""
        scene = cls.__new__(cls)
        scene._source, scene.image, scene.path, scene.notices = opened  # noqa: SLF001
        scene.stretch = stretch
        return scene

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.image.size_wh

    @property
    def name(self) -> str:
        """For files and people: the file's name without its ending, "array" or "picture"."""
        return self.path.stem if self.path else self.image.path

    @property
    def has_place(self) -> bool:
        """Whether pixels have a place on the Earth: an affine and a CRS."""
        return self.image.affine is not None and self.image.crs is not None

    @cached_property
    def content(self) -> str:
        """SHA-256 in hex: of a file's bytes (as `sha256sum` says), of an array's or picture's pixels and their type.

        Read whole once, when it is first asked for: size and time of change are no identity.
        """
        with usable():
            return self._source.content()

    def key(self, window: Window | None = None, size_wh: tuple[int, int] | None = None) -> str:
        """Identity of the pixels that `read` gives for the same arguments: equal keys, equal pixels."""
        view, size = self._asked(window, size_wh)
        return f"{self.content}:{self.stretch}:{view.x},{view.y},{view.width},{view.height}:{size[0]}x{size[1]}"

    def read(self, window: Window | None = None, size_wh: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """H x W x 3 of the whole scene or a window of it, a copy; size_wh: resampled to that size.

        Memory is bounded by what comes out: at most 100 megapixels. Raises UsageError where the file is damaged.
        """
        view, size = self._asked(window, size_wh)
        if size[0] * size[1] > imagefile.MAX_PIXELS_AT_ONCE:
            raise UsageError(
                f"{self.image.path}: {size[0]} x {size[1]} px at once; above 100 megapixels read by window"
            )
        with usable():
            return self._source.rgb(view, size)

    def close(self) -> None:
        """Lets go of the open file, or of the decoded picture; a later read opens it again."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        place = f", {str(self.image.crs)[:40]}" if self.has_place else ""
        return f"Scene({self.image.path!r}, {self.image.width} x {self.image.height} px{place})"

    def _asked(self, window: Window | None, size_wh: tuple[int, int] | None) -> tuple[Window, tuple[int, int]]:
        width, height = self.size_wh
        view = window or Window(0, 0, width, height)
        assert 0 <= view.x < view.x + view.width <= width, (view, self.size_wh)
        assert 0 <= view.y < view.y + view.height <= height, (view, self.size_wh)
        size = size_wh or (view.width, view.height)
        assert min(size) > 0, size
        return view, size


@contextmanager
def usable() -> Iterator[None]:
    """A BadImage inside the block is the person's: UsageError, one line."""
    try:
        yield
    except BadImage as error:
        raise UsageError(" ".join(str(error).split())) from None


def _open(picture: Picture, stretch: Stretch) -> Opened:
    import numpy as np
    from PIL import Image

    if isinstance(picture, str | Path):
        with usable():
            return _of_file(_local(picture), stretch)
    if isinstance(picture, Image.Image):
        return _of_array(_pixels(picture), "picture", stretch)
    if isinstance(picture, np.ndarray):
        return _of_array(picture, "array", stretch)
    raise UsageError(f"expected a path, an array or a Pillow image, got {type(picture).__name__}")


def _local(picture: str | Path) -> Path:
    text = str(picture)
    if "://" in text or text.startswith(("/vsi", "data:")) or (isinstance(picture, Path) and ":/" in text[:8]):
        raise UsageError(f"expected a file on this machine, got {text[:60]!r}; nothing is fetched: download it first")
    return Path(picture).expanduser()


def _pixels(picture: Image.Image) -> NDArray[np.generic]:
    """H x W x 3 bytes, or the values as they are of the wide modes (16 and 32 bits, real)."""
    import numpy as np

    width, height = picture.size
    if width * height > imagefile.MAX_PIXELS_AT_ONCE:
        raise UsageError(f"{width} x {height} px in a Pillow image; above 100 megapixels give the path of the file")
    try:
        if picture.mode == "F" or picture.mode.startswith("I"):
            return np.asarray(picture)
        if "transparency" in picture.info:
            picture = picture.convert("RGBA")
        return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow opens lazily: a cut file breaks only here
        raise UsageError(f"the Pillow image cannot be decoded: {error}") from None


def _of_array(bands: NDArray[np.generic], name: str, stretch: Stretch) -> Opened:
    shown = scene_sources.check_array(bands)
    height, width = shown.shape[:2]
    notices = ("no affine and no CRS: answers are in pixels",)
    return Opened(ArrayPixels(shown, stretch), ImageRef(name, width, height), None, notices)


def _of_file(path: Path, stretch: Stretch) -> Opened:
    width, height = images.size_wh(path)
    if imagefile.needs_gdal(imagefile.head(path)) or width * height > imagefile.MAX_PIXELS_AT_ONCE:
        return _of_raster(path, stretch)
    source = FilePixels(path, stretch)
    source.rgb(Window(0, 0, 1, 1), (1, 1))  # decoded now, so that a damaged file is told before anything is asked
    notices = ("no affine and no CRS: answers are in pixels", *_turned(path))
    return Opened(source, ImageRef(path.name, width, height), path, notices)


def _turned(path: Path) -> tuple[str, ...]:
    with imagefile.picture(path) as picture:
        turned = picture.getexif().get(_EXIF_ORIENTATION, 1) != 1
    return ("EXIF says that the picture is to be turned: answers are in the stored, unturned pixels",) if turned else ()


def _of_raster(path: Path, stretch: Stretch) -> Opened:
    with imagefile.decoding(path), imagefile.opened(path) as data:
        notices = _place_notices(data) + _size_notices(data)
        size = data.width, data.height
    affine, crs = images.geo(path)
    source = RasterPixels(path, stretch, reopen=lambda: imagefile.opened(path), content=lambda: images.file_hash(path))
    return Opened(source, ImageRef(path.name, *size, affine=affine, crs=crs), path, notices)


def _place_notices(data: DatasetReader) -> tuple[str, ...]:
    if not data.transform.is_identity:
        if data.crs:
            return ()
        return ("no CRS: answers are in pixels and in the file's own units, not on the Earth",)
    if data.gcps[0]:
        return ("only ground control points, no affine: answers are in pixels; gdalwarp gives the image a grid",)
    if data.rpcs:
        return ("only rational polynomials (RPC), no affine: answers are in pixels; gdalwarp gives the image a grid",)
    return ("no affine and no CRS: answers are in pixels",) if not data.crs else ("no affine: answers are in pixels",)


def _size_notices(data: DatasetReader) -> tuple[str, ...]:
    import numpy as np

    height, width = data.block_shapes[0]
    block = height * width * np.dtype(data.dtypes[0]).itemsize * data.count
    if block <= _BLOCK_BYTES:
        return ()
    return (
        f"the file is stored in pieces of {width} x {height} px, so every read decodes {block / 2**30:.1f} GiB; "
        "gdal_translate -of COG makes it quick",
    )
