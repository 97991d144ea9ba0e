"""The point text on literal strings: every form, every refusal, every repair."""

from __future__ import annotations

import math

import pytest

from georsmllm.contracts import Limits
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.pointtext import decode, encode
from georsmllm.repair import decode_repaired
from georsmllm.types import KINDS, Ring, box, point, polygon, rbox

SQUARE = ((100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0))
HOLE = ((140.0, 140.0), (160.0, 140.0), (160.0, 160.0), (140.0, 160.0))


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ((), "none"),
        ((point(0, 1000),), "[(0,1000)]"),
        ((box(10, 20, 30, 40),), "[(10,20),(30,40)]"),
        ((box(10, 20, 10, 40),), "[(10,20),(10,40)]"),
        ((box(10, 20, 30, 40, keypoints=((20, 30), (15, 25))),), "[(10,20),(30,40)]|[(20,30),(15,25)]"),
        ((box(10, 20, 30, 40, keypoints=((20, 30), (20.2, 30.1))),), "[(10,20),(30,40)]|[(20,30)]"),
        ((rbox(SQUARE[::-1]),), "[(100,100),(200,100),(200,200),(100,200)]"),
        ((rbox(((50, 10), (90, 50), (50, 90), (10, 50))),), "[(50,10),(90,50),(50,90),(10,50)]"),
        ((polygon(Ring(SQUARE[:3])),), "[(100,100),(200,100),(200,200),(100,100)]"),
        (
            (polygon(Ring(SQUARE), Ring(HOLE[::-1], "-")),),
            "[(100,100),(200,100),(200,200),(100,200),(100,100)]-[(140,140),(160,140),(160,160),(140,160),(140,140)]",
        ),
        ((box(5, 50, 6, 60), box(9, 2, 10, 3)), "[(9,2),(10,3)];[(5,50),(6,60)]"),
        (
            (polygon(Ring(((0, 900), (9, 900), (9, 909))), Ring(((0, 0), (9, 0), (9, 9)), "+")),),
            "[(0,0),(9,0),(9,9),(0,0)]+[(0,900),(9,900),(9,909),(0,900)]",
        ),
    ],
)
def test_shapes_are_written_in_one_way(shapes, text):
    assert encode(shapes, (1000, 1000)) == text


@pytest.mark.parametrize(
    ("size", "x", "q"),
    [
        ((1000, 1), 0.5, 1),
        ((1000, 1), 0.4999, 0),
        ((512, 1), 512, 1000),
        ((512, 1), 256, 500),
        ((2000, 1), 1, 1),
        ((3, 1), 1, 333),
    ],
)
def test_coordinates_round_to_the_nearest_line_of_the_view(size, x, q):
    assert encode((point(x, 0),), size) == f"[({q},0)]"


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (point(math.nan, 0), "not_finite"),
        (box(0, 0, math.inf, 1), "not_finite"),
        (point(-0.6, 0), "outside_view"),
        (point(0, 1000.6), "outside_view"),
        (rbox(((1, 1), (1.1, 1), (1.1, 1.1), (1, 1.1))), "collapsed"),
        (rbox((SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[1])), "collapsed"),
        (polygon(Ring(((1, 1), (9, 9), (1.2, 1.1)))), "collapsed"),
        (polygon(Ring(SQUARE), Ring(((150, 150), (150.1, 150), (150, 150.1)), "-")), "collapsed"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(shape, reason):
    with pytest.raises(CannotSay) as refused:
        encode((shape,), (1000, 1000))
    assert refused.value.reason == reason


def test_just_beyond_the_border_by_less_than_half_a_cell_is_the_border():
    assert encode((point(-0.4, 1000.4),), (1000, 1000)) == "[(0,1000)]"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_objects=1), "over_budget"),
        (Limits(max_points=7), "over_budget"),
        (Limits(max_ring_points=3), "ring_over_budget"),
    ],
)
def test_over_budget_is_refused_and_never_cut(limits, reason):
    shapes = (rbox(SQUARE), rbox(SQUARE))
    with pytest.raises(CannotSay) as refused:
        encode(shapes, (1000, 1000), limits)
    assert refused.value.reason == reason
    assert encode(shapes, (1000, 1000), Limits(max_objects=2, max_points=8, max_ring_points=4)).count("(") == 8


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("", "syntax", 0),
        ("None", "syntax", 0),
        ("none;", "syntax", 0),
        ("[(1,2)", "syntax", 6),
        ("[(1, 2)]", "syntax", 1),
        ("[(1,2)];", "syntax", 8),
        ("[(1,2)] [(1,2)]", "syntax", 7),
        ("[(-1,2)]", "syntax", 1),
        ("[(1.5,2)]", "syntax", 1),
        ("[(1234567,2)]", "syntax", 1),
        ("[(١,2)]", "syntax", 1),
        ("[(1001,2)]", "out_of_range", 0),
        ("[(9,9),(1,1)]", "reversed_box", 0),
        ("[(1,1),(2,2),(3,1)]", "unclosed_ring", 0),
        ("[(1,1),(2,2),(3,1),(4,4),(5,5)]", "unclosed_ring", 0),
        ("[(1,1),(2,2),(1,1)]", "short_ring", 0),
        ("[(1,1),(2,2),(1,1),(2,2)]", "collapsed_ring", 0),
        ("[(1,1),(2,2),(2,2),(1,1)]", "collapsed_ring", 0),
        ("[(0,0),(9,0),(9,9),(0,0)]-[(1,1),(2,2)]", "unclosed_ring", 0),
        ("[(0,0),(9,0),(9,9),(0,0)]-[(1,1),(2,2),(1,1)]", "short_ring", 0),
        ("[(1,1),(2,2)]-[(1,1),(2,1),(2,2),(1,1)]", "misplaced_sign", 0),
        ("[(1,1)];[(1,1),(2,1),(2,2),(1,2)]|[(1,1)]", "misplaced_keypoints", 8),
        ("[(0,0),(9,0),(9,9),(0,0)]|[(1,1)]", "misplaced_keypoints", 0),
    ],
)
def test_the_strict_ear_names_what_is_wrong_and_where(text, reason, at):
    with pytest.raises(BadAnswer) as bad:
        decode(text, (1000, 1000))
    assert (bad.value.reason, bad.value.at) == (reason, at)


