from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import geometry
from georsmllm.converters.coco import CONVERTER, scene_of
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import box, rbox

Box = list[float]
SHIP: Box = [10, 10, 8, 4]


def world(
    root: Path,
    boxes: dict[str, list[Box]],
    *,
    json_name: str = "instances_train.json",
    size: tuple[int, int] = (64, 48),
    entry: dict[str, object] | None = None,
    fields: dict[str, object] | None = None,
) -> Path:
    """Images below root/images with their boxes; entry: more fields of every image, fields: of every annotation."""
    images, annotations = [], []
    for number, (name, rows) in enumerate(boxes.items()):
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (40, 60, 90)).save(path)
        images.append({"id": number, "file_name": name, "width": 64, "height": 48, **(entry or {})})
        annotations += [{"image_id": number, "category_id": 3, "bbox": row, **(fields or {})} for row in rows]
    categories = [{"id": 3, "name": "Ship"}, {"id": 5, "name": "plane"}]
    tree = {"images": images, "annotations": annotations, "categories": categories}
    (root / json_name).parent.mkdir(parents=True, exist_ok=True)
    (root / json_name).write_text(json.dumps(tree), encoding="utf-8")
    return root


def paths(root: Path) -> list[str]:
    return [sample.images[0].path for sample in read_all(CONVERTER, root)[0]]


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "coco" / "world")
    assert [sample.id for sample in samples] == [
        "coco/Köln/harbour",
        "coco/P0002_0_96_100_196",
        "coco/north/nothing",
        "coco/north/village 1",
    ]
    assert [(error.reason, error.where.split("@")[0]) for error in bad] == [("not_finite", "instances_val.json")]
    harbour, tile, nothing, village = samples
    assert harbour.split == "val"
    assert harbour.exhaustive == harbour.classes == ("building", "ship", "small vehicle", "storage tank")
    assert dict(harbour.mended) == {"clipped_to_image": 1, "reordered_corners": 1, "self_crossing_mended": 1}
    assert [t.ignore for t in harbour.targets] == [None, None, None, None, "collapsed", "outside_image", None]
    assert harbour.targets[1].shape == rbox(((40, 10), (60, 14), (58, 22), (38, 18)))
    assert (tile.scene, tile.images[0].size_wh) == ("dota/P0002", (96, 96))
    assert tile.targets[0].shape == box(20, 20, 28, 24)
    assert tile.targets[0].attributes == (("source_label", "Small_Vehicle"),)
    assert nothing.targets == ()
    assert nothing.exhaustive == nothing.classes
    assert [t.label for t in village.targets] == ["building", "building", "storage tank", "small vehicle"]
    assert [t.ignore for t in village.targets] == [None, None, None, "crowd"]
    assert geometry.bounds(village.targets[2].shape) == (60, 46, 77, 65)
    assert geometry.bounds(village.targets[3].shape) == (8, 60, 41, 67)


def test_refs_are_sorted_unique_and_the_same_twice(data: Path) -> None:
    first, second = (list(CONVERTER.find(data / "coco" / "world")) for _ in range(2))
    keys = [ref.key for ref in first]
    assert first == second
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    ("json_name", "split"),
    [
        ("instances_train2017.json", "train"),
        ("iSAID_val.json", "val"),
        ("Test.json", "test"),
        ("annotations.json", ""),
        ("latest.json", ""),
        ("trainval.json", ""),
    ],
)
def test_the_split_is_a_word_of_the_json_name(tmp_path: Path, json_name: str, split: str) -> None:
    root = world(tmp_path, {"a.png": [SHIP]}, json_name=json_name)
    assert [ref.split for ref in CONVERTER.find(root)] == [split]


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("train/001.jpg", "coco/train/001"),
        ("P0002.png", "dota/P0002"),
        ("P0002_0_800_600_1400.png", "dota/P0002"),
        ("images/P0706__1__0___0.png", "dota/P0706"),
        ("a/port_0_800_600_1400.png", "coco/a/port"),
        ("port__0.5__-10___20.png", "coco/port"),
        ("2020_06_01.png", "coco/2020_06_01"),
        ("a.b.tif", "coco/a.b"),
    ],
)
def test_tiles_keep_the_name_of_their_scene(name: str, scene: str) -> None:
    assert scene_of(name) == scene


@pytest.mark.parametrize(
    "listed",
    ["a b/ü.png", "./a b/ü.png", "a b\\ü.png", "ü.png", "/data/set/ü.png", "../../elsewhere/ü.png", "other/ü.png"],
)
def test_an_image_is_found_by_its_path_or_its_bare_name(tmp_path: Path, listed: str) -> None:
    root = world(tmp_path, {"a b/ü.png": [SHIP]}, entry={"file_name": listed})
    assert paths(root) == ["images/a b/ü.png"]


