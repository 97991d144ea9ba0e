"""The eyes: what a model says tile by tile, of pairs and of candidates, in the scene's own pixels."""

from __future__ import annotations

import numpy as np
import pytest
from blobs import BlobEngine, painted

from georsmllm.discover import task
from georsmllm.found import Finding, Watch, outline
from georsmllm.geometry import area, bounds
from georsmllm.looking import Looking, Viewing
from georsmllm.maskdecoder import PolygonDecoder
from georsmllm.scene import Scene
from georsmllm.types import Window, box

SHIP, RIVER, TANK = (220, 60, 60), (40, 80, 200), (250, 250, 250)
COLOURS = {"ship": SHIP, "river": RIVER, "storage tank": TANK}


def looking(pictures, engine=None, *, watch=None, area=None, **viewing):
    engine = engine or BlobEngine(COLOURS)
    scenes = [Scene(picture) for picture in pictures]
    return Looking(
        scenes, engine, PolygonDecoder(), task_of=task, viewing=Viewing(**viewing), area=area, watch=watch
    ), engine


def boxes(findings) -> list[tuple[float, ...]]:
    return sorted(tuple(round(v) for v in bounds(one.shape_scene)) for one in findings)


def close(found, expected, px=2) -> bool:
    return len(found) == len(expected) and bool(np.all(np.abs(np.array(found) - np.array(expected)) <= px))


def test_nothing_is_found_where_nothing_is():
    eyes, engine = looking([painted((64, 64), [])])
    assert eyes.find("ships", image=0, as_area=False, step="s1") == ((), "", 0, 1)
    assert engine.asked == ["[det] Where are the ships?"]


def test_an_image_that_fits_is_one_view_and_comes_back_in_its_pixels():
    eyes, engine = looking([painted((800, 600), [(SHIP, (100, 50, 160, 80)), (SHIP, (700, 500, 790, 530))])])
    seen = eyes.find("ships", image=0, as_area=False, step="s1")
    assert close(boxes(seen.findings), [(100, 50, 160, 80), (700, 500, 790, 530)])
    assert {(one.id, one.label, one.step) for one in seen.findings} == {(1, "ship", "s1"), (2, "ship", "s1")}
    assert engine.sizes_wh == [(800, 600)]


def test_a_large_scene_is_seen_coarsely_then_by_tiles_and_each_ship_once():
    things = [(x, y, x + 40, y + 16) for x in (30, 480, 700, 1330) for y in (20, 490, 880)]
    eyes, engine = looking([painted((1400, 900), [(SHIP, one) for one in things])], tile_px=500, overlap_px=100)
    seen = eyes.find("ships", image=0, as_area=False, step="s1")
    assert close(boxes(seen.findings), sorted(things))
    assert engine.sizes_wh[0] == (500, 321)
    assert set(engine.sizes_wh[1:]) == {(500, 500)}
    assert seen.views == len(engine.sizes_wh) == 1 + 4 * 2


def test_what_is_longer_than_the_overlap_is_one_object_all_the_same():
    eyes, _ = looking([painted((1400, 600), [(SHIP, (50, 300, 1350, 340))])], tile_px=500, overlap_px=100)
    seen = eyes.find("ships", image=0, as_area=False, step="s1")
    assert close(boxes(seen.findings), [(50, 300, 1350, 340)], px=4)


def test_an_area_over_many_tiles_is_stitched_from_outlines_not_from_a_box_around_it():
    bend = [(RIVER, (0, 100, 900, 140)), (RIVER, (860, 100, 900, 900))]
    eyes, _ = looking([painted((1000, 1000), bend)], tile_px=500, overlap_px=100)
    (river,) = eyes.find("the river", image=0, as_area=True, step="s2").findings
    assert river.label == "river"
    assert bounds(outline(river)) == pytest.approx((0, 100, 900, 900), abs=4)
    # PolygonDecoder fills the boxes that tiles say: four of them, far less than the box around the bend (720 000 px²)
    assert area(outline(river)) < 400_000


def test_only_the_area_of_a_visual_prompt_is_looked_at():
    things = [(SHIP, (20, 20, 60, 40)), (SHIP, (400, 300, 440, 320))]
    eyes, engine = looking([painted((600, 400), things)], area=Window(300, 200, 300, 200))
    seen = eyes.find("ships", image=0, as_area=False, step="s1")
    assert close(boxes(seen.findings), [(400, 300, 440, 320)])
    assert engine.sizes_wh == [(300, 200)]


def test_unreadable_answers_count_as_nothing_and_are_counted():
    eyes, _ = looking([painted((64, 64), [])], BlobEngine(COLOURS, broken=True))
    seen = eyes.find("ships", image=0, as_area=False, step="s1")
    assert (seen.findings, seen.unreadable) == ((), 1)
    assert seen.note == "1 of 1 answers could not be read"


