"""Region description: points, boxes or outlines in the question, words in the answer; the way back of the other tasks."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from random import Random

from georsmllm.classes import plural, with_article
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import CannotSay
from georsmllm.metrics.text import names, phrases_match, same_words, token_f1, tokens
from georsmllm.types import UNNAMED, Instruction, Part, PointSet, Record, Said, Sample, Text

from ._asking import (
    COORDINATES,
    askable,
    by_class,
    counted,
    fill,
    identity,
    is_speakable,
    lines,
    pick,
    refuse_all,
    singular,
)
from ._changes import BUT
from ._given import is_cut, labels_of, told
from ._grounding import mentioned
from ._naming import is_bare, noun, number
from ._pointing import is_ambiguous, noise, pointed
from ._regions import quiet_box
from ._sentences import pointing, sentence, tidy, unspeakable

TEMPLATES = lines("""
    Describe {region}.
    What is at {region}?
    What is marked by {region}?
    Tell me what can be seen at {region}.
    Name what is at {region}.
    What does {region} show?
    Please describe what lies at {region}.
    What lies at {region}?
    Identify what {region} marks.
    I marked {region}. What is there?
    Say what is at {region}.
    Look at {region} and say what is there.
    Give a short description of {region}.
    What changed at {pair_region} between the two images?
    Compare the two images at {pair_region}. What is different?
    What is different at {pair_region} in the second image?
    Describe the change at {pair_region}.
    Has anything changed at {pair_region}? If so, what?
    Look at {pair_region} in both images and describe what changed.
    What happened at {pair_region} from the first image to the second?
    In a few words, what changed at {pair_region}?
    Tell me what differs between the two dates at {pair_region}.
    Please describe any change at {pair_region}.
    Say what is new or altered at {pair_region}, if anything.
    Which change do you see at {pair_region}?
    How does {pair_region} differ between the two images?
    Name the change at {pair_region}.
""")

NOTHING_CHANGED = "Nothing changed here."
"""Said of several classes that are all annotated; of one alone it is said by its name, for others may have changed."""

_SLOTS = ("region", "pair_region")
_DENIALS = frozenset({"no", "none", "nothing", "unchanged"})


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class "one" drawn target and the "group" of all of them; every region that the dataset itself describes; for a
    pair also "none", a box without change."""
    if len(view.images) > 2:
        return Built(refusals=refuse_all(view, "more_than_two_images"))
    last = len(view.images) - 1
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    for label, indices in by_class(view, image=last).items():
        instructions, refusals = _ask_class(view, label, indices, rng, options)
        asked.extend(instructions)
        refused.extend(refusals)
    own = _ask_texts(view, {(one.targets, str(one.answer[0])) for one in asked}, rng, options)
    if last:
        for label, indices in by_class(view, image=0).items():
            if askable(view, indices):
                refused.append(Refusal(label, "on_first_image", askable(view, indices)))
        known = tuple(label for label in sorted(view.exhaustive) if is_speakable(label))
        taken = [target.shape for target in view.targets]
        quiet = quiet_box(taken, view.images[1].size_wh, rng) if known else None
        if quiet is not None:
            asked.append(_negative(view, quiet, known, rng, options))
    return Built((*asked, *own.instructions), (*refused, *own.refusals))


def _ask_texts(view: Sample, described: Set[tuple[tuple[int, ...], str]], rng: Random, options: AskOptions) -> Built:
    """The regions that the dataset describes, but for those that are described in these words already."""
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    for n, text in enumerate(one for one in view.texts if one.kind == "region"):
        try:
            members = _mentioned(view, text)
        except CannotSay as error:
            refused.append(Refusal("", error.reason, ()))
            continue
        built = describe(view, members, rng, options, words=tidy(text.answer))
        refused.extend(built.refusals)
        asked.extend(
            replace(one, id=identity(view, "region", one.form, "text", str(n)))
            for one in built.instructions
            if (one.targets, str(one.answer[0])) not in described
        )
    return Built(tuple(asked), tuple(refused))


def _mentioned(view: Sample, text: Text) -> tuple[int, ...]:
    members = mentioned(view, pointing(text, "text"))
    if not members:
        raise CannotSay("cut_view" if is_cut(view) else "mentions_nothing", "a description without a region")
    if view.targets[members[0]].image != len(view.images) - 1:
        raise CannotSay("on_first_image", "the region lies in the first image")
    return members


def describe(view: Sample, members: tuple[int, ...], rng: Random, options: AskOptions, *, words: str = "") -> Built:
    """The one question that describes these targets of one image together, or why it is not asked.

    words: the answer; left out, the dataset's own words for just these targets, else their class, which must be one. A
    single target that is noise or ambiguous refuses the whole group: the answer's number would not be the region's.
    """
    words = words or told(view).get(members, "")
    label = labels_of(view, members)
    first = view.targets[members[0]]
    is_named = first.label == label != UNNAMED
    reason = unspeakable(words) if words else "" if is_named else "unnamed"
    if not all(is_speakable(view.targets[i].label) for i in members):
        reason = "unspeakable_label"
    if reason:
        return Built(refusals=(Refusal(label, reason, members),))
    same_class = by_class(view, image=first.image)[first.label]
    refused: dict[str, list[int]] = {}
    for i in members:
        reason = noise(view, i) or ("ambiguous" if not words and is_ambiguous(view, i, same_class) else "")
        if reason:
            refused.setdefault(reason, []).append(i)
    if refused:
        return Built(refusals=tuple(Refusal(label, reason, tuple(refused[reason])) for reason in sorted(refused)))
    try:
        said = pointed(view, members, rng, options)
    except CannotSay as error:
        return Built(refusals=(Refusal(label, error.reason, members),))
    return Built((_instruction(view, _prompt(view, said, rng, options), members, _answer(view, members, words)),))


