"""Invented answers beside their gold, for the doctor: objects of every kind, said by every dialect's pen."""

from __future__ import annotations

import math
from random import Random

from georsmllm.contracts import SizeWH, Spoken
from georsmllm.discover import dialect, dialect_names
from georsmllm.doctor.ears import Case
from georsmllm.errors import CannotSay
from georsmllm.types import PointSet, box, point, rbox

DIALECTS = {name: dialect(name) for name in dialect_names()}
SIZES = ((600, 500), (800, 800), (1333, 800), (1000, 1024), (640, 960))
KEYPOINTS = {"think2seg": 2, "geo_r1": 2}


def shape(rng: Random, kind: str, size: SizeWH, *, keypoints: int = 0) -> PointSet:
    """An object well inside its view, of 2 to 30 % of its sides."""
    w, h = (side * math.exp(rng.uniform(math.log(0.03), math.log(0.3))) for side in size)
    x, y = rng.uniform(w, size[0] - w), rng.uniform(h, size[1] - h)
    if kind == "point":
        return point(x, y)
    if kind == "box":
        inside = tuple((x + rng.uniform(-w, w) / 3, y + rng.uniform(-h, h) / 3) for _ in range(keypoints))
        return box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, inside)
    a = rng.uniform(0, math.pi)
    w, h, c, s = w / 1.5, h / 1.5, math.cos(a) / 2, math.sin(a) / 2
    corners = [(x + i * w * c - j * h * s, y + i * w * s + j * h * c) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return rbox(tuple((min(max(px, 0), size[0]), min(max(py, 0), size[1])) for px, py in corners))


def answers(name: str, kind: str, *, with_gold: bool, num: int = 40) -> list[Case]:
    rng = Random(1)
    cases = []
    while len(cases) < num:
        size = rng.choice(SIZES)
        objects = [
            Spoken(shape(rng, kind, size, keypoints=KEYPOINTS.get(name, 0)), "ship") for _ in range(rng.randint(1, 3))
        ]
        try:
            text = DIALECTS[name].encode(objects, size, None)
        except CannotSay:  # an object that is too small for a coarse grid
            continue
        gold = tuple(PointSet(o.shape.kind, o.shape.rings) for o in objects) if with_gold else None
        cases.append(Case(str(len(cases)), text, size, gold))
    return cases
