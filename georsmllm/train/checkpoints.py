"""Checkpoints of a stage: taken up only when whole, the newest N kept.

STAGE/checkpoint-500/   what all processes wrote, and whole.json, written last
STAGE/.saving/          a checkpoint on its way; what a killed save left is cleared by the next start
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json, write_json

from .ranks import Ranks

MARK = "whole.json"
SAVING = ".saving"
_DELETING = ".deleting-"


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a whole checkpoint says of itself. files: their sizes in bytes."""

    step: int
    world: int
    files: dict[str, int]


def folder_of(stage: Path, step: int) -> Path:
    return stage / f"checkpoint-{step}"


def whole(stage: Path) -> tuple[Path, ...]:
    """The whole checkpoints of a stage, oldest first; what is half is passed over."""
    found = [(mark.step, path) for path in stage.glob("checkpoint-*") if (mark := _mark(path)) is not None]
    return tuple(path for _, path in sorted(found))


def _mark(folder: Path) -> Mark | None:
    """A checkpoint's mark, if all that it names is there in full."""
    path = folder / MARK
    if not path.is_file():
        return None
    mark = read_json(path, Mark)
    sizes = _sizes(folder)
    return mark if all(sizes.get(name) == size for name, size in mark.files.items()) else None


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MARK)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def newest(stage: Path, *, world: int) -> Path | None:
    """The checkpoint to go on from; raises UsageError where another number of processes wrote it."""
    found = whole(stage)
    if not found:
        return None
    mark = read_json(found[-1] / MARK, Mark)
    if mark.world != world:
        raise UsageError(
            f"{found[-1]} was written by {mark.world} processes, {world} are here; start as many, or turn it into a model "
            "with `georsmllm model consolidate` and begin a new run from that"
        )
    return found[-1]


def clear(stage: Path) -> None:
    """Take away what killed saves and deletions left. By one process, before others look."""
    for path in sorted(stage.glob("checkpoint-*")):
        if _mark(path) is None:
            delete(path)
    for path in (stage / SAVING, *sorted(stage.glob(f"{_DELETING}*"))):
        if path.exists():
            shutil.rmtree(path)


def delete(checkpoint: Path) -> None:
    """Renamed first, so that a killed deletion leaves nothing that looks whole."""
    hidden = checkpoint.with_name(f"{_DELETING}{checkpoint.name}")
    checkpoint.replace(hidden)
    shutil.rmtree(hidden)


def commit(stage: Path, step: int, ranks: Ranks, *, keep: int) -> None:
    """Make what all processes wrote to SAVING the newest checkpoint, and delete those beyond the newest `keep`. By all
    processes together; raises UsageError where the first does not see what others wrote."""
    ranks.wait()
    if ranks.is_first:
        saved = folder_of(stage / SAVING, step)
        _check_complete(saved, ranks.size)
        files = _sizes(saved)
        for name in files:
            _sync(saved / name)
        write_json(saved / MARK, Mark(step=step, world=ranks.size, files=files))
        target = folder_of(stage, step)
        if target.exists():
            delete(target)
        saved.replace(target)
        shutil.rmtree(stage / SAVING)
        _sync(stage)
        for old in _beyond(whole(stage), keep):
            delete(old)
    ranks.wait()


def _check_complete(saved: Path, size: int) -> None:
    """Every process writes its random numbers' state: who has written none writes to another disk."""
    names = ["rng_state.pth"] if size == 1 else [f"rng_state_{rank}.pth" for rank in range(size)]
    missing = [name for name in names if not (saved / name).is_file()]
    if missing:
        raise UsageError(f"{saved} has no {missing[0]}: --out must be a folder that all machines share")


def _beyond(checkpoints: Sequence[Path], keep: int) -> Sequence[Path]:
    return checkpoints[: max(0, len(checkpoints) - keep)]


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
