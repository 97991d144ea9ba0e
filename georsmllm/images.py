"""Pixels from files: sizes from headers, RGB through one radiometry door, label images exactly as stored.

Every reader keeps the stored pixel grid: no EXIF rotation, because labels are drawn on the stored grid.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import imagefile, rasters
from georsmllm.imagefile import REASONS as REASONS
from georsmllm.imagefile import SUFFIXES as SUFFIXES
from georsmllm.imagefile import BadImage as BadImage
from georsmllm.radiometry import AUTO as AUTO
from georsmllm.radiometry import Stretch as Stretch
from georsmllm.radiometry import hwc
from georsmllm.radiometry import to_rgb as to_rgb
from georsmllm.types import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.radiometry import Array, Limits

    Labels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]


def size_wh(path: Path) -> tuple[int, int]:
    """Width and height from the header alone; bombs are refused here already."""
    from PIL import Image

    if not imagefile.needs_gdal(imagefile.head(path)):
        try:
            with imagefile.picture(path) as picture:
                return picture.size
        except Image.DecompressionBombError:
            pass  # between Pillow's 178 megapixels and our own limit, GDAL reads the header
    with imagefile.dataset(path) as data:
        return data.width, data.height


def geo(path: Path) -> tuple[tuple[float, float, float, float, float, float] | None, str | None]:
    """Affine (a, b, c, d, e, f) and CRS of a TIFF or JPEG 2000; each is None where the file has none."""
    if not imagefile.head(path).startswith(imagefile.GEO_HEADS):
        return None, None
    with imagefile.dataset(path) as data:
        a, b, c, d, e, f = data.transform[:6]
        affine = None if data.transform.is_identity else (a, b, c, d, e, f)
        return affine, data.crs.to_string() if data.crs else None


def read_rgb(path: Path, window: Window | None = None, stretch: Stretch = AUTO) -> NDArray[np.uint8]:
    """H x W x 3 of the whole file, or of a window inside it; files above 100 megapixels only by window."""
    import numpy as np

    width, height = size_wh(path)
    view = window or Window(0, 0, width, height)
    assert 0 <= view.x <= view.x + view.width <= width, (view, width)
    assert 0 <= view.y <= view.y + view.height <= height, (view, height)
    imagefile.check_at_once(path, view.width, view.height)
    if imagefile.needs_gdal(imagefile.head(path)) or width * height > imagefile.MAX_PIXELS_AT_ONCE:
        return _read_rgb_by_gdal(path, view, stretch)
    picture = imagefile.pixels(path)
    if "transparency" in picture.info:  # Pillow warns when a palette with transparency goes straight to RGB
        picture = picture.convert("RGBA")
    rgb = np.asarray(picture.convert("RGB"))
    if stretch.kind != "auto":
        rgb = to_rgb(rgb.transpose(2, 0, 1), stretch)
    return rgb[view.y : view.y + view.height, view.x : view.x + view.width]


def read_labels(path: Path) -> Labels:
    """H x W label values exactly as stored: palette indices, grey values, 1-bit as 0/1 (1 is white).

    Equal channels are one; colours raise BadImage(image_mode), because turning them grey would merge classes.
    """
    import numpy as np

    channels = _stored(path)
    if len(channels) in (2, 4) and (channels[-1] == channels[-1].flat[0]).all():
        channels = channels[:-1]  # an alpha channel that says nothing
    differs = (channels != channels[0]).any(axis=0)
    if differs.any():
        y, x = (int(i) for i in np.argwhere(differs)[0])
        colour = ", ".join(str(value) for value in channels[:, y, x])
        raise BadImage(
            "image_mode", f"expected one label channel, got {len(channels)} that differ: ({colour}) at {x},{y}", path
        )
    labels: Labels = channels[0]
    if labels.dtype in (np.uint8, np.uint16):
        return labels
    ends = np.iinfo(np.int32)
    if labels.dtype.kind not in "iu" or labels.min() < ends.min or labels.max() > ends.max:
        raise BadImage("image_mode", f"expected whole label values, got {labels.dtype}", path)
    whole: Labels = labels.astype(np.int32)
    return whole


def read_label_rgb(path: Path) -> NDArray[np.uint8]:
    """H x W x 3 label colours, of an RGB file or of one with a palette; alpha is left out."""
    import numpy as np

    imagefile.check_at_once(path, *size_wh(path))
    if not imagefile.needs_gdal(imagefile.head(path)):
        return np.asarray(imagefile.pixels(path).convert("RGBA"))[..., :3]
    with imagefile.dataset(path) as data:
        bands = rasters.paletted(data, data.read(1)) if rasters.has_palette(data) else data.read()
    if bands.dtype != np.uint8 or len(bands) not in (3, 4):
        raise BadImage("image_mode", f"expected 8-bit label colours, got {len(bands)} x {bands.dtype}", path)
    return hwc(bands[:3])


def verify(path: Path) -> None:
    """Decode every pixel once, block by block where the file is large; raises BadImage(image_truncated)."""
    width, height = size_wh(path)
    if not imagefile.needs_gdal(imagefile.head(path)) and width * height <= imagefile.MAX_PIXELS_AT_ONCE:
        imagefile.pixels(path)
        return
    with imagefile.dataset(path) as data:
        for _, block in data.block_windows(1):
            data.read(window=block)


def content_hash(rgb: NDArray[np.uint8]) -> str:
    """BLAKE2b-128 of size and pixels in hex; "" for one colour only: blank views are no evidence of a shared scene."""
    import numpy as np

    if (rgb == rgb[:1, :1]).all():
        return ""
    height, width = rgb.shape[:2]
    digest = hashlib.blake2b(f"{width}x{height}:".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes in hex: what stands for the content of an image above 100 megapixels."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_rgb_by_gdal(path: Path, view: Window, stretch: Stretch) -> NDArray[np.uint8]:
    with imagefile.dataset(path) as data:
        limits = _file_limits(path, path.stat().st_mtime_ns, stretch) if rasters.is_stretched(data, stretch) else ()
        return rasters.read_window(data, view, stretch=stretch, limits=limits)


@lru_cache(maxsize=64)  # every tile of one scene asks for the same
def _file_limits(path: Path, mtime_ns: int, stretch: Stretch) -> Limits:  # noqa: ARG001
    with imagefile.dataset(path) as data:
        return rasters.dataset_limits(data, stretch)


def _stored(path: Path) -> Array:
    """C x H x W values as they stand in the file."""
    import numpy as np

    imagefile.check_at_once(path, *size_wh(path))
    first = imagefile.head(path)
    if imagefile.needs_gdal(first):
        with imagefile.dataset(path) as data:
            bands: Array = data.read()
            if data.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":  # WHU building: GDAL gives black as 1
                bits = int(data.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", bands.dtype.itemsize * 8))
                bands = np.subtract(2**bits - 1, bands, dtype=bands.dtype)
        return bands
    picture = imagefile.pixels(path)
    values = np.asarray(picture)
    if picture.mode == "1":
        values = values.astype(np.uint8)
    if picture.mode == "L" and first.startswith(imagefile.PNG_HEAD) and first[24] in (2, 4):
        values = values // {2: 85, 4: 17}[first[24]]  # Pillow spreads 2- and 4-bit grey over 0..255
    return np.atleast_3d(values).transpose(2, 0, 1)
