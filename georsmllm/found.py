"""What an ask finds and how it got there: findings, the trace of each step, the outcome; and what executors ask of a model.

Frame: names that end in `_scene` are pixels of the whole image that was asked about (x right, y down, (0, 0) the outer
corner of its first pixel), whatever tiles the model was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from georsmllm.types import ImageRef, Mask, PointSet

ChangeKind = Literal["appeared", "disappeared", "altered", "any"]
AnswerType = Literal["boxes", "masks", "change_mask", "number", "numbers", "boolean", "choice", "text"]
"""text: the model answered in words, no plan was made."""
How = Literal["model", "geometry"]
Value = int | float | bool | str | tuple[float, ...] | None

REASONS = MappingProxyType(
    {
        "": "the step did what its text says",
        "NOTHING_FOUND": "the model was asked and says that nothing of the kind is there",
        "EMPTY_INPUT": "there was nothing left to narrow down",
        "ANCHOR_NOT_FOUND": "the object that others are related to was not found, so the relation says nothing",
        "NOT_GEOREFERENCED": "metres or compass directions are asked of an image without them",
        "UNOBSERVABLE": "no image shows what is asked, such as speed or ownership",
        "NOT_GEOMETRIC": "the condition is not one of geometry, and no model was to be asked",
        "UNREADABLE": "the model's answer could not be read, so it counts as nothing",
        "NOT_A_PAIR": "a change is asked of one image",
    }
)
"""Why a step came out as it did; a closed set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One object of an answer. id: unique within an ask, from 1. label: what was asked for, as a canonical class where it is
    one. shape_scene: as the model said it. mask_scene: of the whole scene, where a mask decoder made one; mask_score: its
    own guess of the IoU, None where it makes none. image: 0 = A (or the only one), 1 = B. step: which found it."""

    id: int
    label: str
    shape_scene: PointSet
    image: int = 0
    mask_scene: Mask | None = None
    mask_score: float | None = None
    step: str = ""


@lru_cache(maxsize=1024)  # relations, words and every file ask for the same
def outline(finding: Finding) -> PointSet:
    """The finding's extent in scene pixels: its mask's exact polygon, else its shape as the model said it."""
    if finding.mask_scene is None or len(finding.mask_scene.counts) < 2:
        return finding.shape_scene
    from georsmllm.masks import to_shape

    return to_shape(finding.mask_scene)


@dataclass(frozen=True, slots=True)
class StepTrace:
    """One step as it went. text: its sub-question. how: who decided. inputs, anchors, outputs: ids of findings. value: of a
    step that ends in a number, a yes or no, or a class. reason: a key of REASONS. note: one line for a person."""

    id: str
    type: str
    role: Literal["target", "anchor"]
    text: str
    how: How
    inputs: tuple[int, ...] = ()
    anchors: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    value: Value = None
    reason: str = ""
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan came to. findings: of the answer. value: of an answer that is a number, a yes or no, a class or words.
    reason: of the step that decided it. layers: the findings of every step that has some, by step id."""

    answer_type: AnswerType
    findings: tuple[Finding, ...] = ()
    value: Value = None
    reason: str = ""
    steps: tuple[StepTrace, ...] = ()
    layers: tuple[tuple[str, tuple[Finding, ...]], ...] = ()


class Seen(NamedTuple):
    """What a model says is there. unreadable: views whose answer could not be read, of `views` that were asked."""

    findings: tuple[Finding, ...]
    note: str = ""
    unreadable: int = 0
    views: int = 1


class Chosen(NamedTuple):
    """Which of the candidates a model keeps, by id. unreadable: answers that could not be read, of `views` asked."""

    ids: tuple[int, ...]
    note: str = ""
    unreadable: int = 0
    views: int = 1


class Eyes(Protocol):
    """What executors ask of a model that sees; `georsmllm.looking.Looking` is the real one.

    images: the scenes, one, or two of a pair (A, B), whole, with affine and CRS where they have them. All findings in and
    out are in scene pixels of the image that they name.
    """

    @property
    def images(self) -> tuple[ImageRef, ...]: ...

    def find(self, phrase: str, *, image: int, as_area: bool, step: str) -> Seen:
        """Every object that a noun phrase means ("planes", "the fenced parking lot"); as_area: outlines are wanted."""
        ...

    def change(self, phrase: str, kind: ChangeKind, *, before: int, after: int, step: str) -> Seen:
        """What changed from one image to the other; the findings lie in image `after` ("disappeared": in `before`)."""
        ...

    def select(self, condition: str, candidates: Sequence[Finding], anchors: Sequence[Finding], *, step: str) -> Chosen:
        """The candidates that a condition in words holds of; anchors: what the condition refers to."""
        ...

    def outlined(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """The same findings in the same order, each with a mask."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """Who wants to know how an ask goes; a call may raise to end it. plan: the plan as JSON-able data, once it is made.
    step: after each. progress: (what, done, total). notice: a line that a person should read. tick: between the model's
    tokens."""

    plan: Callable[[object], None] = lambda _: None
    step: Callable[[StepTrace], None] = lambda _: None
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    notice: Callable[[str], None] = lambda _: None
    tick: Callable[[], None] = lambda: None