def _ask_class(
    view: Sample, label: str, indices: tuple[int, ...], rng: Random, options: AskOptions
) -> tuple[list[Instruction], list[Refusal]]:
    if not is_speakable(label):
        candidates = askable(view, indices)
        return [], [Refusal(label, "unspeakable_label", candidates)] if candidates else []
    own = told(view)
    reasons = {i: noise(view, i) for i in askable(view, indices)}
    if label == UNNAMED:
        reasons = {i: reason or ("" if (i,) in own else "unnamed") for i, reason in reasons.items()}
    clean = [i for i, reason in reasons.items() if not reason]
    asked: list[Instruction] = []
    groups: list[tuple[str, tuple[int, ...]]] = []
    if clean:
        # ambiguity is looked up for those that are asked only: a class may have thousands of targets
        drawn = rng.choice(clean)
        groups.append(("one", (drawn,)))
        if 1 < len(clean) <= options.limits.max_objects and label != UNNAMED:
            groups.append(("group", tuple(clean)))
    for form, members in groups:
        clear = tuple(i for i in members if (i,) in own or not is_ambiguous(view, i, indices))
        reasons.update((i, "ambiguous") for i in members if i not in clear)
        if len(clear) < (2 if form == "group" else 1):
            continue
        try:
            said = pointed(view, clear, rng, options)
        except CannotSay as error:
            reasons.update((i, error.reason) for i in clear)
            continue
        prompt = _prompt(view, said, rng, options)
        asked.append(_instruction(view, prompt, clear, _answer(view, clear, own.get(clear, ""))))
    covered = {i for instruction in asked for i in instruction.targets}
    refused: dict[str, list[int]] = {}
    for i in askable(view, indices):
        if i not in covered:
            refused.setdefault(reasons[i] or "not_drawn", []).append(i)
    return asked, [Refusal(label, reason, tuple(refused[reason])) for reason in sorted(refused)]


def _prompt(view: Sample, said: Said, rng: Random, options: AskOptions) -> tuple[Part, ...]:
    slot = _SLOTS[len(view.images) - 1]
    return fill(pick(rng, options, TEMPLATES, frozenset({slot})), {slot: said})


def _instruction(view: Sample, prompt: tuple[Part, ...], indices: tuple[int, ...], text: str) -> Instruction:
    form = "one" if len(indices) == 1 else "group"
    targets = tuple(view.targets[i] for i in indices)
    labels = tuple(sorted({target.label for target in targets}))
    return Instruction(
        id=identity(view, "region", form, *labels),
        task="region",
        form=form,
        images=view.images,
        prompt=prompt,
        answer=(text,),
        gold=(Said(tuple(target.shape for target in targets), tuple(one.label for one in targets), targets[0].image),),
        labels=labels,
        targets=indices,
        direction="reverse",
    )


def _answer(view: Sample, indices: tuple[int, ...], words: str) -> str:
    """The words as a sentence; without any, the class of the targets and, where they are things, their number."""
    if words:
        return sentence(words)
    label, is_pair = view.targets[indices[0]].label, len(view.images) == 2
    if len(indices) == 1:
        return f"A new or altered {singular(label)}." if is_pair else sentence(with_article(label))
    return f"New or altered {plural(label)}." if is_pair else sentence(counted(view, label, len(indices)))


def _negative(view: Sample, quiet: PointSet, known: tuple[str, ...], rng: Random, options: AskOptions) -> Instruction:
    return Instruction(
        id=identity(view, "region", "none"),
        task="region",
        form="none",
        images=view.images,
        prompt=_prompt(view, Said((quiet,), ("unchanged",), 1), rng, options),
        answer=(f"No {plural(known[0])} changed here." if len(known) == 1 else NOTHING_CHANGED,),
        labels=known,
        negative=True,
        direction="reverse",
    )


def score(text: str, record: Record) -> Score:
    gold = record.gold_text
    f1 = token_f1(text, gold)
    verdict = "coordinates" if COORDINATES.search(text) else "ok" if tokens(text) else "empty"
    if verdict != "ok":
        return Score(verdict, 0.0, {"named": 0.0, "count_right": 0.0, "head_noun": 0.0, "token_f1": 0.0})
    if record.provenance.negative:
        denied = float(not _DENIALS.isdisjoint(tokens(text)) and BUT.isdisjoint(tokens(text)))
        return Score(
            "ok", max(denied, f1), {"named": denied, "count_right": denied, "head_noun": denied, "token_f1": f1}
        )
    label = noun(record)
    named = names(text, label)
    counted = number(text, label) == number(gold, label)
    parts = {
        "named": float(named),
        "count_right": float(counted),
        "head_noun": float(phrases_match(text, gold)),
        "token_f1": f1,
    }
    is_right = named and counted if is_bare(gold, label) else same_words(text, gold)
    return Score("ok", 1.0 if is_right else f1, parts)


TASK = Task(
    title="Region description",
    templates=TEMPLATES,
    build=build,
    score=score,
    metrics=(
        "Value: where the gold is a class and a number, 1 for an answer that names the whole class (singular or plural, its "
        "words side by side) with that number (the first in digits or words; without one, a singular counts as one and a "
        "plural as an open number), whatever else it says; where the gold describes, 1 for the same words (case, articles "
        "and plurals apart); else the F1 of the normalised words. For a place without change, 1 where the answer denies "
        "(no, none, nothing, unchanged) without a but, else the F1. A blank answer (empty) and one that holds coordinates "
        "get 0 by that verdict. "
        "Parts: class named, number right, head noun or half the words in common with the gold, word F1."
    ),
)
