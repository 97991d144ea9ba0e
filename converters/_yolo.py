"""What a YOLO dataset.yaml says: its class names, and the images of its splits with their label files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from georsmllm import images
from georsmllm.errors import UsageError
from georsmllm.files import folder, walk

SPLITS = ("test", "train", "val")
MAX_YAML_BYTES = 1_000_000
_NO_LABELS = ("classes.txt",)  # lies beside the labels of many tools


class Config(NamedTuple):
    """names: class number -> name. base: the folder that the entries are below. splits: split -> its entries."""

    names: Mapping[int, str]
    base: Path
    splits: Mapping[str, tuple[str, ...]]


def locate(root: Path) -> Path:
    """The YAML that `root` is or holds; raises UsageError."""
    if root.is_file():
        return root
    folder(root, "a dataset.yaml, or a folder with exactly one,")
    below = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))]
    found = [
        place / name
        for place in below
        for name in walk(place, (".yaml", ".yml"), recursive=False)
        if b"names" in (place / name).read_bytes()[:MAX_YAML_BYTES]
    ]
    if len(found) != 1:
        shown = ", ".join(str(path) for path in found[:5]) or "none"
        raise UsageError(
            f"expected exactly one YAML with names in {root}, found {shown}; give the one to read as the path"
        )
    return found[0]


def top(root: Path) -> Path:
    """The folder that the paths of refs and images are relative to."""
    return root.parent if root.is_file() else root


def relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def config(path: Path) -> Config:
    """What a dataset.yaml says; raises UsageError."""
    return _config(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)  # every record asks for it
def _config(path: Path, mtime_ns: int) -> Config:  # noqa: ARG001
    import yaml

    with path.open("rb") as file:
        text = file.read(MAX_YAML_BYTES + 1)
    if len(text) > MAX_YAML_BYTES:
        raise UsageError(f"{path}: expected a YAML of at most {MAX_YAML_BYTES:,} bytes")
    try:
        read = yaml.safe_load(text)
    except RecursionError:
        raise UsageError(f"{path}: expected train, val and names, got lists inside lists without end") from None
    except yaml.YAMLError as error:
        place = (
            f":{error.problem_mark.line + 1}" if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else ""
        )
        raise UsageError(f"{path}{place}: expected YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(read, dict):
        raise UsageError(f"{path}: expected keys train, val and names, got {type(read).__name__}")
    names = read.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(_is_named(*item) for item in names.items()):
        raise UsageError(f"{path}: expected names as a list of words, or as a table of them by class number")
    splits: dict[str, tuple[str, ...]] = {}
    for split in SPLITS:
        given = read.get(split) or []
        entries = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else None
        if entries is None or not all(isinstance(entry, str) for entry in entries):
            raise UsageError(f"{path}: expected {split} as a folder or a list of folders")
        if entries:
            splits[split] = entries
    written = read.get("path") or ""
    if not isinstance(written, str):
        raise UsageError(f"{path}: expected path as the name of a folder")
    base = _base(path, written)
    return Config({int(number): str(name) for number, name in names.items()}, base, splits)


def _is_named(number: object, name: object) -> bool:
    """Whether a class has a number and a plain name; YAML takes some words for truth values, and years for numbers."""
    return str(number).isdecimal() and isinstance(name, str | int | float)


def _base(path: Path, written: str) -> Path:
    """The folder that `path:` means, or that of the YAML where it is not there."""
    there = path.parent / written  # an absolute one stays as it is
    return there if there.is_dir() else path.parent


def pairs(base: Path, entries: tuple[str, ...], yaml: Path) -> dict[str, tuple[Path, Path]]:
    """Key -> image and label, of which either may be missing. A key is the image's path without suffix, below the folder
    of its entry, or below `base` where there are several."""
    found: dict[str, tuple[Path, Path]] = {}
    for entry in entries:
        place = _entry(base, entry)
        if not place.is_dir() and not (place.suffix == ".txt" and place.is_file()):
            raise UsageError(
                f"{yaml}: no folder or list {entry!r} in {base}; put it there, or mend `path` and the entry"
            )
        under = place if len(entries) == 1 and place.is_dir() else base
        pictures = [place / name for name in walk(place, images.SUFFIXES)] if place.is_dir() else _listed(place)
        for image in pictures:
            key = _key(image, under)
            if found.setdefault(key, (image, _label_of(image)))[0] != image:
                raise UsageError(f"two images of one label: {found[key][0]} and {image}; keep one of them")
        labels = _swap(place, "images", "labels")
        for name in walk(labels, (".txt",)) if place.is_dir() and labels.is_dir() else ():
            image = _swap((labels / name).with_suffix(".jpg"), "labels", "images")
            if PurePosixPath(name).name not in _NO_LABELS:
                found.setdefault(_key(image, under), (image, labels / name))
    return found


def _entry(base: Path, written: str) -> Path:
    """Roboflow writes ../train/images for what lies beside its YAML."""
    path, beside = base / written, base / written.removeprefix("../")
    return beside if not path.exists() and beside.exists() else path


def _listed(path: Path) -> list[Path]:
    """The images that a text file lists, relative to its folder."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected one image path a line, in UTF-8") from None
    return [path.parent / line.strip() for line in lines if line.strip()]


def _key(image: Path, under: Path) -> str:
    return PurePosixPath(relative(image, under)).with_suffix("").as_posix().replace("../", "")


def _label_of(image: Path) -> Path:
    return _swap(image, "images", "labels").with_suffix(".txt")


def _swap(path: Path, old: str, new: str) -> Path:
    """The path with its last folder of one name renamed, as Ultralytics finds the label of an image."""
    parts = list(path.parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == old:
            return Path(*parts[:i], new, *parts[i + 1 :])
    return path
