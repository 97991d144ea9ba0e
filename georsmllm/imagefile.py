"""Image files opened safely: told apart by their first bytes, bombs refused, every failure a BadImage by name."""

from __future__ import annotations

import errno
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.errors import GeoRSMLLMError

if TYPE_CHECKING:
    from PIL.Image import Image
    from rasterio.io import DatasetReader

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
REASONS = {
    "image_missing": "there is no file of that name",
    "image_unreadable": "the file is no image that we know, or may not be read",
    "image_truncated": "the file is cut short or damaged before its last pixel",
    "image_bomb": "too many pixels to decode, or too many for the file's bytes",
    "image_mode": "the pixels are of a form that this use cannot take",
}
MAX_PIXELS = 2_000_000_000
MAX_PIXELS_AT_ONCE = 100_000_000
MIN_BYTES_PER_PIXEL = 0.002  # of images above MAX_PIXELS_AT_ONCE; lossy JPEG of a blank page is still above 0.01

GEO_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")  # TIFF, JPEG 2000
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
# Closed lists, because both libraries open by content: a VRT that poses as a TIFF names other files and addresses, an
# EPS starts Ghostscript.
_GDAL_FORMATS = {
    **dict.fromkeys(GEO_HEADS[:4], "GTiff"),
    **dict.fromkeys(GEO_HEADS[4:], "JP2OpenJPEG"),
    PNG_HEAD: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
}
# Without the first, GDAL fills the missing part of a JPEG with grey; without the second, it lists the whole folder.
_GDAL_SETTINGS = {
    "GDAL_ERROR_ON_LIBJPEG_WARNING": True,
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "GDAL_PAM_ENABLED": False,
}
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
_PILLOW_BREAKS_WITH = (OSError, SyntaxError, ValueError, IndexError, TypeError, EOFError, struct.error, zlib.error)


class BadImage(GeoRSMLLMError):
    """One image file cannot be used; `reason` is a key of REASONS, `message` leaves the path out."""

    def __init__(self, reason: str, message: str, path: Path) -> None:
        super().__init__(f"{path}: {message} [{reason}]")
        self.reason = reason
        self.message = message
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return BadImage, (self.reason, self.message, self.path)


def head(path: Path) -> bytes:
    """The first 32 bytes; missing, empty and unreadable files are refused here, before any library sees them."""
    try:
        with path.open("rb") as file:
            first = file.read(32)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
            raise BadImage("image_missing", f"no such image file ({error.strerror})", path) from None
        raise BadImage("image_unreadable", f"{error.strerror}", path) from None
    except ValueError:  # a list or a table may name what no system can
        raise BadImage("image_missing", "a file name with a null character", path) from None
    if not first:
        raise BadImage("image_truncated", "the file is empty (0 bytes)", path)
    return first


def needs_gdal(first: bytes) -> bool:
    """TIFF, JPEG 2000, and 16-bit PNG, of whose colours Pillow keeps only the high byte."""
    return first.startswith(GEO_HEADS) or (first.startswith(PNG_HEAD) and first[24:25] == b"\x10")


def _cannot_open(path: Path, detail: str) -> BadImage:
    if head(path).startswith(tuple(_GDAL_FORMATS)):
        return BadImage("image_truncated", f"cut short or damaged after {path.stat().st_size} bytes: {detail}", path)
    return BadImage("image_unreadable", f"not an image: begins with {head(path)[:8]!r}", path)


def _check_bomb(path: Path, width: int, height: int) -> None:
    pixels, size = width * height, path.stat().st_size
    if pixels > MAX_PIXELS:
        raise BadImage("image_bomb", f"{width} x {height} is {pixels:,} pixels, above the limit {MAX_PIXELS:,}", path)
    if pixels > MAX_PIXELS_AT_ONCE and size / pixels < MIN_BYTES_PER_PIXEL:
        raise BadImage(
            "image_bomb",
            f"{width} x {height} px in {size:,} bytes is {size / pixels:.6f} bytes a pixel, below the plausible "
            f"{MIN_BYTES_PER_PIXEL}: no imagery packs like that",
            path,
        )


def check_at_once(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS_AT_ONCE:
        raise BadImage("image_bomb", f"{width} x {height} px at once; above 100 megapixels read it by window", path)


def picture(path: Path) -> Image:
    """A Pillow image, header read, file open; above 178 megapixels Pillow's DecompressionBombError comes through."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own limits stand in place of DecompressionBombWarning
        try:
            opened = Image.open(path, formats=_PILLOW_FORMATS)
        except (UnidentifiedImageError, *_PILLOW_BREAKS_WITH) as error:
            raise _cannot_open(path, str(error)) from None
    try:
        _check_bomb(path, *opened.size)
    except BadImage:
        opened.close()
        raise
    return opened


def png_has_exif(path: Path) -> bool:
    """Whether a chunk of a PNG may say how it is to be turned: EXIF, as a chunk or as text, or XMP. Reads no pixels."""
    with path.open("rb") as file:
        file.seek(len(PNG_HEAD))
        while len(start := file.read(8)) == 8:
            length, kind = int.from_bytes(start[:4], "big"), start[4:]
            if kind == b"eXIf":
                return True
            if kind in (b"tEXt", b"zTXt", b"iTXt"):
                text = file.read(min(length, 80))  # a key has at most 79 bytes and ends with a zero
                key = text.partition(b"\0")[0].lower()
                if b"exif" in key or b"xmp" in key:
                    return True
                length -= len(text)
            file.seek(length + 4, 1)
    return False


def pixels(path: Path) -> Image:
    """A Pillow image with every pixel decoded and its file closed."""
    from PIL import ImageFile

    # Whoever set this in our process would have us read the missing half of a file as grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with picture(path) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_at_once(path, *opened.size)
        try:
            opened.load()
        except _PILLOW_BREAKS_WITH as error:
            raise BadImage("image_truncated", f"cut short or damaged: {error}", path) from None
    return opened


@contextmanager
def dataset(path: Path) -> Iterator[DatasetReader]:
    """A rasterio dataset; what GDAL cannot read inside the block is BadImage(image_truncated)."""
    with decoding(path), opened(path) as data:
        yield data


def opened(path: Path) -> DatasetReader:
    """A rasterio dataset that the caller closes; read it inside `decoding`."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    first = head(path)
    driver = next((driver for magic, driver in _GDAL_FORMATS.items() if first.startswith(magic)), None)
    if driver is None:
        raise _cannot_open(path, "")
    try:
        with rasterio.Env(**_GDAL_SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            data = rasterio.open(path, driver=driver)
    except RasterioError as error:
        raise _cannot_open(path, str(error)) from None
    try:
        _check_bomb(path, data.width, data.height)
    except BadImage:
        data.close()
        raise
    return data


@contextmanager
def decoding(path: Path, cache_bytes: int | None = None) -> Iterator[None]:
    """What GDAL cannot read inside the block is BadImage(image_truncated). cache_bytes: how much of what it has decoded
    GDAL may keep (else a twentieth of the machine's memory)."""
    import rasterio
    from rasterio.errors import RasterioError

    cache = {} if cache_bytes is None else {"GDAL_CACHEMAX": cache_bytes}
    with rasterio.Env(**_GDAL_SETTINGS, **cache):
        try:
            yield
        except RasterioError as error:
            raise BadImage("image_truncated", f"cut short or damaged: {error.__cause__ or error}", path) from None
