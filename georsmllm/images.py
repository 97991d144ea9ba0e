"""Pixels from files: sizes from headers, RGB through one radiometry door, label images exactly as stored.

Every reader keeps the stored pixel grid: no EXIF rotation, because labels are drawn on the stored grid.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from georsmllm import imagefile
from georsmllm.imagefile import REASONS as REASONS
from georsmllm.imagefile import SUFFIXES as SUFFIXES
from georsmllm.imagefile import BadImage as BadImage
from georsmllm.types import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader
    from rasterio.vrt import WarpedVRT

    Array = NDArray[np.generic]
    Limits = tuple[tuple[float, float], ...]
    Labels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]

_MEANS_PIXELS = 4_000_000  # of the file, that go into one read of means
SAMPLE_PIXELS = 1_000_000  # percentiles of larger files come from a decimated read


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How stored values become 0..255: linearly between two percentiles of each band of the *whole* file, no nodata.

    "auto" leaves 8-bit bands as they are and stretches all wider ones; "percentile" stretches 8-bit bands as well.
    `str` is what stands in a record's provenance.
    """

    kind: Literal["auto", "percentile"] = "auto"
    low: float = 2.0
    high: float = 98.0

    def __str__(self) -> str:
        return f"{self.kind} {self.low:g}-{self.high:g}"


AUTO = Stretch()


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


def to_rgb(
    bands: Array,
    stretch: Stretch,
    *,
    valid: NDArray[np.bool_] | None = None,
    limits: Limits = (),
) -> NDArray[np.uint8]:
    """C x H x W (1 or 3 bands, any type) to H x W x 3: the one radiometry door.

    valid: same shape, False is nodata and becomes 0. limits: (low, high) of each band, of the file that the bands are a
    window of; none: of these bands themselves.
    """
    import numpy as np

    if stretch.kind == "auto" and bands.dtype == np.uint8:
        return _hwc(np.repeat(bands, 3, axis=0) if len(bands) == 1 else bands)
    known = np.isfinite(bands) if valid is None else valid & np.isfinite(bands)
    out = np.zeros(bands.shape, np.uint8)
    for band, mask, target, (low, high) in zip(
        bands, known, out, limits or band_limits(bands, known, stretch), strict=True
    ):
        share = (band[mask].astype(np.float64) - low) / (high - low if high > low else 1.0)
        target[mask] = np.floor(np.clip(share, 0.0, 1.0) * 255 + 0.5)
    return _hwc(np.repeat(out, 3, axis=0) if len(out) == 1 else out)


def band_limits(bands: Array, known: NDArray[np.bool_], stretch: Stretch) -> Limits:
    """The two percentiles of each band's known pixels; (0, 1) for a band without any."""
    import numpy as np

    pairs = []
    for band, mask in zip(bands, known & np.isfinite(bands), strict=True):
        low, high = np.percentile(band[mask], (stretch.low, stretch.high)) if mask.any() else (0.0, 1.0)
        pairs.append((float(low), float(high)))
    return tuple(pairs)


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
        bands = _paletted(data, data.read(1)) if has_palette(data) else data.read()
    if bands.dtype != np.uint8 or len(bands) not in (3, 4):
        raise BadImage("image_mode", f"expected 8-bit label colours, got {len(bands)} x {bands.dtype}", path)
    return _hwc(bands[:3])


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


def _hwc(bands: Array) -> NDArray[np.uint8]:
    return bands.transpose(1, 2, 0)  # type: ignore[return-value]


def _read_rgb_by_gdal(path: Path, view: Window, stretch: Stretch) -> NDArray[np.uint8]:
    with imagefile.dataset(path) as data:
        limits = _file_limits(path, path.stat().st_mtime_ns, stretch) if is_stretched(data, stretch) else ()
        return read_dataset(data, view, stretch=stretch, limits=limits)


@lru_cache(maxsize=64)  # every tile of one scene asks for the same
def _file_limits(path: Path, mtime_ns: int, stretch: Stretch) -> Limits:  # noqa: ARG001
    with imagefile.dataset(path) as data:
        return dataset_limits(data, stretch)


