"""Segmentation: every area of a class as a box with keypoints inside it, which a promptable segmenter turns into masks."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from georsmllm.classes import plural
from georsmllm.contracts import AskOptions, Built, Limits, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import area, to_box, to_shapely
from georsmllm.keypoints import keypoints
from georsmllm.metrics.detection import Matched, macro_rates, matched, mean_iou, true_positives
from georsmllm.metrics.match import iou_matrix
from georsmllm.pointtext import decode, encode
from georsmllm.types import Instruction, Part, PointSet, Record, Said, Sample

from ._asking import (
    CLASS_HAS_IGNORED,
    Found,
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
from ._gold import cell_of, shapes_of, size_of

TEMPLATES = lines("""
    Segment all {plural} in this image.
    Outline the {plural}.
    Mark all {plural} with boxes and points inside them.
    Segment every one of the {plural} you can see.
    Which areas are {plural}? Segment them.
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
""")

_ALL, _ONE, _SOME = frozenset({"plural"}), frozenset({"label"}), frozenset({"n", "plural"})


RANK_MARGIN, MOST_RANKED = 1.1, 5
"""Of the n largest areas the smallest is a tenth larger than the next one, and n is at most 5: nobody ranks more by eye."""


class _Pen:
    """Says the targets of one view; keypoints are placed once for each target, whatever it is asked in."""

    def __init__(self, view: Sample, limits: Limits) -> None:
        self.view = view
        self.limits = limits
        self.size = view.images[0].size_wh
        self._boxes: dict[int, PointSet] = {}

    def say(self, label: str, indices: tuple[int, ...]) -> Found:
        """Boxes with keypoints; raises CannotSay, also where rounding would cost the gold text its score (below_grid)."""
        if len(indices) > self.limits.max_objects:
            raise CannotSay("over_budget", f"{len(indices)} areas, at most {self.limits.max_objects} fit one answer")
        gold = tuple(self.view.targets[i].shape for i in indices)
        boxes = tuple(self._box(i) for i in indices)
        said = decode(encode(boxes, self.size, self.limits), self.size, ("box",))
        if _judge(said, gold, self.size).value < 1:
            raise CannotSay(
                "below_grid", "an area is too small for the grid: its box or a keypoint misses it once said"
            )
        return Found(Said(boxes, (label,) * len(boxes)), indices)

    def _box(self, index: int) -> PointSet:
        if index not in self._boxes:
            shape = self.view.targets[index].shape
            inside = keypoints(shape, self.size)
            self._boxes[index] = PointSet("box", to_box(shape).rings, inside)
        return self._boxes[index]


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class "all" and, where there are more than two areas or "all" cannot be asked, "largest"; per view one "none"."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    pen = _Pen(view, options.limits)
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
        asked.append(_instruction(view, "none", label, Found(Said((), ())), prompt))
    return Built(tuple(asked), tuple(refused))


def _ask_class(
    pen: _Pen, label: str, indices: tuple[int, ...], rng: Random, options: AskOptions
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
            found = pen.say(label, candidates)
        except CannotSay as error:
            reason = error.reason
        else:
            prompt = fill(pick(rng, options, TEMPLATES, _ALL), {"plural": plural(label)})
            asked.append(_instruction(view, "all", label, found, prompt))
    # Specks too small to be asked do not falsify a question about the largest; any other ignored area might be large.
    if set(ignored) <= {"under_size"} and len(indices) > 1 and (reason or len(candidates) > 2):
        try:
            found = _largest(pen, label, indices, rng)
        except CannotSay as error:
            refused.append(Refusal(label, error.reason, ()))
        else:
            prompt = _largest_prompt(label, len(found.targets), rng, options)
            asked.append(_instruction(view, "largest", label, found, prompt))
    if reason:
        covered = {i for instruction in asked for i in instruction.targets}
        refused.insert(0, Refusal(label, reason, tuple(i for i in candidates if i not in covered)))
    return asked, refused


def _largest(pen: _Pen, label: str, indices: tuple[int, ...], rng: Random) -> Found:
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
    return pen.say(label, tuple(sorted(ranked[: rng.choice(counts)])))


def _largest_prompt(label: str, count: int, rng: Random, options: AskOptions) -> tuple[Part, ...]:
    if count == 1:
        return fill(pick(rng, options, TEMPLATES, _ONE), {"label": singular(label)})
    return fill(pick(rng, options, TEMPLATES, _SOME), {"n": number_word(count), "plural": plural(label)})


def _instruction(view: Sample, form: str, label: str, found: Found, prompt: tuple[Part, ...]) -> Instruction:
    gold = Said(tuple(view.targets[i].shape for i in found.targets), found.said.labels)
    return Instruction(
        id=identity(view, "seg", form, label),
        task="seg",
        form=form,
        images=view.images,
        prompt=prompt,
        answer=(found.said,),
        gold=(gold,) if found.targets else (),
        labels=(label,),
        targets=found.targets,
        negative=not found.targets,
        direction="forward",
    )


class _Judged(NamedTuple):
    value: float
    match: Matched
    inside: float


def score(text: str, record: Record) -> Score:
    gold, size = shapes_of(record), size_of(record)
    try:
        predicted = decode(text, size, ("box",))
    except BadAnswer as error:
        return Score(error.reason, 0.0, _parts(_Judged(0.0, Matched(0, len(gold), ()), 0.0), readable=False))
    judged = _judge(predicted, gold, size)
    return Score("ok", judged.value, _parts(judged, readable=True))


def _judge(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> _Judged:
    match = matched(iou_matrix(predicted, tuple(to_box(shape) for shape in gold), cell_of(size_wh)))
    inside = _share_inside(predicted, gold, match)
    return _Judged((macro_rates(match, 0.5).f1 + inside) / 2, match, inside)


def _share_inside(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], match: Matched) -> float:
    """Of all predicted keypoints, the share in (or on the edge of) the gold that their box matches with IoU >= 0.5.

    Keypoints of unmatched boxes are outside. No keypoint: 0, but 1 where nothing is there and nothing was answered.
    """
    import shapely

    if not predicted and not gold:
        return 1.0
    num_points = sum(len(shape.keypoints) for shape in predicted)
    hits = 0
    for p, g, iou in match.pairs:
        if iou >= 0.5 and predicted[p].keypoints:
            xs, ys = zip(*predicted[p].keypoints, strict=True)
            hits += int(shapely.intersects_xy(to_shapely(gold[g]), xs, ys).sum())
    return hits / num_points if num_points else 0.0


def _parts(judged: _Judged, *, readable: bool) -> dict[str, float]:
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


TASK = Task(
    title="Segmentation by boxes and keypoints",
    templates=TEMPLATES,
    build=build,
    score=score,
    metrics=(
        "Without a mask decoder. Value: the mean of box F1 at IoU >= 0.5 (gold boxes are the bounds of the exact areas, "
        "one-to-one by the Hungarian method) and of the share of all predicted keypoints that lie in the gold area which "
        "their box matches; an answer without keypoints has share 0; nothing there and nothing answered: 1; unreadable: 0. "
        "Parts: both halves, box precision and recall, mean matched IoU over max(|P|, |G|), and the sums for micro rates."
    ),
)
