"""Two sets side by side: what differs in recipe, counts and records is told, and a record of both is drawn twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hand_made_set import record, records, write_set
from test_page import Elements, evil

from georsmllm import layout
from georsmllm.against import Comparison, Difference, compare, differences
from georsmllm.against_page import Data, against_page
from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json
from georsmllm.records import read_at
from georsmllm.report import Wanted
from georsmllm.types import Message, Record


def answered(line: Record, text: str) -> Record:
    return replace(line, messages=(line.messages[0], Message("assistant", text)), gold_text=text)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The second set has one record of another answer, one of another question, one in another split, one less, one more."""
    train = list(records()["train"])
    train[0] = answered(train[0], "[(125,125),(375,208),(344,375),(94,292)]")
    asked = replace(train[2].messages[0], content="<image>\n[seg] Outline the lakes.")
    train[2] = replace(train[2], messages=(asked, train[2].messages[1]))
    moved = train.pop(1)
    del train[2]  # the change of ponds
    more = record("count", "How many?", "3", form="number", scene="P7")
    left = write_set(tmp_path / "left")
    return left, write_set(tmp_path / "right", {"train": tuple(train), "val": (*records()["val"], moved, more)})


def held(two: tuple[Path, Path], samples: int = 100, **wanted: tuple[str, ...]) -> Comparison:
    return compare(two, Wanted(samples, **wanted))


def test_a_set_is_like_itself(two: tuple[Path, Path]) -> None:
    found = held((two[0], two[0]))
    assert (found.both, found.same, found.only, found.recipe, found.twins) == (7, 7, (0, 0), (), ())


def test_what_differs_is_counted_by_aspect(two: tuple[Path, Path]) -> None:
    found = held(two)
    assert (found.both, found.same, found.only) == (6, 3, (1, 1))
    assert found.differing == {"question": 1, "answer": 1, "views": 0, "moved": 1}
    assert found.by_task == ({"change": 1}, {"count": 1})


def test_records_of_one_set_alone_are_found_in_it(two: tuple[Path, Path]) -> None:
    found = held(two)
    alone = [[read_at(folder, p).id for p in places] for folder, places in zip(two, found.singles, strict=True)]
    assert alone == [["toy/AB#change-all:pond"], ["toy/P7#count-number:ship"]]


def test_twins_are_the_same_record_in_both(two: tuple[Path, Path]) -> None:
    found = held(two)
    assert {twin.differs for twin in found.twins} == {("question",), ("answer",), ("moved",)}
    for twin in found.twins:
        left, right = read_at(two[0], twin.left), read_at(two[1], twin.right)
        assert left.id == right.id
        assert (twin.left.split != twin.right.split) == ("moved" in twin.differs)


def test_another_image_under_one_id_differs(tmp_path: Path) -> None:
    line = record("det", "Where?", "none")
    wider = replace(line.provenance.views[0], width=32)
    other = replace(line, provenance=replace(line.provenance, views=(wider,)))
    two = write_set(tmp_path / "a", {"train": (line,)}), write_set(tmp_path / "b", {"train": (other,)})
    assert held(two).differing == {"question": 0, "answer": 0, "views": 1, "moved": 0}


def test_examples_are_of_the_wanted_tasks_and_splits_and_no_more(two: tuple[Path, Path]) -> None:
    assert [read_at(two[0], twin.left).task for twin in held(two, tasks=("seg",)).twins] == ["seg"]
    assert held(two, tasks=("seg",)).singles == ((), ())
    assert [len(places) for places in held(two, splits=("val",)).singles] == [0, 1]
    few = held(two, samples=2)
    assert (len(few.twins), few.singles, few.same) == (1, ((), ()), 3)


def test_a_task_need_only_be_in_one_of_the_two(two: tuple[Path, Path]) -> None:
    assert held(two, tasks=("change",)).singles[1] == ()
    with pytest.raises(UsageError, match="neither set has a task 'dte'; they have: change, count, det"):
        held(two, tasks=("dte",))


