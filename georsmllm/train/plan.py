"""The order in which a run reads its samples: which rows are in which micro-batch of which process, for the whole run.

    plan = make_plan(samples.tokens, samples.weights, settings)
    plan.batch(rank, i)        # the rows of a micro-batch; a row is one sample, or the several that are packed into it

All epochs form one sequence of rows, cut into steps that are equal on all ranks. An epoch reads every sample once (`weight`
times, where a source has one). A step may end one epoch and begin the next; no sample is dropped or read twice to fill it.
The run's last step takes what is left: as many micro-batches as that fills. Where the rest has fewer rows than there are
processes, packed rows are taken apart; where that is not enough, the step before shares its rows with it; and where a
micro-batch is one row and cannot be less, the shortest rows go two to a micro-batch.
Everything follows from lengths, settings and seed, by integer arithmetic: the same bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.train.epochs import Ints, epochs_of
from georsmllm.train.epochs import Settings as Settings

Rows = tuple[tuple[int, ...], ...]


class Facts(NamedTuple):
    """Of all rows of a run. fill: share of packed rows' length that holds samples; padding: share of the tokens that a
    batch computes and no sample has. most_tokens, most_crops: of one micro-batch, padding included."""

    rows: int
    tokens: int
    fill: float
    padding: float
    most_tokens: int
    most_crops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """len: micro-batches of one process. samples: of all rows in their order, those of row r from row_ends[r - 1] to
    row_ends[r]. order: the rows of all micro-batches, those of micro-batch i of a rank from slot_ends[i * world + rank - 1]
    to slot_ends[i * world + rank]. epoch_ends: the samples that each epoch ends with, of the last as if
    it were read to its end."""

    settings: Settings
    samples: NDArray[np.int32]
    row_ends: Ints
    order: Ints
    slot_ends: Ints
    epoch_ends: Ints

    def __len__(self) -> int:
        return len(self.slot_ends) // self.settings.world

    @property
    def steps(self) -> int:
        """Optimizer steps; the last may have fewer micro-batches than the others."""
        return -(-len(self) // self.settings.accumulation)

    def batch(self, rank: int, i: int) -> Rows:
        """The rows of a process's micro-batch, each the numbers of its samples. Raises IndexError."""
        if not 0 <= i < len(self) or not 0 <= rank < self.settings.world:
            raise IndexError(f"micro-batch {i} of {len(self)}, rank {rank} of {self.settings.world}")
        return tuple(self.row(int(row)) for row in self._slot(i * self.settings.world + rank))

    def row(self, row: int) -> tuple[int, ...]:
        first = int(self.row_ends[row - 1]) if row else 0
        return tuple(self.samples[first : int(self.row_ends[row])].tolist())

    def epoch_of(self, i: int) -> float:
        """Epochs that are read when micro-batch i has been, on all ranks."""
        last = int(self.row_ends[int(self.slot_ends[(i + 1) * self.settings.world - 1]) - 1])
        epoch = int(np.searchsorted(self.epoch_ends, last))
        first = int(self.epoch_ends[epoch - 1]) if epoch else 0
        return epoch + (last - first) / (int(self.epoch_ends[epoch]) - first)

    def facts(self, tokens: NDArray[np.int32], crops: NDArray[np.int32]) -> Facts:
        """What the plan makes of samples of these lengths."""
        each = _sums(tokens.astype(np.int64)[self.samples], self.row_ends)
        rows = each[self.order]
        views = _sums(crops.astype(np.int64)[self.samples], self.row_ends)[self.order]
        starts = np.concatenate(([0], self.slot_ends[:-1]))
        computed = np.maximum.reduceat(rows, starts) * np.diff(self.slot_ends, prepend=0)
        return Facts(
            rows=len(each),
            tokens=int(rows.sum()),
            fill=float(rows.mean()) / self.settings.row_length,
            padding=1 - float(rows.sum()) / float(computed.sum()),
            most_tokens=int(computed.max()),
            most_crops=int(np.add.reduceat(views, starts).max()),
        )

    def _slot(self, slot: int) -> Ints:
        return self.order[int(self.slot_ends[slot - 1]) if slot else 0 : int(self.slot_ends[slot])]


