"""Eyes that see what a test draws: phrase -> shapes, condition -> the ids that are kept; and plans in one line a step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from georsmllm.found import ChangeKind, Chosen, Finding, Outcome, Seen
from georsmllm.geometry import to_polygon
from georsmllm.masks import from_shape
from georsmllm.parser.execute import execute
from georsmllm.parser.frame import label_of
from georsmllm.parser.plan import Attribute, Change, Combine, Compare, Plan, Relation, Step, check
from georsmllm.types import ImageRef, PointSet, Ring, box, polygon

BARE = ImageRef("a.png", 1000, 1000)
MAP = ImageRef("a.tif", 1000, 1000, affine=(0.5, 0, 500000, 0, -0.5, 5500000), crs="EPSG:25832")


class Scripted:
    """world: phrase -> shapes, for image B "B:phrase", for a change "kind:phrase"; what is not in it is not there. picks: what
    the model keeps of (condition, candidates, anchors). asked: every question in order."""

    def __init__(
        self,
        world: Mapping[str, Sequence[PointSet]],
        *,
        images: tuple[ImageRef, ...] = (BARE,),
        picks: Callable[[str, Sequence[Finding], Sequence[Finding]], Sequence[int]] | None = None,
        unreadable: Sequence[str] = (),
    ) -> None:
        self.images = images
        self.world = dict(world)
        self.picks = picks
        self.unreadable = unreadable
        self.asked: list[str] = []
        self._last = 0

    def find(self, phrase: str, *, image: int, as_area: bool, step: str) -> Seen:
        self.asked.append(f"find {phrase}{' as area' if as_area else ''}")
        return self._seen(phrase, "B:" * image + phrase, image, step)

    def change(self, phrase: str, kind: ChangeKind, *, before: int, after: int, step: str) -> Seen:
        self.asked.append(f"change {phrase} {kind} {before}>{after}")
        return self._seen(phrase, f"{kind}:{phrase}", before if kind == "disappeared" else after, step)

    def select(self, condition: str, candidates: Sequence[Finding], anchors: Sequence[Finding], *, step: str) -> Chosen:
        self.asked.append(f"select {condition}")
        if condition in self.unreadable:
            return Chosen((), "", 1, 1)
        if self.picks is None:
            return Chosen(tuple(one.id for one in candidates))
        return Chosen(tuple(self.picks(condition, candidates, anchors)))

    def outlined(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        self.asked.append(f"outline {len(findings)}")
        return tuple(
            one
            if one.mask_scene is not None
            else replace(one, mask_scene=from_shape(to_polygon(one.shape_scene), self.images[0].size_wh))
            for one in findings
        )

    def _seen(self, phrase: str, key: str, image: int, step: str) -> Seen:
        if phrase in self.unreadable:
            return Seen((), "", 1, 1)
        shapes = self.world.get(key, ())
        found = tuple(
            Finding(self._last + i, label_of(phrase), shape, image, step=step)
            for i, shape in enumerate(shapes, start=1)
        )
        self._last += len(found)
        return Seen(found)


def strip(*points: tuple[float, float]) -> PointSet:
    """A polygon by its corners."""
    return polygon(Ring(points))


def at(x: float, y: float, size: float = 20) -> PointSet:
    """A square about a place."""
    return box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def step(name: str, kind: str, text: str, **filled: object) -> Step:
    """A step whose inputs and anchors are those that its text names, all of them inputs unless it says `anchors`."""
    named = tuple(dict.fromkeys(re.findall(r"\{(s[0-9]+)\}", text)))
    anchors = tuple(str(filled.pop("anchors", "")).split())
    fields: dict[str, object] = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))
    fields |= {"role": "target", "image": "single"} | filled
    return Step(
        id=name,
        type=kind,
        text=text,
        inputs=tuple(one for one in named if one not in anchors),
        anchors=anchors,
        **fields,
    )


def find(name: str, target: str, **filled: object) -> Step:
    return step(name, "detect", f"Detect {target}.", target=target, **filled)


def relate(name: str, text: str, relation: str, *, anchors: str, **filled: object) -> Step:
    given = {"negated": False, "value": None, "unit": None, "side": None} | filled
    return step(name, "filter_relation", text, anchors=anchors, relation=Relation(name=relation, **given))


def describe(name: str, text: str, attribute: str, value: str, *, negated: bool = False, anchors: str = "") -> Step:
    return step(
        name,
        "filter_attribute",
        text,
        anchors=anchors,
        attribute=Attribute(name=attribute, value=value, negated=negated),
    )


def compare(name: str, text: str, criterion: str, mode: str, **filled: object) -> Step:
    anchors = str(filled.pop("anchors", ""))
    given = {"k": None, "value": None} | filled
    return step(name, "compare", text, anchors=anchors, compare=Compare(criterion=criterion, mode=mode, **given))


def combine(name: str, text: str, op: str) -> Step:
    return step(name, "combine", text, combine=Combine(op=op))


def count(name: str, text: str) -> Step:
    return step(name, "count", text)


def change(name: str, target: str, kind: str, **filled: object) -> Step:
    given = {"from_image": "A", "to_image": "B"} | filled
    return step(
        name,
        "change",
        f"Find the {target} that {kind}.",
        target=target,
        image="pair",
        change=Change(kind=kind, **given),
    )


def plan(*steps: Step, answer: str = "boxes") -> Plan:
    """A checked plan whose last step is the answer."""
    made = Plan(steps=steps, answer_from=steps[-1].id, answer_type=answer)
    check(made)
    return made


def run(steps: Sequence[Step], eyes: Scripted, *, answer: str = "boxes", executor: str = "geometric") -> Outcome:
    return execute(plan(*steps, answer=answer), eyes, executor=executor)


def ids(outcome: Outcome) -> list[int]:
    return [one.id for one in outcome.findings]
