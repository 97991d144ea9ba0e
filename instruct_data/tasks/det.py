"""Detection: every object of the named classes as rotated boxes (upright ones where the dataset has no others)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from georsmllm.classes import is_countable, of_plural, plural
from georsmllm.constrain.form import Form, Points, Question, by_class
from georsmllm.contracts import AskOptions, Built, Limits, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.metrics.detection import Matched, macro_rates, mean_iou, true_positives
from georsmllm.pointtext import decode
from georsmllm.types import Instruction, Kind, Part, PointSet, Record, Said, Sample

from ._asking import Found, absent, divide, fill, identity, lines, listed, pick, refuse_all, slots_of
from ._boxing import UPRIGHT, answer_kind, asked_boxes, boxed, laid_over
from ._gold import shapes_of, size_of

TEMPLATES = lines("""
    Where are the {plural}?
    Find all {plural} in this image.
    Detect every one of the {plural}.
    Locate all {plural}.
    Please mark all the {plural} you can see.
    Give me the positions of all {plural}.
    Which parts of the image show {plural}?
    Draw a box around each of the {plural}.
    Show me where the {plural} are.
    I need boxes for all {plural} in this scene.
    Are there any {plural} here? If so, box them all.
    Point out all {plural} in the picture.
    Search the image for {plural} and box each one.
    List the boxes of all {plural}.
    Find all {classes}, one line for each class.
    Where are the {classes}? Answer class by class.
    Detect all {classes} and give each class its own line.
    Locate {classes} in this image, one class a line.
    Mark all {classes} that you can see, listed by class.
    I am looking for {classes}. Give one line per class.
    Box all {classes}, class by class.
    Please list the boxes of all {classes}, with one line for each class.
    Search the scene for {classes} and answer with a line per class.
    Show me where the {classes} are, one class after the other.
    Give the positions of all {classes}, each class on a line of its own.
    For each of these classes, find every object: {classes}.
    Report all {classes} in the picture, sorted by class.
    Find all {named} and name each of them.
    Where are the {named}? Label every box.
    Detect all {named} and say which is which.
    Locate {named} in this image, each with its class.
    Mark all {named} that you can see, with their names.
    I am looking for {named}. Label what you find.
    Box all {named} and label every box.
    Please list the boxes of all {named}, each with its label.
    Search the scene for {named} and name what you box.
    Give the position and the class of all {named}.
