"""Where things lie: halves and quarters of an image, and the spatial relations between objects of one view.

The relations are those of methods section 4.3. `Measured` holds the shapes of a view, measured once, and then

    holds(relation, subjects, anchors)     is a matrix of bools: [i, j] says that subject i stands in it to anchor j
    compass(relation, subjects, anchors, image)    the same for north_of ...; None for an image without an affine
    within_distance(subjects, anchors, metres, image)    the same; None where nothing says what is a metre
    between(subjects, first, second)       is a column of bools, for the middles of one pair of anchors

Subjects and anchors may be one and the same object; nothing stands in a relation to itself. Words of the image (left,
above) are never words of the compass.

slack: how much easier than its definition a relation is made: 1 is the definition, 0.5 asks for half the distance (or
twice the displacement), 2 the other way round. Whoever must be *sure* that a relation holds asks with a slack under 1,
and that it does not hold with one over 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from georsmllm.errors import CannotSay, UsageError
from georsmllm.geo import Affine, inverse, lon_lat
from georsmllm.measures import Measured
from georsmllm.types import ImageRef, Point, box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

IMAGE_REGIONS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "left half": (0.0, 0.0, 0.5, 1.0),
        "right half": (0.5, 0.0, 1.0, 1.0),
        "top half": (0.0, 0.0, 1.0, 0.5),
        "bottom half": (0.0, 0.5, 1.0, 1.0),
        "top left quarter": (0.0, 0.0, 0.5, 0.5),
        "top right quarter": (0.5, 0.0, 1.0, 0.5),
        "bottom left quarter": (0.0, 0.5, 0.5, 1.0),
        "bottom right quarter": (0.5, 0.5, 1.0, 1.0),
    }
)
"""Name -> (x min, y min, x max, y max) in shares of the view; words of the image, never of the compass."""

SIDES: Mapping[str, Point] = MappingProxyType(
    {"left_of": (-1.0, 0.0), "right_of": (1.0, 0.0), "above": (0.0, -1.0), "below": (0.0, 1.0)}
)
"""The relations of the image's own directions, each with its unit vector in pixels."""

COMPASS = ("north_of", "east_of", "south_of", "west_of")

DISPLACED = 0.25
"""Of the mean extent of two objects: by so much one of them must lie farther to a side."""
NEAR, ALONG = 0.08, 0.05
"""Shares of the view's diagonal: the widest gap of what is near, and of what runs along something."""
TOUCHING_PX, ADJACENT_PX, ADJACENT = 1.5, 3.0, 0.15
"""The widest gap of what touches; of what is adjacent: 3 px, or this share of the subject's mean side."""
INSIDE, OVERLAP, OVERLAP_PX = 0.8, 0.05, 16.0
"""The least share of a subject in what it is inside of; the least share, and area, that overlaps."""
ALONG_SHARE, ALONG_DEG, PARALLEL_DEG = 0.5, 20.0, 15.0
"""How much of a subject's long axis runs near an anchor, and how far two directions may differ."""
FROM, TO, LATERAL = 0.1, 0.9, 0.5
"""Between: where on the way from one anchor to the other, and how far off it, in lengths of that way."""
NORTH_DEG = 10.0
"""How far the north of a map may differ from that of the Earth."""
RING_PX, SURROUNDED = 5.0, 0.75
"""The width of the ring about a subject, and the share of it that lies in what surrounds it."""


def region_shares(shapes: Measured) -> dict[str, Floats]:
    """Region -> the share of each shape's area that lies in it; of a shape without area, whether its middle does.

    A point on a border belongs to both sides: its share is 1 for each.
    """
    width, height = shapes.size_wh
    windows = [box(x1 * width, y1 * height, x2 * width, y2 * height) for x1, y1, x2, y2 in IMAGE_REGIONS.values()]
    return dict(zip(IMAGE_REGIONS, shapes.shares_in(Measured(windows, shapes.size_wh)).T, strict=True))


