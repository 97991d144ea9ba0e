from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from reading import read_all

from georsmllm.converters.dior import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import box, rbox

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
OBB, HBB = "Annotations/Oriented Bounding Boxes", "Annotations/Horizontal Bounding Boxes"


def put(root: Path, path: str, text: str = "") -> Path:
    """A file: a 64-pixel picture where its name ends in .jpg, else the text."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".jpg"):
        Image.new("RGB", (64, 64)).save(root / path)
    else:
        (root / path).write_text(text, encoding="utf-8")
    return root


def label(*names: str) -> str:
    return f"<annotation>{''.join(f'<object><name>{name}</name>{BOX}</object>' for name in names)}</annotation>"


def splits(root: Path) -> dict[str, str]:
    return {ref.key: ref.split for ref in CONVERTER.find(root)}


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "dior" / "world")
    assert [(s.id, s.split, s.scene) for s in samples] == [
        ("dior/00001", "train", "dior/00001"),
        ("dior/00002", "val", "dior/00002"),
        ("dior/00003", "train", "dior/00003"),
        ("dior/11726", "test", "dior/11726"),
    ]
    golf, field, plain, nothing = samples
    assert [(t.label, t.shape, t.attributes) for t in golf.targets] == [
        ("golf course", rbox(((10, 12), (50, 12), (50, 50), (10, 50))), (("source_label", "golffield"),))
    ]
    assert [(t.label, t.ignore) for t in field.targets] == [
        ("airplane", None), ("airplane", "difficult"), ("airplane", None), ("vehicle", "collapsed"),
    ]  # fmt: skip
    assert field.targets[0].shape == rbox(((22, 2), (40, 20), (30, 30), (12, 12)))
    assert field.mended == (("clipped_to_image", 1),)
    assert [(t.label, t.shape) for t in plain.targets] == [
        ("expressway service area", box(0, 0, 64, 20)),
        ("wind turbine", box(30, 30, 40, 50)),
    ]
    assert (nothing.targets, nothing.tags) == ((), ())
    assert (bad.reason, bad.where) == ("unknown_class", f"{OBB}/11727.xml:5")


def test_all_but_bridges_and_vehicles_count_as_annotated_in_full(tmp_path: Path) -> None:
    put(put(tmp_path, "JPEGImages/00001.jpg"), f"{OBB}/00001.xml", label("ship"))
    ((sample,), _) = read_all(CONVERTER, tmp_path)
    assert len(sample.classes) == 20
    assert sorted(set(sample.classes) - set(sample.exhaustive)) == ["bridge", "vehicle"]


def test_rotated_boxes_win_and_plain_ones_stand_in_for_them(tmp_path: Path) -> None:
    for number in ("00001", "00002"):
        put(put(tmp_path, f"JPEGImages-trainval/{number}.jpg"), f"{HBB}/{number}.xml", label("ship"))
    put(tmp_path, f"{OBB}/00001.xml", label("airplane"))
    assert [s.targets[0].label for s in read_all(CONVERTER, tmp_path)[0]] == ["airplane", "ship"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["JPEGImages/00001.jpg", "JPEGImages/11726.jpg"], {"00001": "trainval", "11726": "test"}),
        (["JPEGImages/11725.jpg", "JPEGImages/extra.jpg"], {"11725": "trainval", "extra": ""}),
        (["JPEGImages-test/00001.jpg"], {"00001": "test"}),
    ],
)
def test_without_lists_folder_and_number_tell_the_split(
    tmp_path: Path, files: list[str], expected: dict[str, str]
) -> None:
    for file in files:
        put(tmp_path, file)
    assert splits(tmp_path) == expected


def test_the_lists_win_and_a_number_without_an_image_is_named(tmp_path: Path) -> None:
    put(put(tmp_path, "JPEGImages-trainval/00001.jpg"), f"{OBB}/00001.xml", label())
    put(tmp_path, "JPEGImages-trainval/00004.jpg")
    put(put(tmp_path, "ImageSets/Main/val.txt", "00001\n\n"), "ImageSets/Main/trainval.txt", "00001\n00009\n")
    assert splits(tmp_path) == {"00001": "val", "00004": "trainval", "00009": "trainval"}
    samples, (bad,) = read_all(CONVERTER, tmp_path)
    assert [(s.id, s.tags) for s in samples] == [("dior/00001", ()), ("dior/00004", ("unlabelled",))]
    assert (bad.reason, bad.where) == ("image_missing", "JPEGImages-trainval/00009.jpg")


def test_an_image_without_its_label_is_named_where_its_split_has_labels(tmp_path: Path) -> None:
    put(put(tmp_path, "JPEGImages-trainval/00001.jpg"), f"{OBB}/00001.xml", label("ship"))
    put(put(tmp_path, "JPEGImages-trainval/00002.jpg"), "JPEGImages-test/11726.jpg")
    samples, (bad,) = read_all(CONVERTER, tmp_path)
    assert [(s.id, s.tags, s.exhaustive == ()) for s in samples] == [
        ("dior/00001", (), False),
        ("dior/11726", ("unlabelled",), True),
    ]
    assert bad.reason == "label_missing"


@pytest.mark.parametrize("name", ["golffield", "golfcourse", "GolfField", "Golf_Field", "GOLFFIELD"])
def test_a_class_is_found_in_any_spelling(tmp_path: Path, name: str) -> None:
    put(put(tmp_path, "JPEGImages/00001.jpg"), f"{OBB}/00001.xml", label(name))
    assert read_all(CONVERTER, tmp_path)[0][0].targets[0].label == "golf course"


def test_an_image_in_two_lists_is_one_line(tmp_path: Path) -> None:
    put(put(tmp_path, "JPEGImages/00001.jpg"), "ImageSets/Main/train.txt", "00001")
    put(tmp_path, "ImageSets/Main/test.txt", "00001")
    with pytest.raises(UsageError, match=r"test\.txt: 00001 is listed in train\.txt, too"):
        splits(tmp_path)


def test_a_label_for_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    size = "<size><width>800</width><height>800</height></size>"
    put(put(tmp_path, "JPEGImages/00001.jpg"), f"{OBB}/00001.xml", f"<annotation>{size}</annotation>")
    assert [bad.reason for bad in read_all(CONVERTER, tmp_path)[1]] == ["size_mismatch"]


def test_a_folder_of_something_else_is_one_line(tmp_path: Path) -> None:
    put(tmp_path, "labels/x.txt")
    with pytest.raises(UsageError, match="holds labels; expected JPEGImages-trainval"):
        splits(tmp_path)


def test_the_real_sample_is_read(real: Callable[[str], Path]) -> None:
    (sample,), bad = read_all(CONVERTER, real("dior"))
    assert bad == []
    assert (sample.id, sample.split, sample.mended) == ("dior/00001", "train", ())
    assert [t.shape for t in sample.targets] == [rbox(((133, 237), (684, 237), (684, 672), (133, 672)))]


def test_torchgeo_s_repackaging_is_read(real: Callable[[str], Path]) -> None:
    samples, bad = read_all(CONVERTER, real("torchgeo_layouts") / "dior")
    assert bad == []
    assert [(s.id, s.split, bool(s.tags)) for s in samples] == [
        ("dior/test/000000", "test", True),
        ("dior/test/000001", "test", True),
        *((f"dior/trainval/00000{i}", "train" if i < 4 else "val", False) for i in range(6)),
    ]
    assert len({s.scene for s in samples}) == 8


def test_a_broken_label_of_a_copy_is_named_with_its_line(data: Path, tmp_path: Path) -> None:
    root = shutil.copytree(data / "dior" / "world", tmp_path / "world")
    path = root / OBB / "00002.xml"
    path.write_bytes(path.read_bytes().replace(b"<x_left_top>40", b"<x_left_top>4O"))
    first, _ = read_all(CONVERTER, root)[1]
    assert (first.reason, first.where) == ("not_a_number", f"{OBB}/00002.xml:9")
