"""A plan for people: its steps as lines with what feeds them, and as a Graphviz drawing."""

from __future__ import annotations

import json

from .plan import Compare, Plan, Relation, Step

_COMPARED = {
    "top_k": "the {k} greatest by {criterion}", "rank_k": "number {k} by {criterion}", "max": "the greatest {criterion}",
    "min": "the least {criterion}", "at_least": "{criterion} at least {value}",
    "greater_than": "{criterion} greater than {value}", "less_than": "{criterion} less than {value}",
    "difference_greater_than": "difference of {criterion}s greater than {value}", "ratio": "ratio of {criterion}s",
    "exists": "is there any", "argmax_label": "which has the greatest {criterion}",
}  # fmt: skip


def lines(plan: Plan) -> list[str]:
    """Two lines a step: its id, type and condition, what feeds it ("<- s1, anchor s2") and "(anchor)" where it is only a
    reference; below, its sub-question. Then which step is the answer."""
    conditions = [condition(step) for step in plan.steps]
    width = max(map(len, conditions))
    shown = []
    for step, said in zip(plan.steps, conditions, strict=True):
        notes = " ".join(filter(None, ("(anchor)" if step.role == "anchor" else "", fed_by(step))))
        shown.append(f"{step.id:<4}{step.type:<18}{said:<{width}}  {notes}".rstrip())
        shown.append(f"      {in_words(step.text)}")
    return [*shown, f"=>  {plan.answer_from} is the answer ({plan.answer_type.replace('_', ' ')})"]


def fed_by(step: Step) -> str:
    """The results that a step works on, as in "<- s1, s2, anchor s3"; "" where it looks at the image itself."""
    sources = ", ".join((*step.inputs, *(f"anchor {name}" for name in step.anchors)))
    return f"<- {sources}" if sources else ""


def in_words(text: str) -> str:
    """A step's text with its placeholders as plain ids, on one line of printable characters."""
    plain = text.replace("{", "").replace("}", "")
    return "".join(sign if sign.isprintable() else " " for sign in plain)


def condition(step: Step) -> str:
    """The one condition of a step in a few words: "color = white", "not inside", "the greatest area"."""
    where = "" if step.image == "single" else " (images A and B)" if step.image == "pair" else f" in image {step.image}"
    return in_words(_condition(step) + where)


def _condition(step: Step) -> str:
    if step.change is not None:
        return f"{step.target}: {step.change.kind}"
    if step.attribute is not None:
        return f"{step.attribute.name.replace('_', ' ')} {'is not' if step.attribute.negated else '='} {step.attribute.value}"
    if step.relation is not None:
        return _relation(step.relation)
    if step.compare is not None:
        return _compare(step.compare, bool(step.anchors))
    if step.combine is not None:
        return step.combine.op
    return step.target or {"count": "how many", "segment": "outlines"}.get(step.type, "")


def _relation(relation: Relation) -> str:
    words = ["within" if relation.name == "within_distance" else relation.name.replace("_", " ")]
    if relation.side is not None:
        words = ["on both sides of" if relation.side == "both" else f"on the {relation.side} side of"]
    if relation.unit == "count_min":
        words.append(f"at least {_number(relation.value)}")
    elif relation.value is not None:
        words.append(f"{_number(relation.value)} {relation.unit or ''}".rstrip())
    return " ".join(("not", *words) if relation.negated else words)


def _compare(compare: Compare, against_anchors: bool) -> str:
    value = _number(compare.value) if compare.value is not None else "the anchor's" if against_anchors else "the other"
    said = _COMPARED[compare.mode].format(k=compare.k, value=value, criterion=compare.criterion.replace("_", " "))
    return said.replace("distance to", "distance")


def _number(value: float | str | None) -> str:
    return value.replace("_", " ") if isinstance(value, str) else f"{value:g}"


def dot(plan: Plan) -> str:
    """The plan in Graphviz's language: boxes for steps, dashed where they are anchors; the answer has two borders."""
    rows = ["digraph plan {", '  rankdir=LR; node [shape=box, fontname="sans-serif"];']
    for step in plan.steps:
        style = ', style="dashed"' if step.role == "anchor" else ""
        answer = ", peripheries=2" if step.id == plan.answer_from else ""
        label = json.dumps(f"{step.id} {step.type}\n{condition(step)}", ensure_ascii=False)
        rows.append(f"  {step.id} [label={label}{style}{answer}];")
    for step in plan.steps:
        rows += [f"  {source} -> {step.id};" for source in step.inputs]
        rows += [f"  {source} -> {step.id} [style=dashed];" for source in step.anchors]
    return "\n".join([*rows, "}"])
