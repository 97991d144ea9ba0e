"""Draws the demo world: five small invented datasets, each in the layout of a real one, a few records broken on purpose, and
one of their images as a GeoTIFF.

Run it as `python -P -m georsmllm.scripts.demo_world FOLDER [SIZE]`; SIZE times as many images, 1 unless given.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .demo_scenes import (
    BUILDING,
    Scene,
    airport,
    country,
    dry_country,
    port,
    round_fields,
    tank_farm,
    town,
    wood,
)

if TYPE_CHECKING:
    from PIL import Image

    from .demo_paint import Outline, Thing

Maker = Callable[[tuple[int, int], str], Scene]

DOTA: tuple[tuple[str, Maker, tuple[int, int]], ...] = (
    ("train", port, (1400, 1100)),
    ("train", airport, (900, 800)),
    ("train", tank_farm, (700, 700)),
    ("train", town, (640, 640)),
    ("train", dry_country, (640, 600)),  # no object: an empty label file, as DOTA has them
    ("train", port, (800, 760)),  # its label file is cut off in the middle of a row
    ("val", airport, (760, 700)),
    ("val", port, (760, 720)),
)
DIFFICULT, EMPTY, CUT = 2, 5, 6  # the airport has objects that are marked difficult
DOTA_CLASSES = (
    "plane",
    "ship",
    "storage-tank",
    "tennis-court",
    "harbor",
    "large-vehicle",
    "small-vehicle",
    "swimming-pool",
)
COCO_CATEGORIES = {
    "plane": "airplane",
    "ship": "ship",
    "storage-tank": "storage_tank",
    "harbor": "harbor",
    "tennis-court": "tennis_court",
    "building": "building",
    "large-vehicle": "vehicle",
    "small-vehicle": "vehicle",
}
COCO: tuple[Maker, ...] = (airport, port, tank_farm, town, airport, port, tank_farm, country)
PLACES: dict[str, tuple[Maker, int]] = {  # RESISC45's names; the pixels to draw before they shrink to 256
    "airport": (airport, 640),
    "circular_farmland": (round_fields, 384),
    "dense_residential": (town, 448),
    "forest": (wood, 320),
    "harbor": (port, 640),
    "river": (country, 400),
}


def make(folder: Path, size: int = 1) -> None:
    """Write the whole world below `folder`: dota/, coco/, loveda/, levir_cd/, scene_folder/, and port.tif."""
    for write in (dota, coco, loveda, levir_cd, scene_folder):
        write(folder / write.__name__, size)
    place_on_earth(folder / "coco" / "images" / "002.jpg", folder / "port.tif")


def dota(root: Path, size: int) -> None:
    """{train,val}/images/P0001.png and labelTxt-v1.5/P0001.txt with header lines and CRLF."""
    for number in range(1, size * len(DOTA) + 1):
        kind = (number - 1) % len(DOTA) + 1
        split, maker, size_wh = DOTA[kind - 1]
        scene = maker(size_wh, f"dota {number}")
        _save(scene.canvas.photograph(), root / split / "images" / f"P{number:04d}.png")
        rng = random.Random(number)
        rows = [
            _dota_row(thing, kind == DIFFICULT and rng.random() < 0.1)
            for thing in scene.things
            if thing.label in DOTA_CLASSES
        ]
        lines = [] if kind == EMPTY else ["imagesource:GoogleEarth", "gsd:0.3", *rows]
        text = "".join(f"{line}\r\n" for line in lines)
        if kind == CUT:
            text = text[: text.rindex(" ", 0, len(text) // 2)]
        labels = root / split / "labelTxt-v1.5" / f"P{number:04d}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_bytes(text.encode())


def coco(root: Path, size: int) -> None:
    """annotations.json beside images/: boxes, polygons, and cars of a car park as one crowd of run lengths."""
    categories = sorted(set(COCO_CATEGORIES.values()))
    entries: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in range(1, size * len(COCO) + 1):
        scene = COCO[(number - 1) % len(COCO)]((640, 600), f"coco {number}")
        name = f"images/{number:03d}.jpg"
        _save(scene.canvas.photograph(), root / name)
        entries.append({"id": number - 1, "file_name": name, "width": 640, "height": 600})
        for fields in _coco_fields(scene):
            label = COCO_CATEGORIES[str(fields.pop("label"))]
            ids = {"id": len(annotations), "image_id": number - 1, "category_id": categories.index(label) + 1}
            annotations.append({**ids, **fields})
    table = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(categories, start=1)]
    with (root / "annotations.json").open("w", encoding="utf-8") as out:
        json.dump({"images": entries, "annotations": annotations, "categories": table}, out)


def loveda(root: Path, size: int) -> None:
    """{Train,Val}/{Rural,Urban}/images_png/0.png and masks_png/0.png, the values as LoveDA's."""
    places: tuple[tuple[str, Maker], ...] = (("Rural", country), ("Urban", town))
    for number in range(8 * size):
        area, maker = places[number % 2]
        scene = maker((512, 512), f"loveda {number}")
        photograph, classes = scene.canvas.photograph(), scene.canvas.classes
        if number % 8 == 4:  # a tile at the edge of what was flown: black, and no data
            photograph.paste((0, 0, 0), (400, 0, 512, 512))
            classes.paste(0, (400, 0, 512, 512))
        below = root / ("Val" if number % 8 >= 6 else "Train") / area
        _save(photograph, below / "images_png" / f"{number}.png")
        _save(classes, below / "masks_png" / f"{number}.png")


