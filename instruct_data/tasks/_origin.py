"""Which known dataset a view is from: a recipe may give a source any name, the scene keeps the dataset's own."""

from __future__ import annotations

from georsmllm.types import Sample


def origins(view: Sample) -> tuple[str, ...]:
    """The names under which tables may know the dataset: the source's, then the one that its scene begins with."""
    return view.dataset, view.scene.partition("/")[0]
