"""Every task's form of answers over one world of views: it is there where it should be, and holds every gold answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from recording import recorded
from test_tasks import NAMES, SEEDS, WORLD

from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.export import regex
from georsmllm.constrain.form import of
from georsmllm.contracts import AskOptions
from georsmllm.discover import converter, task
from georsmllm.errors import BadRecord, CannotSay
from georsmllm.instruct_data.cyclic import turn
from georsmllm.types import Record, Sample

FREE = {
    "caption": {"plain", "grounded", "change"},
    "cls": {"open"},
    "region": {"one", "group", "none"},
    "relation": {"told"},
    "vqa": {"open", "long", "choice", "grounded"},
}
"""Task -> forms whose answers are words."""


def asked(name: str, view: Sample, seed: int) -> list[Record]:
    options = AskOptions()
    built = task(name).build(view, Random(seed), options).instructions
    turned = turn(built, view, Random(seed), options).instructions
    found: list[Record] = []
    for one in (*built, *turned):
        with suppress(CannotSay):  # over budget, as the build drops it by name
            found.append(recorded(one, options.limits))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_gold_answers_are_in_their_form_and_words_are_free(name: str) -> None:
    records = [record for view in WORLD for seed in SEEDS for record in asked(name, view, seed)]
    assert records
    check(records)


def check(records: list[Record]) -> None:
    for record in records:
        form = of(task(record.task), record)
        is_free = record.provenance.form in FREE.get(record.task, ())
        assert (form is None) == is_free, (record.id, record.messages[0].content)
        if form is not None:
            assert accepts(form, record.gold_text), (record.id, record.gold_text)
            assert re.fullmatch(regex(form), record.gold_text), (record.id, record.gold_text)


@pytest.mark.parametrize(
    ("reader", "folder"),
    [
        ("dota", "dota_v1"),
        ("dior", "dior"),
        ("loveda", "loveda"),
        ("levir_cd", "levir_cd_256"),
    ],
)
def test_gold_answers_of_real_annotation_are_in_their_form(
    real: Callable[[str], Path], reader: str, folder: str
) -> None:
    root, one = real(folder), converter(reader)
    views: list[Sample] = []
    for ref in islice(one.find(root), 6):
        with suppress(BadRecord):
            views.append(one.read(root, ref))
    records = [record for view in views for name in NAMES for record in asked(name, view, 0)]
    assert len(records) > 5
    check(records)
