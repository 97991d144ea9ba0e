"""Areas on the ground against the ellipsoid's own formula, in degrees, UTM, feet, Web Mercator, turned and upside down."""

from __future__ import annotations

import math

import pytest

from georsmllm.areas import areas, square_metres, squares_metres
from georsmllm.found import Finding
from georsmllm.types import ImageRef, PointSet, Ring, box, point, polygon

A, F = 6378137.0, 1 / 298.257223563
E2 = F * (2 - F)
E = math.sqrt(E2)


def belt(lat_deg: float) -> float:
    """Area of the ellipsoid between the equator and a latitude, by radian of longitude (Snyder 1987, eq. 3-12)."""
    s = math.sin(math.radians(lat_deg))
    q = (1 - E2) * (s / (1 - E2 * s * s) - math.log((1 - E * s) / (1 + E * s)) / (2 * E))
    return A * A * q / 2


def cell(west: float, south: float, east: float, north: float) -> float:
    return math.radians(east - west) * (belt(north) - belt(south))


def mercator(lon: float, lat: float) -> tuple[float, float]:
    return math.radians(lon) * A, math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) * A


def degrees(west: float, north: float, step: float, size: int) -> ImageRef:
    return ImageRef("d.tif", size, size, affine=(step, 0, west, 0, -step, north), crs="EPSG:4326")


@pytest.mark.parametrize("lat", [0.0, 30.0, -52.0, 69.0, 85.0])
@pytest.mark.parametrize("step", [1e-5, 1e-3, 1e-2])
def test_a_cell_of_degrees_has_the_area_that_the_ellipsoid_has(lat: float, step: float) -> None:
    image = degrees(10, lat + 150 * step, step, 300)
    expected = cell(10 + 20 * step, lat - 50 * step, 10 + 280 * step, lat + 100 * step)
    assert square_metres(box(20, 50, 280, 200), image) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("lat", [0.0, 48.0, -70.0])
def test_the_metres_of_web_mercator_are_brought_to_the_ground(lat: float) -> None:
    (x1, y1), (x2, y2) = mercator(8.0, lat), mercator(8.01, lat + 0.01)
    image = ImageRef("m.tif", 500, 500, affine=((x2 - x1) / 500, 0, x1, 0, -(y2 - y1) / 500, y2), crs="EPSG:3857")
    found = square_metres(box(0, 0, 500, 500), image)
    assert found == pytest.approx(cell(8.0, lat, 8.01, lat + 0.01), rel=1e-4)
    # the naive product is wrong by the square of the secant of the latitude
    assert (x2 - x1) * (y2 - y1) / found == pytest.approx(1 / math.cos(math.radians(lat + 0.005)) ** 2, rel=0.01)


@pytest.mark.parametrize(("x", "scale"), [(500_000, 0.9996), (820_000, 1.00086)])
def test_utm_is_corrected_for_the_scale_of_its_zone(x: float, scale: float) -> None:
    image = ImageRef("u.tif", 1000, 1000, affine=(1, 0, x - 500, 0, -1, 5_000_500), crs="EPSG:32633")
    assert square_metres(box(400, 400, 600, 600), image) == pytest.approx(40_000 / scale**2, rel=1e-4)


def test_a_turned_a_sheared_and_an_upside_down_grid_have_the_area_of_their_pixels() -> None:
    shape = box(10, 20, 110, 70)
    c, s = math.cos(0.5) * 0.5, math.sin(0.5) * 0.5
    for affine in ((c, s, 5e5, s, -c, 5e6), (0.5, 0.0, 5e5, 0.0, 0.5, 5e6), (0.5, 0.2, 5e5, 0.0, -0.5, 5e6)):
        image = ImageRef("r.tif", 200, 200, affine=affine, crs="EPSG:32633")
        assert square_metres(shape, image) == pytest.approx(100 * 50 * 0.25 / 0.9996**2, rel=1e-4)


def test_feet_are_feet() -> None:
    image = ImageRef(
        "f.tif", 400, 400, affine=(2, 0, 6_000_000, 0, -2, 2_100_000), crs="EPSG:2227"
    )  # California 3, ftUS
    foot = 1200 / 3937
    assert square_metres(box(0, 0, 400, 400), image) == pytest.approx((800 * foot) ** 2, rel=5e-4)


def test_holes_count_not_and_crossed_rings_as_they_are_filled() -> None:
    image = ImageRef("u.tif", 100, 100, affine=(1, 0, 5e5, 0, -1, 5e6), crs="EPSG:32633")
    square = ((0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0))
    hole = ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))
    holed = polygon(Ring(square), Ring(hole, "-"))
    crossed = polygon(Ring(((0.0, 0.0), (40.0, 40.0), (40.0, 0.0), (0.0, 40.0))))
    found = squares_metres([holed, crossed, point(3, 3)], image)
    assert found == pytest.approx((1500 / 0.9996**2, 800 / 0.9996**2, 0.0), rel=1e-4)


def test_a_cell_across_the_antimeridian_has_its_area() -> None:
    for west in (179.9, -180.1):
        image = degrees(west, 10.1, 0.001, 200)
        assert square_metres(box(0, 0, 200, 200), image) == pytest.approx(cell(0, 9.9, 0.2, 10.1), rel=1e-4)


@pytest.mark.parametrize(
    "image",
    [
        ImageRef("p.png", 10, 10),
        ImageRef("p.tif", 10, 10, affine=(1, 0, 0, 0, -1, 0)),
        ImageRef("p.tif", 10, 10, crs="EPSG:4326"),
        ImageRef("p.tif", 10, 10, affine=(1, 0, 0, 0, -1, 0), crs="EPSG:nowhere"),
        ImageRef("p.tif", 10, 10, affine=(1, 0, 0, 0, -1, 500), crs="EPSG:4326"),
        ImageRef("p.tif", 10, 10, affine=(1, 0, 0, 0, -1, 0), crs='LOCAL_CS["site",UNIT["metre",1]]'),
    ],
)
def test_without_a_place_on_the_earth_there_are_no_square_metres(image: ImageRef) -> None:
    assert square_metres(box(0, 0, 5, 5), image) is None
    assert squares_metres([], image) == ()


def test_rows_say_label_count_area_and_share_and_what_overlaps_counts_once() -> None:
    image = ImageRef("u.tif", 100, 50, affine=(2, 0, 5e5, 0, -2, 5e6), crs="EPSG:32633")
    shapes: list[tuple[str, PointSet]] = [
        ("water", box(0, 0, 10, 10)),
        ("forest", box(50, 0, 60, 10)),
        ("forest", box(55, 0, 65, 10)),
    ]
    findings = [Finding(i + 1, label, shape) for i, (label, shape) in enumerate(shapes)]
    forest, water = areas(findings, image)
    assert (forest.label, forest.count, forest.area_px) == ("forest", 2, 150.0)
    assert (water.label, water.count, water.area_px) == ("water", 1, 100.0)
    assert forest.square_metres == pytest.approx(600 / 0.9996**2, rel=1e-4)
    assert (forest.share, water.share) == (0.03, 0.02)
    assert areas([], image) == ()
    assert areas(findings, ImageRef("p.png", 100, 50))[0].square_metres is None
