"""Counting of training: what time is attributed to, rates, MFU."""

from __future__ import annotations

import time

import pytest

from georsmllm.model.spec import published
from georsmllm.train.throughput import Counts, Meter, Reading, Stopwatch, mfu, peak_flops, rates

STEP = Counts(samples=4, tokens=800, supervised=80, computed=1000, crops=12, flops=10**12)


def test_time_goes_to_what_it_was_spent_on_and_pauses_count_nowhere() -> None:
    waiting = Stopwatch()
    meter = Meter(100.0, waiting)
    waiting.seconds += 1.0
    meter.mark("worked", 104.0)
    meter.mark("paused", 200.0)  # an evaluation, a save
    waiting.seconds += 0.5
    meter.mark("worked", 204.0)
    meter.add(STEP)
    meter.add(STEP)
    reading = meter.read()
    assert reading == Reading(STEP.plus(STEP), worked_s=6.5, waited_s=1.5)
    assert rates(reading) == {
        "tokens_per_s": 200.0,
        "supervised_tokens_per_s": 20.0,
        "samples_per_s": 1.0,
        "data_wait": 1.5 / 8,
        "padding": pytest.approx(0.2),
    }


def test_a_reading_begins_anew() -> None:
    waiting = Stopwatch()
    meter = Meter(0.0, waiting)
    waiting.seconds += 2.0
    meter.mark("worked", 5.0)
    meter.add(STEP)
    meter.read()
    meter.mark("worked", 6.0)
    assert meter.read() == Reading(Counts(), worked_s=1.0, waited_s=0.0)


def test_a_stopwatch_adds_up_its_blocks_also_those_that_fail() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with pytest.raises(KeyError), watch.running():
            time.sleep(0.01)
            raise KeyError
    assert 0.02 <= watch.seconds < 1


def test_before_anything_took_time_there_are_no_rates() -> None:
    assert rates(Meter(3.0, Stopwatch()).read()) == {}


def test_mfu_is_arithmetic_over_what_the_devices_could_do() -> None:
    assert mfu(Reading(STEP, worked_s=3.0, waited_s=1.0), peak=1e12, num_devices=2) == 0.125


def test_logits_that_are_not_computed_are_not_counted() -> None:
    spec = published("0.5b")
    everything = spec.flops([1000], 10, train=("llm",))
    few = spec.flops([1000], 10, train=("llm",), num_logits=100)
    assert everything - few == 6 * 900 * spec.embedding
    adapted = {"train": ("llm",), "adapters": ("llm",)}
    assert (
        spec.flops([1000], 10, **adapted) - spec.flops([1000], 10, **adapted, num_logits=0) == 4 * 1000 * spec.embedding
    )


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H200", 989.4),
        ("NVIDIA H200 NVL", 835.5),
        ("NVIDIA GH200 480GB", 989.4),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A100 80GB PCIe", 312.0),
        ("NVIDIA A40", 149.7),
        ("NVIDIA RTX A6000", 154.8),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA L40", 181.05),
        ("NVIDIA L4", 121.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 3090", 71.0),
        ("Tesla V100-SXM2-32GB", 125.0),
        ("Tesla V100-PCIE-16GB", 112.0),
    ],
)
def test_peaks_of_known_devices(name: str, tera: float) -> None:
    assert peak_flops(name) == tera * 1e12


@pytest.mark.parametrize(
    "name",
    ["NVIDIA GeForce GTX 1080", "NVIDIA GeForce RTX 3090 Ti", "NVIDIA A4000", "NVIDIA H20", "AMD Instinct MI300X"],
)
def test_a_device_that_is_not_in_the_table_has_no_peak(name: str) -> None:
    assert peak_flops(name) is None
