"""A record as a page draws it: its words, the shapes that they say, its gold, and its images small enough to be sent."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from georsmllm import images
from georsmllm.hearing import Heard, answer, hear, prompt
from georsmllm.images import BadImage
from georsmllm.records import gold_shapes
from georsmllm.types import PointSet, Record, Ring

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SIDE_PX = 768
IMAGES_BYTES = 17_000_000
"""What all images of a page may weigh together; a third more once they are base64. More images are each made smaller."""

MIN_IMAGE_BYTES = 24_000
_LADDER = ((768, 88), (768, 74), (768, 58), (640, 52), (512, 46), (384, 42), (256, 40))
"""(longest side in px, JPEG quality): the first step whose file is small enough is taken, else the last."""


class ShownRing(msgspec.Struct, frozen=True):
    sign: str
    points: tuple[tuple[float, float], ...]


class Shape(msgspec.Struct, frozen=True):
    """A shape in pixels of its view; start, end: where the text says it, in characters (gold: 0, 0)."""

    image: int
    label: str
    kind: str
    rings: tuple[ShownRing, ...]
    keypoints: tuple[tuple[float, float], ...]
    start: int
    end: int


class ShownTrouble(msgspec.Struct, frozen=True):
    where: str
    message: str
    start: int
    end: int


class ShownView(msgspec.Struct, frozen=True):
    """picture: index among the page's pictures, -1 when the file cannot be read."""

    picture: int
    path: str
    width: int
    height: int
    source: str
    window: tuple[int, ...]
    crs: str


class Shown(msgspec.Struct, frozen=True):
    id: str
    split: str
    task: str
    form: str
    labels: tuple[str, ...]
    negative: bool
    direction: str
    twin_of: str
    dataset: str
    scene: str
    source_split: str
    licence: str
    mended: tuple[str, ...]
    prompt: str
    answer: str
    views: tuple[ShownView, ...]
    answer_shapes: tuple[Shape, ...]
    prompt_shapes: tuple[Shape, ...]
    gold_shapes: tuple[Shape, ...]
    troubles: tuple[ShownTrouble, ...]


def show(record: Record, split: str, folder: Path, pictures: Pictures) -> Shown:
    """A record of the set in `folder` as a page draws it."""
    origin = record.provenance
    asked, answered = hear(record, "prompt"), hear(record, "answer")
    troubles = [
        ShownTrouble(where, trouble.message, trouble.start, trouble.end)
        for where, heard in (("prompt", asked), ("answer", answered))
        for trouble in heard.troubles
    ]
    views = []
    for path, view in zip(record.images, origin.views, strict=False):
        number, trouble = pictures.add(folder, path, (view.width, view.height))
        if trouble:
            troubles.append(ShownTrouble("image", trouble, 0, 0))
        views.append(ShownView(number, path, view.width, view.height, view.source, view.window, view.crs))
    return Shown(
        id=record.id,
        split=split,
        task=record.task,
        form=origin.form,
        labels=origin.labels,
        negative=origin.negative,
        direction=origin.direction,
        twin_of=origin.twin_of,
        dataset=origin.dataset,
        scene=origin.scene,
        source_split=origin.source_split,
        licence=origin.licence,
        mended=origin.mended,
        prompt=prompt(record),
        answer=answer(record),
        views=tuple(views),
        answer_shapes=_heard(answered),
        prompt_shapes=_heard(asked),
        gold_shapes=tuple(
            _shape(_thinned(shape, views[image] if image < len(views) else None), label, image)
            for label, image, shape in gold_shapes(record)
        ),
        troubles=tuple(troubles),
    )


def _heard(heard: Heard) -> tuple[Shape, ...]:
    return tuple(_shape(o.shape, o.label, o.image, (o.start, o.end)) for o in heard.objects)


def _shape(shape: PointSet, label: str, image: int, span: tuple[int, int] = (0, 0)) -> Shape:
    def rounded(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        return tuple((round(x, 2), round(y, 2)) for x, y in points)

    rings = tuple(ShownRing(ring.sign, rounded(ring.points)) for ring in shape.rings)
    return Shape(image, label, shape.kind, rings, rounded(shape.keypoints), *span)


def _thinned(shape: PointSet, view: ShownView | None) -> PointSet:
    """An exact outline has a vertex at every pixel's step; half a pixel of the page's picture is all that one can see."""
    if shape.kind != "polygon" or view is None:
        return shape
    import shapely

    tolerance = 0.5 * max(1.0, max(view.width, view.height) / MAX_SIDE_PX)
    rings = []
    for ring in shape.rings:
        line = shapely.LineString([*ring.points, ring.points[0]]).simplify(tolerance)
        points = tuple((float(x), float(y)) for x, y in line.coords[:-1])
        rings.append(Ring(points, ring.sign) if len(points) > 2 else ring)
    return PointSet(shape.kind, tuple(rings), shape.keypoints)


class Pictures:
    """The images of a page as data URLs, each file once, within a budget for each. expected: how many there will be."""

    def __init__(self, expected: int) -> None:
        self.budget = max(MIN_IMAGE_BYTES, IMAGES_BYTES // max(1, expected))
        self.urls: list[str] = []
        self.known: dict[tuple[Path, str], tuple[int, str]] = {}
        self.by_url: dict[str, int] = {}

    def add(self, folder: Path, path: str, size_wh: tuple[int, int]) -> tuple[int, str]:
        """(index, what is wrong with it or "") of an image of a set; the same pixels in two sets are one picture."""
        if (folder, path) not in self.known:
            self.known[folder, path] = self._read(folder, path, size_wh)
        return self.known[folder, path]

    def _read(self, folder: Path, path: str, size_wh: tuple[int, int]) -> tuple[int, str]:
        try:
            rgb = images.read_rgb(folder / path)
        except BadImage as bad:
            return -1, f"{path}: {bad.message}"
        url = "data:image/jpeg;base64," + base64.b64encode(self._jpeg(rgb)).decode()
        number = self.by_url.setdefault(url, len(self.urls))
        if number == len(self.urls):
            self.urls.append(url)
        height, width = rgb.shape[:2]
        wrong = f"{path}: {width}x{height} pixels, its view says {size_wh[0]}x{size_wh[1]}"
        return number, "" if (width, height) == size_wh else wrong

    def _jpeg(self, rgb: NDArray[np.uint8]) -> bytes:
        from PIL import Image

        whole = Image.fromarray(rgb)
        data = b""
        for side, quality in _LADDER:
            picture = whole
            if max(whole.size) > side:
                picture = whole.copy()
                picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            picture.save(out, format="JPEG", quality=quality, subsampling=0, optimize=True)
            data = out.getvalue()
            if len(data) <= self.budget:
                break
        return data
