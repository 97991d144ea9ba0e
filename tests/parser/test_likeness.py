"""How like two plans are: post-order, slots, edges, each against counts made by hand."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser.likeness import (
    Hits,
    aligned,
    edge_hits,
    edges,
    lemmas,
    post_order,
    slot_hits,
    slots_of,
    types,
)
from georsmllm.parser.plan import Attribute, Combine, Compare, Plan, Relation, Step
from georsmllm.parser.prompting import examples


def step(number: int, kind: str, inputs: str = "", anchors: str = "", **filled: object) -> Step:
    """A step; inputs and anchors as "12" for s1 and s2."""
    sources = [tuple(f"s{n}" for n in names) for names in (inputs, anchors)]
    text = " ".join(f"{{{name}}}" for names in sources for name in names)
    empty = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))
    return Step(
        id=f"s{number}", type=kind, role="target", text=text, inputs=sources[0], anchors=sources[1], image="single",
        **(empty | filled),
    )  # fmt: skip


def plan(*steps: Step) -> Plan:
    return Plan(steps, steps[-1].id, "boxes")


def near(**more: object) -> Relation:
    return Relation(**({"name": "near", "negated": False, "value": None, "unit": None, "side": None} | more))


SHIPS = step(1, "detect", target="ships")
WHITE = Attribute("color", "white", False)
# white ships near the pier: s1 ships, s2 white, s3 pier, s4 near
BOTH = plan(
    SHIPS,
    step(2, "filter_attribute", "1", attribute=WHITE),
    step(3, "detect", target="the pier"),
    step(4, "filter_relation", "2", "3", relation=near()),
)
# the same with the pier found first and the colour last
OTHER_ORDER = plan(
    step(1, "detect", target="piers"),
    step(2, "detect", target="the ship"),
    step(3, "filter_relation", "2", "1", relation=near()),
    step(4, "filter_attribute", "3", attribute=WHITE),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("The Storage Tanks", "storage tank"),
        ("north_of", "north of"),
        ("<0.5", "< 0.5"),
        (">= 60 km/h", ">= 60 km h"),
        (50, "50"),
        (50.0, "50"),
        (0.25, "0.25"),
        ("50", "50"),
        (True, "true"),
        ("all water bodies", "water body"),
        ("top-left", "top left"),
    ],
)
def test_values_are_compared_as_lemmas(value, expected):
    assert lemmas(value) == expected


def test_post_order_is_inputs_then_anchors_as_listed():
    assert types(None) == ()
    assert [s.id for s in post_order(BOTH)] == ["s1", "s2", "s3", "s4"]
    assert [s.id for s in post_order(OTHER_ORDER)] == ["s2", "s1", "s3", "s4"]
    assert types(OTHER_ORDER) == ("detect", "detect", "filter_relation", "filter_attribute")


def test_how_independent_steps_are_numbered_does_not_matter():
    renumbered = plan(
        step(1, "detect", target="piers"),
        step(2, "detect", target="ships"),
        step(3, "filter_attribute", "2", attribute=WHITE),
        step(4, "filter_relation", "3", "1", relation=near()),
    )
    assert types(renumbered) == types(BOTH)
    assert edges(post_order(renumbered)) == edges(post_order(BOTH))
    assert edge_hits(renumbered, BOTH) == Hits(3, 3, 3)


def test_slots_are_the_filled_leaves_and_negation_only_where_it_is():
    assert slots_of(None) == Counter()
    assert slots_of(BOTH) == Counter(
        {
            ("target", "ship"): 1, ("attribute.name", "color"): 1, ("attribute.value", "white"): 1,
            ("target", "pier"): 1, ("relation.name", "near"): 1,
        }
    )  # fmt: skip
    denied = plan(SHIPS, step(2, "filter_relation", "1", "1", relation=near(negated=True, value=3, unit="count_min")))
    assert slots_of(denied)[("relation.negated", "true")] == 1
    assert slots_of(denied)[("relation.value", "3")] == 1
    ranked = plan(SHIPS, step(2, "compare", "1", compare=Compare("area", "top_k", 2, None)))
    assert sorted(slots_of(ranked)) == [
        ("compare.criterion", "area"), ("compare.k", "2"), ("compare.mode", "top k"), ("target", "ship"),
    ]  # fmt: skip


def test_what_combines_and_changes_is_no_slot():
    joined = plan(SHIPS, step(2, "detect", target="boats"), step(3, "combine", "12", combine=Combine("union")))
    assert set(slots_of(joined)) == {("target", "ship"), ("target", "boat")}


@pytest.mark.parametrize(
    ("made", "wanted", "slot", "edge"),
    [
        (None, None, Hits(0, 0, 0), Hits(0, 0, 0)),
        (None, BOTH, Hits(0, 0, 5), Hits(0, 0, 3)),
        (BOTH, None, Hits(0, 5, 0), Hits(0, 3, 0)),
        (plan(SHIPS), plan(SHIPS), Hits(1, 1, 1), Hits(0, 0, 0)),
        (BOTH, BOTH, Hits(5, 5, 5), Hits(3, 3, 3)),
        # ships -> white and pier -anchor-> near, ships -> near, near -> white; of BOTH: ships -> white, white -> near,
        # pier -anchor-> near: only the anchor's edge is in both
        (OTHER_ORDER, BOTH, Hits(5, 5, 5), Hits(1, 3, 3)),
        (plan(SHIPS), BOTH, Hits(1, 1, 5), Hits(0, 0, 3)),
    ],
)
def test_counts_made_by_hand(made, wanted, slot, edge):
    assert slot_hits(made, wanted) == slot
    assert edge_hits(made, wanted) == edge


def test_an_edge_of_another_kind_is_no_match():
    ordinary = plan(SHIPS, step(2, "detect", target="piers"), step(3, "filter_relation", "1", "2", relation=near()))
    swapped = plan(SHIPS, step(2, "detect", target="piers"), step(3, "filter_relation", "2", "1", relation=near()))
    assert slot_hits(swapped, ordinary).f1 == 1
    assert edge_hits(swapped, ordinary) == Hits(0, 2, 2)


def test_f1_of_nothing_is_one_and_of_one_side_zero():
    assert Hits(0, 0, 0).f1 == 1
    assert Hits(0, 3, 0).f1 == Hits(0, 0, 3).f1 == 0
    assert Hits(2, 3, 5).f1 == 0.5


def test_steps_of_different_types_are_never_aligned():
    assert aligned((SHIPS,), (step(1, "segment", target="ships"),)) == ()
    assert aligned((), (SHIPS,)) == ()


def test_alignment_goes_by_slots_not_by_place():
    ours = (SHIPS, step(2, "detect", target="piers"), step(3, "detect", target="cranes"))
    theirs = (step(1, "detect", target="the crane"), step(2, "detect", target="ships"))
    assert aligned(ours, theirs) == ((0, 1), (2, 0))


def test_equal_steps_are_told_apart_by_what_led_to_them():
    def counted(first: str, second: str) -> Plan:
        return plan(
            step(1, "detect", target=first), step(2, "detect", target=second), step(3, "count", "1"),
            step(4, "count", "2"), step(5, "compare", "34", compare=Compare("value", "ratio", None, None)),
        )  # fmt: skip

    ours, theirs = counted("cars", "trucks"), counted("trucks", "cars")
    assert edge_hits(ours, ours) == Hits(4, 4, 4)
    assert edge_hits(ours, theirs) == Hits(4, 4, 4)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.query)
def test_a_plan_is_wholly_like_itself(example):
    assert slot_hits(example.plan, example.plan).f1 == 1
    hits = edge_hits(example.plan, example.plan)
    assert hits.matched == hits.made == hits.wanted
    steps = post_order(example.plan)
    assert aligned(steps, steps) == tuple((i, i) for i in range(len(steps)))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=31))
def test_a_tower_of_equal_steps_is_aligned_with_itself(back):
    steps = [SHIPS]
    for number, distance in enumerate(back, start=2):
        one, other = number - 1, max(1, number - 1 - distance)
        inputs = (f"s{one}", f"s{other}")
        steps.append(
            Step(f"s{number}", "combine", "target", json.dumps(inputs), inputs, (), "single", None, None, None, None,
                 None, Combine("union"))
        )  # fmt: skip
    tower = plan(*steps)
    hits = edge_hits(tower, tower)
    assert hits.matched == hits.made == hits.wanted
