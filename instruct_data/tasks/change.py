"""Change detection: what differs between two images, as closed polygons on the second."""

from __future__ import annotations

from random import Random

from georsmllm.classes import canonical, plural
from georsmllm.constrain.form import Form, Points, Question
from georsmllm.contracts import AskOptions, Built, Limits, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.metrics.detection import macro_rates, matched
from georsmllm.metrics.regions import Overlap, iou, object_ious, overlap, pixel_f1
from georsmllm.pointtext import decode, encode
from georsmllm.polygons import simplify
from georsmllm.types import Instruction, Part, PointSet, Record, Said, Sample

from ._asking import (
    CLASS_HAS_IGNORED,
    Found,
    absent,
    askable,
    by_class,
    fill,
    identity,
    is_speakable,
    lines,
    listed,
    pick,
    refuse_all,
    unfit,
)
from ._changes import captions_of_all
from ._gold import shapes_of, size_of
from ._regions import provable_regions

TEMPLATES = lines("""
    Outline all {plural} that changed between the two images.
    Which {plural} differ between the first and the second image?
    Compare the two images and outline every change in {plural}.
    Find all changes to {plural} from the first image to the second.
    Where did {plural} change between the two dates?
    Mark the {plural} that are new or altered in the second image.
    Draw polygons around all new or altered {plural}.
    What has changed among the {plural}? Outline it on the second image.
    Please outline the {plural} that appeared, disappeared or were altered.
    Detect the changes in {plural} between these two images.
    Show every change of {plural} as a polygon.
    Have any {plural} changed? Outline them all.
    Trace all differences in {plural} between the earlier and the later image.
    Outline all {plural} in the {where} that changed between the two images.
    Which {plural} in the {where} of the image differ between the first and the second?
    Compare the {where} of the two images and outline every change in {plural} there.
    Find all changes to {plural} in the {where}.
    Where in the {where} did {plural} change between the two dates?
    In the {where}, mark the {plural} that are new or altered in the second image.
    Draw polygons around all new or altered {plural} in the {where} only.
    Look at the {where}: what has changed among the {plural}? Outline it on the second image.
    Please outline the {plural} in the {where} that appeared, disappeared or were altered.
    Detect the changes in {plural} in the {where} of these two images.
    Show every change of {plural} in the {where} as a polygon.
    Have any {plural} changed in the {where}? Outline them all.
    Trace all differences in {plural} between the two images, but only in the {where}.
    Outline every change in {classes} between the two images.
    Compare the two images and outline all that changed among {classes}.
    Where did {classes} change from the first to the second image? Outline all of it.
    Find all changes of {classes}, whichever they are, and draw polygons around them.
    Mark everything that is new or altered in the second image among {classes}.
    Detect any change in {classes} between the two dates.
    Please outline all {classes} that appeared, disappeared or were altered.
    Has anything changed among {classes}? Outline all of it on the second image.
    Outline on the second image the change that this sentence describes: "{caption}".
    Somebody compared the two images and wrote "{caption}". Outline that change.
    The caption of the change is "{caption}". Find it and draw polygons around it.
    Locate what this caption says on the second image, and outline it: "{caption}".
    Which areas of the second image does this description of the change mean: "{caption}"?
    The change between the two images is described as "{caption}". Outline it.
    Mark the areas that changed as this sentence says: "{caption}".
    Please trace the change that these words are about: "{caption}".
""")

_WHOLE, _PART = frozenset({"plural"}), frozenset({"plural", "where"})
_ANY, _TOLD = frozenset({"classes"}), frozenset({"caption"})

