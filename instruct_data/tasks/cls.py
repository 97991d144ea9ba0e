"""Scene class: what the whole image shows, in one class name, freely or out of named candidates."""

from __future__ import annotations

from random import Random

from georsmllm.classes import canonical
from georsmllm.constrain.form import Form, Question, texts
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer
from georsmllm.types import Instruction, Record, Sample

from ._asking import fill, identity, is_speakable, lines, pick, slots_of

TEMPLATES = lines("""
    What kind of scene is this? Answer with the class name only.
    Which scene class does this image show? Reply with its name only.
    Name the scene class of this image, nothing else.
    What does this remote-sensing image show as a whole? Give one class name.
    Classify this scene. Answer with a single class name.
    In as few words as possible, what type of place is seen from above?
    Give the scene category of this aerial image and nothing more.
    What type of land use or landmark fills this view? Name the class only.
    Identify the scene. One class name is enough.
    Which single class name describes this image best?
    Label this scene with one class name.
    Tell me the scene class of this picture, without a sentence around it.
    Which of these classes fits the image: {candidates}? Answer with the class name only.
    Choose the scene class from this list: {candidates}. Reply with the name only.
    Classify this scene as one of the following: {candidates}. Give only the class name.
    Pick the one class that describes the image: {candidates}. Answer with its name.
    The scene is one of {candidates}. Name the right one, nothing else.
    Select the scene category out of {candidates}. Answer with one name.
    What kind of scene is this? The options are {candidates}. Reply with one option only.
    Out of {candidates}, which class does this aerial image belong to? Give the name only.
    Options: {candidates}. Which one does the image show? Answer with that option alone.
    Assign one of these labels to the image: {candidates}. Answer with the label only.
    Decide which scene class applies: {candidates}. Write its name and nothing else.
    Given the classes {candidates}, which one is shown here? Reply with a single class name.
""")

MAX_NAME_CHARACTERS = 60
_SUBSETS = (4, 8)  # candidates named, besides the whole list
_COMMA = ", "
"""Between candidates; a class whose name has one is none, for nobody could tell where it ends."""

_OPEN, _CANDIDATES = frozenset[str](), frozenset({"candidates"})


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per scene text one "open" question and one with "candidates": all classes of the dataset, or 4 or 8 of them."""
    names = sorted({canonical(text.text) for text in view.texts if text.kind == "scene"})
    if not names:
        return Built()
    reason = _refusal(view, names)
    if reason:
        return Built(refusals=tuple(Refusal(name, reason, ()) for name in names))
    name = names[0]
    asked = [_instruction(view, "open", name, pick(rng, options, TEMPLATES, _OPEN))]
    classes = sorted({name for name in map(canonical, view.classes) if _is_answer(name) and _COMMA not in name})
    if name not in classes or len(classes) < 2:
        reason = "too_few_classes" if name in classes else "not_in_classes"
        return Built(tuple(asked), (Refusal(name, reason, ()),))
    candidates = _candidates(rng, name, classes)
    template = pick(rng, options, TEMPLATES, _CANDIDATES)
    asked.append(_instruction(view, "candidates", name, template, candidates=_COMMA.join(candidates)))
    return Built(tuple(asked))


def _refusal(view: Sample, names: list[str]) -> str:
    """Why the scene class must not be asked, "" when it may: a part of a scene need not show what the whole does."""
    if len(names) > 1:
        return "several_scenes"
    if not _is_answer(names[0]):
        return "unspeakable_label"
    if len(view.images) != 1:
        return "two_images"
    return "cut_view" if view.images[0].window is not None else ""


def _candidates(rng: Random, name: str, classes: list[str]) -> list[str]:
    others = [label for label in classes if label != name]
    num = rng.choice((*(size for size in _SUBSETS if size < len(classes)), len(classes)))
    candidates = [name, *rng.sample(others, num - 1)]
    rng.shuffle(candidates)
    return candidates


def _instruction(view: Sample, form: str, name: str, template: str, *, candidates: str = "") -> Instruction:
    return Instruction(
        id=identity(view, "cls", form, name),
        task="cls",
        form=form,
        images=view.images,
        prompt=fill(template, {"candidates": candidates}),
        answer=(name,),
        labels=(name,),
    )


def read(text: str) -> str:
    """The canonical class name of an answer; raises BadAnswer (empty, not_a_name).

    White space around it and one full stop at its end are let pass; a sentence around the name is not taken apart.
    """
    name = text.strip().removesuffix(".").rstrip()
    if not name:
        raise BadAnswer("empty", text, expected="a class name")
    if len(name) > MAX_NAME_CHARACTERS or len(name.splitlines()) > 1 or not any(c.isalpha() for c in name):
        raise BadAnswer("not_a_name", text, expected="a class name on one line")
    return canonical(name)


def _is_answer(name: str) -> bool:
    """Whether a class name is heard as itself when it is the answer."""
    try:
        return is_speakable(name) and read(name) == name
    except BadAnswer:
        return False


def score(text: str, record: Record) -> Score:
    try:
        name = read(text)
    except BadAnswer as error:
        return Score(error.reason, 0.0)
    return Score("ok", float(name == canonical(record.gold_text)))


def form(question: Question) -> Form | None:
    """One of the candidates that the words name; None where they name none."""
    found = slots_of(question.text, TEMPLATES, _CANDIDATES)
    return texts(found["candidates"].split(_COMMA)) if found else None


TASK = Task(
    title="Scene class",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: 1 when the canonical names are equal (case, spaces, hyphens and listed synonyms do not matter), else 0; "
        "white space around the answer and one final full stop are let pass, a sentence around the name is wrong. An "
        "empty answer, more than one line, more than 60 characters or no letter at all is unreadable: 0."
    ),
)
