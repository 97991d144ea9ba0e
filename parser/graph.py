"""Steps while a plan is being made: a list that grows, each step made once, numbered and given its role at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from .plan import Attribute, Change, Combine, Compare, ImageName, Plan, Relation, Step, StepType

_MARK = re.compile(r"\{s([0-9]+)\}")
AnswerType = Literal["boxes", "masks", "change_mask", "number", "numbers", "boolean", "choice"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A step without its id and role; inputs and anchors are places in the list, and the text names them as {sPLACE}."""

    type: StepType
    text: str
    inputs: tuple[int, ...] = ()
    anchors: tuple[int, ...] = ()
    image: ImageName = "single"
    target: str | None = None
    attribute: Attribute | None = None
    relation: Relation | None = None
    compare: Compare | None = None
    change: Change | None = None
    combine: Combine | None = None


@dataclass(slots=True)
class Graph:
    """drafts: in the order in which they were made, which leads from what is needed to what needs it."""

    drafts: list[Draft] = field(default_factory=list)

    def add(self, draft: Draft) -> int:
        """The place of a step, an equal one's where there is one."""
        if draft in self.drafts:
            return self.drafts.index(draft)
        self.drafts.append(draft)
        return len(self.drafts) - 1

    def kind(self, place: int) -> StepType:
        return self.drafts[place].type

    def needs(self, place: int, other: int) -> bool:
        """Whether one step builds on another."""
        return other in self._needed(place)

    def from_type(self, place: int, type_: StepType) -> bool:
        """Whether a set was narrowed down from steps of a type."""
        return any(self.drafts[one].type == type_ for one in self._targets(place))

    def plan(self, answer: int, answer_type: AnswerType) -> Plan:
        """The plan that leads to one step; steps that it does not need are left out."""
        needed = self._needed(answer)
        ids = {place: f"s{number}" for number, place in enumerate(sorted(needed), start=1)}
        targets = self._targets(answer)
        steps = tuple(_step(self.drafts[place], ids, place, is_target=place in targets) for place in sorted(needed))
        return Plan(steps, ids[answer], answer_type)

    def _needed(self, answer: int) -> set[int]:
        found, waiting = {answer}, [answer]
        while waiting:
            one = self.drafts[waiting.pop()]
            fresh = {*one.inputs, *one.anchors} - found
            found |= fresh
            waiting.extend(fresh)
        return found

    def _targets(self, answer: int) -> set[int]:
        """Steps whose result is narrowed down to the answer; what is only related to, or taken away, is an anchor."""
        found, waiting = {answer}, [answer]
        while waiting:
            one = self.drafts[waiting.pop()]
            taken = one.inputs[:1] if one.combine and one.combine.op == "difference" else one.inputs
            fresh = set(taken) - found
            found |= fresh
            waiting.extend(fresh)
        return found


def mark(place: int) -> str:
    """How a text names the step at a place."""
    return f"{{s{place}}}"


def _step(draft: Draft, ids: dict[int, str], place: int, *, is_target: bool) -> Step:
    return Step(
        id=ids[place],
        type=draft.type,
        role="target" if is_target else "anchor",
        text=_MARK.sub(lambda found: f"{{{ids[int(found[1])]}}}", draft.text),
        inputs=tuple(ids[one] for one in draft.inputs),
        anchors=tuple(ids[one] for one in draft.anchors),
        image=draft.image,
        target=draft.target,
        attribute=draft.attribute,
        relation=draft.relation,
        compare=draft.compare,
        change=draft.change,
        combine=draft.combine,
    )
