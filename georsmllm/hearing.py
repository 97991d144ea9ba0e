"""What a record's words say in points: every stretch of its dialect in question and answer, heard by the strict ear.

Nothing here looks at the gold's coordinates: what is drawn or judged is what stands in the text.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from georsmllm.discover import dialect
from georsmllm.errors import BadAnswer, UsageError
from georsmllm.pointtext import NONE, decode
from georsmllm.types import KINDS, PointSet, Record

Where = Literal["prompt", "answer"]

# A bracket that opens a point, then everything that could still be point text: a damaged stretch must be found, too.
_STRETCH = re.compile(r"(?<!\[)\[++\([0-9()\[\]{},.;|+-]*")
_COORDINATES = re.compile(r"\(\s*-?[0-9.]+\s*,\s*-?[0-9.]+\s*\)")
IN_DEGREES = "geoloc"
"""The task whose answers hold coordinates of the Earth, not of an image."""

_AFTER = ".,;"  # punctuation of the sentence around a stretch
_LABELLED = re.compile(r"(?P<label>[^\[\]]{1,80}): (?=\[|none$)")
_LABEL_BEFORE = re.compile(r"(?:^|\n)([^\[\]\n]{1,80}): $")

OWN = "georsmllm"
"""The name of our own point text."""


class Stretch(NamedTuple):
    """Text of the dialect at text[start:end]; label: the words before the colon, where its line begins with any."""

    start: int
    end: int
    text: str
    label: str


class Object(NamedTuple):
    """One object as the text says it, in pixels of the view `image`; it stands at text[start:end]."""

    shape: PointSet
    label: str
    image: int
    start: int
    end: int


class Trouble(NamedTuple):
    """A stretch that looks like point text and is none; reason: the strict ear's, or stray_coordinates."""

    reason: str
    message: str
    start: int
    end: int


class Heard(NamedTuple):
    objects: tuple[Object, ...]
    troubles: tuple[Trouble, ...]


def prompt(record: Record) -> str:
    """The last question, with its image tokens and tag."""
    return next((m.content for m in reversed(record.messages) if m.role == "user"), "")


def answer(record: Record) -> str:
    """The last answer."""
    return next((m.content for m in reversed(record.messages) if m.role == "assistant"), "")


def spoken_image(record: Record) -> int:
    """The image whose view the texts of a record refer to: that of its gold, else the last one."""
    return record.gold[0].image if record.gold else len(record.images) - 1


def stretches(text: str, where: Where) -> tuple[Stretch, ...]:
    """All stretches of a text in order.

    An answer's line that begins with point text, or with a label and a colon before it, is point text to its end, and
    "none" is the point text of nothing. Elsewhere a stretch stands among words and ends before their punctuation.
    """
    found: list[Stretch] = []
    at = 0
    for line in text.split("\n"):
        labelled = _LABELLED.match(line)
        start = labelled.end() if labelled else 0
        rest = line[start:]
        if where == "answer" and (rest.strip() == NONE or _STRETCH.match(rest)):
            found.append(Stretch(at + start, at + len(line), rest, labelled["label"] if labelled else ""))
        else:
            for match in _STRETCH.finditer(line):
                piece = match.group().rstrip(_AFTER)
                found.append(Stretch(at + match.start(), at + match.start() + len(piece), piece, ""))
        at += len(line) + 1
    return tuple(found)


def stretches_of(name: str, text: str, where: Where) -> tuple[Stretch, ...]:
    """All stretches of a dialect in a text, in order; raises UsageError for a dialect that there is not."""
    form = dialect(name)
    if name == OWN:
        return stretches(text, where)
    return tuple(
        Stretch(start, end, text[start:end], _label(text, start, where)) for start, end in form.stretches(text)
    )


def _label(text: str, start: int, where: Where) -> str:
    has_colon = where == "answer" and start > 2 and text[start - 2 : start] == ": "
    before = _LABEL_BEFORE.search(text, max(0, start - 83), start) if has_colon else None
    return before.group(1) if before else ""


def hear(record: Record, where: Where) -> Heard:
    """The objects that the question or the answer of a record says, and what cannot be read; total."""
    if record.task == IN_DEGREES and where == "answer":
        return Heard((), ())
    text = answer(record) if where == "answer" else prompt(record)
    image = spoken_image(record)
    views = record.provenance.views
    if not 0 <= image < len(views):
        return Heard((), (Trouble("no_view", f"the gold names image {image} of {len(views)}", 0, len(text)),))
    size = views[image].width, views[image].height
    only = record.provenance.labels[0] if len(record.provenance.labels) == 1 else ""
    objects: list[Object] = []
    troubles: list[Trouble] = []
    heard_to = 0
    try:
        found = stretches_of(record.provenance.dialect, text, where)
    except UsageError as unknown:
        return Heard((), (Trouble("unknown_dialect", str(unknown), 0, len(text)),))
    for stretch in found:
        troubles.extend(_stray(text, heard_to, stretch.start))
        heard_to = stretch.end
        try:
            objects.extend(_objects(stretch, record.provenance.dialect, size, (only, image)))
        except BadAnswer as bad:
            troubles.append(Trouble(bad.reason, str(bad), stretch.start, stretch.end))
    troubles.extend(_stray(text, heard_to, len(text)))
    return Heard(tuple(objects), tuple(troubles))


def _objects(stretch: Stretch, name: str, size_wh: tuple[int, int], otherwise: tuple[str, int]) -> list[Object]:
    """The objects of a stretch; in our own text each stands in its own piece of it. otherwise: the label of objects
    without one, and the image; raises BadAnswer."""
    only, image = otherwise
    if name != OWN:
        spoken = dialect(name).decode(stretch.text, size_wh, KINDS)
        return [
            Object(one.shape, one.label or stretch.label or only, image, stretch.start, stretch.end) for one in spoken
        ]
    objects: list[Object] = []
    at = stretch.start
    for shape, piece in zip(decode(stretch.text, size_wh), stretch.text.split(";"), strict=False):
        objects.append(Object(shape, stretch.label or only, image, at, at + len(piece)))
        at += len(piece) + 1
    return objects


def _stray(text: str, start: int, end: int) -> list[Trouble]:
    """Coordinates among the words, which no ear takes for point text."""
    return [
        Trouble("stray_coordinates", f"coordinates outside point text: {match.group()}", match.start(), match.end())
        for match in _COORDINATES.finditer(text, start, end)
    ]
