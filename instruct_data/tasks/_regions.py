"""Halves and quarters of a view to which a question may be confined: what belongs to them is beyond doubt."""

from __future__ import annotations

from georsmllm.relations import IMAGE_REGIONS, region_share
from georsmllm.types import Sample

INSIDE, OUTSIDE = 0.8, 0.2
"""An object belongs to a region with at least 80 % of its area in it and not with at most 20 %; between, nobody asks.
Where nothing belongs to a region, nothing may reach into it either: "none" is said of untouched regions only."""


def provable_regions(view: Sample, indices: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Region -> the objects of a class in it, for regions that nothing straddles, that nothing ignored touches, and that
    are not only grazed: where no object is inside, none may touch. indices: all of the class in one image, ignored ones
    included."""
    size = view.images[view.targets[indices[0]].image].size_wh
    found: dict[str, tuple[int, ...]] = {}
    for region in IMAGE_REGIONS:
        touching = {i: share for i in indices if (share := region_share(view.targets[i].shape, region, size)) > 0}
        inside = tuple(i for i, share in touching.items() if share >= INSIDE)
        is_clear = all(share >= INSIDE or share <= OUTSIDE for share in touching.values())
        if not touching or (inside and is_clear and all(view.targets[i].ignore is None for i in touching)):
            found[region] = inside
    return found
