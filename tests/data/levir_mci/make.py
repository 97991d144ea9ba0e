"""Writes world/: an invented LEVIR-MCI root of 64-pixel pairs with captions; exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

FIELD, ROAD, ROOF = (104, 122, 80), (164, 162, 158), (152, 88, 72)
Box = tuple[int, int, int, int]
STREET: Box = (0, 28, 63, 33)
HOUSES: list[Box] = [(8, 6, 21, 19), (34, 8, 47, 21)]
SAME = [
    "there is no difference",
    "the two scenes seem identical",
    "the scene is the same as before",
    "no change has occurred",
    "almost nothing has changed",
]
BUILT = [
    "a road with two houses appears on the field",
    "two houses are built above a new road",
    "a road crosses the field and two houses stand beside it",
    "the field gives way to a road and some houses",
    "houses and a road appear",
]


def scene(roads: list[Box], houses: list[Box], seed: int) -> Image.Image:
    rng = random.Random(seed)
    plan = Image.new("RGB", (64, 64), FIELD)
    for colour, boxes in ((ROAD, roads), (ROOF, houses)):
        for box in boxes:
            ImageDraw.Draw(plan).rectangle(box, colour)
    shades = [rng.choice((-6, 0, 6)) for _ in range(64 * 64)]
    return Image.frombytes("RGB", (64, 64), bytes(c + shades[i // 3] for i, c in enumerate(plan.tobytes())))


def grey(roads: list[Box], houses: list[Box]) -> Image.Image:
    """Grey 128 and 255 in three equal channels, as the release saves them."""
    mask = Image.new("L", (64, 64), 0)
    for value, boxes in ((128, roads), (255, houses)):
        for box in boxes:
            ImageDraw.Draw(mask).rectangle(box, fill=value)
    return Image.merge("RGB", (mask,) * 3)


def coloured(roads: list[Box], houses: list[Box]) -> Image.Image:
    mask = Image.new("RGB", (64, 64), (0, 0, 0))
    for colour, boxes in (((255, 255, 0), roads), ((255, 0, 0), houses)):
        for box in boxes:
            ImageDraw.Draw(mask).rectangle(box, fill=colour)
    return mask


def entry(name: str, split: str, number: int, changeflag: int, captions: list[str]) -> dict[str, object]:
    sentences = [
        {"tokens": text.split(), "raw": f" {text} .", "imgid": number, "sentid": 5 * number + i}
        for i, text in enumerate(captions)
    ]
    return {
        "filepath": split,
        "filename": name,
        "imgid": number,
        "sentids": [5 * number + i for i in range(5)],
        "changeflag": changeflag,
        "sentences": sentences,
        "split": split,
    }


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    entries = []
    for number, (split, name, has_road, has_houses, flag) in enumerate(
        (
            ("train", "train_000016", True, True, 1),
            ("train", "train_000017", False, False, 0),
            ("train", "train_000021", False, True, 0),  # the captions deny what the mask shows
            ("train", "train_000022", False, False, 1),  # and here they claim what it does not show
            ("val", "val_000003", True, False, 1),  # with a coloured label
            ("test", "test_000004", False, False, 0),
            ("test", "test_000289", False, True, 1),  # its label has a value of no class
        )
    ):
        roads, houses = [STREET] * has_road, HOUSES * has_houses
        below = world / "images" / split
        form = "label_rgb" if split == "val" else "label"
        for side in ("A", "B", form):
            (below / side).mkdir(parents=True, exist_ok=True)
        scene([], [], 2 * number).save(below / "A" / f"{name}.png")
        scene(roads, houses, 2 * number + 1).save(below / "B" / f"{name}.png")
        label = coloured(roads, houses) if form == "label_rgb" else grey(roads, houses)
        if name == "test_000289":
            label.putpixel((3, 60), (77, 77, 77))
        label.save(below / form / f"{name}.png")
        entries.append(entry(f"{name}.png", split, number, flag, BUILT if flag else SAME))
    (world / "LevirCCcaptions.json").write_text(json.dumps({"images": entries, "dataset": "invented"}), "utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
