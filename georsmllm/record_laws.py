"""What must hold of one record by itself: its form, its points, its text, its score; each breach is (problem, what)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from types import GenericAlias
from typing import cast, get_args, get_origin, get_type_hints

import msgspec

from georsmllm.checking import misshapen
from georsmllm.classes import canonical, plural, with_article
from georsmllm.contracts import Limits, Task
from georsmllm.discover import dialect, dialect_names
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import bounds
from georsmllm.hearing import Where, answer, hear, prompt, spoken_image, stretches_of
from georsmllm.records import gold_shapes
from georsmllm.report import num_points
from georsmllm.translation import ceiling
from georsmllm.types import KINDS, Record

Found = Iterator[tuple[str, str]]
"""Pairs of a problem's name and what it is in this record."""


def strict_type(type_: object) -> type[msgspec.Struct]:
    """A struct with the fields of a dataclass, and of the dataclasses in it, that refuses unknown keys."""
    assert isinstance(type_, type) and dataclasses.is_dataclass(type_), type_
    fields = [(name, _strict(hint)) for name, hint in get_type_hints(type_).items()]
    return msgspec.defstruct(type_.__name__, fields, forbid_unknown_fields=True)


def _strict(hint: object) -> type:
    if dataclasses.is_dataclass(hint):
        return strict_type(hint)
    if get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis:
        return cast(type, GenericAlias(tuple, (_strict(get_args(hint)[0]), Ellipsis)))
    return cast(type, hint)


def messages(record: Record) -> Found:
    roles = [message.role for message in record.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not turns or len(turns) % 2 or turns != ["user", "assistant"] * (len(turns) // 2):
        yield "roles", f"expected user, assistant in turn, got {', '.join(roles) or 'no message'}"
    tokens = sum(message.content.count("<image>") for message in record.messages)
    counted = tokens, len(record.images), len(record.provenance.views)
    if len(set(counted)) > 1 or not record.images:
        yield "image_tokens", f"{counted[0]} <image>, {counted[1]} images, {counted[2]} views"
    question = next((m.content for m in record.messages if m.role == "user"), "").replace("<image>\n", "")
    if not question.startswith(f"[{record.task}] "):
        yield "tag", f"expected [{record.task}] at the head of the question, got {question[:30]!r}"
    if record.gold_text != answer(record):
        yield "gold_text", f"{record.gold_text[:40]!r} is not the answer {answer(record)[:40]!r}"


def spoken(record: Record, wanted: str) -> Found:
    """The record is in the dialect of the set's recipe, and there is such a dialect."""
    name = record.provenance.dialect
    if name not in dialect_names():
        yield "dialect", f"no dialect is called {name!r}"
    elif name != wanted:
        yield "dialect", f"its texts are {name}, the recipe says {wanted}"


def gold(record: Record) -> Found:
    for label, image, shape in gold_shapes(record):
        if not 0 <= image < len(record.provenance.views):
            yield "gold_image", f"{label} in image {image}, the record has {len(record.provenance.views)}"
            continue
        if form := misshapen(shape):
            yield "gold_form", f"{label} is {form}"
            continue
        view = record.provenance.views[image]
        x1, y1, x2, y2 = bounds(shape)
        if not (x1 >= 0 and y1 >= 0 and x2 <= view.width and y2 <= view.height):
            box = ", ".join(f"{value:g}" for value in (x1, y1, x2, y2))
            yield "gold_outside", f"{label} spans {box} in a {view.width}x{view.height} view"


_ABOUT_CLASSES = ("change", "count", "det", "refer", "seg")
"""Tasks whose questions name the classes that they are about."""
_IN_OTHER_WORDS = (("change", "caption"), ("refer", "given"), ("refer", "group"), ("seg", "expression"))
"""But for the forms whose question is a sentence of the dataset, in which a building may be a villa."""


def words(record: Record) -> Found:
    """The question names the classes of the provenance, and a scene class is that class and one of the named options."""
    question, labels = prompt(record), record.provenance.labels
    if record.task in _ABOUT_CLASSES and (record.task, record.provenance.form) not in _IN_OTHER_WORDS:
        for label in labels:
            names = {label, plural(label), with_article(label).partition(" ")[2]}
            if not any(_says(question, name) for name in names):
                yield "other_class", f"the question is about {label}, and does not name it: {_short(question)}"
    if record.task == "cls":
        name = answer(record).strip().removesuffix(".")
        if canonical(name) not in labels:
            yield "other_class", f"the answer is {name!r}, the record is about {', '.join(labels) or 'no class'}"
        if record.provenance.form == "candidates" and not _says(question, name):
            yield "no_option", f"{name!r} is none of the options in the question: {_short(question)}"


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _short(question: str) -> str:
    text = question.replace("<image>\n", "")
    return text if len(text) <= 160 else f"{text[:160]} ..."


def point_text(record: Record) -> Found:
    """The strict ear hears every stretch of question and answer, and the pen writes it again as it was (law 1)."""
    if not _is_placed(record):
        return
    yield from _point_text(record, "prompt")
    yield from _point_text(record, "answer")


def _is_placed(record: Record) -> bool:
    """Whether the image that the texts refer to has a view, and their dialect an ear; if not, other laws say so."""
    views = record.provenance.views
    return (
        record.provenance.dialect in dialect_names()
        and len(record.images) == len(views)
        and 0 <= spoken_image(record) < len(views)
        and all(view.width > 0 and view.height > 0 for view in views)
    )


def _point_text(record: Record, side: Where) -> Found:
    view = record.provenance.views[spoken_image(record)]
    size = view.width, view.height
    text = answer(record) if side == "answer" else prompt(record)
    yield from (("point_text", f"{side}: {trouble.message}") for trouble in hear(record, side).troubles)
    form = dialect(record.provenance.dialect)
    for stretch in stretches_of(record.provenance.dialect, text, side) if form.is_stable else ():
        try:
            again = form.encode(form.decode(stretch.text, size, KINDS), size, None)
        except BadAnswer:
            continue  # named above
        except CannotSay as cannot:
            again = str(cannot)
        if again != stretch.text:
            yield "law_1", f"{side}: {_difference(stretch.text, again)}"


def _difference(text: str, again: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(text, again, strict=False)) if a != b), min(len(text), len(again)))
    return f"{text[at : at + 30]!r} at character {at} is written {again[at : at + 30]!r}"


