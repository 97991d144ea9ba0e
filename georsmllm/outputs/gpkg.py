"""The findings as a GeoPackage in the image's own CRS: a layer of the answer, one of each step, tables of answer and steps.

An image with an affine and no CRS keeps its map coordinates, in an undefined system. One without either is written as
(x, -y): there GIS software draws an image that has no place on Earth, so that layers lie on it and nothing is upside down.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import MissingExtra
from georsmllm.found import Finding
from georsmllm.geometry import to_shapely
from georsmllm.outputs.attributes import COLUMNS, attributes
from georsmllm.outputs.beside import beside
from georsmllm.outputs.geojson import answer, frame_of, shapes_of, step
from georsmllm.outputs.places import Frame
from georsmllm.types import PointSet, Ring

if TYPE_CHECKING:
    from shapely import Geometry

    from georsmllm.result import Result

Column = NDArray[np.generic]
FLIPPED = "pixels of the image with y upwards: x right, y = minus the row; not longitude and latitude"
_NO_DATE = "1970-01-01T00:00:00.000Z"


class Table(NamedTuple):
    """names, columns, masks: of each column; a mask is True where nothing is known. geometries: None of a plain table."""

    layer: str
    description: str
    names: list[str]
    columns: list[Column]
    masks: list[NDArray[np.bool_]]
    geometries: Sequence[Geometry | None] | None = None


def write(result: Result, path: Path, *, crs: str | None = None, simplify_px: float = 0.0) -> None:
    """The file, written beside and renamed. crs: None or "source" (the image's own), or a name that PROJ knows.

    Raises MissingExtra without pyogrio.
    """
    check()
    frame = frame_of(result, crs or "source")
    spatial = [("findings", result.text, result.findings)]
    spatial += [(f"step_{name}", _step_text(result, name), found) for name, found in result.outcome.layers]
    tables: list[Table] = []
    notices: dict[str, None] = dict.fromkeys(result.notices)
    for layer, description, findings in spatial:
        shapes, said = shapes_of(result, findings, frame, simplify_px=simplify_px)
        notices |= dict.fromkeys(said)
        tables.append(_layer(result, (layer, description), findings, [_drawn(shape, frame) for shape in shapes]))
    tables += [_answer(result, list(notices)), _steps(result)]
    about = {"georsmllm": result.maker.version, "query": result.query, "frame": _frame_text(frame)}
    with beside(path) as made, _same_date():
        for number, table in enumerate(tables):
            _write_table(made, table, frame, about=about if number == 0 else None)


def check() -> None:
    """Raises MissingExtra without pyogrio."""
    if importlib.util.find_spec("pyogrio") is None:
        raise MissingExtra("pyogrio", "ask", "a GeoPackage")


def _drawn(shape: PointSet | None, frame: Frame) -> Geometry | None:
    """As shapely has it; pixels with y upwards."""
    if shape is None:
        return None
    if frame.to == "pixels":
        rings = (Ring(tuple((x, 0.0 - y) for x, y in ring.points), ring.sign) for ring in shape.rings)
        shape = PointSet(shape.kind, tuple(rings))
    return to_shapely(shape)


def _frame_text(frame: Frame) -> str:
    return FLIPPED if frame.to == "pixels" else frame.says or f"coordinates of {_crs_text(frame)}"


def _crs_text(frame: Frame) -> str | None:
    if frame.crs is None:
        return None
    authority = frame.crs.to_authority()
    return ":".join(authority) if authority else str(frame.crs.to_wkt())


def _step_text(result: Result, name: str) -> str:
    return next((trace.text for trace in result.outcome.steps if trace.id == name), "")


def _layer(
    result: Result, name: tuple[str, str], findings: Sequence[Finding], geometries: Sequence[Geometry | None]
) -> Table:
    rows = [attributes(finding, result) for finding in findings]
    columns, masks = zip(*(_column([row[c.name] for row in rows], c.type) for c in COLUMNS), strict=True)
    names = ["finding" if c.name == "id" else c.name for c in COLUMNS]  # "id" is a primary key to some readers
    return Table(*name, names, list(columns), list(masks), geometries)


def _column(values: Sequence[object], type_: type) -> tuple[Column, NDArray[np.bool_]]:
    unknown = np.array([value is None for value in values], dtype=np.bool_)
    if type_ is str:
        return np.array([*values, None], dtype=object)[:-1], unknown
    filled = [0 if value is None else value for value in values]
    return np.array(filled, dtype=np.int64 if type_ is int else np.float64), unknown


def _text_table(layer: str, description: str, rows: Sequence[dict[str, object]]) -> Table:
    """Every value as text; lists and plans as JSON."""
    names = list(rows[0]) if rows else []
    pairs = [_column([_text(row[name]) for row in rows], str) for name in names]
    return Table(layer, description, names, [column for column, _ in pairs], [mask for _, mask in pairs])


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return msgspec.json.encode(value).decode()


def _answer(result: Result, notices: Sequence[str]) -> Table:
    said = answer(result, notices)
    del said["steps"]
    return _text_table("answer", "what was asked and answered", [said])


def _steps(result: Result) -> Table:
    return _text_table("steps", "the steps in their order", [step(trace) for trace in result.outcome.steps])


def _write_table(path: Path, table: Table, frame: Frame, *, about: dict[str, str] | None) -> None:
    import shapely
    from pyogrio import raw

    is_spatial = table.geometries is not None
    if not table.names:
        return
    with warnings.catch_warnings():  # that a file has no CRS is no news: the image has none
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        raw.write(
            path,
            shapely.to_wkb(np.array(table.geometries, dtype=object)) if is_spatial else None,
            table.columns,
            table.names,
            field_mask=table.masks,
            layer=table.layer,
            driver="GPKG",
            geometry_type=_geometry_type(table.geometries),
            crs=_crs_text(frame) if is_spatial else None,
            append=about is None,
            promote_to_multi=_geometry_type(table.geometries) == "MultiPolygon",
            dataset_metadata=about,
            layer_options={"DESCRIPTION": table.description} if table.description else None,
        )


def _geometry_type(geometries: Sequence[Geometry | None] | None) -> str | None:
    """One type where all are of one, which is what most software wants of a layer."""
    if geometries is None:
        return None
    types = {one.geom_type for one in geometries if one is not None}
    return "MultiPolygon" if types <= {"Polygon", "MultiPolygon"} else "Point" if types == {"Point"} else "Unknown"


@contextmanager
def _same_date() -> Iterator[None]:
    """GDAL writes the date of the last change, which would make every file another."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _NO_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
