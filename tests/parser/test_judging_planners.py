"""Planners held against ideal decompositions: every metric against a table made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.parser.evaluate import Gold, attempt, evaluate, judge, order_pairs, read_gold
from georsmllm.parser.plan import Plan
from georsmllm.parser.planner import NoCondition, NoPlan, Planned
from georsmllm.parser.prompting import examples

EXAMPLES = {example.query: example for example in examples()}
SINGLE = EXAMPLES["show me the helipads"].plan  # 1 step, 1 slot, 0 edges
NEGATED = EXAMPLES["tennis courts that do not adjoin a swimming pool"].plan  # 3 steps, 4 slots, 2 edges
FIRST, THEN = (example.plan for example in examples() if "order-pair" in example.tags)
GOLDS = tuple(Gold(str(i), example.query, example.plan, 1, example.tags) for i, example in enumerate(examples()))


class Scripted:
    """Gives these plans by query; an exception is raised."""

    def __init__(self, plans: dict[str, Plan | Exception]) -> None:
        self.plans = plans

    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        made = self.plans[query]
        if isinstance(made, Exception):
            raise made
        return Planned(made, "scripted", ("a notice",))


def golds(*plans: Plan | None, tags: tuple[str, ...] = ()) -> tuple[Gold, ...]:
    return tuple(Gold(f"q{i}", f"query {i}", plan, 1, tags) for i, plan in enumerate(plans))


def run(wanted: tuple[Gold, ...], *made: Plan | Exception):
    return evaluate(wanted, Scripted({gold.query: plan for gold, plan in zip(wanted, made, strict=True)}))


def metrics(found) -> dict[str, float]:
    return {name: value for name, value in msgspec.to_builtins(found).items() if name != "queries"}


def test_of_no_queries_all_is_right():
    assert metrics(evaluate((), Scripted({}))) == {
        "num_queries": 0, "schema_valid": 1, "step_count_accuracy": 1, "over_split": 1, "under_split": 1,
        "type_sequence_exact_match": 1, "slot_f1": 1, "slot_f1_macro": 1, "dag_edge_f1": 1, "dag_edge_f1_macro": 1,
        "answer_type_accuracy": 1, "order_pair_accuracy": None, "num_order_pairs": 0,
    }  # fmt: skip


def test_the_ideal_plans_score_one():
    found = evaluate(GOLDS, Scripted({example.query: example.plan for example in examples()}))
    assert metrics(found) == {
        "num_queries": 8, "schema_valid": 1, "step_count_accuracy": 1, "over_split": 0, "under_split": 0,
        "type_sequence_exact_match": 1, "slot_f1": 1, "slot_f1_macro": 1, "dag_edge_f1": 1, "dag_edge_f1_macro": 1,
        "answer_type_accuracy": 1, "order_pair_accuracy": 1, "num_order_pairs": 1,
    }  # fmt: skip
    assert {(row.error, row.missing, row.extra, row.slot_f1) for row in found.queries} == {("", (), (), 1.0)}


def test_a_table_made_by_hand():
    """right, split too much, split too little, no plan."""
    found = run(golds(NEGATED, SINGLE, NEGATED, SINGLE), NEGATED, NEGATED, SINGLE, NoPlan("the server is down"))
    assert metrics(found) == {
        "num_queries": 4,
        "schema_valid": 3 / 4,
        "step_count_accuracy": 1 / 4,
        "over_split": 1 / 4,
        "under_split": 1 / 4,
        "type_sequence_exact_match": 1 / 4,
        # matched 4 + 0 + 0 + 0; made 4 + 4 + 1 + 0; wanted 4 + 1 + 4 + 1
        "slot_f1": 2 * 4 / (9 + 10),
        "slot_f1_macro": 1 / 4,
        # matched 2 + 0 + 0 + 0; made 2 + 2 + 0 + 0; wanted 2 + 0 + 2 + 0
        "dag_edge_f1": 2 * 2 / (4 + 4),
        "dag_edge_f1_macro": 1 / 4,
        "answer_type_accuracy": 3 / 4,
        "order_pair_accuracy": None,
        "num_order_pairs": 0,
    }
    right, over, under, failed = found.queries
    assert (right.planner, right.notices, right.steps, right.expected_steps) == ("scripted", ("a notice",), 3, 3)
    assert over.type_sequence == ("detect", "detect", "filter_relation")
    assert over.expected_type_sequence == ("detect",)
    assert over.missing == ("target: helipad",)
    assert under.extra == ("target: helipad",)
    assert under.missing == (
        "relation.name: adjacent to", "relation.negated: true", "target: swimming pool", "target: tennis court",
    )  # fmt: skip
    assert (failed.error, failed.schema_valid, failed.slot_f1, failed.dag_edge_f1, failed.plan) == (
        "the server is down", False, 0, 0, None,
    )  # fmt: skip
    assert failed.missing == ("target: helipad",)


def test_an_invalid_plan_is_a_failed_one():
    found = run(golds(SINGLE), msgspec.structs.replace(SINGLE, answer_from="s9"))
    assert found.schema_valid == found.slot_f1 == found.dag_edge_f1_macro == found.answer_type_accuracy == 0
    assert found.queries[0].error == "answer_from is 's9', which is no step"


def test_a_query_without_a_condition_is_met_by_saying_so_alone():
    none = NoCondition("nothing to see")
    found = run(golds(None, None, None, SINGLE), none, NoPlan("down"), SINGLE, none)
    assert [row.error for row in found.queries] == ["", "down", "", "no condition: nothing to see"]
    assert [row.type_sequence_exact_match for row in found.queries] == [True, False, False, False]
    assert [row.slot_f1 for row in found.queries] == [1, 0, 0, 0]
    assert [row.schema_valid for row in found.queries] == [True, False, True, False]
    assert found.over_split == 1 / 4


def test_our_own_mistakes_fly():
    with pytest.raises(MissingExtra):
        attempt(Scripted({"query 0": MissingExtra("openai", "ask", "planning")}), golds(SINGLE)[0])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ()),
        (golds(FIRST, THEN), ()),  # no tag
        (golds(FIRST, THEN, tags=("order",)), ((0, 1),)),
        (golds(FIRST, SINGLE, THEN, tags=("relation", "minimal-pair")), ((0, 2),)),
        (golds(FIRST, FIRST, tags=("order",)), ()),
        (golds(NEGATED, THEN, tags=("order",)), ()),
    ],
)
def test_minimal_pairs_differ_in_their_order_alone(wanted, expected):
    assert order_pairs(wanted) == expected


@pytest.mark.parametrize(("made", "share"), [((FIRST, THEN), 1), ((FIRST, FIRST), 0), ((THEN, FIRST), 0)])
def test_a_pair_is_right_when_both_are(made, share):
    assert run(golds(FIRST, THEN, tags=("order",)), *made).order_pair_accuracy == share


def test_a_right_sequence_with_wrong_words_keeps_its_sequence():
    other = msgspec.structs.replace(SINGLE, steps=(msgspec.structs.replace(SINGLE.steps[0], target="hangars"),))
    row = judge(golds(SINGLE)[0], Planned(other, "x")).row
    assert (row.type_sequence_exact_match, row.slot_f1, row.dag_edge_f1) == (True, 0, 1)


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def line(plan: Plan, **more: object) -> dict[str, object]:
    return msgspec.to_builtins(plan) | {"query": "q"} | more


def test_a_file_is_read(tmp_path):
    path = write(
        tmp_path / "gold.jsonl",
        line(SINGLE, id="a", tags=["single"], note=None),
        line(examples()[-1].plan),
        {"query": "hello", "steps": []},
    )
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    assert read_gold(path) == (
        Gold("a", "q", SINGLE, 1, ("single",)),
        Gold("3", "q", examples()[-1].plan, 2, ()),
        Gold("4", "hello", None, 1, ()),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a query and its plan on each line, got an empty file"),
        ("\n \n", "got an empty file"),
        ("{", r"gold.jsonl:1: "),
        ('{"query": "q"}', "gold.jsonl:1: .*missing required field `steps`"),
        (json.dumps(line(SINGLE)) + "\n" + json.dumps(line(SINGLE, answer_from="s4")), "gold.jsonl:2: answer_from"),
        ('{"query": "\\ud800", "steps": []}', "gold.jsonl:1: "),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "gold.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_gold(path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        read_gold(tmp_path / "none.jsonl")


def test_the_ideal_decompositions_score_one_against_themselves(real):
    wanted = read_gold(real("condition_queries.jsonl"))
    found = evaluate(wanted, Scripted({gold.query: gold.plan for gold in wanted if gold.plan is not None}))
    for name in ("schema_valid", "step_count_accuracy", "type_sequence_exact_match", "slot_f1", "dag_edge_f1"):
        assert metrics(found)[name] == 1.0
    assert all(row.slot_f1 == row.dag_edge_f1 == 1 for row in found.queries)
    assert {gold.num_images for gold in wanted} == {1, 2}
