"""A report counts what lies in the shards, and its sample depends on nothing but the ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hand_made_set import gold, record, records, write_set

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.records import Draw, Place, find, read_at, walk
from georsmllm.report import ClassRow, Row, Wanted, collect
from georsmllm.spreads import Bin
from georsmllm.types import Message, Record, box


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path)


def places(folder: Path) -> list[Place]:
    return [place for place, _ in walk(folder, layout.manifest(folder))]


def test_records_are_counted_by_split_task_and_form(folder: Path) -> None:
    assert collect(folder, Wanted(0)).numbers.rows == (
        Row("train", "toy", "change", "all", 1, 0),
        Row("train", "toy", "det", "all", 1, 0),
        Row("train", "toy", "det", "several", 1, 0),
        Row("train", "toy", "region", "one", 1, 0),
        Row("train", "toy", "region", "point", 1, 0),
        Row("train", "toy", "seg", "all", 1, 0),
        Row("val", "toy", "count", "none", 1, 1),
    )


def test_classes_are_counted_the_most_frequent_first(folder: Path) -> None:
    assert collect(folder, Wanted(0)).numbers.classes[:2] == (
        ClassRow("ship", {"train": 4, "val": 1}, 3),
        ClassRow("airplane", {"train": 1}, 0),
    )


def test_lengths_are_exact(folder: Path) -> None:
    report = collect(folder, Wanted(0))
    characters = report.numbers.characters["region"]
    assert (characters.count, characters.mean, characters.median, characters.p95, characters.most) == (2, 7.0, 7, 7, 7)
    assert [b for b in characters.bins if b.count] == [Bin(5, 7, 2)]
    assert {task: spread.most for task, spread in report.numbers.points.items()} == {"change": 8, "det": 8, "seg": 4}


def test_the_fit_of_a_text_is_that_of_its_own_shapes(tmp_path: Path) -> None:
    half = record("det", "Where?", "[(0,0),(500,500)]", golds=(gold("ship", box(0, 0, 64, 24)),))
    fit = collect(write_set(tmp_path, {"train": (half,)}), Wanted(0)).numbers.fits["det"]
    assert (fit.objects, fit.mean, fit.p5, fit.worst, fit.worst_id) == (1, 0.5, 0.5, 0.5, half.id)


def test_a_gold_object_that_no_text_says_fits_with_zero(tmp_path: Path) -> None:
    missed = (gold("ship", box(0, 0, 32, 24)), gold("lake", box(0, 0, 32, 24)))
    line = record("det", "Where?", "ship: [(0,0),(500,500)]\nlake: none", golds=missed, labels=("ship", "lake"))
    fit = collect(write_set(tmp_path, {"train": (line,)}), Wanted(0)).numbers.fits["det"]
    assert (fit.objects, fit.mean, fit.worst) == (2, 0.5, 0.0)


def test_point_text_that_does_not_parse_is_counted_by_reason(tmp_path: Path) -> None:
    line = record("det", "Where?", "[(1,2),(3")
    assert collect(write_set(tmp_path, {"train": (line,)}), Wanted(5)).numbers.unreadable == {"syntax": 1}


def test_an_empty_set_has_an_empty_report(tmp_path: Path) -> None:
    report = collect(write_set(tmp_path, {}), Wanted(5))
    assert (
        report.numbers.rows,
        report.numbers.classes,
        report.numbers.characters,
        report.numbers.fits,
        report.sample,
    ) == ((), (), {}, {}, ())


def test_the_sample_takes_every_form_before_it_takes_one_twice(folder: Path) -> None:
    drawn = [read_at(folder, place) for place in collect(folder, Wanted(7)).sample]
    assert sorted(line.id for line in drawn) == sorted(line.id for lines in records().values() for line in lines)
    assert collect(folder, Wanted(3)).sample == collect(folder, Wanted(7)).sample[:3]


def test_the_sample_takes_every_class_of_a_form_in_turn() -> None:
    draw = Draw(3)
    for n, label in enumerate(["ship"] * 40 + ["lake"] + ["pond"]):
        line = record("det", "Where?", "none", labels=(label,), scene=f"P{n}")
        draw.offer(Place(n, "train", label, n, 1), line)
    assert sorted(place.path for place in draw.result()) == ["lake", "pond", "ship"]


@pytest.mark.parametrize("size", [0, 1, 5, 100])
def test_the_sample_does_not_depend_on_the_order_of_the_shards(size: int) -> None:
    lines = [record("det", "?", "none", labels=(f"class {n % 7}",), scene=f"P{n}") for n in range(60)]
    offers = [(Place((n * 7919) % 61, "train", "", n, 1), line) for n, line in enumerate(lines)]
    one, other = Draw(size), Draw(size)
    for place, line in offers:
        one.offer(place, line)
    for place, line in reversed(offers):
        other.offer(place, line)
    assert one.result() == other.result()
    assert len(set(one.result())) == min(size, 60)


def test_only_the_named_tasks_and_splits_are_sampled_and_all_are_counted(folder: Path) -> None:
    report = collect(folder, Wanted(9, ("det", "count"), ("train",)))
    assert {read_at(folder, place).task for place in report.sample} == {"det"}
    assert sum(row.records for row in report.numbers.rows) == 7


@pytest.mark.parametrize(("tasks", "splits"), [(("dte",), ()), ((), ("test",))])
def test_a_name_that_the_set_has_not_is_a_usage_error(
    folder: Path, tasks: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match=r"it has: (change, count|train, val)"):
        collect(folder, Wanted(1, tasks, splits))


def test_a_record_is_found_by_its_id(folder: Path) -> None:
    wanted = records()["val"][0]
    assert find(folder, wanted.id) == wanted
    with pytest.raises(UsageError, match="no record has the id 'toy/P9'"):
        find(folder, "toy/P9")


def test_a_place_reads_back_its_record(folder: Path) -> None:
    assert tuple(read_at(folder, place) for place in places(folder)) == sum(records().values(), ())


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_damaged_shard_is_one_line_with_the_way_out(folder: Path, damage: str) -> None:
    shard = folder / "records" / "val-00000.jsonl"
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(b'{"id": 3}\n')
    with pytest.raises(UsageError, match=r"val-00000\.jsonl.*georsmllm validate") as caught:
        collect(folder, Wanted(1))
    assert "\n" not in str(caught.value)


def test_the_answer_is_the_last_one(tmp_path: Path) -> None:
    line = record("det", "Where?", "none")
    turns = (*line.messages, Message("user", "Sure?"), Message("assistant", "[(1,1)];[(2,2)]"))
    told: Record = replace(line, messages=turns, gold_text="[(1,1)];[(2,2)]")
    report = collect(write_set(tmp_path, {"train": (told,)}), Wanted(0))
    assert (report.numbers.points["det"].most, report.numbers.characters["det"].most) == (2, 15)
