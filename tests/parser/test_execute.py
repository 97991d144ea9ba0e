"""The walk of a plan: what is asked, what is left out, what every step leaves behind, in all three ways of executing."""

from __future__ import annotations

import math

import pytest
from scripted import (
    BARE,
    MAP,
    Scripted,
    at,
    change,
    combine,
    compare,
    count,
    describe,
    find,
    ids,
    plan,
    relate,
    run,
    step,
    strip,
)  # fmt: skip

from georsmllm.found import REASONS, StepTrace, Watch
from georsmllm.parser.execute import execute

# a river that swings from side to side on its way down, and planes on both banks
LEFT = [(400 + 80 * math.sin(y / 120), y) for y in range(0, 1001, 20)]
RIVER = strip(*LEFT, *((x + 60, y) for x, y in reversed(LEFT)))
PLANES = [at(600, 100), at(200, 500), at(560, 500), at(300, 900), at(700, 900), at(520, 190)]
EAST_BANK = (
    find("s1", "planes"),
    find("s2", "the river", role="anchor"),
    relate("s3", "From {s1}, keep the planes on the east side of {s2}.", "on_side_of", anchors="s2", side="east"),
)


@pytest.mark.parametrize("executor", ["auto", "geometric"])
def test_planes_on_the_east_bank_of_the_river(executor: str) -> None:
    eyes = Scripted({"planes": PLANES, "the river": [RIVER]}, images=(MAP,))
    outcome = run(EAST_BANK, eyes, executor=executor)
    assert ids(outcome) == [1, 3, 5, 6]
    assert outcome.reason == ""
    assert eyes.asked == ["find planes", "find the river as area"]
    assert [trace.outputs for trace in outcome.steps] == [(1, 2, 3, 4, 5, 6), (7,), (1, 3, 5, 6)]
    last = outcome.steps[-1]
    assert (last.how, last.inputs, last.anchors) == ("geometry", (1, 2, 3, 4, 5, 6), (7,))
    assert last.note.startswith("kept 4 of 6: the middle lies ")
    assert last.note.endswith(" px east of the line of the nearest anchor")
    assert [(name, len(layer)) for name, layer in outcome.layers] == [("s1", 6), ("s2", 1), ("s3", 4)]


def test_the_paper_asks_the_model_which_of_them_are_there() -> None:
    asked: list[tuple[str, list[int], list[int]]] = []

    def picks(condition, candidates, anchors):
        asked.append((condition, [one.id for one in candidates], [one.id for one in anchors]))
        return [3, 1, 99]

    eyes = Scripted({"planes": PLANES, "the river": [RIVER]}, picks=picks)
    outcome = run(EAST_BANK, eyes, executor="neural")
    assert asked == [("From the candidates, keep the planes on the east side of the anchors.", [1, 2, 3, 4, 5, 6], [7])]
    assert ids(outcome) == [1, 3]  # in the order of the input, and 99 is nobody
    assert outcome.steps[-1].how == "model"
    assert "1 of its ids are none of the candidates" in outcome.steps[-1].note


def test_every_step_is_told_as_it_is_done() -> None:
    told: list[StepTrace] = []
    outcome = execute(
        plan(*EAST_BANK), Scripted({"planes": PLANES, "the river": [RIVER]}), watch=Watch(step=told.append)
    )
    assert tuple(told) == outcome.steps
    assert [one.id for one in told] == ["s1", "s2", "s3"]
    assert all(one.seconds >= 0 and one.reason in REASONS and one.note for one in told)


def test_a_watch_may_end_an_ask() -> None:
    def gone(_: StepTrace) -> None:
        raise ConnectionError("the client is gone")

    eyes = Scripted({"planes": PLANES})
    with pytest.raises(ConnectionError):
        execute(plan(*EAST_BANK), eyes, watch=Watch(step=gone))
    assert eyes.asked == ["find planes"]


