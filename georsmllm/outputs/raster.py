"""The findings as a raster on the very grid of the image: a Cloud Optimized GeoTIFF of classes, instances or scores.

Same size, affine (its rotation included) and CRS as the image. It is written block by block, blocks without a finding not
at all, so that memory stays flat and a large empty scene is a small file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.outputs.beside import beside
from georsmllm.outputs.burning import Burnt, Index
from georsmllm.pen import PALETTE, colours
from georsmllm.types import ImageRef, Window

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

    from georsmllm.result import Result

Kind = Literal["classes", "instances", "scores"]
KINDS: tuple[Kind, ...] = ("classes", "instances", "scores")
BLOCK = 512
CACHE_MB = 64
_COG = {"blocksize": BLOCK, "compress": "deflate", "sparse_ok": True, "bigtiff": "if_safer"}
_Array = NDArray[np.generic]


def write(result: Result, path: Path, *, kind: Kind = "classes") -> None:
    """The raster of an answer.

    classes: 0 is nothing, other values the classes, by alphabet; their names and colours are in the file. instances: 0 is
    nothing, other values the ids of the findings. scores: of the masks, NaN where there is none. Where findings overlap, the
    one that covers less is seen; of scores the highest. Raises UsageError for a pair whose images differ in size.
    """
    image = _grid(result)
    index = Index(result.findings, image.size_wh)
    codes = class_codes(result)
    if kind == "scores":
        values: tuple[float, ...] = tuple(
            float("nan") if one.mask_score is None else one.mask_score for one in result.findings
        )
        type_ = "float32"
    else:
        values = tuple(codes[one.label] if kind == "classes" else one.id for one in result.findings)
        type_ = "uint8" if max(values, default=0) < 256 else "uint16" if max(values) < 65536 else "uint32"
    tags = _tags(result, kind, codes)

    def fill(out: DatasetWriter) -> None:
        if type_ == "uint8":
            out.write_colormap(1, _colour_table(result, kind, codes))
        out.set_band_description(1, kind)
        out.update_tags(**tags)
        for window in _blocks(image):
            burnt = list(index.within(window))
            if burnt:
                out.write(_burn(window, burnt, values, type_), 1, window=_rasterio(window))

    _write_cog(path, image, type_, fill)


def class_codes(result: Result) -> dict[str, int]:
    """The value of each class, from 1, by alphabet."""
    return {label: number for number, label in enumerate(sorted({one.label for one in result.findings}), start=1)}


def _grid(result: Result) -> ImageRef:
    """The image that the raster lies on; those of a pair share one grid."""
    first, *others = (scene.image for scene in result.scenes)
    for other in others:
        if other.size_wh != first.size_wh:
            raise UsageError(
                f"a raster needs the images of a pair on one grid, got {first.width} x {first.height} and "
                f"{other.width} x {other.height} pixels; write .geojson or .gpkg"
            )
    return first


def _tags(result: Result, kind: Kind, codes: Mapping[str, int]) -> dict[str, str]:
    maker = result.maker
    known = {
        "query": result.query,
        "text": result.text,
        "georsmllm": maker.version,
        "model": maker.model,
        "adapter": maker.adapter,
        "mask_decoder": maker.decoder,
        "planner": maker.planner,
        "notices": " | ".join(result.notices),
    }
    if kind == "classes":
        known["classes"] = msgspec.json.encode({str(code): label for label, code in codes.items()}).decode()
    if kind == "instances":
        known["instances"] = msgspec.json.encode({str(one.id): one.label for one in result.findings}).decode()
    return {name: text for name, text in known.items() if text}


def _colour_table(result: Result, kind: Kind, codes: Mapping[str, int]) -> dict[int, tuple[int, int, int, int]]:
    """Classes have the colours of the picture; neighbouring instances differ."""
    if kind == "classes":
        named = {codes[label]: colour for label, colour in colours(codes).items()}
    else:
        named = {one.id: PALETTE[one.id % len(PALETTE)] for one in result.findings}
    return {0: (0, 0, 0, 0), **{value: (*_rgb(colour), 255) for value, colour in named.items()}}


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _blocks(image: ImageRef) -> Iterator[Window]:
    for y in range(0, image.height, BLOCK):
        for x in range(0, image.width, BLOCK):
            yield Window(x, y, min(BLOCK, image.width - x), min(BLOCK, image.height - y))


def _burn(window: Window, burnt: list[Burnt], values: tuple[float, ...], type_: str) -> _Array:
    is_score = type_ == "float32"
    out = np.full((window.height, window.width), np.nan if is_score else 0, dtype=type_)
    for one in burnt:
        y, x = one.inside.y - window.y, one.inside.x - window.x
        part = out[y : y + one.inside.height, x : x + one.inside.width]
        part[one.pixels] = np.fmax(part[one.pixels], values[one.number]) if is_score else values[one.number]
    return out


def _rasterio(window: Window) -> object:
    from rasterio.windows import Window as Of

    return Of(window.x, window.y, window.width, window.height)


def _write_cog(path: Path, image: ImageRef, type_: str, fill: Callable[[DatasetWriter], None]) -> None:
    """A tiled file first, copied to a COG block by block: GDAL's driver of COG takes whole datasets alone."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.shutil import copy
    from rasterio.transform import Affine

    profile = {
        "driver": "GTiff", "width": image.width, "height": image.height, "count": 1, "dtype": type_, "crs": image.crs,
        "transform": Affine(*image.affine) if image.affine else None, "tiled": True, "blockxsize": BLOCK,
        "blockysize": BLOCK, "compress": "deflate", "sparse_ok": True, "bigtiff": "if_safer",
        "nodata": float("nan") if type_ == "float32" else 0,
    }  # fmt: skip
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=CACHE_MB), beside(path) as made:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the image has no place on Earth either
        tiled = made.with_name("tiled.tif")
        with rasterio.open(tiled, "w", **profile) as out:
            fill(out)
        average = "average" if type_ == "float32" else "nearest"
        copy(tiled, made, driver="COG", overview_resampling=average, **_COG)