def make_plan(tokens: NDArray[np.int32], weights: NDArray[np.float64], settings: Settings) -> Plan:
    """The plan of a run over samples of these lengths; raises UsageError for fewer samples than processes."""
    if settings.batching == "packed" and len(tokens) and int(tokens.max()) > settings.row_length:
        raise UsageError(f"a sample has {int(tokens.max())} tokens, a row has {settings.row_length}: raise pack_length")
    long = tokens.astype(np.int64)
    parts = epochs_of(long, weights, settings)
    samples = np.concatenate([part.samples for part in parts])
    sizes = np.concatenate([part.sizes for part in parts])
    starts = np.cumsum([0, *(len(part.samples) for part in parts[:-1])])
    ends = starts + [part.whole for part in parts]
    a_step = settings.world * settings.rows * settings.accumulation
    if settings.max_steps is not None:
        sizes = sizes[: settings.max_steps * a_step]
        samples = samples[: int(sizes.sum())]
    whole = len(sizes) // a_step
    rest = len(sizes) - whole * a_step
    if rest and whole and not _can_stand(sizes, rest, settings):
        whole -= 1
        rest += a_step
    if rest:
        sizes = _apart(sizes, rest, settings)
        rest = len(sizes) - whole * a_step
        if rest < settings.world:
            raise UsageError(f"{len(samples)} samples are too few for {settings.world} processes; start fewer of them")
    row_ends = np.cumsum(sizes, dtype=np.int64)
    rows = _sums(long[samples], row_ends)
    order, slot_sizes = _dealt(rows, whole * a_step, settings)
    return Plan(
        settings=settings,
        samples=samples.astype(np.int32),
        row_ends=row_ends,
        order=order,
        slot_ends=np.cumsum(slot_sizes, dtype=np.int64),
        epoch_ends=ends[starts < len(samples)],
    )


# rows of a micro-batch


def _can_stand(sizes: Ints, rest: int, settings: Settings) -> bool:
    """Whether the last rows are enough for a step of their own, taken apart if need be."""
    return int(sizes[len(sizes) - rest :].sum()) >= _needed(rest, settings)


def _needed(rest: int, settings: Settings) -> int:
    """Rows that give every process one of each micro-batch."""
    return settings.world * -(-rest // (settings.world * settings.rows))


def _apart(sizes: Ints, rest: int, settings: Settings) -> Ints:
    """The last rows as so many that every process gets one of each micro-batch: packed ones are halved, longest first."""
    tail = sizes[len(sizes) - rest :].tolist()
    needed = _needed(rest, settings)
    while len(tail) < needed and max(tail) > 1:
        at = tail.index(max(tail))
        tail[at : at + 1] = [tail[at] - tail[at] // 2, tail[at] // 2]
    return np.concatenate((sizes[: len(sizes) - rest], np.array(tail, np.int64)))


def _dealt(rows: Ints, whole: int, settings: Settings) -> tuple[Ints, Ints]:
    """(rows in the order of micro-batches and ranks, rows of each). Within a micro-batch of all ranks the longest rows go
    round and back, so that ranks have like loads."""
    a_batch = settings.world * settings.rows
    by_batch = np.argsort(-rows[:whole].reshape(-1, a_batch), axis=1, kind="stable")
    lanes = np.arange(a_batch).reshape(settings.rows, settings.world)
    lanes[1::2] = lanes[1::2, ::-1]
    dealt = by_batch[:, lanes.T.reshape(-1)]  # rank by rank
    odd = dealt[1::2].reshape(-1, settings.world, settings.rows)  # who had the longest gets the shortest next time
    dealt[1::2] = odd[:, ::-1].reshape(-1, a_batch)
    order = (dealt + a_batch * np.arange(len(dealt))[:, None]).reshape(-1)
    slots = np.full(len(order) // settings.rows, settings.rows, np.int64)
    last, last_slots = _dealt_last(rows[whole:], settings)
    return np.concatenate((order, last + whole)), np.concatenate((slots, last_slots))


def _dealt_last(rows: Ints, settings: Settings) -> tuple[Ints, Ints]:
    """The same of what is left, which need not be a multiple of anything: the longest rows one to a micro-batch of a rank,
    then each to the one with the fewest tokens that has room."""
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    count = min(-(-len(rows) // (settings.world * settings.rows)), len(rows) // settings.world) * settings.world
    room = -(-len(rows) // count)
    slots: list[list[int]] = [[] for _ in range(count)]
    loads = [0] * count
    for row in np.argsort(-rows, kind="stable").tolist():
        empty = [slot for slot in range(count) if not slots[slot]]
        open_ = empty[:1] or [slot for slot in range(count) if len(slots[slot]) < room]
        slot = min(open_, key=lambda one: (loads[one], one))
        slots[slot].append(row)
        loads[slot] += int(rows[row])
    flat = [row for slot in slots for row in slot]
    return np.array(flat, np.int64), np.array([len(slot) for slot in slots], np.int64)


def _sums(values: Ints, ends: Ints) -> Ints:
    """The sums of values up to each end."""
    total = np.concatenate(([0], np.cumsum(values)))
    return np.diff(total[ends], prepend=0)
