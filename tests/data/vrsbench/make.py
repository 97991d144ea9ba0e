"""Writes world/: an invented VRSBench root, train by annotations and val by evaluation files; exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

WATER, QUAY, DECK, GRASS = (40, 70, 96), (150, 148, 140), (196, 198, 200), (90, 116, 70)
SIDE = 64
Quad = tuple[tuple[float, float], ...]
BOAT: Quad = ((10, 14), (26, 6), (30, 14), (14, 22))
SECOND_BOAT: Quad = ((40, 30), (58, 30), (58, 38), (40, 38))
STICKING_OUT: Quad = ((52, 50), (70, 50), (70, 58), (52, 58))
FIELD: Quad = ((8, 12), (40, 12), (40, 52), (8, 52))


def picture(quads: list[Quad], seed: int, ground: tuple[int, int, int]) -> Image.Image:
    rng = random.Random(seed)
    plan = Image.new("RGB", (SIDE, SIDE), ground)
    for quad in quads:
        ImageDraw.Draw(plan).polygon(quad, fill=DECK if ground == WATER else QUAY)
    plan.frombytes(bytes(value + rng.choice((-5, 0, 5)) for value in plan.tobytes()))
    return plan


def corners(quad: Quad) -> list[float]:
    return [value / SIDE for point in quad for value in point]


def thing(number: int, name: str, quad: Quad, sentence: str, **more: object) -> dict[str, object]:
    xs, ys = zip(*quad, strict=True)
    box = [round(value / SIDE, 2) for value in (min(xs), min(ys), max(xs), max(ys))]
    return {
        "obj_id": number,
        "obj_cls": name,
        "obj_corner": corners(quad),
        "obj_coord": box,
        "is_unique": False,
        "obj_position": "",
        "obj_rel_position": "",
        "obj_size": "small",
        "obj_rel_size": "",
        "flag": False,
        "referring_sentence": sentence,
        **more,
    }


def qa(number: object, question: str, kind: str, answer: str) -> dict[str, object]:
    return {"ques_id": number, "question": question, "type": kind, "answer": answer}


HARBOUR = {
    "image": "P0003_0002.png",
    "caption": "Two boats lie in a basin; a third one is cut by the right side.",
    "objects": [
        thing(0, "ship", BOAT, "The tilted boat at the top left.", obj_position="top-left"),
        thing(2, "ship", SECOND_BOAT, "The largest boat in the middle.", obj_rel_size="largeest"),
        thing(3, "small-vehicle", STICKING_OUT, ""),
    ],
    "qa_pairs": [
        qa(1, "How many boats are there?", "object quantity", "3"),
        qa("2", "What is the water like?", "Reasoning", "Calm"),
        qa("2b", "How many boats are there?", "object quantity", "3"),
    ],
}
PITCH = {
    "image": "00001_0000.png",
    "caption": "A soccer field on grass.",
    "objects": [thing(0, "groundtrackfield", FIELD, "The only field.", is_unique=True, obj_size="")],
    "qa_pairs": [qa(0, "Is there a field?", "object existence", "Yes")],
}
EVALUATED = "P0007_0001.png"
CAP = [
    {
        "image_id": EVALUATED,
        "ground_truth": "A boat in open water.",
        "question": "Describe the image in detail",
        "dataset": "RSBench",
        "question_id": 0,
        "type": "caption",
    }
]
REFERRING = [
    {
        "image_id": EVALUATED,
        "question": "The boat at the top left.",
        "ground_truth": "{<15><9><46><34>}",
        "dataset": "RSBench",
        "question_id": 0,
        "type": "ref",
        "unique": True,
        "obj_corner": corners(BOAT),
        "obj_cls": "ship",
        "obj_ids": [0],
        "size_group": "small",
        "obb_v1": "{<31><21><27><13>|<27>}",
        "obb_v2": "{<15><21><46><21>|<27>}",
    }
]
VQA = [
    {
        "image_id": EVALUATED,
        "question": f"Is there a {what}?",
        "ground_truth": answer,
        "dataset": "RSBench",
        "question_id": number,
        "type": "object existence",
    }
    for number, (what, answer) in enumerate((("boat", "Yes"), ("bridge", "No"), ("person on the deck", "No")))
]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for folder in ("Annotations_train", "Images_train", "Images_val"):
        (world / folder).mkdir(parents=True)
    for record, quads, ground in ((HARBOUR, [BOAT, SECOND_BOAT, STICKING_OUT], WATER), (PITCH, [FIELD], GRASS)):
        name = Path(str(record["image"]))
        picture(quads, len(name.stem), ground).save(world / "Images_train" / name)
        (world / "Annotations_train" / f"{name.stem}.json").write_text(json.dumps(record, indent=4))
    picture([BOAT], 3, WATER).save(world / "Images_val" / EVALUATED)
    for part, lines in (("Cap", CAP), ("referring", REFERRING), ("vqa", VQA)):
        (world / f"VRSBench_EVAL_{part}.json").write_text(json.dumps(lines, indent=1))
    (world / "VRSBench_train.json").write_text("[]")
    broken = {**PITCH, "image": "00002_0001.png", "objects": [thing(0, "lighthouse", FIELD, "The lighthouse.")]}
    picture([FIELD], 5, GRASS).save(world / "Images_train" / "00002_0001.png")
    (world / "Annotations_train" / "00002_0001.json").write_text(json.dumps(broken, indent=4))


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
