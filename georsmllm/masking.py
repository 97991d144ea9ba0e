"""Masks for the findings of a scene of any size: only windows around them are read, each encoded once.

Windows lie on a grid of half their side, so that any object smaller than that, with room around it, is whole in one of them;
the window that holds most objects goes first. What is larger has a window of its own, shown smaller where it must be. The
grid depends on the scene alone: a later step that asks about the same places finds their encodings kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.found import Finding
from georsmllm.geometry import bounds, shift
from georsmllm.maskdecoder import MaskDecoder, PolygonDecoder, filled
from georsmllm.types import PointSet, Ring, Window

if TYPE_CHECKING:
    from georsmllm.scene import Scene

SIDE = 1024
"""Of a window; SAM 2 sees 1024 pixels a side."""
_ROOM, _LEAST_ROOM_PX = 0.25, 32
"""Around an object, as a share of its longer side: SAM 2 tells an object from what is around it."""

Progress = Callable[[int, int], None]
"""(findings done, findings in all)."""


class View(NamedTuple):
    """A window of a scene, how large it is shown, and which findings it is for."""

    window: Window
    size_wh: tuple[int, int]
    members: tuple[int, ...]


def masked(
    findings: Sequence[Finding],
    scene: Scene,
    decoder: MaskDecoder,
    *,
    progress: Progress = lambda _done, _total: None,
    side: int = SIDE,
) -> tuple[Finding, ...]:
    """The same findings in the same order, each with a mask in scene pixels and the decoder's guess of its IoU.

    All must lie in this scene, whichever image of a pair it is. side: of the windows that the decoder is shown.
    """
    size = scene.image.size_wh
    if isinstance(decoder, PolygonDecoder):  # exact in scene pixels, and no pixel is read
        return tuple(replace(one, mask_scene=filled(one.shape_scene, size), mask_score=None) for one in findings)
    from georsmllm.mask_frames import to_scene

    found = list(findings)
    done = 0
    for view in views([one.shape_scene for one in findings], size, side=side):
        prompts = [_in_view(findings[i].shape_scene, view) for i in view.members]
        key = scene.key(view.window, view.size_wh)
        decoded = decoder.masks(scene.read(view.window, view.size_wh), prompts, key=key)
        for i, one in zip(view.members, decoded, strict=True):
            mask = to_scene(one.mask, view.window, size)
            found[i] = replace(findings[i], mask_scene=mask, mask_score=one.score)
        done += len(view.members)
        progress(done, len(findings))
    return tuple(found)


def views(shapes: Sequence[PointSet], size_wh: tuple[int, int], *, side: int = SIDE) -> tuple[View, ...]:
    """Windows that between them hold every shape once, with room around it; what lies outside the scene goes to its border."""
    at_home: dict[Window, list[int]] = {}
    own: list[View] = []
    for i, shape in enumerate(shapes):
        homes = _homes(_with_room(shape, size_wh, _ROOM), size_wh, side)
        for window in homes:
            at_home.setdefault(window, []).append(i)
        if not homes:
            own.append(View(*_own(shape, size_wh, side), (i,)))
    return (*_cover(at_home), *own)


def _cover(at_home: dict[Window, list[int]]) -> Iterator[View]:
    """Greedily: the window with most objects that have none yet, ties from the top left."""
    heap = [(-len(members), window.y, window.x, window) for window, members in at_home.items()]
    heapify(heap)
    covered: set[int] = set()
    while heap:
        count, _, _, window = heappop(heap)
        members = tuple(i for i in at_home[window] if i not in covered)
        if members and len(members) < -count:  # others took some; counts only fall, so its turn comes later
            heappush(heap, (-len(members), window.y, window.x, window))
        elif members:
            yield View(window, (window.width, window.height), members)
            covered.update(members)


def _with_room(shape: PointSet, size_wh: tuple[int, int], share: float) -> tuple[int, int, int, int]:
    """The pixels of a shape with room around it, a share of its longer side; cut to the scene, at least one pixel."""
    x1, y1, x2, y2 = bounds(shape)
    room = max(_LEAST_ROOM_PX, share * max(x2 - x1, y2 - y1))
    (left, right), (top, bottom) = (
        (min(max(floor(low - room), 0), length - 1), max(min(ceil(high + room), length), 1))
        for low, high, length in ((x1, x2, size_wh[0]), (y1, y2, size_wh[1]))
    )
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _homes(needed: tuple[int, int, int, int], size_wh: tuple[int, int], side: int) -> list[Window]:
    """The windows of the grid that hold a rectangle whole."""
    left, top, right, bottom = needed
    width, height = min(side, size_wh[0]), min(side, size_wh[1])
    return [
        Window(x, y, width, height)
        for y in _starts(top, bottom, size_wh[1], side)
        for x in _starts(left, right, size_wh[0], side)
    ]


def _starts(low: int, high: int, length: int, side: int) -> list[int]:
    """Where windows begin along one axis that hold [low, high): at multiples of half a side, and flush with the end."""
    if length <= side:
        return [0]
    last, step = length - side, side // 2
    first = max(0, -((side - high) // step) * step)
    begins = {min(at, last) for at in range(first, low + 1, step)} | ({last} if last <= low else set())
    return sorted(at for at in begins if at <= low and high <= at + side)


def _own(shape: PointSet, size_wh: tuple[int, int], side: int) -> tuple[Window, tuple[int, int]]:
    """A window for one large object and how large it is shown: at full size where it fits a side with the least room."""
    left, top, right, bottom = _with_room(shape, size_wh, 0)
    if max(right - left, bottom - top) > side:
        left, top, right, bottom = _with_room(shape, size_wh, _ROOM)
    longest = max(right - left, bottom - top, side)
    x, width = _around(left, right, longest, size_wh[0])
    y, height = _around(top, bottom, longest, size_wh[1])
    shrink = min(1.0, side / max(width, height))
    return Window(x, y, width, height), (max(1, round(width * shrink)), max(1, round(height * shrink)))


def _around(low: int, high: int, wanted: int, length: int) -> tuple[int, int]:
    """Begin and length of a stretch of the wanted length in [0, length) with [low, high) in its middle."""
    size = min(wanted, length)
    return min(max((low + high - size) // 2, 0), length - size), size


def _in_view(shape: PointSet, view: View) -> PointSet:
    moved = shift(shape, -view.window.x, -view.window.y)
    across, down = view.size_wh[0] / view.window.width, view.size_wh[1] / view.window.height
    if across == down == 1:
        return moved
    rings = tuple(Ring(tuple((x * across, y * down) for x, y in ring.points), ring.sign) for ring in moved.rings)
    return PointSet(moved.kind, rings, tuple((x * across, y * down) for x, y in moved.keypoints))
