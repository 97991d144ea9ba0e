"""A built set of seven records written by hand, every form of point text once; tests damage it and see what is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from georsmllm.contracts import Limits
from georsmllm.images import content_hash
from georsmllm.jsonl import write_json
from georsmllm.layout import FORMAT, Manifest, Shard, SourceFacts, SourceStats, Stats, manifest
from georsmllm.pointtext import encode
from georsmllm.recipe import Recipe, Source
from georsmllm.types import (
    Gold,
    GoldRing,
    Message,
    PointSet,
    Provenance,
    Record,
    Ring,
    ViewFacts,
    box,
    point,
    polygon,
    rbox,
)

SIZE = (64, 48)
SHIP = rbox(((8, 6), (24, 10), (22, 18), (6, 14)))
SHIP_2 = rbox(((30, 30), (44, 30), (44, 36), (30, 36)))
POND = polygon(Ring(((8, 8), (40, 8), (40, 40), (8, 40))), Ring(((16, 16), (32, 16), (32, 32), (16, 32)), "-"))
LAKE = box(10, 10, 30, 40, keypoints=((20, 20), (15, 30)))


def gold(label: str, shape: PointSet, image: int = 0) -> Gold:
    return Gold(label, shape.kind, tuple(GoldRing(r.sign, r.points) for r in shape.rings), shape.keypoints, image)


def picture(path: str) -> Image.Image:
    """The image of that path: a square on a ground whose colour is the path's own."""
    image = Image.new("RGB", SIZE, f"#3355{hashlib.sha256(path.encode()).hexdigest()[:2]}")
    image.paste("#c0b090", (8, 8, 40, 40))
    return image


def record(
    task: str,
    question: str,
    answer: str,
    *,
    golds: tuple[Gold, ...] = (),
    labels: tuple[str, ...] = ("ship",),
    form: str = "all",
    scene: str = "P1",
    pair: bool = False,
    negative: bool = False,
) -> Record:
    images = ("images/toy/A.png", "images/toy/B.png") if pair else (f"images/toy/{scene}.png",)
    views = tuple(
        ViewFacts(Path(path).name, *SIZE, (), (), "", content_hash(np.asarray(picture(path))), "") for path in images
    )
    name = "_".join(labels).replace(" ", "_")
    return Record(
        id=f"toy/{scene}#{task}-{form}:{name}",
        images=images,
        messages=(Message("user", "<image>\n" * len(images) + f"[{task}] {question}"), Message("assistant", answer)),
        task=task,
        gold=golds,
        gold_text=answer,
        provenance=Provenance(
            dataset="toy",
            source_split="train",
            scene=f"toy/{scene}",
            sample=f"toy/{scene}",
            form=form,
            labels=labels,
            negative=negative,
            direction="forward",
            twin_of="",
            views=views,
            stretch="auto 2-98",
            licence="none needed",
            mended=(),
            dialect="georsmllm",
        ),
    )


def records() -> dict[str, tuple[Record, ...]]:
    """Split -> its records."""
    ships = encode((SHIP, SHIP_2), SIZE)
    return {
        "train": (
            record("det", "Where are the ships?", ships, golds=(gold("ship", SHIP), gold("ship", SHIP_2))),
            record(
                "det", "Find ships and airplanes, a line each.", f"ship: {encode((SHIP,), SIZE)}\nairplane: none",
                golds=(gold("ship", SHIP),), labels=("ship", "airplane"), form="several",
            ),
            record(
                "seg", "Segment the lakes.", encode((LAKE,), SIZE),
                golds=(gold("lake", polygon(Ring(((10, 10), (30, 10), (30, 40), (10, 40))))),), labels=("lake",),
            ),
            record(
                "change", "Which ponds changed?", encode((POND,), SIZE),
                golds=(gold("pond", POND, 1),), labels=("pond",), scene="AB", pair=True,
            ),
            record("region", f"What is at {encode((SHIP,), SIZE)}, and what is it for?", "A ship.", form="one"),
            record("region", f"What is marked by {encode((point(12, 9),), SIZE)}?", "A ship.", form="point"),
        ),
        "val": (
            record("count", "How many ships are there? Answer in digits.", "0", form="none", scene="P2", negative=True),
        ),
    }  # fmt: skip


def write_set(folder: Path, of_split: dict[str, tuple[Record, ...]] | None = None) -> Path:
    """The set on disk, whole: images, shards, stats, manifest."""
    of_split = records() if of_split is None else of_split
    for path in sorted({path for lines in of_split.values() for line in lines for path in line.images}):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        picture(path).save(file)
    return write_records(folder, of_split)


def write_records(folder: Path, of_split: dict[str, tuple[Record, ...]]) -> Path:
    """Shards, descriptions and manifest; the images are as they are."""
    shards = []
    for split, lines in of_split.items():
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        path = folder / "records" / f"{split}-00000.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        shards.append(Shard(f"records/{path.name}", split, len(lines), len(data), hashlib.sha256(data).hexdigest()))
    write_json(folder / "stats.json", stats(of_split))
    (folder / "README.md").write_text("# Toy\n")
    (folder / "quarantine.jsonl").write_text("")
    write_manifest(folder, tuple(shards))
    return folder


def write_manifest(folder: Path, shards: tuple[Shard, ...]) -> None:
    """The manifest of the shards and of the descriptions as they lie there."""
    recipe = Recipe(sources=(Source(dataset="dota", path="toy"),), tasks=("det",), limits=Limits(max_objects=2))
    facts = (SourceFacts("toy", "dota", "none needed", "0" * 64),)
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("README.md", "quarantine.jsonl", "stats.json")
    }
    write_json(folder / "manifest.json", Manifest(FORMAT, "0.0.0", recipe, facts, shards, files))


def write_stats(folder: Path, counts: Stats) -> None:
    """Other counts, that the manifest describes."""
    write_json(folder / "stats.json", counts)
    write_manifest(folder, manifest(folder).shards)


def stats(of_split: dict[str, tuple[Record, ...]]) -> Stats:
    made = sum(len(lines) for lines in of_split.values())

    def count(pick: str) -> dict[str, dict[str, int]]:
        table: dict[str, dict[str, int]] = {}
        for split, lines in of_split.items():
            for line in lines:
                names = (line.task,) if pick == "task" else line.provenance.labels
                for name in names:
                    table.setdefault(split, {}).setdefault(name, 0)
                    table[split][name] += 1
        return table

    source = SourceStats(
        found=4, kept=3, views=3, targets=6, asked=4, made=made,
        quarantined={"short_row": 1}, mended={"clipped_to_image": 2}, ignored={"difficult": 2}, refused={},
    )  # fmt: skip
    return Stats(
        sources={"toy": source}, made=made, written=made, repeated=0, dropped={}, by_task=count("task"),
        by_class=count("class"), negatives={}, scenes=dict.fromkeys(of_split, 1), unused_images=0,
    )  # fmt: skip
