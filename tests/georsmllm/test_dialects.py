"""The publishers' own literals are read as what they mean, and their own conversions are written as they print them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from georsmllm.contracts import Example, Limits, Spoken
from georsmllm.discover import dialect, dialect_names
from georsmllm.errors import BadAnswer, CannotSay, UsageError
from georsmllm.geometry import order_corners
from georsmllm.types import PointSet, box, point, rbox

OTHERS = tuple(name for name in dialect_names() if name != "georsmllm")
EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{i}") for name in OTHERS for i, example in enumerate(dialect(name).examples)
]


def corners(shape: PointSet) -> list[tuple[float, float]]:
    """Flat, rotated boxes from the same corner."""
    ring = shape.rings[0].points
    return list(order_corners(ring) if shape.kind == "rbox" else ring)


@pytest.mark.parametrize("name", OTHERS)
def test_every_dialect_brings_a_literal_of_its_publisher(name: str) -> None:
    assert dialect(name).examples


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_a_literal_says_what_its_publisher_means(name: str, example: Example) -> None:
    heard = dialect(name).decode(example.text, example.size_wh, dialect(name).kinds)
    assert [(one.shape.kind, one.label, one.shape.keypoints) for one in heard] == [
        (one.shape.kind, one.label, one.shape.keypoints) for one in example.objects
    ]
    for one, meant in zip(heard, example.objects, strict=True):
        for got, want in zip(corners(one.shape), corners(meant.shape), strict=True):
            assert got == pytest.approx(want, abs=1e-3)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_a_literal_is_found_among_words(name: str, example: Example) -> None:
    (span,) = dialect(name).stretches(f"Look.\n{example.text}\nSo.")
    assert f"Look.\n{example.text}\nSo."[slice(*span)] == example.text


CARROTS, SIZE = Spoken(box(146, 137, 615, 415), "bowl of carrots"), (640, 428)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qwen2_vl", "(228,320),(961,970)"),  # both as qwen-vl-finetune/tools/process_bbox.ipynb prints them
        ("qwen2_5_vl", "[147, 134, 619, 407]"),
        ("qwen3_vl", "[228, 320, 961, 970]"),
        ("florence2", "<loc_228><loc_320><loc_960><loc_969>"),  # floor(x / (size / 1000))
    ],
)
def test_the_same_box_in_the_frame_of_each_model(name: str, said: str) -> None:
    assert said in dialect(name).encode([CARROTS], SIZE, None)


@pytest.mark.parametrize(
    ("size_wh", "resized"),
    [
        ((640, 428), (644, 420)),
        ((1024, 1024), (1036, 1036)),
        ((800, 800), (812, 812)),  # 28.57 factors
        ((840, 840), (840, 840)),
        ((10, 10), (56, 56)),
        ((20_000, 10_000), (5068, 2520)),
    ],
)
def test_the_frame_of_qwen2_5_is_the_resized_view(size_wh: tuple[int, int], resized: tuple[int, int]) -> None:
    assert dialect("qwen2_5_vl").extent(size_wh) == resized


def turned(x: float, y: float, w: float, h: float, degrees: float) -> PointSet:
    """The rectangle whose side w runs along (cos t, sin t), y down, by complex numbers."""
    spin = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    ring = [complex(x, y) + spin * complex(a * w / 2, b * h / 2) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return rbox(order_corners([(p.real, p.imag) for p in ring]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("geochat", "{<30><45><70><55>|<30>}"),
        ("earthdial", "[[30, 45, 70, 55, 30]]"),
        ("fit_rs", "<rbox>({<50.00><50.00><40.00><10.00>|<30>})</rbox>"),
        ("vrsbench_obb_v1", "{<50><50><40><10>|<-30>}"),  # counter-clockwise: the sign turns
        ("vrsbench_obb_v2", "{<35><35><64><64>|<-30>}"),  # its two corners are those after the rotation
    ],
)
def test_one_rectangle_in_every_convention_of_angles(name: str, text: str) -> None:
    ship = turned(100, 100, 80, 20, 30)
    assert dialect(name).encode([Spoken(ship)], (200, 200), None) == text


def test_dropping_the_angle_of_geochat_turns_an_upright_box_by_90_degrees() -> None:
    upright = turned(100, 100, 80, 20, 0)
    said = dialect("geochat").encode([Spoken(upright)], (200, 200), None)
    assert said == "{<45><30><55><70>|<90>}"
    (heard,) = dialect("geochat").decode(said, (200, 200), ("rbox",))
    for got, want in zip(corners(heard.shape), corners(upright), strict=True):
        assert got == pytest.approx(want)


def test_the_two_codes_of_vrsbench_and_geochat_read_one_text_as_three_places() -> None:
    text = "{<40><50><60><70>|<30>}"
    places = {
        tuple(corners(dialect(name).decode(text, (100, 100), ("rbox",))[0].shape)[0])
        for name in ("geochat", "vrsbench_obb_v1", "vrsbench_obb_v2")
    }
    assert len(places) == 3


def test_rotation_is_in_pixels_also_where_the_view_is_no_square() -> None:
    (heard,) = dialect("geochat").decode("{<45><40><55><60>|<45>}", (1000, 500), ("rbox",))
    a, b, c, _ = heard.shape.rings[0].points
    assert math.dist(a, b) == pytest.approx(100) and math.dist(b, c) == pytest.approx(100)
    assert (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) == pytest.approx(0, abs=1e-9)


def test_vrsbench_cuts_and_does_not_round() -> None:
    assert dialect("vrsbench").encode([Spoken(box(0.99, 1.99, 98.9, 99.9))], (100, 100), None) == "{<0><1><98><99>}"


def test_numbers_that_lost_their_area_are_heard_but_not_written() -> None:
    (heard,) = dialect("geochat").decode("{<10><20><10><40>|<90>}", (100, 100), ("rbox",))
    with pytest.raises(CannotSay) as refused:
        dialect("geochat").encode([heard], (100, 100), None)
    assert refused.value.reason == "collapsed"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("geochat", "{<10><20><30><40>|<91>}", "out_of_range"),
        ("geochat", "{<30><20><10><40>|<9>}", "reversed_box"),
        ("geochat", "{<10><20><30>}", "syntax"),
        ("geochat", "{<10><20><30><40>|<9>} and", "syntax"),
        ("geochat", "{<10><20><130><40>}", "out_of_range"),
        ("geochat", "{<310><320><330><340>|<9>}", "out_of_range"),
        ("fit_rs", "<rbox>({<10.00><20.00><3.00><4.00>|<9>}", "syntax"),
        ("vrsbench", "{<1><2><-3><4>}", "syntax"),
        ("vrsbench_corners", "[0.1, 0.2, 0.3]", "syntax"),
        ("qwen2_5_vl", '[{"bbox_2d": [0, 0, 645, 10]}]', "out_of_range"),  # the view is resized to 644 x 420
        ("qwen3_vl", '[{"bbox_2d": [0, 0, 10, 10], "score": 1}]', "syntax"),
        ("qwen3_vl", '[{"label": "ship"}]', "syntax"),
        ("qwen3_vl", '[{"bbox_2d": [0, 0, 10, 1e400]}]', "syntax"),
        ("qwen3_vl", '[{"bbox_2d": [0, 0, 10]}]', "syntax"),
        ("qwen3_vl", "[" * 100_000, "syntax"),
        ("qwen3_vl", '[{"label": "\ud800"}]', "syntax"),
        ("think2seg", '[{"bbox_2d": [0, 0, 10, 10], "positive_points": [[1, 2]]}]', "syntax"),
        ("geo_r1", '[{"bbox_2d": [0, 0, 10, 10], "keypoint1": [1, 2]}]', "syntax"),
        ("falcon", "<quad><1><1><1><1><2><2><3><3></quad>", "collapsed_ring"),
        ("lmmrotate", "ship<loc_1><loc_2><loc_3>", "syntax"),
        ("teochat", "[1, 2, 3]", "syntax"),
    ],
)
def test_a_damaged_text_is_refused_by_name(name: str, text: str, reason: str) -> None:
    with pytest.raises(BadAnswer) as refused:
        dialect(name).decode(text, SIZE, dialect(name).kinds)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("vrsbench", rbox(((1, 1), (9, 1), (9, 9), (1, 9))), "not_in_dialect"),
        ("teochat", box(1, 1, 9, 9, ((5, 5),)), "not_in_dialect"),
        ("think2seg", box(1, 1, 9, 9, ((5, 5),)), "not_in_dialect"),
        ("think2seg", box(1, 1, 9, 9), "not_in_dialect"),
        ("qwen3_vl", point(700, 1), "outside_view"),
        ("qwen3_vl", point(math.nan, 1), "not_finite"),
        ("geochat", turned(100, 100, 2, 1, 30), "collapsed"),
    ],
)
def test_what_a_form_has_no_room_for_is_refused_by_name(name: str, shape: PointSet, reason: str) -> None:
    with pytest.raises(CannotSay) as refused:
        dialect(name).encode([Spoken(shape)], SIZE, None)
    assert refused.value.reason == reason


@pytest.mark.parametrize("name", OTHERS)
def test_an_answer_over_budget_is_refused(name: str) -> None:
    chosen = dialect(name)
    one = {
        "box": box(100, 100, 200, 200, ((150, 150), (160, 160))[: chosen.num_keypoints or 0]),
        "rbox": turned(300, 200, 80, 40, 20),
    }
    objects = [Spoken(one["box" if "box" in chosen.kinds else "rbox"])] * 3
    with pytest.raises(CannotSay) as refused:
        chosen.encode(objects, SIZE, Limits(max_objects=2))
    assert refused.value.reason == "over_budget"


@pytest.mark.parametrize("label", ["<image>", "a\nb", "{x}", " ", "l" * 201])
@pytest.mark.parametrize("name", [name for name in OTHERS if dialect(name).is_labelled])
def test_a_label_that_would_be_markup_is_refused(name: str, label: str) -> None:
    chosen = dialect(name)
    shape = box(100, 100, 200, 200) if "box" in chosen.kinds else turned(300, 200, 80, 40, 20)
    with pytest.raises(CannotSay) as refused:
        chosen.encode([Spoken(shape, label)], SIZE, None)
    assert refused.value.reason == "unspeakable_label"


def test_an_unknown_dialect_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*qwen2_5_vl"):
        dialect("qwen25_vl")


def test_published_boxes_of_geochat_are_heard(real: Callable[[str], Path]) -> None:
    lines = (real("earthdial_eval_gt") / "geochat_bench_referring_300.jsonl").read_text(encoding="utf-8").splitlines()
    heard = [dialect("earthdial").decode(json.loads(line)["gt_bbox"], (1000, 1000), ("rbox",)) for line in lines]
    assert len(heard) == len(lines) >= 300
    assert sum(map(len, heard)) > 400


def test_published_boxes_of_xbd_are_heard(real: Callable[[str], Path]) -> None:
    lines = (real("earthdial_eval_gt") / "xbd_object_detection_25.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["caption0"] for line in lines]
    kinds = {
        one.shape.kind for text in texts for one in dialect("earthdial").decode(text, (1024, 1024), ("box", "rbox"))
    }
    assert kinds == {"box"}