BEFORE = [(SHIP, (10, 10, 50, 30)), (SHIP, (100, 100, 140, 120))]
AFTER = [(SHIP, (100, 100, 140, 120)), (SHIP, (200, 60, 240, 80))]


@pytest.mark.parametrize(
    ("kind", "expected", "image"),
    [
        ("any", [(10, 10, 50, 30), (200, 60, 240, 80)], 1),
        ("appeared", [(200, 60, 240, 80)], 1),
        ("disappeared", [(10, 10, 50, 30)], 0),
        ("altered", [], 1),
    ],
)
def test_changes_are_told_apart_by_what_stood_there_on_both_dates(kind, expected, image):
    eyes, _ = looking([painted((300, 200), BEFORE), painted((300, 200), AFTER)])
    seen = eyes.change("ships", kind, before=0, after=1, step="s1")
    assert close(boxes(seen.findings), expected) or (seen.findings == () and expected == [])
    assert {one.image for one in seen.findings} <= {image}


def test_a_pair_is_shown_by_the_same_windows_of_both_images():
    eyes, engine = looking([painted((700, 400), BEFORE), painted((700, 400), AFTER)], pair_tile_px=256)
    seen = eyes.change("ships", "any", before=0, after=1, step="s1")
    assert close(boxes(seen.findings), [(10, 10, 50, 30), (200, 60, 240, 80)])
    assert engine.asked[0] == "[change] Outline all ships that changed between the two images."


def candidates(*shapes) -> list[Finding]:
    return [Finding(i, "storage tank", box(*shape)) for i, shape in enumerate(shapes, start=7)]


def test_candidates_are_chosen_by_their_ids():
    picture = painted((400, 300), [(TANK, (20, 20, 60, 60)), (SHIP, (100, 20, 140, 60)), (TANK, (300, 200, 340, 240))])
    eyes, engine = looking([picture])
    some = candidates((20, 20, 60, 60), (100, 20, 140, 60), (300, 200, 340, 240))
    chosen = eyes.select("From the candidates, keep the white ones.", some, (), step="s2")
    assert chosen == ((7, 9), "", 0, 1)
    assert engine.asked[0].startswith(
        "[select] From the candidates, keep the white ones.\nCandidates:\n1 [(50,67),(150,200)]"
    )


def test_candidates_of_a_large_scene_are_asked_in_groups_that_one_view_shows():
    shapes = [(x, y, x + 20, y + 20) for x in (10, 700, 1370) for y in (10, 860)]
    picture = painted((1400, 900), [(TANK, one) for one in shapes[::2]])
    eyes, engine = looking([picture], tile_px=400, overlap_px=80)
    chosen = eyes.select("keep the white ones", candidates(*shapes), (), step="s2")
    assert chosen.ids == (7, 9, 11)
    assert set(engine.sizes_wh) == {(400, 400)}
    assert chosen.views == len(engine.sizes_wh) == 6


def test_a_choice_that_cannot_be_read_keeps_nothing_and_is_counted():
    eyes, _ = looking([painted((64, 64), [])], BlobEngine(COLOURS, broken=True))
    chosen = eyes.select("keep the white ones", candidates((1, 1, 9, 9)), (), step="s2")
    assert (chosen.ids, chosen.unreadable) == ((), 1)


def test_what_lies_outside_of_the_scene_cannot_be_shown_and_is_told():
    eyes, _ = looking([painted((64, 64), [(TANK, (0, 0, 9, 9))])])
    chosen = eyes.select("keep the white ones", candidates((1, 1, 9, 9), (200, 200, 210, 210)), (), step="s2")
    assert chosen.ids == (7,)
    assert chosen.note == "1 of 2 candidates could not be shown to the model"


def test_anchors_beyond_the_nearest_are_told():
    eyes, engine = looking([painted((400, 300), [(TANK, (0, 0, 9, 9))])])
    anchors = [Finding(100 + i, "ship", box(20 * i, 200, 20 * i + 10, 210)) for i in range(10)]
    chosen = eyes.select("keep the white ones near the anchors", candidates((1, 1, 9, 9)), anchors, step="s2")
    assert chosen.note == "up to 2 farther anchors were not shown with a candidate"
    assert engine.asked[0].count("[(", engine.asked[0].index("Anchors")) == 8


def test_progress_is_told_and_may_end_the_work():
    told = []

    def progress(what, done, total):
        told.append((what, done, total))
        if done >= 8:
            raise KeyboardInterrupt

    eyes, engine = looking(
        [painted((1400, 900), [])], tile_px=300, overlap_px=60, watch=Watch(progress=progress), batch_size=4
    )
    with pytest.raises(KeyboardInterrupt):
        eyes.find("ships", image=0, as_area=False, step="s1")
    assert told == [("s1: ships", 4, 25), ("s1: ships", 8, 25)]
    assert len(engine.asked) == 8