def budget(record: Record, limits: Limits) -> Found:
    heard = hear(record, "answer")
    points = num_points(heard)
    longest = max((len(ring.points) for o in heard.objects for ring in o.shape.rings), default=0)
    for came, most, what in (
        (len(heard.objects), limits.max_objects, "objects in an answer"),
        (points, limits.max_points, "points in an answer"),
        (longest, limits.max_ring_points, "points in a ring"),
    ):
        if came > most:
            yield "over_budget", f"{came} {what}, the recipe allows {most}"


def score(record: Record, tasks: Mapping[str, Task]) -> Found:
    """The task's own judge gives the gold text its ceiling (law 3), and every reference; in a coarser dialect than ours at
    least against the gold as that dialect rounds it. The record's gold has kept the law of gold."""
    task = tasks.get(record.task)
    if task is None:
        yield "unknown_task", f"{record.task!r}; there are: {', '.join(tasks)}"
        return
    if not _is_placed(record):
        return
    for text, what in ((record.gold_text, "gold text"), *((text, "reference") for text in record.references)):
        try:
            judged = ceiling(task, text, record)
        except (ArithmeticError, BadAnswer, LookupError, ValueError) as error:
            # A judge is total over answers, but not over records that no task of its name has made.
            yield "law_3", f"the judge cannot read the record: {error}"
            return
        if judged.value < task.ceiling:
            yield "law_3", f"its {what} scores {judged.value:.4f} ({judged.verdict}), at least {task.ceiling:g} is due"
