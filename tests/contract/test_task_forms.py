"""Every task's form of answers over one world of views: it is there where it should be, and holds every gold answer."""

from __future__ import annotations

import re
from random import Random

import pytest
from recording import recorded
from test_tasks import NAMES, SEEDS, WORLD

from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.export import regex
from georsmllm.constrain.form import of
from georsmllm.contracts import AskOptions
from georsmllm.discover import task
from georsmllm.instruct_data.cyclic import turn
from georsmllm.types import Record

FREE = {
    "caption": {"plain", "grounded", "change"},
    "cls": {"open"},
    "region": {"one", "group", "none"},
    "relation": {"told"},
    "vqa": {"open", "long", "choice", "grounded"},
}
"""Task -> forms whose answers are words."""


def asked(name: str) -> list[Record]:
    found: list[Record] = []
    for view in WORLD:
        for seed in SEEDS:
            built = task(name).build(view, Random(seed), AskOptions()).instructions
            turned = turn(built, view, Random(seed), AskOptions()).instructions
            found += [recorded(one) for one in (*built, *turned)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_gold_answers_are_in_their_form_and_words_are_free(name: str) -> None:
    records = asked(name)
    assert records
    for record in records:
        form = of(task(record.task), record)
        assert (form is None) == (record.provenance.form in FREE.get(record.task, ())), (
            record.id,
            record.messages[0].content,
        )
        if form is not None:
            assert accepts(form, record.gold_text), (record.id, record.gold_text)
            assert re.fullmatch(regex(form), record.gold_text), (record.id, record.gold_text)
