"""`georsmllm validate` exits 0 for a whole set and 1 for a damaged one, and names what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result
from hand_made_set import records, write_set

from georsmllm.scripts.validate import command


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def damaged(folder: Path) -> Path:
    return write_set(folder, {**records(), "val": tuple(replace(line, gold_text="1") for line in records()["val"])})


def test_a_whole_set(tmp_path: Path) -> None:
    result = run(write_set(tmp_path))
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}: 7 records, nothing is wrong\n")


def test_a_damaged_set(tmp_path: Path) -> None:
    result = run(damaged(tmp_path))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "gold_text 1: gold_text is not the last answer",
        "  records/val-00000.jsonl:1: toy/P2#count-none:ship: '1' is not the answer '0'",
        f"{tmp_path}: 7 records, 1 problem",
    ]


def test_json_for_machines(tmp_path: Path) -> None:
    result = run(damaged(tmp_path), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == {"gold_text": 1}


def test_pixels_that_were_not_looked_at_are_told(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    (folder / "images/toy/P2.png").write_bytes((folder / "images/toy/P2.png").read_bytes()[:-30])
    assert run(folder).exit_code == 1
    result = run(folder, "--no-pixels")
    assert result.exit_code == 0
    assert result.stdout == f"{folder}: 7 records, nothing is wrong (the pixels of the images were not looked at)\n"
