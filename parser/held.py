"""What steps hold once they are done, and the bench that every step is worked on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from georsmllm.found import Eyes, Finding, How, Value

from .frame import Frame
from .plan import Step

Executor = Literal["auto", "geometric", "neural"]


@dataclass(frozen=True, slots=True)
class Held:
    """The result of one step. findings: its set; of a number, what was counted. reason, note, how: of its trace. cause: why
    there is nothing, carried on from the step that decided it. is_number: a number, a yes or no, or a class, no set.
    is_unknown: nothing can be said, which is not the same as none. is_area: pixels count, not objects. is_skipped: nobody
    asked, so that nothing follows from it."""

    findings: tuple[Finding, ...] = ()
    value: Value = None
    reason: str = ""
    note: str = ""
    how: How = "geometry"
    cause: str = ""
    is_number: bool = False
    is_unknown: bool = False
    is_area: bool = False
    is_skipped: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.is_number and not self.findings


@dataclass(frozen=True, slots=True)
class Bench:
    """areas: ids of the detect steps whose outlines matter, because things lie on, along or inside what they find."""

    eyes: Eyes
    executor: Executor
    frame: Frame
    areas: frozenset[str] = field(default_factory=frozenset)


class Work(NamedTuple):
    """A step that is to be done, with what its inputs and anchors hold. names: what the inputs are called, for a person."""

    step: Step
    inputs: tuple[Held, ...]
    anchors: tuple[Held, ...]
    bench: Bench
    names: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of the first input, which is the set that is narrowed down."""
        return self.inputs[0].findings if self.inputs else ()

    @property
    def anchor_findings(self) -> tuple[Finding, ...]:
        """Of all anchors, each object once."""
        return unique(one for held in self.anchors for one in held.findings)

    @property
    def input_findings(self) -> tuple[Finding, ...]:
        """Of all inputs, each object once."""
        return unique(one for held in self.inputs for one in held.findings)


def unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each object once, in order."""
    return tuple({one.id: one for one in findings}.values())


def unknown(reason: str, note: str) -> Held:
    """Nothing can be said, for a reason of found.REASONS."""
    return Held(reason=reason, note=note, cause=reason, is_unknown=True)


def nothing(reason: str, note: str, *, because: Held | None = None) -> Held:
    """An empty set; because: what it follows from, whose cause it carries on."""
    if because is None:
        return Held(reason=reason, note=note, cause=reason)
    return Held(reason=reason, note=note, cause=because.cause or reason, is_unknown=because.is_unknown)
