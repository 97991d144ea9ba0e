"""COCO: one JSON a split with images, annotations and categories, and of every image the classes that are known of it.

An instruction set holds the objects that it asks for. Those that were set aside, or that no question asks, are not here,
so that a class without annotations in an image need not be absent. What is known is written as LVIS does it (a federated
dataset): `neg_category_ids`, proved absent; `not_exhaustive_category_ids`, some are here and perhaps not all. Polygons
without holes are rings, those with holes run lengths; `area` is that of the exact shape. Ids depend on the path, the class
and the shape alone: another split, task or order of the set does not change them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from georsmllm.geometry import area, bounds
from georsmllm.jsonl import PART
from georsmllm.types import Kind

from ..export_job import Export, Hashed, Job
from ..view_objects import NO_OBJECTS, Object, View, Views, distinct, gathered

READS = """\
```python
from pycocotools.coco import COCO

coco = COCO("OUT/annotations/instances_train.json")         # file names are relative to OUT
```

**What a COCO file of an instruction set is.** It holds the objects that some record asks for, each once. Objects that were
set aside (difficult, cut, over budget) and classes that nobody asked in an image are missing, so an unannotated class is
not an absent one. Each image says what is known, as in LVIS: `neg_category_ids` are proved absent, and of
`not_exhaustive_category_ids` there may be more than is annotated. A detector trained on it must not take the rest for
background. `tasks` of an annotation are those that ask for it; under `change` a class means what changed, on the second
image. With `--images none` file names are relative to the set."""

KINDS: tuple[Kind, ...] = ("polygon", "rbox", "box")


def annotation(one: Object, size_wh: tuple[int, int]) -> dict[str, object]:
    """The geometry of an object as COCO has it; of an upright box there is no segmentation."""
    shape = one.shape
    x1, y1, x2, y2 = bounds(shape)
    found: dict[str, object] = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": area(shape)}
    if shape.kind == "rbox" or (shape.kind == "polygon" and all(ring.sign == "+" for ring in shape.rings)):
        found["segmentation"] = [[value for point in ring.points for value in point] for ring in shape.rings]
    elif shape.kind == "polygon":
        from georsmllm import masks

        found["segmentation"] = masks.to_coco(masks.from_shape(shape, size_wh))
    return {**found, "iscrowd": 0, "kind": shape.kind, "tasks": one.tasks}


def write(job: Job) -> str:
    with gathered(job) as views:
        labels = sorted({*views.labels(KINDS), *views.absent_labels()})
        categories = {label: number for number, label in enumerate(labels, start=1)}
        for split in job.splits:
            job.write(f"annotations/instances_{split}.json", partial(_write_split, job, views, categories, split))
    return ""


def _write_split(job: Job, views: Views, categories: Mapping[str, int], split: str, out: Hashed) -> None:
    """One walk over the views; the annotations wait in a file of their own until the list of images ends."""
    encode = msgspec.json.Encoder().encode
    info = {"description": f"Objects that the records of an instruction set ask for, split {split}", "version": "1.0"}
    named = [{"id": number, "name": label, "supercategory": ""} for label, number in categories.items()]
    out.write(b'{"info":' + encode(info) + b',"licenses":[],"categories":' + encode(named) + b',"images":[')
    joint = b"\n"
    with (job.out / ".state" / f"annotations{PART}").open("w+b") as waiting:
        for view in views.of(split):
            said, unsaid = distinct(view.objects, KINDS)
            job.cannot("point", len(unsaid))
            if not said and not view.absent:  # nothing is known of it that the format could say
                continue
            number = views.number("image", view.path)
            out.write(joint + encode(_image(number, categories, view, said)))
            joint = b",\n"
            job.image(view.path)
            job.wrote("images")
            for one in said:
                identity = views.number("object", view.path, one.label, one.name)
                where = {"image_id": number, "category_id": categories[one.label]}
                waiting.write(b",\n" + encode({"id": identity, **where, **annotation(one, view.size_wh)}))
            job.wrote("objects", len(said))
            job.cannot("keypoints", sum(bool(one.shape.keypoints) for one in said))
        out.write(b'\n],"annotations":[')
        waiting.seek(1)
        while data := waiting.read(1 << 20):
            out.write(data)
    out.write(b"\n]}\n")


def _image(number: int, categories: Mapping[str, int], view: View, said: Sequence[Object]) -> dict[str, object]:
    annotated = {one.label for one in said}
    return {
        "id": number,
        "file_name": view.path,
        "width": view.facts.width,
        "height": view.facts.height,
        "scene": view.scene,
        "neg_category_ids": sorted(categories[label] for label in view.absent if label not in annotated),
        "not_exhaustive_category_ids": sorted(categories[label] for label in annotated - set(view.complete)),
    }


EXPORT = Export(
    title="COCO annotations",
    reads=READS,
    images=("copy", "link", "none"),
    reasons={
        **NO_OBJECTS,
        "point": "An object of which only a point is known has neither box nor outline.",
        "keypoints": "Points inside a box, which prompt a segmenter: the keypoints of COCO are parts of a body.",
    },
    write=write,
)
