from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import taxonomy
from georsmllm.classes import canonical
from georsmllm.taxonomy import Codes, Heard

LISTS: dict[str, list[str]] = json.loads((Path(__file__).parents[1] / "data" / "class_lists.json").read_text())
CROSSWALKS = (
    "aid",
    "deepglobe_landcover",
    "dota",
    "eurosat",
    "gid15",
    "loveda",
    "million_aid",
    "openearthmap",
    "resisc45",
    "ucm",
)
COVERS = ("deepglobe_landcover", "fbp", "gid15", "isprs", "landcoverai", "loveda", "openearthmap")
CODES = [(above.code, below.code) for above in taxonomy.land_use() for below in above.children]


def test_the_taxonomy_has_12_and_57_classes_whose_codes_nest_in_order() -> None:
    tree = taxonomy.land_use()
    assert [above.code for above in tree] == [f"{i:02d}" for i in range(1, 13)]
    for above in tree:
        assert [below.code for below in above.children] == [
            f"{above.code}{j}" for j in range(1, len(above.children) + 1)
        ]
    assert [len(above.children) for above in tree] == [3, 3, 3, 3, 4, 3, 2, 8, 5, 7, 9, 7]
    assert len(CODES) == 57


def test_no_name_or_alias_means_two_classes_of_a_level() -> None:
    tree = taxonomy.land_use()
    for nodes in (tree, [below for above in tree for below in above.children]):
        spellings = [taxonomy._fold(s) for node in nodes for s in (node.name, *node.aliases)]
        assert sorted(spellings) == sorted(set(spellings))


@pytest.mark.parametrize(
    ("code", "name"), [("01", "Cultivated Land"), ("07", "Residential Land"), ("11", "Water & Hydraulic Facility Land")]
)
def test_a_level1_code_has_its_name(code: str, name: str) -> None:
    assert taxonomy.level1(code).name == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("011", "Paddy Field"),
        ("071", "Urban Residential"),
        ("085", "Culture, Sports & Entertainment"),
        ("107", "Pipeline"),
        ("119", "Glacier & Snow"),
        ("127", "Bare Land"),
    ],
)
def test_a_level2_code_has_its_name(code: str, name: str) -> None:
    assert taxonomy.level2(code).name == name


@pytest.mark.parametrize("dataset", CROSSWALKS)
def test_every_class_of_a_dataset_has_a_row_of_codes_that_exist(dataset: str) -> None:
    table = taxonomy.crosswalk_table(dataset)
    assert sorted(table) == sorted({canonical(name) for name in LISTS[dataset]})
    for codes in table.values():
        assert {taxonomy.parent(code) for code in codes.level2} == set(codes.level1)
        assert all(taxonomy.level1(code).code == code for code in codes.level1)
        assert all(taxonomy.level2(code).code == code for code in codes.level2)


def test_every_crosswalk_file_is_listed_here_and_every_shared_row_is_used() -> None:
    folder = Path(taxonomy.__file__).parent / "resources" / "crosswalks"
    assert tuple(sorted(file.stem for file in folder.glob("*.json") if file.stem != "shared")) == CROSSWALKS
    files = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in (*CROSSWALKS, "shared")
    }
    shared = set(files["shared"])
    assert set().union(*(files[name]["shared"] for name in CROSSWALKS)) == shared
    for name in CROSSWALKS:
        assert not set(files[name]["shared"]) & set(files[name]["own"])


@pytest.mark.parametrize(
    ("dataset", "label", "codes"),
    [
        ("loveda", "water", Codes(("11",), tuple(f"11{i}" for i in range(1, 10)))),
        ("loveda", "barren", Codes(("12",), ("121", "126", "127"))),
        ("loveda", "agricultural", Codes(("01", "02", "12"), ("011", "012", "013", "021", "022", "023", "122"))),
        ("resisc45", "airport", Codes(("10",), ("105",))),
        ("million_aid", "paddy_field", Codes(("01",), ("011",))),
        ("aid", "DenseResidential", Codes(("07",), ("071", "072"))),
        ("dota", "ship", Codes((), ())),
        ("loveda", "ship", None),
        ("nowhere", "ship", None),
        ("shared", "ship", None),
        ("../coarse", "water", None),
        ("", "", None),
    ],
)
def test_a_class_has_its_land_uses(dataset: str, label: str, codes: Codes | None) -> None:
    assert taxonomy.crosswalk(dataset, label) == codes


