"""Object reasoning: all objects that stand in a relation to one that is pointed at, by the datasets' questions and by
geometry."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from georsmllm.classes import is_countable, plural
from georsmllm.constrain.form import Form, Points, Question
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.metrics.detection import Matched, macro_rates, mean_iou, true_positives
from georsmllm.metrics.text import same_words, token_f1, words
from georsmllm.pointtext import NONE, decode
from georsmllm.types import UNNAMED, Instruction, Kind, Part, Record, Said, Sample, Text

from ._asking import askable, by_class, divide, fill, identity, lines, pick, refuse_all, singular, slots_of
from ._boxing import UPRIGHT, answer_kind, asked_boxes, boxed, laid_over
from ._gold import shapes_of, size_of
from ._grounding import is_heard, mentioned, pointed_out, split
from ._origin import shows_areas
from ._pointing import pointed
from ._related import Related, related
from ._sentences import as_question, as_sentence, interleave, pointing, tidy, unsayable

TEMPLATES = lines("""
    Which {plural} are {relation} {anchor}?
    Find all {plural} {relation} {anchor}.
    Locate every one of the {plural} that are {relation} {anchor}.
    Give me the positions of all {plural} {relation} {anchor}.
    Please mark the {plural} that are {relation} {anchor}.
    Are there any {plural} {relation} {anchor}? If so, box them all.
    Box all {plural} {relation} {anchor}, and no others.
    Which of the {plural} in this image are {relation} {anchor}?
    Show me which {plural} are {relation} {anchor}.
    I am looking for the {plural} {relation} {anchor}. Where are they?
    {question} Answer with boxes only.
    {question} Show it with boxes, without words.
    {question} Point it out with boxes and nothing else.
    {question} Mark the answer in the image.
    {question} Give only the positions.
    {question} Locate what is meant with boxes.
    {told} Answer in words.
    {told} Say it in a sentence or a few words.
    {told} Put the answer into words.
    {told} Name it.
    {told} Use words.
    Look at the image. {told} Tell me in words.
    {told} Answer in words, and mark what you name with {boxes}.
    {told} Say it, with {boxes} after each thing that you name.
    {told} Answer, and ground the answer with {boxes}.
    {told} Put the answer into words and locate what you mention with {boxes}.
    Look at the image. {told} Answer with words and {boxes}.
    {told} Name what it is and show it with {boxes}.
""")

_RELATED = frozenset({"plural", "relation", "anchor"})
_TOLD = (frozenset({"told"}), frozenset({"told", "boxes"}))


class _Asked(NamedTuple):
    """A question before it has an id."""

    form: str
    about: tuple[str, ...]
    prompt: tuple[Part, ...]
    answer: tuple[Part, ...]
    targets: tuple[int, ...]
    labels: tuple[str, ...]


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """The dataset's own questions ("given", "told" where the answer has words, "none"); per class one "generated", per view
    one for which there is nothing ("none")."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    for number, text in enumerate(one for one in view.texts if one.kind == "relation"):
        try:
            asked.append(_given(view, text, number, rng=rng, options=options))
        except CannotSay as error:
            refused.append(Refusal("relation", error.reason, ()))
    if not shows_areas(view):
        for one in _drawn(view, rng, options):
            try:
                asked.append(_generated(view, one, rng, options))
            except CannotSay as error:
                refused.append(Refusal(one.label, error.reason, one.targets))
    return Built(tuple(asked), (*refused, *_left(view, asked, refused)))


def _left(view: Sample, asked: list[Instruction], refused: list[Refusal]) -> list[Refusal]:
    """A refusal of every target that is in no question and has none yet."""
    covered = {i for one in asked for i in one.targets} | {i for one in refused for i in one.targets}
    reasons = {one.label: one.reason for one in divide(view).refusals}
    found: list[Refusal] = []
    for label, indices in by_class(view).items():
        left = tuple(i for i in askable(view, indices) if i not in covered)
        is_area = shows_areas(view) or not is_countable(label)
        reason = reasons.get(label, "areas" if is_area else "no_clear_relation")
        found += [Refusal(label, reason, left)] if left else []
    return found


