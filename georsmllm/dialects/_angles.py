"""Rotated boxes as centre, sides and angle in pixels, and back to corners; rotation is never done in relative numbers.

OpenCV's `minAreaRect` has changed its angle range twice (4.5.1, 4.14); here the range is a function's name. Degrees grow
clockwise on the screen (y down): the side `w` runs along (cos t, sin t).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from georsmllm.geometry import Corners, min_area_rect
from georsmllm.types import Point

SAME = 1e-9
"""Angles in degrees, and sides relative to each other, that differ by less are meant to be equal."""


class Turned(NamedTuple):
    """The rectangle c +/- w/2 (cos t, sin t) +/- h/2 (-sin t, cos t), t in degrees clockwise, lengths in px."""

    x: float
    y: float
    w: float
    h: float
    degrees: float


def corners(turned: Turned) -> Corners:
    """Clockwise on the screen, from the corner that is top left before the rotation."""
    cos, sin = math.cos(math.radians(turned.degrees)), math.sin(math.radians(turned.degrees))
    if turned.degrees % 90 == 0:  # a right angle is exact
        cos, sin = float(round(cos)), float(round(sin))
    ax, ay, bx, by = turned.w / 2 * cos, turned.w / 2 * sin, -turned.h / 2 * sin, turned.h / 2 * cos
    x, y = turned.x, turned.y
    return (
        (x - ax - bx, y - ay - by),
        (x + ax - bx, y + ay - by),
        (x + ax + bx, y + ay + by),
        (x - ax + bx, y - ay + by),
    )


def place(turned: Turned) -> tuple[float, ...]:
    """Where the rectangle is seen, y before x, the far corner last; without the noise of the last digits."""
    ring = corners(turned)
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return tuple(round(number, 6) for number in (min(ys), min(xs), max(ys), max(xs)))


def long_side(points: Sequence[Point]) -> Turned:
    """The rectangle of least area around the points, w its longer side, degrees in [0, 180); a square's in (0, 90]."""
    a, b, c, _ = min_area_rect(points)
    first, second = math.dist(a, b), math.dist(b, c)
    (x1, y1), (x2, y2) = (a, b) if first >= second else (b, c)
    degrees = math.degrees(math.atan2(y2 - y1, x2 - x1)) % 180
    if degrees > 180 - SAME:
        degrees = 0.0
    if math.isclose(first, second, rel_tol=SAME):
        degrees = 90 - (90 - degrees) % 90
    return Turned((a[0] + c[0]) / 2, (a[1] + c[1]) / 2, max(first, second), min(first, second), degrees)


def quarter(points: Sequence[Point]) -> Turned:
    """The same rectangle by the rule of OpenCV 4.5.1 to 4.13 ("oc"): degrees in (0, 90], either side the longer one."""
    x, y, w, h, degrees = long_side(points)
    if degrees <= SAME:
        return Turned(x, y, h, w, 90.0)
    if degrees > 90 + SAME:
        return Turned(x, y, h, w, degrees - 90)
    return Turned(x, y, w, h, min(degrees, 90.0))


def counter_clockwise(points: Sequence[Point]) -> tuple[Turned, int]:
    """The rectangle by its longer side, and that side's direction by BboxToolkit's rule: whole degrees counter-clockwise on
    the screen, -89 to 90 (-90 is the same direction as 90), of a square 1 to 90."""
    turned = long_side(points)
    degrees = -turned.degrees if turned.degrees < 90 else 180 - turned.degrees
    if math.isclose(turned.w, turned.h, rel_tol=SAME) and degrees <= 0:
        degrees += 90
    angle = math.floor(degrees + 0.5 + SAME)
    return turned, 90 if angle == -90 else angle
