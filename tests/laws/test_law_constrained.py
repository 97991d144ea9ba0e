"""Laws of constrained decoding: no gold answer is outside of its form, and whatever is inside of it can be read."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_law_3_gold_scores_one import said, samples

from georsmllm.constrain.automaton import accepts, alphabet, shortest, start, step
from georsmllm.constrain.form import Form, of
from georsmllm.contracts import AskOptions, Task
from georsmllm.discover import task, task_names
from georsmllm.instruct_data.cyclic import turn
from georsmllm.translation import judge
from georsmllm.types import Record, Sample

FREE = {"caption", "region"}


def asked(name: str, sample: Sample, seed: int) -> list[tuple[Task, Record, Form]]:
    """The questions of a task about a view whose answers have a form."""
    one = task(name)
    built = turn(one.build(sample, Random(seed), AskOptions()).instructions, sample, Random(seed), AskOptions())
    records = [record for instruction in built.instructions if (record := said(instruction)) is not None]
    found = [(task(record.task), record, of(task(record.task), record)) for record in records]
    return [(judging, record, form) for judging, record, form in found if form is not None]


def walked(form: Form, rng: Random, length: int) -> str:
    """A random answer of the form, at an end as soon as it can be once it has that many bytes."""
    state, text, bytes_of_form = start(form), bytearray(), sorted(alphabet(form))
    while shortest(state) or (len(text) < length and rng.random() < 0.9):
        ways = [(byte, behind) for byte in bytes_of_form if (behind := step(state, byte)) is not None]
        if len(text) >= length:
            ways = [(byte, behind) for byte, behind in ways if shortest(behind) < shortest(state)]
        if not ways:
            break
        byte, state = rng.choice(ways)
        text.append(byte)
    return text.decode()


@pytest.mark.parametrize("name", sorted(set(task_names()) - FREE))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=samples(), seed=st.integers(0, 1000))
def test_no_gold_answer_is_outside_of_its_form(name, sample, seed):
    for _, record, form in asked(name, sample, seed):
        assert accepts(form, record.gold_text), (record.id, record.gold_text)


@pytest.mark.parametrize("name", sorted(set(task_names()) - FREE))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=samples(), seed=st.integers(0, 1000), length=st.integers(0, 120))
def test_every_answer_of_the_form_is_read_by_its_judge(name, sample, seed, length):
    for judging, record, form in asked(name, sample, seed):
        text = walked(form, Random(seed), length)
        assert judge(judging, text, record).verdict == "ok", (record.id, text)
