"""The objects of views: gathered from all records, each once, with what is known of a class in a view."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made_set import SHIP, SHIP_2, gold, record, write_set

from georsmllm.geometry import to_box, to_rbox
from georsmllm.instruct_data.export_job import Job
from georsmllm.instruct_data.view_objects import NO_OBJECTS, Object, View, distinct, gathered
from georsmllm.types import PointSet, Record, Ring, box, point, polygon, rbox

TRIANGLE = polygon(Ring(((10, 10), (30, 14), (12, 40))))


def views(tmp_path: Path, *lines: Record) -> dict[str, View]:
    folder = write_set(tmp_path / "toy", {"train": lines})
    job = Job(folder, tmp_path / "out", NO_OBJECTS, splits=("train",), tasks=())
    (tmp_path / "out" / ".state").mkdir(parents=True)
    with gathered(job) as found:
        return {view.path: view for view in found.of("train")}


def test_an_object_that_many_records_ask_for_is_one(tmp_path: Path) -> None:
    lines = (
        record("det", "?", "none", golds=(gold("ship", SHIP), gold("ship", SHIP_2))),
        record("region", "?", "none", golds=(gold("ship", SHIP),)),
    )
    (view,) = views(tmp_path, *lines).values()
    assert [(one.shape, one.tasks) for one in view.objects] == [(SHIP_2, ("det",)), (SHIP, ("det", "region"))]


@pytest.mark.parametrize(
    ("task", "form", "labels", "golds", "negative", "complete", "absent"),
    [
        ("det", "all", ("ship",), ("ship",), False, ("ship",), ()),
        ("seg", "all", ("ship",), ("ship",), False, ("ship",), ()),
        ("seg", "largest", ("ship",), ("ship",), False, (), ()),
        ("det", "several", ("ship", "plane"), ("ship",), False, ("ship",), ("plane",)),
        ("det", "none", ("plane",), (), True, (), ("plane",)),
        ("count", "none", ("plane",), (), True, (), ("plane",)),
        ("count", "number", ("plane",), (), False, (), ()),
        ("change", "none", ("plane",), (), True, (), ()),
        ("refer", "one", ("ship",), ("ship",), False, (), ()),
    ],
)
def test_what_a_question_proves_of_a_class(
    tmp_path: Path, task, form, labels, golds, negative, complete, absent
) -> None:
    golds = tuple(gold(label, SHIP) for label in golds)
    line = record(task, "?", "none", golds=golds, labels=labels, form=form, negative=negative)
    (view,) = views(tmp_path, line).values()
    assert (view.complete, view.absent) == (complete, absent)


def test_a_change_is_on_the_image_that_its_gold_names(tmp_path: Path) -> None:
    line = record("change", "?", "none", golds=(gold("pond", TRIANGLE, 1),), pair=True)
    found = views(tmp_path, line)
    assert {path: len(view.objects) for path, view in found.items()} == {"images/toy/A.png": 0, "images/toy/B.png": 1}


def shapes(kinds, *objects: PointSet) -> tuple[list[PointSet], list[PointSet]]:
    said, unsaid = distinct([Object("ship", shape, ("det",), "") for shape in objects], kinds)
    return [one.shape for one in said], [one.shape for one in unsaid]


ALL = ("polygon", "rbox", "box", "point")


@pytest.mark.parametrize(
    ("kinds", "objects", "said", "unsaid"),
    [
        (ALL, (), [], []),
        (ALL, (to_box(TRIANGLE), TRIANGLE), [TRIANGLE], []),
        (ALL, (to_rbox(TRIANGLE), TRIANGLE, to_box(TRIANGLE)), [TRIANGLE], []),
        (ALL, (to_box(SHIP), SHIP), [SHIP], []),
        (("rbox", "box"), (TRIANGLE, to_rbox(TRIANGLE)), [to_rbox(TRIANGLE)], []),
        (("rbox", "box"), (TRIANGLE,), [], [TRIANGLE]),
        (("rbox", "box"), (box(1, 1, 5, 5), to_rbox(box(1, 1, 5, 5))), [to_rbox(box(1, 1, 5, 5))], []),
        (("polygon",), (point(1, 1),), [], [point(1, 1)]),
        (ALL, (box(0, 0, 9, 9), TRIANGLE), [TRIANGLE, box(0, 0, 9, 9)], []),
    ],
)
def test_an_object_asked_in_two_forms_is_one(kinds, objects, said, unsaid) -> None:
    assert shapes(kinds, *objects) == (said, unsaid)


def test_two_rotated_boxes_in_one_frame_are_two() -> None:
    one, other = rbox(((0, 2), (2, 0), (10, 8), (8, 10))), rbox(((2, 10), (0, 8), (8, 0), (10, 2)))
    assert to_box(one) == to_box(other)
    assert shapes(ALL, one, other) == ([one, other], [])


def test_another_class_is_another_object() -> None:
    found, _ = distinct([Object("ship", TRIANGLE, (), ""), Object("boat", to_box(TRIANGLE), (), "")], ALL)
    assert len(found) == 2
