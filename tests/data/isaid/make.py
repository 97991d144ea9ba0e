"""Writes world/: an invented iSAID root: masks, a patch, a split with COCO labels only; exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SIZE_WH = (96, 64)
GROUND = (122, 118, 108)
COLOURS = {
    "ship": (0, 0, 63),
    "Small_Vehicle": (0, 0, 127),
    "Roundabout": (0, 191, 127),
    "Bridge": (0, 127, 63),
    "plane": (0, 127, 255),
}
PAINT = {
    "ship": (190, 196, 204),
    "Small_Vehicle": (60, 64, 90),
    "Roundabout": (150, 150, 150),
    "Bridge": (170, 160, 140),
    "plane": (228, 228, 232),
}
# An instance: its class, its id, and its inclusive pixel corners; what comes later covers what comes before.
Instance = tuple[str, int, list[tuple[int, int, int, int]]]

HARBOUR: list[Instance] = [
    ("Roundabout", 4592855, [(8, 8, 35, 35)]),
    ("", 0, [(16, 16, 27, 27)]),  # the island in the middle is no part of it
    ("ship", 4594165, [(44, 6, 51, 29)]),
    ("ship", 4594166, [(52, 6, 59, 29)]),  # lies at the side of the one before
    ("plane", 65791, [(10, 44, 49, 51)]),
    ("Bridge", 4600465, [(24, 38, 31, 60)]),  # cuts the plane below in two
    ("Small_Vehicle", 3, [(80, 50, 82, 52)]),  # 9 px: a speck
]
STREET: list[Instance] = [
    ("Small_Vehicle", 4592855, [(10, 10, 17, 14)]),
    ("Small_Vehicle", 4592999, [(30, 30, 37, 34)]),
]


def layers(instances: list[Instance], seed: int) -> dict[str, Image.Image]:
    rng = random.Random(seed)
    made = {form: Image.new("RGB", SIZE_WH, (0, 0, 0)) for form in ("id", "color")}
    made["image"] = Image.new("RGB", SIZE_WH, GROUND)
    for name, number, boxes in instances:
        number_colour = (number & 255, number >> 8 & 255, number >> 16)
        for box in boxes:
            ImageDraw.Draw(made["id"]).rectangle(box, number_colour)
            ImageDraw.Draw(made["color"]).rectangle(box, COLOURS.get(name, (0, 0, 0)))
            ImageDraw.Draw(made["image"]).rectangle(box, PAINT.get(name, GROUND))
    pixels = made["image"].tobytes()
    shades = [rng.choice((-6, 0, 6)) for _ in range(SIZE_WH[0] * SIZE_WH[1])]
    noisy = bytes(channel + shades[i // 3] for i, channel in enumerate(pixels))
    made["image"] = Image.frombytes("RGB", SIZE_WH, noisy)
    return made


def saved(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def coco(instances: list[Instance], names: list[str]) -> dict[str, object]:
    """As the release writes them: contours through pixel centres, ids of its own, images without width and height."""
    ids = {name: i for i, name in enumerate(names, start=1)}
    annotations = []
    for number, (name, _, boxes) in enumerate(instances):
        ((x1, y1, x2, y2),) = boxes
        ring = [x1, y1, x1, y2, x2, y2, x2, y1]
        box = [x1, y1, x2 - x1 + 1, y2 - y1 + 1]
        annotations.append(
            {"id": number, "image_id": 0, "category_id": ids[name], "segmentation": [ring], "bbox": box, "iscrowd": 0}
        )
    categories = [{"id": i, "name": name} for name, i in ids.items()]
    return {"images": [{"id": 0, "file_name": "P0003.png"}], "annotations": annotations, "categories": categories}


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    train = world / "train"
    for seed, (name, instances) in enumerate((("P0002", HARBOUR), ("P0005", STREET))):
        made = layers(instances, seed)
        if name == "P0005":  # half of one car has the colour of a ship
            ImageDraw.Draw(made["color"]).rectangle((10, 10, 13, 14), COLOURS["ship"])
        saved(made["image"], train / "images" / f"{name}.png")
        saved(made["id"], train / "Instance_masks" / "images" / f"{name}_instance_id_RGB.png")
        saved(made["color"], train / "Semantic_masks" / "images" / f"{name}_instance_color_RGB.png")
    patch, made = "P0011_600_664_1200_1296", layers(STREET, 2)
    for form, ending in (("image", ""), ("id", "_instance_id_RGB"), ("color", "_instance_color_RGB")):
        saved(made[form], train / "images" / f"{patch}{ending}.png")
    saved(layers(STREET, 3)["image"], world / "val" / "images" / "P0003.png")
    (world / "val" / "Annotations").mkdir()
    labels = coco(STREET, ["Large_Vehicle", "ship", "Small_Vehicle"])
    (world / "val" / "Annotations" / "iSAID_val.json").write_text(json.dumps(labels), encoding="utf-8")
    saved(layers([], 4)["image"], world / "test" / "images" / "P0006.png")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
