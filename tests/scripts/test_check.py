"""`georsmllm check` exits 0 for data that is well and 1 when a record was set aside, with the place of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from georsmllm.errors import UsageError
from georsmllm.scripts.check import command

READER = """
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.types import ImageRef, Sample, Target, box

def find(root):
    yield Ref("a", "", ("a.png",))

def read(root, ref):
    target = Target(0, "ship", box(0, 0, 99, 9))
    return Sample("toy/a", "toy", "", "toy/a", (ImageRef("a.png", 8, 8),), (target,), classes=("ship",))

CONVERTER = Converter(Card("toy", "", "", "", "", "", ""), find, read, {})
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_a_world_with_one_broken_record(data: Path) -> None:
    result = run(f"dota={data / 'dota' / 'world'}")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("found ")
    (headline,) = [line for line in lines if line.startswith("set aside: ")]
    assert " 1: " in headline
    assert lines[lines.index(headline) + 1].startswith("  ")


def test_a_part_of_a_dataset_is_told_how_many_records_were_published(data: Path) -> None:
    lines = run(f"dota={data / 'dota' / 'world'}").stdout.splitlines()
    assert lines[1].startswith("splits: test 1, train ")
    assert lines[2] == "published: train 1411, val 458, test 937"
    assert "published" not in run(f"dota={data / 'dota' / 'world'}", "--limit", "2").stdout
    assert "published" not in run(f"scene_folder={data / 'scene_folder' / 'world'}").stdout


def test_a_world_without_its_broken_record(data: Path, tmp_path: Path) -> None:
    world = shutil.copytree(data / "dota" / "world", tmp_path / "world")
    broken = json.loads(run(f"dota={world}", "--json").stdout)["examples"]
    (where,) = [line.partition(":")[0] for lines in broken.values() for line in lines]
    for path in world.rglob(f"{Path(where).stem}.*"):
        path.unlink()
    result = run(f"dota={world}")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "nothing is wrong"


def test_a_reader_of_ones_own_that_breaks_its_contract(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(READER)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    result = run(f"{tmp_path / 'mine.py'}={tmp_path}")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-2:] == [
        "contract broken: point_outside 1: a target with a point outside its view",
        "  toy/a: target 0 (ship): (99, 9) lies outside 0..8 x 0..8",
    ]


def test_labels_in_a_folder_of_another_name_are_missed_aloud(data: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split / "images").mkdir(parents=True)
        Image.effect_noise((8, 8), 9).convert("RGB").save(tmp_path / split / "images" / "P1.png")
    (tmp_path / "train" / "labels").mkdir()
    result = run(f"dota={tmp_path}")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert "unlabelled 2: test 1, train 1" in lines
    assert lines[-2].startswith("warning: unlabelled_split 1: ")
    assert "train/labels; expected: ROOT/" in lines[-1]
    assert "labelTxt" in lines[-1]


def test_scene_classes_that_are_folders_of_another_dataset_are_told(data: Path) -> None:
    result = run(f"scene_folder={data / 'loveda' / 'world'}", "--json")
    assert result.exit_code == 1
    assert set(json.loads(result.stdout)["scenes"]) == {"images png", "masks png"}
    lines = run(f"scene_folder={data / 'levir_cd' / 'world'}").stdout.splitlines()
    assert any(line.startswith("3 scene classes: a ") for line in lines)
    assert any(line.startswith("warning: scene_names 1: ") for line in lines)


@pytest.mark.parametrize(("words", "message"), [("dota", "expected READER=PATH"), ("dote=/x", "did you mean dota")])
def test_wrong_words_are_one_line(words: str, message: str) -> None:
    result = run(words)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
