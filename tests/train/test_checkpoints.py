"""Checkpoints count only when they are whole, and the newest N stay."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from killing import dying

from georsmllm.errors import UsageError
from georsmllm.train import checkpoints
from georsmllm.train.ranks import ALONE, Ranks


def write(stage: Path, step: int, *, keep: int = 2, names: tuple[str, ...] = ("rng_state.pth", "shards/a.bin")) -> None:
    for name in names:
        path = checkpoints.folder_of(stage / checkpoints.SAVING, step) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * step)
    checkpoints.commit(stage, step, Ranks(ALONE), keep=keep)


def steps(stage: Path) -> list[int]:
    return [int(path.name.partition("-")[2]) for path in checkpoints.whole(stage)]


def test_the_newest_stay_in_order_of_their_steps(tmp_path: Path) -> None:
    for step in (8, 9, 10, 11):
        write(tmp_path, step, keep=3)
    assert steps(tmp_path) == [9, 10, 11]
    assert checkpoints.newest(tmp_path, world=1) == tmp_path / "checkpoint-11"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-10",
        "checkpoint-11",
        "checkpoint-9",
    ]


def test_none_is_none(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path, world=1) is None


def test_half_a_checkpoint_is_passed_over_and_cleared(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path, step, keep=3)
    (tmp_path / "checkpoint-3" / checkpoints.MARK).unlink()
    (tmp_path / "checkpoint-2" / "shards" / "a.bin").write_bytes(b"")
    assert steps(tmp_path) == [1]
    checkpoints.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]


def test_another_number_of_processes_cannot_go_on(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(UsageError, match=r"written by 1 processes, 2 are here; .*consolidate"):
        checkpoints.newest(tmp_path, world=2)


def test_a_process_that_wrote_elsewhere_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rng_state\.pth: --out must be a folder that all machines share"):
        write(tmp_path, 1, names=("a.bin",))


def test_a_save_that_dies_anywhere_leaves_the_last_good_one(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    for after in range(100):
        died = dying(partial(write, tmp_path, 3), after)
        assert steps(tmp_path)[-1] in (2, 3)
        checkpoints.clear(tmp_path)
        assert steps(tmp_path)[-1] in (2, 3)
        if not died:
            break
    assert after > 5 and steps(tmp_path) == [2, 3]