# --- early stops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "answer", "expected"),
    [
        ((), "boxes", None),
        ((step("s4", "segment", "Segment {s3}."),), "masks", None),
        ((count("s4", "Count {s3}."),), "number", 0),
        ((compare("s4", "Is {s3} non-empty?", "count", "exists"),), "boolean", False),
    ],
)
def test_nothing_of_the_kind_ends_the_ask(last, answer, expected) -> None:
    eyes = Scripted({"the river": [RIVER]})
    outcome = run((*EAST_BANK, *last), eyes, answer=answer)
    assert eyes.asked == ["find planes"]  # the river is not looked for any more
    assert (outcome.findings, outcome.value, outcome.reason) == ((), expected, "NOTHING_FOUND")
    assert [one.reason for one in outcome.steps][:3] == ["NOTHING_FOUND", "EMPTY_INPUT", "EMPTY_INPUT"]
    assert len(outcome.steps) == len(EAST_BANK) + len(last)


def test_without_the_river_nothing_lies_at_it() -> None:
    eyes = Scripted({"planes": PLANES})
    outcome = run(EAST_BANK, eyes)
    assert (outcome.findings, outcome.reason) == ((), "ANCHOR_NOT_FOUND")
    assert [one.reason for one in outcome.steps] == ["", "NOTHING_FOUND", "ANCHOR_NOT_FOUND"]


def test_a_missing_anchor_that_comes_first_spares_the_search() -> None:
    steps = (
        find("s1", "the river", role="anchor"),
        find("s2", "planes"),
        relate("s3", "From {s2}, keep those near {s1}.", "near", anchors="s1"),
        count("s4", "Count {s3}."),
    )
    eyes = Scripted({"planes": PLANES})
    outcome = run(steps, eyes, answer="number")
    assert eyes.asked == ["find the river as area"]
    assert (outcome.value, outcome.reason) == (0, "ANCHOR_NOT_FOUND")
    assert [one.reason for one in outcome.steps] == [
        "NOTHING_FOUND", "EMPTY_INPUT", "ANCHOR_NOT_FOUND", "EMPTY_INPUT",
    ]  # fmt: skip


@pytest.mark.parametrize("executor", ["auto", "geometric", "neural"])
def test_not_near_what_is_not_there_keeps_all(executor: str) -> None:
    steps = (*EAST_BANK[:2], relate("s3", "From {s1}, drop those near {s2}.", "near", anchors="s2", negated=True))
    outcome = run(steps, Scripted({"planes": PLANES}, picks=lambda *_: ()), executor=executor)
    assert ids(outcome) == [1, 2, 3, 4, 5, 6]
    assert (outcome.reason, outcome.steps[-1].reason) == ("", "ANCHOR_NOT_FOUND")


def test_other_branches_are_still_asked() -> None:
    steps = (
        find("s1", "ships"),
        describe("s2", "From {s1}, keep those on the left.", "image_region", "left"),
        find("s3", "planes"),
        combine("s4", "Join {s2} and {s3}.", "union"),
    )
    outcome = run(steps, Scripted({"planes": PLANES}))
    assert ids(outcome) == [1, 2, 3, 4, 5, 6]
    assert outcome.reason == ""


def test_a_plan_of_doublings_takes_no_time() -> None:
    steps = [find("s1", "ships"), find("s2", "planes")]
    steps += [combine(f"s{n}", f"Join {{s{n - 1}}} and {{s{n - 2}}}.", "union") for n in range(3, 33)]
    eyes = Scripted({"planes": PLANES})
    assert ids(run(steps, eyes)) == [1, 2, 3, 4, 5, 6]


# --- what cannot be said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["auto", "geometric", "neural"])
@pytest.mark.parametrize(("name", "value"), [("speed", ">60 km/h"), ("ownership", "the navy"), ("motion", "> 5 mph")])
def test_what_no_image_shows_is_refused(executor: str, name: str, value: str) -> None:
    steps = (
        find("s1", "cars"),
        describe("s2", "From {s1}, keep the fast ones.", name, value),
        count("s3", "Count {s2}."),
    )
    eyes = Scripted({"cars": PLANES})
    outcome = run(steps, eyes, answer="number", executor=executor)
    assert eyes.asked == ["find cars"]
    assert (outcome.value, outcome.reason) == (None, "UNOBSERVABLE")  # not 0: nobody knows


