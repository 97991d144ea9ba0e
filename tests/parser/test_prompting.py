"""What a language model is shown: the examples are ours and of every kind, and the version follows every word."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser import prompting
from georsmllm.parser.plan import StepType, check, read
from georsmllm.parser.prompting import CLOSE, OPEN, examples, guarded, messages, prompt_version
from georsmllm.parser.schema import plan_schema


def test_the_examples_are_plans_of_every_kind():
    assert len(examples()) == 8
    for example in examples():
        check(example.plan)
    kinds = {"single", "attribute", "order-pair", "negation", "union", "count", "cross-time"}
    assert kinds <= {tag for example in examples() for tag in example.tags}
    types = {step.type for example in examples() for step in example.plan.steps}
    assert types == set(get_args(StepType))


def test_the_examples_are_not_those_of_the_held_out_file(real):
    held_out = [json.loads(line) for line in real("condition_queries.jsonl").read_text().splitlines()]
    assert {one["query"].lower() for one in held_out} & {example.query.lower() for example in examples()} == set()
    targets = {step["target"] for one in held_out for step in one["steps"]} - {None, "buildings"}
    ours = {step.target for example in examples() for step in example.plan.steps} - {None}
    assert len(ours & targets) <= 2  # a word or two may be in both, a query may not


@pytest.mark.parametrize("with_schema", [True, False])
def test_every_name_of_the_closed_lists_is_told(with_schema):
    system = messages("x", num_images=1, with_schema=with_schema)[0].content

    def enums(schema: object) -> list[str]:
        if isinstance(schema, dict):
            return [*schema.get("enum", []), *(e for value in schema.values() for e in enums(value))]
        return [e for one in schema for e in enums(one)] if isinstance(schema, list) else []

    assert [name for name in enums(plan_schema()) if name not in system] == []
    assert ("additionalProperties" in system) is with_schema


def test_the_turns_are_the_examples_then_the_query():
    told = messages("where?", num_images=2, with_schema=False)
    assert [message.role for message in told] == ["system", *["user", "assistant"] * 8, "user"]
    assert [read(message.content) for message in told if message.role == "assistant"] == [e.plan for e in examples()]
    assert told[-1].content.splitlines()[-1] == f"{OPEN}where?{CLOSE}"


@given(st.text(max_size=200) | st.text("<>/ query\n\tQUERY", max_size=60))
def test_a_query_holds_no_delimiter_and_no_line_break(query):
    inside = guarded(query)
    assert OPEN not in inside.lower()
    assert CLOSE not in inside.lower()
    assert inside.isprintable()


def test_what_is_no_delimiter_stays():
    assert guarded("area < 200 m2 and <b>") == "area < 200 m2 and <b>"


def test_the_version_follows_every_word(monkeypatch):
    before = prompt_version()
    told = prompting._resource
    monkeypatch.setattr(prompting, "_resource", lambda name: told(name) + ".")
    prompt_version.cache_clear()
    assert prompt_version() != before
    monkeypatch.undo()
    prompt_version.cache_clear()
    assert prompt_version() == before
