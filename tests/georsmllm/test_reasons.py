"""Every reason that the code can give has a sentence, and no sentence is of a reason that nothing gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from georsmllm.discover import converter, converter_names
from georsmllm.reasons import explain, sentences

ROOT = Path(__file__).parents[2]
SOURCES = tuple(
    sorted(
        path
        for pattern in (
            "georsmllm/*.py",
            "georsmllm/dialects/*.py",
            "georsmllm/doctor/*.py",
            "georsmllm/formats/*.py",
            "georsmllm/model/*.py",
            "georsmllm/train/*.py",
            "converters/*.py",
            "instruct_data/**/*.py",
        )
        for path in ROOT.glob(pattern)
    )
)
# Calls, by the argument that is the reason.
FIRST, SECOND = ("CannotSay", "BadRecord", "BadImage", "BadShape"), ("Refusal", "refuse_all")
HOLDERS = ("ignore", "reason", "reasons", "refused")  # variables that hold one
NO_REASONS = ("set_files.py", "checking.py", "validation.py", "record_laws.py")  # theirs are names of problems
DROPPED = re.compile(r"SET dropped = '(\w+)'")


def is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[a-z][a-z_]+", value) is not None


def words(node: ast.AST) -> Iterator[str]:
    """The strings that an expression may be, and that could be a reason's name; what it tests or looks up is none."""
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        yield CONSTANTS[node.id]
    elif isinstance(node, ast.Constant) and is_name(node.value):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*words(node.body), *words(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (word for value in node.values for word in words(value))


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def given(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = name_of(node.func)
            args = node.args[:1] if called in FIRST else node.args[1:2] if called in SECOND else []
            args += [word.value for word in node.keywords if word.arg in ("ignore", "reason")]
            if called == "_keep_first":
                args += [word.value for word in node.keywords if word.arg == "name"]
            if called == "get" and isinstance(node.func, ast.Attribute) and name_of(node.func.value) in HOLDERS:
                args += node.args[1:2]
            yield from (word for arg in args for word in words(arg))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for one, value in pairs(target, node.value):
                    if name_of(one) in HOLDERS:
                        yield from words(value)
                    if isinstance(one, ast.Subscript) and name_of(one) == "reasons":
                        yield from words(one.slice)
        elif isinstance(node, ast.FunctionDef) and (returned := strings(node)) and "" in returned:
            yield from (word for word in returned if word)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from DROPPED.findall(node.value)


def strings(function: ast.FunctionDef) -> list[str]:
    """What a function returns that tells a reason, or "" for none."""
    values = [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value is not None]
    empty = [
        one.value for value in values for one in ast.walk(value) if isinstance(one, ast.Constant) and one.value == ""
    ]
    return [word for value in values for word in words(value)] + [""] * bool(empty)


def pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


TREES = tuple(ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES if path.name not in NO_REASONS)
CONSTANTS = {
    target.id: str(node.value.value)
    for tree in TREES
    for node in tree.body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and is_name(node.value.value)
    for target in node.targets
    if isinstance(target, ast.Name)
}
GIVEN = sorted({word for tree in TREES for word in given(tree)})
OF_READERS = sorted({name for n in converter_names() for name in (*converter(n).reasons, *converter(n).mends)})


def test_the_collection_sees_every_way_to_give_a_reason() -> None:
    seen = {
        "ambiguous", "areas", "class_has_ignored", "collapsed", "cut_view", "low_visibility", "max_per_class",
        "max_per_image", "name_too_long", "no_polygon", "not_drawn", "over_budget", "position_contradicts",
        "scene_in_evaluation_split", "too_small", "two_images", "under_size", "unspeakable_label", "weight",
    }  # fmt: skip
    assert seen <= set(GIVEN)


@pytest.mark.parametrize("name", sorted({*GIVEN, *OF_READERS}))
def test_a_reason_has_one_sentence(name: str) -> None:
    assert re.fullmatch(r"[A-Z].{10,118}\.", explain(name)), name


def test_no_sentence_is_of_a_reason_that_nothing_gives() -> None:
    assert sorted(set(sentences()) - {*GIVEN, *OF_READERS}) == []


def test_sentences_are_in_alphabetical_order() -> None:
    assert list(sentences()) == sorted(sentences())


def test_a_name_of_somebody_elses_has_no_sentence() -> None:
    assert explain("mine_alone") == ""