# --- by geometry -----------------------------------------------------------------------------------------------------


_ALL = "all "


def _drawn(view: Sample, rng: Random, options: AskOptions) -> list[Related]:
    """Of each class one that holds of some, before one that holds of all; the relation is drawn first, so that the many of
    one relation are no more frequent. At the end one that holds of none."""
    positives: dict[str, dict[str, list[Related]]] = {}
    negatives: dict[str, list[Related]] = {}
    whole = divide(view).whole
    for one in related(view, rng, max_objects=options.limits.max_objects):
        if not one.targets:
            negatives.setdefault(one.words, []).append(one)
        elif len(one.targets) < len(set(whole[one.label]) - set(one.anchors)):
            positives.setdefault(one.label, {}).setdefault(one.words, []).append(one)
        else:
            positives.setdefault(one.label, {}).setdefault(f"{_ALL}{one.words}", []).append(one)
    drawn: list[Related] = []
    for relations in positives.values():
        some = [name for name in sorted(relations) if not name.startswith(_ALL)]
        drawn.append(rng.choice(relations[rng.choice(some or sorted(relations))]))
    if negatives:
        drawn.append(rng.choice(negatives[rng.choice(sorted(negatives))]))
    return drawn


def _generated(view: Sample, one: Related, rng: Random, options: AskOptions) -> Instruction:
    """Raises CannotSay where the boxes cannot be said, or an anchor not be pointed at."""
    kind = answer_kind(view, options.kinds)
    said = boxed(view, one.targets, kind, options.limits)
    labels = [view.targets[i].label for i in one.anchors]
    anchor: list[Part] = []
    for i, label in zip(one.anchors, labels, strict=True):
        anchor += [f"{' and ' if anchor else ''}the {singular(label)} at ", pointed(view, (i,), rng, options)]
    other = "other " if one.label in labels else ""
    slots: dict[str, Part | tuple[Part, ...]] = {
        "plural": f"{other}{plural(one.label)}", "relation": one.words, "anchor": tuple(anchor),
    }  # fmt: skip
    about = (one.label, one.words, *map(str, one.anchors))
    prompt = fill(pick(rng, options, TEMPLATES, _RELATED) + _form_of(kind), slots)
    form = "generated" if one.targets else "none"
    return _instruction(view, _Asked(form, about, prompt, (said,), one.targets, (one.label,)))


def _form_of(kind: Kind) -> str:
    return UPRIGHT if kind == "box" else ""


# --- the datasets' own -----------------------------------------------------------------------------------------------


def _given(view: Sample, text: Text, number: int, *, rng: Random, options: AskOptions) -> Instruction:
    """Raises CannotSay with what is wrong with the sentences, or with what they point at."""
    if view.images[0].window is not None:
        raise CannotSay("cut_view", "a part of a scene need not show what is said of the whole")
    asks, answers = pointing(text, "text"), pointing(text, "answer")
    has_words = bool(words(text.answer))
    reason = unsayable(text.text) or (unsayable(text.answer) if has_words else "")
    if reason:
        raise CannotSay(reason, text.text)
    mentioned(view, asks)
    places = [(one.at, pointed(view, one.targets, rng, options)) for one in asks]
    question = as_question(interleave(text.text, places))
    slots: dict[str, Part | tuple[Part, ...]] = {"told" if has_words else "question": question}
    targets = mentioned(view, answers)
    answer: tuple[Part, ...]
    if has_words and answers:
        pointers = pointed_out(view, answers, options)
        slots["boxes"] = pointers.form
        answer = as_sentence(interleave(text.answer, pointers.places))
        if not is_heard(answer, view):
            raise CannotSay("unheard", "the ear would take words of the answer for point text")
    elif has_words:
        answer = as_sentence((tidy(text.answer),))
    else:
        answer = (boxed(view, targets, answer_kind(view, options.kinds), options.limits),)
    template = pick(rng, options, TEMPLATES, frozenset(slots))
    ending = "" if has_words else _form_of(answer_kind(view, options.kinds))
    labels = tuple(sorted({view.targets[i].label for i in targets} - {UNNAMED}))
    form = "told" if has_words else "given" if targets else "none"
    about = ("given", str(number), *([text.topic] if text.topic else []))
    prompt = fill(template + ending, slots)
    return _instruction(view, _Asked(form, about, prompt, answer, targets, labels))