def test_the_json_itself_may_be_given_with_the_images_beside_or_above(tmp_path: Path) -> None:
    root = world(tmp_path / "one", {"a.png": [SHIP]})
    assert paths(root / "instances_train.json") == ["images/a.png"]
    root = world(tmp_path / "two", {"a.png": [SHIP]}, json_name="annotations/train.json")
    assert paths(root / "annotations" / "train.json") == ["../images/a.png"]
    assert paths(root) == ["images/a.png"]


def test_a_bare_name_in_two_folders_is_one_line_that_names_both(tmp_path: Path) -> None:
    root = world(tmp_path, {"a/1.png": [SHIP]}, entry={"file_name": "1.png"})
    shutil.copytree(root / "images/a", root / "images/b")
    with pytest.raises(UsageError, match=r"1\.png may be images/a/1\.png and images/b/1\.png; write file_name with"):
        list(CONVERTER.find(root))


def test_junk_and_loops_do_not_make_names_ambiguous(tmp_path: Path) -> None:
    root = world(tmp_path, {"a/1.png": [SHIP]}, entry={"file_name": "1.png"})
    (root / "images" / "loop").symlink_to(root)
    (root / "images" / "._1.png").write_bytes(b"junk")
    (root / ".DS_Store").write_bytes(b"junk")
    (root / "._instances_train.json").write_bytes(b"junk")
    (root / "settings.json").write_text('{"images": 3}')
    assert paths(root) == ["images/a/1.png"]


