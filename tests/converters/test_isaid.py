from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.isaid import CLASSES, COLOUR_OF, CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Sample

Box = tuple[int, int, int, int]
SHIP, CAR = "ship", "Small_Vehicle"


def drawn(*areas: tuple[tuple[int, int, int], Box]) -> Image.Image:
    array = np.zeros((48, 64, 3), dtype=np.uint8)
    for colour, (x1, y1, x2, y2) in areas:
        array[y1:y2, x1:x2] = colour
    return Image.fromarray(array)


def number(value: int) -> tuple[int, int, int]:
    return value & 255, value >> 8 & 255, value >> 16


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def scene(
    root: Path,
    name: str,
    ids: list[tuple[int, Box]] | None,
    colours: list[tuple[str, Box]] | None,
    *,
    split: str = "train",
) -> Path:
    """An image with its two masks, each as the release places it; None: without that mask."""
    below = root / split
    save(Image.new("RGB", (64, 48)), below / "images" / f"{name}.png")
    if ids is not None:
        mask = drawn(*((number(value), box) for value, box in ids))
        save(mask, below / "Instance_masks" / "images" / f"{name}_instance_id_RGB.png")
    if colours is not None:
        mask = drawn(*((COLOUR_OF[label], box) for label, box in colours))
        save(mask, below / "Semantic_masks" / "images" / f"{name}_instance_color_RGB.png")
    return root


def listed(path: Path, names: list[str], *rows: tuple[str, Box], file_name: str = "P0001.png") -> None:
    ids = {name: 11 + i for i, name in enumerate(names)}
    annotations = [
        {"image_id": 5, "category_id": ids[name], "bbox": [x1, y1, x2 - x1, y2 - y1], "segmentation": []}
        for name, (x1, y1, x2, y2) in rows
    ]
    categories = [{"id": i, "name": name} for name, i in ids.items()]
    document = {"images": [{"id": 5, "file_name": file_name}], "annotations": annotations, "categories": categories}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def only(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def one_bad(root: Path) -> BadRecord:
    samples, (error,) = read_all(CONVERTER, root)
    assert samples == []
    return error


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "isaid" / "world")
    assert [(s.id, s.split, s.scene, s.tags, len(s.exhaustive)) for s in samples] == [
        ("isaid/test/P0006", "test", "dota/P0006", ("unlabelled",), 0),
        ("isaid/train/P0002", "train", "dota/P0002", (), 15),
        ("isaid/train/P0011_600_664_1200_1296", "train", "dota/P0011", ("patch:1200,600,1296,664",), 15),
        ("isaid/val/P0003", "val", "dota/P0003", (), 0),
    ]
    harbour = samples[1]
    assert [(t.label, "".join(r.sign for r in t.shape.rings), t.ignore) for t in harbour.targets] == [
        ("ship", "+", None),
        ("ship", "+", None),
        ("roundabout", "+-", None),
        ("bridge", "+", None),
        ("airplane", "++", None),
        ("small vehicle", "+", "under_size"),
    ]
    assert harbour.targets[2].attributes == (("source_label", "Roundabout"),)
    assert (harbour.targets[0].attributes, harbour.targets[0].visible) == ((), 1.0)
    assert [target.label for target in samples[3].targets] == ["small vehicle", "small vehicle"]
    assert dict(samples[3].mended) == {"pixels_to_edges": 2}
    assert [str(error) for error in bad] == [
        "train/Instance_masks/images/P0005_instance_id_RGB.png: expected one class colour for each instance, instance "
        "4592855 has ship (20 px), Small_Vehicle (20 px) [instance_of_two_classes]"
    ]


def test_targets_give_back_every_instance_exactly(data: Path) -> None:
    root = data / "isaid" / "world"
    sample = read_all(CONVERTER, root)[0][1]
    rgb = np.asarray(Image.open(root / "train/Instance_masks/images/P0002_instance_id_RGB.png")).astype(int)
    ids = rgb @ [1, 256, 65536]
    pixels = [masks.from_rings(target.shape.rings, (96, 64)) for target in sample.targets]
    found = {int(ids[array][0]): array for array in pixels}
    assert sorted(found) == [value for value in np.unique(ids).tolist() if value]
    for value, array in found.items():
        assert (array == (ids == value)).all()


def test_an_image_without_objects_is_sure_of_all_fifteen_classes(tmp_path: Path) -> None:
    sample = only(scene(tmp_path, "P0001", [], []))
    assert (sample.targets, sample.exhaustive, len(CLASSES)) == ((), CLASSES, 15)


@pytest.mark.parametrize("label", list(COLOUR_OF))
def test_every_colour_has_its_class(tmp_path: Path, label: str) -> None:
    (target,) = only(scene(tmp_path, "P0001", [(70000, (0, 0, 9, 9))], [(label, (0, 0, 9, 9))])).targets
    assert dict(target.attributes).get("source_label", target.label) == label


