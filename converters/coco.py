"""Any COCO JSON with its images: boxes, rotated boxes, polygons, run lengths; files of gigabytes are never loaded whole."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import NoReturn

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, walk
from georsmllm.formats import coco, coco_shapes
from georsmllm.formats.json_record import read_span
from georsmllm.json_lists import Span
from georsmllm.types import ImageRef, Sample, Target

CARD = Card(
    title="COCO JSON (object detection and instance segmentation), with rotated boxes and LVIS's federated labels",
    layout="""
PATH is the JSON itself, or a folder that holds exactly one COCO JSON at any depth.
An image is looked for under its file_name beside the JSON, then from the folder given as PATH (from the folder above
the JSON when PATH is the JSON), then by its bare name anywhere below; a bare name found twice is an error.
The split is the word train, val or test in the JSON's name, "" without one.
""".strip(),
    label_line='{"image_id": 3, "category_id": 1, "segmentation": [[227, 156, 236, 152, 245, 141]], '
    '"bbox": [226.0, 102.0, 50.0, 55.0], "area": 1089.0, "iscrowd": 0}',
    classes="""
As the file's `categories` say: ids and their order are never assumed (iSAID numbers train and val differently).
Every category counts as annotated in full in every image, so that absence is a fact, except where the file says
otherwise as LVIS does: an image with neg_category_ids is only sure of these and of what it shows, and never of its
not_exhaustive_category_ids.
""".strip(),
    paper="Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014 (arXiv:1405.0312)",
    licence="that of the dataset at hand; NWPU VHR-10: annotations MIT, images for research; iSAID: non-commercial",
    defects="""
bbox of 4: x, y, width, height; of 5: centre x, y, width, height, degrees counter-clockwise on the screen (detectron2);
of 8: four corners. Masks of OpenCV contours (NWPU VHR-10, iSAID) name pixel indices, known by a bbox that is one wider
than its ring; they grow to the pixels' outer edges. RRSIS-D puts its one run-length mask into a list, and some of its
masks have another size than their image (mask_size). The images of iSAID's train file lack width and height: they come
from the image. iscrowd=1 is ignored as "crowd". An image that is listed and not on disk is image_missing.
""".strip(),
)
REASONS = {
    **images.REASONS,
    **coco.REASONS,
    **coco_shapes.REASONS,
    "size_mismatch": "width and height in the file are not those of the image",
    "unknown_class": "a category_id that `categories` lacks",
    "unknown_image": "annotations whose image_id names no image of the file",
}
_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(?![a-z])")
# iSAID's devkit: P0002_<ymin>_<ymax>_<xmin>_<xmax>; DOTA's and mmrotate's splitters: P0706__1__0___0
_TILE = re.compile(r"(?P<scene>.+?)(?:_\d+_\d+_\d+_\d+|__\d+(?:\.\d+)?__-?\d+___-?\d+)")
_DOTA = re.compile(r"P\d{4}")


def find(root: Path) -> Iterator[Ref]:
    json, base = _locate(root), _base(root)
    index = coco.index(json)
    names = _names(json, index)
    stems = Counter(_stem(name) for name in names)
    keys = names if max(stems.values(), default=1) > 1 else map(_stem, names)
    rows = [(key, i) for i, key in enumerate(keys)]
    orphans = list(coco.orphans(index))
    rows += [(f"{json.name}@{runs[0][0]}", -1 - i) for i, runs in enumerate(orphans)]
    runs = coco.runs(index)
    find_image = _finder(json, base)
    json_path = _relative(json, base)
    split = _SPLIT.search(json.stem.lower())
    for key, i in sorted(rows):
        paths = (json_path,) if i < 0 else (find_image(names[i]), json_path)
        start, end = index.images.spans[i].tolist() if i >= 0 else (0, 0)
        spans = orphans[-1 - i] if i < 0 else (index.categories, (start, end), *runs.of(i))
        yield Ref(key, split[1] if split else "", paths, spans)


def read(root: Path, ref: Ref) -> Sample:
    base = _base(root)
    json = base / ref.paths[-1]
    if len(ref.paths) == 1:
        _refuse_orphans(json, ref.spans)
    categories = _categories(json, ref.spans[0], json.stat().st_mtime_ns)
    entry = coco.read_image(json, ref.spans[1])
    image = _image(base, ref, entry)
    annotations = coco.read_annotations(json, ref.spans[2:])
    targets = []
    mended: Counter[str] = Counter()
    for number, annotation in enumerate(annotations):
        try:
            target, mends = _target(annotation, categories, image.size_wh)
        except coco_shapes.BadShape as bad:
            start, end = coco.place(json, ref.spans[2:], number)
            raw = read_span(json, (start, min(end, start + 500))).decode(errors="replace")
            raise BadRecord(bad.reason, bad.message, where=f"{json.name}@{start}", raw=raw) from None
        targets.append(target)
        mended.update(mends)
    return Sample(
        id=f"coco/{ref.key}",
        dataset="coco",
        split=ref.split,
        scene=scene_of(_clean(ref.paths[0])),
        images=(image,),
        targets=tuple(targets),
        classes=_classes(categories.values()),
        exhaustive=_exhaustive(entry, annotations, categories),
        mended=tuple(sorted(mended.items())),
    )


def scene_of(name: str) -> str:
    """The scene of an image by its path: the path itself, without the tail that the two known tile cutters add.

    DOTA's names (P and four digits) keep DOTA's scene, because iSAID and others are the same images. A false match only
    puts more tiles into one scene, which is safe for splits.
    """
    stem = PurePosixPath(_stem(name))
    tile = _TILE.fullmatch(stem.name)
    scene = tile["scene"] if tile else stem.name
    return f"dota/{scene}" if _DOTA.fullmatch(scene) else f"coco/{stem.with_name(scene)}"


def _locate(root: Path) -> Path:
    if root.is_file():
        return root
    folder(root, "a COCO JSON, or a folder that holds exactly one,")
    found = [root / name for name in walk(root, (".json",))]
    named = [path for path in found if coco.has_lists(path)] if len(found) > 1 else found
    if not named:
        raise UsageError(f"no COCO JSON below {root}; expected one JSON with images, annotations and categories")
    if len(named) > 1:
        shown = ", ".join(str(path) for path in named[:5]) + (", ..." if len(named) > 5 else "")
        raise UsageError(f"{len(named)} COCO JSONs below {root}: {shown}; give the one to read as the path")
    return named[0]


def _base(root: Path) -> Path:
    """The folder that the paths of refs and images are relative to."""
    return root.parent if root.is_file() else root


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _clean(file_name: str) -> str:
    """A file name of the JSON as a path below a folder: whatever its author's machine put in front stays a plain name."""
    parts = PurePosixPath(file_name.replace("\\", "/").replace("\0", "")).parts
    return "/".join(part for part in parts if part not in ("/", "//", ".."))


