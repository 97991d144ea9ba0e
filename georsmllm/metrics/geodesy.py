"""Distances on the Earth."""

from __future__ import annotations

import math

from georsmllm.types import Point

RADIUS_KM = 6371.0088
"""The mean radius (2 a + b) / 3 of WGS 84."""
FARTHEST_KM = math.pi * RADIUS_KM


def great_circle_km(first: Point, second: Point) -> float:
    """The way between two (longitude, latitude) in degrees on a sphere of the mean radius (haversine); within 0.56 % of
    the way on the ellipsoid."""
    (lon1, lat1), (lon2, lat2) = (map(math.radians, place) for place in (first, second))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))
