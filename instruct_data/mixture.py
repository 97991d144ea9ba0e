"""From the parts to the set: split by scene, choose directions, weigh, cap, shuffle, write; every record left out by name.

The index is an SQLite file, so memory does not grow with the number of records, and every choice is by a hash of
identity (`rank`), so it does not depend on the order in which parts were made.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from georsmllm.layout import Counts, Shard
from georsmllm.recipe import Recipe
from georsmllm.rng import unit
from georsmllm.types import UNNAMED

from .index import fill, rank_of
from .parts import Bar
from .shards import remove_unused, write_shards
from .splits import assign_splits


class Mixed(NamedTuple):
    """What the mixture wrote and left out; the tables are split -> name -> records, by_origin as in `layout.Stats`."""

    shards: tuple[Shard, ...]
    made: int
    written: int
    repeated: int
    dropped: Counts
    joined: Counts
    by_task: dict[str, Counts]
    by_class: dict[str, Counts]
    negatives: dict[str, Counts]
    by_origin: dict[str, dict[str, Counts]]
    scenes: Counts
    unused_images: int


def mix(recipe: Recipe, part_paths: Sequence[Path], state: Path, out: Path, *, bar: Callable[[str, int], Bar]) -> Mixed:
    """Write the shards of a set below out/records from its parts."""
    index = state / "index.sqlite"
    index.unlink(missing_ok=True)
    with closing(sqlite3.connect(index, isolation_level=None)) as db:
        fill(db, recipe.seed, part_paths, bar)
        joined = assign_splits(db, recipe)
        _choose_directions(db, recipe)
        _cool(db, recipe.mix.temperature)
        _weigh(db, recipe)
        _cap(db, recipe)
        _cap_negatives(db, recipe.mix.negatives)
        shards = write_shards(db, recipe, part_paths, out, bar)
        return _mixed(db, shards, joined, remove_unused(db, out))


# --- what is kept ----------------------------------------------------------------------------------------------------


def _choose_directions(db: sqlite3.Connection, recipe: Recipe) -> None:
    """One direction for each (scene, class): asked forward, or in reverse, never both (methods section 5.2, rule 3).

    By scene, not by view: overlapping tiles show the same objects. Where some dataset has objects without a class in a
    scene, these may be of any class, and all of the scene is asked one way.
    """
    seed, share = recipe.seed, recipe.cyclic.share
    db.create_function(
        "reversed", 2, lambda scene, label: unit(seed, "direction", scene, label) < share, deterministic=True
    )
    db.execute("CREATE TEMP TABLE nameless (scene TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute(
        "INSERT INTO nameless SELECT DISTINCT scene FROM label JOIN record USING (n) WHERE label = ?", (UNNAMED,)
    )
    kind = f"CASE WHEN record.scene IN nameless THEN '{UNNAMED}' ELSE label.label END"
    db.execute(
        f"CREATE TEMP TABLE both_ways AS SELECT scene, {kind} AS kind, reversed(scene, {kind}) AS back"  # noqa: S608
        " FROM label JOIN record USING (n)"
        " WHERE direction != '' AND dropped IS NULL GROUP BY 1, 2 HAVING COUNT(DISTINCT direction) > 1"
    )
    db.execute("CREATE UNIQUE INDEX temp.both_ways_key ON both_ways (scene, kind)")
    for direction, wrong in (("forward", 1), ("reverse", 0)):
        db.execute(
            "UPDATE record SET dropped = 'other_direction' WHERE direction = ? AND dropped IS NULL AND EXISTS (SELECT 1"  # noqa: S608
            f" FROM label JOIN both_ways ON kind = {kind}"
            " WHERE label.n = record.n AND both_ways.scene = record.scene AND back = ?)",
            (direction, wrong),
        )
    if recipe.cyclic.mode == "control":
        db.execute(
            "UPDATE record SET said = (SELECT n FROM record AS source WHERE source.id = record.twin_of) WHERE twin_of != ''"
        )
        db.execute("UPDATE record SET dropped = 'no_forward' WHERE said IS NULL AND dropped IS NULL")


def _cool(db: sqlite3.Connection, temperature: float) -> None:
    """In each split a source of n records keeps n^(1/T), all in proportion so that the smallest source keeps all of its."""
    if temperature == 1.0:
        return
    sizes = db.execute(
        "SELECT split, source, COUNT(*) FROM record WHERE dropped IS NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    for split, of_split in groupby(sizes, key=lambda row: row[0]):
        counts = {source: count for _, source, count in of_split}
        least = min(counts.values())
        for source, count in counts.items():
            most = math.floor(least * (count / least) ** (1 / temperature) + 0.5)
            _keep_first(db, "split, source", {"split": split, "source": source}, most=most, name="temperature")


def _weigh(db: sqlite3.Connection, recipe: Recipe) -> None:
    weights = {source.records_name: source.weight for source in recipe.sources}
    tasks = recipe.mix.weights
    if all(weight == 1.0 for weight in (*weights.values(), *tasks.values())):
        return

    def copies(source: str, task: str, record_id: str) -> int:
        weight = weights[source] * tasks.get(task, 1.0)
        return math.floor(weight) + (unit(recipe.seed, "weight", record_id) < weight % 1)

    db.create_function("copies_of", 3, copies, deterministic=True)
    db.create_function("rank_of", 1, lambda record_id: rank_of(recipe.seed, record_id), deterministic=True)
    db.execute(
        "CREATE TEMP TABLE wanted AS SELECT n, copies_of(source, task, id) AS times FROM record WHERE dropped IS NULL"
    )
    db.execute("CREATE UNIQUE INDEX temp.wanted_n ON wanted (n)")
    db.execute("UPDATE record SET dropped = 'weight' WHERE n IN (SELECT n FROM wanted WHERE times = 0)")
    (most,) = db.execute("SELECT COALESCE(MAX(times), 0) FROM wanted").fetchone()
    for copy in range(2, most + 1):
        db.execute(
            "INSERT INTO record (part, start, length, id, source, task, view, negative, direction, twin_of, scene,"
            " source_split, rank, split, copy, original, said) SELECT part, start, length, id || '~' || ?1, source, task, view,"
            " negative, direction, twin_of, scene, source_split, rank_of(id || '~' || ?1), split, ?1, n, said"
            " FROM record JOIN wanted USING (n) WHERE times >= ?1",
            (copy,),
        )
    db.execute(
        "INSERT INTO label SELECT again.n, label.label FROM record AS again"
        " JOIN label ON label.n = again.original WHERE again.copy > 1"
    )


def _cap(db: sqlite3.Connection, recipe: Recipe) -> None:
    rules = recipe.mix
    for task, most in rules.max_per_image.items():
        _keep_first(db, "split, view, task", {"task": task}, most=most, name="max_per_image")
    if rules.max_per_class is not None:
        db.execute(
            "UPDATE record SET dropped = 'max_per_class' WHERE n IN (SELECT n FROM (SELECT n, ROW_NUMBER() OVER"
            " (PARTITION BY split, label ORDER BY rank) AS place FROM label JOIN record USING (n)"
            " WHERE dropped IS NULL) WHERE place > ?)",
            (rules.max_per_class,),
        )
    if rules.max_per_source is not None:
        for source in recipe.sources:
            where = {"source": source.records_name}
            _keep_first(db, "split, source", where, most=rules.max_per_source, name="max_per_source")
    for task, most in rules.max_per_task.items():
        _keep_first(db, "split, task", {"task": task}, most=most, name="max_per_task")


def _keep_first(db: sqlite3.Connection, group: str, where: Mapping[str, str | int], *, most: int, name: str) -> None:
    """Drop all but the first `most` by rank of each group, among the records that fit `where`."""
    fits = " AND ".join(f"{column} = ?" for column in where)
    db.execute(
        f"UPDATE record SET dropped = ? WHERE n IN (SELECT n FROM (SELECT n, ROW_NUMBER() OVER"  # noqa: S608 - our own words
        f" (PARTITION BY {group} ORDER BY rank) AS place FROM record WHERE dropped IS NULL AND {fits}) WHERE place > ?)",
        (name, *where.values(), most),
    )


def _cap_negatives(db: sqlite3.Connection, share: float) -> None:
    """At most `share` of a task's records in a split say that nothing is there; a task that has no others keeps none."""
    counted = db.execute(
        "SELECT split, task, SUM(negative = 0), SUM(negative = 1) FROM record WHERE dropped IS NULL GROUP BY split, task"
    ).fetchall()
    for split, task, positives, negatives in counted:
        most = negatives if share == 1.0 else math.floor(positives * share / (1 - share) + 1e-9)
        if negatives > most:
            where = {"negative": 1, "split": split, "task": task}
            _keep_first(db, "split, task", where, most=most, name="negative_share")


