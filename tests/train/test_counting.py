"""What the steps of a plan train on: together everything, each with its padding and its arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_training import mixed_records, samples_of, write_mixed

from georsmllm.model import tiny
from georsmllm.model.spec import of_folder
from georsmllm.train.counting import counter
from georsmllm.train.plan import Settings, make_plan
from georsmllm.train.recipe import Lora, Stage
from georsmllm.train.throughput import Counts

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("counting")
    tiny.make("mini", where / "mini")
    write_mixed(where / "set", mixed_records(40))
    return where


@pytest.mark.parametrize(("batching", "rows"), [("packed", 1), ("packed", 2), ("padded", 3), ("grouped", 4)])
@pytest.mark.parametrize("lora", [None, Lora()])
def test_the_steps_of_an_epoch_are_the_epoch(folder: Path, tmp_path: Path, batching, rows, lora) -> None:
    samples, spec = samples_of(folder / "set", folder / "mini", tmp_path), of_folder(folder / "mini")
    settings = Settings(
        batching=batching, row_length=int(samples.tokens.max()) * 2, rows=rows, accumulation=3, world=2, epochs=1.0,
        max_steps=None, seed=4,
    )  # fmt: skip
    plan = make_plan(samples.tokens, samples.weights, settings)
    stage = Stage(name="s", lora=lora)
    count = counter(plan, samples, spec, stage)
    total = Counts()
    for step in range(1, plan.steps + 1):
        one = count(step)
        assert 0 < one.supervised < one.tokens <= one.computed
        total = total.plus(one)
    tokens, supervised, crops = (int(one.sum()) for one in (samples.tokens, samples.supervised, samples.crops))
    assert (total.samples, total.tokens, total.supervised, total.crops) == (len(samples), tokens, supervised, crops)
    facts = plan.facts(samples.tokens, samples.crops)
    assert 1 - total.tokens / total.computed == pytest.approx(facts.padding)
    assert total.flops == spec.flops(
        samples.tokens.tolist(), crops, train=stage.train, num_logits=supervised,
        adapters=("llm", "vision") if lora else (),
    )  # fmt: skip