def test_a_missing_folder_names_what_exists(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        list(CONVERTER.find(tmp_path / "nothing"))


def test_a_folder_without_coco_json_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no COCO JSON below .* expected one JSON with images"):
        list(CONVERTER.find(tmp_path))


def test_two_coco_jsons_are_one_line_that_names_both(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.png": [SHIP]})
    shutil.copy(root / "instances_train.json", root / "other.json")
    with pytest.raises(UsageError, match=r"2 COCO JSONs .*instances_train\.json, .*other\.json; give the one to read"):
        list(CONVERTER.find(root))


def test_a_truncated_json_is_one_line_with_the_byte(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.png": [SHIP]})
    path = root / "instances_train.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"instances_train\.json@100: the file ends in the middle of a value"):
        list(CONVERTER.find(root))


def test_a_json_list_is_told_from_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('[{"image": "a.png"}]')
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "list.json"))
    assert str(error.value).endswith(
        "list.json@0: expected a JSON object, found a list; it is to hold the lists images, annotations, categories "
        "under their names"
    )


def test_one_image_listed_twice_is_one_line_with_both_places(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.png": [SHIP], "b.png": [SHIP]}, entry={"file_name": "a.png"})
    with pytest.raises(UsageError, match=r"@\d+: the image of byte 12 again, a\.png; join the two entries"):
        list(CONVERTER.find(root))


def test_where_two_images_differ_in_their_suffix_alone_all_keep_it_in_their_keys(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.png": [SHIP], "a.tif": [SHIP], "b.png": []})
    assert [ref.key for ref in CONVERTER.find(root)] == ["a.png", "a.tif", "b.png"]


def one_bad(root: Path) -> BadRecord:
    """The only bad record; the other image of the world was read all the same."""
    samples, bad = read_all(CONVERTER, root)
    assert [sample.id for sample in samples] == ["coco/good"]
    assert len(samples[0].targets) == 1
    (error,) = bad
    return error


def spoiled(root: Path, spoil: Callable[[dict[str, list[dict[str, object]]]], None]) -> Path:
    """A world of two images of which the annotation file was changed."""
    world(root, {"bad.png": [SHIP], "good.png": [SHIP]})
    path = root / "instances_train.json"
    tree = json.loads(path.read_text())
    spoil(tree)
    path.write_text(json.dumps(tree))
    return root


def test_an_image_that_is_not_on_disk_is_quarantined_by_name(tmp_path: Path) -> None:
    root = world(tmp_path, {"bad.png": [SHIP], "good.png": [SHIP]})
    (root / "images" / "bad.png").unlink()
    error = one_bad(root)
    assert (error.reason, error.where) == ("image_missing", "instances_train.json@12")
    assert error.message == "bad.png is listed and nowhere on disk"


def test_an_image_cut_short_is_quarantined_by_name(tmp_path: Path) -> None:
    root = world(tmp_path, {"bad.png": [SHIP], "good.png": [SHIP]})
    (root / "images" / "bad.png").write_bytes(b"")
    assert (one_bad(root).reason, one_bad(root).where) == ("image_truncated", "images/bad.png")


def test_a_listed_size_that_is_not_the_images_is_quarantined(tmp_path: Path) -> None:
    root = spoiled(tmp_path, lambda tree: tree["images"][0].update(width=65))
    error = one_bad(root)
    assert error.reason == "size_mismatch"
    assert error.message == "expected 65 x 48 as listed, the image images/bad.png is 64 x 48"


@pytest.mark.parametrize("size", [{"width": None, "height": None}, {"width": 64.0, "height": 48.0}, {}])
def test_a_listed_size_may_be_missing_or_a_decimal(tmp_path: Path, size: dict[str, object]) -> None:
    def spoil(tree: dict[str, list[dict[str, object]]]) -> None:
        tree["images"] = [{"id": e["id"], "file_name": e["file_name"], **size} for e in tree["images"]]

    root = spoiled(tmp_path, spoil)
    samples, bad = read_all(CONVERTER, root)
    assert bad == []
    assert [sample.images[0].size_wh for sample in samples] == [(64, 48), (64, 48)]


def test_an_unknown_class_is_quarantined_with_the_known_ones(tmp_path: Path) -> None:
    error = one_bad(spoiled(tmp_path, lambda tree: tree["annotations"][0].update(category_id=4)))
    assert (error.reason, error.message) == ("unknown_class", "category_id 4 is not one of 3, 5")
    text = (tmp_path / "instances_train.json").read_text()
    assert error.where == f"instances_train.json@{text.index('{', text.index('annotations'))}"
    assert json.loads(error.raw)["category_id"] == 4


def test_a_box_of_three_numbers_is_quarantined(tmp_path: Path) -> None:
    error = one_bad(spoiled(tmp_path, lambda tree: tree["annotations"][0].update(bbox=[1, 2, 3])))
    assert (error.reason, error.message) == ("bad_bbox", "expected a bbox of 4, 5 or 8 numbers, got 3")


def test_a_run_length_mask_of_another_size_is_quarantined(tmp_path: Path) -> None:
    rle = [{"size": [48, 65], "counts": [48 * 65]}]  # RRSIS-D: 800 x 800 masks of 801 x 800 images
    error = one_bad(spoiled(tmp_path, lambda tree: tree["annotations"][0].update(segmentation=rle)))
    assert (error.reason, error.message) == ("mask_size", "expected a mask of 64 x 48, got 65 x 48")


def test_annotations_of_no_image_are_quarantined_and_counted(tmp_path: Path) -> None:
    def spoil(tree: dict[str, list[dict[str, object]]]) -> None:
        tree["annotations"] += [{"image_id": 77, "category_id": 3, "bbox": SHIP}] * 3
        tree["images"].pop(0)

    samples, bad = read_all(CONVERTER, spoiled(tmp_path, spoil))
    assert [sample.id for sample in samples] == ["coco/good"]
    assert sorted(error.message.split()[0] for error in bad) == ["1", "3"]
    assert {error.reason for error in bad} == {"unknown_image"}


def test_lvis_files_say_of_which_classes_an_image_is_sure(tmp_path: Path) -> None:
    def exhaustive(name: str, **entry: object) -> tuple[str, ...]:
        (sample,), _ = read_all(CONVERTER, world(tmp_path / name, {"a.png": [SHIP]}, entry=entry))
        return sample.exhaustive

    assert exhaustive("plain") == ("airplane", "ship")
    assert exhaustive("federated", neg_category_ids=[]) == ("ship",)
    assert exhaustive("negative", neg_category_ids=[5]) == ("airplane", "ship")
    assert exhaustive("partial", neg_category_ids=[5], not_exhaustive_category_ids=[3]) == ("airplane",)


def test_nwpu_vhr10_is_read_whole_and_every_outline_spans_its_box(real: Callable[[str], Path]) -> None:
    root = real("nwpu_vhr10")
    samples, bad = read_all(CONVERTER, root / "annotations.json")
    assert bad == []
    assert len(samples) == 14
    assert sum(len(sample.targets) for sample in samples) == 172
    rows = json.loads((root / "annotations.json").read_text())["annotations"]
    boxes = sorted((x, y, x + w, y + h) for x, y, w, h in (row["bbox"] for row in rows))
    found = sorted(geometry.bounds(target.shape) for sample in samples for target in sample.targets)
    assert np.abs(np.array(found) - np.array(boxes)).max() < 1e-9
    assert all(geometry.to_shapely(t.shape).is_valid for sample in samples for t in sample.targets)


def test_nwpu_vhr10_in_full_names_each_image_that_is_missing(real: Callable[[str], Path]) -> None:
    root = real("nwpu_vhr10")
    samples, bad = read_all(CONVERTER, root / "annotations_full_650.json")
    assert len(samples) + len(bad) == 650
    assert {error.reason for error in bad} == {"image_missing"}
    assert sum(len(sample.targets) for sample in samples) == 172
    with pytest.raises(UsageError, match="2 COCO JSONs"):
        list(CONVERTER.find(root))
