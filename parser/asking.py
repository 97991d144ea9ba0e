"""Steps that the model does: what is found, what changed, what gets outlines, and which candidates a condition holds of."""

from __future__ import annotations

import re

from georsmllm.found import Finding, Seen
from georsmllm.selecting import ANCHORS, CANDIDATES, MAX_CANDIDATES

from .frame import bare, is_area, label_of
from .held import Held, Work, unknown
from .plan import Plan, Step

OUTLINED = frozenset(
    "on_side_of along inside on under surrounded_by between parallel_to crosses connected_to overlaps facing".split()  # noqa: SIM905
)
"""Relations that read the outline of their anchors, so that a box about a river would not do."""
_IMAGES = {"single": (0,), "A": (0,), "B": (1,), "pair": (0, 1)}
MOST_ROUNDS = 4


def areas(plan: Plan) -> frozenset[str]:
    """The detect steps whose outlines matter: those that anchors of such relations come from, through all that narrows them."""
    by_id = {step.id: step for step in plan.steps}
    found: set[str] = set()
    left = [
        anchor
        for step in plan.steps
        if step.relation is not None and step.relation.name in OUTLINED
        for anchor in step.anchors
    ]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_id[name].inputs
    return frozenset(found)


def find(work: Work) -> Held:
    """All objects that a detect step names; of a segment step with masks, too."""
    step, bench = work.step, work.bench
    phrase = bare(step.target or "objects")
    images = _IMAGES[step.image]
    if max(images) >= len(bench.eyes.images):
        return unknown("NOT_A_PAIR", "there is no second image")
    as_area = step.type == "segment" or is_area(label_of(phrase)) or (step.id in bench.areas and step.role == "anchor")
    seen = [bench.eyes.find(phrase, image=image, as_area=as_area, step=step.id) for image in images]
    findings = tuple(one for each in seen for one in each.findings)
    if step.type == "segment":
        findings = bench.eyes.outlined(findings)
    return _seen(findings, seen, is_area_set=step.type == "segment" or is_area(label_of(phrase)))


def changed(work: Work) -> Held:
    """What changed between the two images."""
    step, bench = work.step, work.bench
    assert step.change is not None
    if len(bench.eyes.images) < 2:
        return unknown("NOT_A_PAIR", "there is one image")
    (before,), (after,) = _IMAGES[step.change.from_image], _IMAGES[step.change.to_image]
    if before == after:
        return unknown("NOT_A_PAIR", "both dates are the same image")
    phrase = bare(step.target or "objects")
    seen = bench.eyes.change(phrase, step.change.kind, before=before, after=after, step=step.id)
    return _seen(seen.findings, [seen], is_area_set=True)


def outlined(work: Work) -> Held:
    """The findings of the input, each with a mask."""
    findings = work.bench.eyes.outlined(work.findings)
    masks = sum(one.mask_scene is not None for one in findings)
    return Held(findings, note=f"{masks} of {len(findings)} have a mask", how="model", is_area=True)


def _seen(findings: tuple[Finding, ...], seen: list[Seen], *, is_area_set: bool) -> Held:
    unreadable, views = sum(one.unreadable for one in seen), sum(one.views for one in seen)
    note = "; ".join(dict.fromkeys(one.note for one in seen if one.note))
    if findings:
        said = f"found {len(findings)}" + (f"; {note}" if note else "")
        return Held(findings, note=said, how="model", is_area=is_area_set)
    reason = "UNREADABLE" if unreadable else "NOTHING_FOUND"
    words = note or (f"{unreadable} of {views} answers could not be read" if unreadable else "found none")
    return Held(reason=reason, note=words, how="model", cause=reason, is_area=is_area_set)


# --- choosing --------------------------------------------------------------------------------------------------------


def chosen(work: Work) -> Held:
    """Those of the input that the model says the step's condition holds of, in their order."""
    asked = work.findings
    kept, notes, unreadable, views = _choose(work, asked)
    rounds = 1
    while _is_superlative(work.step) and len(asked) > MAX_CANDIDATES and kept and rounds < MOST_ROUNDS:
        # more candidates than one question holds are asked in groups: the first of each group meet again
        if len(kept) == len(asked):
            break
        asked = kept
        kept, more, lost, asked_views = _choose(work, asked)
        notes, unreadable, views, rounds = notes + more, unreadable + lost, views + asked_views, rounds + 1
    note = "; ".join([f"the model keeps {len(kept)} of {len(work.findings)}", *dict.fromkeys(notes)])
    if not kept and unreadable:
        said = f"{unreadable} of {views} answers could not be read"
        return Held(reason="UNREADABLE", note=said, how="model", cause="UNREADABLE", is_area=work.inputs[0].is_area)
    return Held(kept, note=note, how="model", is_area=work.inputs[0].is_area)


def _choose(work: Work, candidates: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], list[str], int, int]:
    picked = work.bench.eyes.select(condition(work.step), candidates, work.anchor_findings, step=work.step.id)
    ids = set(picked.ids)
    kept = tuple(one for one in candidates if one.id in ids)
    notes = [picked.note] if picked.note else []
    strangers = len(ids - {one.id for one in candidates})
    notes += [f"{strangers} of its ids are none of the candidates"] if strangers else []
    notes += [f"{picked.unreadable} of {picked.views} answers could not be read"] if picked.unreadable else []
    return kept, notes, picked.unreadable, picked.views


def _is_superlative(step: Step) -> bool:
    return step.compare is not None and step.compare.mode in ("min", "max")


def condition(step: Step) -> str:
    """The text of a step with its sets named as the model knows them: "From the candidates, keep those along the anchors."."""
    names = dict.fromkeys(step.inputs, CANDIDATES)
    if len(step.anchors) < 2:
        names |= dict.fromkeys(step.anchors, ANCHORS)
    else:  # the model is shown them in one list
        names |= {name: f"{_ORDINALS[min(i, len(_ORDINALS) - 1)]} of {ANCHORS}" for i, name in enumerate(step.anchors)}
    return re.sub(r"\{(s[0-9]{1,3})\}", lambda match: names.get(match.group(1), CANDIDATES), step.text)


_ORDINALS = ("the first", "the second", "the third", "the last")
