"""Open rasters through the radiometry door: which bands are shown, at which size, between which limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from georsmllm.radiometry import SAMPLE_PIXELS, Stretch, band_limits, to_rgb
from georsmllm.types import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader
    from rasterio.vrt import WarpedVRT

    from georsmllm.radiometry import Array, Limits

_MEANS_PIXELS = 4_000_000  # of the file, that go into one read of means


def read_window(
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
        return to_rgb(paletted(data, indices), stretch)
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


def paletted(data: DatasetReader | WarpedVRT, indices: Array) -> NDArray[np.uint8]:
    """3 x H x W colours of palette indices."""
    import numpy as np

    table = np.zeros((256 if indices.dtype == np.uint8 else 65536, 3), np.uint8)
    for index, colour in data.colormap(1).items():
        table[index] = colour[:3]
    colours: NDArray[np.uint8] = table[indices]
    return colours.transpose(2, 0, 1)
