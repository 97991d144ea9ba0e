"""The command from outside: words, flags, exit codes, one line for what a person got wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from georsmllm.scripts.build import command
from georsmllm.scripts.datasets import command as datasets_command

DOTA = Path(__file__).parent.parent / "data" / "dota" / "world"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "georsmllm.scripts.cli", *map(str, words)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_everything_by_flags_and_every_number_is_told(tmp_path):
    ran = run(
        "build", "-d", f"dota={DOTA}", "-t", "det,count", "-o", tmp_path / "set", "-w", "1", "-s", "3", "tiles.size=128"
    )
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert (manifest["recipe"]["seed"], manifest["recipe"]["tiles"]["size"]) == (3, 128)
    stats = json.loads((tmp_path / "set" / "stats.json").read_text())
    source = stats["sources"]["dota"]
    assert f"{source['kept']} of {source['found']} samples read" in ran.stdout
    assert "short_row 1 set aside in quarantine.jsonl" in ran.stdout
    assert f"{stats['made']} records made, {stats['written']} written" in ran.stdout
    again = run("build", "-d", f"dota={DOTA}", "-t", "det,count", "-o", tmp_path / "set", "-s", "3", "tiles.size=128")
    assert "holds this very set already" in again.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("build", "-d", "dota", "-o", "x"), "expected NAME=PATH like dota=/data/DOTA, got 'dota'"),
        (("build", "-d", "dotta=/x", "-o", "x"), "no converter is called 'dotta'; did you mean dota"),
        (("build", "-d", f"dota={DOTA}", "-t", "dett", "-o", "x"), "no task is called 'dett'; did you mean det"),
        (("build", "-d", "dota=/no/such/folder", "-o", "x"), "no such folder: /no/such/folder"),
        (("build", "a.yaml", "b.yaml", "-o", "x"), "expected one recipe, got a.yaml and b.yaml"),
        (("build", "a.yaml", "-o", "x"), "no such recipe: a.yaml"),
        (("build", "-o", "x"), "a recipe needs at least one source"),
        (("build", "-d", f"dota={DOTA}", "-o", "x", "tile.size=3"), "unknown key 'tile'; did you mean tiles"),
        (
            ("build", "-d", f"dota={DOTA}", "-o", "x", "tiles={size: 8, overlap: 9}"),
            "tiles need 0 <= overlap < size, got 9 and 8",
        ),
        (("datasets", "dotta"), "did you mean dota"),
    ],
)
def test_what_a_person_got_wrong_is_one_line_and_exit_code_2(tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    ran = run(*words)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert line in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "x" / "manifest.json").exists()


def test_a_mistaken_first_try_does_not_stand_in_the_way(tmp_path):
    assert run("build", "-d", "dota=/no/such/folder", "-t", "det", "-o", tmp_path / "set").returncode == 2
    ran = run("build", "-d", f"dota={DOTA}", "-t", "det", "-o", tmp_path / "set", "-w", "1")
    assert ran.returncode == 0, ran.stderr


def test_strict_stops_with_file_and_line(tmp_path):
    ran = run("build", "-d", f"dota={DOTA}", "-t", "det", "-o", tmp_path / "set", "--strict", "-w", "1")
    assert ran.returncode == 2
    assert ".txt:" in ran.stderr
    assert "[short_row]" in ran.stderr


def test_a_split_that_came_out_empty_is_told(tmp_path):
    ratios = "split.ratios={train: 0.999, val: 0.001}"
    ran = run("build", "-d", f"dota={DOTA}", "-t", "det,count", "-o", tmp_path / "set", "-w", "1", ratios)
    assert ran.returncode == 0, ran.stderr
    assert "val: empty, " in ran.stdout
    assert "raise it or take another seed" in ran.stdout


def test_help_teaches_with_examples():
    text = CliRunner().invoke(command, ["--help"]).output
    assert "georsmllm build --dataset dota=/data/DOTA --task det,count --out sets/dota" in text
    assert "killed build goes on" in text


def test_the_list_and_the_cards_of_readers():
    listed = CliRunner().invoke(datasets_command, []).output
    assert [line.split()[0] for line in listed.splitlines()[:5]] == [
        "coco",
        "dota",
        "levir_cd",
        "loveda",
        "scene_folder",
    ]
    card = CliRunner().invoke(datasets_command, ["dota"]).output
    for heading in ("Layout", "A label line", "Licence", "Known defects", "Why a record is set aside"):
        assert f"\n{heading}\n" in card
    assert "ship" in card