def test_an_instance_with_a_few_stray_colours_keeps_the_class_of_the_most(tmp_path: Path) -> None:
    box, corner = (0, 0, 20, 10), (0, 0, 2, 10)
    root = scene(tmp_path, "P0001", [(70000, box)], [(SHIP, box), (CAR, corner)])
    sample = only(root)
    assert [target.label for target in sample.targets] == ["ship"]
    assert sample.mended == (("majority_colour", 1),)


@pytest.mark.parametrize(
    ("ids", "colours", "reason", "message"),
    [
        ([(70000, (0, 0, 9, 9))], [], "instance_without_class", "instance 70000 has none on its 81 px"),
        (
            [(7, (0, 0, 10, 10))],
            [(SHIP, (0, 0, 10, 5))],
            "instance_of_two_classes",
            "instance 7 has no colour (50 px), ship (50 px)",
        ),
        (
            [(7, (0, 0, 10, 10))],
            [(SHIP, (0, 0, 10, 10)), (CAR, (0, 0, 10, 2))],
            "instance_of_two_classes",
            "instance 7 has ship (80 px), Small_Vehicle (20 px)",
        ),
    ],
)
def test_an_instance_whose_class_is_not_clear_is_a_bad_record(
    tmp_path: Path, ids: list[tuple[int, Box]], colours: list[tuple[str, Box]], reason: str, message: str
) -> None:
    error = one_bad(scene(tmp_path, "P0001", ids, colours))
    assert error.reason == reason
    assert error.message.endswith(message)


def test_an_area_of_a_class_without_an_instance_is_kept_and_never_asked(tmp_path: Path) -> None:
    ship, car = (0, 0, 9, 9), (20, 20, 24, 22)
    sample = only(scene(tmp_path, "P0001", [(70000, ship)], [(SHIP, ship), (CAR, car)]))
    assert [(target.label, target.ignore) for target in sample.targets] == [
        ("ship", None),
        ("small vehicle", "no_instance"),
    ]


@pytest.mark.parametrize(("width", "ignore"), [(5, "under_size"), (6, None)])
def test_a_speck_of_ten_pixels_is_ignored(tmp_path: Path, width: int, ignore: str | None) -> None:
    box = (0, 0, width, 2)
    (target,) = only(scene(tmp_path, "P0001", [(70000, box)], [(CAR, box)])).targets
    assert target.ignore == ignore


def test_a_colour_of_no_class_is_named(tmp_path: Path) -> None:
    root = scene(tmp_path, "P0001", [(70000, (0, 0, 9, 9))], [])
    path = root / "train/Semantic_masks/images/P0001_instance_color_RGB.png"
    save(drawn(((1, 63, 63), (0, 0, 9, 9))), path)
    error = one_bad(root)
    assert (error.reason, error.where) == ("unknown_colour", "train/Semantic_masks/images/P0001_instance_color_RGB.png")
    assert error.message.endswith("got (1, 63, 63) (81 px)")


@pytest.mark.parametrize(
    "gone", ["Instance_masks/images/P0002_instance_id", "Semantic_masks/images/P0002_instance_color"]
)
def test_a_mask_that_is_missing_beside_others_is_named(tmp_path: Path, gone: str) -> None:
    for name in ("P0001", "P0002"):
        scene(tmp_path, name, [(70000, (0, 0, 9, 9))], [(SHIP, (0, 0, 9, 9))])
    (tmp_path / "train" / f"{gone}_RGB.png").unlink()
    samples, (error,) = read_all(CONVERTER, tmp_path)
    assert [sample.id for sample in samples] == ["isaid/train/P0001"]
    assert (error.reason, error.where) == ("label_missing", f"train/{gone}_RGB.png")


def test_a_mask_without_its_image_is_named(tmp_path: Path) -> None:
    (scene(tmp_path, "P0001", [], []) / "train/images/P0001.png").unlink()
    assert (one_bad(tmp_path).reason, one_bad(tmp_path).where) == ("image_missing", "train/images/P0001.png")


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    root = scene(tmp_path, "P0001", [(70000, (0, 0, 9, 9))], [(SHIP, (0, 0, 9, 9))])
    save(Image.new("RGB", (48, 64)), root / "train/Instance_masks/images/P0001_instance_id_RGB.png")
    assert (one_bad(root).reason, one_bad(root).message) == (
        "mask_size",
        "expected 64 x 48 as the image, the label is 48 x 64",
    )


def test_colour_masks_alone_give_areas(tmp_path: Path) -> None:
    boxes = [(SHIP, (0, 0, 9, 9)), (SHIP, (9, 0, 18, 9)), (CAR, (30, 30, 33, 33))]
    sample = only(scene(tmp_path, "P0001", None, boxes))
    assert sample.tags == ("areas",)
    assert [(target.label, target.ignore) for target in sample.targets] == [
        ("ship", None),  # two that touch
        ("small vehicle", "under_size"),
    ]


