"""Folders on disk: a sorted, streaming walk that leaves out junk and stops at loops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from georsmllm.errors import UsageError

# AppleDouble twins (`._*`) and every other hidden name are left out by their first character.
_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


def folder(path: Path, expected: str) -> Path:
    """The path itself; raises UsageError when it is no folder: what was expected, and how far the path does exist."""
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError(f"expected {expected} at {path}, found a file")
    nearest = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
    raise UsageError(f"no such folder: {path}; expected {expected}; {nearest} exists and holds {held(nearest)}")


def held(directory: Path) -> str:
    """The first names in a folder, for an error line."""
    names = sorted(entry.name for entry in directory.iterdir() if not _is_junk(entry.name))
    shown = names[:5] + ["..."] * (len(names) > 5)
    return ", ".join(shown or ["nothing"])


def not_there(root: Path, wanted: str, is_it: Callable[[Path], bool], expected: str) -> UsageError:
    """For a folder that lacks what is wanted: what it holds, and the folder above or below it that is meant, if any.

    is_it: whether a folder is one that should have been given.
    """
    around = [*root.absolute().parents[:3], *islice(folders_below(root, depth=4), 10_000)]
    meant = next((path for path in around if is_it(path)), None)
    way_out = f"these lie in {meant}: give that" if meant else f"expected {expected}"
    return UsageError(f"no {wanted} in {root}, which holds {held(root)}; {way_out}")


def walk(root: Path, suffixes: tuple[str, ...], *, recursive: bool = True) -> Iterator[str]:
    """Files below `root` with one of the suffixes (any case, given in lower case), sorted as text, relative, with "/".

    Linked folders are followed; a folder reached a second time (a loop, or a second name) is not read again. A link to
    a file that is gone is yielded, so that reading it names it. Raises UsageError for a missing root, and for a name
    that is not UTF-8, which no record could hold.
    """
    folder(root, f"a folder with {', '.join(suffixes)} files")
    return _walk(root, "", suffixes, {root.resolve()} if recursive else None)


def by_stem(root: Path, suffixes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Bare name without suffix -> the files below `root` that bear it, sorted, relative, with "/"."""
    found: dict[str, list[str]] = {}
    for path in walk(root, suffixes):
        found.setdefault(PurePosixPath(path).stem, []).append(path)
    return {stem: tuple(paths) for stem, paths in found.items()}


def folders_below(root: Path, *, depth: int) -> Iterator[Path]:
    """Folders below `root`, the shallow ones first, sorted, at most `depth` deep; junk and links are left out."""
    level = [root]
    for _ in range(depth):
        level = [path for parent in level for path in _folders_in(parent)]
        yield from level


def _folders_in(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as scan:
            names = [entry.name for entry in scan if entry.is_dir(follow_symlinks=False) and not _is_junk(entry.name)]
    except PermissionError:
        return []
    return [directory / name for name in sorted(names)]


def _walk(directory: Path, prefix: str, suffixes: tuple[str, ...], seen: set[Path] | None) -> Iterator[str]:
    with os.scandir(directory) as scan:
        # "/" after a folder's name makes the depth-first order the order of the whole paths. Only names are held: a
        # folder may have a hundred thousand of them.
        names = [f"{entry.name}/" if _is_dir(entry) else entry.name for entry in scan if not _is_junk(entry.name)]
    names.sort()
    for name in names:
        if not name.endswith("/"):
            if name.lower().endswith(suffixes):
                yield _utf8(prefix + name, directory)
        elif seen is not None:
            below = directory / name
            real = below.resolve()
            if real not in seen:
                seen.add(real)
                yield from _walk(below, prefix + name, suffixes, seen)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _utf8(name: str, directory: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"a file name in {directory} is not UTF-8: {os.fsencode(name)!r}; rename it") from None
    return name
