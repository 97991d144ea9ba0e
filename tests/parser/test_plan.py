"""Plans: the ideal decompositions are let through, every kind of broken plan is named."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser.plan import MAX_BYTES, BadPlan, Plan, chain, check, read

EMPTY = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))
DETECT = EMPTY | {"type": "detect", "role": "target", "inputs": [], "anchors": [], "image": "single"}
QUAYS = {
    "answer_from": "s3",
    "answer_type": "boxes",
    "steps": [
        DETECT | {"id": "s1", "text": "Detect all cranes.", "target": "cranes"},
        DETECT | {"id": "s2", "text": "Detect the quay.", "target": "the quay", "role": "anchor"},
        DETECT | {
            "id": "s3", "type": "filter_relation", "text": "From {s1}, keep those along {s2}.", "inputs": ["s1"],
            "anchors": ["s2"],
            "relation": {"name": "along", "negated": False, "value": None, "unit": None, "side": None},
        },
    ],
}  # fmt: skip


def changed(path: list[str | int], value: object) -> dict[str, object]:
    plan = deepcopy(QUAYS)
    node = plan
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return plan


def test_a_good_plan_is_read_and_its_chain_is_that_of_the_target_steps():
    plan = read(json.dumps(QUAYS))
    assert [step.id for step in plan.steps] == ["s1", "s2", "s3"]
    assert chain(plan) == ("Detect all cranes.", "From {s1}, keep those along {s2}.")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([], "Expected `object`, got `array`"),
        (changed(["steps"], []), "0 steps, expected 1 to 32"),
        (changed(["answer_from"], "s9"), "answer_from is 's9'"),
        (changed(["answer_from"], "s1"), "the result of s3 is never used"),
        (changed(["answer_type"], "poem"), "Invalid enum value 'poem'"),
        (changed(["steps", 0, "id"], "s7"), "step 1 is called 's7', expected 's1'"),
        (changed(["steps", 0, "inputs"], ["s3"]), "s1 refers to 's3', which is no earlier step"),
        (changed(["steps", 2, "inputs"], []), "names {s1}|without inputs"),
        (changed(["steps", 2, "text"], "Keep {s4}."), "names {s4}"),
        (
            changed(["steps", 2, "relation"], None),
            r"s3 is a filter_relation step and fills \[\], expected \['relation'\]",
        ),
        (
            changed(["steps", 0, "attribute"], {"name": "color", "value": "red", "negated": False}),
            "fills .*'attribute'",
        ),
        (changed(["steps", 2, "relation", "name"], "near-ish"), "Invalid enum value 'near-ish'"),
        (changed(["steps", 0, "code"], "import os"), "unknown field `code`"),
        (changed(["steps", 0, "co\nde\u2028\x1b"], 1), r"unknown field `co\\nde\\u2028\\x1b`"),
        (changed(["steps", 0, "id"], "s\n7"), r"step 1 is called 's\\n7'"),
        (changed(["steps", 2, "text"], "From {s1}, keep the long ones."), "does not name {s2}"),
        (changed(["steps", 2, "text"], "Keep those along {s2}."), "does not name {s1}"),
    ],
)
def test_a_broken_plan_is_one_line(plan, message):
    with pytest.raises(BadPlan, match=message) as bad:
        read(json.dumps(plan))
    assert str(bad.value).isprintable()


@pytest.mark.parametrize("text", ['"\ud800"', "\ud800", '"\\ud800"', b"\xff", b'"\xff"'])
def test_text_that_is_no_unicode_is_no_plan(text):
    with pytest.raises(BadPlan) as bad:
        read(text)
    assert str(bad.value).isprintable()


def test_a_message_stays_short_however_long_the_foreign_name():
    with pytest.raises(BadPlan) as bad:
        read(json.dumps(changed(["steps", 0, "x" * 50_000], 1)))
    assert len(str(bad.value)) < 1000


def test_a_plan_is_bounded():
    with pytest.raises(BadPlan, match="at most"):
        read(" " * (MAX_BYTES + 1))


@given(
    st.one_of(
        st.text(st.characters(), max_size=300),
        st.binary(max_size=300),
        st.recursive(st.none(), st.lists, max_leaves=5).map(str),
    )
)
def test_reading_is_total(text):
    with pytest.raises(BadPlan):
        read(text)


def test_the_ideal_decompositions_are_plans(real):
    lines = real("condition_queries.jsonl").read_text().splitlines()
    assert len(lines) > 30
    for line in lines:
        plan = read(line)
        check(plan)
        assert isinstance(plan, Plan)
        assert list(chain(plan)) == json.loads(line)["chain"]
