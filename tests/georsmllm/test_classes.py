from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import classes

LISTS: dict[str, list[str]] = json.loads((Path(__file__).parents[1] / "data" / "class_lists.json").read_text())
NAMES = sorted(set(chain.from_iterable(LISTS.values())))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ""),
        ("   ", ""),
        ("ship", "ship"),
        ("small-vehicle", "small vehicle"),
        ("Small_Vehicle", "small vehicle"),
        ("plane", "airplane"),
        ("baseballfield", "baseball diamond"),
        ("BaseballField", "baseball diamond"),
        ("Baseball Field", "baseball diamond"),
        ("baseballdiamond", "baseball diamond"),
        ("baseball-diamond", "baseball diamond"),
        ("golffield", "golf course"),
        ("golfcourse", "golf course"),
        ("groundtrackfield", "ground track field"),
        ("Ground_Track_Field", "ground track field"),
        ("Expressway-Service-area", "expressway service area"),
        ("expresswayservicearea", "expressway service area"),
        ("Expressway-toll-station", "expressway toll station"),
        ("trainstation", "railway station"),
        ("RailwayStation", "railway station"),
        ("windmill", "wind turbine"),
        ("storagetanks", "storage tank"),
        ("StorageTanks", "storage tank"),
        ("bapsketball_court", "basketball court"),
        ("agricultural", "agricultural land"),
        ("agriculture land", "agricultural land"),
        ("bareland", "bare land"),
        ("barren", "bare land"),
        ("BareLand", "bare land"),
        ("SeaLake", "sea or lake"),
        ("Boeing737", "boeing 737"),
        ("ARJ21", "arj21"),
        ("Truck Tractor w/ Box Trailer", "truck tractor with box trailer"),
        ("Fixed-wing Aircraft", "fixed wing aircraft"),
        ("  Tennis   Court ", "tennis court"),
        ("RGBImage", "rgb image"),
        ("O\u0308ltank", "\u00f6ltank"),  # a folder as macOS spells it
        ("football field", "football field"),  # American or not: not the same as a soccer ball field
    ],
)
def test_a_spelling_has_its_canonical_name(name: str, expected: str) -> None:
    assert classes.canonical(name) == expected


@given(st.one_of(st.text(max_size=40), st.sampled_from(NAMES), st.from_regex(r"[A-Za-z_\- /]{0,30}", fullmatch=True)))
def test_a_canonical_name_is_a_fixed_point(name: str) -> None:
    once = classes.canonical(name)
    assert classes.canonical(once) == once


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_class_is_words_and_all_its_spellings_agree(name: str) -> None:
    words = classes.canonical(name)
    assert words == words.lower()
    assert words.split(" ") == words.split()
    for spelling in (words.replace(" ", "_"), words.replace(" ", "-"), words.upper().replace(" ", "_"), words.title()):
        assert classes.canonical(spelling) == words


def test_the_glued_names_of_the_lists_are_all_known() -> None:
    spaced = {classes.canonical(name) for name in NAMES}
    glued = {name.replace(" ", "") for name in spaced if " " in name}
    assert sorted(classes.canonical(name) for name in glued) == sorted(name for name in spaced if " " in name)


def test_no_spelling_is_claimed_by_two_names() -> None:
    table: dict[str, list[str]] = json.loads(
        (Path(classes.__file__).parent / "resources" / "synonyms.json").read_text(encoding="utf-8")
    )
    spellings = [spelling.replace(" ", "") for name, others in table.items() for spelling in (name, *others)]
    assert sorted(spellings) == sorted(set(spellings))
    assert list(table) == sorted(table)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ship", "ships"),
        ("bus", "buses"),
        ("church", "churches"),
        ("quarry", "quarries"),
        ("railway", "railways"),
        ("tennis court", "tennis courts"),
        ("terraced field", "terraced fields"),
        ("parking lot", "parking lots"),
        ("small aircraft", "small aircraft"),
        ("works", "works"),
        ("hut/tent", "huts/tents"),
        ("truck tractor with liquid tank", "truck tractors with liquid tanks"),
        ("boeing 737", "boeing 737s"),
        ("water", "water areas"),
        ("dense residential", "dense residential areas"),
        ("beach", "beaches"),
        ("forest", "forests"),
        ("solar panels", "solar panels"),
        ("vehicles", "vehicles"),
        ("people", "people"),
        ("bus stop", "bus stops"),
        ("gas", "gases"),
    ],
)
def test_a_name_has_its_plural(name: str, expected: str) -> None:
    assert classes.plural(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ship", "a ship"),
        ("airport", "an airport"),
        ("urban land", "an urban land area"),
        ("utility truck", "a utility truck"),
        ("a220", "an a220"),
        ("water", "a water area"),
        ("industrial area", "an industrial area"),
        ("solar panels", "a solar panel"),
        ("people", "a person"),
        ("works", "a works"),
        ("other vehicle", "some other vehicle"),
        ("unidentified object", "an unidentified object"),
        ("unit", "a unit"),
    ],
)
def test_a_name_has_its_article(name: str, expected: str) -> None:
    assert classes.with_article(name) == expected


def test_plural_and_article_speak_of_the_same_noun_for_every_listed_class() -> None:
    for name in sorted({classes.canonical(name) for name in NAMES}):
        one = classes.with_article(name).split(" ", 1)[1]
        assert one in (name, f"{name} area")
        assert classes.plural(name).endswith("areas") == one.endswith("area"), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ship", True), ("building", True), ("tree", True), ("forest", False), ("water", False), ("road", False)],
)
def test_things_are_countable_and_areas_are_not(name: str, expected: bool) -> None:
    assert classes.is_countable(name) is expected


@pytest.mark.parametrize(("dataset", "expected"), [("loveda", True), ("dota", False), ("", False)])
def test_a_class_map_is_known_by_its_dataset(dataset: str, expected: bool) -> None:
    assert classes.is_class_map(dataset) is expected


@pytest.mark.parametrize("dataset", ["dota", "dior", "fair1m", "nwpu_vhr10", "soda_a", "isaid", "hrsc2016"])
def test_every_class_of_a_detection_dataset_is_countable(dataset: str) -> None:
    assert [name for name in LISTS[dataset] if not classes.is_countable(classes.canonical(name))] == []


def test_the_noun_lists_hold_canonical_names() -> None:
    nouns = json.loads((Path(classes.__file__).parent / "resources" / "plurals.json").read_text(encoding="utf-8"))
    stuff = json.loads((Path(classes.__file__).parent / "resources" / "stuff.json").read_text(encoding="utf-8"))
    for name in (*nouns["mass"], *nouns["irregular"], *stuff["classes"]):
        assert classes.canonical(name) == name