CEILING = 0.85
"""The pixel IoU with its exact gold that a gold text keeps at least; what keeps less is refused (below_ceiling).

Simplified to IoU 0.95 and rounded, single areas keep about 0.90 (1st percentile) in 256 and 512 px views; in 1024 px
views at least 0.82 between 64 and 256 px² and 0.77 under 64 px², where half a cell is a twentieth of a side: 6 to 14 % of
those are refused. Whole answers on real change labels keep 0.96 or more.
"""


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class "all", one "region" with changes and one without ("none"); per view one "none" for an absent class, and of
    all classes together "any", and "caption" by a sentence of the dataset that is about just those that changed."""
    if len(view.images) != 2:
        return Built(refusals=refuse_all(view, "one_image"))
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    for label, indices in by_class(view, image=0).items():
        if askable(view, indices):
            refused.append(Refusal(label, "on_first_image", askable(view, indices)))
    for label, indices in by_class(view, image=1).items():
        candidates = askable(view, indices)
        if not candidates:
            continue
        on_first = any(target.image == 0 and target.label == label for target in view.targets)
        reason = "on_first_image" if on_first else unfit(view, label, candidates)
        if reason:
            refused.append(Refusal(label, reason, candidates))
            continue
        instructions, refusals = _ask_class(view, label, indices, rng, options)
        asked.extend(instructions)
        refused.extend(refusals)
    negatives = [label for label in absent(view, image=1) if all(target.label != label for target in view.targets)]
    if negatives:
        label = rng.choice(negatives)
        prompt = fill(pick(rng, options, TEMPLATES, _WHOLE), {"plural": plural(label)})
        asked.append(_instruction(view, "none", (label,), Found(Said((), (), 1)), prompt))
    together = _ask_together(view, rng, options)
    return Built((*asked, *together.instructions), (*refused, *together.refusals))


def _ask_together(view: Sample, rng: Random, options: AskOptions) -> Built:
    """The forms "any" and "caption": both are answered by all changes of the view, so every class must be known in full."""
    labels = tuple(sorted(canonical(label) for label in view.classes))
    captions = [text.text for text in view.texts if text.kind == "caption"]
    if len(labels) < 2 and not captions:
        return Built()
    try:
        found = _found_together(view, labels, options.limits)
    except CannotSay as error:
        return Built(refusals=(Refusal("all classes", error.reason, ()),))
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    if len(labels) > 1:
        prompt = fill(pick(rng, options, TEMPLATES, _ANY), {"classes": listed([plural(label) for label in labels])})
        asked.append(_instruction(view, "any", labels, found, prompt))
    if captions and found.targets:
        fitting = captions_of_all(view)
        if fitting:
            prompt = fill(pick(rng, options, TEMPLATES, _TOLD), {"caption": rng.choice(fitting)})
            asked.append(_instruction(view, "caption", tuple(sorted(set(found.said.labels))), found, prompt))
        else:
            is_cut = any(image.window is not None for image in view.images)
            refused.append(Refusal("caption", "cut_view" if is_cut else "caption_other_classes", ()))
    return Built(tuple(asked), tuple(refused))


def _found_together(view: Sample, labels: tuple[str, ...], limits: Limits) -> Found:
    """The changes of all classes; raises CannotSay where one of them is not known in full, or they cannot be said."""
    for label in labels:
        if not is_speakable(label):
            raise CannotSay("unspeakable_label", label)
        if label not in view.exhaustive:
            raise CannotSay("not_exhaustive", label)
    for target in view.targets:
        if target.label not in labels:
            raise CannotSay("not_exhaustive", target.label)
        if target.ignore is not None:
            raise CannotSay(CLASS_HAS_IGNORED, target.label)
        if target.image == 0:
            raise CannotSay("on_first_image", target.label)
        if target.shape.kind != "polygon":
            raise CannotSay("no_polygon", target.label)
    return _found(view, tuple(range(len(view.targets))), limits)


def _ask_class(
    view: Sample, label: str, indices: tuple[int, ...], rng: Random, options: AskOptions
) -> tuple[list[Instruction], list[Refusal]]:
    asked: list[Instruction] = []
    reasons: dict[str, None] = {}
    if any(view.targets[i].ignore is not None for i in indices):
        reasons[CLASS_HAS_IGNORED] = None
    else:
        try:
            found = _found(view, indices, options.limits)
        except CannotSay as error:
            reasons[error.reason] = None
        else:
            prompt = fill(pick(rng, options, TEMPLATES, _WHOLE), {"plural": plural(label)})
            asked.append(_instruction(view, "all", (label,), found, prompt))
    regions = provable_regions(view, indices)
    if not regions:
        reasons["straddles_region"] = None
    for form, names in (
        ("region", [r for r in regions if regions[r]]),
        ("none", [r for r in regions if not regions[r]]),
    ):
        if not names:
            continue
        where = rng.choice(names)
        try:
            found = _found(view, regions[where], options.limits)
        except CannotSay as error:
            reasons[error.reason] = None
            continue
        prompt = fill(pick(rng, options, TEMPLATES, _PART), {"plural": plural(label), "where": where})
        asked.append(_instruction(view, form, (label,), found, prompt, where=where))
    covered = {i for instruction in asked for i in instruction.targets}
    left = tuple(i for i in askable(view, indices) if i not in covered)
    return asked, [Refusal(label, reason, left if n == 0 else ()) for n, reason in enumerate(reasons)]


def _found(view: Sample, indices: tuple[int, ...], limits: Limits) -> Found:
    """The simplified polygons; raises CannotSay, also where less than the ceiling is left of the exact ones."""
    if len(indices) > limits.max_objects:
        raise CannotSay("over_budget", f"{len(indices)} areas, at most {limits.max_objects} fit one answer")
    size = view.images[1].size_wh
    exact = tuple(view.targets[i].shape for i in indices)
    shapes = tuple(simplify(shape, size, limits=limits).shape for shape in exact)
    said = decode(encode(shapes, size, limits), size, ("polygon",))
    if iou(overlap(said, exact, size)) < CEILING:
        raise CannotSay("below_ceiling", f"less than {CEILING:.0%} of the exact areas is left once said")
    return Found(Said(shapes, tuple(view.targets[i].label for i in indices), 1), indices)


def _instruction(
    view: Sample, form: str, labels: tuple[str, ...], found: Found, prompt: tuple[Part, ...], *, where: str = ""
) -> Instruction:
    """where: the region, where one is asked for."""
    gold = Said(tuple(view.targets[i].shape for i in found.targets), found.said.labels, 1)
    return Instruction(
        id=identity(view, "change", form, *labels, *([where] if where else [])),
        task="change",
        form=form,
        images=view.images,
        prompt=prompt,
        answer=(found.said,),
        gold=(gold,) if found.targets else (),
        labels=labels,
        targets=found.targets,
        negative=not found.targets,
        direction="forward",
    )


def score(text: str, record: Record) -> Score:
    gold, size = shapes_of(record), size_of(record, image=-1)
    try:
        predicted = decode(text, size, ("polygon",))
    except BadAnswer as error:
        return Score(error.reason, 0.0, _parts(overlap((), gold, size), object_f1=0.0, readable=False))
    found = overlap(predicted, gold, size)
    return Score("ok", iou(found), _parts(found, object_f1=_object_f1(predicted, gold, size), readable=True))


def _object_f1(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> float:
    return macro_rates(matched(object_ious(predicted, gold, size_wh)), 0.5).f1


def _parts(found: Overlap, *, object_f1: float, readable: bool) -> dict[str, float]:
    is_empty = found.gold == 0
    return {
        "intersection_px": float(found.intersection),
        "union_px": float(found.union),
        "pixel_f1": pixel_f1(found) if readable else 0.0,
        "object_f1": object_f1,
        "no_change_n": float(is_empty),
        "no_change_correct_n": float(is_empty and readable and found.predicted == 0),
        "change_n": float(not is_empty),
        "change_answered_n": float(not is_empty and found.predicted > 0),
    }


def form(_: Question) -> Form:
    return Points(("polygon",))


TASK = Task(
    title="Change detection",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: pixel IoU of the united answer and the united exact gold, by the pixel-centre rule at the view's own size; "
        "both empty: 1; one empty, or unreadable: 0. Its mean is gIoU. Parts: intersection and union in pixels, summed for "
        "cIoU (an unreadable answer adds the whole gold to the union), F1 of the changed pixels, F1 of objects at pixel "
        "IoU >= 0.5 (one-to-one by the Hungarian method), and the counts for N-acc (no change and none answered, of all "
        "without change) and T-acc (change and something answered, of all with change)."
    ),
    ceiling=CEILING,
)
