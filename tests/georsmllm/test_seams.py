"""What tiles say is merged: doubles, cut pieces, long things, areas, and the word of the coarse view."""

from __future__ import annotations

import pytest

from georsmllm.geometry import area, bounds, to_valid
from georsmllm.seams import MOST_KEYPOINTS, Piece, merge
from georsmllm.types import PointSet, Ring, Window, box, point, polygon, rbox
from georsmllm.viewports import Viewport, viewports

LEFT = Viewport(Window(0, 0, 1000, 1000), (1000, 1000))
RIGHT = Viewport(Window(800, 0, 1000, 1000), (1000, 1000))
COARSE = Viewport(Window(0, 0, 1800, 1000), (1000, 556))
NEXT = Viewport(Window(1000, 0, 1000, 1000), (1000, 1000))  # shares only a border with LEFT


def merged(*said: tuple[PointSet, Viewport], label: str = "car", overlap: int = 200) -> tuple[PointSet, ...]:
    return merge([Piece(shape, label, view) for shape, view in said], overlap=overlap)


def flat(x1: float, y1: float, x2: float, y2: float) -> PointSet:
    return rbox(((x1, y1), (x2, y1), (x2, y2), (x1, y2)))


def outline(x1: float, y1: float, x2: float, y2: float) -> PointSet:
    return polygon(Ring(((x1, y1), (x2, y1), (x2, y2), (x1, y2))))


SHAPES = pytest.mark.parametrize("shape", [box, flat, outline])


def test_nothing_merges_to_nothing() -> None:
    assert merged() == ()


@SHAPES
def test_what_two_tiles_see_whole_is_there_once_in_the_words_of_the_one_that_sees_it_further_inside(shape) -> None:
    seen_by_left, seen_by_right = shape(880, 500, 920, 520), shape(881, 500, 921, 521)
    assert merged((seen_by_right, RIGHT), (seen_by_left, LEFT)) == (seen_by_right,)
    nearer = shape(845, 500, 860, 520)
    assert merged((nearer, RIGHT), (shape(846, 500, 861, 520), LEFT)) == (shape(846, 500, 861, 520),)


@SHAPES
def test_a_piece_at_a_border_yields_to_the_tile_that_sees_the_whole(shape) -> None:
    whole, piece = shape(700, 300, 840, 340), shape(800, 300, 842, 341)
    assert merged((whole, LEFT), (piece, RIGHT)) == (whole,)
    assert merged((piece, RIGHT)) == (piece,)


@SHAPES
def test_a_sliver_that_errs_by_half_of_itself_is_still_a_piece(shape) -> None:
    whole, sliver = shape(700, 300, 802, 340), shape(800, 300, 804, 340)
    assert merged((whole, LEFT), (sliver, RIGHT)) == (whole,)


@SHAPES
def test_a_better_score_has_the_word(shape) -> None:
    first, second = shape(880, 500, 920, 520), shape(881, 500, 921, 521)
    pieces = [Piece(first, "car", LEFT, 0.9), Piece(second, "car", RIGHT, 0.2)]
    assert merge(pieces, overlap=200) == (first,)


@SHAPES
def test_cars_a_pixel_apart_are_all_there_though_two_tiles_say_them(shape) -> None:
    cars = [shape(x, y, x + 9, y + 4) for y in range(100, 150, 5) for x in range(700, 1100, 10)]
    said = [(car, view) for car in cars for view in (LEFT, RIGHT) if cut(car, view)]
    pieces = [(cut(car, view), view) for car, view in said]
    assert sorted(merged(*pieces), key=bounds) == sorted(cars, key=bounds)


@SHAPES
def test_cars_that_each_tile_says_a_pixel_off_count_once(shape) -> None:
    said = []
    for number, (x, y) in enumerate((x, y) for y in range(100, 180, 8) for x in range(810, 990, 18)):
        dx, dy = (-1, 1) if number % 2 else (1, -1)
        said += [(shape(x, y, x + 16, y + 6), LEFT), (shape(x + dx, y + dy, x + dx + 16, y + dy + 6), RIGHT)]
    assert len(merged(*said)) == 100


