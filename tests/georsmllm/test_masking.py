"""Masks of a scene's findings: windows around them, one encoding each, scene pixels out; shapes filled without reading."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from georsmllm import masks
from georsmllm.found import Finding
from georsmllm.geometry import bounds
from georsmllm.mask_frames import to_scene
from georsmllm.maskdecoder import Decoded, PolygonDecoder, filled
from georsmllm.masking import masked, views
from georsmllm.scene import Scene
from georsmllm.types import Mask, PointSet, Ring, Window, box, point, polygon, rbox


class Bright:
    """A mask decoder that marks the bright pixels in a prompt's box, and what it was shown."""

    title = "bright pixels"

    def __init__(self) -> None:
        self.shown: list[tuple[tuple[int, ...], int, str]] = []

    def masks(self, rgb: NDArray[np.uint8], prompts: Sequence[PointSet], *, key: str = "") -> tuple[Decoded, ...]:
        self.shown.append((rgb.shape, len(prompts), key))
        found = []
        for prompt in prompts:
            x1, y1, x2, y2 = (round(v) for v in bounds(prompt))
            array = np.zeros(rgb.shape[:2], dtype=bool)
            array[max(0, y1 - 3) : y2 + 3, max(0, x1 - 3) : x2 + 3] = True
            found.append(Decoded(masks.encode(array & (rgb[..., 0] > 128)), 0.5))
        return tuple(found)


