"""A record's picture shows the shapes where the text says they are, and says in red what it cannot draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hand_made_set import LAKE, SIZE, gold, record, records, write_set
from PIL import Image, ImageColor

from georsmllm.drawing import ASKED, _legend, draw
from georsmllm.hearing import Object
from georsmllm.pen import PALETTE, colours
from georsmllm.pointtext import encode
from georsmllm.types import Message, Record, box

SCALE = 960 / SIZE[0]
RED = "#ff5c5c"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path)


def colour_near(picture: Image.Image, x: float, y: float, colour: str, reach: int = 6) -> bool:
    """Whether a pixel of about that colour lies near a point in pixels of the picture."""
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    patch = np.asarray(picture)[top : int(y) + reach, left : int(x) + reach].astype(int)
    return bool((np.abs(patch - ImageColor.getrgb(colour)).sum(axis=2) < 60).any())


def has(picture: Image.Image, colour: str) -> bool:
    return colour_near(picture, picture.width / 2, picture.height / 2, colour, reach=max(picture.size))


def test_colours_go_by_alphabet_and_repeat_only_when_there_are_more_labels_than_colours() -> None:
    assert colours([]) == {}
    assert colours(["b", "a", "b"]) == {"a": PALETTE[0], "b": PALETTE[1]}


def test_a_box_is_drawn_where_its_text_says_and_not_where_the_gold_lies(folder: Path) -> None:
    moved = record("seg", "Where?", "[(500,500),(750,750)]", golds=(gold("ship", LAKE),))
    picture = draw(moved, folder)
    for x, y in ((32, 24), (48, 24), (48, 36), (32, 36)):
        assert colour_near(picture, x * SCALE, y * SCALE, PALETTE[0])
    assert not colour_near(picture, 10 * SCALE, 40 * SCALE, PALETTE[0])


def test_keypoints_are_dots_at_their_place(folder: Path) -> None:
    picture = draw(records()["train"][2], folder)
    assert colour_near(picture, 20 * SCALE, 20 * SCALE, PALETTE[0])
    assert colour_near(picture, 15 * SCALE, 30 * SCALE, PALETTE[0])


def test_a_pair_shows_both_images_and_draws_on_the_second(folder: Path) -> None:
    picture = draw(records()["train"][3], folder)
    assert picture.width > 2 * 960
    assert not colour_near(picture, 8 * SCALE, 20 * SCALE, PALETTE[0])
    assert colour_near(picture, 960 + 12 + 8 * SCALE, 20 * SCALE, PALETTE[0])
    hole = [colour_near(picture, 960 + 12 + 16 * SCALE, y * SCALE, PALETTE[0], reach=3) for y in range(17, 32)]
    assert any(hole)


def test_shapes_of_the_question_are_white_dashes(folder: Path) -> None:
    assert has(draw(records()["train"][4], folder), ASKED)


def test_text_that_does_not_parse_stands_in_red(folder: Path) -> None:
    good = records()["train"][0]
    assert not has(draw(good, folder), RED)
    bad = replace(good, messages=(good.messages[0], Message("assistant", "[(1,2),(3")))
    assert has(draw(bad, folder), RED)


@pytest.mark.parametrize("damage", ["gone", "cut", "other size"])
def test_an_image_that_is_wrong_stands_in_red(folder: Path, damage: str) -> None:
    line = records()["train"][0]
    file = folder / line.images[0]
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:60])
    else:
        Image.new("RGB", (10, 10)).save(file)
    assert has(draw(line, folder), RED)


def test_the_same_record_gives_the_same_picture(folder: Path) -> None:
    line: Record = records()["train"][1]
    assert draw(line, folder).tobytes() == draw(line, folder).tobytes()


def crowd(count: int, side: int) -> Record:
    boxes = tuple(box(6 * n, 40 - side, 6 * n + 5, 40) for n in range(count))
    return record("det", "Where are the ships?", encode(boxes, SIZE), golds=tuple(gold("ship", b) for b in boxes))


@pytest.mark.parametrize(("count", "side", "has_legend"), [(8, 5, False), (9, 5, True), (1, 5, False), (1, 1, True)])
def test_many_or_small_objects_bear_numbers_and_a_legend_says_their_label(
    folder: Path, count: int, side: int, has_legend: bool
) -> None:
    line = crowd(count, side)
    lines = draw(line, folder).height - 960 * SIZE[1] // SIZE[0]
    without = draw(replace(line, messages=(line.messages[0], Message("assistant", "x" * len(line.gold_text)))), folder)
    assert (lines - (without.height - 960 * SIZE[1] // SIZE[0])) == (22 if has_legend else 0)


def test_a_legend_gives_each_label_its_numbers() -> None:
    def named(*labels: str) -> tuple[Object, ...]:
        return tuple(Object(LAKE, label, 0, 0, 0) for label in labels)

    assert _legend((), {}) == []
    assert _legend(named("ship", "ship", "car", "ship", ""), {"ship": "#111111", "car": "#222222"}) == [
        ("#111111", "1-2, 4: ship"),
        ("#222222", "3: car"),
        (PALETTE[0], "5: object"),
    ]


def test_keypoints_of_small_objects_are_small_dots(folder: Path) -> None:
    def dots(side: float) -> int:
        shape = box(20, 20, 20 + side, 20 + side, keypoints=((20 + side / 2, 20 + side / 2),))
        picture = draw(record("seg", "Segment the lakes.", encode((shape,), SIZE), labels=("lake",)), folder)
        x = y = round((20 + side / 2) * SCALE)
        patch = np.asarray(picture)[y - 8 : y + 8, x - 8 : x + 8].astype(int)
        return int((np.abs(patch - ImageColor.getrgb(PALETTE[0])).sum(axis=2) < 60).sum())

    assert 0 < dots(2) < dots(12) / 2
