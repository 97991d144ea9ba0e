"""GeoRSMLLM: remote-sensing annotations as text made of points, and text made of points as geometry again.

from georsmllm import load

result = load("models/mine").ask("scene.tif", "planes on the east bank of the river")
print(result.text)
result.save("planes.geojson")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from georsmllm.loading import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`load` is found when it is asked for, because it brings the model side with it."""
    if name == "load":
        from georsmllm.loading import load

        return load
    raise AttributeError(f"module 'georsmllm' has no attribute {name!r}")