def holds(relation: str, subjects: Measured, anchors: Measured, *, slack: float = 1.0) -> Bools:
    """[i, j]: subject i is left of, near, inside ... anchor j; the names are RELATIONS. Raises UsageError for others."""
    if relation in SIDES:
        found = displaced(subjects, anchors, SIDES[relation], slack)
    elif relation in _TESTS:
        found = _TESTS[relation](subjects, anchors, slack)
    else:
        raise UsageError(f"no relation is called {relation!r}; there are: {', '.join(RELATIONS)}")
    return _not_itself(found, subjects, anchors)


def compass(
    relation: str, subjects: Measured, anchors: Measured, image: ImageRef, *, slack: float = 1.0
) -> Bools | None:
    """[i, j]: subject i lies north (east ...) of anchor j, by the same measure as left_of; None without an affine."""
    towards = bearing(relation, image)
    if towards is None:
        return None
    return _not_itself(displaced(subjects, anchors, towards, slack), subjects, anchors)


def bearing(relation: str, image: ImageRef) -> Point | None:
    """The unit vector in pixels that leads north (east ...); None for an image without an affine that leads back, and where
    the map's own north is not that of the Earth, as about the poles."""
    if image.affine is None or _pixel_area(image.affine) == 0:
        return None
    a, b, _, d, e, _ = inverse(image.affine)
    x, y = {"north_of": (b, e), "south_of": (-b, -e), "east_of": (a, d), "west_of": (-a, -d)}[relation]
    length = math.hypot(x, y)
    turned = math.hypot(b, e)
    return (x / length, y / length) if _leads_north((b / turned, e / turned), image) else None


@lru_cache(maxsize=64)
def _leads_north(towards: Point, image: ImageRef) -> bool:
    """Whether a unit vector in pixels leads north at the middle of a view; a map without a CRS is taken at its word."""
    if image.crs is None:
        return True
    x, y = image.width / 2, image.height / 2
    try:
        (lon1, lat1), (lon2, lat2) = lon_lat(((x, y), (x + towards[0], y + towards[1])), image)
    except CannotSay:
        return False
    east = ((lon2 - lon1 + 180) % 360 - 180) * math.cos(math.radians(lat1))
    return abs(math.degrees(math.atan2(east, lat2 - lat1))) <= NORTH_DEG


def within_distance(subjects: Measured, anchors: Measured, metres: float, image: ImageRef) -> Bools | None:
    """[i, j]: the gap between subject i and anchor j is at most so many metres; None where `ground_sample` is."""
    sample = ground_sample(image)
    if sample is None:
        return None
    return _not_itself(subjects.pairs_within(anchors, metres / sample), subjects, anchors)


def between(subjects: Measured, first: Point | Floats, second: Point | Floats, *, slack: float = 1.0) -> Bools:
    """[i]: the middle of subject i projects onto the way between the anchors' middles, well inside it and not far off."""
    import numpy as np

    (ax, ay), (bx, by) = first, second
    length = math.hypot(bx - ax, by - ay)
    if length == 0:
        return np.zeros(len(subjects), dtype=bool)
    ux, uy = (bx - ax) / length, (by - ay) / length
    dx, dy = subjects.centres[:, 0] - ax, subjects.centres[:, 1] - ay
    at, off = (dx * ux + dy * uy) / length, np.abs(dy * ux - dx * uy) / length
    margin = 0.5 - (0.5 - FROM) * slack
    found: Bools = (at >= margin) & (at <= margin + (TO - FROM) * slack) & (off <= LATERAL * slack)
    return found


def ground_sample(image: ImageRef) -> float | None:
    """Metres a pixel, the mean of both axes; None without an affine that leads back, or a CRS in units of known length.

    Web Mercator's metres are none on the ground, and degrees are no length: None for both.
    """
    if image.affine is None or image.crs is None or _pixel_area(image.affine) == 0:
        return None
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        crs = CRS.from_user_input(image.crs)
    except CRSError:
        return None
    if not crs.is_projected or crs.to_epsg() == 3857:
        return None
    return float(math.sqrt(_pixel_area(image.affine)) * crs.linear_units_factor[1])