def test_another_form_than_the_task_allows_is_wrong_even_if_it_is_well_written():
    with pytest.raises(BadAnswer) as bad:
        decode("[(1,1),(2,2)]", (10, 10), ("rbox",))
    assert bad.value.reason == "wrong_form"


@pytest.mark.parametrize(
    ("text", "kinds", "verdict", "back", "codes"),
    [
        ("none", KINDS, "EMPTY", "none", ()),
        ("There are no ships.", KINDS, "EMPTY", "none", ()),
        ("[]", KINDS, "EMPTY", "none", ()),
        ("", KINDS, "FAIL", "none", ()),
        ("a ship", KINDS, "FAIL", "none", ("FORM",)),
        ("[(1, 2), (3, 4)]", KINDS, "REPAIRED", "[(1,2),(3,4)]", ()),
        ("［（1，2），（3，4）］", KINDS, "REPAIRED", "[(1,2),(3,4)]", ()),
        ("[(3,4),(1,2)]<|im_end|>", ("box",), "REPAIRED", "[(1,2),(3,4)]", ("SWAP",)),
        ("```text\n[(1,2),(3,4)]\n```", ("box",), "REPAIRED", "[(1,2),(3,4)]", ("FENCE",)),
        ("<think>x</think><answer>[(1,2),(3,4)]", ("box",), "REPAIRED", "[(1,2),(3,4)]", ("TAGS", "UNCLOSED")),
        ("[(1,1),(5,1),(5,5)]", ("rbox",), "REPAIRED", "[(1,1),(5,1),(5,5),(1,5)]", ("QUAD3",)),
        ("[(1,1),(5,1),(5,5),(1,5),(3,3)]", ("rbox",), "REPAIRED", "[(1,1),(5,1),(5,5),(1,5)]", ("REFIT",)),
        ("[(1,1),(5,1),(5,5)]", ("polygon",), "REPAIRED", "[(1,1),(5,1),(5,5),(1,1)]", ("CLOSE",)),
        ("[(1,1),(5,1),(5,5),(4,", ("polygon",), "REPAIRED", "[(1,1),(5,1),(5,5),(1,1)]", ("ODD", "TRUNC", "CLOSE")),
        (
            "2 ships: [(10,20),(30,40)];[(50,60),(70,80)]",
            ("box",),
            "REPAIRED",
            "[(10,20),(30,40)];[(50,60),(70,80)]",
            ("PROSE",),
        ),
        ("At step 3: [(1,1),(5,1),(5,5),(1,5)]", ("rbox",), "REPAIRED", "[(1,1),(5,1),(5,5),(1,5)]", ("PROSE",)),
        ("There is 1 ship at [(10,20),(30,40)].", ("box",), "REPAIRED", "[(10,20),(30,40)]", ("PROSE",)),
        ("ship: 10, 20, 30, 40", ("box",), "REPAIRED", "[(10,20),(30,40)]", ()),
        ("[(1.4,2.6),(3,4)]", ("box",), "REPAIRED", "[(1,3),(3,4)]", ("ROUND",)),
        ("[(1,2),(1015,4)]", ("box",), "REPAIRED", "[(1,2),(1000,4)]", ("CLAMP",)),
        ("[(1,2),(1500,4)]", ("box",), "FAIL", "none", ("RANGE",)),
        ("[(1,2),(3,4)];[(1,2),(3,4)];", ("box",), "REPAIRED", "[(1,2),(3,4)]", ("LOOP",)),
        ("[(0,0),(100,100)]|[(50,50),(300,300)] ;", ("box",), "REPAIRED", "[(0,0),(100,100)]|[(50,50)]", ("KEYPOINT",)),
        ("[(1,2),(9,8)]", ("rbox",), "REPAIRED", "[(1,2),(9,2),(9,8),(1,8)]", ("AS_RBOX",)),
    ],
)
def test_repairs_are_named(text, kinds, verdict, back, codes):
    repaired = decode_repaired(text, (1000, 1000), kinds)
    assert (repaired.verdict, encode(repaired.shapes, (1000, 1000)), repaired.codes) == (verdict, back, codes)


def test_an_endless_answer_is_cut_at_two_hundred_objects():
    repaired = decode_repaired(";".join(f"[({i},0), ({i},9)]" for i in range(1000)), (1000, 1000), ("box",))
    assert len(repaired.shapes) == 200
    assert repaired.codes == ("LOOP",)