def cut(shape: PointSet, view: Viewport) -> PointSet | None:
    from georsmllm.geometry import clip

    window = view.window
    return clip(shape, (window.x, window.y, window.width, window.height)).shape


def test_two_things_that_one_tile_says_stay_two_however_much_they_overlap() -> None:
    first, second = box(880, 500, 920, 520), box(884, 500, 924, 520)
    assert merged((first, RIGHT), (second, RIGHT)) == (first, second)
    doubled = [(shape, view) for shape in (first, second) for view in (LEFT, RIGHT)]
    assert merged(*doubled) == (first, second)


@SHAPES
def test_a_thing_longer_than_the_overlap_is_joined_where_both_tiles_cut_it(shape) -> None:
    (found,) = merged((shape(500, 400, 1000, 440), LEFT), (shape(800, 401, 1500, 440), RIGHT))
    x1, y1, x2, y2 = bounds(found)
    assert (x1, x2) == (500, 1500)
    assert y1 == pytest.approx(400, abs=1.5)
    assert y2 == pytest.approx(440, abs=1.5)


def test_two_parallel_long_things_are_joined_each_to_its_own() -> None:
    said = [(flat(500, y, 1000, y + 20), LEFT) for y in (400, 421)]
    said += [(flat(800, y, 1500, y + 20), RIGHT) for y in (400, 421)]
    assert [bounds(one) for one in merged(*said)] == [(500, 400, 1500, 420), (500, 421, 1500, 441)]


def test_a_slanted_thing_in_upright_boxes_is_joined_though_its_halves_share_a_corner() -> None:
    (found,) = merged((box(300, 0, 1000, 500), LEFT), (box(800, 400, 1500, 900), RIGHT))
    assert found == box(300, 0, 1500, 900)


def test_joined_boxes_keep_keypoints_the_safest_of_each_first() -> None:
    left = box(500, 400, 1000, 440, keypoints=tuple((500.0 + i, 420.0) for i in range(6)))
    right = box(800, 400, 1500, 440, keypoints=((1300.0, 421.0), (1400.0, 422.0)))
    (found,) = merged((left, LEFT), (right, RIGHT))
    assert found.keypoints[:4] == ((500, 420), (1300, 421), (501, 420), (1400, 422))
    assert len(found.keypoints) == MOST_KEYPOINTS


def test_rotated_boxes_that_make_a_bend_stay_apart() -> None:
    turned = rbox(((820, 380), (850, 370), (1300, 1000), (1260, 1000)))
    for other in (flat(800, 400, 1400, 900), flat(800, 400, 1000, 900), turned):
        assert len(merged((flat(300, 400, 1000, 440), LEFT), (other, RIGHT))) == 2


@SHAPES
def test_tiles_that_share_only_a_border_are_joined_where_both_end_at_the_same_stretch(shape) -> None:
    said = ((shape(700, 300, 1000, 340), LEFT), (shape(1000, 301, 1200, 340), NEXT))
    (found,) = merged(*said, overlap=0)
    assert bounds(found)[0] == 700
    assert bounds(found)[2] == 1200
    apart = ((shape(700, 300, 1000, 340), LEFT), (shape(1000, 345, 1200, 390), NEXT))
    assert len(merged(*apart, overlap=0)) == 2


def test_points_of_two_tiles_are_one_where_they_are_near() -> None:
    a, b, c = point(900, 500), point(903, 502), point(930, 500)
    assert merged((a, LEFT), (b, RIGHT), (c, RIGHT)) == (c, b)
    assert len(merged((a, LEFT), (b, LEFT))) == 2


def test_areas_are_united_across_a_seam_and_keep_their_holes() -> None:
    left = polygon(
        Ring(((600, 100), (1000, 100), (1000, 500), (600, 500))),
        Ring(((850, 200), (950, 200), (950, 300), (850, 300)), "-"),
    )
    right = polygon(
        Ring(((800, 100), (1400, 100), (1400, 500), (800, 500))),
        Ring(((850, 200), (950, 200), (950, 300), (850, 300)), "-"),
    )
    (found,) = merged((left, LEFT), (right, RIGHT), label="water")
    assert area(found) == 800 * 400 - 100 * 100
    assert [len(ring.points) for ring in found.rings] == [4, 4]


