"""Captions: what an image shows, in the dataset's own sentences, at times with the shapes of what they name; of a pair,
what changed."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.metrics.detection import Matched, macro_rates, true_positives
from georsmllm.metrics.text import rouge_l, token_f1, tokens, words
from georsmllm.types import Instruction, Part, Record, Sample, Text

from ._asking import COORDINATES, fill, identity, lines, pick
from ._changes import says_unchanged
from ._grounding import Pointers, is_heard, matched_with_gold, pointed_out, split
from ._sentences import as_sentence, interleave, pointing, sentence, unsayable

TEMPLATES = lines("""
    Describe this image {length}.
    Caption this image {length}.
    Say {length} what this image shows.
    What does this scene show? Answer {length}.
    Please describe this aerial view {length}.
    Tell me {length} what can be seen from above here.
    Give an account of this image {length}.
    What is in this remote-sensing image? Describe it {length}.
    Write {length} what you see in the picture.
    Give a description of this scene {length}.
    I cannot see the image. Describe it to me {length}.
    Explain {length} what the image shows.
    Describe this image {length} and mark what you name with {boxes}.
    Describe the scene {length}, with {boxes} after each thing that you name.
    Say {length} what this image shows. Point at the things with {boxes}.
    What does this picture show? Answer {length} and locate what you mention with {boxes}.
    Caption this image {length}, and ground the caption with {boxes}.
    Please describe this view {length}; put {boxes} where you speak of objects.
    Write a description {length} whose objects are marked with {boxes}.
    Tell me {length} what is here, and where, with {boxes}.
    Describe how {pair} differ.
    What changed between {pair}? Answer in a sentence.
    Describe the change between {pair}.
    Compare {pair} and say what changed.
    Say in one sentence what differs between {pair}.
    Look at {pair}. Has anything changed? Describe it.
    Please sum up the differences between {pair}.
    Which changes do you see between {pair}? Describe them briefly.
    Caption the change from the first to the second of {pair}.
    What happened between {pair}? Describe it in a sentence.
""")

PAIR = "the two images"
_PLAIN, _GROUNDED, _CHANGE = frozenset({"length"}), frozenset({"length", "boxes"}), frozenset({"pair"})
_END = re.compile(r"[.?!](?=\s|$)")
_FEW, _MANY_WORDS = 3, 50  # more sentences than the first, or more words than the second, are details


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per image one "plain" caption and, where some mention targets, a "grounded" one; per pair one of the "change".

    The caption is drawn, and the others are its references. Of a pair that a caption says is unchanged, only such
    sentences stay (LEVIR-MCI's own rule).
    """
    given = [text for text in view.texts if text.kind == "caption"]
    if not given:
        return Built()
    reason = _refusal(view, given)
    if reason:
        return Built(refusals=(Refusal("caption", reason, ()),))
    captions, refused = _distinct(given)
    asked: list[Instruction] = []
    if captions:
        asked.append(_plain(view, captions, rng, options))
    if len(view.images) == 1:
        for caption in rng.sample(captions, len(captions)):
            if not pointing(caption, "text"):
                continue
            try:
                asked.append(_grounded(view, caption, rng, options))
                break
            except CannotSay as error:
                refused.append(Refusal("caption", error.reason, ()))
    return Built(tuple(asked), tuple(refused))


def _refusal(view: Sample, captions: list[Text]) -> str:
    """Why no caption may be asked for, "" when one may: of a part of a scene it need not be true."""
    if any(image.window is not None for image in view.images):
        return "cut_view"
    if len(view.images) > 2:
        return "more_than_two_images"
    has_change = any(target.ignore is None for target in view.targets)
    if len(view.images) == 2 and has_change and any(says_unchanged(caption.text) for caption in captions):
        return "caption_contradicts"
    return ""


def _distinct(captions: list[Text]) -> tuple[list[Text], list[Refusal]]:
    """The captions that differ in more than spelling and can be said, and why the others are left out."""
    kept: dict[tuple[str, ...], Text] = {}
    refused: list[Refusal] = []
    for caption in captions:
        key = tokens(caption.text)
        reason = unsayable(caption.text) or ("repeated_sentence" if key in kept else "")
        if not reason:
            kept[key] = caption
        elif reason == "repeated_sentence" and pointing(caption, "text") and not pointing(kept[key], "text"):
            kept[key] = caption  # of two the one that points
        if reason:
            refused.append(Refusal("caption", reason, ()))
    return list(kept.values()), refused


class _Drawn(NamedTuple):
    caption: str
    others: tuple[str, ...]


def _drawn(captions: list[Text], rng: Random) -> _Drawn:
    sentences = [sentence(caption.text) for caption in captions]
    sentences = [said for said in sentences if says_unchanged(said)] or sentences
    caption = rng.choice(sentences)
    return _Drawn(caption, tuple(other for other in sentences if other != caption))


