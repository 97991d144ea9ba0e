"""The outcome of an ask in words: one or two sentences that a person reads first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from georsmllm.classes import is_countable, plural, with_article
from georsmllm.found import REASONS, Finding, Outcome, outline

if TYPE_CHECKING:
    from georsmllm.types import ImageRef


def tell(outcome: Outcome, images: Sequence[ImageRef]) -> str:
    """Numbers and classes of what was found, or the value, and for an empty answer why it is empty."""
    value = outcome.value
    if outcome.answer_type == "text":
        return str(value)
    if outcome.answer_type == "boolean" and value is not None:
        return _with_reason("Yes." if value else "No.", outcome)
    if outcome.answer_type in ("number", "numbers", "choice") and value is not None:
        return _with_reason(f"{_said(outcome)}.", outcome)
    if not outcome.findings:
        return _with_reason("None.", outcome)
    words = f"{_counted(outcome.findings)}."
    if outcome.answer_type in ("masks", "change_mask"):
        words += f" {_areas(outcome.findings, images)}"
    return words


def _said(outcome: Outcome) -> str:
    value = outcome.value
    if isinstance(value, tuple):
        return " and ".join(_number(one) for one in value)
    if isinstance(value, str):
        return value
    assert value is not None
    if _is_share(outcome):
        return f"{_number(value)} ({value:.2%})"
    counted = _what_was_counted(outcome) if isinstance(value, int) else ""
    return f"{_number(value)}{counted}"


def _is_share(outcome: Outcome) -> bool:
    """Whether the value is a part of a whole: a number with a fraction that a comparison came to."""
    last = next((step for step in reversed(outcome.steps) if step.value == outcome.value), None)
    is_part = isinstance(outcome.value, float) and 0 <= outcome.value <= 1
    return outcome.answer_type == "number" and is_part and last is not None and last.type == "compare"


def _what_was_counted(outcome: Outcome) -> str:
    """The class in the number of the value, after a space, where one class was counted last; else nothing."""
    last = next((step for step in reversed(outcome.steps) if step.value == outcome.value), None)
    if last is None or last.type != "count" or not last.inputs:
        return ""
    labels = {one.label for _, layer in outcome.layers for one in layer if one.id in last.inputs}
    if len(labels) != 1:
        return ""
    (label,) = labels
    return f" {label if outcome.value == 1 else plural(label)}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _counted(findings: Sequence[Finding]) -> str:
    """Such as "3 ships and 1 harbor"; areas are areas: "2 areas of forest"."""
    said = []
    for label, number in sorted(Counter(one.label for one in findings).items()):
        if not is_countable(label):
            said.append(f"{number} area{'s' * (number > 1)} of {label}")
        else:
            said.append(f"{number} {with_article(label).split(' ', 1)[1] if number == 1 else plural(label)}")
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _areas(findings: Sequence[Finding], images: Sequence[ImageRef]) -> str:
    """The area of all together, on the ground where the image knows it, and its share of the image; overlaps count once."""
    import shapely

    from georsmllm.areas import square_metres
    from georsmllm.geometry import from_shapely, to_valid

    image = images[findings[0].image]
    union = shapely.union_all([to_valid(outline(one)) for one in findings])
    share = union.area / (image.width * image.height)
    shape = from_shapely(union)
    metres = None if shape is None else square_metres(shape, image)
    if metres is None:
        return f"That is {share:.2%} of the image."
    on_ground = f"{metres / 1e6:,.2f} km²" if metres >= 1e6 else f"{metres:,.0f} m²"
    return f"That is {on_ground}, {share:.2%} of the image."


def _with_reason(words: str, outcome: Outcome) -> str:
    """The words, and why nothing is left where that is not simply what the model says."""
    if outcome.reason in ("", "NOTHING_FOUND", "EMPTY_INPUT"):
        return words
    if outcome.reason == "ANCHOR_NOT_FOUND":
        missing = next((one.text for one in outcome.steps if one.role == "anchor" and not one.outputs), None)
        if missing is not None:
            return f'{words} "{missing}" found nothing, and what is asked is related to it.'
    step = next((one for one in outcome.steps if one.reason == outcome.reason), None)
    why = (step.note if step is not None else "") or REASONS[outcome.reason]
    return f"{words} {why[0].upper()}{why[1:].rstrip('.')}."