def read_dataset(
    data: DatasetReader | WarpedVRT,
    view: Window,
    *,
    stretch: Stretch,
    limits: Limits,
    size_wh: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """H x W x 3 of a window of an open dataset. limits: of the whole file, where `is_stretched`. size_wh: resampled to that
    size, smaller by the mean of the pixels (palettes: the nearest one), from overviews where there are some."""
    from rasterio.enums import Resampling
    from rasterio.windows import Window as Crop

    width, height = size_wh or (view.width, view.height)
    smaller = width < view.width or height < view.height
    how = Resampling.average if smaller else Resampling.bilinear
    if size_wh in (None, (view.width, view.height)) or has_palette(data):
        how = Resampling.nearest
    crop = Crop(view.x, view.y, view.width, view.height)
    if has_palette(data):
        indices = data.read(1, window=crop, out_shape=(height, width), resampling=how)
        return to_rgb(_paletted(data, indices), stretch)
    indexes = _rgb_bands(data)
    shape = (len(indexes), height, width)
    if how == Resampling.average:
        bands = _read_means(data, indexes, view, (width, height))
    else:
        bands = data.read(indexes, window=crop, out_shape=shape, resampling=how)
    if not is_stretched(data, stretch):
        return to_rgb(bands, stretch)
    valid = data.read_masks(indexes, window=crop, out_shape=shape) != 0
    return to_rgb(bands, stretch, valid=valid, limits=limits)


def _read_means(data: DatasetReader | WarpedVRT, indexes: list[int], view: Window, size_wh: tuple[int, int]) -> Array:
    """C x H x W, row by row: GDAL takes working memory by the square of the ratio, 0.1 GB a band at 20 to 1."""
    import numpy as np
    from rasterio.enums import Resampling
    from rasterio.windows import Window as Crop

    width, height = size_wh
    bands = np.empty((len(indexes), height, width), data.dtypes[0])
    ratio = view.height / height
    step = max(1, int(_MEANS_PIXELS / view.width / ratio))
    for top in range(0, height, step):
        rows = min(step, height - top)
        start, end = top * ratio, min(float(view.height), (top + rows) * ratio)
        crop = Crop(view.x, view.y + start, view.width, end - start)
        bands[:, top : top + rows] = data.read(
            indexes, window=crop, out_shape=(len(indexes), rows, width), resampling=Resampling.average
        )
    return bands


def is_stretched(data: DatasetReader | WarpedVRT, stretch: Stretch) -> bool:
    """Whether the pixels of a dataset depend on the limits of the whole file."""
    return not has_palette(data) and (stretch.kind != "auto" or data.dtypes[0] != "uint8")


def dataset_limits(data: DatasetReader | WarpedVRT, stretch: Stretch) -> Limits:
    """The limits of each shown band of the whole file, of a sample of a million pixels where it has more."""
    indexes = _rgb_bands(data)
    step = max(1, math.isqrt(data.width * data.height // SAMPLE_PIXELS))
    shape = (len(indexes), max(1, data.height // step), max(1, data.width // step))
    bands = data.read(indexes, out_shape=shape)
    valid = data.read_masks(indexes, out_shape=shape) != 0
    return band_limits(bands, valid, stretch)


def _rgb_bands(data: DatasetReader | WarpedVRT) -> list[int]:
    """1-based bands to show: those that say red, green, blue; else Sentinel-2's or the first three; else the first.

    So a fourth band is never alpha unless it says so, and near-infrared is left out.
    """
    meanings = [meaning.name for meaning in data.colorinterp]
    if {"red", "green", "blue"} <= set(meanings):
        return [meanings.index(colour) + 1 for colour in ("red", "green", "blue")]
    if data.count in (12, 13):  # Sentinel-2 L2A, L1C in band order, as EuroSAT has them: B04, B03, B02
        return [4, 3, 2]
    return [1, 2, 3] if data.count >= 3 else [1]


def has_palette(data: DatasetReader | WarpedVRT) -> bool:
    """Whether the values of a dataset are indices of colours."""
    return bool(data.colorinterp[0].name == "palette")


def _paletted(data: DatasetReader | WarpedVRT, indices: Array) -> NDArray[np.uint8]:
    """3 x H x W colours of palette indices."""
    import numpy as np

    table = np.zeros((256 if indices.dtype == np.uint8 else 65536, 3), np.uint8)
    for index, colour in data.colormap(1).items():
        table[index] = colour[:3]
    colours: NDArray[np.uint8] = table[indices]
    return colours.transpose(2, 0, 1)


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
