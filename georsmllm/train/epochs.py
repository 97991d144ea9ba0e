"""The rows of every epoch, in order: samples drawn by weight, shuffled, then packed, grouped by length, or as they come."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.rng import hash64

Ints = NDArray[np.int64]

_WINDOW = 16_384
"""Samples that are packed among themselves, of the shuffled order."""
_MEGABATCH = 200
"""Steps whose rows are sorted by length among themselves; as their batches are shuffled, more cost no randomness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """row_length: tokens of a packed row. rows: of a micro-batch. accumulation: micro-batches of a step. epochs may be a
    fraction; max_steps in its place."""

    batching: Literal["packed", "grouped", "padded"]
    row_length: int
    rows: int
    accumulation: int
    world: int
    epochs: float
    max_steps: int | None
    seed: int


class _Place(NamedTuple):
    """Of an epoch in its run. rows: of the epochs before it."""

    epoch: int
    rows: int


class Epoch(NamedTuple):
    """samples: in their order. sizes: samples of each row. whole: samples of an epoch that is read to its end."""

    samples: Ints
    sizes: Ints
    whole: int


def epochs_of(tokens: Ints, weights: NDArray[np.float64], settings: Settings) -> list[Epoch]:
    """Every epoch of a run; the last may be a part of one."""
    found: list[Epoch] = []
    needed = None
    if settings.max_steps is not None:
        needed = settings.max_steps * settings.world * settings.rows * settings.accumulation
    left = Fraction(settings.epochs).limit_denominator(1_000_000)
    rows = 0
    while rows < needed if needed is not None else left > 0:
        epoch = len(found)
        members = _shuffled(_members(weights, epoch, settings.seed), settings.seed, "epoch", epoch)
        whole = len(members)
        if needed is None:
            members = members[: round(min(left, Fraction(1)) * len(members))]
            left -= 1
        if not len(members):
            raise UsageError("there is no sample to learn from; raise the weights or the epochs")
        samples, sizes = _ROWS_OF[settings.batching](members, tokens, _Place(epoch, rows), settings)
        found.append(Epoch(samples, sizes, whole))
        rows += len(sizes)
    return found


def _members(weights: NDArray[np.float64], epoch: int, seed: int) -> Ints:
    """The samples that an epoch reads, in ascending order: each as often as its weight says. Of a fraction, the epochs take
    turns, so that a weight of 0.5 reads everything in two of them."""
    parts = []
    for weight in np.unique(weights):
        its = np.flatnonzero(weights == weight)
        whole, part = divmod(Fraction(float(weight)).limit_denominator(1_000_000), 1)
        parts += [its] * int(whole)
        first, last = (round(part * len(its) * turn) for turn in (epoch, epoch + 1))
        if last > first:
            parts.append(_shuffled(its, seed, "share")[np.arange(first, last) % len(its)])
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _singles(members: Ints, _tokens: Ints, _place: _Place, _settings: Settings) -> tuple[Ints, Ints]:
    return members, np.ones(len(members), np.int64)


def _grouped(members: Ints, tokens: Ints, place: _Place, settings: Settings) -> tuple[Ints, Ints]:
    """Sorted by length within megabatches, whose micro-batches (of all ranks) are shuffled. The batch that the epoch before
    could not fill, of its shortest, is filled with the shortest of this one: all after it would straddle two batches."""
    a_batch = settings.world * settings.rows
    a_megabatch = a_batch * settings.accumulation * _MEGABATCH
    many = members[:a_megabatch]
    lacking = np.argsort(tokens[many], kind="stable")[: -place.rows % a_batch]
    parts, members, epoch = [many[lacking]], np.delete(members, lacking), place.epoch
    for start in range(0, len(members), a_megabatch):
        many = members[start : start + a_megabatch]
        many = many[np.argsort(-tokens[many], kind="stable")]
        batches = np.arange(-(-len(many) // a_batch), dtype=np.int64)
        is_short = len(many) % a_batch != 0  # a batch that is not full stays last, so that the others stay whole
        turn = _shuffled(batches[: len(batches) - is_short], settings.seed, "grouped", epoch, start)
        places = np.concatenate((turn, batches[len(batches) - is_short :]))
        parts += [many[at * a_batch : (at + 1) * a_batch] for at in places.tolist()]
    rows = np.concatenate(parts)
    return rows, np.ones(len(rows), np.int64)


def _packed(members: Ints, tokens: Ints, place: _Place, settings: Settings) -> tuple[Ints, Ints]:
    """Best fit, longest first, within windows of the order; the rows of a window are shuffled."""
    orders, sizes = [], []
    for start in range(0, len(members), _WINDOW):
        window = members[start : start + _WINDOW]
        bins = np.empty(len(window), np.int64)
        by_length = np.argsort(-tokens[window], kind="stable")
        num_bins = _best_fit(tokens[window][by_length], settings.row_length, bins)
        turn = np.empty(num_bins, np.int64)
        turn[_shuffled(np.arange(num_bins), settings.seed, "rows", place.epoch, start)] = np.arange(num_bins)
        row_of = turn[bins]
        orders.append(window[by_length][np.argsort(row_of, kind="stable")])
        sizes.append(np.bincount(row_of, minlength=num_bins))
    return np.concatenate(orders), np.concatenate(sizes).astype(np.int64)


_ROWS_OF = {"packed": _packed, "grouped": _grouped, "padded": _singles}


@njit(cache=True, nogil=True)
def _best_fit(lengths: Ints, capacity: int, bins: Ints) -> int:
    """The bin of each length (descending), each time the fullest that has room; how many there are.

    head[room], after[bin]: the bins of that room, as a linked list; busy: a bit for each room that has any.
    """
    head = np.full(capacity + 1, -1, np.int64)
    after = np.empty(len(lengths), np.int64)
    busy = np.zeros(capacity // 32 + 1, np.int64)
    num_bins = 0
    for i in range(len(lengths)):
        length = lengths[i]
        room = -1
        word = length // 32
        bits = (busy[word] >> (length % 32)) << (length % 32)
        while True:
            if bits != 0:
                room = word * 32
                while bits & 1 == 0:
                    bits >>= 1
                    room += 1
                break
            word += 1
            if word == len(busy):
                break
            bits = busy[word]
        if room < 0:
            place, room = num_bins, capacity
            num_bins += 1
        else:
            place = head[room]
            head[room] = after[place]
            if head[room] < 0:
                busy[room // 32] &= ~(1 << (room % 32))
        bins[i] = place
        room -= length
        after[place] = head[room]
        head[room] = place
        busy[room // 32] |= 1 << (room % 32)
    return num_bins


def _shuffled(numbers: Ints, seed: int, *names: str | int) -> Ints:
    """The numbers in an order that seed and names decide: sorted by a hash of their places (splitmix64), which no version
    of numpy changes."""
    at = np.arange(len(numbers), dtype=np.uint64) + np.uint64(hash64(seed, *names))
    at = (at + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    at = (at ^ (at >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    at = (at ^ (at >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    shuffled: Ints = numbers[np.argsort(at ^ (at >> np.uint64(31)), kind="stable")]
    return shuffled