def test_metres_need_a_georeferenced_image() -> None:
    steps = (
        *EAST_BANK[:2],
        relate("s3", "From {s1}, keep those within 50 m of {s2}.", "within_distance", anchors="s2", value=50, unit="m"),
    )
    world = {"planes": PLANES, "the river": [RIVER]}
    for executor in ("auto", "geometric"):
        outcome = run(steps, Scripted(world, images=(BARE,)), executor=executor)
        assert (outcome.findings, outcome.reason) == ((), "NOT_GEOREFERENCED")
    assert ids(run(steps, Scripted(world, images=(MAP,)))) == [1, 6]  # 71 and 0 of the 100 px


def test_what_has_to_be_seen_is_asked_of_the_model_or_not_said() -> None:
    steps = (
        find("s1", "ships"),
        describe("s2", "From {s1}, keep the white ones.", "color", "white"),
        compare("s3", "Is {s2} non-empty?", "count", "exists"),
    )
    eyes = Scripted({"ships": PLANES}, picks=lambda *_: (2,))
    outcome = run(steps, eyes, answer="boolean", executor="auto")
    assert (outcome.value, ids(outcome)) == (True, [2])
    assert eyes.asked[-1] == "select From the candidates, keep the white ones."
    outcome = run(steps, Scripted({"ships": PLANES}), answer="boolean", executor="geometric")
    assert (outcome.value, outcome.reason) == (None, "NOT_GEOMETRIC")


def test_an_unreadable_answer_counts_as_nothing() -> None:
    steps = (find("s1", "ships"), describe("s2", "From {s1}, keep the white ones.", "color", "white"))
    condition = "From the candidates, keep the white ones."
    outcome = run(steps, Scripted({"ships": PLANES}, unreadable=(condition,)), executor="auto")
    assert (outcome.findings, outcome.reason) == ((), "UNREADABLE")
    outcome = run(steps, Scripted({"ships": PLANES}, unreadable=("ships",)), executor="auto")
    assert (outcome.findings, outcome.reason) == ((), "UNREADABLE")


def test_the_largest_of_many_is_asked_in_rounds() -> None:
    many = [at(20 * i + 10, 50, 10) for i in range(45)]

    def picks(condition, candidates, anchors):  # as the eyes do: groups of twenty, the best of each
        return [
            max(group, key=lambda one: one.id).id
            for group in (candidates[i : i + 20] for i in range(0, len(candidates), 20))
        ]

    steps = (find("s1", "towers"), compare("s2", "From {s1}, take the tallest tower.", "height", "max"))
    eyes = Scripted({"towers": many}, picks=picks)
    outcome = run(steps, eyes, executor="auto")
    assert ids(outcome) == [45]  # the best of three groups met in a second question
    assert [one.split()[0] for one in eyes.asked] == ["find", "select", "select"]


# --- pairs -----------------------------------------------------------------------------------------------------------

PAIR = (MAP, MAP)


def test_change_is_asked_of_a_pair() -> None:
    steps = (
        change("s1", "buildings", "disappeared"),
        compare("s2", "From {s1}, keep those over 200 m2.", "area", "greater_than", value="200 m2"),
    )
    eyes = Scripted({"disappeared:buildings": [at(100, 100, 29), at(300, 300, 28)]}, images=PAIR)
    outcome = run(steps, eyes, answer="change_mask")
    assert eyes.asked == ["change buildings disappeared 0>1", "outline 1"]
    assert ids(outcome) == [1]  # 841 and 784 px of 0.25 m2
    assert outcome.findings[0].mask_scene is not None
    assert outcome.findings[0].image == 0


