"""Referring expressions: the object that a phrase denotes, or the few, as boxes; the datasets' own phrases and proved ones."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from georsmllm.classes import is_countable, plural
from georsmllm.constrain.form import Form, Points, Question
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import to_rbox
from georsmllm.metrics.detection import Matched, macro_rates, mean_iou, true_positives
from georsmllm.metrics.match import iou_matrix
from georsmllm.pointtext import decode
from georsmllm.types import Instruction, Kind, Part, PointSet, Record, Said, Sample

from ._asking import (
    askable,
    by_class,
    divide,
    fill,
    identity,
    is_speakable,
    lines,
    pick,
    refuse_all,
)
from ._boxing import UPRIGHT, answer_kind, asked_boxes, boxed, kind_of, laid_over
from ._expressions import drawn, is_rival
from ._given import Expression, given, is_plural
from ._gold import cell_of, shapes_of, size_of
from ._origin import shows_areas
from ._pointing import unfair
from ._regions import Windowed, provable_regions, provable_windows, quiet_box

TEMPLATES = lines("""
    Where is {expression}?
    Find {expression}.
    Locate {expression} for me.
    Give the box of {expression}.
    Which box holds {expression}?
    Show me {expression}.
    Please mark {expression}.
    Draw a box around {expression}.
    Point out {expression}.
    I am looking for {expression}. Where is it?
    What is the position of {expression}?
    Box {expression}.
    Where are {expressions}?
    Find {expressions}.
    Locate {expressions} for me.
    Give the boxes of {expressions}.
    Show me {expressions}.
    Please mark {expressions}.
    Outline {expressions} with boxes.
    Point out {expressions}.
    I am looking for {expressions}. Where are they?
    What are the positions of {expressions}?
    Box {expressions}.
    {question} Show it with boxes.
    {question} Mark the answer in the image.
    {question} Answer with boxes.
    {question} Point it out.
    {question} Give its position.
    {question} Locate it.
    {question} Reply with coordinates.
    Find all {plural} in the {where}.
    Where in the {where} of the image are {plural}?
    Locate every one of the {plural} in the {where} of this image.
    Box all {plural} in the {where}, and no others.
    Look only at the {where}: which {plural} are there?
    Detect the {plural} in the {where} of the picture.
    Please mark all {plural} that lie in the {where}.
    Give me the positions of all {plural} in the {where}.
    In the {where}, draw a box around each of the {plural}.
    Are there any {plural} in the {where}? If so, box them all.
    Find all {plural} inside {window}.
    Which {plural} lie inside {window}?
    Look only at {window}: which {plural} are there?
    Box all {plural} within {window}, and no others.
    Locate every one of the {plural} within {window}.
    Please mark all {plural} inside {window}.
    Give me the positions of all {plural} inside {window}.
    Are there any {plural} inside {window}? If so, box them all.
    Detect the {plural} within {window} only.
    Draw boxes around all {plural} inside {window}.
""")

_ONE, _SEVERAL, _QUESTION = frozenset({"expression"}), frozenset({"expressions"}), frozenset({"question"})
_PART = frozenset({"plural", "where"})

MOST_WINDOWS = 3
"""Of a class that cannot be asked for as a whole; of any other one window is enough."""


class _Builder:
    """What is asked of one view, and what is not."""

    def __init__(self, view: Sample, rng: Random, options: AskOptions) -> None:
        self.view = view
        self.rng = rng
        self.options = options
        self.kind = answer_kind(view, options.kinds)
        self.asked: list[Instruction] = []
        self.refused: list[Refusal] = []

    def built(self) -> Built:
        """With a refusal of every target that is in no question and has none yet."""
        covered = {i for one in self.asked for i in one.targets} | {i for one in self.refused for i in one.targets}
        reasons = {one.label: one.reason for one in divide(self.view).refusals}
        rest: list[Refusal] = []
        for label, indices in by_class(self.view).items():
            left = tuple(i for i in askable(self.view, indices) if i not in covered)
            is_area = shows_areas(self.view) or not is_countable(label)
            reason = reasons.get(label, "areas" if is_area else "not_told_apart")
            rest += [Refusal(label, reason, left)] if left else []
        return Built(tuple(self.asked), (*self.refused, *rest))

    def ask(self, form: str, about: tuple[str, ...], expression: Expression) -> None:
        """Ask for what an expression denotes, unless it is a single unfair object, or cannot be said."""
        targets = expression.targets
        reason = unfair(self.view, targets[0]) if len(targets) == 1 else ""
        if reason:
            self.refused.append(Refusal(self.view.targets[targets[0]].label, reason, targets))
            return
        slots = _QUESTION if expression.is_question else _SEVERAL if is_plural(expression) else _ONE
        self._ask(form, about, targets, dict.fromkeys(slots, expression.words))

    def ask_region(self, label: str, where: str, targets: tuple[int, ...]) -> bool:
        """Ask for all objects of a class in a part of the view; whether it was asked."""
        form = "region" if targets else "none"
        return self._ask(form, (label, where), targets, {"plural": plural(label), "where": where})

    def ask_window(self, about: tuple[str, ...], part: Windowed) -> bool:
        """Ask for all objects of a class, the first of `about`, in a window; whether it was asked."""
        kind = kind_of({"box"}, self.options.kinds)
        window = Said((part.window if kind == "box" else to_rbox(part.window),), ("window",))
        form = "window" if part.targets else "none"
        return self._ask(form, about, part.targets, {"plural": plural(about[0]), "window": window})

    def _ask(self, form: str, about: tuple[str, ...], targets: tuple[int, ...], slots: Mapping[str, Part]) -> bool:
        labels = tuple(sorted({self.view.targets[i].label for i in targets})) or about[:1] * ("plural" in slots)
        try:
            said = boxed(self.view, targets, self.kind, self.options.limits)
        except CannotSay as error:
            self.refused.append(Refusal(", ".join(labels), error.reason, targets))
            return False
        template = pick(self.rng, self.options, TEMPLATES, frozenset(slots))
        self.asked.append(
            Instruction(
                id=identity(self.view, "refer", form, *about),
                task="refer",
                form=form,
                images=self.view.images,
                prompt=fill(template + (UPRIGHT if self.kind == "box" else ""), slots),
                answer=(said,),
                gold=(said,) if targets else (),
                labels=labels,
                targets=targets,
                negative=not targets,
                direction="forward",
            )
        )
        return True


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """The dataset's own expressions ("given", "group", "none"); per class one proved "generated" and one proved "group";
    per class one "region" that holds some of it, and "window"s; per view one of each that holds none of a class ("none")."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    builder = _Builder(view, rng, options)
    _ask_given(builder)
    for expression in drawn(view, rng):
        form = "generated" if len(expression.targets) == 1 else "group"
        builder.ask(form, (view.targets[expression.targets[0]].label,), expression)
    if not shows_areas(view):
        _ask_parts(builder)
    return builder.built()


