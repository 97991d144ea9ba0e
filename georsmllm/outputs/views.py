"""What a picture of an answer shows: which findings, which part of which scene, and each as a stroke of the pen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from georsmllm import masks
from georsmllm.found import Finding, outline
from georsmllm.geometry import Rect, area, bounds
from georsmllm.outputs.burning import mask_rect, sampled
from georsmllm.pen import PALETTE, SMALL_PX, Stroke, colours, scaled, side
from georsmllm.types import PointSet, Ring, Window, box, polygon

if TYPE_CHECKING:
    from georsmllm.result import Result

ANCHOR = "#e8eaed"
"""Colour of what the answer was related to."""
MASK_FILL, SHAPE_FILL, ANCHOR_FILL = 0.34, 0.14, 0.06
MANY_TAGS = 60
"""Of more findings in one view, tags would hide what they name."""

_MANY = 8  # of more, tags are numbers and the caption says the classes
_UNSEEN_PX, _SEEN_PX = 32, 5  # drawn smaller, a view is enlarged; drawn smaller still, a ring is put around
_LEAST_ZOOM, _MOST_ZOOM = 1.8, 6.0
_EXACT_PX = 4_000_000  # a mask whose window is larger is sampled at the pixels of the picture


class View(NamedTuple):
    """A window of a scene at the size it is shown in. title: above it. inset: the size of an overview of the whole scene in
    a corner of it, None for none."""

    image: int
    window: Window
    size_wh: tuple[int, int]
    title: str = ""
    inset: tuple[int, int] | None = None

    @property
    def scale_xy(self) -> tuple[float, float]:
        return self.size_wh[0] / self.window.width, self.size_wh[1] / self.window.height


class Shown(NamedTuple):
    """findings: of the answer; of a number or a yes or no, what was counted. anchors: what these were related to."""

    findings: tuple[Finding, ...]
    anchors: tuple[Finding, ...]


def shown(result: Result) -> Shown:
    """Findings and anchors that a picture has, each once."""
    outcome = result.outcome
    by_id = {one.id: one for _, layer in outcome.layers for one in layer}
    findings = outcome.findings
    if not findings and outcome.value is not None and outcome.steps:
        findings = tuple(by_id[i] for i in dict.fromkeys(outcome.steps[-1].inputs) if i in by_id)
    taken = {one.id for one in findings}
    related = dict.fromkeys(i for step in outcome.steps for i in step.anchors)
    return Shown(findings, tuple(by_id[i] for i in related if i in by_id and i not in taken))


def views(result: Result, shown_: Shown, max_side: int) -> list[View]:
    """The whole scene; two of a pair, side by side. Findings too small to be seen so are shown enlarged, with an overview in
    a corner that marks where."""
    sizes = [scene.image.size_wh for scene in result.scenes]
    room = max_side if len(sizes) == 1 else max_side * 3 // 4
    detail = _detail(shown_.findings, sizes[0], room) if len(set(sizes)) == 1 else None
    names = [""] if len(sizes) == 1 else list("AB")
    found = []
    for image, (size, name) in enumerate(zip(sizes, names, strict=True)):
        window = detail or Window(0, 0, *size)
        found.append(View(image, window, _fitted(window, room), name))
    if detail is not None:
        small = _fitted(Window(0, 0, *sizes[0]), room // 4)
        found[-1] = found[-1]._replace(inset=small)
    return found


def _fitted(window: Window, room: int) -> tuple[int, int]:
    """The size in which a window fills the room; a small image is enlarged by a whole factor at most."""
    scale = min(room / max(window.width, window.height), 16.0)
    return max(1, round(window.width * scale)), max(1, round(window.height * scale))


def _detail(findings: Sequence[Finding], size_wh: tuple[int, int], room: int) -> Window | None:
    """The part of a scene that holds all findings, where they can be seen there and cannot in the whole."""
    rects = [_extent(one) for one in findings]
    if not rects:
        return None
    scale = room / max(size_wh)
    dot = _UNSEEN_PX / scale  # as large as a point is drawn
    sides = sorted(max(x2 - x1, y2 - y1) if x2 > x1 else dot for x1, y1, x2, y2 in rects)
    typical = sides[len(sides) // 2]
    if typical * scale >= _UNSEEN_PX and max(size_wh) <= 4 * room:
        return None
    x1, y1 = min(r[0] for r in rects), min(r[1] for r in rects)
    x2, y2 = max(r[2] for r in rects), max(r[3] for r in rects)
    margin = max(0.35 * max(x2 - x1, y2 - y1), 1.5 * typical, 24)
    wide = max(x2 - x1 + 2 * margin, room / _MOST_ZOOM)
    high = max(y2 - y1 + 2 * margin, room / _MOST_ZOOM)
    wide, high = max(wide, high * 0.75), max(high, wide * 0.6)  # never a strip
    if max(wide, high) * _LEAST_ZOOM > max(size_wh):
        return None
    return _window((x1 + x2) / 2, (y1 + y2) / 2, (wide, high), size_wh)


def _window(x: float, y: float, wide_high: tuple[float, float], size_wh: tuple[int, int]) -> Window:
    """About a middle, inside the scene."""
    width, height = (min(math.ceil(want), room) for want, room in zip(wide_high, size_wh, strict=True))
    left = min(max(0, round(x - width / 2)), size_wh[0] - width)
    top = min(max(0, round(y - height / 2)), size_wh[1] - height)
    return Window(left, top, width, height)


def _extent(finding: Finding) -> Rect:
    mask = finding.mask_scene
    if mask is not None and len(mask.counts) > 1:
        return mask_rect(mask)
    return bounds(finding.shape_scene)


def colour_of(result: Result, shown_: Shown) -> dict[str, str]:
    return colours([one.label for one in (*result.findings, *shown_.findings)])


def is_crowded(shown_: Shown, all_views: Sequence[View]) -> bool:
    """Whether tags are numbers alone."""
    if len(shown_.findings) > _MANY:
        return True
    main = all_views[-1]
    smallest = min((min(r[2] - r[0], r[3] - r[1]) for r in map(_extent, shown_.findings)), default=math.inf)
    return smallest * min(main.scale_xy) < SMALL_PX


def strokes(view: View, shown_: Shown, colour: dict[str, str], *, crowded: bool) -> list[Stroke]:
    """All that lies in a view, in its pixels: anchors below, findings above, the larger first."""
    anchors = [one for one in shown_.anchors if one.image == view.image and _is_in(view, one)]
    findings = [one for one in shown_.findings if one.image == view.image and _is_in(view, one)]
    findings.sort(key=lambda one: (-_area(_extent(one)), one.id))
    tagged = len(findings) <= MANY_TAGS
    drawn: list[Stroke] = []
    for one in anchors:
        tag = one.label if len(anchors) <= _MANY else ""
        drawn.append(Stroke(_outline_in(view, one), ANCHOR, tag, dashed=True, fill=ANCHOR_FILL))
    for one in findings:
        name = one.label or "object"
        tag = name if len(shown_.findings) == 1 else str(one.id) if crowded else f"{name} {one.id}"
        drawn.extend(_finding(view, one, colour.get(one.label, PALETTE[0]), tag if tagged else ""))
    return drawn


def overview(view: View, scene_wh: tuple[int, int]) -> list[Stroke]:
    """In pixels of the inset: where in the scene the view lies."""
    assert view.inset is not None
    at = view.window
    scale = view.inset[0] / scene_wh[0], view.inset[1] / scene_wh[1]
    x1, y1, x2, y2 = bounds(scaled(box(at.x, at.y, at.x + at.width, at.y + at.height), scale))
    more_x, more_y = max(0.0, 10 - (x2 - x1)) / 2, max(0.0, 10 - (y2 - y1)) / 2
    return [Stroke(box(x1 - more_x, y1 - more_y, x2 + more_x, y2 + more_y), PALETTE[0])]


def inset_corner(view: View, shown_: Shown, margin: int) -> tuple[int, int]:
    """Where the inset hides least of what was found, in pixels of the view: of equals the top left, then right, then below."""
    assert view.inset is not None
    width, height = view.inset
    right, bottom = view.size_wh[0] - width - margin, view.size_wh[1] - height - margin
    found = [one for one in shown_.findings if one.image == view.image and _is_in(view, one)]
    boxes = [bounds(scaled(box(*_extent(one)), view.scale_xy, (view.window.x, view.window.y))) for one in found]

    def hidden(corner: tuple[int, int]) -> int:
        x, y = corner
        return sum(x1 < x + width and x2 > x and y1 < y + height and y2 > y for x1, y1, x2, y2 in boxes)

    return min(((margin, margin), (right, margin), (margin, bottom), (right, bottom)), key=hidden)


def _finding(view: View, finding: Finding, colour: str, tag: str) -> list[Stroke]:
    """The mask filled, and the shape as the model said it where that is another; without a mask the shape."""
    shape = scaled(finding.shape_scene, view.scale_xy, (view.window.x, view.window.y))
    if finding.mask_scene is None or len(finding.mask_scene.counts) < 2:
        found = [Stroke(shape, colour, tag, fill=0.0 if shape.kind == "point" else SHAPE_FILL)]
        return found + _ring_around(shape, colour)
    filled = _outline_in(view, finding)
    found = [Stroke(PointSet(filled.kind, filled.rings, shape.keypoints), colour, tag, fill=MASK_FILL)]
    covered = sum(finding.mask_scene.counts[1::2]) / max(area(finding.shape_scene), 1e-9)
    if shape.kind in ("box", "rbox") and covered < 0.97:
        found.insert(0, Stroke(PointSet(shape.kind, shape.rings), colour, dashed=True))
    return found + _ring_around(filled, colour)


def _ring_around(shape: PointSet, colour: str) -> list[Stroke]:
    """A circle about what is drawn too small to be seen."""
    if shape.kind == "point" or side(shape) >= _SEEN_PX:
        return []
    x1, y1, x2, y2 = bounds(shape)
    if max(x2 - x1, y2 - y1) >= 3 * _SEEN_PX:
        return []
    radius = _SEEN_PX + max(x2 - x1, y2 - y1) / 2
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = zip((x1 + x2) / 2 + radius * np.cos(turns), (y1 + y2) / 2 + radius * np.sin(turns), strict=True)
    return [Stroke(PointSet("rbox", (Ring(tuple((float(x), float(y)) for x, y in points)),)), colour)]


def _outline_in(view: View, finding: Finding) -> PointSet:
    """The finding's outline in pixels of the view."""
    x1, y1, x2, y2 = _extent(finding)
    if finding.mask_scene is None or (x2 - x1) * (y2 - y1) <= _EXACT_PX:
        return scaled(outline(finding), view.scale_xy, (view.window.x, view.window.y))
    rings = masks.to_rings(sampled(finding.mask_scene, view.window, view.size_wh))
    return polygon(*rings) if rings else scaled(box(x1, y1, x2, y2), view.scale_xy, (view.window.x, view.window.y))


def _is_in(view: View, finding: Finding) -> bool:
    x1, y1, x2, y2 = _extent(finding)
    window = view.window
    return x1 <= window.x + window.width and x2 >= window.x and y1 <= window.y + window.height and y2 >= window.y


def _area(rect: Rect) -> float:
    return (rect[2] - rect[0]) * (rect[3] - rect[1])