def _plain(view: Sample, captions: list[Text], rng: Random, options: AskOptions) -> Instruction:
    is_pair = len(view.images) == 2
    drawn = _drawn(captions, rng)
    template = pick(rng, options, TEMPLATES, _CHANGE if is_pair else _PLAIN)
    form = "change" if is_pair else "plain"
    return Instruction(
        id=identity(view, "caption", form),
        task="caption",
        form=form,
        images=view.images,
        prompt=fill(template, {"pair": PAIR, "length": _length(drawn.caption)}),
        answer=(drawn.caption,),
        negative=is_pair and says_unchanged(drawn.caption),
        references=drawn.others,
    )


def _grounded(view: Sample, caption: Text, rng: Random, options: AskOptions) -> Instruction:
    """Raises CannotSay where the shapes cannot be said, or not be told from the words around them (unheard)."""
    pointers, answer = _pointed(view, caption, options)
    values = {"length": _length(caption.text), "boxes": pointers.form}
    return Instruction(
        id=identity(view, "caption", "grounded"),
        task="caption",
        form="grounded",
        images=view.images,
        prompt=fill(pick(rng, options, TEMPLATES, _GROUNDED), values),
        answer=answer,
        gold=tuple(said for _, said in pointers.places),
        targets=pointers.targets,
    )


def _pointed(view: Sample, caption: Text, options: AskOptions) -> tuple[Pointers, tuple[Part, ...]]:
    pointers = pointed_out(view, pointing(caption, "text"), options)
    answer = as_sentence(interleave(caption.text, pointers.places))
    if not is_heard(answer, view):
        raise CannotSay("unheard", "the ear would take words of the caption for point text")
    return pointers, answer


def _length(caption: str) -> str:
    """How long an answer is wanted, in words."""
    num_sentences = len(_END.findall(sentence(caption)))
    if num_sentences > _FEW or len(words(caption)) > _MANY_WORDS:
        return "in detail"
    return "in one sentence" if num_sentences == 1 else "in a few sentences"


def score(text: str, record: Record) -> Score:
    match = Matched(0, len(record.gold), ())
    said, verdict = text, "ok"
    if record.provenance.form == "grounded":
        try:
            said, shapes = split(text, record)
            match = matched_with_gold(shapes, record)
        except BadAnswer as error:
            verdict = error.reason
    elif COORDINATES.search(text):
        verdict = "coordinates"
    if verdict == "ok" and not words(said):
        verdict = "empty"
    if verdict != "ok":
        return Score(verdict, 0.0, _parts("", record, Matched(0, len(record.gold), ())))
    parts = _parts(said, record, match)
    if record.provenance.form == "grounded":
        return Score("ok", (parts["rouge_l"] + macro_rates(match, 0.5).f1) / 2, parts)
    return Score("ok", 1.0 if parts["no_change_correct_n"] else parts["rouge_l"], parts)


def _parts(said: str, record: Record, match: Matched) -> dict[str, float]:
    """said: the words of the answer, "" for an unreadable one."""
    is_change = record.provenance.form == "change"
    unchanged = is_change and record.provenance.negative
    references = _references(record)
    return {
        "rouge_l": rouge_l(said, references),
        "token_f1": max(token_f1(said, reference) for reference in references),
        "true_positive_n": float(true_positives(match, 0.5)),
        "predicted_n": float(match.predicted),
        "gold_n": float(match.gold),
        "no_change_n": float(unchanged),
        "no_change_correct_n": float(unchanged and says_unchanged(said)),
        "change_n": float(is_change and not unchanged),
        "change_denied_n": float(is_change and not unchanged and says_unchanged(said)),
    }


def _references(record: Record) -> tuple[str, ...]:
    if record.provenance.form == "grounded":
        return (split(record.gold_text, record).words,)
    return record.gold_text, *record.references


TASK = Task(
    title="Captions",
    templates=TEMPLATES,
    build=build,
    score=score,
    metrics=(
        "Value: ROUGE-L against all of the image's captions (the drawn one and record.references), with the best precision "
        "and the best recall of any and beta 1.2, over lower-case words with articles and without punctuation; of a pair "
        "without change, 1 where the answer says that nothing changed, in whatever words; of a grounded caption the mean of "
        "ROUGE-L over the words and of F1 of all boxes at (rotated) IoU >= 0.5, one-to-one by the Hungarian method. No "
        "words, coordinates in a plain caption, or point text that cannot be read: 0. Parts: ROUGE-L, the best word F1, the "
        "sums of boxes for micro rates, and the counts of pairs without and with change and of those that the answer gets "
        "right (no change) or denies (change). CIDEr and BLEU are numbers of a whole set, not of an answer."
    ),
)
