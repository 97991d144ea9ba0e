"""What a view's origin tells: a recipe may give a source any name, the scene keeps the dataset's own."""

from __future__ import annotations

from georsmllm.classes import is_class_map
from georsmllm.types import Sample

AREAS = "areas"
"""Tag of a sample whose targets are connected areas of a class map: their number is no number of objects."""


def origins(view: Sample) -> tuple[str, ...]:
    """The names under which tables may know the dataset: the source's, then the one that its scene begins with."""
    return view.dataset, view.scene.partition("/")[0]


def shows_areas(view: Sample) -> bool:
    """Whether the targets are connected areas of a class map, so that two buildings that touch are one of them."""
    return AREAS in view.tags or any(is_class_map(name) for name in origins(view))
