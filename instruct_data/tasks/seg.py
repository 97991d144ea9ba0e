"""Segmentation: every area of a class as a box with keypoints inside it, which a promptable segmenter turns into masks."""

from __future__ import annotations

from random import Random

from georsmllm.classes import plural
from georsmllm.constrain.form import Form, Points, Question
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import area
from georsmllm.metrics.detection import Matched, macro_rates, mean_iou, true_positives
from georsmllm.pointtext import decode
from georsmllm.types import Instruction, Part, Record, Sample

from ._asking import (
    CLASS_HAS_IGNORED,
    absent,
    askable,
    by_class,
    fill,
    identity,
    lines,
    number_word,
    pick,
    refuse_all,
    singular,
    unfit,
)
from ._expressions import drawn
from ._given import Expression, given, labels_of
from ._gold import shapes_of, size_of
from ._pointing import unfair
from ._segments import NOTHING, Judged, Pen, Segments, judge

TEMPLATES = lines("""
    Segment all {plural} in this image.
    Outline the {plural}.
    Mark all {plural} with boxes and points inside them.
    Segment every one of the {plural} you can see.
    Where are {plural}? Segment them.
    Please segment the {plural}.
    I need masks of all {plural}.
    Extract all {plural} from the image.
    Separate the {plural} from everything else.
    Give prompts for segmenting all {plural}.
    Show the extent of the {plural} in this scene.
    Map all {plural} in the picture.
    Are there any {plural}? If so, segment them all.
    Delineate all {plural}.
    Segment the {n} largest {plural}.
    Outline the {n} largest {plural} in this image.
    Find the {n} {plural} that cover the most ground and segment them.
    Mark the {n} {plural} with the largest area.
    Which are the {n} largest {plural}? Segment them.
    Please segment only the {n} biggest {plural}.
    I need masks of the {n} largest {plural}.
    Extract the {n} biggest {plural} from the image.
    Of all {plural}, segment the {n} largest.
    Delineate the {n} {plural} of greatest area.
    Map the {n} largest {plural} in the picture.
    Show the extent of the {n} biggest {plural}.
    Segment the largest {label}.
    Outline the largest {label} in this image.
    Find the {label} that covers the most ground and segment it.
    Mark the {label} with the largest area.
    Which is the largest {label}? Segment it.
    Please segment only the biggest {label}.
    I need a mask of the largest {label}.
    Extract the biggest {label} from the image.
    If there is more than one {label}, segment the largest.
    Delineate the {label} of greatest area.
    Map the largest {label} in the picture.
    Show the extent of the biggest {label}.
    Segment {expression}.
    Outline {expression}.
    Mark {expression} with boxes and points inside them.
    I need a mask of {expression}.
    Please segment {expression} and nothing else.
    Separate {expression} from everything else.
    Show the extent of {expression}.
    Delineate {expression}.
    {question} Segment it.
    {question} Outline what you find.
    {question} Show its extent.
    {question} Answer with a mask.
    {question} Delineate the answer.
    {question} Mark it with boxes and points inside them.
""")

_ALL, _ONE, _SOME = frozenset({"plural"}), frozenset({"label"}), frozenset({"n", "plural"})
_EXPRESSION, _QUESTION = frozenset({"expression"}), frozenset({"question"})


RANK_MARGIN, MOST_RANKED = 1.1, 5
"""Of the n largest areas the smallest is a tenth larger than the next one, and n is at most 5: nobody ranks more by eye."""


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class "all" and, where there are more than two areas or "all" cannot be asked, "largest"; per view one "none";
    every "expression" of the dataset, and one that is proved of each class."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    pen = Pen(view, options)
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    for label, indices in by_class(view).items():
        instructions, refusals = _ask_class(pen, label, indices, rng, options)
        asked.extend(instructions)
        refused.extend(refusals)
    # Without an area in the view the dataset may have none at all, and its images would teach that the answer is "none".
    negatives = absent(view) if any(target.shape.kind == "polygon" for target in view.targets) else ()
    if negatives:
        label = rng.choice(negatives)
        prompt = fill(pick(rng, options, TEMPLATES, _ALL), {"plural": plural(label)})
        asked.append(_instruction(view, "none", (label,), NOTHING, prompt))
    own = _ask_expressions(pen, rng, options)
    return Built((*asked, *own.instructions), (*refused, *own.refusals))


def _ask_expressions(pen: Pen, rng: Random, options: AskOptions) -> Built:
    """The dataset's expressions of outlines, and of nothing where it may be a dataset of outlines; and proved ones."""
    view = pen.view
    if view.targets and all(target.shape.kind != "polygon" for target in view.targets):
        return Built()
    own, proved = given(view), drawn(view, rng)
    about: list[tuple[tuple[str, ...], Expression]] = [
        (("given", str(n)), one) for n, one in enumerate(own.expressions)
    ]
    about += [((view.targets[one.targets[0]].label,), one) for one in proved if len(one.targets) == 1]
    asked: list[Instruction] = []
    refused = list(own.refusals)
    for names, one in about:
        reason = "" if all(view.targets[i].shape.kind == "polygon" for i in one.targets) else "no_polygon"
        reason = reason or (unfair(view, one.targets[0]) if len(one.targets) == 1 else "")
        try:
            found = pen.say_parts(one.targets) if not reason else NOTHING
        except CannotSay as error:
            reason = error.reason
        if reason:
            refused.append(Refusal(labels_of(view, one.targets), reason, one.targets))
            continue
        slots = _QUESTION if one.is_question else _EXPRESSION
        prompt = fill(pick(rng, options, TEMPLATES, slots), dict.fromkeys(slots, one.words))
        asked.append(_instruction(view, "expression" if one.targets else "none", names, found, prompt))
    return Built(tuple(asked), tuple(refused))