def _pixel_area(affine: Affine) -> float:
    """In square units of the map."""
    a, b, _, d, e, _ = affine
    return abs(a * e - b * d)


# --- the definitions -------------------------------------------------------------------------------------------------


def _not_itself(found: Bools, subjects: Measured, anchors: Measured) -> Bools:
    import numpy as np

    if subjects is anchors:
        np.fill_diagonal(found, val=False)
    elif same := subjects.same(anchors):
        found[tuple(zip(*same, strict=True))] = False
    return found


def displaced(subjects: Measured, anchors: Measured, towards: Point, slack: float = 1.0) -> Bools:
    """The centre lies farther in that direction, by a quarter of the mean extent at least."""
    at, beside = subjects.centres @ towards, anchors.centres @ towards
    extent = (subjects.extents(towards)[:, None] + anchors.extents(towards)[None, :]) / 2
    ahead: Floats = at[:, None] - beside[None, :]
    found: Bools = (ahead > 0) & (ahead >= DISPLACED * extent / slack)
    return found


def _near(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    return subjects.pairs_within(anchors, NEAR * subjects.diagonal * slack)


def _touches(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    return subjects.pairs_within(anchors, TOUCHING_PX * slack)


def _adjacent(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    import numpy as np

    return subjects.pairs_within(anchors, np.maximum(ADJACENT_PX, ADJACENT * np.sqrt(subjects.areas)) * slack)


def _overlaps(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    import numpy as np

    least = np.maximum(OVERLAP_PX, OVERLAP * subjects.areas) / slack
    found: Bools = subjects.intersections(anchors) >= least[:, None]
    return found


def _inside(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    found: Bools = subjects.shares_in(anchors) >= 1 - (1 - INSIDE) * slack
    return found


def _contains(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    return _inside(anchors, subjects, slack).T.copy()


def _surrounded(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    found: Bools = subjects.ring_shares_in(anchors, RING_PX) >= 1 - (1 - SURROUNDED) * slack
    return found


def _parallel(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    """Never true of what is about as long as it is wide."""
    return _turned(subjects.directions[:, None] - anchors.directions[None, :]) <= PARALLEL_DEG * slack


def _along(subjects: Measured, anchors: Measured, slack: float) -> Bools:
    """Half of the long axis runs near the anchor's outline, and in the direction that this has there."""
    import numpy as np

    reach = ALONG * subjects.diagonal * slack
    found = np.zeros((len(subjects), len(anchors)), dtype=bool)
    candidates = subjects.pairs_within(anchors, reach) & ~np.isnan(subjects.directions)[:, None]
    for i, j in np.argwhere(candidates):
        found[i, j] = runs_along(subjects, i, anchors, j, slack=slack)
    return found


def runs_along(subjects: Measured, i: int, anchors: Measured, j: int, *, slack: float = 1.0) -> bool:
    """Whether one subject, which has a direction, runs along one anchor."""
    reach = ALONG * subjects.diagonal * slack
    if subjects.axis_share_near(i, anchors, j, reach) < ALONG_SHARE / slack:
        return False
    theirs = anchors.direction_near(j, subjects.box_around(i, 2 * reach))
    return bool(_turned(subjects.directions[i] - theirs) <= ALONG_DEG * slack)


def _turned(degrees: Floats) -> Floats:
    """Between two undirected lines, in 0..90; NaN, which is under no limit, where one of them has no direction."""
    turned: Floats = abs((degrees + 90) % 180 - 90)
    return turned


_TESTS: Mapping[str, Callable[[Measured, Measured, float], Bools]] = MappingProxyType(
    {
        "near": _near,
        "adjacent_to": _adjacent,
        "touches": _touches,
        "inside": _inside,
        "contains": _contains,
        "overlaps": _overlaps,
        "surrounded_by": _surrounded,
        "along": _along,
        "parallel_to": _parallel,
    }
)

RELATIONS = (*SIDES, *_TESTS)
"""The names that `holds` knows; each has one subject and one anchor."""
