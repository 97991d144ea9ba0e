"""The picture shows findings where they lie, holes open, anchors dashed, tiny things enlarged, and every word that counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answers import FINDINGS, GRIDS, MAKER, STEPS, masked, result, scene, tif
from PIL import Image, ImageColor

from georsmllm.found import Finding, Outcome, StepTrace
from georsmllm.outputs.captions import Line, _came, _legend, _made_by, _scale, _step, _steps, _wrapped
from georsmllm.outputs.picture import draw
from georsmllm.outputs.views import ANCHOR, MASK_FILL, Shown, View, shown, strokes, views
from georsmllm.pen import PALETTE, font
from georsmllm.scene import Scene
from georsmllm.types import Ring, Window, box, point, polygon

SCALE = 1280 / 120


def near(picture: Image.Image, x: float, y: float, colour: str, reach: int = 5) -> bool:
    patch = np.asarray(picture)[
        max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach
    ].astype(int)
    return bool((np.abs(patch - ImageColor.getrgb(colour)).sum(axis=2) < 60).any())


def test_masks_are_filled_holes_stay_open_and_edges_are_crisp() -> None:
    picture = draw(result(scene(None, None), findings=FINDINGS[:1]))
    r, g, b = (round(MASK_FILL * v) for v in ImageColor.getrgb(PALETTE[0]))
    inside, hole = (picture.getpixel((round(x * SCALE), round(y * SCALE))) for x, y in ((15, 50), (30, 30)))
    assert inside == pytest.approx((r, g, b), abs=2) and hole == (0, 0, 0)
    for x, y in ((10, 30), (50, 30), (30, 60), (20, 30), (40, 30)):
        assert near(picture, x * SCALE, y * SCALE, PALETTE[0])


def test_boxes_turned_boxes_points_and_keypoints_are_drawn_where_they_lie() -> None:
    seen = Finding(1, "x", box(60, 40, 90, 70, keypoints=((75.0, 55.0),)))
    picture = draw(
        result(
            scene(None, None), findings=(seen, Finding(2, "x", point(20, 20)), replace(FINDINGS[1], id=3, label="x"))
        )
    )
    for x, y in ((60, 55), (90, 55), (75, 55), (20, 20), (80, 15)):
        assert near(picture, x * SCALE, y * SCALE, PALETTE[0])


def test_an_anchor_is_dashed_in_another_colour_below_the_findings() -> None:
    river = Finding(9, "river", polygon(Ring(((2, 2), (110, 2), (110, 78), (2, 78)))), step="s1")
    steps = (
        StepTrace("s1", "detect", "anchor", "Find the river.", "model", outputs=(9,)),
        StepTrace(
            "s2", "filter_relation", "target", "Of {s1} ...", "geometry", inputs=(2, 9), anchors=(9,), outputs=(2,)
        ),
    )
    outcome = Outcome("boxes", FINDINGS[1:2], steps=steps, layers=(("s1", (river,)), ("s2", FINDINGS[1:2])))
    made = result(scene(None, None), outcome=outcome)
    what = shown(made)
    assert (what.findings, what.anchors) == (FINDINGS[1:2], (river,))
    first, *_ = strokes(views(made, what, 1280)[0], what, {}, crowded=False)
    assert first.dashed and first.colour == ANCHOR and first.tag == "river"
    picture = draw(made)
    edge = [near(picture, x, 2 * SCALE, ANCHOR, 2) for x in range(100, 600, 5)]
    assert any(edge) and not all(edge)


def test_what_was_counted_is_shown_of_a_number() -> None:
    steps = (STEPS[0], StepTrace("s2", "count", "target", "Count {s1}.", "geometry", inputs=(1, 2), value=2))
    outcome = Outcome("number", value=2, steps=steps, layers=(("s1", FINDINGS),))
    assert shown(result(scene(None, None), outcome=outcome)).findings == FINDINGS[:2]


@pytest.mark.parametrize("size", [(64, 64), (4000, 3000), (300, 4000)])
def test_the_image_keeps_to_the_size_that_is_asked(size: tuple[int, int]) -> None:
    made = result(scene(None, None, size), findings=())
    (view,) = views(made, shown(made), 500)
    assert max(view.size_wh) == 500 and view.window == Window(0, 0, *size)
    assert draw(made, max_side=500).width == max(view.size_wh[0], 500)


def test_tiny_findings_of_a_large_scene_are_enlarged_with_an_overview() -> None:
    size = (20000, 20000)
    made = result(
        scene(*GRIDS["rotated"], size), findings=(masked(1, "plane", box(12000, 9000, 12030, 9040), size=size),)
    )
    (view,) = views(made, shown(made), 1280)
    assert view.inset is not None and view.window.width < 300
    assert view.window.x < 12000 and view.window.x + view.window.width > 12030
    picture = draw(made)
    left, top = (12000 - view.window.x) * view.scale_xy[0], (9020 - view.window.y) * view.scale_xy[1]
    assert near(picture, left, top, PALETTE[0])


def test_findings_all_over_a_large_scene_are_ringed_in_the_whole() -> None:
    size = (20000, 20000)
    found = tuple(masked(n, "ship", box(x, x, x + 20, x + 20), size=size) for n, x in enumerate((500, 9000, 19000), 1))
    made = result(scene(None, None, size), findings=found)
    (view,) = views(made, shown(made), 1280)
    assert view.inset is None
    assert len(strokes(view, shown(made), {}, crowded=True)) == 6


def test_a_large_mask_is_sampled_and_not_decoded() -> None:
    size = (20000, 20000)
    from georsmllm.types import Mask

    sea = Finding(1, "sea", box(0, 0, *size), 0, Mask(*size, (0, 200_000_000, 200_000_000)))
    made = result(scene(None, None, size), findings=(sea,))
    (stroke,) = strokes(View(0, Window(0, 0, *size), (200, 200)), shown(made), {}, crowded=False)[-1:]
    assert set(stroke.shape.rings[0].points) == {(0, 0), (100, 0), (100, 200), (0, 200)}


def test_a_pair_stands_side_by_side_and_each_has_its_own(tmp_path: Path) -> None:
    late = masked(1, "house", box(40, 30, 60, 50), image=1)
    picture = draw(result(tif(tmp_path / "a.tif", "nothing"), tif(tmp_path / "b.tif", "nothing"), findings=(late,)))
    assert picture.width == 2 * 960 + 10
    scale = 960 / 120
    assert near(picture, 970 + 40 * scale, 24 + 40 * scale, PALETTE[0])
    assert not near(picture, 40 * scale, 24 + 40 * scale, PALETTE[0])


def test_the_same_answer_gives_the_same_picture(tmp_path: Path) -> None:
    image = tif(tmp_path / "a.tif", "rotated")
    assert draw(result(image)).tobytes() == draw(result(image)).tobytes()


# --- words -----------------------------------------------------------------------------------------------------------


def test_what_made_the_masks_is_said_wherever_there_are_masks() -> None:
    made = result(scene(None, None))
    (line,) = _made_by(made, shown(made))
    assert "masks: filled shapes (no segmentation model)" in line.text and "embedded" in line.text
    bare = result(scene(None, None), findings=FINDINGS[1:2], maker=replace(MAKER, planner="", model="", adapter=""))
    assert _made_by(bare, shown(bare)) == []


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (StepTrace("s1", "detect", "target", "", "model", outputs=(1, 2)), "2 found · model"),
        (StepTrace("s1", "count", "target", "", "geometry", inputs=(1, 2), value=2), "2 · geometry"),
        (StepTrace("s1", "compare", "target", "", "geometry", inputs=(1, 2), value=False), "no · geometry"),
        (
            StepTrace("s1", "filter_relation", "target", "", "geometry", inputs=(1, 2, 3), outputs=(1,)),
            "1 of 3 · geometry",
        ),
        (StepTrace("s1", "combine", "target", "", "geometry", inputs=(1,), value=(1.5, 2.0)), "1.5, 2 · geometry"),
    ],
)
def test_a_step_says_what_it_came_to_and_who_decided(trace: StepTrace, expected: str) -> None:
    assert _came(trace) == expected


def test_a_step_that_failed_says_why_and_its_text_names_steps_without_braces() -> None:
    trace = StepTrace(
        "s3", "filter_relation", "target", "Of {s2}, those near {s1}.", "geometry", reason="ANCHOR_NOT_FOUND"
    )
    first, why = _step(trace)
    assert first.text == "Of s2, those near s1." and "was not found" in why.text


def test_of_many_steps_the_first_and_the_last_are_shown() -> None:
    many = tuple(StepTrace(f"s{n}", "detect", "target", "x", "model") for n in range(1, 31))
    heads = [line.head for line in _steps(result(scene(None, None), outcome=Outcome("boxes", steps=many)))]
    assert heads == [*(f"s{n}" for n in range(1, 11)), " ", "s27", "s28", "s29", "s30"]


def test_the_legend_names_ids_only_where_they_stand_in_the_picture() -> None:
    few = Shown(tuple(Finding(n, "ship", box(0, 0, 9, 9)) for n in (1, 2, 4)), ())
    many = Shown(tuple(Finding(n, "ship", box(0, 0, 9, 9)) for n in range(1, 100)), ())
    assert [line.text for line in _legend(few, {})] == ["ship (3): 1-2, 4"]
    assert [line.text for line in _legend(many, {})] == ["ship (99)"]


@pytest.mark.parametrize("text", ["", "word", "a " * 4000, "x" * 4000, "one\ntwo\x00\x07", "日本 " * 50])
def test_every_line_of_words_fits_and_no_text_grows_without_bound(text: str) -> None:
    lines = _wrapped(Line(text, size=15, lines=4), 700)
    assert 1 <= len(lines) <= 4
    assert all(font(15).getlength(line) <= 700 for line in lines)


def test_a_text_that_is_cut_says_how_long_it_was() -> None:
    assert _wrapped(Line("a " * 4000, lines=2), 700)[-1].endswith("(8000 characters in all)")
    assert _wrapped(Line("short", lines=2), 700) == ["short"]


@pytest.mark.parametrize(("metres_a_pixel", "expected"), [(0.5, (50, 100)), (0.03, (2, 66.67)), (30, (2000, 66.67))])
def test_the_scale_bar_is_of_a_round_length(metres_a_pixel: float, expected: tuple[float, float]) -> None:
    assert _scale(metres_a_pixel) == pytest.approx(expected, rel=1e-3)


def test_a_very_long_answer_is_still_a_picture() -> None:
    made = result(
        Scene(np.zeros((10, 10, 3), np.uint8)), query="q" * 5000, text="t " * 5000, notices=("n " * 3000,) * 3
    )
    assert draw(made, max_side=300).height < 2500