def _instruction(view: Sample, asked: _Asked) -> Instruction:
    return Instruction(
        id=identity(view, "relation", asked.form, *asked.about),
        task="relation",
        form=asked.form,
        images=view.images,
        prompt=asked.prompt,
        answer=asked.answer,
        gold=tuple(part for part in asked.answer if isinstance(part, Said) and part.shapes),
        labels=asked.labels,
        targets=asked.targets,
        negative=asked.form == "none",
        direction="" if asked.form == "told" else "forward",
    )


# --- the judge -------------------------------------------------------------------------------------------------------


def score(text: str, record: Record) -> Score:
    gold, size = shapes_of(record), size_of(record)
    kinds: tuple[Kind, ...] = tuple(sorted({shape.kind for shape in gold})) or ("box", "rbox")
    try:
        if record.provenance.form == "told":
            return _told(text, record)
        match = laid_over(decode(text, size, kinds), gold, size)
    except BadAnswer as error:
        return Score(error.reason, 0.0, _parts(Matched(0, len(gold), ()), token_f1=0.0, readable=False))
    return Score("ok", macro_rates(match, 0.5).f1, _parts(match, token_f1=0.0, readable=True))


def _told(text: str, record: Record) -> Score:
    """Raises BadAnswer."""
    said, gold = split(text, record), split(record.gold_text, record)
    if not words(said.words) or text.strip() == NONE:
        raise BadAnswer("empty", text, expected="words")
    f1 = 1.0 if same_words(said.words, gold.words) else token_f1(said.words, gold.words)
    match = laid_over(said.shapes, shapes_of(record), size_of(record))
    value = (f1 + macro_rates(match, 0.5).f1) / 2 if gold.shapes else f1
    return Score("ok", value, _parts(match, token_f1=f1, readable=True))


def _parts(match: Matched, *, token_f1: float, readable: bool) -> Mapping[str, float]:
    rates = macro_rates(match, 0.5)
    return {
        "precision": rates.precision * readable,
        "recall": rates.recall * readable,
        "f1_70": macro_rates(match, 0.7).f1 * readable,
        "mean_iou": mean_iou(match) * readable,
        "token_f1": token_f1,
        "true_positive_n": float(true_positives(match, 0.5)),
        "predicted_n": float(match.predicted),
        "gold_n": float(match.gold),
    }


def form(question: Question) -> Form | None:
    """Boxes; None where words are asked for."""
    is_told = any(slots_of(question.text, TEMPLATES, slots) for slots in _TOLD)
    return None if question.form == "told" or (is_told and not question.form) else Points(asked_boxes(question))


TASK = Task(
    title="Object reasoning",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: F1 of the boxes at (rotated) IoU >= 0.5, one-to-one by the Hungarian method; nothing there and nothing "
        "answered: 1. Where the dataset answers in words: 1 for the same words (case, articles and plurals apart), else their "
        "F1, and the mean of that and the F1 of the boxes where the gold has some. Unreadable: 0, also where nothing is "
        "there. Parts: precision and recall at 0.5, F1 at 0.7, mean matched IoU over max(|P|, |G|), word F1 (0 where no words "
        "are wanted), and the sums for micro rates."
    ),
)
