"""A set of any number of records for the benchmarks: detection answers of a DOTA-like scene, four records a view."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import msgspec

from georsmllm.contracts import Limits
from georsmllm.jsonl import write_json
from georsmllm.layout import FORMAT, Manifest, Shard
from georsmllm.pointtext import encode
from georsmllm.recipe import Recipe, Source
from georsmllm.types import Gold, GoldRing, Message, PointSet, Provenance, Record, ViewFacts, rbox

SIDE = 1024
CLASSES = ("ship", "airplane", "harbor", "small vehicle", "large vehicle", "storage tank", "tennis court", "bridge")
VIEWS_OF = 4
"""Records of one view."""


def shapes(rng: Random) -> tuple[PointSet, ...]:
    """One to nine rotated boxes."""
    found = []
    for _ in range(rng.randint(1, 9)):
        x, y, w, h = rng.randint(4, 900), rng.randint(4, 900), rng.randint(10, 90), rng.randint(10, 60)
        found.append(rbox(((x, y), (x + w, y + 3.5), (x + w - 3.5, y + h), (x - 3.5, y + h - 3.5))))
    return tuple(found)


def record(number: int, rng: Random) -> Record:
    view, label = number // VIEWS_OF, CLASSES[number % len(CLASSES)]
    scene = f"P{view // 16:05d}"
    said = shapes(rng)
    answer = encode(said, (SIDE, SIDE), Limits())
    facts = ViewFacts(
        f"train/images/{scene}.png", SIDE, SIDE, (824 * (view % 4), 824 * (view // 4 % 4), SIDE, SIDE), (), "",
        f"{rng.getrandbits(64):016x}", f"{rng.getrandbits(64):016x}",
    )  # fmt: skip
    identity = f"dota/train/{scene}/{view % 16}#det-all:{label.replace(' ', '_')}-{number}"
    return Record(
        id=identity,
        images=(f"images/dota/train/{scene}__{view % 16}.png",),
        messages=(Message("user", f"<image>\n[det] Find all {label}s in this image."), Message("assistant", answer)),
        task="det",
        gold=tuple(Gold(label, s.kind, tuple(GoldRing(r.sign, r.points) for r in s.rings), (), 0) for s in said),
        gold_text=answer,
        provenance=Provenance(
            "dota", "train", f"dota/{scene}", f"dota/train/{scene}", "all", (label,), False, "forward", "", (facts,),
            "auto 2-98", "academic use only", (), "georsmllm",
        ),
    )  # fmt: skip


def write_set(folder: Path, rows: int, *, shard_rows: int = 10_000) -> Path:
    """The set on disk without its images; lines are made once for 50 000 records and numbered anew after that."""
    rng = Random(0)
    made = [msgspec.json.encode(record(number, rng)) for number in range(min(rows, 50_000))]
    return write_lines(folder, _lines(made), rows, shard_rows=shard_rows)


def write_lines(folder: Path, lines: Iterator[bytes], rows: int, *, shard_rows: int = 10_000) -> Path:
    """Shards of the next lines, and their manifest."""
    (folder / "records").mkdir(parents=True)
    shards = []
    for number, start in enumerate(range(0, rows, shard_rows)):
        count = min(shard_rows, rows - start)
        data = b"".join(islice(lines, count))
        path = f"records/train-{number:05d}.jsonl"
        (folder / path).write_bytes(data)
        shards.append(Shard(path, "train", count, len(data), hashlib.sha256(data).hexdigest()))
    recipe = Recipe(sources=(Source(dataset="dota", path="dota"),), tasks=("det",))
    write_json(folder / "manifest.json", Manifest(FORMAT, "0", recipe, (), tuple(shards), {}))
    return folder


def _lines(made: list[bytes]) -> Iterator[bytes]:
    turn = 0
    while True:
        for line in made:
            yield line.replace(b'{"id":"', b'{"id":"%d/' % turn, 1) + b"\n"
        turn += 1
