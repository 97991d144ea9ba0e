"""The command from outside: words, flags, exit codes, one line for what a person got wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from georsmllm.discover import converter_names
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
        (("build", "-d", "dota", "-o", "x"), "expected READER=PATH like dota=/data/DOTA, got 'dota'"),
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
    ran = run(
        "build", "-d", f"dota={DOTA}", "-t", "det,count", "-o", tmp_path / "set", "-w", "1", "split.by=scene", ratios
    )
    assert ran.returncode == 0, ran.stderr
    assert "val: empty, " in ran.stdout
    assert "raise it or take another seed" in ran.stdout


def test_a_set_without_a_record_is_an_error_with_the_reason(tmp_path):
    ran = run("build", "-d", f"dota={DOTA}", "-t", "cls", "-o", tmp_path / "set", "-w", "1")
    assert ran.returncode == 2
    assert "the tasks cls ask nothing of dota" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_region_answers_come_only_where_they_are_asked_for(tmp_path):
    run("build", "-d", f"dota={DOTA}", "-t", "det", "-o", tmp_path / "set", "-w", "1")
    stats = json.loads((tmp_path / "set" / "stats.json").read_text())
    assert {task for tasks in stats["by_task"].values() for task in tasks} == {"det"}


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    ran = run("build", "-d", f"dota={DOTA}", "-t", "det", "-o", "/proc/nothing/set", "-w", "1")
    assert ran.returncode == 2
    assert "cannot write /proc/nothing/set/" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_two_builds_do_not_share_a_folder(tmp_path):
    import fcntl

    out = tmp_path / "set"
    run("build", "-d", "dota=/no/such/folder", "-t", "det", "-o", out)
    with (out / ".state" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (out / "images").mkdir()
        for more in ((), ("--overwrite",)):
            ran = run("build", "-d", f"dota={DOTA}", "-t", "det", "-o", out, *more)
            assert ran.returncode == 2
            assert "another build is at work" in ran.stderr
        assert (out / "images").is_dir()


def descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in tasks] + [deeper for child in tasks for deeper in descendants(int(child))]


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_build(tmp_path, sign):
    command = [
        sys.executable,
        "-m",
        "georsmllm.scripts.cli",
        "build",
        "-d",
        f"dota={DOTA}",
        "-o",
        str(tmp_path / "s"),
        "-w",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    workers: list[int] = []
    until = time.monotonic() + 30
    while len(workers) < 2 and time.monotonic() < until and process.poll() is None:
        workers = descendants(process.pid)
    process.send_signal(sign)
    _, errors = process.communicate(timeout=60)
    assert workers
    until = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, workers))
    if sign != signal.SIGKILL and process.returncode:
        assert process.returncode == 130
        assert "run the same command again" in errors


def test_two_folders_of_one_format_get_names_by_flag(tmp_path):
    ran = run("build", "-d", f"dota:a={DOTA}", "-d", f"dota:b={DOTA}", "-t", "det", "-o", tmp_path / "set", "-w", "1")
    assert ran.returncode == 0, ran.stderr
    assert "a: 6 of 7 samples read" in ran.stdout
    assert "b: 6 of 7 samples read" in ran.stdout


def test_help_teaches_with_examples():
    text = CliRunner().invoke(command, ["--help"]).output
    assert "georsmllm build --dataset dota=/data/DOTA --task det,count --out sets/dota" in text
    assert "killed build goes on" in text


def test_the_list_and_the_cards_of_readers():
    listed = CliRunner().invoke(datasets_command, []).output
    names = converter_names()
    assert [line.split()[0] for line in listed.splitlines()[: len(names)]] == list(names)
    card = CliRunner().invoke(datasets_command, ["dota"]).output
    for heading in ("Layout", "A label line", "Licence", "Known defects", "Why a record is set aside"):
        assert f"\n{heading}\n" in card
    assert "ship" in card
