from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import images
from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.errors import BadAnswer
from georsmllm.instruct_data.tasks.geoloc import DECIMALS, TASK, Place, read, written
from georsmllm.metrics.geodesy import FARTHEST_KM
from georsmllm.types import ImageRef, Instruction, Record, Sample, Text, Window

Recorder = Callable[[Instruction], Record]
AFFINE = (0.5, 0.0, 346000.0, 0.0, -0.5, 5648000.0)
KOELN = ImageRef("koeln.tif", 1000, 1000, None, AFFINE, "EPSG:25832")


def view(image: ImageRef, *places: str) -> Sample:
    texts = tuple(Text("place", place) for place in places)
    return Sample("oem/koeln", "oem", "train", "oem/koeln", (image,), texts=texts)


def built(sample: Sample, seed: int = 0) -> Built:
    return TASK.build(sample, Random(seed), AskOptions())


def test_an_image_without_a_map_is_not_asked() -> None:
    assert built(view(ImageRef("a.png", 64, 64), "Köln")) == Built()


def test_a_named_place_is_answered_with_its_name_and_the_middle_of_the_view(record_of: Recorder) -> None:
    (one,) = built(view(KOELN, " Köln ")).instructions
    assert (one.id, one.form) == ("oem/koeln#geoloc-place", "place")
    record = record_of(one)
    assert record.gold_text == "Köln, (50.9608, 6.8106)"
    assert "City, (latitude, longitude)" in record.messages[0].content
    assert TASK.score(record.gold_text, record).value == 1


def test_without_a_name_the_coordinates_stand_alone(record_of: Recorder) -> None:
    (one,) = built(view(KOELN)).instructions
    assert one.form == "coordinates"
    assert record_of(one).gold_text == "(50.9608, 6.8106)"
    assert "City" not in str(one.prompt)


def test_a_tile_is_asked_for_its_own_middle(record_of: Recorder) -> None:
    tile = replace(KOELN, width=100, height=100, window=Window(900, 0, 100, 100))
    (one,) = built(view(tile, "Köln")).instructions
    assert record_of(one).gold_text == "Köln, (50.9629, 6.8137)"


@pytest.mark.parametrize(
    ("sample", "reasons", "forms"),
    [
        (view(replace(KOELN, crs=None)), ["no_crs"], []),
        (view(replace(KOELN, affine=None)), ["no_affine"], []),
        (view(replace(KOELN, crs="a plan of mine")), ["unknown_crs"], []),
        (view(replace(KOELN, affine=(1e9, 0, 0, 0, -1e9, 0))), ["off_the_earth"], []),
        (view(replace(KOELN, affine=(0.001, 0, 0, 0, -0.001, 95), crs="EPSG:4326")), ["off_the_earth"], []),
        (view(replace(KOELN, affine=(0.01, 0, 0, 0, -0.01, 50), crs="EPSG:4326")), ["view_too_wide"], []),
        (view(KOELN, "Köln", "Bonn"), ["several_places"], ["coordinates"]),
        (view(KOELN, "..."), ["unspeakable_place"], ["coordinates"]),
        (view(KOELN, "Köln (NRW)"), ["unspeakable_place"], ["coordinates"]),
        (replace(view(KOELN), images=(KOELN, KOELN)), ["two_images"], []),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(sample: Sample, reasons: list[str], forms: list[str]) -> None:
    result = built(sample)
    assert result.refusals == tuple(Refusal("place", reason, ()) for reason in reasons)
    assert [one.form for one in result.instructions] == forms


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("(50.9608, 6.8106)", Place("", (6.8106, 50.9608))),
        (" Köln, (50.9608,6.8106). ", Place("Köln", (6.8106, 50.9608))),
        ("Ciudad de México, Centro, (+19.43, -99.13)", Place("Ciudad de México, Centro", (-99.13, 19.43))),
        ("(-90, 180)", Place("", (180.0, -90.0))),
    ],
)
def test_answers_are_read(text: str, place: Place) -> None:
    assert read(text) == place


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("Köln", "no_coordinates"),
        ("50.9608, 6.8106", "no_coordinates"),
        ("Köln (50.9608, 6.8106)", "no_coordinates"),
        ("Köln, (50.9608 N, 6.8106 E)", "no_coordinates"),
        ("(50.9, 6.8) or (51.9, 6.8)", "no_coordinates"),
        ("(1e3, 4)", "no_coordinates"),
        ("(nan, 4)", "no_coordinates"),
        ("(90.1, 4)", "out_of_range"),
        ("(50, 181)", "out_of_range"),
    ],
)
def test_what_is_no_place_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(BadAnswer) as bad:
        read(text)
    assert bad.value.reason == reason


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_what_is_written_is_read_within_half_a_decimal(lon: float, lat: float) -> None:
    place = read(written(Place("Köln", (lon, lat))))
    assert place.name == "Köln"
    assert place.at == pytest.approx((lon, lat), abs=0.5001 * 10**-DECIMALS)
    assert "-0.0000" not in written(place)


@pytest.mark.parametrize(
    ("text", "verdict", "km", "within"),
    [
        ("Köln, (50.9608, 6.8106)", "ok", 0.0, 5),
        # a tenth of a degree of latitude is 11.1 km
        ("(51.0608, 6.8106)", "ok", 11.12, 4),
        ("Berlin, (52.52, 13.405)", "ok", 484, 2),
        ("(-50.9608, -173.1894)", "ok", FARTHEST_KM, 0),
        ("Köln", "no_coordinates", FARTHEST_KM, 0),
    ],
)
def test_scores(text: str, verdict: str, km: float, within: int, record_of: Recorder) -> None:
    score = TASK.score(text, record_of(built(view(KOELN, "Köln")).instructions[0]))
    assert score.verdict == verdict
    assert score.value == pytest.approx(math.exp(-km / 1492.7) if verdict == "ok" else 0, rel=0.01)
    assert score.parts["error_km"] == pytest.approx(km, rel=0.01)
    assert sum(value for name, value in score.parts.items() if name.startswith("within")) == within
    assert score.parts["place_n"] == 1
    assert score.parts["place_right_n"] == float(text.startswith("Köln, "))


def test_a_real_tile_of_cologne_lies_there(real: Callable[[str], Path]) -> None:
    path = real("openearthmap") / "koeln" / "images" / "koeln_50.tif"
    width, height = images.size_wh(path)
    affine, crs = images.geo(path)
    (one,) = built(view(ImageRef("k.tif", width, height, None, affine, crs))).instructions
    place = read(str(one.answer[0]))
    assert place.at == pytest.approx((6.95, 50.94), abs=0.2)


@pytest.mark.parametrize(
    ("name", "reason"), [("rotated.tif", "no_crs"), ("world.byte.tif", "view_too_wide"), ("RGB.byte.tif", "")]
)
def test_real_rasters(name: str, reason: str, real: Callable[[str], Path]) -> None:
    path = real("geotiff") / name
    width, height = images.size_wh(path)
    affine, crs = images.geo(path)
    result = built(view(ImageRef(name, width, height, None, affine, crs)))
    assert [one.reason for one in result.refusals] == ([reason] if reason else [])
    assert len(result.instructions) == (0 if reason else 1)
