"""The executor: walks a plan step by step, by geometry, by the model, or by whichever fits, and leaves a trace of every step.

Steps run in the plan's order. Before each one it is looked whether the answer can still depend on it: where a set is empty,
what would narrow it, or be related to it, is not asked any more, only noted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from georsmllm.found import Eyes, Outcome, StepTrace, Value, Watch

from . import asking, combining, narrowing, totals
from .frame import Frame, label_of
from .held import Bench, Executor, Held, Work, nothing
from .plan import Plan, Step

_SETS = ("boxes", "masks", "change_mask")
"""Answers that are objects; the masks last."""
_SKIPPED = "not asked, as the answer no longer depends on it"


def execute(plan: Plan, eyes: Eyes, *, executor: Executor = "auto", watch: Watch | None = None) -> Outcome:
    """What a plan comes to, asked of the eyes.

    auto: geometry where outlines tell, the model where it has to be seen. geometric: the model only finds, outlines and
    tells changes. neural: the model chooses in every filter and comparison of sets. Counts and set algebra are always exact.
    """
    walk = _Walk(plan, Bench(eyes, executor, Frame(eyes.images), asking.areas(plan)), watch or Watch())
    for step in plan.steps:
        walk.take(step)
    return walk.outcome()


class _Walk:
    """held: what each step that was taken holds, by its id."""

    def __init__(self, plan: Plan, bench: Bench, watch: Watch) -> None:
        self._plan = plan
        self._bench = bench
        self._watch = watch
        self._steps = {step.id: step for step in plan.steps}
        self._held: dict[str, Held] = {}
        self._traces: list[StepTrace] = []
        self._foreseen: dict[str, Held | None] = {}

    def take(self, step: Step) -> None:
        """Do a step, or note why it is left out."""
        since = time.perf_counter()
        self._foreseen = {}
        settled = self._settled(step.id)
        if step.id not in self._needed():
            held = settled or Held(reason="EMPTY_INPUT", note=_SKIPPED, cause="EMPTY_INPUT", is_skipped=True)
        else:
            held = settled or _WORK[step.type](self._work(step))
        self._held[step.id] = held
        self._traces.append(self._trace(step, held, time.perf_counter() - since))
        self._watch.step(self._traces[-1])

    def outcome(self) -> Outcome:
        """The answer, with masks where masks are asked for."""
        plan, held = self._plan, self._held[self._plan.answer_from]
        findings = held.findings
        if plan.answer_type in _SETS[1:] and any(one.mask_scene is None for one in findings):
            findings = self._bench.eyes.outlined(findings)
        value = _value(plan, held)
        is_nothing = (
            not findings if plan.answer_type in _SETS else not (any(value) if isinstance(value, tuple) else value)
        )
        layers = [(name, one.findings) for name, one in self._held.items() if one.findings and not one.is_number]
        shown = dict(layers)
        if plan.answer_from in shown:
            shown[plan.answer_from] = findings
        return Outcome(
            plan.answer_type,
            findings,
            value,
            held.cause if is_nothing else "",
            tuple(self._traces),
            tuple(shown.items()),
        )

    # --- what a step needs, and whether it matters -------------------------------------------------------------------

    def _work(self, step: Step) -> Work:
        inputs = tuple(self._held[name] for name in step.inputs)
        anchors = tuple(self._held[name] for name in step.anchors)
        return Work(step, inputs, anchors, self._bench, tuple(self._named(name) for name in step.inputs))

    def _named(self, name: str) -> str:
        """The class of what a step holds, or of what it looked for."""
        held, step = self._held[name], self._steps[name]
        if held.findings:
            return held.findings[0].label
        while step.target is None and step.inputs:
            step = self._steps[step.inputs[0]]
        return label_of(step.target or "object")

    def _settled(self, name: str) -> Held | None:
        """What a step comes to whatever else is found, None where that is still open."""
        if name in self._held:
            return None if self._held[name].is_skipped else self._held[name]
        if name not in self._foreseen:
            step = self._steps[name]
            rule = _SETTLED.get(step.type)
            known = [self._settled(one) for one in step.inputs], [self._settled(one) for one in step.anchors]
            self._foreseen[name] = rule(step, *known) if rule is not None else None
        return self._foreseen[name]

    def _needed(self) -> set[str]:
        """The steps that the answer still depends on."""
        needed: set[str] = set()
        left = [self._plan.answer_from]
        while left:
            name = left.pop()
            if name in needed or name in self._held:
                continue
            needed.add(name)
            if self._settled(name) is None:
                left += [*self._steps[name].inputs, *self._steps[name].anchors]
        return needed

    def _trace(self, step: Step, held: Held, seconds: float) -> StepTrace:
        return StepTrace(
            id=step.id,
            type=step.type,
            role=step.role,
            text=step.text,
            how=held.how,
            inputs=self._ids(step.inputs),
            anchors=self._ids(step.anchors),
            outputs=() if held.is_number else tuple(one.id for one in held.findings),
            value=_value(self._plan, held) if step.id == self._plan.answer_from else held.value,
            reason=held.reason,
            note=held.note,
            seconds=seconds,
        )

    def _ids(self, names: tuple[str, ...]) -> tuple[int, ...]:
        held = [self._held[name] for name in names]
        return tuple(dict.fromkeys(one.id for each in held for one in each.findings))


def _value(plan: Plan, held: Held) -> Value:
    """The value that an answer of that type has; None of a set, and of what is not known."""
    if held.is_number or held.is_unknown:
        return held.value
    number = len(held.findings)
    labels = " and ".join(dict.fromkeys(one.label for one in held.findings))
    asked: Mapping[str, Value] = {
        "number": number,
        "numbers": (float(number),),
        "boolean": number > 0,
        "choice": labels or None,
    }
    return asked.get(plan.answer_type)


def _skip_empty(step: Step, inputs: list[Held | None], anchors: list[Held | None]) -> Held | None:
    """Of what narrows a set: nothing where the set is empty, or where its anchors are missing."""
    if step.type == "compare" and _may_be_total(step):
        return _skip_total(step, inputs)
    first = inputs[0] if inputs else None
    if first is not None and first.is_empty:
        return nothing("EMPTY_INPUT", "there was nothing left to narrow down", because=first)
    known = tuple(held for held in anchors if held is not None)
    if step.relation is not None and not step.relation.negated and anchors and len(known) == len(anchors):
        missing = narrowing.anchor_missing(step, known)
        if missing is not None and not missing.is_unknown:
            return nothing("ANCHOR_NOT_FOUND", "there is no anchor")
    return None


def _may_be_total(step: Step) -> bool:
    compare = step.compare
    assert compare is not None
    modes = ("exists", "ratio", "difference_greater_than", "argmax_label")
    return compare.mode in modes or compare.criterion in ("value", "count") or len(step.inputs) > 1


def _skip_total(step: Step, inputs: list[Held | None]) -> Held | None:
    assert step.compare is not None
    first = inputs[0] if len(inputs) == 1 else None
    if step.compare.mode == "exists" and step.compare.value is None and first is not None and first.is_empty:
        if first.is_unknown:
            return Held(
                reason="EMPTY_INPUT", note="nothing is known", cause=first.cause, is_number=True, is_unknown=True
            )
        return Held(value=False, reason="EMPTY_INPUT", note="there are none", cause=first.cause, is_number=True)
    return None


def _skip_count(_step: Step, inputs: list[Held | None], _anchors: list[Held | None]) -> Held | None:
    """None are none, whatever follows; of what is not known there is no number."""
    known = [held for held in inputs if held is not None and held.is_empty]
    if len(known) < len(inputs):
        return None
    lost = next((held for held in known if held.is_unknown), None)
    if lost is not None:
        return Held(reason="EMPTY_INPUT", note="nothing is known", cause=lost.cause, is_number=True, is_unknown=True)
    cause = next((held.cause for held in known if held.cause), "")
    return Held(value=0, reason="EMPTY_INPUT", note="there are 0", cause=cause, is_number=True)


def _skip_sets(step: Step, inputs: list[Held | None], _anchors: list[Held | None]) -> Held | None:
    """Nothing is shared with nothing, and nothing is left of it."""
    assert step.combine is not None
    op = step.combine.op
    deciding = inputs if op == "intersection" else inputs[:1] if op == "difference" else []
    empty = next((held for held in deciding if held is not None and held.is_empty), None)
    return None if empty is None else nothing("EMPTY_INPUT", "one of the sets is empty", because=empty)


def _compare(work: Work) -> Held:
    return totals.total(work) if totals.is_total(work) else narrowing.narrowed(work)


def _segment(work: Work) -> Held:
    return asking.outlined(work) if work.step.inputs else asking.find(work)


_WORK: Mapping[str, Callable[[Work], Held]] = MappingProxyType(
    {
        "detect": asking.find,
        "segment": _segment,
        "filter_attribute": narrowing.narrowed,
        "filter_relation": narrowing.narrowed,
        "compare": _compare,
        "count": totals.counted,
        "change": asking.changed,
        "combine": combining.combined,
    }
)
_SETTLED: Mapping[str, Callable[[Step, list[Held | None], list[Held | None]], Held | None]] = MappingProxyType(
    {
        "segment": _skip_empty,
        "filter_attribute": _skip_empty,
        "filter_relation": _skip_empty,
        "compare": _skip_empty,
        "count": _skip_count,
        "combine": _skip_sets,
    }
)
"""What each type of step comes to before it is taken: (step, what its inputs and anchors hold so far) -> its result."""
