"""Proved expressions: each is true of its targets and of no other object of the class, by a second, plain reckoning."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm.classes import plural
from georsmllm.instruct_data.tasks._asking import NUMBER_WORDS
from georsmllm.instruct_data.tasks._expressions import generate
from georsmllm.types import ImageRef, PointSet, Sample, Target, box, rbox

SIZE = 1000
LABELS = ("ship", "harbor", "bridge")


def bar(x: float, y: float, degrees: float = 0, length: float = 60, width: float = 20) -> PointSet:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ends = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return rbox(tuple((x + c * a * length - s * b * width, y + s * a * length + c * b * width) for a, b in ends))


def ship(x: float, y: float, degrees: float = 0, **more: object) -> Target:
    return Target(0, "ship", bar(x, y, degrees), **more)  # type: ignore[arg-type]


def harbor(x: float, y: float, **more: object) -> Target:
    return Target(0, "harbor", bar(x, y, 45, 200, 80), **more)  # type: ignore[arg-type]


def view(*targets: Target) -> Sample:
    return Sample(
        "d/v", "d", "train", "d/v", (ImageRef("a.png", SIZE, SIZE),), targets, classes=LABELS, exhaustive=LABELS
    )


def said(*targets: Target) -> dict[str, tuple[int, ...]]:
    return {one.words: one.targets for one in generate(view(*targets))}


def test_nothing_has_no_expression() -> None:
    assert generate(view()) == ()


@pytest.mark.parametrize(
    ("targets", "words", "expected"),
    [
        ((ship(100, 100),), "the only ship in the image", (0,)),
        ((ship(100, 100), ship(500, 500)), "the only ship in the image", None),
        ((ship(100, 100), ship(500, 500)), "the leftmost ship", (0,)),
        ((ship(100, 100), ship(110, 500)), "the leftmost ship", None),  # a tie by eye
        ((ship(100, 100), Target(0, "ship", bar(330, 500, 0, 600))), "the leftmost ship", None),  # it begins farther left
        ((ship(100, 100), ship(500, 500)), "the bottommost ship", (1,)),
        ((ship(100, 100), ship(700, 300)), "the ship in the left half of the image", (0,)),
        ((ship(100, 100), ship(490, 300)), "the ship in the left half of the image", None),  # the other one straddles
        ((ship(100, 100), ship(100, 300)), "the two ships in the left half of the image", None),  # asked by region
        ((ship(100, 100), Target(0, "ship", bar(500, 500, 0, 100, 30))), "the largest ship", (1,)),
        ((ship(100, 100), Target(0, "ship", bar(500, 500, 0, 80, 22))), "the largest ship", None),  # 1.47 times
        ((ship(100, 100, visible=0.7), Target(0, "ship", bar(500, 500, 0, 80, 25))), "the largest ship", None),
        ((ship(100, 100), ship(600, 600), harbor(250, 100)), "the ship nearest to the harbor", (0,)),
        ((ship(100, 100), ship(600, 600), harbor(250, 100)), "the ship farthest from the harbor", (1,)),
        ((ship(100, 100), ship(600, 600), harbor(250, 100)), "the ship to the left of the harbor", (0,)),
        ((ship(100, 100), ship(200, 600), harbor(250, 100)), "the ship to the left of the harbor", None),
        ((ship(50, 99), Target(0, "ship", bar(560, 700, 0, 900)), harbor(250, 99)), "the ship to the left of the harbor", None),
        ((ship(100, 100), ship(600, 600), harbor(250, 100)), "the ship near the harbor", (0,)),
        ((ship(500, 500), ship(600, 600), harbor(500, 500)), "the ship inside the harbor", (0,)),
        ((ship(100, 100), ship(600, 600, 85)), "the ship lying horizontally in the image", (0,)),
        ((ship(100, 100), ship(600, 600, 25)), "the ship lying horizontally in the image", None),
        ((ship(100, 100), ship(100, 300, 5), ship(600, 600, 90)), "the two ships lying horizontally in the image", (0, 1)),
        ((ship(100, 80), ship(100, 160), ship(900, 500), harbor(400, 120)), "the two ships to the left of the harbor", (0, 1)),
        ((ship(100, 100), ship(600, 600), harbor(250, 100), harbor(800, 800)), "the ship near the harbor", None),
    ],
)  # fmt: skip
def test_what_is_proved_is_said(targets: tuple[Target, ...], words: str, expected: tuple[int, ...] | None) -> None:
    assert said(*targets).get(words) == expected


@pytest.mark.parametrize(
    "targets",
    [
        (ship(100, 100), ship(600, 600, ignore="difficult")),
        (ship(100, 100, difficult=True),),
        (Target(0, "ship", bar(100, 100, 0, 6, 6)),),
        (Target(0, "forest", bar(100, 100)),),
        (Target(0, "object", bar(100, 100)),),
    ],
)
def test_what_proves_nothing_or_is_no_fair_thing_has_no_expression(targets: tuple[Target, ...]) -> None:
    assert said(*targets) == {}


def test_a_class_whose_name_another_class_bears_too_has_none() -> None:
    targets = (ship(100, 100), Target(0, "small ship", bar(500, 500)))
    both = replace(view(*targets), exhaustive=("ship", "small ship"))
    assert generate(both) == ()


def test_areas_of_a_class_map_and_pairs_have_none() -> None:
    assert generate(replace(view(ship(100, 100)), tags=("areas",))) == ()
    assert generate(replace(view(ship(100, 100)), images=(ImageRef("a.png", SIZE, SIZE),) * 2)) == ()


def test_upright_boxes_prove_neither_direction_nor_what_lies_inside() -> None:
    boxes = said(
        Target(0, "ship", box(100, 100, 160, 120)), Target(0, "ship", box(500, 500, 520, 560)),
        Target(0, "harbor", box(90, 90, 200, 200)),
    )  # fmt: skip
    assert "the ship nearest to the harbor" in boxes
    assert not [words for words in boxes if re.search("lying|inside|touching|next to|along|parallel", words)]


def test_of_upright_boxes_the_largest_is_longer_on_both_sides() -> None:
    slim = Target(0, "ship", box(100, 100, 400, 110))  # 3000 px²
    assert "the largest ship" not in said(slim, Target(0, "ship", box(500, 500, 540, 540)))
    assert said(slim, Target(0, "ship", box(500, 500, 900, 560)))["the largest ship"] == (1,)


# --- the second reckoning --------------------------------------------------------------------------------------------


class Plain:
    """The definitions once more, object by object, without slacks and matrices."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def surface(self, i: int) -> shapely.Polygon:
        return shapely.Polygon(self.sample.targets[i].shape.rings[0].points)

    def middle(self, i: int) -> tuple[float, float]:
        points = self.sample.targets[i].shape.rings[0].points
        return sum(x for x, _ in points) / 4, sum(y for _, y in points) / 4

    def degrees(self, i: int) -> float:
        a, b, c, _ = self.sample.targets[i].shape.rings[0].points
        p, q = (a, b) if math.dist(a, b) > math.dist(b, c) else (b, c)
        return math.degrees(math.atan2(q[1] - p[1], q[0] - p[0])) % 180

    def lone(self, label: str) -> int:
        (found,) = [i for i, target in enumerate(self.sample.targets) if target.label == label]
        return found

    def gap(self, i: int, j: int) -> float:
        return float(self.surface(i).distance(self.surface(j)))

    def is_beside(self, i: int, anchor: int, side: str) -> bool:
        (x, y), (ax, ay) = self.middle(i), self.middle(anchor)
        return {"to the left of": x < ax, "to the right of": x > ax, "above": y < ay, "below": y > ay}[side]

    def is_related(self, i: int, anchor: int, words: str) -> bool:
        one, other, gap = self.surface(i), self.surface(anchor), self.gap(i, anchor)
        return {
            "near": gap <= 0.08 * math.hypot(SIZE, SIZE),
            "right next to": gap <= max(3, 0.15 * math.sqrt(one.area)),
            "touching": gap <= 1.5,
            "inside": one.intersection(other).area >= 0.8 * one.area,
            "with inside": one.intersection(other).area >= 0.8 * other.area,
            "parallel to": (turn := abs(self.degrees(i) - self.degrees(anchor))) <= 15 or turn >= 165,
            "alongside": True,  # has a table of its own
        }[words]

    def denoted(self, words: str) -> list[int]:
        """All targets that fulfil the words of an expression."""
        label = min(
            LABELS, key=lambda name: at.start() if (at := re.search(rf"\b{name}|{plural(name)}", words)) else 9999
        )
        own = [i for i, target in enumerate(self.sample.targets) if target.label == label]
        head, tail = words.split(plural(label) if plural(label) in words else label, 1)
        anchors = [self.lone(name) for name in LABELS if name != label and re.search(rf"\bthe {name}\b", tail)]
        tail = re.sub(rf"the ({'|'.join(LABELS)})", "", tail).replace(" in the image", "").strip()
        tail = " ".join(tail.split())
        first, best = head.removeprefix("the ").strip(), None
        if first in ("leftmost", "topmost", "rightmost", "bottommost"):
            axis = 0 if first in ("leftmost", "rightmost") else 1
            pick = min if first in ("leftmost", "topmost") else max
            best = pick(self.middle(i)[axis] for i in own)
            return [i for i in own if abs(self.middle(i)[axis] - best) < 1]
        if first in ("largest", "smallest"):
            best = (max if first == "largest" else min)(self.surface(i).area for i in own)
            return [i for i in own if math.isclose(self.surface(i).area, best, rel_tol=0.05)]
        if first == "only":
            return own
        return [i for i in own if self.holds(i, own, tail, anchors)]

    def holds(self, i: int, own: list[int], tail: str, anchors: list[int]) -> bool:
        if match := re.fullmatch(r"in the (.*) of the image", tail):
            x, y = self.middle(i)
            sides = {"left": x < 500, "right": x > 500, "top": y < 500, "bottom": y > 500}
            return all(sides[word] for word in match[1].split() if word in sides)
        if tail in ("nearest to", "farthest from"):
            best = (min if tail == "nearest to" else max)(self.gap(j, anchors[0]) for j in own)
            return abs(self.gap(i, anchors[0]) - best) < 1
        if tail in ("to the left of", "to the right of", "above", "below"):
            return self.is_beside(i, anchors[0], tail)
        if tail == "between and":
            (x, y), (ax, ay), (bx, by) = self.middle(i), self.middle(anchors[0]), self.middle(anchors[1])
            length = math.hypot(bx - ax, by - ay)
            at = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length**2
            off = abs((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length**2
            return 0.1 <= at <= 0.9 and off <= 0.5
        if match := re.fullmatch("lying (horizontally|vertically)", tail):
            turn = self.degrees(i) if match[1] == "horizontally" else (self.degrees(i) + 90) % 180
            return min(turn, 180 - turn) <= 20
        return self.is_related(i, anchors[0], tail)


bars = st.builds(
    bar, st.integers(80, 920), st.integers(80, 920), st.integers(0, 35).map(lambda n: 5 * n),
    st.sampled_from([50, 60, 100, 160]), st.sampled_from([12, 20, 30]),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.builds(Target, st.just(0), st.sampled_from(LABELS), bars), min_size=1, max_size=9))
def test_an_expression_denotes_its_targets_and_no_other(targets: list[Target]) -> None:
    sample = view(*targets)
    plain = Plain(sample)
    for one in generate(sample):
        assert one.words.startswith("the ")
        if " alongside " not in one.words:
            assert tuple(plain.denoted(one.words)) == one.targets, one
        if len(one.targets) > 1:
            assert f" {NUMBER_WORDS[len(one.targets)]} " in one.words
