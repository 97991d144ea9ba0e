"""Writes world/: an invented COCO JSON with images of 96 pixels; every form of a shape once, exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 96
GRASS, SEA, APRON = (92, 120, 70), (38, 66, 92), (150, 148, 140)
ROOF, CAR, TANK, BOAT = (170, 70, 55), (225, 225, 230), (214, 212, 205), (240, 240, 240)
CATEGORIES = [(0, "building"), (4, "Small_Vehicle"), (7, "storage_tank"), (12, "ship")]


def ground(colour: tuple[int, int, int], seed: int) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", (SIZE, SIZE))
    shades = [rng.choice((-6, 0, 6)) for _ in range(SIZE * SIZE)]
    image.putdata([tuple(channel + shade for channel in colour) for shade in shades])
    return image


def crowd_counts(x1: int, y1: int, x2: int, y2: int) -> list[int]:
    """Column-major run lengths of a rectangle of pixels [x1, x2) x [y1, y2)."""
    counts = [x1 * SIZE + y1]
    for _ in range(x1, x2 - 1):
        counts += [y2 - y1, SIZE - (y2 - y1)]
    return [*counts, y2 - y1, SIZE - y2 + (SIZE - x2) * SIZE]


def village() -> tuple[Image.Image, list[dict[str, object]]]:
    """An L-shaped house in two parts that overlap, a house with a box only, tanks by pixel indices, a car park."""
    image = ground(GRASS, 1)
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 39, 23), ROOF)
    draw.rectangle((10, 10, 23, 39), ROOF)
    draw.rectangle((56, 12, 77, 29), ROOF)
    draw.polygon([(60, 50), (68, 46), (76, 50), (76, 60), (68, 64), (60, 60)], TANK)
    for x in range(8, 40, 6):
        draw.rectangle((x, 60, x + 2, 66), CAR)
    parts = [[10, 10, 40, 10, 40, 24, 10, 24], [10.0, 10.0, 24.0, 10.0, 24.0, 40.0, 10.0, 40.0, 10.0, 10.0]]
    return image, [
        {"category_id": 0, "segmentation": parts, "bbox": [10, 10, 30, 30]},
        {"category_id": 0, "bbox": [56, 12, 22, 18]},
        {
            "category_id": 7,
            "segmentation": [[60, 50, 68, 46, 76, 50, 76, 60, 68, 64, 60, 60]],
            "bbox": [60.0, 46.0, 17.0, 19.0],  # one wider than the ring: it names pixels
        },
        {
            "category_id": 4,
            "segmentation": {"size": [SIZE, SIZE], "counts": crowd_counts(8, 60, 41, 67)},
            "bbox": [8, 60, 33, 7],
            "iscrowd": 1,
        },
    ]


def harbour() -> tuple[Image.Image, list[dict[str, object]]]:
    """Ships: by angle, by corners, by corners in crossing order, sticking out, without area, outside, crossing itself."""
    image = ground(SEA, 2)
    draw = ImageDraw.Draw(image)
    for ring in (
        [(20.2, 8.2), (28.8, 13.2), (15.8, 35.8), (7.2, 30.8)],  # what the first bbox below means
        [(40, 10), (60, 14), (58, 22), (38, 18)],
        [(40, 40), (60, 44), (58, 52), (38, 48)],
        [(70, 86), (80, 86), (80, 96), (70, 96)],
        [(10, 70), (20, 80), (10, 90)],
        [(30, 70), (20, 80), (30, 90)],
    ):
        draw.polygon(ring, BOAT)
    return image, [
        {"category_id": 12, "bbox": [18, 22, 26, 10, 60]},
        {"category_id": 12, "bbox": [40, 10, 60, 14, 58, 22, 38, 18]},
        {"category_id": 12, "bbox": [40, 40, 58, 52, 60, 44, 38, 48]},
        {"category_id": 12, "bbox": [70, 86, 10, 12.5]},
        {"category_id": 12, "bbox": [20, 60, 0, 8]},
        {"category_id": 12, "bbox": [120, 60, 10, 8]},
        {"category_id": 12, "segmentation": [[10, 70, 30, 90, 30, 70, 10, 90]], "bbox": [10, 70, 20, 20]},
    ]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []

    def write(name: str, image: Image.Image, objects: list[dict[str, object]], *, sized: bool = True) -> None:
        path = world / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        size = {"width": SIZE, "height": SIZE} if sized else {}
        images.append({"id": len(images), "file_name": name, **size})
        annotations.extend({"image_id": len(images) - 1, **entry} for entry in objects)

    write("north/village 1.png", *village())
    write("Köln/harbour.png", *harbour())
    apron = ground(APRON, 3)
    ImageDraw.Draw(apron).rectangle((20, 20, 27, 23), CAR)
    write("P0002_0_96_100_196.png", apron, [{"category_id": 4, "bbox": [20, 20, 8, 4]}], sized=False)
    write("north/nothing.png", ground(GRASS, 4), [])
    write("north/broken.png", ground(SEA, 5), [{"category_id": 12, "bbox": [10, float("nan"), 8, 4]}])

    folder = world / "annotations"
    folder.mkdir()
    tree = {
        "info": {"description": 'invented; "quoted \\" {[" on purpose'},
        "annotations": [{"id": i, "iscrowd": 0, **entry} for i, entry in enumerate(annotations)],
        "categories": [{"id": number, "name": name, "supercategory": None} for number, name in CATEGORIES],
        "images": images,
    }
    (folder / "instances_val.json").write_text(json.dumps(tree, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
