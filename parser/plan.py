"""The plan of a query: steps in order, one condition each, a DAG whose wire form is strict JSON (methods section 4.2).

What a planner answers is untrusted text; `read` lets only well-formed plans through and says in one line what is wrong
with any other, so that the message can go back to the planner.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from georsmllm.errors import GeoRSMLLMError

MAX_STEPS = 32
MAX_BYTES = 100_000
MAX_MESSAGE = 400

RelationName = Literal[
    "left_of", "right_of", "above", "below", "north_of", "south_of", "east_of", "west_of", "on_side_of", "inside",
    "contains", "overlaps", "touches", "adjacent_to", "near", "within_distance", "between", "along", "parallel_to",
    "crosses", "connected_to", "surrounded_by", "flanked_by", "on", "under", "behind", "facing", "upstream_of",
    "downstream_of",
]  # fmt: skip
StepType = Literal["detect", "segment", "filter_attribute", "filter_relation", "compare", "count", "change", "combine"]
ImageName = Literal["single", "A", "B", "pair"]


class BadPlan(GeoRSMLLMError):
    """A planner's answer that is no plan; the message is one short line, whatever the answer holds."""

    def __init__(self, message: str) -> None:
        line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in message)
        half = MAX_MESSAGE // 2
        super().__init__(line if len(line) <= MAX_MESSAGE else f"{line[:half]} ... {line[-half:]}")


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One unary predicate, such as color = white; the name is free text."""

    name: str
    value: str
    negated: bool


class Relation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One predicate with the step's anchors. value: a distance in `unit`, or a least number (unit "count_min")."""

    name: RelationName
    negated: bool
    value: float | str | None
    unit: str | None
    side: str | None


class Compare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A superlative, rank, threshold, difference, ratio or existence."""

    criterion: Literal["area", "length", "width", "height", "x", "y", "distance_to", "count", "shadow_length", "value"]
    mode: Literal[
        "min", "max", "top_k", "rank_k", "at_least", "greater_than", "less_than", "difference_greater_than", "ratio",
        "exists", "argmax_label",
    ]  # fmt: skip
    k: int | None
    value: float | str | None


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["appeared", "disappeared", "altered", "any"]
    from_image: Literal["A", "B"]
    to_image: Literal["A", "B"]


class Combine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    op: Literal["union", "intersection", "difference", "tuple"]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition. text: a self-contained imperative, earlier results as {sK}. inputs: the sets that are narrowed.
    anchors: the sets that they are related to. role: "anchor" for a step that only serves as a reference."""

    id: str
    type: StepType
    role: Literal["target", "anchor"]
    text: str
    inputs: tuple[str, ...]
    anchors: tuple[str, ...]
    image: ImageName
    target: str | None
    attribute: Attribute | None
    relation: Relation | None
    compare: Compare | None
    change: Change | None
    combine: Combine | None


class Plan(msgspec.Struct, frozen=True):
    """Steps in the order of execution; `answer_from` names the step whose result is the answer."""

    steps: tuple[Step, ...]
    answer_from: str
    answer_type: Literal["boxes", "masks", "change_mask", "number", "numbers", "boolean", "choice"]


# What each type says beside its sets: the fields that must be filled; all others must be null.
_FILLED: dict[StepType, tuple[str, ...]] = {
    "detect": ("target",),
    "segment": ("target",),
    "filter_attribute": ("attribute",),
    "filter_relation": ("relation",),
    "compare": ("compare",),
    "count": (),
    "change": ("target", "change"),
    "combine": ("combine",),
}
_CONDITIONS = ("attribute", "relation", "compare", "change", "combine")
_PLACEHOLDER = re.compile(r"\{(s[0-9]{1,3})\}")


def read(text: str | bytes) -> Plan:
    """The plan that a JSON text says; raises BadPlan. Keys beside the plan's own (a query, notes) are let be."""
    if len(text) > MAX_BYTES:
        raise BadPlan(f"a plan of {len(text)} bytes, at most {MAX_BYTES} are read")
    try:
        plan = msgspec.json.decode(text, type=Plan)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadPlan(f"not a plan: {error}") from None
    check(plan)
    return plan


def check(plan: Plan) -> None:
    """Raise BadPlan unless ids are s1, s2, ..., references lead backwards, every step is used, each step states exactly
    the one condition of its type, and its text names its inputs and anchors, all of them and no other step."""
    if not 1 <= len(plan.steps) <= MAX_STEPS:
        raise BadPlan(f"{len(plan.steps)} steps, expected 1 to {MAX_STEPS}")
    known: list[str] = []
    used = {plan.answer_from}
    for number, step in enumerate(plan.steps, start=1):
        if step.id != f"s{number}":
            raise BadPlan(f"step {number} is called {step.id!r}, expected 's{number}'")
        references = (*step.inputs, *step.anchors)
        for reference in references:
            if reference not in known:
                raise BadPlan(f"{step.id} refers to {reference!r}, which is no earlier step")
        _check_condition(step)
        _check_text(step)
        used.update(references)
        known.append(step.id)
    if plan.answer_from not in known:
        raise BadPlan(f"answer_from is {plan.answer_from!r}, which is no step")
    idle = [step for step in known if step not in used]
    if idle:
        raise BadPlan(f"the result of {idle[0]} is never used")


def _check_condition(step: Step) -> None:
    filled = tuple(name for name in ("target", *_CONDITIONS) if msgspec.structs.asdict(step)[name] is not None)
    expected = _FILLED[step.type]
    if step.type == "segment" and step.inputs:
        expected = (
            filled if filled in ((), ("target",)) else ()
        )  # a segment step that finalises a set needs no category
    if filled != expected:
        raise BadPlan(f"{step.id} is a {step.type} step and fills {list(filled)}, expected {list(expected)}")
    needs_inputs = step.type in ("filter_attribute", "filter_relation", "compare", "count", "combine")
    if needs_inputs and not step.inputs:
        raise BadPlan(f"{step.id} is a {step.type} step without inputs")


def _check_text(step: Step) -> None:
    references, named = {*step.inputs, *step.anchors}, set(_PLACEHOLDER.findall(step.text))
    stray, missing = sorted(named - references), sorted(references - named)
    if stray:
        raise BadPlan(f"the text of {step.id} names {{{stray[0]}}}, which is neither among its inputs nor its anchors")
    if missing:
        raise BadPlan(f"the text of {step.id} does not name {{{missing[0]}}}, which it works on")


def chain(plan: Plan) -> tuple[str, ...]:
    """The sub-questions of the white paper's chain: the texts of the target steps in order."""
    return tuple(step.text for step in plan.steps if step.role == "target")
