"""Readings: what the numbers of an object may mean, and the places in pixels of the view that each meaning gives.

A reading is a layout (which number is what), a frame (what the numbers are relative to), axes that may be swapped or
mirrored, and a scale and a shift for each axis. All arrays are float64; frames: "raw" are the numbers as written, "px"
pixels of the view, x right and y down from its outer corner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.dialects import _resize

Array = NDArray[np.float64]


class Rectangles(NamedTuple):
    """n rectangles before their rotation, raw: centres n x 2, sides n x 2, angles n in radians clockwise on the screen."""

    centres: Array
    sides: Array
    angles: Array


class Layout(NamedTuple):
    """What the numbers of one object are. cost: how unusual that is for its arity, in mean IoU."""

    words: str
    cost: float


BOXES = {
    "corners": Layout("two corners", 0.0),
    "corner and size": Layout("the min corner, width and height", 0.03),
    "centre and size": Layout("the centre, width and height", 0.03),
    "x's then y's": Layout("x1, x2, y1, y2", 0.04),
}
TURNED = {
    f"{shape}, {angle}": Layout(f"{words}, {direction}", cost + more)
    for shape, words, cost in (
        ("unturned corners", "two corners of the rectangle before its rotation", 0.0),
        ("centre and size", "the centre and the sides", 0.0),
        ("corner and size", "the min corner, width and height before the rotation", 0.03),
        ("turned corners", "two opposite corners of the turned rectangle", 0.01),
    )
    for angle, direction, more in (
        ("degrees", "and degrees clockwise", 0.0),
        ("degrees counter-clockwise", "and degrees counter-clockwise", 0.01),
        ("radians", "and radians clockwise", 0.02),
        ("radians counter-clockwise", "and radians counter-clockwise", 0.03),
        ("no angle", "and an angle that is not meant", 0.04),
    )
    if not (shape == "turned corners" and angle == "no angle")
}
QUADS = {
    "four corners": Layout("four corners", 0.0),
    "four x's then four y's": Layout("x1 to x4, then y1 to y4", 0.03),
}
LAYOUTS: dict[int, dict[str, Layout]] = {
    0: {"corners": Layout("an outline", 0.0)},
    2: {"point": Layout("a point", 0.0)},
    4: BOXES,
    5: TURNED,
    8: QUADS,
}
"""By the count of numbers of an object; 0 is an outline, which comes here as the two corners of its bounds."""


class Frame(NamedTuple):
    """units(sizes n x 2) -> (scale, offset, full), each n x 2: px = unit * scale + offset; full: the unit of the far
    border, about which a mirrored axis turns. words: what the unit is. cost: as of a layout."""

    words: str
    units: Callable[[Array], tuple[Array, Array, Array]]
    cost: float


def _relative(sizes: Array) -> tuple[Array, Array, Array]:
    return sizes, np.zeros_like(sizes), np.ones_like(sizes)


def _pixels(sizes: Array) -> tuple[Array, Array, Array]:
    return np.ones_like(sizes), np.zeros_like(sizes), sizes


def _resized(sizes: Array) -> tuple[Array, Array, Array]:
    after = np.array([_resize.resized((int(w), int(h))) for w, h in sizes], dtype=np.float64).reshape(-1, 2)
    return sizes / after, np.zeros_like(sizes), after


def _padded(sizes: Array) -> tuple[Array, Array, Array]:
    side = np.broadcast_to(sizes.max(axis=1, keepdims=True), sizes.shape)
    return side, (sizes - side) / 2, np.ones_like(sizes)


def _by_longer(sizes: Array) -> tuple[Array, Array, Array]:
    side = np.broadcast_to(sizes.max(axis=1, keepdims=True), sizes.shape)
    return side, np.zeros_like(sizes), sizes / side


def _crossed(sizes: Array) -> tuple[Array, Array, Array]:
    return sizes[:, ::-1], np.zeros_like(sizes), np.ones_like(sizes)


FRAMES = {
    "relative": Frame("of the view's width and height", _relative, 0.0),
    "pixels": Frame("pixels of the view", _pixels, 0.0),
    "resized": Frame("pixels of the view as Qwen2.5-VL's processor resizes it", _resized, 0.01),
    "longer side": Frame("of the view's longer side on both axes", _by_longer, 0.02),
    "padded": Frame("of the square into which the view is padded", _padded, 0.02),
    "crossed": Frame("of the height along x and of the width along y", _crossed, 0.03),
}


class Reading(NamedTuple):
    """unit = scale * raw + shift on each axis; a mirrored axis then runs from the far border; frame: unit -> px."""

    layout: str
    frame: str
    is_swapped: bool
    mirrored: tuple[bool, bool]
    scale: tuple[float, float]
    shift: tuple[float, float]


def rectangles(layout: str, numbers: Array) -> Rectangles | None:
    """The rectangles that n x 4 or n x 5 numbers are in a layout, raw; None for layouts of points."""
    if numbers.shape[1] not in (4, 5):
        return None
    shape, _, angle = layout.partition(", ")
    angles = np.zeros(len(numbers))
    if numbers.shape[1] == 5 and angle != "no angle":
        angles = numbers[:, 4] if angle.startswith("radians") else np.radians(numbers[:, 4])
        angles = -angles if angle.endswith("counter-clockwise") else angles
    first, second = numbers[:, :2], numbers[:, 2:4]
    if shape == "x's then y's":
        first, second = numbers[:, [0, 2]], numbers[:, [1, 3]]
    if shape == "corner and size":
        return Rectangles(first + second / 2, second, angles)
    if shape == "centre and size":
        return Rectangles(first, second, angles)
    if shape == "turned corners":
        across, along = (second - first), np.stack((np.cos(angles), np.sin(angles)), axis=1)
        sides = np.abs(np.stack(((across * along).sum(1), along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]), 1))
        return Rectangles((first + second) / 2, sides, angles)
    return Rectangles((first + second) / 2, second - first, angles)


def points(layout: str, numbers: Array) -> Array:
    """The n x k x 2 raw points of numbers that are points: k is 1, 2 (the bounds of an outline) or 4."""
    if layout == "four x's then four y's":
        return np.stack((numbers[:, :4], numbers[:, 4:]), axis=2)
    return numbers.reshape(len(numbers), -1, 2)


def centres(layout: str, numbers: Array) -> Array:
    """The middles of n objects, n x 2, raw."""
    found = rectangles(layout, numbers)
    return found.centres if found is not None else points(layout, numbers).mean(axis=1)


def to_px(raw: Array, reading: Reading, sizes: Array) -> Array:
    """Raw points n x ... x 2 as pixels of the views of those sizes (n x 2)."""
    across = (len(sizes), *(1,) * (raw.ndim - 2), 2)
    scale, offset, full = (part.reshape(across) for part in FRAMES[reading.frame].units(sizes))
    unit = (raw[..., ::-1] if reading.is_swapped else raw) * np.array(reading.scale) + np.array(reading.shift)
    placed: Array = np.where(np.array(reading.mirrored), full - unit, unit) * scale + offset
    return placed


def quads(reading: Reading, numbers: Array, sizes: Array) -> Array:
    """The corners in px, n x 4 x 2, clockwise where the object has an area; points and bounds as flat or upright quads.

    Rotation happens in px, after the sides were scaled (as the publishers do who say an angle).
    """
    found = rectangles(reading.layout, numbers)
    if found is None:
        return _as_quads(to_px(points(reading.layout, numbers), reading, sizes))
    if reading.layout.startswith("turned corners"):
        return _between(to_px(numbers[:, :4].reshape(-1, 2, 2), reading, sizes), found.angles)
    unit_scale = FRAMES[reading.frame].units(sizes)[0] * np.abs(np.array(reading.scale))
    sides = np.abs(found.sides[:, ::-1] if reading.is_swapped else found.sides) * unit_scale / 2
    centre = to_px(found.centres, reading, sizes)
    return _turned(centre, sides, found.angles)


def _turned(centre: Array, half: Array, angles: Array) -> Array:
    """Rectangles by their middles, half sides and angles, in px."""
    cos, sin = np.cos(angles), np.sin(angles)
    along, beside = np.stack((cos, sin), axis=1) * half[:, :1], np.stack((-sin, cos), axis=1) * half[:, 1:]
    corners = (centre - along - beside, centre + along - beside, centre + along + beside, centre - along + beside)
    return np.stack(corners, axis=1)


def _between(corners: Array, angles: Array) -> Array:
    """Rectangles whose opposite corners (n x 2 x 2, px) and the direction of a side are given."""
    across = corners[:, 1] - corners[:, 0]
    cos, sin = np.cos(angles), np.sin(angles)
    sides = np.stack((across[:, 0] * cos + across[:, 1] * sin, across[:, 1] * cos - across[:, 0] * sin), axis=1)
    return _turned(corners.mean(axis=1), np.abs(sides) / 2, angles)


def _as_quads(found: Array) -> Array:
    if found.shape[1] == 4:
        across, down = found[:, 2] - found[:, 0], found[:, 3] - found[:, 1]
        backward = across[:, 0] * down[:, 1] < across[:, 1] * down[:, 0]
        return np.where(backward[:, None, None], found[:, ::-1], found)
    low, high = found.min(axis=1), found.max(axis=1)
    return np.stack((low, np.stack((high[:, 0], low[:, 1]), 1), high, np.stack((low[:, 0], high[:, 1]), 1)), axis=1)
