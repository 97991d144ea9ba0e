"""Comparisons of findings by what is measured of their outlines: superlatives, ranks, thresholds, and the numbers they need."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from georsmllm.found import Finding

from .amounts import amount
from .frame import Frame, Unsaid, span
from .geometric import Verdict
from .plan import Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.measures import Measured

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

SAME = 1e-9
"""Values that differ by no more than this share are a tie."""
_LEAST = re.compile(
    r"\b(smallest|shortest|narrowest|nearest|closest|least|lowest|fewest|minimum|min|asc|ascending|leftmost|topmost|"
    r"uppermost|northernmost|westernmost|smaller|tiniest)\b"
)
_MOST = re.compile(
    r"\b(largest|biggest|longest|widest|farthest|furthest|most|highest|greatest|maximum|max|desc|descending|rightmost|"
    r"bottommost|lowermost|southernmost|easternmost|broadest)\b"
)
_COMPASS = re.compile(r"north|south|east|west")
MEANS = ("mean", "average", "avg")
_TIMES = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(?:x|times)(?: |$)")
"""How many times what the value says then, or the anchors: "2x", "1.5x mean"."""


class Sets(NamedTuple):
    """What is compared. anchors: the sets of the step's anchors, in order."""

    inputs: tuple[Finding, ...]
    anchors: tuple[tuple[Finding, ...], ...]

    @property
    def all_anchors(self) -> tuple[Finding, ...]:
        return tuple({one.id: one for group in self.anchors for one in group}.values())


def compared(step: Step, sets: Sets, frame: Frame) -> Verdict:
    """Which of the inputs a comparison keeps; ties are kept together. Raises Unsaid where outlines do not tell."""
    compare = step.compare
    assert compare is not None
    if compare.mode in ("min", "max", "top_k", "rank_k", "argmax_label"):
        return _ranked(step, sets, frame)
    if compare.mode in ("greater_than", "less_than", "at_least"):
        return _against(step, sets, frame)
    raise Unsaid("NOT_GEOMETRIC", f"{compare.mode} compares numbers, not objects")


# --- what is measured ------------------------------------------------------------------------------------------------


class Values(NamedTuple):
    """Of each input; NaN where it has none. unit: what is said after the number, "px" or "m²"."""

    of_inputs: Floats
    unit: str
    note: str = ""


def values(step: Step, findings: tuple[Finding, ...], sets: Sets, frame: Frame) -> Values:
    """What the step's criterion measures of each finding."""
    from georsmllm.ribbons import extent

    assert step.compare is not None
    shapes, criterion = frame.measured(findings), step.compare.criterion
    if criterion == "area":
        return Values(shapes.areas, f"{frame.unit}²")
    if criterion == "length":
        return Values(extent(shapes).lengths, frame.unit)
    if criterion == "width":
        return Values(extent(shapes).widths, frame.unit)
    if criterion in ("x", "y"):
        return _places(step, shapes, frame)
    if criterion == "distance_to":
        return Values(_distances(shapes, sets, frame), frame.unit)
    if criterion == "shadow_length":
        return Values(_shadows(shapes, sets, frame), frame.unit)
    if criterion == "count":
        return Values(_counts(shapes, sets, frame), "anchors")
    raise Unsaid("NOT_GEOMETRIC", f"an image from above does not tell the {criterion} of an outline")


def _places(step: Step, shapes: Measured, frame: Frame) -> Values:
    """Where the middles lie: x grows to the right, or to the east where the text speaks of the compass; y down, or south."""
    assert step.compare is not None
    is_compass = _COMPASS.search(step.text.lower()) is not None
    words = {"x": "east" if is_compass else "right", "y": "south" if is_compass else "bottom"}
    direction = frame.direction(words[step.compare.criterion])
    assert direction is not None
    note = f"{'; ' * bool(direction.note)}{direction.note}"
    return Values(shapes.centres @ direction.towards, "px", note)


def _distances(shapes: Measured, sets: Sets, frame: Frame) -> Floats:
    from georsmllm.arrangements import gaps

    if not sets.anchors:
        raise Unsaid("NOT_GEOMETRIC", "the plan says no anchor to measure a distance to")
    return gaps(shapes, frame.measured(sets.all_anchors))


