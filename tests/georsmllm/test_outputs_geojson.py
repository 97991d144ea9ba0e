"""GeoJSON lies where the image lies, by the rules of RFC 7946, whatever the grid; GDAL reads it back."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from answers import FINDINGS, GRIDS, RING, SIZE, masked, result, scene, tif
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import transform

from georsmllm.errors import UsageError
from georsmllm.found import Finding, Outcome, outline
from georsmllm.geometry import to_shapely
from georsmllm.outputs.geojson import collection
from georsmllm.rfc7946 import bbox, within_180
from georsmllm.types import PointSet, Ring, box, polygon

ON_EARTH = [name for name, (affine, crs) in GRIDS.items() if affine and crs]


def read(path: Path) -> tuple[dict[str, object], list[shapely.Geometry], str | None]:
    """Attributes by name, geometries and CRS as GDAL reads a file."""
    info = pyogrio.read_info(path)
    meta, _, wkb, columns = pyogrio.raw.read(path)
    return dict(zip(meta["fields"], columns, strict=True)), list(shapely.from_wkb(wkb)), info["crs"]


def matrix(affine) -> np.ndarray:
    return np.array([affine[:3], affine[3:], (0, 0, 1)], dtype=float)


def map_at(points, affine) -> np.ndarray:
    return (np.column_stack((points, np.ones(len(points)))) @ matrix(affine).T)[:, :2]


def pixels_at(points, affine) -> np.ndarray:
    return (np.column_stack((points, np.ones(len(points)))) @ np.linalg.inv(matrix(affine)).T)[:, :2]


def to_pixels(geometry: shapely.Geometry, crs_from: str, crs_to: str, affine) -> shapely.Geometry:
    def back(xy: np.ndarray) -> np.ndarray:
        xs, ys = transform(crs_from, crs_to, xy[:, 0], xy[:, 1])
        return pixels_at(np.column_stack((xs, ys)), affine)

    return shapely.transform(geometry, back)


def one(shape: PointSet, affine, crs_of_image: str | None, *, size=SIZE, crs: str | None = None) -> dict:
    """The file about a single shape."""
    return collection(result(scene(affine, crs_of_image, size), findings=(Finding(1, "x", shape),)), crs=crs)


@pytest.mark.parametrize("grid", ON_EARTH)
def test_gdal_reads_every_outline_on_its_pixels(tmp_path: Path, grid: str) -> None:
    path = result(tif(tmp_path / "a.tif", grid)).save(tmp_path / "a.geojson")
    fields, geometries, crs = read(path)
    assert crs == "EPSG:4326" and list(fields["class"]) == ["lake", "ship", "ship", "tree"]
    affine, source = GRIDS[grid]
    a_pixel = math.sqrt(abs(affine[0] * affine[4] - affine[1] * affine[3]))
    tolerance = 0.003 if source != "EPSG:4326" else 1e-8 / a_pixel * 1.5  # 8 decimals of a degree are a millimetre
    for finding, geometry in zip(FINDINGS, geometries, strict=True):
        expected = to_shapely(outline(finding))
        assert shapely.hausdorff_distance(to_pixels(geometry, "EPSG:4326", source, affine), expected) < tolerance
        assert geometry.geom_type == ("Point" if finding.label == "tree" else "Polygon")


@pytest.mark.parametrize("grid", ON_EARTH)
def test_outer_rings_run_counter_clockwise_on_the_map_and_holes_clockwise(tmp_path: Path, grid: str) -> None:
    rings = result(tif(tmp_path / "a.tif", grid)).to_geojson()["features"][0]["geometry"]["coordinates"]
    assert [shapely.LinearRing(ring).is_ccw for ring in rings] == [True, False]


def test_web_mercator_agrees_with_its_own_formula(tmp_path: Path) -> None:
    affine, _ = GRIDS["web mercator"]
    geometry = one(PointSet("point", (Ring(((12.5, 7.25),)),)), affine, "EPSG:3857")["features"][0]["geometry"]
    x, y = map_at([(12.5, 7.25)], affine)[0]
    radius = 6378137.0
    expected = math.degrees(x / radius), math.degrees(2 * math.atan(math.exp(y / radius)) - math.pi / 2)
    assert geometry["coordinates"] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("grid", ON_EARTH)
@pytest.mark.parametrize("asked", ["source", "EPSG:3035", "EPSG:2277"])
def test_a_named_crs_is_what_gdal_reads(tmp_path: Path, grid: str, asked: str) -> None:
    made = result(tif(tmp_path / "a.tif", grid))
    affine, source = GRIDS[grid]
    if asked == "EPSG:2277" and grid != "feet":
        return  # Texas
    if asked == "EPSG:3035" and grid == "feet":
        return  # Europe
    _, geometries, crs = read(made.save(tmp_path / "a.geojson", crs=asked))
    wanted = source if asked == "source" else asked
    assert crs == wanted
    for finding, geometry in zip(FINDINGS, geometries, strict=True):
        back = to_pixels(geometry, wanted, source, affine)
        # a change of datum and back takes a millimetre
        assert shapely.hausdorff_distance(back, to_shapely(outline(finding))) < 2e-3


def test_a_crs_without_a_code_is_named_by_its_text(tmp_path: Path) -> None:
    wkt = rasterio.crs.CRS.from_proj4("+proj=laea +lat_0=52 +lon_0=13 +ellps=GRS80 +units=m").to_wkt()
    made = result(scene((1.0, 0.0, 100.0, 0.0, -1.0, 100.0), wkt), findings=FINDINGS[1:2])
    _, (geometry,), crs = read(made.save(tmp_path / "a.geojson", crs="source"))
    assert "Lambert_Azimuthal_Equal_Area" in crs
    assert set(geometry.exterior.coords) == {(170, 90), (190, 80), (180, 60), (160, 70)}


def test_without_a_place_on_earth_coordinates_are_pixels_and_no_reader_takes_them_for_degrees(tmp_path: Path) -> None:
    for grid in ("nothing", "no crs"):
        path = result(tif(tmp_path / "a.tif", grid)).save(tmp_path / "a.geojson")
        _, geometries, crs = read(path)
        assert "4326" not in crs and 'LOCAL_CS["image grid"' in crs
        assert geometries[0].equals(to_shapely(outline(FINDINGS[0])))
        written = json.loads(path.read_text())
        assert "scene pixels" in written["frame"] and "bbox" not in written
        assert any("coordinates are scene pixels" in notice for notice in written["georsmllm"]["notices"])


def test_map_coordinates_without_a_crs_are_given_on_request(tmp_path: Path) -> None:
    made = result(tif(tmp_path / "a.tif", "no crs"), findings=FINDINGS[1:2]).to_geojson(crs="source")
    (ring,) = made["features"][0]["geometry"]["coordinates"]
    assert set(ring) == {(535, 895), (545, 890), (540, 880), (530, 885)}
    assert "does not name" in made["frame"]


@pytest.mark.parametrize("crs", ["EPSG:nowhere", "EPSG:999999", "", 'LOCAL_CS["x"]', "north"])
def test_a_crs_that_is_none_is_the_persons_mistake(tmp_path: Path, crs: str) -> None:
    with pytest.raises(UsageError, match="EPSG:32633"):
        result(tif(tmp_path / "a.tif", "north up")).to_geojson(crs=crs)


def test_a_crs_cannot_be_asked_of_what_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no affine"):
        result(tif(tmp_path / "a.tif", "nothing")).to_geojson(crs="EPSG:4326")


def test_an_answer_without_findings_still_says_what_it_says(tmp_path: Path) -> None:
    outcome = Outcome("number", value=7)
    made = result(tif(tmp_path / "a.tif", "north up"), outcome=outcome, text="7.", notices=("mind this",)).to_geojson()
    assert made["features"] == [] and "bbox" not in made
    assert made["georsmllm"]["value"] == 7 and made["georsmllm"]["notices"] == ["mind this"]


def test_attributes_are_null_where_nothing_is_known(tmp_path: Path) -> None:
    lake, ship, _, tree = (
        f["properties"] for f in result(tif(tmp_path / "a.tif", "north up")).to_geojson()["features"]
    )
    assert lake == {
        "id": 1, "class": "lake", "step": "s1", "step_text": "Find everything.", "kind": "polygon", "area_px": 1600.0,
        "area_m2": pytest.approx(400.0, rel=1e-3), "gsd_m": 0.5, "score": 0.9, "image": "single", "query": "everything",
        "planner": "embedded", "mask_decoder": "filled shapes (no segmentation model)", "model": "m" * 64,
        "adapter": "a" * 64, "georsmllm": "1.2.3",
    }  # fmt: skip
    assert ship["mask_decoder"] is None and ship["score"] is None and ship["area_px"] == 500.0
    assert tree["area_px"] is None and tree["area_m2"] is None
    bare = result(scene(None, None), findings=FINDINGS[1:2]).to_geojson()["features"][0]["properties"]
    assert bare["gsd_m"] is None and bare["area_m2"] is None


# --- over the antimeridian, about the pole, across a wide scene ------------------------------------------------------


@pytest.mark.parametrize(
    ("affine", "crs"),
    [
        ((100.0, 0.0, 180000.0 + 6.5e5, 0.0, -100.0, 10000.0), "EPSG:32660"),
        ((0.01, 0.0, 179.5, 0.0, -0.01, 10.0), "EPSG:4326"),
        ((0.01, 0.0, -180.5, 0.0, -0.01, 10.0), "EPSG:4326"),
        ((0.01, 0.0, 539.5, 0.0, -0.01, 10.0), "EPSG:4326"),
    ],
)
def test_a_shape_over_the_antimeridian_is_cut_there(affine, crs: str) -> None:
    whole = box(10, 10, 110, 70)
    west = one(whole, affine, crs)
    found = west["features"][0]["geometry"]
    assert found["type"] == "MultiPolygon" and len(found["coordinates"]) == 2
    sides = sorted((min(x for x, _ in ring), max(x for x, _ in ring)) for (ring,) in found["coordinates"])
    assert sides[0][0] == -180.0 and sides[1][1] == 180.0 and sides[0][1] < -178.9 and sides[1][0] > 178.9
    assert west["bbox"][0] == sides[1][0] and west["bbox"][2] == sides[0][1]
    assert all(shapely.LinearRing(ring).is_ccw for (ring,) in found["coordinates"])
    pieces = [to_pixels(shapely.Polygon(ring), "EPSG:4326", crs, affine) for (ring,) in found["coordinates"]]
    if crs == "EPSG:32660":
        assert sum(piece.area for piece in pieces) == pytest.approx(6000, rel=1e-3)


@pytest.mark.parametrize(("west", "expected"), [(180.0, -180.0), (179.0, 179.0), (181.0, -179.0), (-180.0, -180.0)])
def test_a_shape_that_only_touches_the_antimeridian_stays_whole(west: float, expected: float) -> None:
    found = one(box(0, 0, 100, 50), (0.01, 0.0, west, 0.0, -0.01, 10.0), "EPSG:4326")["features"][0]["geometry"]
    xs = [x for x, _ in found["coordinates"][0]]
    assert found["type"] == "Polygon" and (min(xs), max(xs)) == (expected, pytest.approx(expected + 1))


def test_a_hole_over_the_antimeridian_is_cut_with_its_part() -> None:
    found = one(RING, (0.02, 0.0, 179.4, 0.0, -0.02, 10.0), "EPSG:4326")["features"][0]["geometry"]
    area = sum(shapely.Polygon(*[rings[0], rings[1:]]).area for rings in found["coordinates"])
    assert area == pytest.approx(1600 * 0.02**2)


def test_a_shape_about_the_pole_holds_it() -> None:
    affine = (1000.0, 0.0, -500000.0, 0.0, -1000.0, 500000.0)
    found = one(box(100, 100, 900, 900), affine, "EPSG:3995", size=(1000, 1000))["features"][0]["geometry"]
    whole = shapely.geometry.shape(found)
    assert whole.bounds == (-180.0, pytest.approx(84.797, abs=0.001), 180.0, 90.0)
    assert all(whole.buffer(1e-6).contains(shapely.Point(lon, 89.0)) for lon in range(-180, 181, 30))
    assert not whole.contains(shapely.Point(45.5, 84.0))


def test_the_whole_globe_is_one_box() -> None:
    affine = (40075016.685578488 / 360, 0.0, -20037508.342789244, 0.0, -1e5, 1e7)
    found = one(box(0, 0, 360, 200), affine, "EPSG:3857", size=(360, 200))["features"][0]["geometry"]
    xs = [
        x
        for part in ([found["coordinates"]] if found["type"] == "Polygon" else found["coordinates"])
        for x, _ in part[0]
    ]
    assert (min(xs), max(xs)) == (-180.0, 180.0)


def test_long_edges_bend_and_short_ones_stay_as_they_are() -> None:
    affine = (10.0, 0.0, 200000.0, 0.0, -10.0, 6500000.0)
    size = (20000, 20000)
    ring = one(box(100, 100, 19900, 19900), affine, "EPSG:32633", size=size)["features"][0]["geometry"]["coordinates"][
        0
    ]
    assert 40 < len(ring) < 400
    dense = shapely.segmentize(shapely.LinearRing(ring), 0.002)  # between the vertices, as another reader would draw it
    back = to_pixels(dense, "EPSG:4326", "EPSG:32633", affine)
    xy = shapely.get_coordinates(back)
    off = np.min([abs(xy[:, i] - at) for i in (0, 1) for at in (100, 19900)], axis=0)
    assert off.max() < 0.12
    short = one(box(100, 100, 200, 200), affine, "EPSG:32633", size=size)["features"][0]["geometry"]["coordinates"][0]
    assert len(short) == 5


def test_a_place_that_the_crs_does_not_reach_is_said_and_has_no_geometry() -> None:
    made = one(box(0, 0, 10, 10), (1e9, 0.0, 1e12, 0.0, -1e9, 1e12), "EPSG:32633")
    assert made["features"][0]["geometry"] is None
    assert "1 findings have no geometry" in " ".join(made["georsmllm"]["notices"])


def test_simplified_masks_have_fewer_vertices_and_keep_their_holes() -> None:
    circle = polygon(
        Ring(tuple((60 + 30 * math.cos(t / 50), 40 + 30 * math.sin(t / 50)) for t in range(314))),
        Ring(tuple((60 + 12 * math.cos(t / 50), 40 + 12 * math.sin(t / 50)) for t in range(314)), "-"),
    )
    made = result(scene(*GRIDS["north up"]), findings=(masked(1, "ring", circle),))
    exact, few = (made.to_geojson(crs="source", simplify_px=px)["features"][0]["geometry"] for px in (0.0, 1.0))
    count = [sum(len(ring) for ring in one["coordinates"]) for one in (exact, few)]
    assert count[1] < count[0] / 3 and len(few["coordinates"]) == 2
    distance = shapely.hausdorff_distance(shapely.geometry.shape(exact), shapely.geometry.shape(few))
    assert distance <= 1.0 * 0.5 + 1e-6


def test_shapes_that_cross_themselves_or_have_no_area_become_what_gis_software_takes() -> None:
    bow_tie = polygon(Ring(((0, 0), (20, 20), (20, 0), (0, 20))))
    made = one(bow_tie, *GRIDS["north up"], crs="source")["features"][0]["geometry"]
    assert shapely.geometry.shape(made).is_valid and made["type"] == "MultiPolygon"
    flat = one(box(5, 5, 5, 9), *GRIDS["north up"], crs="source")["features"][0]
    assert flat["geometry"] == {"type": "Point", "coordinates": (500002.5, 4999996.5)}
    assert flat["properties"]["kind"] == "box"


# --- laws ------------------------------------------------------------------------------------------------------------

AFFINES = st.tuples(
    st.floats(0.05, 60), st.floats(0, 2 * math.pi), st.floats(-0.5, 0.5), st.sampled_from((-1, 1)),
    st.floats(2e5, 8e5), st.floats(1e5, 9e6),
).map(lambda v: _affine(*v))  # fmt: skip


def _affine(pixel: float, turn: float, shear: float, flip: int, x: float, y: float) -> tuple[float, ...]:
    cos, sin = math.cos(turn), math.sin(turn)
    return pixel * cos, flip * pixel * (-sin + shear * cos), x, pixel * sin, flip * pixel * (cos + shear * sin), y


POINTS = st.tuples(st.floats(0, 120), st.floats(0, 80))


@given(AFFINES, POINTS, POINTS)
def test_pixels_come_back_from_a_file_in_the_images_crs(affine, first, second) -> None:
    shape = box(
        min(first[0], second[0]), min(first[1], second[1]), max(first[0], second[0]) + 1, max(first[1], second[1]) + 1
    )
    made = json.loads(json.dumps(one(shape, affine, "EPSG:32633", crs="source")))
    points = made["features"][0]["geometry"]["coordinates"][0]
    back = pixels_at(points, affine)
    x1, y1, x2, y2 = *shape.rings[0].points[0], *shape.rings[0].points[1]
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    assert all(min(math.dist(corner, point) for point in back) < 1e-3 for corner in corners)
    assert shapely.LinearRing(points).is_ccw


@given(AFFINES, POINTS)
def test_pixels_come_back_from_longitude_and_latitude_to_a_millimetre(affine, at) -> None:
    made = one(PointSet("point", (Ring((at,)),)), affine, "EPSG:32633")["features"][0]["geometry"]["coordinates"]
    (x,), (y,) = transform("EPSG:4326", "EPSG:32633", [made[0]], [made[1]])
    assert math.dist((x, y), map_at([at], affine)[0]) < 0.0012


@given(st.floats(-720, 720), st.floats(0.1, 300), st.floats(-80, 0), st.floats(1, 80))
def test_a_cut_keeps_the_area_and_stays_within_180(west: float, wide: float, south: float, high: float) -> None:
    found = within_180(box(west, south, west + wide, south + high))
    whole = to_shapely(found)
    assert whole.bounds[0] >= -180 and whole.bounds[2] <= 180
    assert whole.area == pytest.approx(wide * high, rel=1e-6)
    around = bbox([found])
    assert (around[2] - around[0]) % 360 <= wide + 1e-6 or wide > 180


def test_the_bbox_of_nothing_is_none_and_of_two_sides_the_narrow_one() -> None:
    assert bbox([]) is None
    assert bbox([box(-10, 1, 5, 2), box(7, 0, 9, 1)]) == (-10, 0, 9, 2)
    assert bbox([box(170, 1, 175, 2), box(-170, 0, -160, 1)]) == (170, 0, -160, 2)


def test_a_coast_of_very_many_vertices_takes_time_by_their_number() -> None:
    coast = [(x / 1000, 1 + x % 2 / 1000) for x in range(60_000)]
    start = time.monotonic()
    within_180(polygon(Ring((*coast, (60.0, 0.0), (0.0, 0.0)))))
    assert time.monotonic() - start < 5
