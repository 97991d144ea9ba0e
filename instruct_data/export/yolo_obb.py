"""YOLO with rotated boxes: an image, and beside it a text of nine numbers a line: the class and four corners.

Rules (Ultralytics, ultralytics/data): labels/ mirrors images/ with .txt for the suffix; corners are shares of width and
height; an image whose coordinates leave 0..1 is rejected, equal lines are read once, an image without a label file is
background. An image of which no object can be said is therefore left out, not written without labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from georsmllm.types import Kind, PointSet

from ..export_job import Export, Job
from ..view_objects import NO_OBJECTS, Object, View, Views, distinct, gathered

READS = """\
```sh
yolo obb train data=OUT/dataset.yaml model=yolo11n-obb.pt          # OUT as an absolute path
```

**What a YOLO set of an instruction set is.** It holds the objects that some record asks for, each once. Objects that were
set aside and classes that nobody asked in an image are missing, and YOLO takes whatever has no label for background:
export of a set whose records ask all classes of its views, or of one class at a time. Upright boxes are written as their
four corners. YOLO wants both `train` and `val`: a set that has one of them only needs a line of your own in dataset.yaml."""

KINDS: tuple[Kind, ...] = ("rbox", "box")


def line(one: Object, number: int, size_wh: tuple[int, int]) -> str:
    width, height = size_wh
    shares = (f"{x / width:.6f} {y / height:.6f}" for x, y in _corners(one.shape))
    return f"{number} {' '.join(shares)}\n"


def _corners(shape: PointSet) -> Sequence[tuple[float, float]]:
    if shape.kind == "rbox":
        return shape.rings[0].points
    (x1, y1), (x2, y2) = shape.rings[0].points
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def write(job: Job) -> str:
    import yaml

    with gathered(job) as views:
        # numbered in the order of their names, over all splits
        names = dict(enumerate(views.labels(KINDS)))
        numbers = {label: number for number, label in names.items()}
        written = [split for split in job.splits if _write_split(job, views, numbers, split)]
    text = yaml.safe_dump(
        {split: f"images/{split}" for split in written} | {"names": names}, sort_keys=False, allow_unicode=True
    )
    job.write("dataset.yaml", lambda out: out.write(text.encode()))
    return ""


def _write_split(job: Job, views: Views, numbers: Mapping[str, int], split: str) -> int:
    """How many views it wrote."""
    count = 0
    for view in views.of(split):
        said, unsaid = distinct(view.objects, KINDS)
        for one in unsaid:
            job.cannot(one.shape.kind)
        if not said:
            job.cannot("view_without_boxes")
            continue
        name = _name(views, split, view)
        lines = sorted({line(one, numbers[one.label], view.size_wh) for one in said})
        job.small(f"labels/{split}/{name.rpartition('.')[0]}.txt", "".join(lines).encode())
        job.image(view.path, f"images/{split}/{name}")
        job.wrote("label files")
        job.wrote("objects", len(lines))
        for one in said:
            job.cannot("keypoints", bool(one.shape.keypoints))
        count += 1
    return count


def _name(views: Views, split: str, view: View) -> str:
    """The path of the image below images/SPLIT; a.jpg beside a.png becomes a.jpg.jpg, so that they have two label files."""
    name = view.path.removeprefix("images/")
    return name if views.is_only_stem(split, view.path) else f"{name}.{name.rpartition('.')[2]}"


EXPORT = Export(
    title="YOLO, rotated boxes",
    reads=READS,
    images=("copy", "link"),
    reasons={
        **NO_OBJECTS,
        "polygon": "A polygon: a rotated box around it would be another shape than the one that is known.",
        "point": "An object of which only a point is known has no box.",
        "keypoints": "Points inside a box, which prompt a segmenter.",
        "view_without_boxes": "A view of which no box is known; without labels it would be read as background.",
    },
    write=write,
)
