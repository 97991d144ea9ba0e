"""The examination: answers, sizes and gold in; out comes what they are written in, how sure that is, and what mends it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from georsmllm.contracts import Dialect
from georsmllm.doctor import likelihood
from georsmllm.doctor.answers import Common, common, hear
from georsmllm.doctor.ears import SQUARE, Case, Ear, Heard, as_corners, as_numbers, listen, named, spoken_in
from georsmllm.doctor.fitting import Answers, Fitted, adrift, cost_of, dealt, fit, records
from georsmllm.doctor.proposals import Records, known
from georsmllm.doctor.readings import FRAMES, Array, Reading, quads

MAX_CASES = 200
MOST_PAIRS = 15_000
RESAMPLES = 200
SAME_PLACE, SAME_SHIFT = 0.002, 0.006
"""Readings whose corners are so near on average (shares of the view) put these answers in the same places; of those that are
only shifted against each other half a percent is believed to be rounding."""
BELIEVED_DIALECT, BELIEVED_WORTH = 4.0, 0.04
"""Nats, and with gold mean IoU, by which a published form and its own frame are likelier together than another frame in that
form."""
FULL_WEIGHT = 40
"""More objects than so many weigh as so many: the likelihood is too rough a model for more."""
READS_REST = 0.9
"""A dialect that reads this share of the answers that were left out speaks there, too."""
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


class Diagnosis(NamedTuple):
    """form, arity, objects: as written. answers, silent: all, and those without such objects. left_out: objects of another
    form or arity, or beside such; left_read: whether a dialect of the verdict reads these answers, too. heard: dialects by how
    well they read. options: the best first, then what won resamples or, without gold, cannot be told from it. parts: other
    readings of other answers. adrift: the share of the answers that are right but for a shift of their own. by_gold: whether
    gold judged. outside: the share of the objects that the best reading forbids; reach: the shares of its frame from which to
    which they lie, on x and y; both without gold. sizes_known, gold_known: what was there to judge by."""

    form: str
    arity: int
    answers: int
    silent: int
    objects: int
    left_out: int
    left_read: bool
    sizes_known: bool
    gold_known: int
    by_gold: bool
    heard: tuple[Heard, ...]
    options: tuple[Option, ...]
    parts: tuple[Part, ...]
    adrift: float
    outside: float
    reach: tuple[tuple[float, float], tuple[float, float]]


class _Verdict(NamedTuple):
    options: list[Option]
    parts: tuple[Part, ...] = ()
    adrift: float = 0.0
    outside: float = 0.0
    reach: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))


def examine(cases: Sequence[Case], dialects: Mapping[str, Dialect]) -> Diagnosis:
    """At most MAX_CASES of the cases, evenly taken, are looked at, of crowded ones fewer; those with gold, where any has it."""
    with_gold = [case for case in cases if case.gold is not None]
    chosen = _bearable(_evenly(with_gold)) if with_gold else _evenly(list(cases))
    said = common([case.text for case in chosen])
    answers = _arrays(said, chosen)
    sizes_known = all(case.size_wh is not None for case in chosen)
    ears = listen(said, chosen, answers, dialects)
    found = _Verdict([])
    if len(answers.numbers) and with_gold:
        found = _by_gold(answers, ears)
    by_gold = bool(found.options)
    if len(answers.numbers) and not by_gold:
        found = _by_likelihood(answers, ears, sizes_known=sizes_known)
    best = found.options[0].dialects if found.options else ()
    return Diagnosis(
        form=said.form,
        arity=said.arity,
        answers=len(cases),
        silent=sum(not objects for objects in said.said),
        objects=len(answers.numbers),
        left_out=said.other,
        left_read=any(_reads_rest(dialects[name], said, chosen) for name in best),
        sizes_known=sizes_known,
        gold_known=len(with_gold),
        by_gold=by_gold,
        heard=tuple(sorted((ear.heard for ear in ears), key=lambda one: (-(one.iou or 0), -one.share, one.name))),
        options=tuple(found.options),
        parts=found.parts,
        adrift=found.adrift,
        outside=found.outside,
        reach=found.reach,
    )


def _bearable(cases: list[Case]) -> list[Case]:
    """As many cases, those with few objects first, as have MOST_PAIRS pairs of an object and gold together; in order."""
    pairs = [len(hear(case.text).objects) * len(case.gold or ()) for case in cases]
    by_size = sorted(range(len(cases)), key=lambda i: (pairs[i], i))
    ends = np.cumsum([pairs[i] for i in by_size])
    kept = sorted(i for i, end in zip(by_size, ends, strict=True) if end <= MOST_PAIRS)
    return [cases[i] for i in kept or by_size[:1]]


def _reads_rest(dialect: Dialect, said: Common, cases: Sequence[Case]) -> bool:
    """Whether a dialect reads the answers whose objects were left out, too."""
    rest = [case for case, objects in zip(cases, said.said, strict=True) if not objects and hear(case.text).objects]
    read = sum(spoken_in(dialect, case.text, case.size_wh or SQUARE) is not None for case in rest)
    return read >= READS_REST * len(rest)


def _evenly(cases: list[Case]) -> list[Case]:
    return [cases[i * len(cases) // MAX_CASES] for i in range(MAX_CASES)] if len(cases) > MAX_CASES else cases


def _arrays(said: Common, cases: Sequence[Case]) -> Answers:
    record = [i for i, objects in enumerate(said.said) for _ in objects]
    sizes = np.array([case.size_wh or SQUARE for case in cases], dtype=np.float64).reshape(-1, 2)
    gold = [(i, as_corners(shape)) for i, case in enumerate(cases) for shape in case.gold or ()]
    gold_record = [i for i, _ in gold]
    return Answers(
        arity=said.arity,
        numbers=as_numbers([numbers for objects in said.said for numbers in objects], said.arity),
        record=np.array(record, dtype=np.intp),
        sizes=sizes[record],
        gold=np.array([quad for _, quad in gold], dtype=np.float64).reshape(-1, 4, 2),
        gold_record=np.array(gold_record, dtype=np.intp),
        gold_sizes=sizes[gold_record],
    )


def _by_gold(answers: Answers, ears: Sequence[Ear]) -> _Verdict:
    among = records(answers)
    fitted = fit(answers, among)
    if not fitted:
        return _Verdict([])
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
    return _Verdict(options, parts, lost)


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


def _by_likelihood(answers: Answers, ears: Sequence[Ear], *, sizes_known: bool) -> _Verdict:
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
    return _Verdict(options, outside=outside, reach=reach)
