"""What many anchors cover of each object together: inside them, on them, overlapping or surrounded by them.

Anchors that are the subject itself, by the keys of `Measured`, never count. Areas in px² of one view.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from georsmllm.measures import Measured
from georsmllm.relations import INSIDE, OVERLAP, OVERLAP_PX, RING_PX, SURROUNDED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


def covered(subjects: Measured, anchors: Measured) -> Floats:
    """The area in px² of each subject that lies in any anchor; what two anchors share counts once."""
    import numpy as np
    import shapely

    found = np.zeros(len(subjects))
    if not len(subjects) or not len(anchors):
        return found
    rows, columns = pairs(subjects, anchors)
    pieces = shapely.intersection(subjects.surfaces[rows], anchors.surfaces[columns])
    several = np.bincount(rows, minlength=len(subjects)) > 1
    found[rows[~several[rows]]] = shapely.area(pieces[~several[rows]])
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for at in np.flatnonzero(several[rows]):
        groups[int(rows[at])].append(int(at))
    for i, members in groups.items():
        found[i] = shapely.area(shapely.union_all(pieces[members]))
    return found


def shares(subjects: Measured, anchors: Measured) -> Floats:
    """The share of each subject that lies in any anchor; of one without area whether its middle does."""
    import numpy as np
    import shapely

    found = np.divide(covered(subjects, anchors), subjects.areas, out=np.zeros(len(subjects)), where=subjects.areas > 0)
    flat = np.flatnonzero(subjects.areas == 0)
    if len(flat) and len(anchors):
        rows, columns = anchors.tree.query(shapely.points(subjects.centres[flat]), predicate="intersects")
        same = set(subjects.same(anchors))
        for row, column in zip(flat[rows], columns, strict=True):
            if (int(row), int(column)) not in same:
                found[row] = 1.0
    return found


def inside(subjects: Measured, anchors: Measured) -> Bools:
    """80 % of the subject lie in the anchors."""
    found: Bools = shares(subjects, anchors) >= INSIDE
    return found


def overlaps(subjects: Measured, anchors: Measured) -> Bools:
    """The anchors share 5 % of the subject, and 16 px², with it."""
    import numpy as np

    found: Bools = covered(subjects, anchors) >= np.maximum(OVERLAP_PX, OVERLAP * subjects.areas)
    return found


def surrounded_by_areas(subjects: Measured, anchors: Measured) -> Bools:
    """Three quarters of a ring of 5 px about the subject, as far as it lies in the view, lie in the anchors."""
    import shapely

    around = shapely.intersection(shapely.buffer(subjects.surfaces, RING_PX), shapely.box(0, 0, *subjects.size_wh))
    rings = Measured(subjects.shapes, subjects.size_wh, subjects.keys)
    rings.surfaces = shapely.difference(around, subjects.surfaces)
    found: Bools = shares(rings, anchors) >= SURROUNDED
    return found


def pairs(subjects: Measured, anchors: Measured) -> tuple[Ints, Ints]:
    """(rows, columns) of the subjects and anchors that meet, none with itself."""
    import numpy as np

    rows, columns = anchors.tree.query(subjects.surfaces, predicate="intersects")
    same = subjects.same(anchors)
    if same:
        mine = np.full(len(subjects), -1)
        mine[[i for i, _ in same]] = [j for _, j in same]
        other = mine[rows] != columns
        rows, columns = rows[other], columns[other]
    return rows, columns