def levir_cd(root: Path, size: int) -> None:
    """{train,val,test}/{A,B,label}/train_1.png: a town ten years apart; the fourth pair has no change."""
    for number in range(1, 6 * size + 1):
        split = ("train", "train", "train", "train", "val", "test")[(number - 1) % 6]
        unchanged = (number - 1) % 6 == 3
        before = town((512, 512), f"levir {number}", year=10 if unchanged else 0)
        after = town((512, 512), f"levir {number}", year=10)
        name = f"{split}_{number}.png"
        _save(before.canvas.photograph(), root / split / "A" / name)
        _save(after.canvas.photograph((1.06, 1.02, 0.94)), root / split / "B" / name)
        _save(_changed(before, after), root / split / "label" / name)


def place_on_earth(image: Path, out: Path) -> None:
    """The very pixels of an image as a GeoTIFF: 0.3 m a pixel, turned by 12 degrees against north, in UTM zone 31."""
    import numpy as np
    import rasterio
    from PIL import Image
    from rasterio.crs import CRS

    pixels = np.asarray(Image.open(image).convert("RGB")).transpose(2, 0, 1)
    turned = rasterio.Affine.rotation(-12) @ rasterio.Affine.scale(0.3, -0.3)
    affine = rasterio.Affine.translation(592_300.0, 5_751_900.0) @ turned
    _, height, width = pixels.shape
    with rasterio.open(
        out, "w", driver="GTiff", width=width, height=height, count=3, dtype="uint8", crs=CRS.from_epsg(32631),
        transform=affine, compress="deflate", photometric="RGB",
    ) as data:  # fmt: skip
        data.write(pixels)


def scene_folder(root: Path, size: int) -> None:
    """RESISC45/<class>/<class>_001.jpg of 256 x 256; one more image is cut off in the middle."""
    from PIL import Image

    for label, (maker, drawn) in PLACES.items():
        for number in range(1, 3 * size + 1):
            photograph = maker((drawn, drawn), f"{label} {number}").canvas.photograph()
            small = photograph.resize((256, 256), Image.Resampling.LANCZOS)
            _save(small, root / "RESISC45" / label / f"{label}_{number:03d}.jpg")
    broken = root / "RESISC45" / "river" / "river_cut.png"
    _save(small, broken)
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 3])


def _dota_row(thing: Thing, difficult: bool) -> str:
    corners = " ".join(f"{value:.0f}" for point in thing.corners for value in point)
    return f"{corners} {thing.label} {int(difficult)}"


def _coco_fields(scene: Scene) -> Iterator[dict[str, object]]:
    """What each annotation holds beside its ids; where a scene has many cars they are one crowd."""
    width, height = scene.canvas.size_wh
    cars = [thing for thing in scene.things if thing.label == "small-vehicle"]
    crowded = len(cars) > 40
    for thing in scene.things:
        inside = all(0 <= x <= width and 0 <= y <= height for x, y in thing.outline)
        if thing.label not in COCO_CATEGORIES or not inside or (crowded and thing in cars):
            continue
        ring = [round(value, 1) for point in thing.outline for value in point]
        has_mask = thing.label in ("plane", "ship", "storage-tank", "building")
        yield {
            "label": thing.label,
            "bbox": _bbox(ring),
            "area": round(_area(thing.outline), 1),
            "iscrowd": 0,
            "segmentation": [ring] if has_mask else [],
        }
    if crowded:
        yield _crowd(cars, (width, height))


def _bbox(ring: list[float]) -> list[float]:
    xs, ys = ring[::2], ring[1::2]
    return [min(xs), min(ys), round(max(xs) - min(xs), 1), round(max(ys) - min(ys), 1)]


def _area(outline: Outline) -> float:
    pairs = zip(outline, outline[1:] + outline[:1], strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


def _crowd(cars: list[Thing], size_wh: tuple[int, int]) -> dict[str, object]:
    import numpy as np
    from PIL import Image, ImageDraw

    drawn = Image.new("L", size_wh, 0)
    for car in cars:
        ImageDraw.Draw(drawn).polygon(car.outline, fill=1)
    mask = np.asarray(drawn)
    column_major = mask.T.ravel()
    turns = (np.flatnonzero(np.diff(column_major)) + 1).tolist()
    edges = [0, *([0] if column_major[0] else []), *turns, column_major.size]  # the first run counts zeros
    left, top, right, bottom = drawn.getbbox() or (0, 0, 0, 0)
    return {
        "label": cars[0].label,
        "bbox": [left, top, right - left, bottom - top],
        "area": int(mask.sum()),
        "iscrowd": 1,
        "segmentation": {
            "size": [size_wh[1], size_wh[0]],
            "counts": [b - a for a, b in pairwise(edges)],
        },
    }


def _changed(before: Scene, after: Scene) -> Image.Image:
    """255 where a building stands in one of the two and not in the other."""
    import numpy as np
    from PIL import Image

    then, now = (np.asarray(scene.canvas.classes) == BUILDING for scene in (before, after))
    return Image.fromarray(np.where(then != now, 255, 0).astype(np.uint8))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jpg":
        image.save(path, quality=92)
    else:
        image.save(path, compress_level=3)


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    folder, size = Path(arguments[0]), int(arguments[1]) if len(arguments) == 2 else 1
    make(folder, size)
    print(
        f"drew five small datasets below {folder}: dota, coco, loveda, levir_cd, scene_folder; and {folder / 'port.tif'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
