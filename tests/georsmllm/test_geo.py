from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from georsmllm import images
from georsmllm.errors import CannotSay
from georsmllm.geo import ground_axes, lon_lat
from georsmllm.metrics.geodesy import FARTHEST_KM, great_circle_km
from georsmllm.types import ImageRef, Window

NORTH_UP = (0.5, 0.0, 346000.0, 0.0, -0.5, 5648000.0)


@pytest.mark.parametrize(
    ("affine", "crs", "expected"),
    [
        (None, None, None),
        ((0.5, 0, 500000, 0, -0.5, 5500000), None, None),
        (
            (0.5, 0, 500000, 0, -0.5, 5500000),
            "EPSG:25832",
            (0.5002, 0, 0, 0.5002),
        ),  # 0.9996 of the ground in the middle of a zone
        ((1e-5, 0, 10, 0, -1e-5, 60), "EPSG:4326", (0.558, 0, 0, 1.114)),
        ((1e-5, 0, 179.999, 0, -1e-5, 60), "EPSG:4326", (0.558, 0, 0, 1.114)),  # across the antimeridian
        ((1.0, 0, 1e6, 0, -1.0, 8399737.9), "EPSG:3857", (0.5013, 0, 0, 0.5005)),
        ((0, 0.5, 500000, 0.5, 0, 5500000), "EPSG:25832", (0, 0.5002, -0.5002, 0)),  # north is to the right
    ],
)
def test_metres_on_the_ground_along_rows_and_columns(affine, crs, expected) -> None:
    found = ground_axes(ImageRef("a.tif", 1000, 1000, affine=affine, crs=crs))
    assert found == (expected if expected is None else pytest.approx(expected, abs=5e-4))


def image(affine: tuple[float, ...] | None, crs: str | None, window: Window | None = None) -> ImageRef:
    return ImageRef("a.tif", 1000, 1000, window, affine, crs)  # type: ignore[arg-type]


def test_degrees_come_as_longitude_and_latitude_whatever_the_crs_declares() -> None:
    ((lon, lat),) = lon_lat(((500, 500),), image((0.001, 0, 6.0, 0, -0.001, 51.0), "EPSG:4326"))
    assert (lon, lat) == pytest.approx((6.5, 50.5))


def test_metres_of_a_zone_lead_to_cologne() -> None:
    ((lon, lat),) = lon_lat(((500, 500),), image(NORTH_UP, "EPSG:25832"))
    assert (lon, lat) == pytest.approx((6.8106, 50.9608), abs=1e-4)


def test_a_turned_image_is_not_taken_for_north_up() -> None:
    # a quarter turn: x of the image runs south, y runs east
    turned = (0.0, 0.001, 6.0, -0.001, 0.0, 51.0)
    ((lon, lat),) = lon_lat(((1000, 200),), image(turned, "EPSG:4326"))
    assert (lon, lat) == pytest.approx((6.2, 50.0))


def test_a_tile_lies_where_its_window_does() -> None:
    whole = image(NORTH_UP, "EPSG:25832")
    tile = ImageRef("a.tif", 100, 100, Window(300, 700, 100, 100), whole.affine, whole.crs)
    assert lon_lat(((50, 50),), tile) == lon_lat(((350, 750),), whole)


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (image(None, None), "no_affine"),
        (image(None, "EPSG:4326"), "no_affine"),
        (image(NORTH_UP, None), "no_crs"),
        (image(NORTH_UP, "EPSG:999999"), "unknown_crs"),
        (image(NORTH_UP, "my own grid"), "unknown_crs"),
        (image(NORTH_UP, 'LOCAL_CS["plant",UNIT["metre",1]]'), "unknown_crs"),
        (image((1e9, 0, 0, 0, -1e9, 0), "EPSG:25832"), "off_the_earth"),
        (image((1.0, 0, 0, 0, -1.0, 500.0), "EPSG:4326"), "off_the_earth"),
    ],
)
def test_what_leads_to_no_place_is_refused_by_name(ref: ImageRef, reason: str) -> None:
    with pytest.raises(CannotSay) as cannot:
        lon_lat(((500, 100),), ref)
    assert cannot.value.reason == reason


def test_longitudes_go_on_beyond_the_antimeridian() -> None:
    (before, after) = lon_lat(((0, 0), (200, 0)), image((1e-3, 0, 179.9, 0, -1e-3, 10.0), "EPSG:4326"))
    assert before == pytest.approx((179.9, 10))
    assert after == pytest.approx((-179.9, 10))
    assert lon_lat(((0, 0),), image((1e-3, 0, 200.0, 0, -1e-3, 10.0), "EPSG:4326")) == (pytest.approx((-160, 10)),)


@pytest.mark.parametrize(
    ("first", "second", "km"),
    [
        ((7.0, 51.0), (7.0, 51.0), 0.0),
        ((0.0, 0.0), (180.0, 0.0), FARTHEST_KM),
        ((0.0, 0.0), (0.0, 90.0), FARTHEST_KM / 2),
        ((179.9, 0.0), (-179.9, 0.0), 0.2 * FARTHEST_KM / 180),
        # Paris to New York on the ellipsoid: 5852.9 km
        ((2.3522, 48.8566), (-74.0060, 40.7128), 5852.9),
    ],
)
def test_distances(first: tuple[float, float], second: tuple[float, float], km: float) -> None:
    assert great_circle_km(first, second) == pytest.approx(km, rel=0.0056)
    assert great_circle_km(first, second) == great_circle_km(second, first)


def test_the_farthest_is_half_of_the_circumference() -> None:
    assert pytest.approx(20015, abs=1) == FARTHEST_KM
    assert math.isfinite(great_circle_km((0, 0), (180, 1e-12)))


def test_real_rasters_lie_where_they_were_taken(real: Callable[[str], Path]) -> None:
    for name, place in {
        "RGB.byte.tif": (-77.76, 24.56),
        "cogeo.tif": (128.66, 37.67),
        "alpha.tif": (174.97, -39.52),
        "naip/m_4709963_se_14_1_20090818.tif": (-99.15, 47.02),
    }.items():
        path = real("geotiff") / name
        affine, crs = images.geo(path)
        width, height = images.size_wh(path)
        (found,) = lon_lat(((width / 2, height / 2),), ImageRef(name, width, height, None, affine, crs))
        assert found == pytest.approx(place, abs=0.01)
