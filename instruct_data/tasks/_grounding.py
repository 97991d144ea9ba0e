"""Sentences whose answers point at what they name: the shapes they are said with, and how well an answer's shapes lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from georsmllm.contracts import AskOptions
from georsmllm.discover import dialect
from georsmllm.errors import CannotSay
from georsmllm.geometry import bounds
from georsmllm.keypoints import keypoints
from georsmllm.metrics.detection import Matched, true_positives
from georsmllm.pointtext import decode, encode
from georsmllm.types import Kind, Mention, Part, PointSet, Record, Said, Sample, box

from ._boxing import boxed, kind_of, laid_over
from ._gold import shapes_of, size_of

UPRIGHT, ROTATED, KEYED = "upright boxes", "rotated boxes", "upright boxes with points inside them"
"""The forms in words: of targets that are all upright boxes, of any others, and of targets that are all outlines."""

BOXES: tuple[Kind, ...] = ("box", "rbox")


class Pointers(NamedTuple):
    """Where in a sentence which shapes stand, the form of all of them in words, and the targets behind them."""

    places: tuple[tuple[int, Said], ...]
    form: str
    targets: tuple[int, ...]


def pointed_out(view: Sample, mentions: Sequence[Mention], options: AskOptions) -> Pointers:
    """The shapes of an answer's mentions, all in one form; raises CannotSay: mentions_nothing, mentions_ignored, no_extent,
    over_budget (of all together), below_grid, and what the pen refuses."""
    targets = mentioned(view, mentions)
    form, limits = _form(view, targets, options), options.limits
    said = tuple((one.at, _said(view, one.targets, form, options)) for one in mentions)
    shapes = [shape for _, each in said for shape in each.shapes]
    num_points = sum(len(shape.rings[0].points) + len(shape.keypoints) for shape in shapes)
    if len(shapes) > limits.max_objects or num_points > limits.max_points:
        raise CannotSay("over_budget", f"{len(shapes)} objects of {num_points} points in one sentence")
    return Pointers(said, form, targets)


def _form(view: Sample, targets: tuple[int, ...], options: AskOptions) -> str:
    """What all of the targets are, as far as the dialect of the build can say it."""
    kinds = {view.targets[i].shape.kind for i in targets}
    if kinds == {"polygon"} and "box" in options.kinds and options.num_keypoints != 0:
        return KEYED
    return UPRIGHT if kind_of(kinds, options.kinds) == "box" else ROTATED


def mentioned(view: Sample, mentions: Sequence[Mention]) -> tuple[int, ...]:
    """The targets of mentions, each once; raises CannotSay where one of them is ignored, or a mention has none."""
    if not all(mention.targets for mention in mentions):
        raise CannotSay("mentions_nothing", "a mention without targets")
    targets = tuple(sorted({i for mention in mentions for i in mention.targets}))
    if any(view.targets[i].ignore is not None for i in targets):
        raise CannotSay("mentions_ignored", "an ignored target is mentioned")
    if len({view.targets[i].image for i in targets}) > 1:
        raise CannotSay("mentions_both_images", "targets of both images of a pair are mentioned")
    return targets


def _said(view: Sample, targets: tuple[int, ...], form: str, options: AskOptions) -> Said:
    image = view.targets[targets[0]].image
    if form != KEYED:
        said = boxed(view, targets, "box" if form == UPRIGHT else "rbox", options.limits)
        return Said(said.shapes, said.labels, image)
    size = view.images[image].size_wh
    outlines = tuple(view.targets[i].shape for i in targets)
    shapes = tuple(
        box(*bounds(shape), keypoints=keypoints(shape, size, count=options.num_keypoints)) for shape in outlines
    )
    again = decode(encode(shapes, size, options.limits), size, ("box",))
    if true_positives(laid_over(again, shapes, size), 0.5) < len(shapes):
        raise CannotSay("below_grid", "an area is too small for the grid: its box misses it once said")
    return Said(shapes, tuple(view.targets[i].label for i in targets), image)


def is_heard(parts: Sequence[Part], view: Sample) -> bool:
    """Whether the ear finds in a written answer the shapes that were said in it, and no other: a line that begins with
    shapes, or with a few words and a colon before them, would be taken for point text to its end."""
    said = [part for part in parts if isinstance(part, Said)]
    size = view.images[said[0].image].size_wh if said else view.images[-1].size_wh
    texts = [encode(part.shapes, size) if isinstance(part, Said) else part for part in parts]
    whole = "".join(texts)
    wanted = [text for part, text in zip(parts, texts, strict=True) if isinstance(part, Said)]
    return [whole[start:end] for start, end in dialect("georsmllm").stretches(whole)] == wanted


class Split(NamedTuple):
    words: str
    shapes: tuple[PointSet, ...]


def split(text: str, record: Record) -> Split:
    """The words and the boxes of an answer; raises BadAnswer where something that looks like point text is none."""
    form = dialect(record.provenance.dialect)
    image = record.gold[0].image if record.gold else 0
    words: list[str] = []
    shapes: list[PointSet] = []
    at = 0
    for start, end in form.stretches(text):
        words.append(text[at:start])
        shapes.extend(spoken.shape for spoken in form.decode(text[start:end], size_of(record, image=image), BOXES))
        at = end
    return Split(" ".join((*words, text[at:])), tuple(shapes))


def matched_with_gold(shapes: tuple[PointSet, ...], record: Record) -> Matched:
    """An answer's shapes laid over those of the gold."""
    image = record.gold[0].image if record.gold else 0
    return laid_over(shapes, shapes_of(record), size_of(record, image=image))
