"""Law 7: no scene, no image content and no look-alike is on two sides of a split, whatever the datasets say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby

from georsmllm.errors import UsageError
from georsmllm.layout import Counts
from georsmllm.recipe import Recipe
from georsmllm.rng import unit

from .alike import Alike

SPLITS = ("train", "val", "test")


def assign_splits(db: sqlite3.Connection, recipe: Recipe) -> Counts:
    """Give every record its side, or the name of the rule that leaves it out; how many scenes share the pixels of another,
    and how many groups of such scenes the looks of another."""
    group_of = _scene_groups(db)
    db.create_function("scene_group", 1, lambda scene: group_of.get(scene, scene), deterministic=True)
    alike = Alike(db) if recipe.split.look_alikes else None
    leader_of = alike.together() if alike else {}
    if recipe.split.by != "official":
        _split_by_ratio(db, recipe, leader_of)
    if recipe.split.by != "scene":
        _take_official(db, is_all=recipe.split.by == "official")
    sides = {split for (split,) in db.execute("SELECT DISTINCT split FROM record")}
    levels = [*SPLITS, *sorted(sides - set(SPLITS))]  # from the least strict to the strictest
    db.create_function("strictness", 1, levels.index, deterministic=True)
    if recipe.split.by != "scene":
        _keep_strictest(db)
    if alike and leader_of:
        for level in sorted((levels.index(side) for side in sides), reverse=True)[:-1]:
            alike.drop(level)
    return {"same_pixels": len(group_of), "look_alikes": len(leader_of)}


def _split_by_ratio(db: sqlite3.Connection, recipe: Recipe, leader_of: Mapping[str, str]) -> None:
    ratios = list(recipe.split.ratios.items())

    def by_ratio(group: str) -> str:
        return _by_ratio(ratios, unit(recipe.seed, "split", leader_of.get(group, group)))

    db.create_function("by_ratio", 1, by_ratio, deterministic=True)
    db.execute("UPDATE record SET split = by_ratio(scene_group(scene))")


def _take_official(db: sqlite3.Connection, *, is_all: bool) -> None:
    """The datasets' own splits; is_all: what has none is training data."""
    for (name,) in db.execute("SELECT DISTINCT source_split FROM record ORDER BY 1").fetchall():
        if name or is_all:
            db.execute("UPDATE record SET split = ? WHERE source_split = ?", (_official(name), name))


def _keep_strictest(db: sqlite3.Connection) -> None:
    """Every scene group keeps its strictest side: test before val before training."""
    db.execute(
        "CREATE TEMP TABLE strictest AS SELECT scene_group(scene) AS grouped, MAX(strictness(split)) AS level FROM record"
        " GROUP BY 1 HAVING COUNT(DISTINCT split) > 1"
    )
    db.execute("CREATE UNIQUE INDEX temp.strictest_group ON strictest (grouped)")
    db.execute(
        "UPDATE record SET dropped = 'scene_in_evaluation_split' WHERE strictness(split) <"
        " (SELECT level FROM strictest WHERE grouped = scene_group(scene))"
    )


def _official(name: str) -> str:
    """train, val or test for a dataset's own name of a split (train2017, trainval, test-dev ...); "" is training data."""
    found = re.match(r"train|val|test", name.strip().lower() or "train")
    if found is None:
        raise UsageError(
            f"the split {name!r} is none of train, val and test; leave it out by `splits:`, or split by scene"
        )
    return found[0]


def _by_ratio(ratios: Sequence[tuple[str, float]], u: float) -> str:
    total = 0.0
    for name, share in ratios:
        total += share
        if u < total:
            return name
    return ratios[-1][0]


def _scene_groups(db: sqlite3.Connection) -> dict[str, str]:
    """Each scene that shares an image (by its pixels) with another -> the first scene of its group; blank images are no
    evidence."""
    shared = db.execute(
        "SELECT DISTINCT content, scene FROM image WHERE content IN (SELECT content FROM image WHERE content != ''"
        " GROUP BY content HAVING COUNT(DISTINCT scene) > 1) ORDER BY content, scene"
    )
    leader: dict[str, str] = {}

    def find(scene: str) -> str:
        while leader.setdefault(scene, scene) != scene:
            leader[scene] = leader[leader[scene]]
            scene = leader[scene]
        return scene

    for _, rows in groupby(shared, key=lambda row: row[0]):
        scenes = [scene for _, scene in rows]
        for other in scenes[1:]:
            a, b = sorted((find(scenes[0]), find(other)))
            leader[b] = a
    return {scene: find(scene) for scene in leader}
