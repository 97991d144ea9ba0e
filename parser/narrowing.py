"""Filters and comparisons of sets: by geometry where outlines tell, by the model where it has to be seen."""

from __future__ import annotations

from dataclasses import replace

from georsmllm.found import Finding
from georsmllm.selecting import MAX_CANDIDATES

from . import asking, attributes, comparing, forms, geometric, spatial
from .clipping import parts
from .frame import Unsaid
from .geometric import Verdict
from .held import Held, Work, nothing, unknown
from .plan import Relation, Step
from .zones import cuts

_TOO_MANY = f"measured, as one question holds {MAX_CANDIDATES} candidates"
VISUAL_SHAPES = ("circ", "round", "disc", "disk", "square", "rectang", "l-shape", "l shape")
"""Shapes that a box does not tell from one another."""


def narrowed(work: Work) -> Held:
    """The part of the input that the step's condition holds of."""
    step = work.step
    if not work.findings:
        return nothing("EMPTY_INPUT", "there was nothing left to narrow down", because=work.inputs[0])
    if step.attribute is not None:
        try:
            attributes.refuse_unobservable(step.attribute)
        except Unsaid as unsaid:
            return unknown(unsaid.reason, unsaid.why)
    missing = anchor_missing(step, work.anchors)
    if missing is not None:
        return _without_anchor(work, missing)
    is_neural = work.bench.executor == "neural"
    if is_neural and not (_is_about_all(step) and len(work.findings) > MAX_CANDIDATES):
        return asking.chosen(work)
    try:
        held = _by_geometry(work)
        return replace(held, note=f"{held.note} ({_TOO_MANY})") if is_neural else held
    except Unsaid as unsaid:
        if unsaid.reason != "NOT_GEOMETRIC":
            return _unsaid(work, unsaid)
        if work.bench.executor == "geometric":
            return unknown(unsaid.reason, unsaid.why)
        held = asking.chosen(work)
        return replace(held, note=f"{held.note} ({unsaid.why})")


def anchor_missing(step: Step, anchors: tuple[Held, ...]) -> Held | None:
    """The anchor set that is empty where the step needs what is in it; None where nothing is amiss."""
    if step.type not in ("filter_relation", "compare") or not anchors or _counts_anchors(step):
        return None
    empty = [held for held in anchors if held.is_empty]
    needs_each = (step.relation is not None and _needs_all(step.relation)) or (
        step.compare is not None and step.compare.criterion == "distance_to" and step.compare.mode in _VERSUS
    )
    return empty[0] if empty and (needs_each or len(empty) == len(anchors)) else None


def _needs_all(relation: Relation) -> bool:
    return relation.name == "between" or relation.side in spatial.VERSUS


_VERSUS = ("less_than", "greater_than", "at_least")


def _is_about_all(step: Step) -> bool:
    """Whether a condition can only be decided with all candidates in view: a rank, or the mean."""
    compare = step.compare
    return compare is not None and (
        compare.mode in ("top_k", "rank_k") or str(compare.value).lower() in (*comparing.MEANS, "median")
    )


def _counts_anchors(step: Step) -> bool:
    """Objects with none of the anchors in them can be compared by their number all the same."""
    return step.compare is not None and step.compare.criterion == "count"


def _without_anchor(work: Work, anchor: Held) -> Held:
    """Nothing stands in a relation to what is not there, so that whoever is said not to keeps its place."""
    if anchor.is_unknown:
        return Held(reason=anchor.reason, note="nothing is known of the anchors", cause=anchor.cause, is_unknown=True)
    return _unrelated(work, "there is no anchor")


def _unrelated(work: Work, why: str) -> Held:
    relation = work.step.relation
    if relation is not None and relation.negated:
        note = f"kept all {len(work.findings)}: {why}"
        return Held(work.findings, reason="ANCHOR_NOT_FOUND", note=note, is_area=work.inputs[0].is_area)
    return nothing("ANCHOR_NOT_FOUND", why)


def _unsaid(work: Work, unsaid: Unsaid) -> Held:
    if unsaid.reason == "ANCHOR_NOT_FOUND":
        return _unrelated(work, unsaid.why)
    return unknown(unsaid.reason, unsaid.why)


def _by_geometry(work: Work) -> Held:
    """Raises Unsaid where outlines do not tell."""
    step, frame = work.step, work.bench.frame
    findings = work.findings
    if step.relation is not None:
        sets = [held.findings for held in work.anchors]
        if cuts(work):
            return parts(work)
        verdict = geometric.related(step.relation, findings, sets, frame)
    elif step.attribute is not None:
        if _is_seen_only(work):
            raise Unsaid("NOT_GEOMETRIC", "boxes do not tell one shape from another")
        if attributes.needs_anchor(step.attribute) and not step.anchors:
            raise Unsaid("NOT_GEOMETRIC", f"the plan does not say by what else the {step.attribute.name} is told")
        verdict = attributes.described(step.attribute, findings, work.anchor_findings, frame)
    else:
        sets_of = comparing.Sets(findings, tuple(held.findings for held in work.anchors))
        verdict = comparing.compared(step, sets_of, frame)
    return _kept(work, verdict)


def _is_seen_only(work: Work) -> bool:
    """Whether the model sees better than mere boxes tell; whoever asks for geometry alone gets what boxes tell."""
    attribute = work.step.attribute
    assert attribute is not None
    is_shape = attribute.name in ("shape", "form") and any(word in attribute.value.lower() for word in VISUAL_SHAPES)
    return work.bench.executor == "auto" and is_shape and not forms.is_drawn(work.findings)


def _kept(work: Work, verdict: Verdict) -> Held:
    findings: tuple[Finding, ...] = tuple(
        one for one, is_kept in zip(work.findings, verdict.keep.tolist(), strict=True) if is_kept
    )
    why = f": {verdict.why}" if verdict.why else ""
    note = f"kept {len(findings)} of {len(work.findings)}{why}"
    return Held(findings, note=note, is_area=work.inputs[0].is_area)
