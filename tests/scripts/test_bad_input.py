"""One damage at a time to a fixture world: one clear line, the counts, and every record of every other sample as before."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from georsmllm.instruct_data.build import build
from georsmllm.jsonl import read_lines
from georsmllm.layout import Quarantined
from georsmllm.recipe import Cyclic, Mix, Recipe, Source
from georsmllm.types import Record

DATA = Path(__file__).parent.parent / "data"


def replace_line(name: str, line: int, text: str) -> Callable[[Path], None]:
    def damage(world: Path) -> None:
        path = world / name
        lines = path.read_bytes().decode().splitlines(keepends=True)
        lines[line - 1] = text + "\n"
        path.write_bytes("".join(lines).encode())

    return damage


def cut_short(name: str) -> Callable[[Path], None]:
    def damage(world: Path) -> None:
        data = (world / name).read_bytes()
        (world / name).write_bytes(data[: len(data) * 2 // 3])

    return damage


def bomb(name: str) -> Callable[[Path], None]:
    """A small PNG file that promises 60000 x 60000 pixels."""

    def damage(world: Path) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        pixels = zlib.compress(bytes(1_000_000))
        (world / name).write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
        )

    return damage


def resized(name: str) -> Callable[[Path], None]:
    def damage(world: Path) -> None:
        from PIL import Image

        with Image.open(world / name) as picture:
            smaller = picture.resize((picture.width, picture.height - 1))
        smaller.save(world / name)

    return damage


def repainted(name: str, value: int) -> Callable[[Path], None]:
    def damage(world: Path) -> None:
        from PIL import Image

        with Image.open(world / name) as picture:
            grey = picture.copy()
        grey.putpixel((5, 5), value)
        grey.save(world / name)

    return damage


def in_json(old: str, new: str) -> Callable[[Path], None]:
    def damage(world: Path) -> None:
        path = world / "annotations" / "instances_val.json"
        text = path.read_text()
        assert text.count(old) >= 1, old
        path.write_text(text.replace(old, new, 1))

    return damage


class Case(NamedTuple):
    """world, damage, the sample that it costs (its key ends so), the reason, and words of the one line."""

    world: str
    damage: Callable[[Path], None]
    sample: str
    reason: str
    words: tuple[str, ...]


LABEL = "train/labelTxt-v1.5/P0001.txt"
CASES = {
    "a truncated label": Case(
        "dota", replace_line(LABEL, 3, "30 19 27 25 6 13"), "P0001", "short_row", ("P0001.txt:3", "6")
    ),
    "an unknown class": Case(
        "dota", replace_line(LABEL, 3, "30 19 27 25 6 13 9 7 shipp 0"), "P0001", "unknown_class", ("P0001.txt:3", "shipp")
    ),
    "a coordinate that is NaN": Case(
        "dota", replace_line(LABEL, 3, "nan 19 27 25 6 13 9 7 ship 0"), "P0001", "not_finite", ("P0001.txt:3", "NaN")
    ),
    "a coordinate that is no number": Case(
        "dota", replace_line(LABEL, 3, "3O 19 27 25 6 13 9 7 ship 0"), "P0001", "not_a_number", ("P0001.txt:3", "3O")
    ),
    "a PNG that is cut short": Case("dota", cut_short("train/images/P0001.png"), "P0001", "image_truncated", ("P0001.png",)),
    "a decompression bomb": Case("dota", bomb("train/images/P0001.png"), "P0001", "image_bomb", ("P0001.png", "60000")),
    "an image that is no image": Case(
        "scene_folder", lambda w: (w / "train/water_area/River/river_1.PNG").write_text("<html>") and None,
        "river_1.PNG", "image_unreadable", ("river_1.PNG",),
    ),
    "a mask of another size": Case("loveda", resized("Train/Rural/masks_png/0.png"), "Rural/0", "mask_size", ("0.png",)),
    "an unknown mask value": Case(
        "loveda", repainted("Train/Rural/masks_png/0.png", 99), "Rural/0", "unknown_value", ("0.png", "99")
    ),
    "two images of different size in a pair": Case(
        "levir_cd", resized("train/B/train_1.png"), "train_1", "pair_size", ("train_1",)
    ),
    "a pair without its second image": Case(
        "levir_cd", lambda w: (w / "train/B/train_1.png").unlink(), "train_1", "image_missing", ("train_1.png",)
    ),
    "a NaN in a COCO box": Case(
        "coco", in_json('"bbox": [', '"bbox": [NaN, '), "north/village 1", "not_finite", ("instances_val.json@85", "NaN")
    ),
}  # fmt: skip


def recipe(world: Path) -> Recipe:
    return Recipe(
        sources=(Source(dataset=world.name, path=str(world)),),
        tasks=("change", "cls", "count", "det", "region", "seg", "tags"),
        cyclic=Cyclic(mode="none"),
        mix=Mix(negatives=1.0),
        max_bad_share=1.0,
    )


def records_by_sample(out: Path) -> dict[str, list[Record]]:
    """Records without their sample's other direction chosen away: by what they were made of."""
    found: dict[str, list[Record]] = {}
    for path in sorted((out / "records").iterdir()):
        for record in read_lines(path, Record):
            found.setdefault(record.provenance.sample.split("@")[0], []).append(record)
    return {sample: sorted(records, key=lambda r: r.id) for sample, records in found.items()}


