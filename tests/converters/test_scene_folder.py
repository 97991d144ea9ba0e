from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from georsmllm.converters.scene_folder import CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Sample, Text


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (90, 110, 70)).save(root / name)
    return root


def read_all(root: Path) -> list[Sample]:
    return [CONVERTER.read(root, ref) for ref in CONVERTER.find(root)]


def test_the_folder_is_the_class_in_canonical_words(tmp_path: Path) -> None:
    put(tmp_path, "DenseResidential/a.png", "storage_tank/b.jpg", "Parking/c.png", "BaseballField/d.png")
    samples = read_all(tmp_path)
    assert [s.texts for s in samples] == [
        (Text("scene", "baseball diamond"),),
        (Text("scene", "dense residential"),),
        (Text("scene", "parking lot"),),
        (Text("scene", "storage tank"),),
    ]
    assert {s.classes for s in samples} == {("baseball diamond", "dense residential", "parking lot", "storage tank")}
    assert all((s.targets, s.exhaustive, s.split, s.tags) == ((), (), "", ()) for s in samples)
    assert samples[0].id == samples[0].scene == "scene_folder/BaseballField/d.png"


def test_folders_around_all_classes_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, "ds/images/2750/AnnualCrop/1.png", "ds/images/2750/River/2.png")
    assert [(s.texts[0].text, s.tags) for s in read_all(tmp_path)] == [("annual crop", ()), ("river", ())]


def test_nested_classes_take_the_last_folder_and_tag_the_others(tmp_path: Path) -> None:
    put(
        tmp_path,
        "train/agriculture_land/grassland/meadow/1.jpg",
        "train/water_area/beach/2.jpg",
        "Test/water_area/beach/3.jpg",
    )
    found = [(s.split, s.texts[0].text, s.tags) for s in read_all(tmp_path)]
    assert found == [
        ("test", "beach", ("water area",)),
        ("train", "meadow", ("agricultural land", "grassland")),
        ("train", "beach", ("water area",)),
    ]


def test_split_lists_in_the_root_are_honoured_whatever_the_suffix(tmp_path: Path) -> None:
    put(tmp_path, "A/a_1.png", "A/a_2.png", "B/b_1.png", "B/b_2.png")
    (tmp_path / "x-train.txt").write_bytes(b"\xef\xbb\xbfa_1.jpg\r\nB/b_1.png\r\n\r\n")
    (tmp_path / "x-val.txt").write_text("a_2.png")
    (tmp_path / "x-small-test.txt").write_text("a_1.png\nb_2.png")  # another family, with a longer name
    (tmp_path / "readme.txt").write_text("hello")
    assert [s.split for s in read_all(tmp_path)] == ["train", "val", "train", ""]


def test_an_image_in_several_lists_never_goes_to_training(tmp_path: Path) -> None:
    put(tmp_path, "A/1.png", "A/2.png")
    for split, names in (("train", "1.png\n2.png"), ("val", "2.png"), ("test", "1.png")):
        (tmp_path / f"x-{split}.txt").write_text(names)
    assert [(s.split, s.mended) for s in read_all(tmp_path)] == [
        ("test", (("kept_from_training", 1),)),
        ("val", (("kept_from_training", 1),)),
    ]


def test_a_new_search_sees_the_folder_as_it_is_now(tmp_path: Path) -> None:
    put(tmp_path, "A/1.png")
    assert read_all(tmp_path)[0].classes == ("a",)
    put(tmp_path, "B/1.png")
    assert read_all(tmp_path)[0].classes == ("a", "b")


def test_an_unreadable_split_list_is_a_usage_error(tmp_path: Path) -> None:
    put(tmp_path, "A/1.png")
    (tmp_path / "x-train.txt").write_bytes(b"\xff\xfe1")
    with pytest.raises(UsageError, match=r"cannot read the split list .*x-train.txt"):
        list(CONVERTER.find(tmp_path))


def test_an_image_above_the_classes_is_quarantined(tmp_path: Path) -> None:
    put(tmp_path, "preview.png", "A/1.png")
    inside, above = CONVERTER.find(tmp_path)
    assert CONVERTER.read(tmp_path, inside).texts == (Text("scene", "a"),)
    with pytest.raises(BadRecord, match=r"^preview.png: expected an image inside a class folder.*\[no_class\]$"):
        CONVERTER.read(tmp_path, above)


def test_a_root_without_classes_is_a_usage_error(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    with pytest.raises(UsageError, match=r"no class folder with images in .*; expected .*/<class>/<image>"):
        list(CONVERTER.find(tmp_path))
    with pytest.raises(UsageError, match=r"no such folder: .*; expected a folder with one folder of images a class"):
        list(CONVERTER.find(tmp_path / "none"))


def test_the_world_reads_as_drawn(data: Path) -> None:
    root = data / "scene_folder" / "world"
    found, bad = [], []
    for ref in CONVERTER.find(root):
        try:
            sample = CONVERTER.read(root, ref)
            found.append((sample.id.removeprefix("scene_folder/"), sample.texts[0].text, sample.tags, sample.split))
        except BadRecord as error:
            bad.append(str(error))
    assert found == [
        ("test/water_area/River/río_2.png", "river", ("water area",), "test"),
        ("train/residential_land/DenseResidential/dense 2.png", "dense residential", ("residential land",), "train"),
        ("train/residential_land/DenseResidential/dense_1.png", "dense residential", ("residential land",), "train"),
        ("train/residential_land/SparseResidential/sparse_1.png", "sparse residential", ("residential land",), "train"),
        ("train/water_area/River/river_1.PNG", "river", ("water area",), "train"),
    ]
    assert bad == ["test/water_area/River/river_3.png: not an image: begins with b'this is ' [image_unreadable]"]


def test_a_real_aid_image_is_read(real: Callable[[str], Path]) -> None:
    (sample,) = read_all(real("scene_images") / "AID")
    assert (sample.texts, sample.classes) == ((Text("scene", "river"),), ("river",))


def test_real_layouts_of_resisc45_and_eurosat_are_read(real: Callable[[str], Path]) -> None:
    resisc = read_all(real("torchgeo_layouts/resisc45"))
    assert [s.texts[0].text for s in resisc] == [
        n for n in ("airplane", "airport", "baseball diamond") for _ in range(3)
    ]
    assert {s.split for s in resisc} == {"test"}  # its three lists name the same nine images
    eurosat = read_all(real("torchgeo_layouts/eurosat"))
    assert [(s.texts[0].text, s.images[0].size_wh, s.images[0].crs) for s in eurosat] == [
        ("annual crop", (64, 64), "EPSG:32635"),
        ("forest", (64, 64), "EPSG:32632"),
    ]
