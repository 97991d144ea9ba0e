"""Rotated boxes of an answer, all at once: what the dialects with an angle write, as arrays.

The same rules as in `_angles`, object by object; a law holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.contracts import Spoken

from ._angles import SAME
from ._pen import NEARLY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MANY = 6
"""So many boxes are worth the call."""


def quads_of(objects: Sequence[Spoken]) -> Array | None:
    """N x 8: the corners of many rotated boxes in px; None unless these are that."""
    if len(objects) < MANY or any(spoken.shape.kind != "rbox" for spoken in objects):
        return None
    import numpy as np

    return np.array([v for o in objects for corner in o.shape.rings[0].points for v in corner]).reshape(-1, 8)


def quarters(quads: Array) -> Array | None:
    """N x 5: x, y, w, h in px and degrees in (0, 90] as `_angles.quarter` has them; None unless all boxes are convex."""
    import numpy as np

    from georsmllm.quad_kernels import turned_quads

    turned = turned_quads(quads)
    if turned is None:
        return None
    w, h, degrees = turned[:, 2], turned[:, 3], turned[:, 4]
    degrees = np.where(degrees > 180 - SAME, 0.0, degrees)
    is_square = np.abs(w - h) <= SAME * np.maximum(w, h)
    degrees = np.where(is_square, 90 - (90 - degrees) % 90, degrees)
    along_y, beyond = degrees <= SAME, degrees > 90 + SAME
    swapped = along_y | beyond
    turned[:, 2], turned[:, 3] = np.where(swapped, h, w), np.where(swapped, w, h)
    turned[:, 4] = np.where(along_y, 90.0, np.where(beyond, degrees - 90, np.minimum(degrees, 90.0)))
    return turned


def seen(turned: Array) -> Array:
    """N x 4: y1, x1, y2, x2 of the bounds of n x 5 rectangles, without the noise of the last digits."""
    import numpy as np

    x, y, w, h, degrees = turned.T
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    right = degrees % 90 == 0
    cos, sin = np.where(right, np.round(cos), cos), np.where(right, np.round(sin), sin)
    across, down = (np.abs(w * cos) + np.abs(h * sin)) / 2, (np.abs(w * sin) + np.abs(h * cos)) / 2
    return np.round(np.stack((y - down, x - across, y + down, x + across), axis=1), 6)


def nearest(values: Array) -> Array:
    """To the nearest whole number, halves up, as `_pen.nearest`."""
    import numpy as np

    return np.floor(values + 0.5 + NEARLY)


class Said(NamedTuple):
    """The text of each of many boxes, in the order in which they came, and the order in which an answer says them."""

    texts: list[str]
    order: list[int]


def ordered(texts: list[str], places: Array) -> Said:
    """By where they are seen (n x 4), ties by the text, as `_pen.written` orders them."""
    import numpy as np

    order = np.lexsort(places.T[::-1])
    if (np.diff(places[order], axis=0) == 0).all(axis=1).any():
        return Said(texts, sorted(range(len(texts)), key=lambda i: (places[i].tolist(), texts[i])))
    return Said(texts, order.tolist())