def test_recipes_are_compared_key_by_key_and_sources_by_name(two: tuple[Path, Path]) -> None:
    left = layout.manifest(two[0])
    other = msgspec.structs.replace(
        left.recipe,
        sources=(msgspec.structs.replace(left.recipe.sources[0], limit=3),),
        dialect="geochat",
        templates={"det": ("Find {plural}.",)},
    )
    facts = (msgspec.structs.replace(left.sources[0], input_sha256="f" * 64),)
    assert differences(left, left) == ()
    assert differences(left, msgspec.structs.replace(left, recipe=other, sources=facts)) == (
        Difference("sources.dota.limit", "null", "3"),
        Difference("dialect", "georsmllm", "geochat"),
        Difference("templates", "{}", ""),
        Difference("what was read of toy", "sha256 000000000000", "sha256 ffffffffffff"),
        Difference("templates.det", "", '["Find {plural}."]'),
    )


def test_an_empty_set_is_held_against_any(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = held((write_set(tmp_path / "empty", {}), two[0]))
    assert (found.both, found.same, found.only) == (0, 0, (0, 7))
    assert Elements(against_page(found, (tmp_path / "empty", two[0])).decode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("none", "no such folder"),
        ("unbuilt", "has no manifest.json; expected a set made by"),
        ("format", "is a set of format 1, this version reads format 2; build it again"),
        ("twice", "two records are called toy/P1#det-all:ship; see all that is wrong: georsmllm validate"),
    ],
)
def test_what_is_no_set_is_one_line(two: tuple[Path, Path], tmp_path: Path, damage: str, message: str) -> None:
    other = tmp_path / "none"
    if damage == "unbuilt":
        other.mkdir()
    elif damage == "format":
        other = two[1]
        write_json(other / "manifest.json", {"format": 1})
    elif damage == "twice":
        other = write_set(tmp_path / "twice", {"train": records()["train"][:1] * 2})
    with pytest.raises(UsageError, match=message) as caught:
        held((two[0], other))
    assert "\n" not in str(caught.value)


# --- the page --------------------------------------------------------------------------------------------------------


def drawn(two: tuple[Path, Path]) -> tuple[Elements, Data]:
    elements = Elements(against_page(held(two), two).decode())
    return elements, msgspec.json.decode(elements.script("data"), type=Data)


def test_the_page_draws_each_pair_and_each_image_once(two: tuple[Path, Path]) -> None:
    elements, data = drawn(two)
    assert [half.name for half in data.halves] == ["left", "right"]
    pair = next(pair for pair in data.pairs if pair.differs == ("answer",))
    assert (len(pair.left.answer_shapes), len(pair.right.answer_shapes)) == (2, 1)
    assert pair.left.views[0].picture == pair.right.views[0].picture
    assert len(elements.pictures()) == 4  # P1, the pair A and B, P7; not P2, whose record is alike


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    two = write_set(tmp_path / "a" / "set"), write_set(tmp_path / "b" / "set")
    _, data = drawn(two)
    assert [half.name for half in data.halves] == ["set (first)", "set (second)"]


def test_the_same_two_sets_give_the_same_bytes(two: tuple[Path, Path]) -> None:
    assert against_page(held(two), two) == against_page(held(two), two)


def test_text_of_a_dataset_never_becomes_markup(two: tuple[Path, Path], tmp_path: Path) -> None:
    clean, _ = drawn(two)
    attacked = write_set(tmp_path / "right2", {"train": tuple(evil(line) for line in records()["train"][:1])})
    attacked.rename(tmp_path / "<b>")
    elements, data = drawn((two[0], tmp_path / "<b>"))
    assert elements.found == clean.found
    assert data.halves[1].name == "<b>"


def test_nothing_is_fetched(two: tuple[Path, Path]) -> None:
    elements, _ = drawn(two)
    assert all("src" not in attrs for _, attrs in elements.found)
    policy = next(attrs["content"] or "" for _, attrs in elements.found if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:;")
