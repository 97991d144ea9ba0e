from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import read_all

from georsmllm.converters.dior_rsvg import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import Mention, Text, box


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(data / "dior_rsvg" / "world", tmp_path / "world")


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "dior_rsvg" / "world")
    assert [(s.id, s.split, s.scene, [t.phrase for t in s.targets]) for s in samples] == [
        ("dior_rsvg/test/11800", "test", "dior/11800", ["A long ship"]),
        ("dior_rsvg/train/00007", "train", "dior/00007", ["The ship on the upper left", "A ship below another"]),
        ("dior_rsvg/train/00012", "train", "dior/00012",
         ["A storage tank & its shadow", "The small storage tank on the upper right"]),
        ("dior_rsvg/val/00012", "val", "dior/00012", ["The storage tank in the middle"]),
    ]  # fmt: skip
    assert samples[1].targets[1].shape == box(40, 44, 58, 50)
    assert samples[1].texts[1] == Text("expression", "A ship below another", mentions=(Mention("answer", 0, (1,)),))
    assert {s.exhaustive for s in samples} == {()}
    assert (bad.reason, bad.where) == ("no_expression", "Annotations/11900.xml:9")


def test_no_object_is_in_two_splits_of_one_image(data: Path) -> None:
    shapes = [
        t.shape
        for s in read_all(CONVERTER, data / "dior_rsvg" / "world")[0]
        if s.scene == "dior/00012"
        for t in s.targets
    ]
    assert len(set(shapes)) == len(shapes) == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train.txt", "0\n1\n2\n4\n7\n", "the split lists number 8 objects, the XML files in .* hold 7"),
        ("test.txt", "5\n", "the split lists number 6 objects, the XML files in .* hold 7"),
        ("val.txt", "3\n4\n", r"val\.txt:2: object 4 is listed in train\.txt already"),
        ("val.txt", "3\n3\n", r"val\.txt:2: object 3 is listed in val\.txt already"),
        ("val.txt", "00012\n", r"val\.txt:1: object 12 is|the split lists number 13 objects"),
        ("val.txt", "3\n00012.xml\n", r"val\.txt:2: expected the number of an object, got '00012\.xml'"),
        ("val.txt", "-3\n", r"val\.txt:1: expected the number of an object, got '-3'"),
    ],
)
def test_lists_that_do_not_fit_the_files_are_one_line(root: Path, name: str, text: str, message: str) -> None:
    (root / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        list(CONVERTER.find(root))


def test_one_file_too_few_stops_everything_because_all_numbers_move(root: Path) -> None:
    (root / "Annotations" / "00007.xml").unlink()
    with pytest.raises(UsageError, match="restore exactly those that came with the lists"):
        list(CONVERTER.find(root))


def test_a_broken_file_stops_everything_and_is_named(root: Path) -> None:
    (root / "Annotations" / "00012.xml").write_text("<annotation>\n<object>", encoding="utf-8")
    with pytest.raises(UsageError, match=r"Annotations/00012\.xml:2: .*every object after it would get a wrong number"):
        list(CONVERTER.find(root))


def test_one_list_alone_gives_its_split(root: Path) -> None:
    (root / "train.txt").unlink()
    (root / "test.txt").unlink()
    assert [ref.key for ref in CONVERTER.find(root)] == ["val/00012"]


def test_a_missing_image_is_named(root: Path) -> None:
    (root / "JPEGImages" / "00012.jpg").unlink()
    bad = read_all(CONVERTER, root)[1]
    assert [(error.reason, error.where) for error in bad][:2] == [
        ("no_expression", "Annotations/11900.xml:9"),
        ("image_missing", "JPEGImages/00012.jpg"),
    ]


def test_the_real_lists_number_every_object_once(root: Path, real: Callable[[str], Path]) -> None:
    for split in ("train", "val", "test"):
        shutil.copy(real("dior_rsvg") / f"{split}.txt", root / f"{split}.txt")
    with pytest.raises(UsageError, match=r"the split lists number 38320 objects, the XML files in .* hold 7"):
        list(CONVERTER.find(root))
