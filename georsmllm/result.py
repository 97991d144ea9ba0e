"""The result of an ask: words, points, masks, the picture, and files that other software reads.

Frame: scene pixels, and the Earth where the image says where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.found import Finding, Outcome
from georsmllm.types import Mask, PointSet

if TYPE_CHECKING:
    from PIL import Image

    from georsmllm.scene import Scene


@dataclass(frozen=True, slots=True)
class Maker:
    """Who answered, for the attributes of every file. model, adapter: hashes of the folders, "" for none. decoder: the title
    of what made the masks, "" where none were made. planner: "embedded", "llm NAME" or "" (no plan). version: ours."""

    model: str
    adapter: str = ""
    decoder: str = ""
    planner: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """query: as asked. scenes: the images. outcome: findings, value, trace. text: the answer in words. plan: the plan as
    JSON-able data, None where none was made. notices: what a person should know (a fallback, a missing CRS)."""

    query: str
    scenes: tuple[Scene, ...]
    outcome: Outcome
    text: str
    plan: object
    maker: Maker
    notices: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.outcome.findings

    @property
    def points(self) -> tuple[PointSet, ...]:
        """Of each finding, in scene pixels, as the model said it."""
        return tuple(one.shape_scene for one in self.findings)

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Of the findings that have one, of the whole scene."""
        return tuple(one.mask_scene for one in self.findings if one.mask_scene is not None)

    def to_geojson(self, *, crs: str | None = None, simplify_px: float = 0.0) -> dict[str, object]:
        """A FeatureCollection on WGS 84 (RFC 7946), or in another CRS where one is named ("source": the image's own).

        simplify_px: how far the outline of a mask may stray from its pixels. Raises UsageError for an unknown CRS.
        """
        from georsmllm.outputs.geojson import collection

        return collection(self, crs=crs, simplify_px=simplify_px)

    def to_dict(self) -> dict[str, object]:
        """All of it as one JSON value: words, value, steps, findings in scene pixels and on the Earth."""
        from georsmllm.outputs.structured import structured

        return structured(self)

    def plot(self, *, max_side: int = 1280) -> Image.Image:
        """The image with every finding drawn on it, and the words below."""
        from georsmllm.outputs.picture import draw

        return draw(self, max_side=max_side)

    def save(self, path: str | Path, *, crs: str | None = None, simplify_px: float = 0.0) -> Path:
        """Written as the file's ending says: .geojson, .gpkg, .tif (label raster as COG), .png (picture), .json (COCO), .txt
        (DOTA); a path without ending is a folder of all. Returns the path. Raises UsageError."""
        from georsmllm.outputs.writing import save

        return save(self, Path(path), crs=crs, simplify_px=simplify_px)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        from georsmllm.outputs.picture import draw, png

        return png(draw(self, max_side=1024))

    def __repr__(self) -> str:
        """In a line: the query, the answer, how much was found and by how many steps."""
        query, text = (one if len(one) <= 60 else f"{one[:57]}..." for one in (self.query, " ".join(self.text.split())))
        steps = f", {len(self.outcome.steps)} steps" if self.outcome.steps else ""
        noticed = f", {len(self.notices)} notices" if self.notices else ""
        return f"Result({query!r} -> {text!r}, {len(self.findings)} findings, {len(self.masks)} masks{steps}{noticed})"
