"""Steps that end in a number, a yes or no, or a class: counts, sums, ratios, existence, the class that has the most."""

from __future__ import annotations

from georsmllm.found import Finding, Value

from . import comparing
from .amounts import Amount, amount
from .frame import Frame, Unsaid
from .held import Held, Work, unique, unknown
from .plan import Compare

_MEASURES = ("area", "length", "width", "distance_to")
_SIGNS = {"greater_than": "greater than", "less_than": "less than", "at_least": "at least"}


def counted(work: Work) -> Held:
    """How many the input holds, of several inputs all together."""
    lost = _lost(work)
    if lost is not None:
        return lost
    number = len(work.input_findings)
    return _number(work, number, work.input_findings, f"there are {number}")


def is_total(work: Work) -> bool:
    """Whether a compare step asks for a number or a yes or no about whole sets, not for some of their objects."""
    compare = work.step.compare
    if compare is None:
        return False
    if compare.mode in ("exists", "ratio", "difference_greater_than") or compare.criterion == "value":
        return True
    if compare.mode == "argmax_label" or any(held.is_number for held in work.inputs):
        return True
    return compare.criterion == "count" and not work.anchors


def total(work: Work) -> Held:
    """The number, yes or no, or class that the comparison comes to."""
    compare = work.step.compare
    assert compare is not None
    lost = _lost(work)
    if lost is not None:
        return lost
    try:
        if compare.mode == "argmax_label":
            return _class_of_most(work)
        if compare.mode == "exists":
            return _exists(work, compare)
        if compare.mode == "ratio":
            return _ratio(work)
        return _comparison(work, compare)
    except Unsaid as unsaid:
        return unknown(unsaid.reason, unsaid.why)


def _lost(work: Work) -> Held | None:
    """What to say where one of the inputs is not known."""
    lost = next((held for held in (*work.inputs, *work.anchors) if held.is_unknown), None)
    if lost is None:
        return None
    note = "nothing is known of what should be counted or compared"
    return Held(reason=lost.reason, note=note, cause=lost.cause, is_number=True, is_unknown=True)


def _number(work: Work, value: Value, shown: tuple[Finding, ...], note: str) -> Held:
    is_nothing = not value or value == (0,)
    cause = next((held.cause for held in (*work.inputs, *work.anchors) if held.cause), "") if is_nothing else ""
    return Held(shown, value=value, note=note, is_number=True, cause=cause)


def _exists(work: Work, compare: Compare) -> Held:
    least = amount(compare.value) if compare.value is not None else None
    found = sum(_size(held) for held in work.inputs)
    number = least.number if least is not None else compare.k or 1
    note = f"there are {found:g}" + (f", at least {number:g} are asked for" if number != 1 else "")
    return _number(work, found >= number, work.findings, note)


def _size(held: Held) -> float:
    return float(held.value) if held.is_number and isinstance(held.value, int | float) else float(len(held.findings))


def _ratio(work: Work) -> Held:
    """The first input over the second, or over the anchor; of one input alone, the share of the image that it covers."""
    frame = work.bench.frame
    amounts_of = _amounts(work, frame) + [_amount(work, held, frame) for held in work.anchors]
    if len(amounts_of) < 2:
        width, height = frame.size_wh
        amounts_of = [_covered(work.findings, frame), float(width * height)]
    first, second = amounts_of[:2]
    if second == 0:
        return Held(
            reason="EMPTY_INPUT",
            note=f"{first:g} of 0 is no share",
            cause="EMPTY_INPUT",
            is_number=True,
            is_unknown=True,
        )
    return _number(work, first / second, work.findings, f"{first:g} / {second:g} = {first / second:.4g}")


def _comparison(work: Work, compare: Compare) -> Held:
    """Whether the first number is greater (...) than the second, or than an amount that the plan says; or the most of all."""
    said = amount(compare.value) if compare.value is not None else None
    frame = work.bench.frame
    if said is not None and compare.criterion in _MEASURES:
        frame = frame.suited(said)
    own = _amounts(work, frame)
    if compare.mode in ("min", "max"):
        value = min(own) if compare.mode == "min" else max(own)
        return _number(work, int(value) if value.is_integer() else value, work.findings, f"of {_listed(own)}")
    limit = None if said is None else _limit(said, compare, frame)
    if compare.mode == "difference_greater_than":
        first, second = own[0], own[1] if len(own) > 1 else sum(_size(held) for held in work.anchors)
        least = 0.0 if limit is None else limit
        note = f"{first:g} - {second:g} = {first - second:g}, to be more than {least:g}"
        return _number(work, first - second > least, work.findings, note)
    others = own[1:] or [_size(held) for held in work.anchors]
    if limit is None and not others:
        raise Unsaid("NOT_GEOMETRIC", "the plan says nothing to compare the number with")
    second = limit if limit is not None else others[0]
    first = own[0]
    holds = {"greater_than": first > second, "less_than": first < second, "at_least": first >= second}.get(compare.mode)
    if holds is None:
        raise Unsaid("NOT_GEOMETRIC", f"{compare.mode} is no comparison of numbers")
    return _number(work, holds, work.findings, f"{first:g} to be {_SIGNS[compare.mode]} {second:g}")


