"""The frame doctor names the form and frame of what every dialect's pen writes, and what was done to damaged copies."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.contracts import SizeWH, Spoken
from georsmllm.dialects._resize import resized
from georsmllm.discover import dialect, dialect_names
from georsmllm.doctor.answers import MAX_OBJECTS, Said, common, hear
from georsmllm.doctor.ears import Case
from georsmllm.doctor.examination import Option, examine
from georsmllm.doctor.mending import mended
from georsmllm.doctor.readings import Reading
from georsmllm.doctor.wording import formula, lines, oddities
from georsmllm.errors import CannotSay
from georsmllm.types import PointSet, box, point, rbox

DIALECTS = {name: dialect(name) for name in dialect_names()}
SIZES = ((600, 500), (800, 800), (1333, 800), (1000, 1024), (640, 960))
KEYPOINTS = {"think2seg": 2, "geo_r1": 2}


def shape(rng: Random, kind: str, size: SizeWH, *, keypoints: int = 0) -> PointSet:
    """An object well inside its view, of 2 to 30 % of its sides."""
    w, h = (side * math.exp(rng.uniform(math.log(0.03), math.log(0.3))) for side in size)
    x, y = rng.uniform(w, size[0] - w), rng.uniform(h, size[1] - h)
    if kind == "point":
        return point(x, y)
    if kind == "box":
        inside = tuple((x + rng.uniform(-w, w) / 3, y + rng.uniform(-h, h) / 3) for _ in range(keypoints))
        return box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, inside)
    a = rng.uniform(0, math.pi)
    w, h, c, s = w / 1.5, h / 1.5, math.cos(a) / 2, math.sin(a) / 2
    corners = [(x + i * w * c - j * h * s, y + i * w * s + j * h * c) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return rbox(tuple((min(max(px, 0), size[0]), min(max(py, 0), size[1])) for px, py in corners))


def answers(name: str, kind: str, *, with_gold: bool, num: int = 40) -> list[Case]:
    rng = Random(1)
    cases = []
    while len(cases) < num:
        size = rng.choice(SIZES)
        objects = [
            Spoken(shape(rng, kind, size, keypoints=KEYPOINTS.get(name, 0)), "ship") for _ in range(rng.randint(1, 3))
        ]
        try:
            text = DIALECTS[name].encode(objects, size, None)
        except CannotSay:  # an object that is too small for a coarse grid
            continue
        gold = tuple(PointSet(o.shape.kind, o.shape.rings) for o in objects) if with_gold else None
        cases.append(Case(str(len(cases)), text, size, gold))
    return cases


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


# --- what real answers are like ----------------------------------------------------------------------------------------


def boxes(
    size: SizeWH | None = None, *, dialect: str = "qwen3_vl", wrong: float = 0.0, num: int = 60, seed: int = 3
) -> list[Case]:
    """One or two boxes an answer, each a little off its gold, and a share of answers that have nothing to do with it."""
    rng = Random(seed)
    cases = []
    for i in range(num):
        view = size or rng.choice(SIZES)
        gold = [shape(rng, "box", view) for _ in range(rng.randint(1, 2))]
        said = [shape(rng, "box", view) for _ in gold] if rng.random() < wrong else [jittered(rng, one) for one in gold]
        text = DIALECTS[dialect].encode([Spoken(one, "ship") for one in said], view, None)
        cases.append(Case(f"{dialect}{i}", text, view, tuple(gold)))
    return cases


def jittered(rng: Random, one: PointSet) -> PointSet:
    (x1, y1), (x2, y2) = one.rings[0].points
    dx, dy = rng.gauss(0, 0.08) * (x2 - x1), rng.gauss(0, 0.08) * (y2 - y1)
    return (
        box(max(x1 + dx, 0), max(y1 + dy, 0), max(x2 + dx, 1), max(y2 + dy, 1)) if x1 + dx > 0 and y1 + dy > 0 else one
    )


def told(cases: list[Case], *, with_gold: bool = True) -> dict[str, str]:
    """The last of the lines of each heading."""
    return dict(lines(examine(cases if with_gold else [case._replace(gold=None) for case in cases], DIALECTS)))


@pytest.mark.parametrize("wrong", [0.3, 0.5, 0.8])
def test_a_model_that_is_mostly_wrong_still_has_a_frame(wrong: float) -> None:
    best = examine(boxes(wrong=wrong, num=100), DIALECTS).options[0]
    assert best.dialects == ("qwen3_vl",)
    assert best.sure > 0.75


def test_answers_that_have_nothing_to_do_with_their_gold_leave_it_unsure() -> None:
    found = examine(boxes(wrong=1.0), DIALECTS)
    assert found.options[0].sure < 0.5
    assert "no reading puts these answers on their gold" in told(boxes(wrong=1.0))["doubt"]


def test_two_forms_in_one_file_are_told_with_their_shares() -> None:
    found = examine(boxes(dialect="qwen2_5_vl", num=45) + boxes(num=30), DIALECTS)
    assert "qwen2_5_vl" in found.options[0].dialects
    assert [part.dialects for part in found.parts] == [("qwen3_vl",)]
    assert found.parts[0].share == pytest.approx(0.4, abs=0.15)
    assert found.options[0].sure < 0.8
    assert "are rather two corners; 0 to 1000 of the view's width and height (qwen3_vl)" in "".join(
        told(boxes(dialect="qwen2_5_vl", num=45) + boxes(num=30)).values()
    )


@pytest.mark.parametrize("with_gold", [False, True])
def test_views_of_one_size_cannot_tell_pixels_from_thousandths(with_gold: bool) -> None:
    cases = boxes((1000, 1000), dialect="georsmllm")
    best = examine(cases if with_gold else [case._replace(gold=None) for case in cases], DIALECTS).options[0]
    assert best.dialects == ("georsmllm",)
    assert best.reading.frame == "relative"
    assert "pixels" in {reading.frame for reading in best.same}
    assert "pixels of the view" in told(cases, with_gold=with_gold)["same here"]


def test_offsets_of_tiles_that_were_not_added_back_are_guessed_at() -> None:
    rng = Random(0)
    cases = []
    for case in boxes((500, 500), dialect="qwen2_5_vl"):
        x, y = rng.choice((0, 500, 1000, 1500)), rng.choice((0, 500, 1000, 1500))
        gold = [one.rings[0].points for one in case.gold or ()]
        moved = tuple(box(a + x, b + y, c + x, d + y) for (a, b), (c, d) in gold)
        cases.append(case._replace(size_wh=(2000, 2000), gold=moved))
    assert "were the offsets of tiles not added back?" in told(cases)["doubt"]
    assert "doubt" not in told(boxes((500, 500), dialect="qwen2_5_vl", wrong=0.5))


@pytest.mark.parametrize("is_gold_point", [False, True])
def test_points_are_judged_by_their_distance_or_by_the_box_around(is_gold_point: bool) -> None:
    cases = answers("qwen3_vl", "point", with_gold=True)
    if not is_gold_point:
        cases = [case._replace(gold=tuple(_around(one) for one in case.gold or ())) for case in cases]
    found = examine(cases, DIALECTS)
    assert found.options[0].dialects == ("qwen3_vl",)
    assert found.options[0].iou == pytest.approx(found.heard[0].iou)
    assert (found.options[0].iou or 0) > 0.95
    assert "mean hit" in told(cases)["gold"]


def _around(one: PointSet) -> PointSet:
    ((x, y),) = one.rings[0].points
    return box(x - 9, y - 9, x + 9, y + 9)


def test_counts_that_never_fit_hide_nothing() -> None:
    cases = [case._replace(text=case.text + case.text) for case in answers("falcon", "box", with_gold=True)]
    assert examine(cases, DIALECTS).options[0].dialects == ("falcon",)


def test_gold_of_no_use_is_told() -> None:
    cases = [case._replace(gold=()) for case in boxes()]
    found = examine(cases, DIALECTS)
    assert not found.by_gold
    assert found.options[0].iou is None
    assert "the gold is of no use" in "".join(text for heading, text in lines(found) if heading == "doubt")


def test_a_few_answers_do_not_make_sure() -> None:
    for num in (2, 3, 5):
        best = examine(boxes(num=num), DIALECTS).options[0]
        assert best.dialects == ("qwen3_vl",)
        assert best.sure <= (num + 1) / (num + 2)


# --- without gold ------------------------------------------------------------------------------------------------------


def redone(cases: list[Case], redo: Callable[[float, int, SizeWH], float]) -> list[Case]:
    """Every coordinate of JSON boxes changed by (number, axis, size)."""

    def changed(case: Case) -> Case:
        assert case.size_wh is not None
        size, at = case.size_wh, iter(range(10**6))
        text = re.sub(r"(?<=[\[ ])\d+(?=[,\]])", lambda m: f"{redo(float(m[0]), next(at) % 2, size):g}", case.text)
        return case._replace(text=text, gold=None)

    return [changed(case) for case in cases]


def test_numbers_that_fill_half_of_their_frame_are_doubted() -> None:
    found = examine(redone(boxes(dialect="teochat"), lambda n, *_: n // 2), DIALECTS)
    assert found.options[0].sure < 0.5
    assert "on x the objects reach only from" in "".join(text for heading, text in lines(found) if heading == "doubt")
    assert examine(redone(boxes(dialect="teochat"), lambda n, *_: n), DIALECTS).options[0].sure > 0.9


def test_boxes_upside_down_show_by_their_corners() -> None:
    best = examine(redone(boxes(), lambda n, axis, _: 1000 - n if axis else n), DIALECTS).options[0]
    assert best.reading.mirrored == (False, True)
    assert best.dialects == ()


def test_numbers_beyond_the_frame_are_no_reason_for_a_smaller_one() -> None:
    cases = [case._replace(gold=None) for case in answers("georsmllm", "rbox", with_gold=True)]
    halves = [case._replace(text=re.sub(r"\d+", lambda m: f"{m[0]}.5", case.text)) for case in cases]
    assert examine(halves, DIALECTS).options[0].reading.scale == (0.001, 0.001)


def test_what_only_gold_can_tell_is_said_to_be_unseen() -> None:
    assert "swapped and mirrored axes" in told(boxes(), with_gold=False)["unseen"]
    assert "unseen" not in told(boxes())


def test_answers_in_several_forms_are_judged_by_the_commonest_and_the_rest_is_told() -> None:
    cases = boxes(dialect="vrsbench") + answers("earthdial", "rbox", with_gold=True, num=20)
    assert "objects were not looked at" in told(cases)["doubt"]


def test_answers_of_one_dialect_with_several_kinds_of_objects_are_all_of_it() -> None:
    cases = [case for kind in ("box", "rbox") for case in answers("georsmllm", kind, with_gold=True)]
    both = [
        case._replace(text=f"{case.text};{cases[-1 - i].text}", gold=(*(case.gold or ()), *(cases[-1 - i].gold or ())))
        for i, case in enumerate(cases[:10])
    ]
    found = examine(cases + both, DIALECTS)
    assert found.left_read
    assert found.options[0].iou == pytest.approx(found.heard[0].iou)
    assert "doubt" not in told(cases + both)
    assert "georsmllm reads as well" in told(cases + both)["answers"]


# --- the numbers of an answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", Said("", ())),
        ("none", Said("", ())),
        ("There are 3 ships.", Said("", ())),
        ("{<1><2><3><4>|<5>}{<6><7><8><9>}", Said("braces", ((1, 2, 3, 4, 5), (6, 7, 8, 9)))),
        ("at [0.12, 0.33, 0.5, 0.77].", Said("lists", ((0.12, 0.33, 0.5, 0.77),))),
        ("[(1,2),(3,4),(5,6),(1,2)]", Said("pairs", ((1, 2, 3, 4, 5, 6),))),  # a closed ring
        ("[[1, 2], [3, 4]]", Said("list of pairs", ((1, 2, 3, 4),))),
        ('[{"bbox_2d": [1, 2, 3, 4], "points": [[5, 6]]}]', Said("JSON", ((1, 2, 3, 4), (5, 6)))),
        ("ship<loc_1><loc_2><loc_3><loc_4>", Said("location tokens", ((1, 2, 3, 4),))),
        ("<box><1><2><3><4></box>", Said("tagged", ((1, 2, 3, 4),))),
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


@given(st.text(alphabet="[](){}<>|,.-0123456789 \nloc_bx", max_size=300))
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


def test_crowded_answers_take_no_longer_for_it() -> None:
    rng = Random(0)
    crowd = [Spoken(shape(rng, "box", (800, 800)), "ship") for _ in range(400)]
    text, gold = DIALECTS["georsmllm"].encode(crowd, (800, 800), None), tuple(one.shape for one in crowd)
    found = examine([*boxes(dialect="georsmllm"), *[Case("crowd", text, (800, 800), gold)] * 20], DIALECTS)
    assert found.options[0].dialects == ("georsmllm",)
    assert found.objects < 400
    assert len(hear("<loc_1>" * 10_000).objects) == 1
    assert len(common(["<loc_1>" * 10_000]).said[0]) == MAX_OBJECTS