def _ask_given(builder: _Builder) -> None:
    own = given(builder.view)
    builder.refused.extend(own.refusals)
    for n, expression in enumerate(own.expressions):
        form = ("none", "given", "group")[min(2, len(expression.targets))]
        builder.ask(form, ("given", str(n)), expression)


def _ask_parts(builder: _Builder) -> None:
    """The classes of things of which every object is annotated, in parts of the view."""
    view = builder.view
    names = {target.label for target in view.targets}
    classes = {
        label: indices
        for label, indices in by_class(view).items()
        if label in view.exhaustive and is_speakable(label) and is_countable(label) and askable(view, indices)
        if not any(is_rival(label, other) for other in names)
    }
    _ask_regions(builder, classes)
    _ask_windows(builder, classes)


def _ask_regions(builder: _Builder, classes: Mapping[str, tuple[int, ...]]) -> None:
    rng = builder.rng
    untouched: list[tuple[str, str]] = []
    for label, indices in classes.items():
        regions = provable_regions(builder.view, indices)
        untouched.extend((label, where) for where, inside in regions.items() if not inside)
        fitting = [r for r, inside in regions.items() if 0 < len(inside) <= builder.options.limits.max_objects]
        for where in rng.sample(fitting, len(fitting)):
            if builder.ask_region(label, where, regions[where]):
                break
    if untouched:
        label, where = rng.choice(untouched)
        builder.ask_region(label, where, ())


def _ask_windows(builder: _Builder, classes: Mapping[str, tuple[int, ...]]) -> None:
    view, rng, most = builder.view, builder.rng, builder.options.limits.max_objects
    asked: list[str] = []
    for label, indices in classes.items():
        is_whole = len(indices) <= most and len(askable(view, indices)) == len(indices)
        count = 1 if is_whole else MOST_WINDOWS
        for n, part in enumerate(provable_windows(view, indices, rng, count=count, max_objects=most)):
            if builder.ask_window((label, str(n)), part):
                asked.append(label)
    if asked:
        label = rng.choice(asked)
        quiet = quiet_box([view.targets[i].shape for i in classes[label]], view.images[0].size_wh, rng)
        if quiet is not None:
            builder.ask_window((label, "window"), Windowed(quiet, ()))


def score(text: str, record: Record) -> Score:
    gold, size = shapes_of(record), size_of(record)
    kinds: tuple[Kind, ...] = tuple(sorted({shape.kind for shape in gold})) or ("box", "rbox")
    try:
        predicted = decode(text, size, kinds)
    except BadAnswer as error:
        return _score(error.reason, Matched(0, len(gold), ()), 0.0)
    first = _first_iou(predicted, gold, size) if len(gold) == 1 else 0.0
    return _score("ok", laid_over(predicted, gold, size), first)


def _first_iou(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> float:
    """The order is part of the answer: of several boxes for one object only the first counts."""
    return float(iou_matrix(predicted[:1], gold, cell_of(size_wh))[0, 0]) if predicted else 0.0


def _score(verdict: str, match: Matched, first: float) -> Score:
    readable, is_single = verdict == "ok", match.gold == 1
    if is_single:
        value, strict, iou = float(first > 0.5), float(first > 0.7), first
    else:
        value, strict, iou = macro_rates(match, 0.5).f1, macro_rates(match, 0.7).f1, mean_iou(match)
    parts = {
        "at_70": strict * readable,
        "mean_iou": iou * readable,
        "single_n": float(is_single),
        "single_hit_n": value * readable * is_single,
        "several_n": float(match.gold > 1),
        "several_gold_n": float(match.gold if match.gold > 1 else 0),
        "several_true_positive_n": float(true_positives(match, 0.5) if match.gold > 1 else 0),
        "nothing_n": float(match.gold == 0),
        "nothing_said_n": float(readable and match.gold == match.predicted == 0),
    }
    return Score(verdict, value * readable, parts)


def form(question: Question) -> Form:
    return Points(asked_boxes(question))


TASK = Task(
    title="Referring expressions",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: for an expression of one object Acc@0.5, 1 where the (rotated) IoU of the first box of the answer is over "
        "0.5, strictly, whatever boxes follow, and 0 without a box; of several objects the F1 at IoU >= 0.5, one-to-one by "
        "the Hungarian method; of nothing 1 where nothing is answered, else 0; unreadable: 0. Parts: the same at 0.7; the "
        "IoU of the first box, of several the mean matched IoU over max(|P|, |G|); and sums for Acc@0.5 of single objects "
        "alone (hits of singles), recall of several (true positives of theirs) and N-acc (nothing there and none said)."
    ),
)