def _listed(numbers: list[float]) -> str:
    return " and ".join(f"{one:g}" for one in numbers)


def _limit(said: Amount, compare: Compare, frame: Frame) -> float:
    if compare.criterion in _MEASURES:
        return frame.lengths(said, dimensions=2 if compare.criterion == "area" else 1)
    return said.number / 100 if said.unit == "%" else said.number


def _amounts(work: Work, frame: Frame) -> list[float]:
    """One number for each input: its own, or of a set how many it holds, what it covers, or how long it is together."""
    return [_amount(work, held, frame) for held in work.inputs]


def _amount(work: Work, held: Held, frame: Frame) -> float:
    compare = work.step.compare
    assert compare is not None
    if held.is_number or compare.criterion in ("count", "value"):
        return _size(held)
    if compare.criterion == "area":
        return _covered(held.findings, frame)
    sets = comparing.Sets(held.findings, tuple(one.findings for one in work.anchors))
    measured = comparing.values(work.step, held.findings, sets, frame).of_inputs
    if not len(measured):
        return 0.0
    if compare.criterion == "length":
        return float(measured.sum())
    return float(measured.min() if compare.criterion == "distance_to" else measured.max())


def _covered(findings: tuple[Finding, ...], frame: Frame) -> float:
    """In px², or m² of a frame of metres; what several share counts once."""
    import shapely

    return float(shapely.area(shapely.union_all(frame.measured(findings).surfaces))) if findings else 0.0


# --- which class -----------------------------------------------------------------------------------------------------


def _class_of_most(work: Work) -> Held:
    """The class of the input that has the most, or the least distance; of one input the class of the object that has."""
    least = comparing.wants_least(work.step)
    named = _by_object(work) if len(work.inputs) == 1 and not work.inputs[0].is_number else _by_input(work)
    if not named:
        return Held(reason="EMPTY_INPUT", note="there is nothing to compare", cause="EMPTY_INPUT", is_number=True)
    best = min(value for value, _, _ in named) if least else max(value for value, _, _ in named)
    winners = [(label, shown) for value, label, shown in named if value == best]
    labels = tuple(dict.fromkeys(label for label, _ in winners))
    said = ", ".join(f"{label} {value:.4g}" for value, label, _ in named[:8])
    tie = "a tie: " if len(labels) > 1 else ""
    shown = unique(one for _, group in winners for one in group)
    return Held(shown, value=" and ".join(labels), note=f"{tie}{said}", is_number=True)


Named = list[tuple[float, str, tuple[Finding, ...]]]


def _by_object(work: Work) -> Named:
    findings = work.findings
    sets = comparing.Sets(findings, tuple(held.findings for held in work.anchors))
    compare = work.step.compare
    assert compare is not None
    if compare.criterion in ("count", "value") and not work.anchors:
        labels = dict.fromkeys(one.label for one in findings)
        groups = [(label, tuple(one for one in findings if one.label == label)) for label in labels]
        return [(float(len(group)), label, group) for label, group in groups]
    measured = comparing.values(work.step, findings, sets, work.bench.frame).of_inputs
    known = [(value, one) for value, one in zip(measured.tolist(), findings, strict=True) if value == value]
    return [(value, one.label, (one,)) for value, one in known]


def _by_input(work: Work) -> Named:
    """Sets without anything in them cannot be nearest or longest, but they can be the most by number: with 0."""
    compare = work.step.compare
    assert compare is not None
    needs_one = compare.criterion not in ("count", "value", "area")
    return [
        (_amount(work, held, work.bench.frame), name, held.findings)
        for held, name in zip(work.inputs, work.names, strict=True)
        if held.findings or not needs_one
    ]
