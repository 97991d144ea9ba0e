"""The frame doctor names the form and frame of what every dialect's pen writes, and what was done to damaged copies."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patients import DIALECTS, answers

from georsmllm.contracts import SizeWH
from georsmllm.dialects._resize import resized
from georsmllm.doctor.answers import Said, common, hear
from georsmllm.doctor.ears import Case
from georsmllm.doctor.examination import examine
from georsmllm.doctor.mending import mended
from georsmllm.doctor.readings import Reading
from georsmllm.doctor.verdicts import Option
from georsmllm.doctor.wording import formula, lines, oddities
from georsmllm.errors import CannotSay

FORMS = [(name, kind) for name in DIALECTS for kind in ("box", "rbox") if kind in DIALECTS[name].kinds]


@pytest.mark.parametrize("with_gold", [False, True])
@pytest.mark.parametrize(("name", "kind"), FORMS)
def test_every_dialect_is_named(name: str, kind: str, with_gold: bool) -> None:
    best = examine(answers(name, kind, with_gold=with_gold), DIALECTS).options[0]
    assert name in best.dialects
    assert best.sure > 0.9
    assert best.reading.is_swapped is False
    assert best.reading.mirrored == (False, False)


PUBLISHED = [(name, example) for name, one in DIALECTS.items() for example in one.examples if example.objects]


@pytest.mark.parametrize(("name", "example"), PUBLISHED, ids=[f"{n}-{i}" for i, (n, _) in enumerate(PUBLISHED)])
def test_the_publishers_own_words_are_named(name: str, example) -> None:
    found = examine([Case("x", example.text, example.size_wh, None)], DIALECTS)
    assert name in {one for option in found.options for one in option.dialects}
    assert found.options[0].sure <= 2 / 3  # one answer makes nobody sure


# --- damage ----------------------------------------------------------------------------------------------------------

Numbers = list[float]
Damage = Callable[[Numbers, SizeWH], Numbers]


def _padded(n: Numbers, size: SizeWH) -> Numbers:
    side = max(size)
    return [(v * size[i % 2] / 100 + (side - size[i % 2]) / 2) / side * 100 for i, v in enumerate(n[:4])] + n[4:]


def _pixels(n: Numbers, size: SizeWH) -> Numbers:
    return [v * size[i % 2] / 100 for i, v in enumerate(n[:4])] + n[4:]


DAMAGES: dict[str, tuple[Damage, Callable[[Option], bool]]] = {
    "none": (lambda n, _: n, lambda o: o.dialects == ("earthdial",)),
    "axes swapped": (lambda n, _: [n[1], n[0], n[3], n[2], n[4]], lambda o: o.reading.is_swapped),
    "mirrored left to right": (
        lambda n, _: [100 - n[2], n[1], 100 - n[0], n[3], n[4]],
        lambda o: o.reading.mirrored == (True, False),
    ),
    "upside down": (
        lambda n, _: [n[0], 100 - n[3], n[2], 100 - n[1], n[4]],
        lambda o: o.reading.mirrored == (False, True),
    ),
    "turned by 180 degrees": (
        lambda n, _: [100 - n[2], 100 - n[3], 100 - n[0], 100 - n[1], n[4]],
        lambda o: o.reading.mirrored == (True, True),
    ),
    "shares of one": (lambda n, _: [v / 100 for v in n[:4]] + n[4:], lambda o: o.reading.scale == (1, 1)),
    "thousandths": (lambda n, _: [v * 10 for v in n[:4]] + n[4:], lambda o: o.reading.scale == (0.001, 0.001)),
    "scaled by 1.3": (
        lambda n, _: [v * 1.3 for v in n[:4]] + n[4:],
        lambda o: o.reading.scale == pytest.approx((1 / 130, 1 / 130), rel=1e-2),
    ),
    "one axis scaled": (
        lambda n, _: [n[0] * 1.5, n[1], n[2] * 1.5, n[3], n[4]],
        lambda o: o.reading.scale == pytest.approx((1 / 150, 1 / 100), rel=1e-2),
    ),
    "shifted": (
        lambda n, _: [n[0] + 7, n[1] - 4, n[2] + 7, n[3] - 4, n[4]],
        lambda o: o.reading.shift == pytest.approx((-0.07, 0.04), abs=5e-3),
    ),
    "pixels": (_pixels, lambda o: o.reading.frame == "pixels" and o.reading.scale == (1, 1)),
    "pixels halved": (
        lambda n, s: [v / 2 for v in _pixels(n, s)[:4]] + n[4:],
        lambda o: o.reading.frame == "pixels" and o.reading.scale == (2, 2),
    ),
    "pixels of the resized image": (
        lambda n, s: [v * resized(s)[i % 2] / 100 for i, v in enumerate(n[:4])] + n[4:],
        lambda o: o.reading.frame == "resized",
    ),
    "padded to a square": (_padded, lambda o: o.reading.frame == "padded"),
    "width taken for height": (
        lambda n, s: [v * s[i % 2] / s[1 - i % 2] for i, v in enumerate(n[:4])] + n[4:],
        lambda o: o.reading.frame == "crossed",
    ),
    "width and height": (
        lambda n, _: [n[0], n[1], n[2] - n[0], n[3] - n[1], n[4]],
        lambda o: o.reading.layout == "corner and size, degrees",
    ),
    "centre and size": (
        lambda n, _: [(n[0] + n[2]) / 2, (n[1] + n[3]) / 2, n[2] - n[0], n[3] - n[1], n[4]],
        lambda o: o.reading.layout == "centre and size, degrees",
    ),
    "angle the other way": (
        lambda n, _: [*n[:4], -n[4]],
        lambda o: o.reading.layout == "unturned corners, degrees counter-clockwise",
    ),
    "angle in radians": (
        lambda n, _: [*n[:4], round(math.radians(n[4]), 4)],
        lambda o: o.reading.layout == "unturned corners, radians",
    ),
}


def damaged(damage: Damage) -> list[Case]:
    """What EarthDial's pen writes, with every object's numbers changed, beside the gold."""
    cases = []
    for case in answers("earthdial", "rbox", with_gold=True):
        assert case.size_wh is not None
        rows = [list(map(float, re.findall(r"-?\d+", one))) for one in re.findall(r"\[\[(.*?)\]\]", case.text)]
        told = [[round(v, 4) for v in damage(row, case.size_wh)] for row in rows]
        cases.append(case._replace(text="".join(f"[[{', '.join(f'{v:g}' for v in row)}]]" for row in told)))
    return cases


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_mended(name: str) -> None:
    damage, is_named = DAMAGES[name]
    best = examine(damaged(damage), DIALECTS).options[0]
    assert is_named(best), best
    assert best.sure > 0.9
    assert best.iou is not None
    assert best.iou > 0.75  # what whole percents leave of the objects
    assert bool(best.dialects) == (name == "none")


def test_wrong_answers_among_the_right_ones_do_not_bend_the_reading() -> None:
    damage, is_named = DAMAGES["shifted"]
    cases = damaged(damage)
    wrong = [case._replace(text=cases[-1 - i].text) if i % 3 == 0 else case for i, case in enumerate(cases)]
    assert is_named(examine(wrong, DIALECTS).options[0])


def test_mended_answers_are_those_that_were_damaged() -> None:
    damage, _ = DAMAGES["axes swapped"]
    cases = damaged(damage)
    reading = examine(cases, DIALECTS).options[0].reading
    for case, whole in zip(cases, answers("earthdial", "rbox", with_gold=True), strict=True):
        assert case.size_wh is not None
        assert mended(case.text, case.size_wh, reading, DIALECTS["earthdial"]) == whole.text


READ_AS_IT_IS = Reading("corners", "relative", False, (False, False), (0.01, 0.01), (0.0, 0.0))


@pytest.mark.parametrize(
    ("text", "layout", "said"),
    [
        ("[[90, 40, 100, 60, 0]]", "unturned corners, degrees", "[(900,400),(1000,600)]"),
        ("[[85, 40, 105, 60, 45]]", "unturned corners, degrees", "[(950,359),(1000,500),(950,641),(809,500)]"),
        ("[[90, 40, 100.5, 60]]", "corners", "[(900,400),(1000,600)]"),
    ],
)
def test_what_sticks_out_of_the_view_is_taken_to_its_border(text: str, layout: str, said: str) -> None:
    assert mended(text, (100, 100), READ_AS_IT_IS._replace(layout=layout), DIALECTS["georsmllm"]) == said


@pytest.mark.parametrize(
    ("text", "reason"),
    [("none", "no_numbers"), ("[90, 40, 120, 60]", "outside_view"), ("[[110, 40, 130, 60, 45]]", "outside_view")],
)
def test_what_lies_elsewhere_is_not_mended(text: str, reason: str) -> None:
    layout = "corners" if text.count(",") < 4 else "unturned corners, degrees"
    with pytest.raises(CannotSay) as caught:
        mended(text, (100, 100), READ_AS_IT_IS._replace(layout=layout), DIALECTS["georsmllm"])
    assert caught.value.reason == reason


def test_what_only_gold_can_tell_is_told_beside_the_verdict() -> None:
    found = examine(answers("qwen2_5_vl", "box", with_gold=False), DIALECTS)
    assert found.options[0].reading.frame == "resized"
    assert "pixels" in {option.reading.frame for option in found.options[1:]}


def test_published_strings_are_named(real: Callable[[str], Path]) -> None:
    file = real("earthdial_eval_gt") / "geochat_bench_referring_300.jsonl"
    texts = [json.loads(line)["gt_bbox"] for line in file.read_text().splitlines()]
    found = examine([Case(str(i), text, None, None) for i, text in enumerate(texts)], DIALECTS)
    assert found.options[0].dialects == ("earthdial",)
    assert found.options[0].sure > 0.99


# --- the numbers of an answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", Said("", ())),
        ("none", Said("", ())),
        ("There are 3 ships.", Said("", ())),
        ("{<1><2><3><4>|<5>}{<6><7><8><9>}", Said("braces", ((1, 2, 3, 4, 5), (6, 7, 8, 9)))),
        ("at [0.12, 0.33, 0.5, 0.77].", Said("lists", ((0.12, 0.33, 0.5, 0.77),))),
        ("[(1,2),(3,4)]|[(5,6),(7,8)];[(1,2),(3,9)]", Said("pairs", ((1, 2, 3, 4), (1, 2, 3, 9)))),  # keypoints
        ("[(1,2),(3,4),(5,6),(1,2)]", Said("pairs", ((1, 2, 3, 4, 5, 6),))),  # a closed ring
        ("[[1, 2], [3, 4]]", Said("list of pairs", ((1, 2, 3, 4),))),
        ('[{"bbox_2d": [1, 2, 3, 4], "points": [[5, 6]]}]', Said("JSON", ((1, 2, 3, 4), (5, 6)))),
        ("ship<loc_1><loc_2><loc_3><loc_4>", Said("location tokens", ((1, 2, 3, 4),))),
        ("<box><1><2><3><4></box>", Said("tagged", ((1, 2, 3, 4),))),
        ('"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]]', Said("JSON", ((1, 2, 3, 4), (5, 6, 7, 8)))),
        ("<1><2><3><4>", Said("bare tags", ((1, 2, 3, 4),))),
        ('{"x1": 1, "y1": 2, "x2": 3, "y2": 4}', Said("named numbers", ((1, 2, 3, 4),))),
        ("(x_left_top: 1.5, y_left_top: 2.0, x2: 3, y2: 4)", Said("named numbers", ((1.5, 2, 3, 4),))),
        ('<point x="12.5" y="34.1">', Said("named numbers", ((12.5, 34.1),))),
        ("[1e90, 2, 3, 4]", Said("lists", ((1e8, 2, 3, 4),))),
        ("[.5, 1e-1, 2.5E-1, 0.75]", Said("lists", ((0.5, 0.1, 0.25, 0.75),))),
        ("12 34 56 78", Said("bare numbers", ((12, 34, 56, 78),))),
        ("[-5, 2, 300, 4", Said("bare numbers", ((-5, 2, 300, 4),))),
    ],
)
def test_numbers_are_heard_by_their_brackets(text: str, said: Said) -> None:
    assert hear(text) == said


def test_runs_of_tokens_are_quads_where_every_run_can_be() -> None:
    eight, four = "<loc_1>" * 8, "<loc_1>" * 4
    assert common([eight, eight]).arity == 8
    assert common([eight, four]).said == (((1.0,) * 4,) * 2, ((1.0,) * 4,))


@given(st.text(alphabet='[](){}<>|,.-0123456789 \nloc_bxye:="', max_size=300))
def test_any_text_is_heard(text: str) -> None:
    found = examine([Case("a", text, (100, 50), None)], DIALECTS)
    assert found.answers == 1
    assert list(lines(found))


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_transform_is_told_as_a_formula() -> None:
    damage, _ = DAMAGES["upside down"]
    reading = examine(damaged(damage), DIALECTS).options[0].reading
    assert formula(reading, 0) == "x = (n_x / 100) * width"
    assert formula(reading, 1) == "y = (1 - (n_y / 100)) * height"
    assert list(oddities(reading)) == ["y runs from the bottom border"]


def test_answers_without_numbers_get_a_verdict() -> None:
    assert dict(lines(examine([Case("a", "none", None, None)], DIALECTS)))["verdict"] == "no numbers to judge by"