def _counts(shapes: Measured, sets: Sets, frame: Frame) -> Floats:
    """How many anchors have their middle in each."""
    import numpy as np
    import shapely

    anchors = frame.measured(sets.all_anchors)
    found = np.zeros(len(shapes))
    if not sets.anchors:
        raise Unsaid("NOT_GEOMETRIC", "the plan says nothing to count in each object")
    if len(shapes) and len(anchors):
        same = set(shapes.same(anchors))
        for j, i in zip(*shapes.tree.query(shapely.points(anchors.centres), predicate="intersects"), strict=True):
            found[i] += (int(i), int(j)) not in same
    return found


def _shadows(shapes: Measured, sets: Sets, frame: Frame) -> Floats:
    """The extent of each object's own shadow in the direction in which it falls; NaN without one. Its own is the nearest that
    is adjacent to it."""
    import numpy as np
    import shapely

    from georsmllm.relations import ADJACENT, ADJACENT_PX

    if not sets.anchors:
        raise Unsaid("NOT_GEOMETRIC", "the plan finds no shadows whose length could be measured")
    shadows = frame.measured(sets.all_anchors)
    found = np.full(len(shapes), np.nan)
    if not len(shapes) or not len(shadows):
        return found
    (rows, columns), far = shadows.tree.query_nearest(shapes.surfaces, all_matches=False, return_distance=True)
    reach = np.maximum(ADJACENT_PX, ADJACENT * np.sqrt(shapes.areas))
    for i, j, gap in zip(rows, columns, far, strict=True):
        x, y = shadows.centres[j] - shapes.centres[i]
        length = math.hypot(x, y)
        if gap <= reach[i] and length > 0:
            along = shapely.get_coordinates(shadows.surfaces[j]) @ (x / length, y / length)
            found[i] = along.max() - along.min()
    return found


# --- superlatives and ranks ------------------------------------------------------------------------------------------


def _ranked(step: Step, sets: Sets, frame: Frame) -> Verdict:
    """The most or least, the first k, or the k-th; all of a tie, in the order of the image, of the first k only k."""
    import numpy as np

    assert step.compare is not None
    measured = values(step, sets.inputs, sets, frame)
    if step.compare.criterion == "count" and not wants_least(step):  # what has none has not the most of them
        measured = measured._replace(of_inputs=np.where(measured.of_inputs > 0, measured.of_inputs, np.nan))
    ups = measured.of_inputs * (1 if wants_least(step) else -1)
    known = np.flatnonzero(~np.isnan(ups))
    keep = np.zeros(len(ups), dtype=bool)
    if len(known):
        order = known[np.lexsort((*raster_order(frame.measured(sets.inputs))[::-1, known], _tied(ups[known])))]
        kept = _picked(step, _tied(ups[order]), order)
        keep[kept] = True
    why = f"{_NAMES[step.compare.criterion]} {span(measured.of_inputs[keep])} {measured.unit}" if keep.any() else ""
    others = known[~keep[known]]
    beside = f", the others {span(measured.of_inputs[others])}" if why and len(others) else ""
    return Verdict(keep, f"{why}{beside}{measured.note}")


