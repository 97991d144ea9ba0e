"""Law 7 in a built set: which scenes, image contents and look-alikes lie in two splits."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import islice

from georsmllm.looks import Gallery
from georsmllm.types import Record

SCHEMA = (
    "CREATE TABLE side (law TEXT, name TEXT, split TEXT, place TEXT, PRIMARY KEY (law, name, split)) WITHOUT ROWID;"
)
_WHAT = {"law_7_scene": "scene", "law_7_content": "image with the hash", "law_7_looks": "image with the looks"}
_AT_ONCE = 256

LOOKS = re.compile("[0-9a-f]{32}")
"""The form of a perceptual hash; a view that has none holds ""."""


def remember(db: sqlite3.Connection, record: Record, split: str, where: str) -> None:
    """In which splits a record's scene and images lie; an image without a hash is no evidence."""
    origin = record.provenance
    rows = [("law_7_scene", origin.scene, split, where)]
    rows += [("law_7_content", view.content, split, where) for view in origin.views if view.content]
    rows += [("law_7_looks", view.looks, split, where) for view in origin.views if LOOKS.fullmatch(view.looks)]
    db.executemany("INSERT OR IGNORE INTO side VALUES (?, ?, ?, ?)", rows)


def torn(db: sqlite3.Connection, *, look_alikes: bool) -> Iterator[tuple[str, str, str]]:
    """(law, place, what) of everything that lies in two splits; look_alikes: of looks, too."""
    laws = tuple(_WHAT) if look_alikes else tuple(_WHAT)[:2]
    for law in laws:
        names = db.execute("SELECT name FROM side WHERE law = ? GROUP BY name HAVING COUNT(*) > 1 ORDER BY 1", (law,))
        for (name,) in names.fetchall():
            first, *others = _places(db, law, name)
            yield law, first[1], f"{_WHAT[law]} {name} is in {first[0]} and in {_named(others)}"
    if look_alikes:
        yield from _alike(db)


def _alike(db: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """Images whose looks are not the same and yet alike, each pair once."""
    looks = [name for (name,) in db.execute("SELECT DISTINCT name FROM side WHERE law = 'law_7_looks' ORDER BY 1")]
    gallery = Gallery(looks)
    rest = iter(range(len(looks)))
    while batch := list(islice(rest, _AT_ONCE)):
        for i, near in zip(batch, gallery.near([looks[i] for i in batch]), strict=True):
            for j in near:
                first, *_ = _places(db, "law_7_looks", looks[i])
                others = [other for other in _places(db, "law_7_looks", looks[j]) if other[0] != first[0]]
                if i < j and others:
                    what = f"image with the looks {looks[i]} is in {first[0]}, one like it ({looks[j]}) in"
                    yield "law_7_looks", first[1], f"{what} {_named(others)}"


def _places(db: sqlite3.Connection, law: str, name: str) -> list[tuple[str, str]]:
    """(split, place) of a name, sorted."""
    return db.execute("SELECT split, place FROM side WHERE law = ? AND name = ? ORDER BY 1", (law, name)).fetchall()


def _named(places: list[tuple[str, str]]) -> str:
    return ", ".join(f"{split} ({place})" for split, place in places)
