"""Any plan that the checker lets through is carried out: planners are not trusted to make sense."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import BARE, MAP, Scripted, at, strip

from georsmllm.found import REASONS
from georsmllm.parser.execute import execute
from georsmllm.parser.plan import Attribute, Change, Combine, Compare, Plan, Relation, RelationName, Step, check
from georsmllm.types import box

TYPES = ("detect", "segment", "filter_attribute", "filter_relation", "compare", "count", "change", "combine")
CRITERIA = ("area", "length", "width", "height", "x", "y", "distance_to", "count", "shadow_length", "value")
MODES = (
    "min", "max", "top_k", "rank_k", "at_least", "greater_than", "less_than", "difference_greater_than", "ratio", "exists",
    "argmax_label",
)  # fmt: skip
WORDS = st.sampled_from(
    ("", "large", "top-left", "<0.5", "5 m", "200 m2", "mean", "own_length", "north-south", "9" * 50, "\x00é")
)
NUMBERS = st.none() | st.integers(-3, 30) | st.floats(allow_nan=True) | WORDS

attributes = st.builds(
    Attribute,
    name=st.sampled_from(("image_region", "size", "shape", "orientation", "occupancy", "color", "speed", "")),
    value=WORDS, negated=st.booleans(),
)  # fmt: skip
relations = st.builds(
    Relation,
    name=st.sampled_from(get_args(RelationName)), negated=st.booleans(), value=NUMBERS,
    unit=st.sampled_from((None, "count_min", "px", "m", "%", "parsec")),
    side=st.sampled_from((None, "", "east", "both", "far")),
)  # fmt: skip
compares = st.builds(
    Compare,
    criterion=st.sampled_from(CRITERIA),
    mode=st.sampled_from(MODES),
    k=st.none() | st.integers(-2, 5),
    value=NUMBERS,
)
changes = st.builds(
    Change, kind=st.sampled_from(("appeared", "disappeared", "altered", "any")), from_image=st.sampled_from("AB"),
    to_image=st.sampled_from("AB"),
)  # fmt: skip
combines = st.builds(Combine, op=st.sampled_from(("union", "intersection", "difference", "tuple")))
FILLED = {
    "filter_attribute": ("attribute", attributes), "filter_relation": ("relation", relations),
    "compare": ("compare", compares), "change": ("change", changes), "combine": ("combine", combines),
}  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Steps of any type over any steps before them; what nobody uses is handed to a last step that joins all."""
    steps: list[Step] = []
    unused: list[str] = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        kind = draw(st.sampled_from(TYPES if steps else ("detect", "segment", "change")))
        known = [one.id for one in steps]
        few = st.lists(st.sampled_from(known), max_size=2) if known else st.just([])
        inputs = draw(few) if kind not in ("detect", "change") else []
        if not inputs and kind in (*FILLED, "count") and kind != "change":
            inputs = [draw(st.sampled_from(known))]
        anchors = draw(few) if kind in ("filter_relation", "filter_attribute", "compare") else []
        fields: dict[str, object] = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))
        if kind in ("detect", "change") or (kind == "segment" and not inputs):
            fields["target"] = draw(st.sampled_from(("ships", "the river", "all", "", "the forest")))
        if kind in FILLED:
            name, values = FILLED[kind]
            fields[name] = draw(values)
        text = (
            "Do "
            + " ".join(f"{{{one}}}" for one in (*inputs, *anchors))
            + draw(st.sampled_from((".", " part.", " nearest.")))
        )
        steps.append(
            Step(
                id=f"s{number}", type=kind, role=draw(st.sampled_from(("target", "anchor"))), text=text, inputs=tuple(inputs),
                anchors=tuple(anchors), image=draw(st.sampled_from(("single", "A", "B", "pair"))), **fields,
            )
        )  # fmt: skip
        unused = [one for one in unused if one not in (*inputs, *anchors)] + [f"s{number}"]
    if len(unused) > 1:
        op = draw(combines)
        empty = dict.fromkeys(("target", "attribute", "relation", "compare", "change"))
        name = f"s{len(steps) + 1}"
        text = " ".join(f"{{{one}}}" for one in unused)
        steps.append(
            Step(
                id=name,
                type="combine",
                role="target",
                text=text,
                inputs=tuple(unused),
                anchors=(),
                image="single",
                combine=op,
                **empty,
            )
        )
    answer = draw(st.sampled_from(("boxes", "masks", "change_mask", "number", "numbers", "boolean", "choice")))
    made = Plan(steps=tuple(steps), answer_from=steps[-1].id, answer_type=answer)
    check(made)
    return made


WORLD = {
    "ships": [at(100, 100), at(300, 300, 40), box(400, 100, 500, 110)],
    "the river": [strip((480, 0), (520, 0), (520, 1000), (480, 1000))],
    "any:ships": [at(700, 700)],
    "appeared:the forest": [box(0, 0, 400, 400)],
    "the forest": [box(200, 200, 900, 900)],
}


@settings(max_examples=150)
@given(plans(), st.sampled_from(("auto", "geometric", "neural")), st.sampled_from(((BARE,), (MAP, MAP))), st.booleans())
def test_any_plan_is_carried_out(plan: Plan, executor: str, images: tuple, is_empty: bool) -> None:
    outcome = execute(plan, Scripted({} if is_empty else WORLD, images=images), executor=executor)
    assert [one.id for one in outcome.steps] == [one.id for one in plan.steps]
    assert outcome.reason in REASONS
    assert all(one.reason in REASONS and one.note and one.note.isprintable() for one in outcome.steps)
    for _, layer in outcome.layers:
        assert len({one.id for one in layer}) == len(layer)
    if plan.answer_type in ("masks", "change_mask"):
        assert all(one.mask_scene is not None for one in outcome.findings)


@pytest.mark.parametrize("executor", ["auto", "geometric", "neural"])
def test_numbers_are_no_sets(executor: str) -> None:
    empty = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))
    base = {"role": "target", "image": "single", "anchors": ()}
    steps = (
        Step(id="s1", type="detect", text="Detect ships.", inputs=(), **base, **empty | {"target": "ships"}),
        Step(id="s2", type="count", text="Count {s1}.", inputs=("s1",), **base, **empty),
        Step(
            id="s3", type="filter_attribute", text="From {s2}, keep the large ones.", inputs=("s2",), **base,
            **empty | {"attribute": Attribute(name="size", value="large", negated=False)},
        ),
    )  # fmt: skip
    outcome = execute(Plan(steps=steps, answer_from="s3", answer_type="boxes"), Scripted(WORLD), executor=executor)
    assert len(outcome.steps) == 3