def painted(size_wh: tuple[int, int], boxes: Sequence[tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    rgb = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    for x1, y1, x2, y2 in boxes:
        rgb[y1:y2, x1:x2] = 255
    return rgb


def findings(shapes: Sequence[PointSet]) -> tuple[Finding, ...]:
    return tuple(Finding(i, "thing", shape) for i, shape in enumerate(shapes, start=1))


def area(mask: Mask | None) -> int:
    assert mask is not None
    return sum(mask.counts[1::2])


def test_no_finding_reads_nothing() -> None:
    decoder = Bright()
    assert masked((), Scene(painted((50, 40), ())), decoder) == ()
    assert decoder.shown == []


def test_masks_land_where_the_objects_are() -> None:
    boxes = [
        (5, 5, 40, 30),
        (1490, 60, 1520, 90),
        (2960, 2400, 3000, 2500),
        (700, 1200, 760, 1230),
        (720, 1240, 780, 1280),
    ]
    decoder, steps = Bright(), []
    scene = Scene(painted((3000, 2500), boxes))
    given_ = findings([box(*map(float, one)) for one in boxes])
    found = masked(given_, scene, decoder, progress=lambda done, total: steps.append((done, total)))
    assert [one.shape_scene for one in found] == [one.shape_scene for one in given_]
    assert [one.id for one in found] == [1, 2, 3, 4, 5]
    assert [one.mask_scene for one in found] == [filled(one.shape_scene, (3000, 2500)) for one in given_]
    assert {one.mask_score for one in found} == {0.5}
    assert [shape for shape, _, _ in decoder.shown] == [(1024, 1024, 3)] * 4, "two that are neighbours share a window"
    assert sorted(num for _, num, _ in decoder.shown) == [1, 1, 1, 2]
    assert len({key for _, _, key in decoder.shown}) == 4
    assert steps[-1] == (5, 5)


def test_a_later_step_meets_the_same_windows() -> None:
    boxes = [(100, 100, 140, 130), (150, 120, 190, 160), (1800, 1900, 1830, 1960)]
    scene = Scene(painted((3000, 2500), boxes))
    first, second = Bright(), Bright()
    masked(findings([box(*map(float, one)) for one in boxes]), scene, first)
    masked(findings([box(*map(float, boxes[1]))]), scene, second)
    assert second.shown[0][2] in {key for _, _, key in first.shown}


def test_a_small_scene_is_one_window_of_its_own_size() -> None:
    decoder = Bright()
    masked(findings([box(1, 1, 9, 9), box(40, 20, 50, 40)]), Scene(painted((50, 40), [(1, 1, 9, 9)])), decoder)
    assert [(shape, num) for shape, num, _ in decoder.shown] == [((40, 50, 3), 2)]


def test_a_large_object_is_shown_smaller_and_its_mask_enlarged() -> None:
    large = (200, 300, 2700, 2300)
    decoder = Bright()
    found = masked(findings([box(*map(float, large))]), Scene(painted((3000, 2500), [large])), decoder)
    (shape, _, _), mask = decoder.shown[0], found[0].mask_scene
    assert max(shape[:2]) == 1024
    exact = (2700 - 200) * (2300 - 300)
    assert mask is not None
    both = masks.decode(mask)[300:2300, 200:2700].sum()
    assert both / (exact + area(mask) - both) > 0.99
    window = views([box(*map(float, large))], (3000, 2500))[0]
    assert (window.window, window.members) == (Window(0, 0, 3000, 2500), (0,))


def test_an_object_of_a_medium_size_is_shown_at_full_size() -> None:
    (view,) = views([box(1400, 1000, 2150, 1300)], (3000, 2500))
    assert view.size_wh == (view.window.width, view.window.height) == (1024, 1024)
    assert view.window.x <= 1400 - 32 and view.window.x + 1024 >= 2150 + 32, "it straddles the grid and has its own"


sizes = st.integers(1, 400)


@given(st.integers(0, 2**32), sizes, sizes, st.integers(16, 96))
def test_every_shape_is_in_one_window_that_holds_it(seed: int, width: int, height: int, side: int) -> None:
    rng = Random(seed)
    shapes = []
    for _ in range(rng.randrange(12)):
        x1, y1 = rng.uniform(0, width), rng.uniform(0, height)
        shapes.append(box(x1, y1, rng.uniform(x1, width), rng.uniform(y1, height)))
    found = views(shapes, (width, height), side=side)
    assert sorted(i for view in found for i in view.members) == list(range(len(shapes)))
    for view in found:
        window = view.window
        assert 0 <= window.x <= window.x + window.width <= width
        assert 0 <= window.y <= window.y + window.height <= height
        assert 1 <= max(view.size_wh) <= side
        for i in view.members:
            x1, y1, x2, y2 = bounds(shapes[i])
            assert window.x <= x1 and window.y <= y1
            assert window.x + window.width >= x2 and window.y + window.height >= y2


def test_what_lies_outside_the_scene_ends_at_its_border() -> None:
    decoder = Bright()
    scene = Scene(painted((300, 200), ()))
    found = masked(findings([box(-500, -500, -400, -400), point(900, 50), box(250, 150, 900, 900)]), scene, decoder)
    assert [area(one.mask_scene) for one in found] == [0, 0, 0]


# the weightless decoder


class Unread(Scene):
    def read(self, window: Window | None = None, size_wh: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        raise AssertionError("no pixel is needed")


def test_filled_shapes_are_exact_and_read_no_pixel() -> None:
    scene = Unread(np.zeros((4, 6, 3), dtype=np.uint8))
    shapes = (
        box(1, 1, 3, 2),
        rbox(((0, 0), (2, 0), (2, 4), (0, 4))),
        point(5.5, 3.2),
        polygon(Ring(((4, 0), (6, 0), (6, 2)))),
    )
    found = masked(findings(shapes), scene, PolygonDecoder())
    drawn = [
        "\n".join("".join(".#"[v] for v in row) for row in masks.decode(one.mask_scene).astype(int)) for one in found
    ]
    assert drawn[0] == "......\n.##...\n......\n......"
    assert drawn[1] == "##....\n##....\n##....\n##...."
    assert drawn[2] == "......\n......\n......\n.....#"
    assert area(found[3].mask_scene) in (1, 2, 3)
    assert {one.mask_score for one in found} == {None}


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ((0, 0), (0, 1, 5)),
        ((1.99, 0.99), (3, 1, 2)),
        ((2, 3), (5, 1)),
        ((2.01, 0), (6,)),
        ((-0.01, 0), (6,)),
    ],
)
def test_a_point_is_the_pixel_that_holds_it(at: tuple[float, float], counts: tuple[int, ...]) -> None:
    assert filled(point(*at), (2, 3)) == Mask(2, 3, counts)
    pixels = np.zeros((3, 2, 3), dtype=np.uint8)
    assert PolygonDecoder().masks(pixels, (point(*at),)) == (Decoded(Mask(2, 3, counts), None),)
    assert masks.decode(Mask(2, 3, counts)).shape == (3, 2)
    assert masks.encode(masks.decode(Mask(2, 3, counts))) == Mask(2, 3, counts)


# frames


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.integers(1, 30), st.integers(1, 30))
def test_an_enlarged_mask_is_each_pixel_at_its_centre(seed: int, w: int, h: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.random((h, w)) < rng.random()
    window = Window(int(rng.integers(0, 5)), int(rng.integers(0, 5)), width, height)
    size = (window.x + width + int(rng.integers(0, 4)), window.y + height + int(rng.integers(0, 4)))
    expected = np.zeros((size[1], size[0]), dtype=bool)
    rows, columns = ((2 * np.arange(n) + 1) * v // (2 * n) for n, v in ((height, h), (width, w)))
    expected[window.y : window.y + height, window.x : window.x + width] = array[rows][:, columns]
    assert (masks.decode(to_scene(masks.encode(array), window, size)) == expected).all()
    assert to_scene(masks.encode(array), window, size) == masks.encode(expected)


def test_a_mask_as_large_as_a_great_scene_costs_its_runs() -> None:
    import tracemalloc

    view = masks.encode(np.ones((1000, 1000), dtype=bool))
    tracemalloc.start()
    mask = to_scene(view, Window(0, 0, 20_000, 20_000), (20_000, 20_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert mask == Mask(20_000, 20_000, (0, 400_000_000))
    assert peak < 30e6, f"{peak / 1e6:.0f} MB; its pixels would be 400 MB"