def _picked(step: Step, ups: Floats, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of inputs in ascending order, those that the mode takes."""
    assert step.compare is not None
    mode, k = step.compare.mode, step.compare.k
    if mode == "top_k" or (k is not None and k > 1 and mode in ("min", "max")):  # the two smallest are min with k = 2
        return order[: max(k or 1, 0)]
    rank = (k or 1) - 1 if mode == "rank_k" else 0
    if not 0 <= rank < len(order):
        return order[:0]
    tied: NDArray[np.int64] = order[ups == ups[rank]]
    return tied


def wants_least(step: Step) -> bool:
    """Whether a superlative asks for the smallest value: by its mode, its value ("min"), or the words of its text; without any
    of them the nearest of distances and the largest of all else."""
    assert step.compare is not None
    compare = step.compare
    if compare.mode in ("min", "max"):
        return compare.mode == "min"
    for words in (str(compare.value or "").lower(), step.text.lower()):
        least, most = _LEAST.search(words) is not None, _MOST.search(words) is not None
        if least != most:
            return least
    return compare.criterion == "distance_to"


def raster_order(shapes: Measured) -> Floats:
    """Keys of the order in which the middles are read: row by row from the top, 2 x n (first y, then x)."""
    found: Floats = shapes.centres.T[::-1]
    return found


def _tied(ups: Floats) -> Floats:
    """The same values, those that differ by next to nothing made equal to the first of them in ascending order."""
    import numpy as np

    order = np.argsort(ups, kind="stable")
    found = ups.copy()
    for before, at in pairwise(order):
        if abs(ups[at] - found[before]) <= SAME * max(1.0, abs(found[before])):
            found[at] = found[before]
    return found


# --- thresholds ------------------------------------------------------------------------------------------------------


def _against(step: Step, sets: Sets, frame: Frame) -> Verdict:
    """Greater or less than an amount, than the mean, than all anchors, or than the distance to the other anchors."""
    import numpy as np

    assert step.compare is not None
    mode, criterion = step.compare.mode, step.compare.criterion
    said = amount(step.compare.value) if step.compare.value is not None else None
    if said is not None and criterion not in ("x", "y", "count"):
        frame = frame.suited(said)
    if criterion == "distance_to" and len(sets.anchors) > 1:
        measured = values(step, sets.inputs, Sets(sets.inputs, sets.anchors[:1]), frame)
        limits: Floats = values(step, sets.inputs, Sets(sets.inputs, sets.anchors[1:]), frame).of_inputs
    else:
        measured = values(step, sets.inputs, sets, frame)
        limits = _limits(step, sets, frame, measured.of_inputs)
    own = measured.of_inputs
    slack = SAME * np.maximum(1.0, np.abs(limits))
    with np.errstate(invalid="ignore"):  # what has no value compares as false
        keep: Bools = {
            "greater_than": own > limits + slack, "less_than": own < limits - slack, "at_least": own >= limits - slack,
        }[mode]  # fmt: skip
    known = own[~np.isnan(own)]
    by, unit = frame.told(said, measured.unit)
    why = (
        f"{_NAMES[criterion]} {span(known * by)} {unit}, to be compared with {span(limits * by)}" if len(known) else ""
    )
    return Verdict(keep, f"{why}{measured.note}")


def _limits(step: Step, sets: Sets, frame: Frame, own: Floats) -> Floats:
    """What each input is compared with. Larger than the anchors is larger than every one of them; the mean, if it is said."""
    import numpy as np

    from georsmllm.ribbons import extent

    assert step.compare is not None
    compare = step.compare
    said = str(compare.value).lower().strip() if compare.value is not None else ""
    times = _TIMES.match(said)
    if times is not None:
        rest = said[times.end() :] or None
        return float(times[1]) * _limits(_saying(step, rest), sets, frame, own)
    measured_apart = compare.criterion in ("distance_to", "shadow_length", "count")
    others = own if measured_apart or not sets.anchors else values(step, sets.all_anchors, sets, frame).of_inputs
    if said in MEANS or said == "median":
        known = others[~np.isnan(others)]
        middle = float(np.median(known) if said == "median" else known.mean()) if len(known) else math.nan
        return np.full(len(own), middle)
    if said.startswith("own"):
        if said == "own_height":
            raise Unsaid("NOT_GEOMETRIC", "an image from above does not tell the height of an outline")
        sizes = extent(frame.measured(sets.inputs))
        return {"own_length": sizes.lengths, "own_width": sizes.widths}.get(said, (sizes.lengths + sizes.widths) / 2)
    if said in ("", "any", "every", "all", "max", "min", "each") and not measured_apart and len(others):
        return np.full(len(own), others.min() if compare.mode == "less_than" else others.max())
    number = amount(compare.value) if compare.value is not None else None
    if number is None or number.unit == "%":
        raise Unsaid("NOT_GEOMETRIC", f"{said[:40]!r} is nothing to compare with ({_NAMES[compare.criterion]})")
    dimensions = 2 if compare.criterion == "area" else 1
    is_count = compare.criterion == "count"
    return np.full(len(own), number.number if is_count else frame.lengths(number, dimensions=dimensions))


def _saying(step: Step, value: str | None) -> Step:
    """The same comparison with another value."""
    assert step.compare is not None
    return msgspec.structs.replace(step, compare=msgspec.structs.replace(step.compare, value=value))


_NAMES = {
    "area": "area", "length": "length", "width": "width", "height": "height", "x": "place from left to right",
    "y": "place from top to bottom", "distance_to": "distance", "count": "number", "shadow_length": "shadow",
    "value": "value",
}  # fmt: skip
