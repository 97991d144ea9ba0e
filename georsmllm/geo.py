"""Scene pixels <-> map coordinates by the full affine, rotation included (north-up is only a special case)."""

from __future__ import annotations

from georsmllm.errors import UsageError
from georsmllm.types import PointSet, Ring

Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): map x = a*x + b*y + c, map y = d*x + e*y + f, with (x, y) in scene pixels (pixel edges)."""


def to_map(shape_scene: PointSet, affine: Affine) -> PointSet:
    """A shape in scene pixels as the same shape in the units of the scene's CRS."""
    a, b, c, d, e, f = affine
    rings = tuple(
        Ring(tuple((a * x + b * y + c, d * x + e * y + f) for x, y in r.points), r.sign) for r in shape_scene.rings
    )
    return PointSet(
        shape_scene.kind, rings, tuple((a * x + b * y + c, d * x + e * y + f) for x, y in shape_scene.keypoints)
    )


def from_map(shape_map: PointSet, affine: Affine) -> PointSet:
    """A shape in map units as the same shape in scene pixels."""
    return to_map(shape_map, inverse(affine))


def inverse(affine: Affine) -> Affine:
    """The affine that leads back; raises UsageError for one that maps the plane onto a line."""
    a, b, c, d, e, f = affine
    determinant = a * e - b * d
    if determinant == 0:
        raise UsageError(f"the affine {affine} has no inverse: its pixel has no area")
    a, b, d, e = e / determinant, -b / determinant, -d / determinant, a / determinant
    return a, b, -(a * c + b * f), d, e, -(d * c + e * f)
