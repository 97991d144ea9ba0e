"""Shape and size of outlines in words: circular, elongated, L-shaped, straight; large, small, long, wide, "> 200 m2"."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.found import Finding

from . import amounts
from .frame import Frame, Unsaid, span
from .geometric import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from shapely import Geometry

    from georsmllm.measures import Measured

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

LARGE = 1.5
"""Large is what is 1.5 times the median of the set, small what the median is 1.5 times of."""
ROUND, SQUARE, FILLED, ELONGATED = 0.8, 1.25, 0.85, 2.0
"""Share of the least circle about it; longer side over shorter; share of the rotated box; length over width."""
CORNER_CUT, CORNER_SMOOTH = 0.1, 0.05
"""An L misses at least so much of its hull; corners are looked for after smoothing by that share of its mean side."""
STRAIGHT = 0.95
"""Share of a ribbon's length that its rotated box has."""
_SIZE_WORDS = (
    (r"medium|average|mid", ("area", "between")),
    (r"long", ("length", "more")),
    (r"short", ("length", "less")),
    (r"wide|broad", ("width", "more")),
    (r"narrow|thin|slim", ("width", "less")),
    (r"large|big|huge|giant|great|major|vast|enormous", ("area", "more")),
    (r"small|tiny|little|minor|compact", ("area", "less")),
)


class Asked(NamedTuple):
    """An attribute by name and value in lower case, of inputs and their shapes. fillers: what fills them, of an occupancy."""

    name: str
    words: str
    inputs: tuple[Finding, ...]
    shapes: Measured
    fillers: Measured
    frame: Frame


def shape(asked: Asked) -> Verdict:
    """Circular, square, rectangular, elongated, straight, bent or L-shaped, as outlines or boxes show it."""
    for pattern, rule in _SHAPES:
        if re.search(pattern, asked.words):
            return rule(asked.shapes)
    raise Unsaid("NOT_GEOMETRIC", f"{asked.words[:40]!r} is no shape that is measured")


def _ratios(shapes: Measured) -> Floats:
    """Length over width; of a point 1."""
    import numpy as np

    from georsmllm.ribbons import extent

    sizes = extent(shapes)
    found: Floats = np.divide(sizes.lengths, sizes.widths, out=np.ones(len(shapes)), where=sizes.widths > 0)
    return found


def _elongated(shapes: Measured) -> Verdict:
    ratio = _ratios(shapes)  # of a river along its bends
    return Verdict(ratio >= ELONGATED, f"{span(ratio)} times as long as wide")


def _circular(shapes: Measured) -> Verdict:
    import numpy as np
    import shapely

    if all(_is_box(one.kind) for one in shapes.shapes):
        return Verdict(_ratios(shapes) <= SQUARE, "judged by boxes, in which a circle is as long as wide")
    share = shapes.areas / np.maximum(np.pi * shapely.minimum_bounding_radius(shapes.surfaces) ** 2, 1e-9)
    return Verdict(share >= ROUND, f"of the least circle about them they fill {span(share)}")


def _filled(shapes: Measured) -> Floats:
    """The share of the rotated box of least area."""
    import numpy as np
    import shapely

    found: Floats = shapes.areas / np.maximum(shapely.area(shapely.oriented_envelope(shapes.surfaces)), 1e-9)
    return found


def _square(shapes: Measured) -> Verdict:
    ratio = _ratios(shapes)
    return Verdict((ratio <= SQUARE) & (_filled(shapes) >= FILLED), f"{span(ratio)} times as long as wide")


def _rectangular(shapes: Measured) -> Verdict:
    share = _filled(shapes)
    return Verdict(share >= FILLED, f"of their rotated boxes they fill {span(share)}")


def _straight(shapes: Measured) -> Verdict:
    """Of ribbons: their ends are nearly as far apart as they are long."""
    share, are_ribbons = _straightness(shapes)
    return Verdict(are_ribbons & (share >= STRAIGHT), f"from end to end {span(share)} of the length")


def _bent(shapes: Measured) -> Verdict:
    share, are_ribbons = _straightness(shapes)
    return Verdict(are_ribbons & (share < STRAIGHT), f"from end to end {span(share)} of the length")


