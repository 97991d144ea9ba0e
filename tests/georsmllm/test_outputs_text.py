"""COCO as pycocotools reads it, DOTA as our own reader does, and the JSON of the HTTP door."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from answers import BOX, FINDINGS, GRIDS, RING, TURNED, masked, result, scene, tif

from georsmllm import masks
from georsmllm.errors import UsageError
from georsmllm.formats import dota_txt
from georsmllm.found import Finding, Outcome
from georsmllm.geometry import area, to_polygon
from georsmllm.types import PointSet, box, point


def coco_of(path: Path):
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(path))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools under numpy 2
def test_pycocotools_reads_masks_boxes_areas_and_classes(tmp_path: Path) -> None:
    hollow = Finding(9, "lake", RING)  # a shape with a hole and no mask
    findings = (*FINDINGS, hollow)
    coco = coco_of(result(tif(tmp_path / "a.tif", "rotated"), findings=findings).save(tmp_path / "a.json"))
    assert {one["name"]: one["id"] for one in coco.cats.values()} == {"lake": 1, "ship": 2}
    assert sorted(coco.anns) == [1, 2, 3, 9]
    assert coco.dataset["info"]["without_extent"] == 1
    assert coco.imgs[1] == {"id": 1, "file_name": "a.tif", "width": 120, "height": 80}
    for finding in findings:
        if finding.id == 4:
            continue
        mask = coco.annToMask(coco.anns[finding.id]).astype(bool)
        expected = finding.mask_scene or masks.from_shape(to_polygon(finding.shape_scene), (120, 80))
        apart = (mask ^ masks.decode(expected)).sum()
        assert apart == 0 if finding.id != 2 else apart <= 40  # pycocotools fills turned rings its own way
    assert coco.anns[1]["area"] == 1600 and coco.anns[1]["bbox"] == [10, 10, 40, 50]
    assert coco.anns[2]["area"] == pytest.approx(area(TURNED)) and coco.anns[2]["kind"] == "rbox"


def test_an_answer_without_findings_is_a_coco_file(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "nothing"), outcome=Outcome("boolean", value=False)).save(tmp_path / "a.json")
    assert coco_of(path).anns == {} and json.loads(path.read_text())["georsmllm"]["value"] is False


def test_the_images_of_a_pair_have_numbers_of_their_own() -> None:
    from georsmllm.outputs.coco import document

    made: dict = document(result(scene(None, None), scene(None, None), findings=(masked(1, "house", BOX, image=1),)))
    assert [one["id"] for one in made["images"]] == [1, 2] and made["annotations"][0]["image_id"] == 2


def test_dota_labels_are_read_back_by_the_reader(tmp_path: Path) -> None:
    findings = (
        masked(1, "lake", RING),
        Finding(2, "ship", TURNED),
        Finding(3, "storage tank", BOX),
        Finding(4, "tree", point(3, 4)),
        Finding(5, "far", box(12345.678, 0, 20000.25, 1)),
    )
    path = result(tif(tmp_path / "a.tif", "rotated"), findings=findings).save(tmp_path / "a.txt")
    found = dota_txt.read(path, "a.txt")
    assert (found.imagesource, found.gsd) == ("GeoRSMLLM", "0.5")
    assert [(row.name, row.difficult, row.corners) for row in found.rows] == [
        ("lake", False, ((10, 10), (50, 10), (50, 60), (10, 60))),
        ("ship", False, ((70, 10), (90, 20), (80, 40), (60, 30))),
        ("storage-tank", False, ((5.5, 62.25), (30.5, 62.25), (30.5, 75.75), (5.5, 75.75))),
        ("far", False, ((12345.678, 0), (20000.25, 0), (20000.25, 1), (12345.678, 1))),
    ]


def test_a_label_file_is_of_one_image(tmp_path: Path) -> None:
    both = (masked(1, "house", BOX, image=1), masked(2, "house", BOX, image=0))
    with pytest.raises(UsageError, match="of one image"):
        result(scene(None, None), scene(None, None), findings=both).save(tmp_path / "a.txt")
    path = result(scene(None, None), scene(None, None), findings=both[:1]).save(tmp_path / "a.txt")
    assert len(dota_txt.read(path, "a").rows) == 1


def test_the_structured_form_holds_pixels_masks_and_the_earth(tmp_path: Path) -> None:
    made = json.loads(json.dumps(result(tif(tmp_path / "a.tif", "rotated")).to_dict()))
    assert made["query"] == "everything" and made["answer_type"] == "masks" and made["images"][0]["crs"] == "EPSG:32633"
    assert made["made_by"]["mask_decoder"].startswith("filled shapes")
    assert [step["id"] for step in made["steps"]] == ["s1", "s2"] and made["plan"] == {"steps": []}
    lake, ship, _, tree = made["findings"]
    assert lake["box"] == [10, 10, 50, 60] and [ring["sign"] for ring in lake["rings"]] == ["+", "-"]
    assert (masks.decode(masks.from_coco(lake["mask"])) == masks.decode(FINDINGS[0].mask_scene)).all()
    assert lake["lon_lat"]["type"] == "Polygon" and 14.9 < lake["lon_lat"]["coordinates"][0][0][0] < 15.1
    assert ship["mask"] is None and tree["lon_lat"]["type"] == "Point"
    assert result(scene(None, None)).to_dict()["findings"][0]["lon_lat"] is None


def test_numbers_that_are_none_never_reach_json() -> None:
    odd = Finding(1, "x", PointSet("box", BOX.rings), 0, FINDINGS[0].mask_scene, float("nan"))
    made = result(scene(*GRIDS["north up"]), findings=(odd,))
    assert made.to_dict()["findings"][0]["score"] is None
    assert np.isfinite(made.to_dict()["findings"][0]["area_px"])
