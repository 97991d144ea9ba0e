"""Parts of things that words name: the northern half of a lake, the upper left corner of a car park, the middle of a field."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .frame import PART, Frame, Unsaid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.measures import Measured
    from georsmllm.types import Point

    Numbers = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_MIDDLE = re.compile(r"cent|middle")


def portions(things: Measured, side: str, frame: Frame) -> Geometries:
    """What of each thing lies beyond the middle of its extent towards every direction that the words name; of its centre the
    middle half of its extent both ways. Raises Unsaid for words that name no part."""
    words = side.lower().replace("_", " ")
    ways = [(way.towards, 0.5) for part in dict.fromkeys(PART.findall(words)) if (way := frame.direction(part))]
    if not ways and _MIDDLE.search(words):
        ways = [((x, y), 0.25) for x, y in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))]
    if not ways:
        raise Unsaid("NOT_GEOMETRIC", f"{side[:30]!r} is no part of a thing that outlines tell")
    found = things.surfaces.copy()
    for towards, share in ways:
        found = _beyond(found, things, towards, share)
    return found


def _beyond(surfaces: Geometries, things: Measured, towards: Point, share: float) -> Geometries:
    """What of each surface lies in a direction behind that share of the extent of its thing."""
    import numpy as np
    import shapely

    x, y = towards
    far = 2 * float(np.abs(shapely.bounds(surfaces)).max(initial=1.0)) + 2 * math.hypot(*things.size_wh)
    extents, reaches = things.extents(towards), things.reaches(towards)
    planes = []
    for at in reaches - (1 - share) * extents:
        left, right = (at * x - far * y, at * y + far * x), (at * x + far * y, at * y - far * x)
        planes.append([left, right, (right[0] + far * x, right[1] + far * y), (left[0] + far * x, left[1] + far * y)])
    found: Geometries = shapely.intersection(surfaces, shapely.polygons(planes))
    return found


def number_in(subjects: Measured, anchors: Measured, side: str, frame: Frame) -> Numbers:
    """Of how many of the anchors the middle of each subject lies in the part that is named."""
    import numpy as np
    import shapely

    found = np.zeros(len(subjects), dtype=np.int64)
    tree = shapely.STRtree(portions(anchors, side, frame))
    same = set(subjects.same(anchors))
    for i, j in zip(*tree.query(shapely.points(subjects.centres), predicate="intersects"), strict=True):
        found[i] += (int(i), int(j)) not in same
    return found
