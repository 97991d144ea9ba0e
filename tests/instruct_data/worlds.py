"""The invented fixture worlds as sources of a recipe, and the bytes of a built set."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from georsmllm.recipe import Mix, Recipe, Source, Split, Tiles

DATA = Path(__file__).parent.parent / "data"
NAMES = ("coco", "dota", "levir_cd", "loveda", "scene_folder")


def recipe(*names: str, **changes: object) -> Recipe:
    """All tasks over the named worlds (all of them by default), tiles small enough that something is cut."""
    whole = Recipe(
        sources=tuple(Source(dataset=name, path=str(DATA / name / "world")) for name in names or NAMES),
        tasks=("change", "cls", "count", "det", "refer", "region", "seg", "tags"),
        tiles=Tiles(size=64, overlap=16),
        mix=Mix(negatives=0.5),
        split=Split(ratios={"train": 0.7, "val": 0.3}),
        max_bad_share=0.9,
    )
    return msgspec.structs.replace(whole, **changes)


def tree(folder: Path) -> dict[str, str]:
    """Path -> hash of every file of a set."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
