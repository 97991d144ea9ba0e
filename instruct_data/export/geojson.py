"""GeoJSON: the objects of georeferenced scenes on WGS 84, through window, affine (with its rotation) and CRS.

RFC 7946: longitude before latitude in degrees, outer rings counter-clockwise and holes clockwise. Overlapping tiles of a
scene show an object twice; what lies at the very same place of a scene is written once. Objects of scenes that have no
place on Earth are written to a file of their own, in scene pixels, which it says in its member `frame`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from georsmllm.errors import CannotSay
from georsmllm.geo import lon_lat
from georsmllm.geometry import shift
from georsmllm.rfc7946 import FRAME, PRECISION, geometry
from georsmllm.types import Kind, Point, PointSet, Ring

from ..export_job import Export, Hashed, Job
from ..view_objects import NO_OBJECTS, Object, View, Views, distinct, gathered

READS = """\
```python
import geopandas

objects = geopandas.read_file("OUT/train.geojson")          # WGS 84; QGIS opens it as it is
```

`SPLIT.geojson` holds the objects of georeferenced scenes. `SPLIT_scene_pixels.json`, where there is one, holds those of
scenes without a place on Earth: its coordinates are pixels of the scene's file (x right, y down, (0, 0) the outer corner
of the first pixel), which no map understands.

**What this is of an instruction set.** It holds the objects that some record asks for. Objects that were set aside, or that
nobody asked, are missing. An object that a tile's border cuts is there as each tile shows it."""

KINDS: tuple[Kind, ...] = ("polygon", "rbox", "box", "point")


class Placed(NamedTuple):
    """An object with its coordinates. name: of the object in its scene, the same in every tile that shows all of it."""

    view: View
    one: Object
    shape: PointSet
    name: tuple[str, ...]


def on_earth(view: View) -> list[PointSet]:
    """The objects of a view in degrees; raises CannotSay."""
    points = [p for one in view.objects for ring in one.shape.rings for p in ring.points]
    keypoints = [p for one in view.objects for p in one.shape.keypoints]
    places = iter([(round(x, PRECISION), round(y, PRECISION)) for x, y in lon_lat([*points, *keypoints], view.image)])
    rings = [tuple(Ring(_take(places, len(r.points)), r.sign) for r in one.shape.rings) for one in view.objects]
    found = [
        PointSet(one.shape.kind, its, _take(places, len(one.shape.keypoints)))
        for one, its in zip(view.objects, rings, strict=True)
    ]
    lons = [x for shape in found for ring in shape.rings for x, _ in ring.points]
    if max(lons, default=0) - min(lons, default=0) > 180:
        raise CannotSay("antimeridian", f"{view.path} lies on both sides of 180 degrees")
    return found


def _take(points: Iterator[Point], count: int) -> tuple[Point, ...]:
    return tuple(next(points) for _ in range(count))


def in_scene(view: View) -> list[PointSet]:
    """The objects of a view in pixels of its scene's file."""
    window = view.image.window
    return [shift(one.shape, window.x, window.y) if window else one.shape for one in view.objects]


def write(job: Job) -> str:
    with gathered(job) as views:
        for split in job.splits:
            job.write(f"{split}.geojson", partial(_write, job, views, split, True))
            if any(True for _ in _placed(job, views, split, is_on_earth=False)):
                job.write(f"{split}_scene_pixels.json", partial(_write, job, views, split, False))
    return ""


def _placed(job: Job, views: Views, split: str, *, is_on_earth: bool) -> Iterator[Placed]:
    """The objects of the views that have a place on Earth, or of those that have none. Counts why."""
    for found in views.of(split):
        view = found._replace(objects=tuple(distinct(found.objects, KINDS)[0]))
        shapes = in_scene(view)
        names = [
            ("object", view.dataset, view.facts.source, one.label, repr(shape))
            for one, shape in zip(view.objects, shapes, strict=True)
        ]
        try:
            shapes = on_earth(view) if view.objects else []
        except CannotSay as reason:
            if is_on_earth:
                job.cannot(reason.reason, len(view.objects))
                continue
        else:
            if not is_on_earth:
                continue
        for one, shape, name in zip(view.objects, shapes, names, strict=True):
            yield Placed(view, one, shape, name)


def _write(job: Job, views: Views, split: str, is_on_earth: bool, out: Hashed) -> None:
    encode = msgspec.json.Encoder().encode
    frame = b"" if is_on_earth else b'"frame":' + encode(FRAME) + b","
    out.write(b'{"type":"FeatureCollection",' + frame + b'"features":')
    joint = b"[\n"
    for feature in _features(job, views, split, is_on_earth=is_on_earth):
        out.write(joint + encode(feature))
        joint = b",\n"
    out.write(b"\n]}\n" if joint == b",\n" else b"[]}\n")


def _features(job: Job, views: Views, split: str, *, is_on_earth: bool) -> Iterator[dict[str, object]]:
    what = "objects on WGS 84" if is_on_earth else "objects in scene pixels"
    for placed in _placed(job, views, split, is_on_earth=is_on_earth):
        if not views.is_new(f"{split} {what}", *placed.name):
            continue
        job.wrote(what)
        view, one, shape, name = placed
        properties: dict[str, object] = {"label": one.label, "kind": one.shape.kind, "tasks": one.tasks}
        properties |= {"dataset": view.dataset, "scene": view.scene, "source": view.facts.source, "image": view.path}
        if shape.keypoints:
            properties["keypoints"] = shape.keypoints
        yield {
            "type": "Feature",
            "id": views.number(*name),
            "geometry": geometry(shape),
            "properties": properties,
        }


EXPORT = Export(
    title="GeoJSON",
    reads=READS,
    images=("none",),
    reasons={
        **NO_OBJECTS,
        "no_affine": "The scene says nowhere where on Earth it lies; its objects are in the file of scene pixels.",
        "no_crs": "The scene has map coordinates and no word of which; its objects are in the file of scene pixels.",
        "unknown_crs": "The scene's coordinate system is none that PROJ knows; its objects are in scene pixels.",
        "off_the_earth": "The scene's coordinates lead to no longitude and latitude; its objects are in scene pixels.",
        "antimeridian": "The view lies on both sides of 180 degrees; its objects are in the file of scene pixels.",
    },
    write=write,
)