def test_an_arm_that_two_areas_of_a_tile_have_in_common_beyond_it_makes_them_one() -> None:
    arms = [(outline(500, y, 1000, y + 50), LEFT) for y in (100, 300)]
    bend = polygon(
        Ring(((800, 100), (1500, 100), (1500, 350), (800, 350), (800, 300), (1400, 300), (1400, 150), (800, 150)))
    )
    (found,) = merged(*arms, (bend, RIGHT), label="water")
    assert to_valid(found).area == 2 * 300 * 50 + 700 * 250 - 600 * 150
    assert bounds(found) == (500, 100, 1500, 350)


def test_buildings_that_touch_are_not_united() -> None:
    said = [(outline(x, 100, x + 40, 140), view) for x in (860, 900) for view in (LEFT, RIGHT)]
    assert [bounds(one) for one in merged(*said, label="building")] == [(860, 100, 900, 140), (900, 100, 940, 140)]


def test_labels_never_meet() -> None:
    shape = box(880, 500, 920, 520)
    pieces = [Piece(shape, "ship", LEFT), Piece(shape, "car", RIGHT)]
    assert merge(pieces, overlap=200) == (shape, shape)


class TestTheCoarseView:
    def test_has_no_word_on_what_is_shorter_than_the_overlap(self) -> None:
        assert merged((flat(100, 100, 250, 140), COARSE)) == ()

    def test_has_the_word_on_what_no_tile_says(self) -> None:
        long = flat(100, 100, 1700, 180)
        assert merged((long, COARSE)) == (long,)

    def test_suppresses_the_pieces_of_a_long_thing_that_the_tiles_could_not_join(self) -> None:
        long = flat(100, 100, 1700, 180)
        said = ((flat(100, 100, 400, 180), LEFT), (flat(1300, 100, 1600, 180), RIGHT), (flat(300, 400, 340, 420), LEFT))
        assert merged((long, COARSE), said[0], said[2]) == (long, said[2][0])

    def test_yields_to_the_sharper_word_of_the_tiles_on_the_same_thing(self) -> None:
        said = ((flat(102, 103, 1000, 178), LEFT), (flat(800, 103, 1695, 178), RIGHT))
        (found,) = merged((flat(100, 100, 1700, 180), COARSE), *said)
        assert bounds(found) == pytest.approx((102, 103, 1695, 178))

    def test_that_took_a_group_for_one_thing_yields_to_its_members(self) -> None:
        cars = [(flat(x, 110, x + 40, 130), LEFT) for x in range(100, 700, 60)]
        assert len(merged((flat(95, 100, 705, 140), COARSE), *cars)) == len(cars)

    def test_of_an_area_is_heard_only_where_the_tiles_say_little(self) -> None:
        lake = outline(100, 100, 1700, 900)
        tiles = ((outline(100, 100, 1000, 900), LEFT), (outline(800, 100, 1690, 900), RIGHT))
        assert [bounds(one) for one in merged((lake, COARSE), *tiles, label="water")] == [(100, 100, 1690, 900)]
        puddle = outline(300, 300, 340, 340)
        assert merged((lake, COARSE), (puddle, LEFT), label="water") == (lake,)


def test_two_objects_that_two_coarse_answers_mean_are_both_kept() -> None:
    first, second = flat(100, 100, 1700, 180), flat(100, 150, 1700, 230)
    assert merged((first, COARSE), (second, COARSE)) == (first, second)


def test_a_crossed_quad_is_merged_like_its_area() -> None:
    crossed = rbox(((880, 500), (920, 520), (920, 500), (880, 520)))
    assert merged((crossed, LEFT), (crossed, RIGHT)) == (crossed,)


def test_views_of_a_part_of_the_scene_have_no_seam_at_its_border() -> None:
    views = viewports(Window(500, 500, 1500, 900), size=1000, overlap=200)[1:]
    at_edge = flat(500, 600, 540, 620)
    inside = [Piece(at_edge, "car", view) for view in views[:1]]
    assert merge(inside, overlap=200) == (at_edge,)