def _ask_class(
    pen: Pen, label: str, indices: tuple[int, ...], rng: Random, options: AskOptions
) -> tuple[list[Instruction], list[Refusal]]:
    view = pen.view
    candidates = askable(view, indices)
    if not candidates:
        return [], []
    reason = unfit(view, label, candidates)
    if reason:
        return [], [Refusal(label, reason, candidates)]
    ignored = [why for i in indices if (why := view.targets[i].ignore) is not None]
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    reason = CLASS_HAS_IGNORED if ignored else ""
    if not ignored:
        try:
            found = pen.say(candidates)
        except CannotSay as error:
            reason = error.reason
        else:
            prompt = fill(pick(rng, options, TEMPLATES, _ALL), {"plural": plural(label)})
            asked.append(_instruction(view, "all", (label,), found, prompt))
    # Specks too small to be asked do not falsify a question about the largest; any other ignored area might be large.
    if set(ignored) <= {"under_size"} and len(indices) > 1 and (reason or len(candidates) > 2):
        try:
            found = _largest(pen, label, indices, rng)
        except CannotSay as error:
            refused.append(Refusal(label, error.reason, ()))
        else:
            prompt = _largest_prompt(label, len(found.targets), rng, options)
            asked.append(_instruction(view, "largest", (label,), found, prompt))
    if reason:
        covered = {i for instruction in asked for i in instruction.targets}
        refused.insert(0, Refusal(label, reason, tuple(i for i in candidates if i not in covered)))
    return asked, refused


def _largest(pen: Pen, label: str, indices: tuple[int, ...], rng: Random) -> Segments:
    """The n largest areas for a random n whose rank the eye can tell: the n-th is larger than every area left out, by a
    tenth at least.

    Raises CannotSay: tied_rank where no n has a strict rank, else why the drawn areas cannot be said.
    """
    areas = {i: area(pen.view.targets[i].shape) for i in indices}
    ranked = sorted(indices, key=lambda i: (-areas[i], i))
    counts = [
        n
        for n in range(1, min(len(ranked), MOST_RANKED + 1, pen.limits.max_objects + 1))
        if areas[ranked[n - 1]] >= RANK_MARGIN * areas[ranked[n]]
        and all(pen.view.targets[i].ignore is None for i in ranked[:n])
    ]
    if not counts:
        raise CannotSay("tied_rank", f"no number of {label} areas is clearly larger than the rest")
    return pen.say(tuple(sorted(ranked[: rng.choice(counts)])))


def _largest_prompt(label: str, count: int, rng: Random, options: AskOptions) -> tuple[Part, ...]:
    if count == 1:
        return fill(pick(rng, options, TEMPLATES, _ONE), {"label": singular(label)})
    return fill(pick(rng, options, TEMPLATES, _SOME), {"n": number_word(count), "plural": plural(label)})


def _instruction(
    view: Sample, form: str, about: tuple[str, ...], found: Segments, prompt: tuple[Part, ...]
) -> Instruction:
    """about: the class, or which expression of the dataset it is."""
    named = about if len(about) == 1 else ()
    return Instruction(
        id=identity(view, "seg", form, *about),
        task="seg",
        form=form,
        images=view.images,
        prompt=prompt,
        answer=(found.said,),
        gold=(found.gold,) if found.targets else (),
        labels=tuple(sorted(set(found.said.labels))) or named,
        targets=found.targets,
        negative=not found.targets,
        direction="forward",
    )


def score(text: str, record: Record) -> Score:
    gold, size = shapes_of(record), size_of(record)
    try:
        predicted = decode(text, size, ("box",))
    except BadAnswer as error:
        return Score(error.reason, 0.0, _parts(Judged(0.0, Matched(0, len(gold), ()), 0.0), readable=False))
    judged = judge(predicted, gold, size)
    return Score("ok", judged.value, _parts(judged, readable=True))


def _parts(judged: Judged, *, readable: bool) -> dict[str, float]:
    match = judged.match
    rates = macro_rates(match, 0.5)
    return {
        "box_f1": rates.f1 if readable else 0.0,
        "keypoints_inside": judged.inside,
        "precision": rates.precision if readable else 0.0,
        "recall": rates.recall if readable else 0.0,
        "mean_iou": mean_iou(match) if readable else 0.0,
        "true_positive_n": float(true_positives(match, 0.5)),
        "predicted_n": float(match.predicted),
        "gold_n": float(match.gold),
    }


def form(_: Question) -> Form:
    return Points(("box",), with_keypoints=True)


TASK = Task(
    title="Segmentation by boxes and keypoints",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Without a mask decoder. Value: the mean of box F1 at IoU >= 0.5 (gold boxes are the bounds of the exact areas, "
        "one-to-one by the Hungarian method) and of the share of all predicted keypoints that lie in the gold area which "
        "their box matches; an answer without keypoints has share 0; nothing there and nothing answered: 1; unreadable: 0. "
        "Parts: both halves, box precision and recall, mean matched IoU over max(|P|, |G|), and the sums for micro rates."
    ),
)
