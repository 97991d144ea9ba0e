"""Relations of objects to many anchors at once: how many anchors stand in a relation to each, or how they lie about it.

`relations` has the definitions for pairs. Here a count, a length or a bool comes out for each subject, and no table of all
pairs is ever held, so that ten thousand subjects and as many anchors take memory for a part of them. Anchors that are the
subject itself, by the keys of `Measured`, never count.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from georsmllm.covering import pairs
from georsmllm.measures import Measured
from georsmllm.relations import (
    ALONG,
    DISPLACED,
    FROM,
    LATERAL,
    NEAR,
    TO,
    displaced,
    holds,
    runs_along,
)
from georsmllm.ribbons import CELLS, extent, offsets, side_line, towards_side
from georsmllm.types import Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

OPEN_DEG, OPPOSITE_DEG = 150.0, 120.0
"""The widest gap between the directions in which single things stand about what they surround; how far apart the directions
of two that flank a compact thing are at least."""
PIECE = 0.01
"""The least share of something that counts as a piece of it, where another cuts it in two."""


def number(test: Callable[[Measured, Measured], Bools], subjects: Measured, anchors: Measured) -> Ints:
    """Of each subject the number of anchors that a test of pairs holds of."""
    import numpy as np

    found = np.zeros(len(subjects), dtype=np.int64)
    step = max(1, CELLS // max(1, len(anchors)))
    for at in range(0, len(subjects), step):
        part = subjects if step >= len(subjects) else subjects.part(at, at + step)
        found[at : at + step] = test(part, anchors).sum(axis=1)
    return found


def number_that(relation: str, subjects: Measured, anchors: Measured) -> Ints:
    """Of each subject the number of anchors to which it stands in a relation of `relations.holds`."""
    return number(lambda these, those: holds(relation, these, those), subjects, anchors)


# --- what stands about a subject ---------------------------------------------------------------------------------------


def surrounded_by_things(subjects: Measured, anchors: Measured) -> Bools:
    """Of the anchors nearby (8 % of the diagonal) there is one within every 150 degrees about the subject."""
    import numpy as np

    found = np.zeros(len(subjects), dtype=bool)
    for i, near in _nearby(subjects, anchors):
        angles = np.sort(np.degrees(np.arctan2(*(anchors.centres[near] - subjects.centres[i]).T[::-1])))
        gaps = np.diff(np.concatenate([angles, angles[:1] + 360]))
        found[i] = len(near) > 2 and bool(gaps.max() <= OPEN_DEG)
    return found


def flanked(subjects: Measured, anchors: Measured) -> Bools:
    """There are anchors nearby on both sides: of the long axis, beside the subject and not beyond its ends; of a compact
    subject two that are seen from it at 120 degrees or more from one another."""
    import numpy as np

    found = np.zeros(len(subjects), dtype=bool)
    for i, near in _nearby(subjects, anchors):
        apart = anchors.centres[near] - subjects.centres[i]
        start, end = subjects.axes[i]
        if start == end:
            units = apart / np.maximum(np.hypot(*apart.T), 1e-9)[:, None]
            found[i] = bool((units @ units.T).min() <= math.cos(math.radians(OPPOSITE_DEG)) + 1e-9)
            continue
        length = math.dist(start, end)
        ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        beside = np.abs(apart @ (ux, uy)) <= length / 2
        across = (apart @ (-uy, ux))[beside]
        found[i] = bool((across > 0).any() and (across < 0).any())
    return found


def facing(subjects: Measured, anchors: Measured) -> Bools:
    """An anchor is nearby and no other subject lies on the shortest way to it: the first row along a river."""
    import numpy as np
    import shapely

    found = np.zeros(len(subjects), dtype=bool)
    if not len(subjects) or not len(anchors):
        return found
    for i, near in _nearby(subjects, anchors):
        ways = shapely.shortest_line(subjects.surfaces[i], anchors.surfaces[near])
        rows, columns = subjects.tree.query(ways, predicate="intersects")
        blocked = set(rows[columns != i].tolist())
        found[i] = len(blocked) < len(near)
    return found


# --- sides and ways --------------------------------------------------------------------------------------------------


def on_side(subjects: Measured, anchors: Measured, towards: Point) -> Floats:
    """How far the middle of each subject lies, in px, on the side of the nearest anchor towards a direction; negative: on the
    other side. Of a ribbon or a long anchor it is the side of its line; where that line runs in the direction itself, and of
    compact anchors, how much farther in the direction the middle lies."""
    import numpy as np

    found = np.full(len(subjects), np.nan)
    if not len(subjects) or not len(anchors):
        return found
    nearest = _nearest(subjects, anchors)
    for j in np.unique(nearest[nearest >= 0]):
        mine = np.flatnonzero(nearest == j)
        line = side_line(anchors, int(j))
        side = towards_side(line, towards)
        if side == 0:
            found[mine] = (subjects.centres[mine] - anchors.centres[j]) @ towards
        else:
            found[mine] = side * offsets(subjects.centres[mine], line, 2 * math.hypot(*subjects.size_wh))
    return found


def alike(subjects: Measured, anchors: Measured, others: Measured) -> Floats:
    """1 where the middle of a subject lies on the same side of the line of the nearest anchor as that of one of the others, -1
    where all of them lie beyond the line; NaN where the anchor is compact and has no line, or there are no others."""
    import numpy as np

    found = np.full(len(subjects), np.nan)
    if not len(subjects) or not len(anchors) or not len(others):
        return found
    far = 2 * math.hypot(*subjects.size_wh)
    nearest = _nearest(subjects, anchors)
    for j in np.unique(nearest[nearest >= 0]):
        mine = np.flatnonzero(nearest == j)
        line = side_line(anchors, int(j))
        if len(line) < 2:
            continue
        theirs = np.sign(offsets(others.centres, line, far))
        found[mine] = (np.sign(offsets(subjects.centres[mine], line, far))[:, None] * theirs[None, :]).max(axis=1)
    return found


def farther(subjects: Measured, anchors: Measured, towards: Point) -> Bools:
    """The subject lies farther in a direction than some anchor, by a quarter of their mean extent (`relations`); of anchors
    that are ribbons running across the direction, that it lies on that side of the nearest, by as much."""
    import numpy as np

    sizes = extent(anchors)
    lines = [
        int(j) for j in np.flatnonzero(sizes.are_ribbons) if towards_side(side_line(anchors, int(j)), towards) != 0
    ]
    others = _some(anchors, [j for j in range(len(anchors)) if j not in set(lines)])
    found = number(lambda these, those: displaced(these, those, towards), subjects, others) > 0
    if lines:
        ribbons = _some(anchors, lines)
        width = sizes.widths[lines].mean()
        least = DISPLACED * (subjects.extents(towards) + width) / 2
        found |= np.nan_to_num(on_side(subjects, ribbons, towards), nan=-np.inf) >= np.maximum(least, 1e-9)
    return found


def amid(subjects: Measured, first: Measured, second: Measured) -> Bools:
    """The middle lies on the way from one anchor to another, as in `relations.between`; the ends of the way are the anchors'
    middles, of ribbons the place nearest to the subject."""
    import numpy as np

    found = np.zeros(len(subjects), dtype=bool)
    long_one, long_other = extent(first).are_ribbons, extent(second).are_ribbons
    same = set(first.same(second))
    own = {i: k for k, i in subjects.same(first)}, {j: k for k, j in subjects.same(second)}
    for i in range(len(first)):
        for j in range(len(second)):
            if (i, j) in same:
                continue
            starts = _ends(subjects, first, i, is_ribbon=bool(long_one[i]))
            ends = _ends(subjects, second, j, is_ribbon=bool(long_other[j]))
            is_amid = _on_way(subjects.centres, starts, ends)
            is_amid[[k for k in (own[0].get(i), own[1].get(j)) if k is not None]] = False
            found |= is_amid
    return found


def along(subjects: Measured, anchors: Measured, *, enough: int = 1) -> Ints:
    """The number of anchors that each runs along, counted up to `enough` from the nearest; of a subject without a direction,
    such as a house, those that its middle is within 5 % of the diagonal of."""
    import numpy as np
    import shapely

    found = np.zeros(len(subjects), dtype=np.int64)
    if not len(subjects) or not len(anchors):
        return found
    reach, compact = ALONG * subjects.diagonal, np.isnan(subjects.directions)
    whats = np.where(compact, shapely.points(subjects.centres), subjects.surfaces)
    rows, columns = anchors.tree.query(whats, predicate="dwithin", distance=reach)
    far = shapely.distance(whats[rows], anchors.surfaces[columns])
    same = set(subjects.same(anchors))
    for at in np.lexsort((columns, far, rows)):
        i, j = int(rows[at]), int(columns[at])
        if found[i] < enough and (i, j) not in same:
            found[i] += bool(compact[i]) or runs_along(subjects, i, anchors, j)
    return found


def crossings(subjects: Measured, anchors: Measured) -> Ints:
    """The number of anchors that each subject crosses: one of the two falls in pieces where the other is cut out of it."""
    import numpy as np

    found = np.zeros(len(subjects), dtype=np.int64)
    if len(subjects) and len(anchors):
        for i, j in zip(*pairs(subjects, anchors), strict=True):
            mine, theirs = subjects.surfaces[i], anchors.surfaces[j]
            found[i] += _falls_apart(mine, theirs) or _falls_apart(theirs, mine)
    return found


def angles(subjects: Measured, anchors: Measured) -> Floats:
    """Of each subject the angle in degrees, 0 to 90, between its long axis and the anchor nearest to its middle, as that runs
    nearby; NaN where one of them has no direction."""
    import numpy as np
    import shapely

    found = np.full(len(subjects), np.nan)
    if not len(subjects) or not len(anchors):
        return found
    for i, j in enumerate(_nearest(subjects, anchors)):
        if j < 0 or np.isnan(subjects.directions[i]):
            continue
        reach = shapely.distance(subjects.surfaces[i], anchors.surfaces[j]) + ALONG * subjects.diagonal
        theirs = anchors.direction_near(int(j), subjects.box_around(i, float(reach)))
        theirs = anchors.directions[j] if np.isnan(theirs) else theirs
        found[i] = abs((subjects.directions[i] - theirs + 90) % 180 - 90)
    return found


def gaps(subjects: Measured, anchors: Measured) -> Floats:
    """From each subject to its nearest anchor in px, between the outlines; infinite without anchors."""
    import numpy as np
    import shapely

    found = np.full(len(subjects), np.inf)
    if not len(subjects) or not len(anchors):
        return found
    (rows, _), far = anchors.tree.query_nearest(subjects.surfaces, all_matches=False, return_distance=True)
    found[rows] = far
    for i, j in subjects.same(anchors):
        others = np.delete(anchors.surfaces, j)
        found[i] = shapely.distance(subjects.surfaces[i], others).min() if len(others) else np.inf
    return found


# --- parts of the definitions ----------------------------------------------------------------------------------------


def _nearby(subjects: Measured, anchors: Measured) -> Iterator[tuple[int, Ints]]:
    """(i, the anchors within 8 % of the diagonal of subject i) where there are some."""
    import numpy as np

    if not len(subjects) or not len(anchors):
        return
    rows, columns = anchors.tree.query(subjects.surfaces, predicate="dwithin", distance=NEAR * subjects.diagonal)
    same = set(subjects.same(anchors))
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if (i, j) not in same:
            groups[i].append(j)
    for i, near in sorted(groups.items()):
        yield i, np.array(sorted(near))


def _nearest(subjects: Measured, anchors: Measured) -> Ints:
    """The anchor nearest to the middle of each subject, -1 where the subject itself is the only one."""
    import numpy as np
    import shapely

    points = shapely.points(subjects.centres)
    rows, columns = anchors.tree.query_nearest(points, all_matches=False)
    found = np.full(len(subjects), -1)
    found[rows] = columns
    for i, j in subjects.same(anchors):
        far = shapely.distance(points[i], anchors.surfaces)
        far[j] = np.inf
        found[i] = far.argmin() if len(anchors) > 1 else -1
    return found


def _some(shapes: Measured, indices: list[int]) -> Measured:
    if len(indices) == len(shapes):
        return shapes
    keys = [shapes.keys[i] for i in indices] if shapes.keys else ()
    some = Measured([shapes.shapes[i] for i in indices], shapes.size_wh, keys)
    some.surfaces = shapes.surfaces[indices]
    return some


def _ends(subjects: Measured, anchors: Measured, index: int, *, is_ribbon: bool) -> Floats:
    """Where the way from an anchor starts for each subject, n x 2."""
    import numpy as np
    import shapely

    if not is_ribbon:
        return np.broadcast_to(anchors.centres[index], subjects.centres.shape)
    lines = shapely.shortest_line(anchors.surfaces[index], shapely.points(subjects.centres))
    found: Floats = shapely.get_coordinates(lines)[::2]
    return found


def _on_way(points: Floats, starts: Floats, ends: Floats) -> Bools:
    import numpy as np

    ways, apart = ends - starts, points - starts
    squared = (ways**2).sum(axis=1)
    safe = np.where(squared > 0, squared, 1.0)
    at = (apart * ways).sum(axis=1) / safe
    off = np.abs(apart[:, 1] * ways[:, 0] - apart[:, 0] * ways[:, 1]) / safe
    found: Bools = (squared > 0) & (at >= FROM) & (at <= TO) & (off <= LATERAL)
    return found


def _falls_apart(whole: object, cutter: object) -> bool:
    import shapely

    left = shapely.area(shapely.get_parts(shapely.difference(whole, cutter)))
    return int((left >= PIECE * shapely.area(whole)).sum()) > 1 and bool(shapely.area(whole) > 0)
