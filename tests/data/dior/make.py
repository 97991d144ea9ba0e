"""Writes world/: an invented DIOR root of 64-pixel images; every oddity once, exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SOIL, FAIRWAY, APRON, WHITE = (124, 110, 84), (96, 148, 72), (146, 146, 140), (236, 236, 240)
Corners = list[tuple[float, float]]
QUAD = ("left_top", "right_top", "right_bottom", "left_bottom")


def ground(colour: tuple[int, int, int], seed: int, size_wh: tuple[int, int] = (64, 64)) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", size_wh)
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in colour) for _ in range(size_wh[0] * size_wh[1])])
    return image


def rotated(name: str, corners: Corners, difficult: int = 0) -> str:
    numbers = "".join(f"<x_{at}>{x:g}</x_{at}><y_{at}>{y:g}</y_{at}>" for at, (x, y) in zip(QUAD, corners, strict=True))
    return (
        f"  <object>\n    <type>robndbox</type>\n    <name>{name}</name>\n    <difficult>{difficult}</difficult>\n"
        f"    <robndbox>{numbers}</robndbox>\n    <angle>0</angle>\n  </object>\n"
    )


def plain(name: str, *sides: int, description: str = "") -> str:
    numbers = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True))
    said = f"    <description>{description}</description>\n" if description else ""
    return (
        f"  <object>\n    <name>{name}</name>\n    <pose>Unspecified</pose>\n    <bndbox>{numbers}</bndbox>\n{said}"
        "  </object>\n"
    )


def xml(name: str, *objects: str, size_wh: tuple[int, int] = (64, 64)) -> str:
    width, height = size_wh
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<annotation>\n  <filename>{name}.jpg</filename>\n'
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"{''.join(objects)}</annotation>\n"
    )


def golf(path: Path) -> str:
    picture = ground(SOIL, 1)
    ImageDraw.Draw(picture).polygon([(10, 12), (50, 12), (50, 50), (10, 50)], FAIRWAY)
    picture.save(path)
    return xml("00001", rotated("golffield", [(10, 12), (50, 12), (50, 50), (10, 50)]))


def airfield(path: Path) -> str:
    """A turned plane whose corners begin at the right one, one that is difficult, one that reaches 4 px over the edge."""
    picture = ground(APRON, 2)
    draw = ImageDraw.Draw(picture)
    turned: Corners = [(40, 20), (30, 30), (12, 12), (22, 2)]
    draw.polygon(turned, WHITE)
    draw.rectangle((44, 40, 63, 52), WHITE)
    picture.save(path)
    return xml(
        "00002",
        rotated("Airplane", turned),
        rotated("airplane", [(8, 44), (20, 44), (20, 54), (8, 54)], difficult=1),
        rotated("airplane", [(44, 40), (68, 40), (68, 53), (44, 53)]),
        rotated("vehicle", [(30, 58), (30, 58), (30, 58), (30, 58)]),
    )


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    labels = world / "Annotations"
    obb, hbb = labels / "Oriented Bounding Boxes", labels / "Horizontal Bounding Boxes"
    trainval, test, lists = world / "JPEGImages-trainval", world / "JPEGImages-test", world / "ImageSets" / "Main"
    for path in (obb, hbb, trainval, test, lists):
        path.mkdir(parents=True)
    (obb / "00001.xml").write_text(golf(trainval / "00001.jpg"), encoding="utf-8")
    (obb / "00002.xml").write_text(airfield(trainval / "00002.jpg"), encoding="utf-8")
    # its rotated boxes were lost; the plain ones reach the edge and have one box turned round
    ground(SOIL, 3).save(trainval / "00003.jpg")
    both = plain("Expressway-Service-area", 0, 0, 64, 20), plain("windmill", 40, 50, 30, 30)
    (hbb / "00003.xml").write_text(xml("00003", *both), encoding="utf-8")
    (hbb / "00001.xml").write_text(xml("00001", plain("golffield", 10, 12, 50, 50)), encoding="utf-8")
    ground(APRON, 4).save(test / "11726.jpg")
    (obb / "11726.xml").write_text(xml("11726"), encoding="utf-8")  # nothing there
    ground(APRON, 5).save(test / "11727.jpg")
    (obb / "11727.xml").write_text(xml("11727", plain("tower", 1, 1, 9, 9)), encoding="utf-8")  # the broken one
    (lists / "train.txt").write_bytes(b"00001\r\n00003\r\n")
    (lists / "val.txt").write_bytes(b"00002\n")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
