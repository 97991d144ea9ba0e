from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from reading import read_all

from georsmllm import geometry
from georsmllm.converters.earthreason import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import UNNAMED, Mention


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    """The invented world without its broken record."""
    world = shutil.copytree(data / "earthreason" / "world", tmp_path / "world")
    for path in world.glob("test/*/4.*"):
        path.unlink()
    return world


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "earthreason" / "world")
    assert [(s.id, s.split, len(s.targets), len(s.texts)) for s in samples] == [
        ("earthreason/test/3", "test", 1, 12),
        ("earthreason/train/1", "train", 1, 12),
        ("earthreason/train/2", "train", 2, 12),
        ("earthreason/val/1", "val", 0, 6),
    ]
    ponds, nothing = samples[2], samples[3]
    assert {text.mentions for text in ponds.texts[:6]} == {(Mention("answer", 0, (0, 1)),)}
    assert [geometry.bounds(t.shape) for t in ponds.targets] == [(8, 8, 28, 22), (38, 40, 56, 58)]
    assert {(text.kind, text.mentions) for text in nothing.texts} == {("expression", ())}
    assert {t.label for s in samples for t in s.targets} == {UNNAMED}
    assert {text.topic for s in samples for text in s.texts} == {"reasoning"}
    assert (bad.reason, bad.where) == ("answer_contradicts_mask", "test/labels/4.png")


def test_every_question_is_asked_both_ways_and_every_answer_is_used(root: Path) -> None:
    sample = next(s for s in read_all(CONVERTER, root)[0] if s.id == "earthreason/train/2")
    said = json.loads((root / "train/QAs/2.json").read_text())
    asked = [text for text in sample.texts if text.kind == "question"]
    assert [text.text for text in sample.texts if text.kind == "expression"] == said["questions"]
    assert [text.text for text in asked] == said["questions"]
    assert [text.answer for text in asked] == said["answer"] * 2


def test_files_are_paired_by_name_and_a_stray_one_moves_nothing(root: Path) -> None:
    before = {s.id: s for s in read_all(CONVERTER, root)[0]}
    Image.new("RGB", (64, 64)).save(root / "train" / "images" / "0.jpg")
    Image.new("L", (64, 64)).save(root / "val" / "labels" / "0.png")
    samples, bad = read_all(CONVERTER, root)
    assert {s.id: s for s in samples} == before
    assert [(error.reason, error.where) for error in bad] == [
        ("label_missing", "train/QAs/0.json"),
        ("image_missing", "val/images/0.jpg"),
    ]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"questions": [], "answer": ["a"]}, "no_expression"),
        ({"questions": [" "], "answer": ["a"]}, "no_expression"),
        ({"answer": ["a"]}, "bad_entry"),
        ({"questions": ["a"]}, "bad_entry"),
        ({"questions": "a?", "answer": ["a"]}, "bad_entry"),
        ({"questions": ["a?"], "answer": []}, "answer_contradicts_mask"),
        ({"questions": ["a?"], "answer": [""]}, "answer_contradicts_mask"),
    ],
)
def test_bad_questions_are_named(root: Path, said: dict[str, object], reason: str) -> None:
    (root / "train/QAs/1.json").write_text(json.dumps(said))
    assert [error.reason for error in read_all(CONVERTER, root)[1]] == [reason]


def test_questions_that_are_no_json_and_a_missing_mask_are_named(root: Path) -> None:
    (root / "train/QAs/1.json").write_text('{"questions": [')
    (root / "train/labels/2.png").unlink()
    assert [(error.reason, error.where) for error in read_all(CONVERTER, root)[1]] == [
        ("bad_json", "train/QAs/1.json"),
        ("label_missing", "train/labels/2.png"),
    ]


def test_a_repeated_question_counts_once_and_one_answer_may_be_plain(root: Path) -> None:
    (root / "train/QAs/1.json").write_text(json.dumps({"questions": ["Where?", " Where? "], "answer": "There."}))
    sample = next(s for s in read_all(CONVERTER, root)[0] if s.id == "earthreason/train/1")
    assert [(text.kind, text.text, text.answer) for text in sample.texts] == [
        ("expression", "Where?", ""),
        ("question", "Where?", "There."),
    ]


def test_a_split_without_masks_and_a_wrong_folder_are_one_line(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "val" / "labels")
    for folder, said in ((root, "val/labels"), (tmp_path, "no train/images")):
        with pytest.raises(UsageError, match=said):
            list(CONVERTER.find(folder))
