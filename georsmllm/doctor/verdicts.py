"""The verdict: which readings answers may be in, by gold or by their numbers alone, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from georsmllm.doctor import likelihood
from georsmllm.doctor.ears import Ear, named
from georsmllm.doctor.fitting import Answers, Fitted, adrift, cost_of, dealt, fit, records
from georsmllm.doctor.proposals import Records, known
from georsmllm.doctor.readings import FRAMES, Array, Reading, quads

RESAMPLES = 200
SAME_PLACE, SAME_SHIFT = 0.002, 0.006
"""Readings whose corners are so near on average (shares of the view) put these answers in the same places; of those that are
only shifted against each other half a percent is believed to be rounding."""
BELIEVED_DIALECT, BELIEVED_WORTH = 4.0, 0.04
"""Nats, and with gold mean IoU, by which a published form and its own frame are likelier together than another frame in that
form."""
FULL_WEIGHT = 40
"""More objects than so many weigh as so many: the likelihood is too rough a model for more."""
NAMELESS = 0.01
"""Readings less sure than this are not told, unless only the belief in published forms keeps them down."""
CANNOT_TELL = 4.0
"""Readings within so many nats of the best, that belief left aside, are told beside it."""
ELSE = 25.0
"""Nats that a narrower frame must win before we believe that no frame on purpose is right."""
STRANGERS = 2
"""How often the search is made in gold of other answers."""
MISSED, MET, MOST_PARTS = 0.1, 0.3, 3
"""The IoU below which an answer is missed by a reading, the one from which it is met, and how many readings one file has."""
FEWEST, SHARE_OF_REST, SURE_OF_PART = 5, 0.4, 0.9
"""A further reading is told where so many missed answers, and this share of those that are left, are met by it."""


class Option(NamedTuple):
    """A reading, how sure it is (0 to 1), its mean IoU with gold, the dialects that it is, and the readings that put these
    answers in the same places.

    sure: with gold, the share of the resamples of the answers that these readings win, against the best that the same search
    finds in gold of other answers; without, their posterior among all readings. It is lessened by the share of answers that
    are better read otherwise, and never more than (n + 1) / (n + 2) by n answers, with gold those that meet it (Laplace's
    rule of succession).
    """

    reading: Reading
    sure: float
    iou: float | None
    dialects: tuple[str, ...]
    same: tuple[Reading, ...] = ()


class Part(NamedTuple):
    """Answers that the best reading misses and this one meets: their share of all."""

    reading: Reading
    share: float
    dialects: tuple[str, ...]


class Verdict(NamedTuple):
    """What `Diagnosis` holds of it; no options where there was nothing to judge by."""

    options: tuple[Option, ...]
    parts: tuple[Part, ...] = ()
    adrift: float = 0.0
    outside: float = 0.0
    reach: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))


def by_gold(answers: Answers, ears: Sequence[Ear]) -> Verdict:
    among = records(answers)
    fitted = fit(answers, among)
    if not fitted:
        return Verdict(())
    found = [(one, named(one.reading, ears)) for one in fitted]
    found.sort(key=lambda pair: -pair[0].worth - BELIEVED_WORTH * bool(pair[1]))
    fitted, names = [one for one, _ in found], [names for _, names in found]
    shares = _won_by(fitted, names, answers, among)
    best = fitted[0]
    parts = tuple(_parts(best, answers, among, ears))
    missed = [record for record, iou in zip(among, best.by_record, strict=True) if iou < MISSED]
    lost = adrift(answers, best.reading, missed) * len(missed) / len(among)
    most = _at_most(int((best.by_record >= MET).sum())) * (1 - max(sum(part.share for part in parts), lost))
    options: list[Option] = []
    for group in _grouped([one.reading for one in fitted], answers):
        readings = [fitted[row].reading for row in group]
        first = _plainest(readings, [names[row] for row in group], answers.arity)
        sure = min(float(shares[group].sum()), most)
        if sure >= NAMELESS or not options:
            one, others = fitted[group[first]], _others(readings, first)
            options.append(Option(one.reading, sure, one.iou, names[group[first]], others))
    return Verdict(tuple(options), parts, lost)


def _won_by(fitted: Sequence[Fitted], names: Sequence[tuple[str, ...]], answers: Answers, among: Records) -> Array:
    """The share of the resamples that each wins, against what the same search finds in the gold of other answers."""
    num = sum(len(gold) > 0 for _, gold in among)
    strangers = [one for by in range(1, min(STRANGERS, num - 1) + 1) for one in fit(answers, dealt(among, by))[:3]]
    worth = [one.by_record - one.cost for one in strangers]
    worth += [one.by_record - one.cost + BELIEVED_WORTH * bool(of) for one, of in zip(fitted, names, strict=True)]
    return _won(np.array(worth))[len(strangers) :]


def _parts(best: Fitted, answers: Answers, among: Records, ears: Sequence[Ear]) -> list[Part]:
    """What the answers that the best reading misses are in, as long as one reading meets many of them."""
    parts: list[Part] = []
    rest = [record for record, iou in zip(among, best.by_record, strict=True) if iou < MISSED]
    while len(parts) < MOST_PARTS and len(rest) >= FEWEST:
        fitted = fit(answers, rest)
        if not fitted:
            break
        met, names = fitted[0].by_record >= MET, [named(one.reading, ears) for one in fitted]
        if met.sum() < FEWEST or met.mean() < SHARE_OF_REST or _won_by(fitted, names, answers, rest)[0] < SURE_OF_PART:
            break
        parts.append(Part(fitted[0].reading, float(met.sum()) / len(among), names[0]))
        rest = [record for record, is_met in zip(rest, met, strict=True) if not is_met]
    return parts


def _read_by(names: Sequence[str], ears: Sequence[Ear]) -> float:
    """The share of the answers that the best of these dialects reads; 1 without any."""
    return max((ear.heard.share for ear in ears if ear.heard.name in names), default=1.0)


def _grouped(readings: Sequence[Reading], answers: Answers) -> list[list[int]]:
    """The rows of readings that put the answers in the same places, in the order of the first of each."""
    groups: list[tuple[Array, list[int]]] = []
    for row, reading in enumerate(readings):
        placed = quads(reading, answers.numbers, answers.sizes) / answers.sizes[:, None]
        for first, group in groups:
            is_shift = readings[group[0]]._replace(shift=reading.shift) == reading
            if np.abs(first - placed).mean() <= (SAME_SHIFT if is_shift else SAME_PLACE):
                group.append(row)
                break
        else:
            groups.append((placed, [row]))
    return [group for _, group in groups]


def _plainest(readings: Sequence[Reading], names: Sequence[tuple[str, ...]], arity: int) -> int:
    """Of readings that are the same here, the one that a dialect is, then the one of the plainest frame."""
    frames = list(FRAMES)

    def order(i: int) -> tuple[bool, float, int]:
        return not names[i], cost_of(readings[i], arity, len(readings)), frames.index(readings[i].frame)

    return min(range(len(readings)), key=order)


def _others(readings: Sequence[Reading], first: int) -> tuple[Reading, ...]:
    """The readings beside the first that people use, of another frame or span."""
    plain = {
        reading._replace(shift=(0.0, 0.0)): None
        for reading in readings
        if set(reading.scale) <= set(known(reading.frame))
    }
    plain.pop(readings[first]._replace(shift=(0.0, 0.0)), None)
    return tuple(plain)


def _at_most(answers: int) -> float:
    return (answers + 1) / (answers + 2)


def _won(worth: Array) -> Array:
    """In which share of the resamples each option (rows) is the best by the sum of its columns; ties go to the first."""
    draws = np.random.default_rng(0).integers(0, worth.shape[1], (RESAMPLES, worth.shape[1]))
    winners = np.round(worth[:, draws].sum(axis=2), 9).argmax(axis=0)
    shares: Array = np.bincount(winners, minlength=len(worth)) / RESAMPLES
    return shares


def by_likelihood(answers: Answers, ears: Sequence[Ear], *, sizes_known: bool) -> Verdict:
    """The readings by their likelihood; published ones in their own form are believed before others."""
    likely = [
        likelihood.likely(reading, answers.numbers, answers.sizes)
        for reading in likelihood.readings(answers.arity, sizes_known=sizes_known)
    ]
    weight = min(1.0, FULL_WEIGHT / len(answers.numbers))
    bare = np.array([one.by_object.sum() * weight for one in likely])
    bare -= np.array([likelihood.prior_cost(one.reading, answers.arity) for one in likely])
    kept = [row for row in range(len(likely)) if bare[row] >= bare.max() - 2 * BELIEVED_DIALECT]
    names = {row: named(likely[row].reading, ears) for row in kept}
    total = {row: float(bare[row]) + BELIEVED_DIALECT * bool(names[row]) for row in kept}
    kept.sort(key=lambda row: (-total[row], row))
    posterior = np.exp([total[row] - total[kept[0]] for row in kept])
    posterior /= posterior.sum()
    best = likely[kept[0]]
    outside = float(best.forbidden.mean())
    reach = likelihood.reach(best, answers.numbers, answers.sizes)
    gain = -min(len(answers.numbers), FULL_WEIGHT) * sum(math.log(high - low) for low, high in reach)
    other = 1 / (1 + math.exp(min(ELSE - gain, ELSE)))
    most = _at_most(len(set(answers.record.tolist()))) * (1 - outside) * (1 - other)
    options = []
    for group in _grouped([likely[row].reading for row in kept], answers):
        rows = [kept[i] for i in group]
        first = _plainest([likely[row].reading for row in rows], [names[row] for row in rows], answers.arity)
        sure = min(float(posterior[group].sum()), most, _read_by(names[rows[first]], ears))
        if sure >= NAMELESS or bare[rows].max() >= bare[kept[0]] - CANNOT_TELL:
            same = _others([likely[row].reading for row in rows], first)
            options.append(Option(likely[rows[first]].reading, sure, None, names[rows[first]], same))
    return Verdict(tuple(options), outside=outside, reach=reach)