@pytest.mark.parametrize(
    "steps",
    [
        (change("s1", "buildings", "appeared"),),
        (find("s1", "buildings", image="B"),),
    ],
)
def test_one_image_is_no_pair(steps) -> None:
    eyes = Scripted({"buildings": PLANES})
    outcome = run(steps, eyes)
    assert eyes.asked == []
    assert (outcome.findings, outcome.reason) == ((), "NOT_A_PAIR")


def test_images_of_a_pair_share_a_frame() -> None:
    steps = (
        step("s1", "segment", "Segment the forest in image A.", target="the forest", image="A", role="anchor"),
        change("s2", "buildings", "appeared"),
        relate("s3", "From {s2}, keep those that overlap {s1}.", "overlaps", anchors="s1"),
        compare("s4", "Is {s3} non-empty?", "count", "exists"),
    )
    world = {
        "the forest": [strip((0, 0), (500, 0), (500, 500), (0, 500))],
        "appeared:buildings": [at(490, 490), at(700, 700)],
    }
    outcome = run(steps, Scripted(world, images=PAIR), answer="boolean")
    assert (outcome.value, ids(outcome)) == (True, [2])


def test_more_buildings_than_before() -> None:
    steps = (
        find("s1", "buildings", image="A"),
        find("s2", "buildings", image="B"),
        count("s3", "Count {s1}."),
        count("s4", "Count {s2}."),
        compare("s5", "Is {s4} minus {s3} greater than 2?", "value", "difference_greater_than", value=2),
    )
    for now, expected in ((3, False), (4, True)):
        world = {"buildings": PLANES[:1], "B:buildings": [at(50 * i + 50, 50) for i in range(now)]}
        assert run(steps, Scripted(world, images=PAIR), answer="boolean").value is expected


# --- answers ---------------------------------------------------------------------------------------------------------


def test_masks_are_made_where_masks_are_asked_for() -> None:
    eyes = Scripted({"ships": PLANES[:2]})
    outcome = run((find("s1", "ships"), step("s2", "segment", "Segment {s1}.")), eyes, answer="masks")
    assert eyes.asked == ["find ships", "outline 2"]
    assert [one.mask_scene is not None for one in outcome.findings] == [True, True]
    eyes = Scripted({"lakes": PLANES[:1]})
    outcome = run((step("s1", "segment", "Segment all lakes.", target="all lakes"),), eyes, answer="masks")
    assert eyes.asked == ["find lakes as area", "outline 1"]
    assert dict(outcome.layers)["s1"] == outcome.findings


def test_two_counts_are_two_numbers() -> None:
    steps = (
        find("s1", "cars"),
        describe("s2", "From {s1}, keep the white ones.", "color", "white"),
        describe("s3", "From {s1}, keep the black ones.", "color", "black"),
        count("s4", "Count {s2}."),
        count("s5", "Count {s3}."),
        combine("s6", "Report {s4} and {s5}.", "tuple"),
    )
    eyes = Scripted({"cars": PLANES}, picks=lambda condition, *_: (1, 2) if "white" in condition else (6,))
    outcome = run(steps, eyes, answer="numbers", executor="auto")
    assert outcome.value == (2, 1)
    assert sorted(ids(outcome)) == [1, 2, 6]


def test_a_set_can_answer_for_a_number() -> None:
    assert run((find("s1", "cars"),), Scripted({"cars": PLANES}), answer="number").value == 6
    assert run((find("s1", "cars"),), Scripted({"cars": PLANES}), answer="boolean").value is True
    outcome = run((find("s1", "cars"),), Scripted({}), answer="boolean")
    assert (outcome.value, outcome.reason) == (False, "NOTHING_FOUND")


@pytest.mark.parametrize("target", ["all water bodies", "the river", "every one of the ships", "all"])
def test_phrases_lose_their_all(target: str) -> None:
    eyes = Scripted({})
    run((find("s1", target),), eyes)
    expected = {"all water bodies": "water bodies", "the river": "the river as area", "all": "all"}
    assert eyes.asked == [f"find {expected.get(target, 'one of the ships')}"]
