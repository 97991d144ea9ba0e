"""How a step is put to the model: which task, in which of that task's own wordings, and the form of its answer.

The words are those that the model was trained on: the first wording of a task that has the wanted slots.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from string import Formatter
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.classes import canonical, of_plural, plural, synonyms
from georsmllm.constrain.form import Points, Question
from georsmllm.types import Kind

if TYPE_CHECKING:
    from georsmllm.constrain.form import Form
    from georsmllm.contracts import Task

TaskOf = Callable[[str], "Task"]
"""A task by its name; `georsmllm.discover.task` is the real one."""
UPRIGHT = " Use upright boxes."
"""Ends a question where upright boxes are wanted: the words must tell which form the answer has."""
IMAGE = "<image>\n"
_DETERMINER = re.compile(r"(?:all(?: of)?(?: the)?|every|each|any|the|a|an|some)\s+", re.IGNORECASE)
_DEFINITE = re.compile(r"(?:the|this|that|these|those)\s", re.IGNORECASE)
_ANYTHING = {"object", "thing", "anything", "everything", "change", "region"}


class Worded(NamedTuple):
    """A question in words. kinds: the shapes that its answer may hold, () for words. label: of what is found by it."""

    task: str
    words: str
    kinds: tuple[Kind, ...]
    label: str
    form: Form | None

    def prompt(self, num_images: int) -> str:
        """As a record's first message has it: an image token for each image, the tag, the words."""
        return f"{IMAGE * num_images}[{self.task}] {self.words}"


def found(phrase: str, *, as_area: bool, upright: bool, task_of: TaskOf) -> Worded:
    """The question for all that a noun phrase means. A class is asked by its plural ("Where are the ships?"), any other
    phrase as a referring expression ("Where is the fenced parking lot?"). as_area: boxes with keypoints, else boxes."""
    noun = _DETERMINER.sub("", phrase.strip(), count=1)
    label = label_of(noun)
    is_class = _is_known(label) or (not _DEFINITE.match(phrase.strip()) and bool(of_plural(noun.lower())))
    if as_area:
        kinds: tuple[Kind, ...] = ("box",)
        words = (
            _filled(task_of("seg"), "plural", plural(label))
            if is_class
            else _filled(task_of("seg"), "expression", phrase)
        )
        return _worded("seg", words, kinds, label, task_of)
    kinds = ("box",) if upright else ("rbox",)
    if is_class:
        task, words = "det", _filled(task_of("det"), "plural", plural(label))
    else:
        task, words = "refer", _filled(task_of("refer"), "expressions" if of_plural(noun) else "expression", phrase)
    return _worded(task, words + (UPRIGHT if upright else ""), kinds, label, task_of)


def changed(phrase: str, *, task_of: TaskOf) -> Worded:
    """The question for what changed of a class between two images, or of anything."""
    label = label_of(_DETERMINER.sub("", phrase.strip(), count=1))
    if label in _ANYTHING:
        label = "object"
    return _worded("change", _filled(task_of("change"), "plural", plural(label)), ("polygon",), label, task_of)


def label_of(noun: str) -> str:
    """The canonical class of a noun in whatever number; the noun itself where no class has its name."""
    words = " ".join(noun.lower().split())
    return canonical(of_plural(canonical(words)) or of_plural(words) or words)


def _is_known(label: str) -> bool:
    return " " not in label or label.replace(" ", "") in synonyms()


def _filled(task: Task, slot: str, value: str) -> str:
    return next(t for t in task.templates if _slots(t) == {slot}).format_map({slot: value})


def _slots(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _worded(task: str, words: str, kinds: tuple[Kind, ...], label: str, task_of: TaskOf) -> Worded:
    return Worded(task, words, kinds, label, task_of(task).form(Question(words)))


_TAGGED = re.compile(r"\s*\[([a-z_]{1,20})\]\s*(.*)", re.DOTALL)
_DESCRIBES = re.compile(
    r"\s*(?:please\s+)?(?:describe|caption|summari[sz]e|what (?:does|do|can|is) .*\b(?:show|seen?|depict)\b)",
    re.IGNORECASE,
)
_PAIR = "the two images"


def tagged(query: str) -> tuple[str, str] | None:
    """(task, words) of a query that begins with a tag, such as "[caption] Describe the image."; None without one."""
    found = _TAGGED.fullmatch(query)
    return (found[1], found[2]) if found else None


def as_it_is(task: str, words: str, *, task_of: TaskOf) -> Worded:
    """Somebody's own words to a task; the shapes of its answer are those of the task's form."""
    form = task_of(task).form(Question(words))
    return Worded(task, words, form.kinds if isinstance(form, Points) else (), "object", form)


def plain(query: str, *, num_images: int, task_of: TaskOf) -> Worded:
    """A question without any condition in the words of a task: a description, or a short answer."""
    if _DESCRIBES.match(query):
        task = task_of("caption")
        words = _filled(task, "pair", _PAIR) if num_images == 2 else _filled(task, "length", "in a few sentences")
        return Worded("caption", words, (), "", None)
    return as_it_is("vqa", _filled(task_of("vqa"), "question", query), task_of=task_of)


def marked(region: str, *, num_images: int, task_of: TaskOf) -> Worded:
    """The question what lies at a place; region: its point text in the view."""
    words = _filled(task_of("region"), "pair_region" if num_images == 2 else "region", region)
    return Worded("region", words, (), "", None)
