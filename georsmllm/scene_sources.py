"""Where the pixels of a scene come from: decoded once and kept, held as an array, or read from an open raster.

Every source gives RGB bytes of a window, at its own size or resampled, and may be asked from several threads.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from georsmllm import imagefile, images, radiometry, rasters
from georsmllm.errors import UsageError
from georsmllm.radiometry import Stretch
from georsmllm.types import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader
    from rasterio.vrt import WarpedVRT

    from georsmllm.radiometry import Limits

    Rgb = NDArray[np.uint8]

CACHE_BYTES = 64 * 2**20
"""What GDAL may keep of decoded blocks, of a raster that is stored in tiles: neighbouring views share a few."""
CACHE_BYTES_OF_STRIPS = 128 * 2**20
"""The same of one that is stored in strips, each as wide as the raster: 1024 rows of 40 000 px in three bytes."""


class Source(Protocol):
    """rgb: H x W x 3 of a window; size_wh: of what comes out. content: a hash. close: lets go of what can be had again."""

    def rgb(self, view: Window, size_wh: tuple[int, int]) -> Rgb: ...

    def content(self) -> str: ...

    def close(self) -> None: ...


class FilePixels:
    """A plain picture file, decoded whole when it is first needed and kept until `close`."""

    def __init__(self, path: Path, stretch: Stretch) -> None:
        self._path, self._stretch, self._lock = path, stretch, Lock()
        self._pixels: Rgb | None = None

    def rgb(self, view: Window, size_wh: tuple[int, int]) -> Rgb:
        with self._lock:
            if self._pixels is None:
                self._pixels = images.read_rgb(self._path, stretch=self._stretch)
            kept = self._pixels
        return resized(cropped(kept, view), size_wh)

    def content(self) -> str:
        return images.file_hash(self._path)

    def close(self) -> None:
        with self._lock:
            self._pixels = None


class ArrayPixels:
    """Bands of any type, H x W x C, that somebody else holds: never changed, copied only window by window."""

    def __init__(self, bands_HWC: NDArray[np.generic], stretch: Stretch) -> None:
        self._bands_HWC, self._stretch, self._lock = bands_HWC, stretch, Lock()
        self._limits: Limits | None = None

    def rgb(self, view: Window, size_wh: tuple[int, int]) -> Rgb:
        bands = cropped(self._bands_HWC, view)
        # Every n-th pixel of what is much too large, so that memory is bounded by what comes out; the rest by means.
        step = max(1, min(view.width // size_wh[0], view.height // size_wh[1]) // 4)
        bands_CHW = bands[::step, ::step].transpose(2, 0, 1)
        return resized(radiometry.to_rgb(bands_CHW, self._stretch, limits=self._whole_limits()), size_wh)

    def _whole_limits(self) -> Limits:
        import numpy as np

        if self._stretch.kind == "auto" and self._bands_HWC.dtype == np.uint8:
            return ()
        with self._lock:
            if self._limits is None:
                height, width = self._bands_HWC.shape[:2]
                step = max(1, math.isqrt(height * width // radiometry.SAMPLE_PIXELS))
                sample = self._bands_HWC[::step, ::step].transpose(2, 0, 1)
                self._limits = radiometry.band_limits(sample, np.ones(sample.shape, np.bool_), self._stretch)
            return self._limits

    def content(self) -> str:
        import numpy as np

        shape, kind = self._bands_HWC.shape, self._bands_HWC.dtype.str
        digest = hashlib.sha256(f"{shape} {kind}:".encode())
        for row in self._bands_HWC:
            digest.update(np.ascontiguousarray(row).data)
        return digest.hexdigest()

    def close(self) -> None:
        return


class RasterPixels:
    """A raster that stays open between reads; after `close` the next read opens it again.

    reopen: gives the dataset. path: whose errors they are. content: a hash. limits: of the stretch, where they are not those
    of this dataset.
    """

    def __init__(
        self,
        path: Path,
        stretch: Stretch,
        *,
        reopen: Callable[[], DatasetReader | WarpedVRT],
        content: Callable[[], str],
        limits: Limits | None = None,
    ) -> None:
        self._path, self._stretch, self._lock = path, stretch, Lock()
        self._reopen, self._content, self._limits = reopen, content, limits
        self._data: DatasetReader | WarpedVRT | None = None

    def rgb(self, view: Window, size_wh: tuple[int, int]) -> Rgb:
        # GDAL's datasets are not made for two threads at once, and a second handle would decode shared blocks twice
        with self._lock:
            if self._data is None:
                with imagefile.decoding(self._path):
                    self._data = self._reopen()
            is_tiled = self._data.block_shapes[0][1] < self._data.width
            return self._read(self._data, view, size_wh, CACHE_BYTES if is_tiled else CACHE_BYTES_OF_STRIPS)

    def _read(self, data: DatasetReader | WarpedVRT, view: Window, size_wh: tuple[int, int], cache: int) -> Rgb:
        with imagefile.decoding(self._path, cache):
            if self._limits is None:
                wide = rasters.is_stretched(data, self._stretch)
                self._limits = rasters.dataset_limits(data, self._stretch) if wide else ()
            return rasters.read_window(data, view, stretch=self._stretch, limits=self._limits, size_wh=size_wh)

    def content(self) -> str:
        return self._content()

    def close(self) -> None:
        with self._lock:
            if self._data is not None:
                self._data.close()
                self._data = None


def cropped(pixels_HWC: NDArray[np.generic], view: Window) -> NDArray[np.generic]:
    """A window of an array, not copied."""
    return pixels_HWC[view.y : view.y + view.height, view.x : view.x + view.width]


def resized(rgb: NDArray[np.generic], size_wh: tuple[int, int]) -> Rgb:
    """A copy of the pixels at that size: smaller by the mean of the pixels, larger linearly."""
    import numpy as np
    from PIL import Image

    height, width = rgb.shape[:2]
    if (width, height) == size_wh:
        return np.array(rgb, np.uint8, order="C")
    smaller = size_wh[0] < width or size_wh[1] < height
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(np.ascontiguousarray(rgb, np.uint8)).resize(size_wh, how))


def resized_from(rgb: Rgb, part: tuple[float, float, float, float], size_wh: tuple[int, int]) -> Rgb:
    """The same of a part of the pixels, x1, y1, x2, y2, whose borders may cut pixels."""
    import numpy as np
    from PIL import Image

    smaller = size_wh[0] < part[2] - part[0] or size_wh[1] < part[3] - part[1]
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(rgb).resize(size_wh, how, box=part))


def check_array(bands: NDArray[np.generic]) -> NDArray[np.generic]:
    """The first one or three bands of an array, H x W x C; UsageError for any other shape or kind of values."""
    import numpy as np

    shape = " x ".join(str(length) for length in bands.shape)
    expected = "expected H x W, or H x W x 1, 3 or 4 (red, green, blue, and one that is not shown)"
    if bands.ndim not in (2, 3) or (bands.ndim == 3 and bands.shape[2] not in (1, 3, 4)):
        is_band_first = bands.ndim == 3 and bands.shape[0] in (1, 3, 4)
        way_out = "; bands come last here: picture.transpose(1, 2, 0)" if is_band_first else ""
        raise UsageError(f"{expected}, got an array of {shape}{way_out}")
    if 0 in bands.shape:
        raise UsageError(f"{expected}, got an array without pixels: {shape}")
    if bands.dtype.kind not in "buif":
        raise UsageError(f"expected whole or real numbers as pixels, got {bands.dtype}")
    if bands.dtype.kind == "b":
        bands = bands.astype(np.uint8) * np.uint8(255)
    return bands[:, :, None] if bands.ndim == 2 else bands[:, :, : 3 if bands.shape[2] >= 3 else 1]