def built(world: Path, out: Path) -> tuple[dict[str, list[Record]], list[Quarantined], int]:
    outcome = build(recipe(world), out)
    (source,) = outcome.stats.sources.values()
    bad = list(read_lines(out / "quarantine.jsonl", Quarantined))
    assert source.found == source.kept + len(bad)
    assert sum(source.quarantined.values()) == len(bad)
    return records_by_sample(out), bad, source.found


@pytest.mark.parametrize("name", CASES)
def test_one_bad_record_costs_itself_and_nothing_else(tmp_path, name):
    case = CASES[name]
    sound = tmp_path / "sound" / case.world
    shutil.copytree(DATA / case.world / "world", sound)
    hurt = tmp_path / "hurt" / case.world
    shutil.copytree(sound, hurt)
    case.damage(hurt)
    before, bad_before, found_before = built(sound, tmp_path / "a")
    after, bad_after, found_after = built(hurt, tmp_path / "b")
    known = {(bad.key, bad.reason) for bad in bad_before}
    (new,) = [bad for bad in bad_after if (bad.key, bad.reason) not in known]
    assert found_after == found_before
    assert len(bad_after) == len(bad_before) + 1
    assert new.key.endswith(case.sample)
    assert new.reason == case.reason
    line = f"{new.where}: {new.message}"
    assert "\n" not in line
    assert all(word in line for word in case.words), line
    lost = set(before) - set(after)
    assert len(lost) == 1
    assert next(iter(lost)).endswith(new.key)
    assert after == {sample: records for sample, records in before.items() if sample not in lost}


ASKED_AGAIN = {
    "a self-crossing quad": ("30 19 6 13 27 25 9 7 ship 0", "reordered_corners", None),
    "a corner outside the image": ("-9 19 27 25 6 13 -9 7 ship 0", "clipped_to_image", None),
    "a zero-area box": ("30 19 30 19 30 19 30 19 ship 0", None, "collapsed"),
    "an object outside the image": ("-30 -19 -27 -25 -6 -13 -9 -7 ship 0", None, "outside_image"),
}


@pytest.mark.parametrize("name", ASKED_AGAIN)
def test_an_odd_shape_is_mended_or_ignored_by_name_and_its_image_stays(tmp_path, name):
    text, mended, ignored = ASKED_AGAIN[name]
    world = tmp_path / "dota"
    shutil.copytree(DATA / "dota" / "world", world)
    (before,) = build(recipe(world), tmp_path / "a").stats.sources.values()
    replace_line(LABEL, 3, text)(world)
    (after,) = build(recipe(world), tmp_path / "b").stats.sources.values()
    assert (after.found, after.kept, after.targets) == (before.found, before.kept, before.targets)
    if mended:
        assert after.mended[mended] == before.mended.get(mended, 0) + 1
    if ignored:
        assert after.ignored[ignored] > before.ignored.get(ignored, 0)


def test_junk_loops_and_odd_names_change_nothing(tmp_path):
    world = tmp_path / "sound" / "dota"
    shutil.copytree(DATA / "dota" / "world", world)
    before, bad, found = built(world, tmp_path / "a")
    messy = tmp_path / "messy" / "dota"
    shutil.copytree(world, messy)
    for junk in (
        "train/images/._P0001.png",
        "train/images/.DS_Store",
        "train/labelTxt-v1.5/._P0001.txt",
        "train/Thumbs.db",
    ):
        (messy / junk).write_bytes(b"\x00junk")
    (messy / "train" / "images" / "again").symlink_to(messy / "train")
    assert built(messy, tmp_path / "b") == (before, bad, found)


def test_names_with_spaces_and_unicode_are_read_and_written(tmp_path):
    world = tmp_path / "scene_folder"
    shutil.copytree(DATA / "scene_folder" / "world", world)
    records, _, _ = built(world, tmp_path / "set")
    shown = {image for made in records.values() for record in made for image in record.images}
    assert any("río_2.png" in image for image in shown)
    assert any("dense 2.png" in image for image in shown)
    assert all((tmp_path / "set" / image).is_file() for image in shown)
