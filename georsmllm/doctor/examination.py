"""The examination: answers, sizes and gold in; out comes what they are written in, how sure that is, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from georsmllm.contracts import Dialect, SizeWH, Spoken
from georsmllm.doctor import likelihood
from georsmllm.doctor.answers import Common, common
from georsmllm.doctor.fitting import Answers, Fitted, fit
from georsmllm.doctor.readings import Array, Reading, quads
from georsmllm.errors import BadAnswer
from georsmllm.geometry import bounds, to_rbox
from georsmllm.metrics.detection import matched, mean_iou
from georsmllm.metrics.match import iou_matrix
from georsmllm.metrics.quads import areas, own_ious
from georsmllm.pointtext import N
from georsmllm.types import KINDS, PointSet

SQUARE: SizeWH = (1000, 1000)
"""The view taken where a size is unknown: only relative frames can then be told."""
MAX_CASES = 300
RESAMPLES = 200
READS, SAME = 0.8, 0.8
"""A dialect is named where its strict ear reads this share of the answers, and the same places as the best reading."""
BELIEVED_DIALECT = 20.0
"""Nats by which a published form and its own frame are likelier together than another frame in that form."""
NAMELESS = 0.01
"""Readings less sure than this are not told, unless only the belief in published forms keeps them down."""
CANNOT_TELL = 10.0
"""Readings within so many nats of the best, that belief left aside, are told beside it."""


class Case(NamedTuple):
    """One answer; size of its view and gold in pixels of that view, where they are known."""

    id: str
    text: str
    size_wh: SizeWH | None
    gold: tuple[PointSet, ...] | None


class Heard(NamedTuple):
    """A dialect and the share of the answers with numbers that its strict ear reads; iou: with gold, where there is any."""

    name: str
    share: float
    iou: float | None


class Option(NamedTuple):
    """A reading, how sure it is (0 to 1), its mean IoU with gold, and the dialects that it is.

    sure: the share of the resamples of the answers that it wins, without gold no more than its posterior among all readings,
    and never more than (n + 1) / (n + 2) by n answers (Laplace's rule of succession).
    """

    reading: Reading
    sure: float
    iou: float | None
    dialects: tuple[str, ...]


class Diagnosis(NamedTuple):
    """form, arity, objects: as written. answers, silent: all, and those looked at without a number. heard: dialects by how
    well they read. options: the best first, then what won resamples or, without gold, cannot be told from it.
    sizes_known, gold_known: what was there to judge by."""

    form: str
    arity: int
    answers: int
    silent: int
    objects: int
    left_out: int
    sizes_known: bool
    gold_known: int
    heard: tuple[Heard, ...]
    options: tuple[Option, ...]


def examine(cases: Sequence[Case], dialects: Mapping[str, Dialect]) -> Diagnosis:
    """At most MAX_CASES of the cases, evenly taken, are looked at; those with gold, where any has it."""
    with_gold = [case for case in cases if case.gold is not None]
    chosen = _evenly(with_gold or list(cases))
    said = common([case.text for case in chosen])
    answers = _arrays(said, chosen)
    sizes_known = all(case.size_wh is not None for case in chosen)
    ears = _listen(said, chosen, dialects)
    options: list[Option] = []
    if len(answers.numbers):
        options = _by_gold(fit(answers), ears) if with_gold else []
        options = options or _by_likelihood(answers, ears, sizes_known=sizes_known)
    return Diagnosis(
        form=said.form,
        arity=said.arity,
        answers=len(cases),
        silent=sum(not objects for objects in said.said),
        objects=len(answers.numbers),
        left_out=said.other,
        sizes_known=sizes_known,
        gold_known=len(with_gold),
        heard=tuple(sorted((ear.heard for ear in ears), key=lambda one: (-(one.iou or 0), -one.share, one.name))),
        options=tuple(options),
    )


def _evenly(cases: list[Case]) -> list[Case]:
    return [cases[i * len(cases) // MAX_CASES] for i in range(MAX_CASES)] if len(cases) > MAX_CASES else cases


def as_numbers(objects: Sequence[tuple[float, ...]], arity: int) -> Array:
    """The numbers of objects as rows; of outlines the corners of their bounds."""
    if arity:
        return np.array(objects, dtype=np.float64).reshape(-1, arity)
    rows = [(min(o[::2]), min(o[1::2]), max(o[::2]), max(o[1::2])) for o in objects]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _arrays(said: Common, cases: Sequence[Case]) -> Answers:
    record = [i for i, objects in enumerate(said.said) for _ in objects]
    sizes = np.array([case.size_wh or SQUARE for case in cases], dtype=np.float64).reshape(-1, 2)
    gold = [(i, _corners(shape)) for i, case in enumerate(cases) for shape in case.gold or ()]
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


def _corners(shape: PointSet) -> tuple[tuple[float, float], ...]:
    """Rotated boxes as they are, the bounds of everything else; clockwise."""
    if shape.kind == "rbox":
        return to_rbox(shape).rings[0].points
    x1, y1, x2, y2 = bounds(shape)
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


class _Ear(NamedTuple):
    """A dialect's hearing of the answers, and beside it, for the answers whose objects it counts as we do, the numbers of
    these objects, the sizes of their views, and where it puts them (n x 4 x 2, px)."""

    heard: Heard
    numbers: Array
    sizes: Array
    quads: Array


def _listen(said: Common, cases: Sequence[Case], dialects: Mapping[str, Dialect]) -> list[_Ear]:
    asked = [(case, objects) for case, objects in zip(cases, said.said, strict=True) if objects]
    ears = []
    for name, dialect in dialects.items():
        spoken = [spoken_in(dialect, case.text, case.size_wh or SQUARE) for case, _ in asked]
        share = sum(one is not None for one in spoken) / max(1, len(asked))
        if share == 0:
            continue
        numbers: list[tuple[float, ...]] = []
        sizes: list[SizeWH] = []
        places: list[tuple[tuple[float, float], ...]] = []
        for one, (case, objects) in zip(spoken, asked, strict=True):
            if one is not None and len(one) == len(objects):
                numbers.extend(objects)
                sizes.extend([case.size_wh or SQUARE] * len(objects))
                places.extend([_corners(object_.shape) for object_ in one])
        ears.append(
            _Ear(
                Heard(name, share, _iou(spoken, [case for case, _ in asked])),
                as_numbers(numbers, said.arity),
                np.array(sizes, dtype=np.float64).reshape(-1, 2),
                np.array(places, dtype=np.float64).reshape(-1, 4, 2),
            )
        )
    return ears


def spoken_in(dialect: Dialect, text: str, size_wh: SizeWH) -> tuple[Spoken, ...] | None:
    """What a dialect's strict ear hears in all its stretches of an answer; None where it cannot read one, finds none, or
    leaves brackets of another form around them."""
    spans = dialect.stretches(text)
    ends = [0, *(at for span in spans for at in span), len(text)]
    around = "".join(text[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))
    if not spans or any(bracket in around for bracket in "{}[]"):
        return None
    spoken: list[Spoken] = []
    try:
        for start, end in spans:
            spoken.extend(dialect.decode(text[start:end], size_wh, KINDS))
    except BadAnswer:
        return None
    return tuple(spoken)


def _iou(spoken: Sequence[tuple[Spoken, ...] | None], cases: Sequence[Case]) -> float | None:
    """The mean matched IoU with the gold, over the larger count; what the ear cannot read counts 0."""
    judged = []
    for one, case in zip(spoken, cases, strict=True):
        if case.gold is not None:
            width, height = case.size_wh or SQUARE
            shapes = tuple(object_.shape for object_ in one or ())
            iou = mean_iou(matched(iou_matrix(shapes, case.gold, (width / N, height / N))))
            judged.append(iou if one is not None else 0.0)
    return sum(judged) / len(judged) if judged else None


def _by_gold(fitted: list[Fitted], ears: Sequence[_Ear]) -> list[Option]:
    if not fitted:
        return []
    shares = _won(np.array([one.by_record - one.cost for one in fitted]))
    shares = np.minimum(shares, _at_most(len(fitted[0].by_record)))
    return [
        Option(one.reading, float(share), one.iou, _named(one.reading, ears))
        for one, share in zip(fitted, shares, strict=True)
        if share > 0 or one is fitted[0]
    ]


def _at_most(answers: int) -> float:
    return (answers + 1) / (answers + 2)


def _won(worth: Array) -> Array:
    """In which share of the resamples each option (rows) is the best by the sum of its columns; ties go to the first."""
    draws = np.random.default_rng(0).integers(0, worth.shape[1], (RESAMPLES, worth.shape[1]))
    winners = np.round(worth[:, draws].sum(axis=2), 9).argmax(axis=0)
    shares: Array = np.bincount(winners, minlength=len(worth)) / RESAMPLES
    return shares


def _by_likelihood(answers: Answers, ears: Sequence[_Ear], *, sizes_known: bool) -> list[Option]:
    """The readings by their likelihood; published ones in their own form are believed before others."""
    likely = [
        likelihood.likely(reading, answers.numbers, answers.sizes)
        for reading in likelihood.readings(answers.arity, sizes_known=sizes_known)
    ]
    names = [_named(one.reading, ears) for one in likely]
    bare = np.array([one.by_object for one in likely])
    count = bare.shape[1]
    bare -= np.array([likelihood.prior_cost(one.reading, answers.arity) for one in likely])[:, None] / count
    believed = bare + np.array([BELIEVED_DIALECT * bool(name) for name in names])[:, None] / count
    total = believed.sum(axis=1)
    posterior = np.exp(total - total.max())
    shares = np.minimum(_won(believed), posterior / posterior.sum())
    shares = np.minimum(shares, _at_most(len(set(answers.record.tolist()))))
    order = sorted(range(len(likely)), key=lambda row: (-total[row], row))
    least = bare[order[0]].sum() - CANNOT_TELL
    return [
        Option(likely[row].reading, float(shares[row]), None, names[row])
        for row in order
        if shares[row] >= NAMELESS or bare[row].sum() >= least
    ]


def _named(reading: Reading, ears: Sequence[_Ear]) -> tuple[str, ...]:
    """The dialects that read these answers and put their objects where the reading puts them; half a step of rounding is
    the dialect's own, and no other place."""
    shift = tuple(0.0 if abs(b) <= a else b for a, b in zip(reading.scale, reading.shift, strict=True))
    plain = reading._replace(shift=(shift[0], shift[1]))
    found = []
    for ear in ears:
        if ear.heard.share >= READS and len(ear.numbers):
            agreed = _agreement(quads(plain, ear.numbers, ear.sizes), ear.quads, ear.sizes)
            if agreed >= SAME:
                found.append((-agreed, ear.heard.name))
    return tuple(name for _, name in sorted(found))


def _agreement(ours: Array, theirs: Array, sizes: Array) -> float:
    """Mean IoU of each object with itself; of what has no area, whether its middle is within a hundredth of the view."""
    ours = np.ascontiguousarray(ours)
    flat = (areas(ours) <= 0) | (areas(theirs) <= 0)
    near = (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= sizes / 100).all(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ious = own_ious(ours, theirs)
    return float(np.where(flat, near, ious).mean())
