"""Writes world/: an invented RRSIS-D root of 64-pixel images, one mask a row short, exactly one broken record."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SEA, WHITE, DECK = (46, 78, 104), (232, 232, 228), (170, 90, 70)
Box = tuple[int, int, int, int]


def picture(path: Path, things: list[Box], seed: int, size_wh: tuple[int, int] = (64, 64)) -> None:
    rng = random.Random(seed)
    image = Image.new("RGB", size_wh)
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in SEA) for _ in range(size_wh[0] * size_wh[1])])
    for i, (x1, y1, x2, y2) in enumerate(things):
        ImageDraw.Draw(image).rectangle((x1, y1, x2 - 1, y2 - 1), WHITE if i % 2 == 0 else DECK)
    image.save(path)


def runs(thing: Box, height: int) -> list[int]:
    """Column-major run lengths of a filled box on a canvas 64 px wide."""
    x1, y1, x2, y2 = thing
    counts = [x1 * height + y1]
    for column in range(x1, x2):
        last = column == x2 - 1
        counts += [y2 - y1, height - (y2 - y1) if not last else 0]
    counts[-1] = 64 * height - sum(counts)
    return counts


def compressed(counts: list[int]) -> str:
    """COCO's text form of run lengths."""
    text = ""
    for i, count in enumerate(counts):
        value, more = count - (counts[i - 2] if i > 2 else 0), True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(bits + 48 + (32 if more else 0))
    return text


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    pictures, labels = world / "images" / "rrsisd" / "JPEGImages", world / "rrsisd"
    pictures.mkdir(parents=True)
    labels.mkdir()
    ships: dict[int, list[Box]] = {
        7: [(6, 8, 30, 14), (40, 44, 58, 50)],
        12: [(20, 28, 44, 40)],
        21: [(30, 2, 40, 62)],
        30: [(10, 10, 30, 20)],
    }
    heights = {7: 64, 12: 64, 21: 65, 30: 77}  # of the pictures; every mask is 64 x 64
    said = {7: ["The ship on the upper left", "The ship below the other one"], 12: ["A white ship"], 21: ["A ship"]}
    splits = {7: "train", 12: "val", 21: "test", 30: "test"}
    images, annotations, refs = [], [], []
    for image_id, boxes in ships.items():
        name = f"{image_id:05d}.jpg"
        picture(pictures / name, boxes, image_id, (64, heights[image_id]))
        images.append({"id": image_id, "file_name": name, "height": 64, "width": 64})
        for thing, words in zip(boxes, said.get(image_id, ["A ship in the middle"]), strict=True):
            ann_id = 100 + len(annotations)
            x1, y1, x2, y2 = thing
            segmentation = [{"size": [64, 64], "counts": compressed(runs(thing, 64))}]
            annotations.append(
                {"id": ann_id, "image_id": image_id, "category_id": 13, "iscrowd": 0, "segmentation": segmentation,
                 "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            )  # fmt: skip
            sentence = {"raw": words, "sent": words.lower(), "tokens": words.lower().split(), "sent_id": len(refs)}
            refs.append(
                {"ref_id": len(refs), "ann_id": ann_id, "image_id": image_id, "category_id": 13, "file_name": name,
                 "split": splits[image_id], "sentences": [sentence], "sent_ids": [len(refs)]}
            )  # fmt: skip
    categories = [
        {"supercategory": "none", "id": 13, "name": "ship"},
        {"supercategory": "none", "id": 14, "name": "stadium"},
    ]
    tree = {"images": images, "annotations": annotations, "categories": categories}
    (labels / "instances.json").write_text(json.dumps(tree), encoding="utf-8")
    (labels / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=4))


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