def _straightness(shapes: Measured) -> tuple[Floats, Bools]:
    import numpy as np
    import shapely

    from georsmllm.ribbons import extent

    sizes = extent(shapes)
    if not sizes.are_ribbons.any():
        raise Unsaid("NOT_GEOMETRIC", "none of them is long enough to be straight or bent")
    share = 2 * shapely.minimum_bounding_radius(shapes.surfaces) / np.maximum(sizes.lengths, 1e-9)
    return np.minimum(share, 1.0), sizes.are_ribbons


def _l_shaped(shapes: Measured) -> Verdict:
    import numpy as np

    keep = np.array([_is_l(surface) for surface in shapes.surfaces], dtype=bool)
    return Verdict(keep, "an L has one inner corner")


def is_drawn(findings: tuple[Finding, ...]) -> bool:
    """Whether outlines are more than boxes, so that a circle can be told from a square."""
    return all(one.mask_scene is not None or not _is_box(one.shape_scene.kind) for one in findings)


def _is_box(kind: str) -> bool:
    return kind in ("box", "rbox")


def _is_l(surface: Geometry) -> bool:
    """One inner corner after smoothing, and a hull that is missing a tenth or more."""
    import numpy as np
    import shapely

    parts = [part for part in shapely.get_parts(surface) if part.geom_type == "Polygon"]
    if len(parts) != 1:
        return False
    smooth = shapely.Polygon(parts[0].exterior).simplify(CORNER_SMOOTH * parts[0].area ** 0.5)
    ring = shapely.get_coordinates(shapely.orient_polygons(smooth).exterior)[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    missing = 1 - smooth.area / smooth.convex_hull.area
    return int((turns < 0).sum()) == 1 and missing >= CORNER_CUT


def size(asked: Asked) -> Verdict:
    """Large, small, long, wide ... beside the others of the set; one alone is what it is called. Or an amount: "> 200 m2"."""
    import numpy as np

    from georsmllm.ribbons import extent

    words, shapes = asked.words, asked.shapes
    said = amounts.amount(words)
    if said is not None and said.unit != "%":
        return _by_amount(asked, said)
    sizes = extent(shapes)
    values = {"area": shapes.areas, "length": sizes.lengths, "width": sizes.widths}
    kind = next((one for pattern, one in _SIZE_WORDS if re.search(pattern, words)), None)
    if kind is None:
        raise Unsaid("NOT_GEOMETRIC", f"{words[:40]!r} is no size that is measured")
    measured = values[kind[0]]
    if len(shapes) < 2:
        return Verdict(np.ones(len(shapes), dtype=bool), "one alone has no size beside others")
    share = measured / max(float(np.median(measured)), 1e-9)
    keep = {
        "more": share >= LARGE,
        "less": share <= 1 / LARGE,
        "between": (share > 1 / LARGE) & (share < LARGE),
    }[kind[1]]
    return Verdict(keep, f"{kind[0]}s are {span(share)} times the median of the set")


def _by_amount(asked: Asked, said: amounts.Amount) -> Verdict:
    from georsmllm.ribbons import extent

    frame = asked.frame.suited(said)
    shapes = frame.measured(asked.inputs)
    one = asked.name if asked.name in ("length", "width") else "area"
    if one == "area":
        values, number, unit = shapes.areas, frame.lengths(said, dimensions=2), f"{frame.unit}²"
    else:
        sizes = extent(shapes)
        values, number, unit = (sizes.lengths if one == "length" else sizes.widths), frame.lengths(said), frame.unit
    return Verdict(compared(values, said.comparison or "=", number), f"{one}s of {span(values)} {unit}")


def compared(values: Floats, comparison: amounts.Comparison, number: float) -> Bools:
    import numpy as np

    return np.array([amounts.holds(float(value), comparison, number) for value in values], dtype=bool)


_SHAPES: tuple[tuple[str, Callable[[Measured], Verdict]], ...] = (
    (r"elongat|\blong|narrow|linear|slender|strip", _elongated),
    (r"circ|\bround|dis[ck] ?shaped|dis[ck]$", _circular),
    (r"square", _square),
    (r"rectang", _rectangular),
    (r"straight", _straight),
    (r"curv|winding|bent|meander", _bent),
    (r"^l([ -]shaped?)?$", _l_shaped),
)