def _names(json: Path, index: coco.Index) -> list[str]:
    names: dict[str, int] = {}
    for i, entry in enumerate(coco.entries(index)):
        name = _clean(entry.file_name)
        at = int(index.images.spans[i, 0])
        if not name:
            raise UsageError(f"{json}@{at}: expected the name of an image file, got {entry.file_name!r}")
        if name in names:
            first = int(index.images.spans[names[name], 0])
            raise UsageError(f"{json}@{at}: the image of byte {first} again, {name}; join the two entries")
        names[name] = i
    return list(names)


def _finder(json: Path, base: Path) -> Callable[[str], str]:
    """Where an image of the JSON lies, relative to `base`; its own name when it is nowhere."""
    above = base if base != json.parent else json.parent.parent

    @cache
    def by_bare_name() -> dict[str, tuple[Path, ...]]:
        found: dict[str, tuple[Path, ...]] = {}
        for place in dict.fromkeys((base, above)):
            for path in walk(place, images.SUFFIXES):
                name = PurePosixPath(path).name
                found[name] = (*found.get(name, ()), place / path)
            if found:
                break
        return found

    def find_image(name: str) -> str:
        for place in (json.parent, above):
            if (place / name).is_file():
                return _relative(place / name, base)
        paths = by_bare_name().get(PurePosixPath(name).name, ())
        if len(paths) > 1:
            both = f"{_relative(paths[0], base)} and {_relative(paths[1], base)}"
            raise UsageError(f"{json}: {name} may be {both}; write file_name with its folder")
        return _relative(paths[0], base) if paths else name

    return find_image


@lru_cache(maxsize=8)
def _categories(json: Path, span: Span, mtime_ns: int) -> dict[coco.Id, str]:  # noqa: ARG001
    return {category.id: category.name for category in coco.read_categories(json, span)}


def _image(base: Path, ref: Ref, entry: coco.ImageEntry) -> ImageRef:
    path = base / ref.paths[0]
    where = f"{PurePosixPath(ref.paths[-1]).name}@{ref.spans[1][0]}"
    if not path.is_file():
        raise BadRecord("image_missing", f"{entry.file_name} is listed and nowhere on disk", where=where)
    try:
        size_wh = images.size_wh(path)
        affine, crs = images.geo(path)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=ref.paths[0]) from None
    listed = (entry.width or size_wh[0], entry.height or size_wh[1])  # iSAID's train file has neither
    if listed != size_wh:
        message = (
            f"expected {listed[0]:g} x {listed[1]:g} as listed, the image {ref.paths[0]} is {size_wh[0]} x {size_wh[1]}"
        )
        raise BadRecord("size_mismatch", message, where=where)
    return ImageRef(ref.paths[0], *size_wh, affine=affine, crs=crs)


def _target(
    annotation: coco.Annotation, categories: Mapping[coco.Id, str], size_wh: tuple[int, int]
) -> tuple[Target, tuple[str, ...]]:
    name = categories.get(annotation.category_id)
    if name is None:
        known = ", ".join(map(repr, list(categories)[:20]))
        raise coco_shapes.BadShape("unknown_class", f"category_id {annotation.category_id!r} is not one of {known}")
    shaped = coco_shapes.shape_of(annotation, size_wh)
    label = canonical(name)
    return Target(
        0,
        label,
        shaped.shape,
        attributes=() if label == name else (("source_label", name),),
        visible=shaped.visible,
        ignore="crowd" if annotation.iscrowd else shaped.ignore,
    ), shaped.mended


def _classes(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({canonical(name) for name in names}))


def _exhaustive(
    entry: coco.ImageEntry, annotations: tuple[coco.Annotation, ...], categories: Mapping[coco.Id, str]
) -> tuple[str, ...]:
    sure = set(categories)
    if entry.neg_category_ids is not None:
        sure &= {*entry.neg_category_ids, *(annotation.category_id for annotation in annotations)}
    unsure = {categories[i] for i in categories if i not in sure or i in (entry.not_exhaustive_category_ids or ())}
    return tuple(name for name in _classes(categories.values()) if name not in _classes(unsure))


def _refuse_orphans(json: Path, runs: tuple[Span, ...]) -> NoReturn:
    first = read_span(json, runs[0])[:500].decode(errors="replace")
    lost = sum(coco.count(json, run) for run in runs)
    message = f"{lost} annotations whose image_id names none of the images"
    raise BadRecord("unknown_image", message, where=f"{json.name}@{runs[0][0]}", raw=first)


CONVERTER = Converter(
    CARD,
    find,
    read,
    REASONS,
    coco_shapes.MENDS,
    generic=True,
)
