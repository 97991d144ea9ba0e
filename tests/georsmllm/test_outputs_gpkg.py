"""A GeoPackage lies on its image in GIS software, holds the steps and their answer, and is never half-written."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from answers import FINDINGS, GRIDS, result, scene, tif
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.found import Finding, Outcome, outline
from georsmllm.geometry import to_shapely
from georsmllm.outputs import gpkg
from georsmllm.types import box, point


def layer(path: Path, name: str = "findings") -> tuple[dict[str, list[object]], list[shapely.Geometry], str | None]:
    """Columns by name, geometries and CRS as GDAL reads them."""
    meta, _, wkb, columns = pyogrio.raw.read(path, layer=name)
    return (
        dict(zip(meta["fields"], (c.tolist() for c in columns), strict=True)),
        list(shapely.from_wkb([] if wkb is None else wkb)),
        meta["crs"],
    )


@pytest.mark.parametrize("grid", GRIDS)
def test_every_outline_lies_on_its_pixels_by_the_rasters_own_transform(tmp_path: Path, grid: str) -> None:
    image = tif(tmp_path / "a.tif", grid)
    _, geometries, crs = layer(result(image).save(tmp_path / "a.gpkg"))
    with rasterio.open(image) as data:
        assert crs == (data.crs.to_string() if data.crs else None)
        # QGIS and GDAL draw an image without a transform from (0, 0) to (width, -height)
        affine = data.transform if grid != "nothing" else Affine(1, 0, 0, 0, -1, 0)
    a, b, c, d, e, f = affine[:6]
    for finding, geometry in zip(FINDINGS, geometries, strict=True):
        x, y = shapely.get_coordinates(to_shapely(outline(finding))).T
        expected = np.column_stack((a * x + b * y + c, d * x + e * y + f))
        found = shapely.get_coordinates(geometry)
        apart = np.hypot(*(found[:, None] - expected[None]).T).min(axis=0)
        assert len(found) == len(expected) and apart.max() < 1e-9 * max(1.0, abs(expected).max())


def test_attributes_are_columns_and_unknown_ones_are_null(tmp_path: Path) -> None:
    columns, _, _ = layer(result(tif(tmp_path / "a.tif", "north up")).save(tmp_path / "a.gpkg"))
    assert columns["finding"] == [1, 2, 3, 4] and columns["class"] == ["lake", "ship", "ship", "tree"]
    assert columns["area_px"][:2] == [1600.0, 500.0] and np.isnan(columns["area_px"][3])
    assert columns["score"][0] == 0.9 and np.isnan(columns["score"][1])
    assert columns["mask_decoder"][1] is None and columns["model"] == ["m" * 64] * 4


def test_there_is_a_layer_of_each_step_and_tables_of_answer_and_steps(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "north up"), notices=("mind this",)).save(tmp_path / "a.gpkg")
    assert [name for name, _ in pyogrio.list_layers(path)] == ["findings", "step_s1", "answer", "steps"]
    answer, _, _ = layer(path, "answer")
    assert answer["query"] == ["everything"] and json.loads(answer["notices"][0]) == ["mind this"]
    steps, _, _ = layer(path, "steps")
    assert steps["id"] == ["s1", "s2"] and json.loads(steps["outputs"][0]) == [1, 2, 3, 4]
    assert pyogrio.read_info(path, layer="findings")["dataset_metadata"]["query"] == "everything"


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ((), "MultiPolygon"),
        (FINDINGS[:3], "MultiPolygon"),
        ((Finding(1, "x", point(3, 4)),), "Point"),
        (FINDINGS, "Unknown"),
    ],
)
def test_a_layer_has_the_one_type_that_all_its_geometries_have(tmp_path: Path, findings, expected: str) -> None:
    made = result(tif(tmp_path / "a.tif", "north up"), outcome=Outcome("boxes", findings))
    info = pyogrio.read_info(made.save(tmp_path / "a.gpkg"), layer="findings")
    assert info["geometry_type"] == expected and info["features"] == len(findings)


def test_the_frame_of_pixels_is_said(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "nothing")).save(tmp_path / "a.gpkg")
    assert "y upwards" in pyogrio.read_info(path, layer="findings")["dataset_metadata"]["frame"]


def test_another_crs_on_request(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "rotated")).save(tmp_path / "a.gpkg", crs="EPSG:4326")
    _, geometries, crs = layer(path)
    assert crs == "EPSG:4326" and geometries[0].bounds == pytest.approx((14.99, 45.15, 15.0, 45.16), abs=0.02)


def test_the_same_answer_gives_the_same_bytes(tmp_path: Path) -> None:
    image = tif(tmp_path / "a.tif", "rotated")
    first, second = (result(image).save(tmp_path / name / "a.gpkg").read_bytes() for name in ("one", "two"))
    assert first == second


def test_a_file_that_was_there_is_replaced_and_nothing_lies_beside(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.gpkg"
    for count in (4, 1):
        result(scene(*GRIDS["north up"]), findings=FINDINGS[:count]).save(path)
        assert [one.name for one in path.parent.iterdir() if not one.name.endswith(".aux.xml")] == ["a.gpkg"]
        assert len(layer(path)[1]) == count  # GDAL writes an .aux.xml when it reads


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = result(scene(*GRIDS["north up"])).save(tmp_path / "a.gpkg")
    before = path.read_bytes()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("pyogrio.raw.write", broken)
    with pytest.raises(RuntimeError):
        result(scene(*GRIDS["north up"]), findings=()).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_without_pyogrio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="georsmllm\\[ask\\]"):
        gpkg.check()


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="choose another place"):
        result(scene(*GRIDS["north up"]), findings=(Finding(1, "x", box(0, 0, 1, 1)),)).save(
            tmp_path / "file" / "a.gpkg"
        )


@settings(max_examples=25)
@given(
    st.tuples(st.floats(0.05, 60), st.floats(-40, 40), st.floats(2e5, 8e5), st.floats(-40, 40), st.floats(0.05, 60),
              st.floats(1e5, 9e6)),
    st.tuples(st.floats(0, 100), st.floats(0, 60), st.floats(0.5, 20), st.floats(0.5, 20)),
)  # fmt: skip
def test_pixels_come_back_from_the_file(affine, at) -> None:
    a, b, c, d, e, f = affine
    if abs(a * e - b * d) < 0.01:  # as good as no pixel at all
        return
    x, y, wide, high = at
    with tempfile.TemporaryDirectory() as folder:
        made = result(scene(affine, "EPSG:32633"), findings=(Finding(1, "x", box(x, y, x + wide, y + high)),))
        _, (geometry,), _ = layer(made.save(Path(folder) / "a.gpkg"))
    found = shapely.get_coordinates(geometry)[:4] - (c, f)
    back = np.linalg.solve(np.array([[a, b], [d, e]]), found.T).T
    corners = np.array([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)])
    assert np.abs(back - corners).max() < 1e-3
