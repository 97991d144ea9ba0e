"""The plan of a run: every sample as often as an epoch wants it, no row over its budget, all ranks in step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.train.plan import Plan, Settings, make_plan

LENGTH = 100


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    return Settings(
        batching=draw(st.sampled_from(("packed", "grouped", "padded"))),
        row_length=LENGTH,
        rows=draw(st.integers(1, 3)),
        accumulation=draw(st.integers(1, 3)),
        world=draw(st.integers(1, 4)),
        epochs=draw(st.sampled_from((1.0, 2.0, 3.0, 1.5))),
        max_steps=None,
        seed=draw(st.integers(0, 5)),
    )


def lengths(least: int) -> st.SearchStrategy[NDArray[np.int32]]:
    return st.lists(st.integers(1, LENGTH), min_size=least, max_size=80).map(lambda found: np.array(found, np.int32))


def plan_of(tokens: NDArray[np.int32], its: Settings, weights: NDArray[np.float64] | None = None) -> Plan:
    return make_plan(tokens, np.ones(len(tokens)) if weights is None else weights, its)


def read(plan: Plan) -> Counter[int]:
    """How often each sample is read by all ranks together."""
    world = plan.settings.world
    return Counter(
        sample for rank in range(world) for i in range(len(plan)) for row in plan.batch(rank, i) for sample in row
    )


@given(lengths(4), settings())
def test_every_sample_is_read_as_often_as_there_are_epochs(tokens: NDArray[np.int32], its: Settings) -> None:
    counts = read(plan_of(tokens, its))
    assert counts.total() == int(its.epochs) * len(tokens) + round(its.epochs % 1 * len(tokens))
    assert set(counts.values()) <= {int(its.epochs), int(np.ceil(its.epochs))}


@given(lengths(4), settings())
def test_every_epoch_reads_every_sample_once(tokens: NDArray[np.int32], its: Settings) -> None:
    plan = plan_of(tokens, its)
    first = 0
    for last in plan.epoch_ends.tolist()[: int(its.epochs)]:
        assert sorted(plan.samples[first:last].tolist()) == list(range(len(tokens)))
        first = last


@given(lengths(4), settings())
def test_every_rank_has_a_row_in_every_micro_batch_and_no_row_is_over_its_budget(
    tokens: NDArray[np.int32], its: Settings
) -> None:
    plan = plan_of(tokens, its)
    assert plan.steps == -(-len(plan) // its.accumulation)
    for i in range(len(plan)):
        is_last = i >= (plan.steps - 1) * its.accumulation
        for rank in range(its.world):
            rows = plan.batch(rank, i)
            assert rows and all(rows)
            assert all(tokens[list(row)].sum() <= LENGTH for row in rows)
            if is_last:
                assert len(rows) <= its.rows + (its.rows == 1)
            elif i < (plan.steps - 2) * its.accumulation:
                assert len(rows) == its.rows


@given(lengths(4), settings(), st.integers(1, 5))
def test_a_run_of_so_many_steps_has_full_ones(tokens: NDArray[np.int32], its: Settings, steps: int) -> None:
    plan = plan_of(tokens, replace(its, max_steps=steps))
    assert (plan.steps, len(plan)) == (steps, steps * its.accumulation)
    assert all(len(plan.batch(rank, i)) == its.rows for rank in range(its.world) for i in range(len(plan)))
    counts = read(plan)
    if its.batching != "packed":
        assert max(counts[i] for i in range(len(tokens))) - min(counts[i] for i in range(len(tokens))) <= 1


@given(lengths(4), settings())
def test_the_same_lengths_and_seed_give_the_same_plan(tokens: NDArray[np.int32], its: Settings) -> None:
    one, same = plan_of(tokens, its), plan_of(tokens, its)
    assert one.samples.tobytes() == same.samples.tobytes() and one.order.tobytes() == same.order.tobytes()


@pytest.mark.parametrize("batching", ["packed", "grouped", "padded"])
def test_another_seed_gives_another_order_and_so_does_another_epoch(batching: str) -> None:
    tokens = spread(1_000)
    one, other = (plan_of(tokens, base(batching=batching, row_length=8192, epochs=2.0, seed=s)) for s in (0, 1))
    assert one.samples.tobytes() != other.samples.tobytes()
    assert one.samples[:1_000].tobytes() != one.samples[1_000:].tobytes()


@given(lengths(8), settings(), st.sampled_from((0.25, 0.5, 1.5, 2.0)))
def test_a_weight_says_how_often_an_epoch_reads(tokens: NDArray[np.int32], its: Settings, weight: float) -> None:
    num = len(tokens) // 2
    weights = np.where(np.arange(len(tokens)) < num, weight, 1.0)
    counts = read(plan_of(tokens, replace(its, epochs=4.0), weights))
    assert sum(counts[i] for i in range(num)) == round(4 * weight * num)
    assert {counts[i] for i in range(num, len(tokens))} == {4}
    of_all = [counts[i] for i in range(num)]
    assert max(of_all) - min(of_all) <= 1  # the epochs take turns


def base(**changes: object) -> Settings:
    values: dict[str, object] = {
        "batching": "packed", "row_length": LENGTH, "rows": 1, "accumulation": 1, "world": 1, "epochs": 1.0,
        "max_steps": None, "seed": 0,
    }  # fmt: skip
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tokens", "its", "rows_of_last_step"),
    [
        ([60] * 4, base(world=2), [[1], [1]]),  # nothing is left over
        ([60] * 5, base(world=2, rows=2), [[1], [1]]),  # 4 + 1: the step before shares its rows
        ([60] * 5, base(world=2), [[1], [2]]),  # one row a micro-batch: the shortest go together
        ([20] * 15, base(world=2), [[1], [1]]),  # 3 packed rows of 5: the third is taken apart
        ([60] * 7, base(world=2, rows=2, accumulation=2), [[1, 2], [2, 2]]),
    ],
)
def test_what_is_left_at_the_end_of_a_run(tokens: list[int], its: Settings, rows_of_last_step: list[list[int]]) -> None:
    plan = plan_of(np.array(tokens, np.int32), its)
    first = (plan.steps - 1) * its.accumulation
    found = [[len(plan.batch(rank, i)) for i in range(first, len(plan))] for rank in range(its.world)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, rows_of_last_step))
    assert read(plan) == Counter(range(len(tokens)))


def test_fewer_samples_than_processes_are_an_error() -> None:
    with pytest.raises(UsageError, match="1 samples are too few for 2 processes"):
        plan_of(np.array([5], np.int32), base(world=2))


def test_a_sample_that_no_row_holds_is_an_error() -> None:
    with pytest.raises(UsageError, match="101 tokens, a row has 100: raise pack_length"):
        plan_of(np.array([101], np.int32), base())


def spread(count: int) -> NDArray[np.int32]:
    """Lengths as instruction sets have them: most short, some long."""
    found = np.random.default_rng(0).lognormal(6, 1, count).clip(40, 8192)
    return found.astype(np.int32)


def test_packed_rows_are_nearly_full_and_ranks_carry_alike() -> None:
    tokens = spread(20_000)
    plan = plan_of(tokens, base(row_length=8192, world=4, rows=2))
    facts = plan.facts(tokens, np.ones_like(tokens))
    assert facts.fill > 0.98 and facts.padding < 0.03
    loads = [[sum(int(tokens[list(row)].sum()) for row in plan.batch(rank, i)) for rank in range(4)] for i in range(9)]
    assert all(min(load) > 0.9 * max(load) for load in loads)


def test_grouped_rows_pad_less_and_are_still_shuffled() -> None:
    tokens = spread(20_000)
    padding = {
        batching: plan_of(tokens, base(batching=batching, row_length=8192, rows=8)).facts(tokens, tokens).padding
        for batching in ("grouped", "padded")
    }
    assert padding["grouped"] < 0.05 < 0.4 < padding["padded"]
    plan = plan_of(tokens, base(batching="grouped", row_length=8192, rows=8))
    means = [tokens[[row[0] for row in plan.batch(0, i)]].mean() for i in range(40)]
    assert sorted(means) != means != sorted(means, reverse=True)


def test_grouped_rows_pad_little_in_every_epoch_of_a_number_that_no_batch_divides() -> None:
    tokens = np.random.default_rng(0).integers(50, 850, 359).astype(np.int32)
    its = replace(base(batching="grouped", row_length=1024, rows=4), epochs=4.0)
    assert plan_of(tokens, its).facts(tokens, tokens).padding < 0.03


def test_the_epoch_goes_from_near_0_to_the_number_of_epochs() -> None:
    plan = plan_of(spread(500), base(row_length=8192, world=2, epochs=2.5))
    epochs = [plan.epoch_of(i) for i in range(len(plan))]
    assert epochs == sorted(epochs) and 0 < epochs[0] < 0.1
    assert epochs[-1] == 2.5
    few = plan_of(spread(500), replace(base(row_length=8192), batching="padded", max_steps=25))
    assert few.epoch_of(len(few) - 1) == 25 * few.settings.rows * few.settings.accumulation / 500


def test_a_micro_batch_that_is_not_there_is_an_index_error() -> None:
    plan = plan_of(spread(10), base(row_length=8192))
    with pytest.raises(IndexError):
        plan.batch(0, len(plan))