""")

_ONE, _MANY, _LABELLED = frozenset({"plural"}), frozenset({"classes"}), frozenset({"named"})
"""One class; several, a line each; several in a dialect that names every object itself."""


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class "all"; per view one "several" (2-4 classes, at times an absent one) and one "none"."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    kind = answer_kind(view, options.kinds)
    whole, refusals = divide(view)
    refused = list(refusals)
    sayable: dict[str, Said] = {}
    for label, indices in whole.items():
        if not is_countable(label):
            refused.append(Refusal(label, "areas", indices))
            continue
        try:
            sayable[label] = boxed(view, indices, kind, options.limits)
        except CannotSay as error:
            refused.append(Refusal(label, error.reason, indices))
    asked = [
        _instruction(view, "all", (label,), {label: Found(said, whole[label])}, _prompt(rng, options, (label,), kind))
        for label, said in sayable.items()
    ]
    negatives = tuple(label for label in absent(view) if is_countable(label))
    drawn = _draw(rng, sayable, negatives, options.limits)
    if len(drawn) > 1:
        found = {label: Found(sayable[label], whole[label]) for label in drawn if label in sayable}
        asked.append(_instruction(view, "several", drawn, found, _prompt(rng, options, drawn, kind)))
    if negatives:
        label = rng.choice(negatives)
        asked.append(_instruction(view, "none", (label,), {}, _prompt(rng, options, (label,), kind)))
    return Built(tuple(asked), tuple(refused))


def _draw(rng: Random, sayable: Mapping[str, Said], negatives: tuple[str, ...], limits: Limits) -> tuple[str, ...]:
    """Up to 4 classes in random order that fit one answer together; an absent one among them about half the time."""
    present = rng.sample(list(sayable), len(sayable))
    most = rng.randint(2, 4)
    drawn: list[str] = []
    objects = points = 0
    for label in present:
        shapes = sayable[label].shapes
        num_points = sum(len(shape.rings[0].points) for shape in shapes)
        if (
            len(drawn) < most
            and objects + len(shapes) <= limits.max_objects
            and points + num_points <= limits.max_points
        ):
            drawn.append(label)
            objects, points = objects + len(shapes), points + num_points
    if drawn and negatives and rng.random() < 0.5:
        drawn[most - 1 :] = [rng.choice(negatives)]
        rng.shuffle(drawn)
    return tuple(drawn)


def _prompt(rng: Random, options: AskOptions, labels: tuple[str, ...], kind: Kind) -> tuple[Part, ...]:
    names = listed([plural(label) for label in labels])
    slots = _ONE if len(labels) == 1 else _LABELLED if options.is_labelled else _MANY
    template = pick(rng, options, TEMPLATES, slots) + (UPRIGHT if kind == "box" else "")
    return fill(template, dict.fromkeys(slots, names))


def _instruction(
    view: Sample, form: str, labels: tuple[str, ...], found: Mapping[str, Found], prompt: tuple[Part, ...]
) -> Instruction:
    answer: list[Part] = []
    for label in labels:
        said = found[label].said if label in found else Said((), ())
        answer += [said] if form != "several" else ["\n" * bool(answer) + f"{label}: ", said]
    return Instruction(
        id=identity(view, "det", form, *labels),
        task="det",
        form=form,
        images=view.images,
        prompt=prompt,
        answer=tuple(answer),
        gold=tuple(each.said for each in found.values()),
        labels=labels,
        targets=tuple(sorted(i for each in found.values() for i in each.targets)),
        negative=not found,
        direction="forward",
    )


def read(text: str, record: Record) -> dict[str, tuple[PointSet, ...]]:
    """Label -> predicted boxes in pixels of the view; raises BadAnswer.

    Several classes: one line `label: objects` for each asked class, in any order. Reasons besides the point text's:
    no_label, unknown_label, repeated_label, missing_label.
    """
    size = size_of(record)
    kinds: tuple[Kind, ...] = tuple(sorted({gold.kind for gold in record.gold})) or ("box", "rbox")
    labels = record.provenance.labels
    if record.provenance.form != "several":
        return {labels[0]: decode(text, size, kinds)}
    found: dict[str, tuple[PointSet, ...]] = {}
    for line in text.strip().split("\n"):
        label, colon, objects = line.rpartition(":")  # a class name may hold one, point text has none
        label = label.strip()
        if not colon:
            raise BadAnswer("no_label", line, expected="label: objects")
        if label not in labels or label in found:
            raise BadAnswer("repeated_label" if label in found else "unknown_label", line, expected=" or ".join(labels))
        found[label] = decode(objects, size, kinds)
    if len(found) < len(labels):
        raise BadAnswer("missing_label", text, at=len(text), expected=" and ".join(labels))
    return found


def score(text: str, record: Record) -> Score:
    labels = record.provenance.labels
    size = size_of(record)
    gold = {label: shapes_of(record, label=label) for label in labels}
    try:
        found = read(text, record)
    except BadAnswer as error:
        return _score(error.reason, [Matched(0, len(gold[label]), ()) for label in labels])
    return _score("ok", [laid_over(found[label], gold[label], size) for label in labels])


def _score(verdict: str, matches: list[Matched]) -> Score:
    """Rates averaged over the asked classes; an unreadable answer has 0 throughout, and its gold counts as missed."""
    readable = verdict == "ok"
    at_50 = [macro_rates(match, 0.5) for match in matches]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if readable else 0.0

    parts = {
        "precision": mean([rates.precision for rates in at_50]),
        "recall": mean([rates.recall for rates in at_50]),
        "f1_70": mean([macro_rates(match, 0.7).f1 for match in matches]),
        "mean_iou": mean([mean_iou(match) for match in matches]),
        "true_positive_n": float(sum(true_positives(match, 0.5) for match in matches)),
        "predicted_n": float(sum(match.predicted for match in matches)),
        "gold_n": float(sum(match.gold for match in matches)),
    }
    return Score(verdict, mean([rates.f1 for rates in at_50]), parts)


def form(question: Question) -> Form | None:
    """Boxes, or a line of them for each class; None where the words ask class by class and do not tell for which."""
    kinds = asked_boxes(question)
    if len(question.labels) > 1:
        return by_class(question.labels, kinds)
    words = question.text.rstrip().removesuffix(UPRIGHT.strip()).rstrip()
    found = slots_of(words, TEMPLATES, _MANY) if not question.labels else None
    if found is None or slots_of(words, TEMPLATES, _ONE) is not None:
        return Points(kinds)
    labels = [of_plural(name) for name in re.split(", | and ", found["classes"])]
    return by_class([label for label in labels if label], kinds) if all(labels) else None


TASK = Task(
    title="Detection",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: F1 at (rotated) IoU >= 0.5, one-to-one by the Hungarian method on 1 - IoU, averaged over the asked "
        "classes; nothing there and nothing answered: 1; unreadable: 0, also where nothing is there. Parts: precision "
        "and recall at 0.5, F1 at 0.7, mean matched IoU over max(|P|, |G|), and the sums for micro rates: true "
        "positives at 0.5, predicted and gold objects (an unreadable answer predicts none)."
    ),
)
