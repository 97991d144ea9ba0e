"""How fast training goes: counts of what was trained on, and where the time went between two logs.

Useful tokens are those of samples, padding is not among them. Time that is neither a step nor waiting for its data
(evaluation, saving, writing logs) is left out of every rate. MFU is model FLOPs, nothing recomputed among them, over the
device's published dense bf16 peak.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

Spent = Literal["worked", "paused"]


class Counts(NamedTuple):
    """What one optimizer step, or several, trained on, over all ranks. computed: tokens with the padding. crops: views through
    the vision tower. flops: of the model's arithmetic, forward and backward (`Spec.flops`)."""

    samples: int = 0
    tokens: int = 0
    supervised: int = 0
    computed: int = 0
    crops: int = 0
    flops: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


class Reading(NamedTuple):
    """Counts and seconds since the reading before."""

    counts: Counts
    worked_s: float
    waited_s: float

    @property
    def seconds(self) -> float:
        return self.worked_s + self.waited_s


class Stopwatch:
    """Adds up the time that its blocks take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start_s


class Meter:
    """Attributes the time since the last mark, and adds up counts, until it is read. waiting: runs while a step waits for its
    batches."""

    def __init__(self, now_s: float, waiting: Stopwatch) -> None:
        self._waiting = waiting
        self._last_s = now_s
        self.begin()

    def begin(self) -> None:
        """Forget what was so far."""
        self._counts = Counts()
        self._worked_s = 0.0
        self._waited_s = self._waiting.seconds

    def mark(self, spent: Spent, now_s: float) -> None:
        """What the time since the mark before was spent on."""
        self._worked_s += now_s - self._last_s if spent == "worked" else 0.0
        self._last_s = now_s

    def add(self, counts: Counts) -> None:
        self._counts = self._counts.plus(counts)

    def read(self) -> Reading:
        """All since the last reading; begins anew."""
        waited_s = self._waiting.seconds - self._waited_s
        reading = Reading(self._counts, self._worked_s - waited_s, waited_s)
        self.begin()
        return reading


def rates(reading: Reading) -> dict[str, float]:
    """Per second of all ranks together; empty before anything took time. data_wait: share of the time that a step waited for
    its batches (on a GPU an upper bound: work that is still queued runs meanwhile)."""
    counts, seconds = reading.counts, reading.seconds
    if seconds <= 0:
        return {}
    found = {
        "tokens_per_s": counts.tokens / seconds,
        "supervised_tokens_per_s": counts.supervised / seconds,
        "samples_per_s": counts.samples / seconds,
        "data_wait": reading.waited_s / seconds,
    }
    if counts.computed:
        found["padding"] = 1 - counts.tokens / counts.computed
    return found


PEAK_BF16 = {
    # dense tensor-core TFLOP/s with fp32 accumulation, by NVIDIA's data sheets (half of the figure "with sparsity")
    r"B200": 2250.0,  # DGX B200 data sheet
    r"H[12]00 NVL": 835.5,  # H100 NVL and H200 NVL data sheets
    r"H100 PCIe": 756.0,  # H100 data sheet
    r"GH200|H[128]00": 989.4,  # H100 SXM and H200 SXM data sheets
    r"A[18]00": 312.0,  # A100 data sheet
    r"A40\b": 149.7,  # A40 data sheet
    r"A6000": 154.8,  # RTX A6000 data sheet
    r"L40S": 362.05,  # L40S data sheet
    r"L40\b": 181.05,  # L40 data sheet
    r"L4\b": 121.0,  # L4 data sheet
    r"RTX 4090": 165.2,  # Ada architecture white paper, appendix A
    r"RTX 3090(?! Ti)": 71.0,  # GA102 white paper, table 2
    r"V100-PCIE": 112.0,  # V100 data sheet; these have no bf16, fp16 is meant
    r"V100": 125.0,
}
"""Names as the driver gives them, the first that matches. Written from memory of the sheets named, and not held against them
yet: do so before an MFU is published."""


def peak_flops(device: str) -> float | None:
    """Dense bf16 FLOP/s of a GPU by the driver's name for it; None for one that is not in the table."""
    for pattern, tera in PEAK_BF16.items():
        if re.search(pattern, device):
            return tera * 1e12
    return None


def mfu(reading: Reading, *, peak: float, num_devices: int) -> float:
    """Model FLOPs utilisation: what the model's arithmetic needed, over what the devices could have done in that time."""
    return reading.counts.flops / (reading.seconds * peak * num_devices) if reading.seconds > 0 else 0.0