@pytest.mark.parametrize("names", [[CAR, "plane"], ["plane", SHIP, CAR]])
@pytest.mark.parametrize(
    "place", ["train/Annotations/iSAID_train.json", "train/instancesonly_filtered_train.json", "iSAID_train.json"]
)
def test_json_classes_go_by_name_whatever_their_ids(tmp_path: Path, place: str, names: list[str]) -> None:
    listed(tmp_path / place, names, (CAR, (5, 5, 15, 12)), ("plane", (30, 5, 50, 25)))
    sample = only(scene(tmp_path, "P0001", None, None))
    assert [target.label for target in sample.targets] == ["small vehicle", "airplane"]
    assert (sample.id, sample.dataset, sample.scene) == ("isaid/train/P0001", "isaid", "dota/P0001")
    assert (sample.classes, sample.exhaustive) == (CLASSES, ())


def test_masks_come_before_the_json_and_the_json_fills_their_gaps(tmp_path: Path) -> None:
    scene(tmp_path, "P0001", None, [(SHIP, (0, 0, 9, 9))])
    scene(tmp_path, "P0002", [(70000, (0, 0, 9, 9))], [(SHIP, (0, 0, 9, 9))])
    listed(tmp_path / "train/iSAID_train.json", [CAR], (CAR, (5, 5, 15, 12)))
    samples, bad = read_all(CONVERTER, tmp_path)
    assert bad == []
    assert [(sample.id, sample.targets[0].label) for sample in samples] == [
        ("isaid/train/P0001", "small vehicle"),
        ("isaid/train/P0002", "ship"),
    ]


def test_a_json_of_other_classes_is_named(tmp_path: Path) -> None:
    listed(tmp_path / "train/iSAID_train.json", ["tram"], ("tram", (5, 5, 15, 12)))
    error = one_bad(scene(tmp_path, "P0001", None, None))
    assert (error.reason, error.where) == ("unknown_class", "iSAID_train.json@12")
    assert error.message.startswith("no iSAID class is called 'tram'; the classes are airplane")


def test_an_image_that_only_the_json_knows_is_missing(tmp_path: Path) -> None:
    listed(tmp_path / "train/iSAID_train.json", [CAR], (CAR, (5, 5, 15, 12)), file_name="P0009.png")
    (scene(tmp_path, "P0001", [], []) / "train/Instance_masks/images/P0001_instance_id_RGB.png").unlink()
    samples, bad = read_all(CONVERTER, tmp_path)
    assert [(sample.id, sample.tags) for sample in samples] == [("isaid/train/P0001", ("areas",))]
    assert bad == []  # colour masks cover every image, so that nobody looks into the JSON
    (tmp_path / "train/Semantic_masks/images/P0001_instance_color_RGB.png").unlink()
    samples, bad = read_all(CONVERTER, tmp_path)
    assert [(sample.id, sample.tags) for sample in samples] == [("isaid/train/P0001", ("unlabelled",))]
    assert [(error.reason, error.where) for error in bad] == [("image_missing", "iSAID_train.json@12")]


def test_patches_put_y_first(tmp_path: Path) -> None:
    sample = only(scene(tmp_path, "P0002_600_648_1200_1264", [], []))
    assert (sample.scene, sample.tags) == ("dota/P0002", ("patch:1200,600,1264,648",))


def test_two_jsons_of_one_split_are_one_line_that_names_both(tmp_path: Path) -> None:
    scene(tmp_path, "P0001", None, None)
    for name in ("a_train.json", "train/b.json"):
        listed(tmp_path / name, [CAR])
    with pytest.raises(UsageError, match=r"train/b\.json, a_train\.json; keep one of them"):
        list(CONVERTER.find(tmp_path))


def test_the_root_may_be_a_split(tmp_path: Path) -> None:
    root = scene(tmp_path, "P0001", [(70000, (0, 0, 9, 9))], [(SHIP, (0, 0, 9, 9))]) / "train"
    sample = only(root)
    assert (sample.id, sample.split, len(sample.targets)) == ("isaid/P0001", "", 1)


@pytest.mark.parametrize("given", ["", "data/train/images"])
def test_a_folder_too_high_or_too_deep_says_where_the_images_lie(tmp_path: Path, given: str) -> None:
    scene(tmp_path / "x/data", "P0001", [], [])
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "x" / given))
    assert f"{tmp_path}/x/data: give that" in str(error.value)


def test_keys_are_sorted_also_where_annotations_of_no_image_stand_at_the_top(tmp_path: Path) -> None:
    for split in ("train", "val"):
        scene(tmp_path, "P0001", None, None, split=split)
        path = tmp_path / f"iSAID_{split}.json"
        listed(path, [SHIP], (SHIP, (2, 2, 9, 9)))
        tree = json.loads(path.read_text())
        tree["annotations"].append({**tree["annotations"][0], "image_id": 99})
        path.write_text(json.dumps(tree))
    keys = [ref.key for ref in CONVERTER.find(tmp_path)]
    assert len(keys) == 4
    assert keys == sorted(keys)
