"""The ideal plans of the samples, carried out in worlds that are full, empty and in between: every trace is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from scripted import BARE, MAP, Scripted

from georsmllm.found import REASONS
from georsmllm.parser.execute import execute
from georsmllm.parser.plan import Plan, read
from georsmllm.types import ImageRef, PointSet, box

EXECUTORS = ("auto", "geometric", "neural")


def plans(real: Callable[[str], Path]) -> list[Plan]:
    return [read(line) for line in real("condition_queries.jsonl").read_text(encoding="utf-8").splitlines()]


class World(dict[str, Sequence[PointSet]]):
    """Some boxes for every phrase, the same for the same seed."""

    def __init__(self, seed: int, least: int) -> None:
        super().__init__()
        self._seed = seed
        self._least = least

    def get(self, phrase: str, default: object = ()) -> Sequence[PointSet]:  # type: ignore[override]
        drawn = Random(f"{self._seed} {phrase}")
        places = [(drawn.randint(0, 800), drawn.randint(0, 800)) for _ in range(drawn.randint(self._least, 6))]
        return [box(x, y, x + drawn.randint(10, 200), y + drawn.randint(10, 200)) for x, y in places]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("images", [(BARE,), (MAP,), (MAP, MAP)])
def test_all_plans_are_carried_out_and_every_trace_is_whole(
    real: Callable[[str], Path], executor: str, images: tuple[ImageRef, ...]
) -> None:
    for number, plan in enumerate(plans(real)):
        for seed, least in ((1, 1), (2, 0), (3, 0)):
            eyes = Scripted({}, images=images)
            eyes.world = World(100 * seed + number, least)
            outcome = execute(plan, eyes, executor=executor)
            assert [trace.id for trace in outcome.steps] == [step.id for step in plan.steps]
            assert outcome.answer_type == plan.answer_type
            assert outcome.reason in REASONS
            known = {one.id for _, layer in outcome.layers for one in layer}
            for trace, step in zip(outcome.steps, plan.steps, strict=True):
                assert trace.reason in REASONS and trace.note and "\n" not in trace.note, trace
                assert set(trace.outputs) <= known
                assert set(trace.inputs) <= known and set(trace.anchors) <= known
                if step.type.startswith("filter") and trace.outputs:
                    assert {one % 1_000_000 for one in trace.outputs} <= {one % 1_000_000 for one in trace.inputs}
            json.dumps([trace.note for trace in outcome.steps])
            if executor == "geometric":
                assert not [line for line in eyes.asked if line.startswith("select")]


def test_an_empty_world_is_none_zero_and_no(real: Callable[[str], Path]) -> None:
    for plan in plans(real):
        outcome = execute(plan, Scripted({}, images=(MAP, MAP)))
        assert outcome.findings == ()
        if plan.answer_type == "boolean":
            assert outcome.value is False
        if plan.answer_type == "number":
            assert outcome.value in (0, None)
        assert outcome.reason
