"""The plan in a reply: found among thoughts, fences and chatter, in bounded time, whatever the reply is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser.plan import BadPlan
from georsmllm.parser.planner import NoCondition
from georsmllm.parser.replies import plan_text, understood, without_thoughts

STEPS = '{"steps": [1], "answer_from": "s1"}'


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<think>a</think>b", "b"),
        ("a</think>b</THINK>c", "c"),
        ("  <think>never closed", ""),
        ("I <think> so", "I <think> so"),
        ('{"a": "</think>"}', '{"a": "</think>"}'),
    ],
)
def test_thoughts_are_left_out(reply, expected):
    assert without_thoughts(reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (STEPS, STEPS),
        (f"```json\n{STEPS}\n```", STEPS),
        (f'{{"steps": []}} no, rather {STEPS} and {{"done": true}}', STEPS),
        ('x {"a": {"steps": [1]}} {"b": 2}', '{"a": {"steps": [1]}}'),
        (f"{{ a set: {{1, 2}} }} {STEPS}", STEPS),
        (f"\\frac{{1}}{{2}} {STEPS}", STEPS),
    ],
)
def test_the_object_is_found(reply, expected):
    assert plan_text(reply) == expected


@pytest.mark.parametrize("reply", ["", " \n", "sorry", "{", "[]", '{"a": ', "<think>{}", "{" * 50_000, "9" * 50_000])
def test_no_object_is_no_plan(reply):
    with pytest.raises(BadPlan) as bad:
        plan_text(reply)
    assert str(bad.value).isprintable()


@pytest.mark.parametrize(
    "reply",
    [
        "{" * 99_000, '{"a":' * 19_000, '{"' * 49_000, '{"\\"' * 24_000, "{}" * 49_000, '{"a": ' + "9" * 99_000,
        "</think>" * 12_000,
    ],
    ids=lambda reply: reply[:8],
)  # fmt: skip
def test_long_nonsense_takes_no_time(reply):
    start = time.perf_counter()
    with pytest.raises(BadPlan):
        understood(reply)
    assert time.perf_counter() - start < 1


def test_a_plan_without_steps_is_no_condition():
    with pytest.raises(NoCondition):
        understood('Nothing: {"steps": [], "answer_from": ""}')


@given(st.text(max_size=200) | st.text('{}[]":, steps<think>/\\u0a', max_size=80))
def test_understanding_is_total(reply):
    with pytest.raises((BadPlan, NoCondition)):
        understood(reply)
