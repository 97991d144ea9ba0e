"""Folders as datasets keep them: the first of several names that is there, and its files by their bare name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from georsmllm.errors import UsageError
from georsmllm.files import walk


def first_there(root: Path, names: Sequence[str]) -> str | None:
    """The first of these folders below `root` that is there; "" stands for `root` itself."""
    return next((name for name in names if (root / name).is_dir()), None)


def by_stem(root: Path, folder: str, suffixes: tuple[str, ...]) -> dict[str, str]:
    """Bare name without suffix -> path below `root`, of the files directly in one folder, sorted; raises UsageError for
    two files of one name."""
    files: dict[str, str] = {}
    for name in walk(root / folder, suffixes, recursive=False):
        stem, path = PurePosixPath(name).stem, f"{folder}/{name}" if folder else name
        if stem in files:
            raise UsageError(f"two files of one name below {root}: {files[stem]} and {path}; keep one of them")
        files[stem] = path
    return files
