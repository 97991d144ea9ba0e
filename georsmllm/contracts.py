"""What a plug-in file promises: a `Converter` reads a dataset, a `Task` asks and judges, a `Dialect` writes and hears.

A converter file holds `CONVERTER = Converter(...)`, a task file `TASK = Task(...)`, a dialect file
`DIALECT = Dialect(...)`; the file is its registration, its name is its name on the command line (see
`georsmllm.discover`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

import msgspec

from georsmllm.constrain.form import Form, Question
from georsmllm.types import KINDS, Instruction, Kind, PointSet, Record, Sample


@dataclass(frozen=True, slots=True)
class Ref:
    """A record that was found and not yet read.

    key: unique in the dataset, stable, with "/". split: the dataset's own name for it, "" when it has none. paths:
    files below the root (images first, labels after), with "/". spans: byte ranges in an index file, if any.
    """

    key: str
    split: str
    paths: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What a person must know before using a dataset. sizes: the published number of records of its own splits, where a
    record is what the reader finds; {} where none is sure."""

    title: str
    layout: str
    label_line: str
    classes: str
    paper: str
    licence: str
    defects: str
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Converter:
    """A dataset reader.

    find(root): refs, sorted by key, streamed; opens no image; a missing folder or broken index raises UsageError. root
    is a folder, or the index file of a dataset that has one; image paths are relative to that (or the file's) folder.
    read(root, ref): one sample; raises BadRecord with a reason from `reasons`, and nothing else.
    reasons: the closed set of BadRecord reasons, each with one line of explanation.
    mends: the closed set of named repairs (`Sample.mended`), each with one line.
    generic: it reads many datasets, so its scenes bear the name that the recipe gives the source, not its own.
    """

    card: Card
    find: Callable[[Path], Iterator[Ref]]
    read: Callable[[Path, Ref], Sample]
    reasons: Mapping[str, str]
    mends: Mapping[str, str] = field(default_factory=dict)
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A question that could have been asked and was not: which targets, and the name of the reason."""

    label: str
    reason: str
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """What a task makes of one view."""

    instructions: tuple[Instruction, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Budgets of one answer; over budget is refused by name, never cut."""

    max_objects: Annotated[int, msgspec.Meta(ge=1)] = 20
    max_points: Annotated[int, msgspec.Meta(ge=1)] = 256
    max_ring_points: Annotated[int, msgspec.Meta(ge=3)] = 64


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What a task needs to know beyond the view: budgets, the wordings to draw from, the kinds of shapes that the dialect of
    the build can say, how many keypoints each area gets (None: by its size; 0: the dialect has no room for any), and whether
    the dialect names each object, so that several classes need no line each."""

    limits: Limits = field(default_factory=Limits)
    templates: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    num_keypoints: int | None = None
    is_labelled: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement of one answer. verdict: "ok" or the BadAnswer reason. value: the headline number in [0, 1], 0
    when unreadable. parts: further numbers, each averaged over *all* answers unless its name ends in `_px`
    or `_n` (summed)."""

    verdict: str
    value: float
    parts: Mapping[str, float] = field(default_factory=dict)


def _free(_: Question) -> None:
    """No form: answers are words."""


@dataclass(frozen=True, slots=True)
class Task:
    """An instruction task: its tag is its name in brackets.

    templates: natural wordings, each with its slots; a person may override them. build(view, rng, options): questions
    and refusals of one view. score(text, record): the judgement of one answer; total, never raises on any text.
    metrics: one paragraph that names the numbers and their empty, tie and resolution rules. ceiling: the least score
    that the gold text itself gets: 1.0, or less where the metric is geometric and the text is rounded and simplified.
    form(question): what an answer must look like to be read, None where words are free; it knows no gold, and no gold text
    is outside of it.
    """

    title: str
    templates: tuple[str, ...]
    build: Callable[[Sample, Random, AskOptions], Built]
    score: Callable[[str, Record], Score]
    metrics: str
    ceiling: float = 1.0
    form: Callable[[Question], Form | None] = _free


SizeWH = tuple[int, int]


class Spoken(NamedTuple):
    """One object as a text says it: its shape in pixels of the view, and its label, "" where the form has no room for one."""

    shape: PointSet
    label: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A literal text of a dialect's publisher: where it stands, the view that it speaks of, and what it says."""

    source: str
    text: str
    size_wh: SizeWH
    objects: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Somebody's way to write points as text; pen and ear stand in one file.

    source: paper section or permalink. kinds: what it can say; encode refuses any other (CannotSay not_in_dialect).
    frame, span, rounding, corner_order, angle: one line each of what its numbers are. is_labelled: whether the text
    names the objects. encode(objects, size_wh, limits): the text of objects in pixels of a view, "none"'s equivalent for
    none; raises CannotSay, never simplifies. decode(text, size_wh, kinds): strict and total: the objects of one stretch,
    or BadAnswer. stretches(text): (start, end) of every stretch of this form among words, in order. grid(size_wh): the
    width and height of one rounding step in pixels of the view. extent(size_wh): the numbers of the view's right and
    bottom border, so px = (number + offset) * size / extent. is_relative: extent is the same for every view; else the
    numbers are pixels, of the view or of what the model's processor resizes it to. num_keypoints: how many a box must
    have where it has any; None: as many as one likes; 0: none. is_stable: encode(decode(text)) is the text that encode wrote.
    """

    title: str
    source: str
    kinds: tuple[Kind, ...]
    frame: str
    span: str
    rounding: str
    corner_order: str
    angle: str
    is_labelled: bool
    encode: Callable[[Sequence[Spoken], SizeWH, Limits | None], str]
    decode: Callable[[str, SizeWH, Sequence[Kind]], tuple[Spoken, ...]]
    stretches: Callable[[str], tuple[tuple[int, int], ...]]
    grid: Callable[[SizeWH], tuple[float, float]]
    extent: Callable[[SizeWH], tuple[float, float]]
    is_relative: bool = True
    offset: float = 0.0
    num_keypoints: int | None = 0
    is_stable: bool = True
    examples: tuple[Example, ...] = ()