def test_the_building_of_loveda_may_have_four_level1_uses() -> None:
    codes = taxonomy.crosswalk("loveda", "building")
    assert codes is not None
    assert codes.level1 == ("05", "06", "07", "08")


@pytest.mark.parametrize("dataset", COVERS)
def test_every_class_of_a_segmentation_dataset_has_a_coarse_row(dataset: str) -> None:
    table = taxonomy.coarse_table(dataset)
    assert sorted(table) == sorted({canonical(name) for name in LISTS[dataset]})
    for name, cover in table.items():
        assert cover.tag is None or cover.tag in taxonomy.coarse_tags(), name
        assert set(cover.may_hold) <= set(taxonomy.coarse_tags()) - {cover.tag}, name
        assert cover.lossy or (cover.tag and not cover.may_hold), name


@pytest.mark.parametrize(
    ("dataset", "label", "tag"),
    [
        ("loveda", "agricultural", "cropland"),
        ("loveda", "background", None),
        ("openearthmap", "developed space", "developed area"),
        ("deepglobe_landcover", "urban", "developed area"),
        ("loveda", "ship", None),
        ("dota", "ship", None),
    ],
)
def test_a_class_has_its_coarse_tag(dataset: str, label: str, tag: str | None) -> None:
    assert taxonomy.coarse(dataset, label) == tag


def test_the_lossy_rows_are_marked() -> None:
    lossy = {(d, name) for d in COVERS for name, cover in taxonomy.coarse_table(d).items() if cover.lossy}
    assert {("loveda", "background"), ("openearthmap", "developed space"), ("isprs", "impervious surface")} < lossy
    assert ("deepglobe_landcover", "urban land") in lossy
    assert ("loveda", "water") not in lossy


@given(st.sampled_from(CODES), st.booleans())
def test_what_is_said_is_heard(codes: tuple[str, str], both: bool) -> None:
    above, below = codes
    assert taxonomy.hear(taxonomy.say(above, below if both else None)) == Heard("ok", above, below if both else None)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("", Heard("bad_form", None, None)),
        ("Residential Land", Heard("bad_form", None, None)),
        ("Level-1: ; Level-2: ", Heard("unknown_level1", None, None)),
        ("Level-1: Residential Land; Level-2: Urban Residential", Heard("ok", "07", "071")),
        ("Level-1: Residential Land; Level-2: Urban Residential.", Heard("ok", "07", "071")),
        ("level-1: [residential land]; level-2: [URBAN RESIDENTIAL]", Heard("ok", "07", "071")),
        ("Level-1: Residential; Level-2: Rural Residential", Heard("ok", "07", "072")),
        ("Level-1: Industrial, Mining and Storage Land; Level-2: Mining", Heard("ok", "06", "062")),
        ("Level-1: Transportation Land; Level-2: Railwai", Heard("ok", "10", "101")),
        ("Level-1: Transprotation Land; Level-2: Airport", Heard("ok", "10", "105")),
        ("Level-1: Transportation Land; Level-2: Lake", Heard("inconsistent", "10", None)),
        ("Level-1: Transportation Land; Level-2: Spaceport", Heard("unknown_level2", "10", None)),
        ("Level-1: Other Land; Level-2: Rond", Heard("unknown_level2", "12", None)),  # as near to Pond as to Road
        ("Level-1: Moon; Level-2: Lake", Heard("unknown_level1", None, None)),
        ("Level-1: Transportation Land", Heard("ok", "10", None)),
        ("Level-1: Transportation Land; Level-2: Lake; Level-3: Pond", Heard("bad_form", None, None)),
        ("Level-1: " + "x" * 1000, Heard("bad_form", None, None)),
    ],
)
def test_an_answer_is_read_by_name_case_alias_and_edits(text: str, heard: Heard) -> None:
    assert taxonomy.hear(text) == heard


@given(st.one_of(st.text(), st.text().map(lambda t: f"Level-1: {t}; Level-2: {t}")))
def test_any_text_is_heard(text: str) -> None:
    heard = taxonomy.hear(text)
    assert heard.level2 is None or taxonomy.parent(heard.level2) == heard.level1
