"""`georsmllm export` says what it wrote and what the format could not say, and refuses in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hand_made_set import write_set

from georsmllm.errors import UsageError
from georsmllm.instruct_data.exporting import names
from georsmllm.scripts.export import command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "toy")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def test_it_says_what_it_wrote(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(folder, "--to", "llava", "-o", out)
    assert (result.exit_code, result.exception) == (0, None)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("train.json: ")
    assert lines[-2:] == ["written: 7 records, 4 image files", f"export: {out}   how to read it: {out / 'README.md'}"]


def test_it_says_what_the_format_cannot_say_and_why(folder: Path, tmp_path: Path) -> None:
    lines = run(folder, "--to", "yolo-obb", "-o", tmp_path / "out").stdout.splitlines()
    start = lines.index("left out, because the format cannot say it:")
    assert lines[start + 2] == (
        "  polygon 2: A polygon: a rotated box around it would be another shape than the one that is known."
    )


def test_splits_tasks_and_images_by_flags(folder: Path, tmp_path: Path) -> None:
    words = ["--to", "llamafactory", "-o", tmp_path / "out", "--split", "train", "-t", "det,seg", "--images", "none"]
    assert "written: 3 records\n" in run(folder, *words).stdout
    assert not (tmp_path / "out" / "val.jsonl").exists()


def test_a_second_time_says_that_it_is_there(folder: Path, tmp_path: Path) -> None:
    run(folder, "--to", "coco", "-o", tmp_path / "out")
    result = run(folder, "--to", "coco", "-o", tmp_path / "out")
    assert result.stdout.startswith(f"{tmp_path / 'out'} holds this very export already; --overwrite writes it anew\n")
    assert "already" not in run(folder, "--to", "coco", "-o", tmp_path / "out", "--overwrite").stdout


def test_the_formats_are_listed() -> None:
    lines = run("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(names())
    assert {"llava", "llamafactory", "ms-swift", "trl", "geochat", "coco", "yolo-obb", "geojson"} < set(names())


@pytest.mark.parametrize("words", [(), ("DIR",), ("DIR", "--to", "llava"), ("--to", "llava", "-o", "x")])
def test_what_is_missing_is_said(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert isinstance(result.exception, UsageError)
    assert "expected DIR --to FORMAT --out FOLDER" in str(result.exception)


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "--to", "llava", "-o", tmp_path / "out")
    assert isinstance(result.exception, UsageError)
    assert "no manifest.json" in str(result.exception)
