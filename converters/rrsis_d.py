"""RRSIS-D: 17,402 referring expressions on images of DIOR, each with the mask of what it means."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, folders_below, not_there
from georsmllm.formats import coco, coco_shapes, picture, plain_pickle
from georsmllm.formats.coco_shapes import Shaped
from georsmllm.types import Mention, Sample, Target, Text

from ._folders import by_stem, first_there

CARD = Card(
    title="RRSIS-D: referring expressions on DIOR's images, each with the mask of the object that it means",
    layout="""
ROOT/rrsisd/refs(unc).p                          which expression belongs to which annotation, and the splits
ROOT/rrsisd/instances.json                       a COCO JSON with the masks
ROOT/images/rrsisd/JPEGImages/00001.jpg
ann_split/*.xml is not read. A sample is one image with the expressions of one split ("train/00001").
""".strip(),
    label_line='{"id": 7, "image_id": 7, "category_id": 3, "segmentation": [{"size": [800, 800], "counts": "ikn9110030M"}]}',
    classes="""
As `categories` says, the 20 of DIOR; none is annotated in full, because only what has an expression has a mask.
""".strip(),
    paper="Liu et al., Rotated Multi-Scale Interaction Network for Referring Remote Sensing Image Segmentation, CVPR 2024 "
    "(arXiv:2312.12470)",
    licence="none stated; images are those of DIOR: research use",
    defects="""
A segmentation is a list of one run-length mask, not of polygons. Masks are 800 x 800 and a few images are not: up to
2 px of difference are mended at the right and lower edge (mask_fitted: 09976, 00131), more is refused as mask_size
(01072, 04280, 15324, 15776, 22359 are 800 x 787: whether they were cut or squeezed is not known). The XML of an image
has many expressions and a mask for the last one only; only that one is in refs(unc).p. Counts differ: 17,412 XML,
17,339 images, 17,402 expressions; what has no image is image_missing. An annotation belongs to an expression by
ann_id and an image by image_id; ref_id is neither. The pickle is read without unpickling; one that names a function
or class is refused. The pixels are DIOR's, so scenes are called dior/00001.
""".strip(),
)
MAX_FIT_PX = 2
_REFS = "refs(unc).p"
_IMAGES = (
    "images/rrsisd/JPEGImages", "images/rsdata/JPEGImages", "images/JPEGImages", "JPEGImages", "images",
)  # fmt: skip
_NUMBER = re.compile(r"\d{5}")
_Key = tuple[str, coco.Id]


class _Sentence(msgspec.Struct, frozen=True):
    raw: str = ""
    sent: str = ""


class _Expression(msgspec.Struct, frozen=True):
    """One entry of refs(unc).p."""

    ann_id: coco.Id
    image_id: coco.Id
    split: str
    sentences: tuple[_Sentence, ...]
    file_name: str = ""


class _Place(NamedTuple):
    """Where the parts of the dataset lie, relative to its root."""

    refs: str
    instances: str
    pictures: str


def find(root: Path) -> Iterator[Ref]:
    place = _locate(root)
    index = coco.index(root / place.instances)
    runs = coco.runs(index)
    rows = {entry.id: (i, entry.file_name) for i, entry in enumerate(coco.entries(index))}
    image_of = by_stem(root, place.pictures, images.SUFFIXES)
    found: dict[str, Ref] = {}
    for (split, image_id), expressions in _expressions(root / place.refs).items():
        i, file_name = rows.get(image_id, (-1, expressions[0].file_name))
        name = PurePosixPath(file_name.replace("\\", "/")).name or f"{image_id}.jpg"
        stem = PurePosixPath(name).stem
        key = f"{split}/{stem}"
        if key in found:
            raise UsageError(
                f"{root / place.refs}: two image_ids for {name}, the second is {image_id!r}; make them one"
            )
        start, end = index.images.spans[i].tolist() if i >= 0 else (0, 0)
        spans = (index.categories, (start, end), *runs.of(i)) if i >= 0 else ()
        found[key] = Ref(
            key, split, (image_of.get(stem, f"{place.pictures}/{name}"), place.instances, place.refs), spans
        )
    yield from (found[key] for key in sorted(found))


def _locate(root: Path) -> _Place:
    folder(root, f"an RRSIS-D folder with rrsisd/{_REFS}, rrsisd/instances.json and images/rrsisd/JPEGImages")
    with_refs = [path for path in (root, *folders_below(root, depth=2)) if (path / _REFS).is_file()]
    if not with_refs:
        raise not_there(root, f"{_REFS} or rrsisd/{_REFS}", _is_root, f"rrsisd/{_REFS} there")
    below = with_refs[0].relative_to(root)
    pictures = first_there(root, _IMAGES)
    if pictures is None:
        raise not_there(root, "images/rrsisd/JPEGImages", _is_root, "the images there")
    if not (root / below / "instances.json").is_file():
        raise UsageError(f"no instances.json beside {with_refs[0] / _REFS}; it holds the masks")
    return _Place((below / _REFS).as_posix(), (below / "instances.json").as_posix(), pictures)


def _is_root(path: Path) -> bool:
    has_refs = any((path / name / _REFS).is_file() for name in ("", "rrsisd"))
    return has_refs and first_there(path, _IMAGES) is not None


def _expressions(path: Path) -> dict[_Key, tuple[_Expression, ...]]:
    return _read_expressions(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)  # every record asks for it
def _read_expressions(path: Path, mtime_ns: int) -> dict[_Key, tuple[_Expression, ...]]:  # noqa: ARG001
    """Split and image_id -> its expressions, in the file's order; raises UsageError."""
    try:
        listed = msgspec.convert(plain_pickle.load(path), tuple[_Expression, ...])
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path}: expected a list of expressions with ann_id, image_id, split, sentences: {error}"
        ) from None
    found: dict[_Key, list[_Expression]] = defaultdict(list)
    for expression in listed:
        found[expression.split, expression.image_id].append(expression)
    return {key: tuple(expressions) for key, expressions in found.items()}


def read(root: Path, ref: Ref) -> Sample:
    path, instances, refs = ref.paths
    json = root / instances
    if not ref.spans:
        raise BadRecord("unknown_image", f"{refs} has expressions for an image that {json.name} lacks", where=path)
    entry = coco.read_image(json, ref.spans[1])
    where = f"{json.name}@{ref.spans[1][0]}"
    image = picture.read(root, path)
    names = {category.id: category.name for category in coco.read_categories(json, ref.spans[0])}
    expressions = _expressions(root / refs)[ref.split, entry.id]
    annotations = {one.id: one for one in coco.read_annotations(json, ref.spans[2:])}
    number: dict[coco.Id, int] = {}
    targets: list[Target] = []
    mended: Counter[str] = Counter()
    for expression in expressions:
        annotation = annotations.get(expression.ann_id)
        if annotation is None or annotation.category_id not in names:
            raise BadRecord("unknown_annotation", _lost(expression, annotation), where=where)
        if expression.ann_id not in number:
            shaped = _shaped(annotation, image.size_wh, where)
            number[expression.ann_id] = len(targets)
            targets.append(_target(names[annotation.category_id], shaped, (*_said(expression), "")[0]))
            mended.update(shaped.mended)
    stem = PurePosixPath(path).stem
    return Sample(
        id=f"rrsis_d/{ref.key}",
        dataset="rrsis_d",
        split=ref.split,
        scene=f"dior/{stem}" if _NUMBER.fullmatch(stem) else f"rrsis_d/{stem}",
        images=(image,),
        targets=tuple(targets),
        texts=_texts(expressions, number),
        classes=tuple(sorted({canonical(name) for name in names.values()})),
        mended=tuple(sorted(mended.items())),
    )


def _said(expression: _Expression) -> tuple[str, ...]:
    said = (" ".join((one.raw or one.sent).split()) for one in expression.sentences)
    return tuple(words for words in said if words)


def _texts(expressions: tuple[_Expression, ...], number: dict[coco.Id, int]) -> tuple[Text, ...]:
    """Every expression with its target, the same one once."""
    texts = (
        Text("expression", words, mentions=(Mention("answer", 0, (number[one.ann_id],)),))
        for one in expressions
        for words in _said(one)
    )
    return tuple(dict.fromkeys(texts))


def _lost(expression: _Expression, annotation: coco.Annotation | None) -> str:
    if annotation is None:
        return f"an expression is of ann_id {expression.ann_id!r}, which this image has not"
    return f"the annotation {expression.ann_id!r} is of category {annotation.category_id!r}, which is not listed"


def _target(name: str, shaped: Shaped, phrase: str) -> Target:
    label = canonical(name)
    return Target(
        0,
        label,
        shaped.shape,
        phrase,
        () if label == name else (("source_label", name),),
        visible=shaped.visible,
        ignore=shaped.ignore,
    )


def _shaped(annotation: coco.Annotation, size_wh: tuple[int, int], where: str) -> Shaped:
    """The mask of an annotation, fitted to its image; raises BadRecord."""
    try:
        parts = coco.segmentation(annotation)
        mask = _fitted(parts[0], size_wh) if len(parts) == 1 and isinstance(parts[0], coco.Rle) else None
        if mask is None:
            return coco_shapes.shape_of(annotation, size_wh)
    except msgspec.DecodeError as error:
        raise BadRecord("bad_segmentation", f"segmentation: {error}", where=where) from None
    except coco_shapes.BadShape as bad:
        raise BadRecord(bad.reason, bad.message, where=where) from None
    return mask


def _fitted(rle: coco.Rle, size_wh: tuple[int, int]) -> Shaped | None:
    """A mask that is up to MAX_FIT_PX off the size of its image, cut or filled with nothing at the right and lower edge;
    None for any other, and for one whose runs are wrong."""
    import numpy as np

    from georsmllm import masks

    height, width = rle.size
    off = (size_wh[0] - width, size_wh[1] - height)
    if off == (0, 0) or max(map(abs, off)) > MAX_FIT_PX or not isinstance(rle.counts, str):
        return None
    try:
        pixels = masks.decode(masks.from_counts_text(rle.counts, (width, height)))
    except masks.BadMask:
        return None
    grown = np.pad(pixels, ((0, max(off[1], 0)), (0, max(off[0], 0))))[: size_wh[1], : size_wh[0]]
    if not grown.any():
        return None
    return Shaped(masks.to_shape(masks.encode(grown)), 1.0, None, ("mask_fitted",))


CONVERTER = Converter(
    CARD,
    find,
    read,
    {
        **images.REASONS,
        **coco.REASONS,
        **coco_shapes.REASONS,
        "unknown_annotation": "an expression of an annotation that the image lacks, or of a class that is not listed",
        "unknown_image": "expressions whose image_id names no image of instances.json",
    },
    {
        **coco_shapes.MENDS,
        "mask_fitted": "a mask up to 2 px larger or smaller than its image was cut or filled at the right and lower edge",
    },
)