def _mixed(db: sqlite3.Connection, shards: tuple[Shard, ...], joined: Counts, unused_images: int) -> Mixed:
    db.execute(
        "CREATE TEMP VIEW kept AS SELECT chosen.split, chosen.copy, chosen.scene, chosen.n, source.task, source.view,"
        " source.source, source.source_split, source.negative"
        " FROM record AS chosen JOIN record AS source ON source.n = chosen.said WHERE chosen.dropped IS NULL"
    )
    (made,) = db.execute("SELECT COUNT(*) FROM record WHERE copy = 1").fetchone()
    written, repeated = db.execute("SELECT COUNT(*), COALESCE(SUM(copy > 1), 0) FROM kept").fetchone()
    dropped = db.execute(
        "SELECT dropped, COUNT(*) FROM record WHERE dropped IS NOT NULL AND copy = 1 GROUP BY 1 ORDER BY 1"
    )
    return Mixed(
        shards=shards,
        made=made,
        written=written,
        repeated=repeated,
        dropped=dict(dropped.fetchall()),
        joined=joined,
        by_task=_table(db, "SELECT split, task, COUNT(*) FROM kept GROUP BY 1, 2 ORDER BY 1, 2"),
        by_class=_table(db, "SELECT split, label, COUNT(*) FROM label JOIN kept USING (n) GROUP BY 1, 2 ORDER BY 1, 2"),
        negatives=_table(db, "SELECT split, task, SUM(negative) FROM kept GROUP BY 1, 2 ORDER BY 1, 2"),
        by_origin=_origins(db),
        scenes=dict(db.execute("SELECT split, COUNT(DISTINCT scene) FROM kept GROUP BY 1 ORDER BY 1").fetchall()),
        unused_images=unused_images,
    )


def _origins(db: sqlite3.Connection) -> dict[str, dict[str, Counts]]:
    counted = db.execute("SELECT source, source_split, split, COUNT(*) FROM kept GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    found: dict[str, dict[str, Counts]] = defaultdict(lambda: defaultdict(dict))
    for source, own, split, count in counted:
        found[source][own][split] = count
    return {source: dict(of_own) for source, of_own in found.items()}


def _table(db: sqlite3.Connection, query: str) -> dict[str, Counts]:
    table: dict[str, Counts] = defaultdict(dict)
    for split, name, count in db.execute(query):
        table[split][name] = count
    return dict(table)
