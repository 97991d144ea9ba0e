"""Records of other dialects as records of our own point text, so that every judge hears one form; and law 3 for them.

A stretch is decoded by its dialect's strict ear into pixels of the view and written by our own pen: nothing is mended, no
frame is guessed. What the ear refuses becomes a stretch that ours refuses, too. Corners that a rounded rotation puts
beyond the view are brought to its border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from georsmllm import pointtext
from georsmllm.contracts import Dialect, Score, SizeWH, Spoken, Task
from georsmllm.discover import dialect
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.hearing import IN_DEGREES, OWN, spoken_image, stretches_of
from georsmllm.types import KINDS, Gold, GoldRing, PointSet, Record, Ring

BY_CLASS = "several"
"""The form whose answers have a line for each class, `label: objects`; dialects with labels say it in one piece."""

_DAMAGED = "[("


class Translated(NamedTuple):
    """A text in our own form, and why its first stretch that could not be read could not, "" where all could."""

    text: str
    reason: str


def translate(text: str, record: Record) -> Translated:
    """An answer to a record's question, from the record's dialect into our own point text; total."""
    name = record.provenance.dialect
    if name == OWN or record.task == IN_DEGREES:
        return Translated(text, "")
    form, size = dialect(name), _size(record)
    if form.is_labelled and record.provenance.form == BY_CLASS:
        return _by_class(text, record, form, size)
    pieces: list[str] = []
    reason = ""
    at = 0
    for stretch in stretches_of(name, text, "answer"):
        pieces.append(_words(text[at : stretch.start]))
        try:
            own = _own(form.decode(stretch.text, size, KINDS), size)
        except (BadAnswer, CannotSay) as refused:
            own, reason = _DAMAGED, reason or refused.reason
        pieces.append(own)
        at = stretch.end
    return Translated("".join((*pieces, _words(text[at:]))), reason)


def _by_class(text: str, record: Record, form: Dialect, size_wh: SizeWH) -> Translated:
    """One piece with labels as a line for each class that the question names, and for each that it does not."""
    try:
        spoken = form.decode(text, size_wh, KINDS)
        labels = dict.fromkeys((*record.provenance.labels, *(one.label for one in spoken)))
        lines = [f"{label}: {_own([one for one in spoken if one.label == label], size_wh)}" for label in labels]
    except (BadAnswer, CannotSay) as refused:
        return Translated(_DAMAGED, refused.reason)
    return Translated("\n".join(lines), "")


def _words(text: str) -> str:
    """Words with any point text of ours broken: in another dialect it is none."""
    return text.replace("[(", "[ (")


def _own(spoken: Sequence[Spoken], size_wh: SizeWH) -> str:
    return pointtext.encode([_inside(one.shape, size_wh) for one in spoken], size_wh)


def _inside(shape: PointSet, size_wh: SizeWH) -> PointSet:
    width, height = size_wh
    if shape.kind != "rbox":
        return shape
    ring = tuple((min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in shape.rings[0].points)
    return PointSet("rbox", (Ring(ring),))


def _size(record: Record) -> SizeWH:
    view = record.provenance.views[spoken_image(record)]
    return view.width, view.height


def own(record: Record) -> Record:
    """The record as if its answers had been written in our own point text; what judges are given."""
    if record.provenance.dialect == OWN:
        return record
    said = translate(record.gold_text, record).text
    references = tuple(translate(text, record).text for text in record.references)
    return replace(record, gold_text=said, references=references, provenance=replace(record.provenance, dialect=OWN))


def judge(task: Task, text: str, record: Record) -> Score:
    """What a task's judge says of an answer in the record's dialect; an answer that the dialect's ear refuses bears its
    reason."""
    said = translate(text, record)
    score = task.score(said.text, own(record))
    return replace(score, verdict=said.reason) if said.reason and score.verdict != "ok" else score


def ceiling(task: Task, text: str, record: Record) -> Score:
    """The judgement of a gold text against the gold, or against the gold as the dialect itself rounds it, whichever is
    better: a coarse dialect loses IoU that no answer of it could have."""
    exact = judge(task, text, record)
    if exact.value >= task.ceiling or record.provenance.dialect == OWN:
        return exact
    rounded = judge(task, text, replace(record, gold=tuple(_rounded(gold, record) for gold in record.gold)))
    return rounded if rounded.value > exact.value else exact


def _rounded(gold: Gold, record: Record) -> Gold:
    """A gold object as its dialect says it alone; as it is where the dialect cannot."""
    form = dialect(record.provenance.dialect)
    view = record.provenance.views[gold.image]
    size = view.width, view.height
    shape = PointSet(gold.kind, tuple(Ring(ring.points, ring.sign) for ring in gold.rings))
    try:
        (heard,) = form.decode(form.encode([Spoken(shape)], size, None), size, (gold.kind,))
    except (BadAnswer, CannotSay):
        return gold
    inside = _inside(heard.shape, size)
    return replace(gold, rings=tuple(GoldRing(ring.sign, ring.points) for ring in inside.rings))
