"""Candidates of a choice in groups that one view shows, each with the anchors nearest to it, said in the view's text.

Frame: findings are in scene pixels, what a group says is in pixels of its view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from georsmllm import selecting
from georsmllm.errors import CannotSay
from georsmllm.found import Finding
from georsmllm.geometry import bounds, clip
from georsmllm.phrasing import Worded
from georsmllm.pointtext import encode
from georsmllm.types import PointSet
from georsmllm.viewports import Viewport, around

MOST_ANCHORS = 8
"""In one question: the nearest ones, so that the view stays close."""


class Group(NamedTuple):
    """numbered: ids of the candidates that could be said, in the order of `shapes`; unsaid: how many could not. anchors: those
    that are shown; left_out: how many are not."""

    image: int
    view: Viewport
    numbered: tuple[int, ...]
    shapes: tuple[PointSet, ...]
    anchors: tuple[PointSet, ...]
    unsaid: int
    left_out: int

    def worded(self, condition: str) -> Worded:
        """The question which of them fulfil a condition."""
        parts = selecting.question(condition, self.shapes, self.anchors)
        return Worded("select", selecting.written(parts, self.view.size_wh), (), "", selecting.form(len(self.numbered)))


def grouped(
    candidates: Sequence[Finding], anchors: Sequence[Finding], sizes_wh: Sequence[tuple[int, int]], *, tile_px: int
) -> tuple[Group, ...]:
    """Candidates of one tile's reach together, at most as many as a question takes. sizes_wh: of the scenes."""
    cells: dict[tuple[int, int, int], list[Finding]] = {}
    for one in candidates:
        x, y = _middle(one)
        cell = (0, 0) if max(sizes_wh[one.image]) <= tile_px else (int(y // tile_px), int(x // tile_px))
        cells.setdefault((one.image, *cell), []).append(one)
    return tuple(
        _group(members[at : at + selecting.MAX_CANDIDATES], anchors, sizes_wh[image], tile_px)
        for (image, *_), members in sorted(cells.items())
        for at in range(0, len(members), selecting.MAX_CANDIDATES)
    )


def note(groups: Sequence[Group], num_candidates: int) -> str:
    """What of the candidates and anchors the model was not shown, "" where it saw all."""
    unsaid = sum(group.unsaid for group in groups)
    left_out = max((group.left_out for group in groups), default=0)
    notes = [f"{unsaid} of {num_candidates} candidates could not be shown to the model"] if unsaid else []
    notes += [f"up to {left_out} farther anchors were not shown with a candidate"] if left_out else []
    return "; ".join(notes)


def _group(members: list[Finding], anchors: Sequence[Finding], size_wh: tuple[int, int], tile_px: int) -> Group:
    near = _nearest(anchors, members)
    view = around([one.shape_scene for one in (*members, *near)], size_wh, size=tile_px)
    said = [(one.id, shape) for one in members if (shape := _sayable(one, view)) is not None]
    shown = tuple(shape for one in near if (shape := _sayable(one, view)) is not None)
    return Group(
        members[0].image,
        view,
        tuple(number for number, _ in said),
        tuple(shape for _, shape in said),
        shown,
        len(members) - len(said),
        len(anchors) - len(shown),
    )


def _sayable(finding: Finding, view: Viewport) -> PointSet | None:
    """A finding as it can be written in the text of a view; None for one that lies outside of it or collapses there."""
    cut = clip(selecting.compact(view.to_view(finding.shape_scene)), (0, 0, *view.size_wh)).shape
    if cut is None:
        return None
    try:
        encode((cut,), view.size_wh)
    except CannotSay:
        return None
    return cut


def _middle(finding: Finding) -> tuple[float, float]:
    x1, y1, x2, y2 = bounds(finding.shape_scene)
    return (x1 + x2) / 2, (y1 + y2) / 2


def _nearest(anchors: Sequence[Finding], members: Sequence[Finding]) -> list[Finding]:
    middles = [_middle(one) for one in members]
    x, y = (sum(values) / len(members) for values in zip(*middles, strict=True))

    def off(anchor: Finding) -> tuple[float, int]:
        x1, y1, x2, y2 = bounds(anchor.shape_scene)
        return max(x1 - x, 0, x - x2) ** 2 + max(y1 - y, 0, y - y2) ** 2, anchor.id

    return sorted(anchors, key=off)[:MOST_ANCHORS]
