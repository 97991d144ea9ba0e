"""A build speaks any dialect: the set validates without a finding, and what a dialect cannot say is refused by name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from worlds import recipe

from georsmllm.discover import dialect, dialect_names, task
from georsmllm.errors import UsageError
from georsmllm.hearing import answer, hear
from georsmllm.instruct_data.build import build
from georsmllm.recipe import Tiles
from georsmllm.types import Record
from georsmllm.validation import validate

TASKS = ("change", "count", "det", "refer", "region", "seg")
EXPECTED = {
    "georsmllm": {"change", "count", "det", "refer", "region", "seg"},
    "falcon": {"change", "count", "det", "refer", "region"},
    "geo_r1": {"count", "det", "refer", "region", "seg"},
    "think2seg": {"count", "seg"},
}
"""The tasks of which there are records; box dialects have all but outlines and keypoints."""


def records_of(folder: Path) -> list[Record]:
    lines = [line for path in sorted((folder / "records").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return [msgspec.json.decode(line, type=Record) for line in lines]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets")


def made(sets: Path, name: str) -> Path:
    """The set of a dialect, built once a session."""
    folder = sets / name
    if not folder.exists():
        wanted = recipe(
            "coco", "dota", "levir_cd", "loveda", tasks=TASKS, dialect=name, tiles=Tiles(size=512, overlap=64)
        )
        build(wanted, folder)
    return folder


@pytest.mark.parametrize("name", dialect_names())
def test_a_set_in_any_dialect_validates_without_a_finding(sets: Path, name: str) -> None:
    verdict = validate(made(sets, name), {one: task(one) for one in TASKS}, pixels=False)
    assert verdict.examples == {}
    assert verdict.records > 10


@pytest.mark.parametrize("name", dialect_names())
def test_the_words_of_a_set_are_those_of_its_dialect(sets: Path, name: str) -> None:
    records = records_of(made(sets, name))
    tasks = {record.task for record in records}
    assert EXPECTED.get(name, {"count", "det", "refer", "region"}) <= tasks
    assert {record.provenance.dialect for record in records} == {name}
    heard = [one for record in records for one in hear(record, "answer").objects]
    assert {one.shape.kind for one in heard} <= set(dialect(name).kinds)
    assert all(one.label for one in heard)


@pytest.mark.parametrize("name", [name for name in dialect_names() if dialect(name).is_labelled])
def test_a_question_never_bears_the_label_that_it_asks_for(sets: Path, name: str) -> None:
    asked = [one for one in records_of(made(sets, name)) if one.task == "region"]
    form = dialect(name)
    for record in asked:
        text = record.messages[0].content
        for start, end in form.stretches(text):
            view = record.provenance.views[-1]
            assert {one.label for one in form.decode(text[start:end], (view.width, view.height), form.kinds)} == {""}


def test_several_classes_are_one_piece_where_the_dialect_has_labels_and_lines_where_not(sets: Path) -> None:
    for name, lines in (("qwen3_vl", False), ("geochat", True)):
        several = [
            one for one in records_of(made(sets, name)) if one.task == "det" and one.provenance.form == "several"
        ]
        assert several
        for record in several:
            starts = [line.partition(":")[0] for line in answer(record).split("\n")]
            assert (starts == list(record.provenance.labels)) is lines


def test_what_a_dialect_cannot_say_is_counted_by_name(sets: Path, tmp_path: Path) -> None:
    stats = build(recipe("coco", tasks=("seg",), dialect="teochat"), tmp_path / "set").stats
    refused = Counter(stats.sources["coco"].refused)
    assert refused["not_in_dialect"] > 0
    assert Counter(stats.sources["coco"].ignored)["not_in_dialect"] > 0


def test_an_unknown_dialect_stops_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dialect is called 'geo_chat'; did you mean geochat"):
        build(recipe("coco", dialect="geo_chat"), tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("name", "wants_lines"), [("rscovlm", False), ("geochat", True)])
def test_a_question_about_several_classes_wants_what_the_dialect_answers(
    sets: Path, name: str, wants_lines: bool
) -> None:
    several = [one for one in records_of(made(sets, name)) if one.task == "det" and one.provenance.form == "several"]
    assert several
    for record in several:
        by_class = re.search(r"line|class by class|by class|one class after|each of these", record.messages[0].content)
        assert (by_class is not None) is wants_lines, record.messages[0].content
