"""Parts of a view to which a question may be confined: named ones and windows, where what belongs to them is beyond doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from georsmllm.geometry import bounds
from georsmllm.measures import Measured
from georsmllm.pointtext import N
from georsmllm.relations import region_shares
from georsmllm.types import PointSet, Sample, box

from ._gold import cell_of

INSIDE, OUTSIDE = 0.8, 0.2
"""An object belongs to a region with at least 80 % of its area in it and not with at most 20 %; between, nobody asks.
Where nothing belongs to a region, nothing may reach into it either: "none" is said of untouched regions only."""

COARSE = 10
"""Windows have their borders on every tenth line of the grid, which dialects of a hundred steps have, too."""
TRIES = (6, 24, 60, 60, 60, 60)
"""Windows that are tried at a time: between slanted rows of ships about one in a hundred stands, elsewhere most do."""

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]


class Windowed(NamedTuple):
    window: PointSet
    targets: tuple[int, ...]


def provable_regions(view: Sample, indices: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Region -> the objects of a class in it, for regions that nothing straddles, that nothing ignored touches, and that
    are not only grazed: where no object is inside, none may touch. indices: all of the class in one image, ignored ones
    included."""
    ignored = _ignored(view, indices)
    found: dict[str, tuple[int, ...]] = {}
    for region, shares in region_shares(_measured(view, indices)).items():
        inside = _inside(indices, shares)
        if not (shares > 0).any() or (inside and _is_clear(shares, ignored)):
            found[region] = inside
    return found


def provable_windows(
    view: Sample, indices: tuple[int, ...], rng: Random, *, count: int, max_objects: int
) -> tuple[Windowed, ...]:
    """Up to so many windows, each about a few objects of a class but not all of it, which have none in common; nothing of
    the class straddles a window, and nothing ignored touches it. indices: as in `provable_regions`."""
    own, ignored = _measured(view, indices), _ignored(view, indices)
    most = min(max_objects, int((~ignored).sum()) - 1)
    found: list[Windowed] = []
    taken: set[int] = set()
    for tries in TRIES if most > 0 else ():
        windows = [_around(own, ignored, rng, most) for _ in range(tries)]
        shares = own.shares_in(Measured(windows, own.size_wh))
        for window, column in zip(windows, shares.T, strict=True):
            inside = _inside(indices, column)
            if (
                len(found) < count
                and 0 < len(inside) <= most
                and taken.isdisjoint(inside)
                and _is_clear(column, ignored)
            ):
                found.append(Windowed(window, inside))
                taken.update(inside)
        if len(found) == count:
            break
    return tuple(found)


def quiet_box(shapes: Sequence[PointSet], size_wh: tuple[int, int], rng: Random) -> PointSet | None:
    """A random box of 10-30 % of each side that none of the shapes comes near; None when 20 draws fail."""
    cell_w, cell_h = cell_of(size_wh)
    taken = [bounds(shape) for shape in shapes]
    steps = N // COARSE
    for _ in range(20):
        w, h = rng.randint(steps // 10, 3 * steps // 10), rng.randint(steps // 10, 3 * steps // 10)
        left, top = rng.randint(0, steps - w), rng.randint(0, steps - h)
        x1, y1, x2, y2 = (
            COARSE * line * cell
            for line, cell in ((left, cell_w), (top, cell_h), (left + w, cell_w), (top + h, cell_h))
        )
        if all(x2 + cell_w < a or c + cell_w < x1 or y2 + cell_h < b or d + cell_h < y1 for a, b, c, d in taken):
            return box(x1, y1, x2, y2)
    return None


def _measured(view: Sample, indices: tuple[int, ...]) -> Measured:
    return Measured([view.targets[i].shape for i in indices], view.images[view.targets[indices[0]].image].size_wh)


def _ignored(view: Sample, indices: tuple[int, ...]) -> _Bools:
    return np.array([view.targets[i].ignore is not None for i in indices])


def _inside(indices: tuple[int, ...], shares: _Floats) -> tuple[int, ...]:
    return tuple(i for i, share in zip(indices, shares, strict=True) if share >= INSIDE)


def _is_clear(shares: _Floats, ignored: _Bools) -> bool:
    """Whether every object is in or out, and none that touches is ignored."""
    straddles = (shares > OUTSIDE) & (shares < INSIDE)
    return not bool((straddles | ((shares > 0) & ignored)).any())


def _around(own: Measured, ignored: _Bools, rng: Random, most: int) -> PointSet:
    """A window about one object that is asked for and its nearest neighbours, on coarse lines."""
    middle = own.centres[rng.choice(np.flatnonzero(~ignored))]
    far = np.square(own.centres - middle).sum(axis=1)
    near = np.argsort(far, kind="stable")[: rng.randint(1, most)]
    surfaces = shapely.bounds(own.surfaces[near])
    sides: list[tuple[float, float]] = []
    for axis, length in enumerate(own.size_wh):
        step = length * COARSE / N
        first = math.floor(surfaces[:, axis].min() / step) - rng.randint(0, 1)
        last = math.ceil(surfaces[:, axis + 2].max() / step) + rng.randint(0, 1)
        sides.append((max(0, first) * step, min(N // COARSE, max(last, first + 1)) * step))
    (x1, x2), (y1, y2) = sides
    return box(x1, y1, x2, y2)
