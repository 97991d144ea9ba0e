"""Exports of objects read by our own readers of the same formats: what went out comes in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hand_made_set import POND, SHIP, SHIP_2, gold, record, write_set
from reading import read_all

from georsmllm.discover import converter
from georsmllm.geometry import area, order_corners
from georsmllm.instruct_data.exporting import Wanted, export
from georsmllm.types import Record, Sample, box, rbox

SHAPES = {"ship": SHIP, "yacht": SHIP_2, "pond": POND, "pier": box(2, 3, 30, 40)}


def lines() -> tuple[Record, ...]:
    golds = tuple(gold(label, shape) for label, shape in SHAPES.items())
    whole = record("det", "?", "none", golds=golds, labels=tuple(SHAPES), form="all")
    absent = record("det", "?", "none", labels=("airplane",), form="none", negative=True)
    return whole, dataclasses.replace(absent, id="toy/P1#det-none:airplane")


def read(tmp_path: Path, to: str, reader: str, root: str) -> Sample:
    export(write_set(tmp_path / "toy", {"train": lines()}), tmp_path / "out", Wanted(to))
    samples, bad = read_all(converter(reader), tmp_path / "out" / root)
    assert bad == []
    (sample,) = samples
    return sample


def test_coco_comes_back_shape_by_shape_with_what_is_absent(tmp_path: Path) -> None:
    sample = read(tmp_path, "coco", "coco", "annotations/instances_train.json")
    found = {target.label: target.shape for target in sample.targets}
    assert {label: area(shape) for label, shape in found.items()} == {
        label: pytest.approx(area(shape)) for label, shape in SHAPES.items()
    }
    assert found["pier"] == SHAPES["pier"]
    assert "airplane" in sample.exhaustive
    assert sample.split == "train"


def test_yolo_comes_back_corner_by_corner(tmp_path: Path) -> None:
    sample = read(tmp_path, "yolo-obb", "yolo_obb", "dataset.yaml")
    found = {target.label: target.shape.rings[0].points for target in sample.targets}
    expected = {
        label: order_corners(shape.rings[0].points) if shape.kind == "rbox" else ((2, 3), (30, 3), (30, 40), (2, 40))
        for label, shape in SHAPES.items()
        if shape.kind != "polygon"
    }
    assert set(found) == set(expected)
    for label, corners in expected.items():
        got = rbox(found[label]).rings[0].points
        assert [value for p in order_corners(got) for value in p] == pytest.approx(
            [value for p in order_corners(corners) for value in p], abs=1e-4
        )
