"""The ending of a name says what is written, a folder holds all of it, and a wrong ending lists the right ones."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from answers import FINDINGS, GRIDS, masked, result, scene, tif
from PIL import Image

from georsmllm.errors import UsageError
from georsmllm.found import Outcome
from georsmllm.outputs.writing import ENDINGS, check_ending
from georsmllm.types import box


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_writes_a_file_and_gives_its_path(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"answer{ending}"
    assert result(tif(tmp_path / "a.tif", "rotated")).save(str(path)) == path
    assert path.stat().st_size > 0 and [one.name for one in path.parent.iterdir()] == [path.name]


def test_upper_case_endings_are_endings(tmp_path: Path) -> None:
    assert json.loads(result(scene(None, None)).save(tmp_path / "A.GEOJSON").read_text())["type"] == "FeatureCollection"


@pytest.mark.parametrize("name", ["a.shp", "a.kml", "a.jpg", "a.b.c"])
def test_another_ending_is_a_mistake_that_lists_the_right_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.geojson, \.gpkg, \.tif"):
        result(scene(None, None)).save(tmp_path / name)
    with pytest.raises(UsageError, match="to end in"):
        check_ending(tmp_path / name)
    assert (check_ending(tmp_path / "a.PNG"), check_ending(tmp_path), check_ending(tmp_path / "new")) == (
        ".png",
        "",
        "",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.json", "a.txt"])
def test_a_crs_cannot_be_asked_of_what_has_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="leave it out"):
        result(scene(*GRIDS["north up"])).save(tmp_path / name, crs="EPSG:4326")


def test_a_folder_holds_all_of_it(tmp_path: Path) -> None:
    folder = result(tif(tmp_path / "a.tif", "rotated")).save(tmp_path / "out")
    files = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    assert files == [
        "answer.json", "classes.tif", "coco.json", "findings.geojson", "findings.gpkg", "instances.tif",
        "labelTxt/a.txt", "picture.png", "scores.tif",
    ]  # fmt: skip
    again = result(tif(tmp_path / "a.tif", "rotated"), findings=FINDINGS[1:2]).save(folder)
    assert len(json.loads((again / "findings.geojson").read_text())["features"]) == 1


def test_a_pair_has_labels_of_both(tmp_path: Path) -> None:
    made = result(tif(tmp_path / "a.tif", "nothing"), tif(tmp_path / "b.tif", "nothing"), findings=())
    folder = made.save(tmp_path / "out")
    assert sorted(one.name for one in (folder / "labelTxt").iterdir()) == ["A_a.txt", "B_b.txt"]
    assert not (folder / "scores.tif").exists()


@pytest.mark.parametrize("ending", [".geojson", ".json", ".txt", ".png"])
def test_the_same_answer_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    image = tif(tmp_path / "a.tif", "rotated")
    first, second = (result(image).save(tmp_path / f"{n}{ending}").read_bytes() for n in (1, 2))
    assert first == second


def test_a_notebook_shows_the_picture_and_a_terminal_one_line(tmp_path: Path) -> None:
    made = result(tif(tmp_path / "a.tif", "rotated"), query="q" * 100, text="two\nlines", notices=("mind",))
    with Image.open(io.BytesIO(made._repr_png_())) as picture:
        assert max(picture.size) >= 640
    assert repr(made) == f"Result('{'q' * 57}...' -> 'two lines', 4 findings, 2 masks, 2 steps, 1 notices)"
    bare = result(scene(None, None), outcome=Outcome("text", value="x"), findings=())
    assert repr(bare) == "Result('everything' -> 'things', 0 findings, 0 masks)"


def test_points_and_masks_are_those_of_the_findings() -> None:
    made = result(scene(None, None), findings=(masked(1, "x", box(1, 2, 3, 4)), FINDINGS[1]))
    assert made.points == (box(1, 2, 3, 4), FINDINGS[1].shape_scene) and len(made.masks) == 1
