"""The schema for servers: what `plan.py` has and nothing else, in the strict flat form; it takes the examples."""

from __future__ import annotations

import json

import msgspec
import pytest

from georsmllm.parser import plan as plans
from georsmllm.parser.plan import Plan, Step
from georsmllm.parser.prompting import examples
from georsmllm.parser.schema import described, plan_schema

KINDS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
    "null": type(None),
}


def fits(value: object, schema: dict) -> bool:
    """Whether a value fits; only what such a schema may hold is known, all else is a KeyError."""
    known = {"type", "properties", "required", "additionalProperties", "items", "enum"}
    if set(schema) - known:
        raise KeyError(set(schema) - known)
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, KINDS[n]) and (n == "boolean" or not isinstance(value, bool)) for n in names):
        return False
    if isinstance(value, dict):
        inside = schema["properties"]
        return set(value) == set(inside) and all(fits(value[name], inside[name]) for name in value)
    if isinstance(value, list):
        return all(fits(one, schema["items"]) for one in value)
    return value is None or value in schema.get("enum", [value])


def objects(schema: object) -> list[dict]:
    if isinstance(schema, dict):
        return [schema] * ("properties" in schema) + [o for value in schema.values() for o in objects(value)]
    return [o for one in schema for o in objects(one)] if isinstance(schema, list) else []


def test_its_properties_are_the_fields_of_the_structs():
    schema = plan_schema()
    steps = schema["properties"]["steps"]["items"]
    assert list(schema["properties"]) == list(Plan.__struct_fields__)
    assert list(steps["properties"]) == list(Step.__struct_fields__)
    for name in ("attribute", "relation", "compare", "change", "combine"):
        struct = vars(plans)[name.capitalize()]
        assert list(steps["properties"][name]["properties"]) == list(struct.__struct_fields__)
        assert steps["properties"][name]["type"] == ["object", "null"]


def test_it_is_strict_and_flat():
    assert "$" not in described() and "anyOf" not in described()
    assert len(objects(plan_schema())) == 7
    for schema in objects(plan_schema()):
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.query)
def test_it_takes_the_examples(example):
    assert fits(json.loads(msgspec.json.encode(example.plan)), plan_schema())


def test_it_takes_the_ideal_decompositions(real):
    for line in real("condition_queries.jsonl").read_text().splitlines():
        value = json.loads(line)
        assert fits({name: value[name] for name in Plan.__struct_fields__}, plan_schema())


@pytest.mark.parametrize(
    ("field", "value"),
    [("type", "dance"), ("image", None), ("target", 3), ("inputs", "s1"), ("relation", {"name": "near"}), ("more", 1)],
)
def test_it_refuses_what_a_plan_is_not(field, value):
    wrong = json.loads(msgspec.json.encode(examples()[0].plan))
    assert fits(wrong, plan_schema())
    wrong["steps"][0][field] = value
    assert not fits(wrong, plan_schema())
