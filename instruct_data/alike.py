"""Scenes that look alike (`georsmllm.looks`): which go together to one side of a split, and which must leave their side.

Likeness is no equality: a chain of look-alikes would tie half a dataset together. So a group of scenes takes along those
that look like itself and no further, and what then still looks like something on a stricter side is left out of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice

from georsmllm.looks import Gallery

_AT_ONCE = 256


class Alike:
    """The scene groups of an index by the looks of their images. SQL's scene_group(scene) must name a scene's group."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute(
            "CREATE TABLE seen AS SELECT DISTINCT scene_group(scene) AS grouped, looks FROM image WHERE looks != ''"
        )
        db.execute("CREATE INDEX seen_looks ON seen (looks)")
        db.execute("CREATE TABLE stricter (looks TEXT PRIMARY KEY) WITHOUT ROWID")
        self._looks = [looks for (looks,) in db.execute("SELECT DISTINCT looks FROM seen ORDER BY 1")]
        self._gallery = Gallery(self._looks)

    def together(self) -> dict[str, str]:
        """Each group that looks like another -> the group that it goes with (a leader goes with itself), in the order of
        their names."""
        leader: dict[str, str] = {}
        for group, near in self._near("SELECT grouped, looks FROM seen ORDER BY 1, 2"):
            if leader.get(group, group) != group:
                continue
            groups = (other for looks in near for other in self._groups(looks))
            taken = [other for other in groups if other != group and other not in leader]
            if taken:
                leader[group] = group
                leader.update(dict.fromkeys(taken, group))
        return leader

    def drop(self, level: int) -> None:
        """Leave out of the sides under `level` what looks like something that is kept at it or above (levels must come from
        the highest down; SQL's strictness(split) is the level of a side)."""
        kept = (
            "SELECT DISTINCT '', looks FROM seen WHERE grouped IN (SELECT scene_group(scene) FROM record"
            " WHERE dropped IS NULL AND strictness(split) = ?) ORDER BY 2"
        )
        for _, near in self._near(kept, level):
            self._db.executemany("INSERT OR IGNORE INTO stricter VALUES (?)", [(looks,) for looks in near])
        self._db.execute(
            "UPDATE record SET dropped = 'looks_like_evaluation' WHERE dropped IS NULL AND strictness(split) < ?"
            " AND scene_group(scene) IN (SELECT grouped FROM seen JOIN stricter USING (looks))",
            (level,),
        )

    def _near(self, query: str, *values: int) -> Iterator[tuple[str, list[str]]]:
        """For each row (name, looks) of a query its name with all looks of the index that are near."""
        rows = self._db.execute(query, values)
        while batch := list(islice(rows, _AT_ONCE)):
            for (name, _), near in zip(batch, self._gallery.near([looks for _, looks in batch]), strict=True):
                yield name, [self._looks[i] for i in near]

    def _groups(self, looks: str) -> list[str]:
        rows = self._db.execute("SELECT grouped FROM seen WHERE looks = ? ORDER BY 1", (looks,))
        return [group for (group,) in rows]
