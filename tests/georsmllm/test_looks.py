"""Images that look alike are found however they were turned, scaled or stored; smooth slopes and bare water say nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from georsmllm.images import read_rgb
from georsmllm.looks import MOST_BITS, Gallery, distance, looks

Rgb = NDArray[np.uint8]
SIDE = 200


def scene(seed: int) -> Rgb:
    """Fields, roofs and noise of a camera."""
    draw = np.random.default_rng(seed)
    fields = cv2.resize(draw.integers(60, 180, (9, 7, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for _ in range(30):
        x, y, w, h = (int(v) for v in draw.integers((0, 0, 6, 6), (SIDE, SIDE, 40, 40)))
        cv2.rectangle(fields, (x, y), (x + w, y + h), [int(v) for v in draw.integers(0, 256, 3)], -1)
    return np.clip(fields + draw.normal(0, 3, fields.shape), 0, 255).astype(np.uint8)


def jpeg(rgb: Rgb, quality: int = 75) -> Rgb:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def half(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    return np.asarray(cv2.resize(rgb, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def brighter(rgb: Rgb, levels: int) -> Rgb:
    return np.clip(rgb.astype(int) + levels, 0, 255).astype(np.uint8)


TURNS: dict[str, Callable[[Rgb], Rgb]] = {
    "as it is": lambda rgb: rgb,
    "left": lambda rgb: np.rot90(rgb),
    "about": lambda rgb: np.rot90(rgb, 2),
    "right": lambda rgb: np.rot90(rgb, 3),
    "mirrored": lambda rgb: rgb[:, ::-1],
    "upside down": lambda rgb: rgb[::-1],
    "transposed": lambda rgb: rgb.transpose(1, 0, 2),
    "transposed the other way": lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
}
COPIES: dict[str, Callable[[Rgb], Rgb]] = {
    "JPEG": jpeg,
    "half the size": half,
    "brighter": lambda rgb: brighter(rgb, 5),
    "darker": lambda rgb: brighter(rgb, -5),
    "grey": lambda rgb: np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8),
    "turned, halved, stored": lambda rgb: jpeg(half(np.ascontiguousarray(np.rot90(rgb)))),
}
SCENES = tuple(scene(seed) for seed in range(40))


@pytest.mark.parametrize("name", TURNS)
def test_a_turned_image_has_the_hash_of_one_of_its_eight_views(name: str) -> None:
    for rgb in SCENES[:8]:
        assert distance(looks(rgb), looks(np.ascontiguousarray(TURNS[name](rgb)))) <= 1  # rounding of one cell


def test_cells_of_equal_grey_do_not_tell_left_from_right() -> None:
    part_bare = SCENES[0].copy()
    part_bare[:, SIDE * 2 // 3 :] = 0
    for turn in TURNS.values():
        assert distance(looks(part_bare), looks(np.ascontiguousarray(turn(part_bare)))) <= 1


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_looks_like_its_original(name: str) -> None:
    for rgb in SCENES:
        assert distance(looks(rgb), looks(COPIES[name](rgb))) <= MOST_BITS


def test_different_scenes_do_not_look_alike() -> None:
    hashes = [looks(rgb) for rgb in SCENES]
    assert "" not in hashes
    assert Gallery(hashes).near(hashes) == tuple((i,) for i in range(len(hashes)))


def slope(seed: int) -> Rgb:
    """Light that falls off smoothly over something bare, with the noise of a camera."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = sum(draw.normal() * x**i * y**j for i in range(4) for j in range(4 - i) if i + j)
    grey = 120 + 20 * light / np.std(light) + draw.normal(0, 3, light.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((SIDE, SIDE, 3), 77, np.uint8),
        np.random.default_rng(0).normal(100, 6, (SIDE, SIDE, 3)).astype(np.uint8),
        np.random.default_rng(0).integers(0, 256, (2, 300, 3), dtype=np.uint8)[:, :1].repeat(300, axis=1),
    ],
    ids=["one pixel", "one colour", "still water", "stripes"],
)
def test_too_little_to_see_says_nothing(rgb: Rgb) -> None:
    assert looks(rgb) == ""


def test_smooth_slopes_say_nothing_or_tell_each_other_apart() -> None:
    hashes = [said for seed in range(100) if (said := looks(slope(seed)))]
    assert len(hashes) < 10
    assert all(len(near) == 1 for near in Gallery(hashes).near(hashes))


@pytest.mark.parametrize("size", [(64, 64), (2000, 30), (40_000, 12)])
def test_small_and_long_images_have_looks_too(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (13, 12, 3), dtype=np.uint8)
    said = looks(np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST), np.uint8))
    assert len(bytes.fromhex(said)) == 16


# --- the search ------------------------------------------------------------------------------------------------------


def flipped(said: str, bits: list[int]) -> str:
    number = int(said, 16)
    for bit in bits:
        number ^= 1 << bit
    return f"{number:032x}"


def test_no_images_are_near_nothing() -> None:
    assert Gallery(()).near(()) == ()
    assert Gallery(()).near([looks(SCENES[0])]) == ((),)
    assert Gallery([looks(SCENES[0])]).near(()) == ()


@pytest.mark.parametrize("wrong", [0, 1, 11, 12, 13, 20])
def test_twelve_wrong_bits_are_forgiven_wherever_they_are_and_thirteen_are_not(wrong: int) -> None:
    draw = np.random.default_rng(wrong)
    whole = looks(SCENES[0])
    others = [flipped(whole, draw.choice(128, wrong, replace=False).tolist()) for _ in range(200)]
    assert {distance(whole, other) for other in others} == {wrong}
    assert set(Gallery([whole]).near(others)) == {(0,) if wrong <= MOST_BITS else ()}


def test_the_search_finds_what_comparing_all_with_all_finds() -> None:
    draw = np.random.default_rng(5)
    turns = list(TURNS.values())
    hashes = [looks(np.ascontiguousarray(turns[i % 8](SCENES[i % 10]))) for i in range(60)]
    hashes = [flipped(said, draw.choice(128, int(draw.integers(0, 9)), replace=False).tolist()) for said in hashes]
    found = Gallery(hashes).near(hashes)
    for i, one in enumerate(hashes):
        assert found[i] == tuple(j for j, other in enumerate(hashes) if distance(one, other) <= MOST_BITS)
    assert sum(map(len, found)) > 300


# --- real images -----------------------------------------------------------------------------------------------------


def test_real_images_know_their_copies_and_no_others(real: Callable[[str], Path]) -> None:
    names = (
        "nwpu_vhr10",
        "risbench_recovered/img_rgb",
        "rrsis_d_recovered/img_rgb",
        "levir_cd_256/A",
        "dsifn/A",
        "loveda",
    )
    files = [
        path
        for name in names
        for path in sorted(real(name).rglob("*"))
        if path.suffix in (".png", ".jpg") and "mask" not in path.parent.name
    ]
    pictures = [read_rgb(path) for path in files]
    hashes = [looks(rgb) for rgb in pictures]
    said = [(rgb, one) for rgb, one in zip(pictures, hashes, strict=True) if one]
    assert len(said) >= len(pictures) - 3
    gallery = Gallery([one for _, one in said])
    assert gallery.near([one for _, one in said]) == tuple((i,) for i in range(len(said)))
    for copy in (jpeg, half, COPIES["turned, halved, stored"], COPIES["brighter"]):
        assert gallery.near([looks(copy(rgb)) for rgb, _ in said]) == tuple((i,) for i in range(len(said)))
