"""VRSBench: captions, referring sentences and questions on 512 px patches of DOTA v2 and DIOR."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref, SizeWH
from georsmllm.discover import nearest
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import by_stem, folder, walk
from georsmllm.formats import coco_shapes, json_record, picture
from georsmllm.formats.json_record import decode, read_span
from georsmllm.geometry import bounds
from georsmllm.imagery import scene_of
from georsmllm.json_lists import Span, by_id, scan_list
from georsmllm.types import ImageRef, Mention, Sample, Target, Text, box

from ._vrsbench import (
    LINE,
    NEXT_FILE,
    Object,
    Question,
    from_evaluation,
    from_file,
    is_apart,
    is_upright,
    part_of,
    shape_of,
)

CARD = Card(
    title="VRSBench: captions, referring sentences and questions on patches of DOTA v2 and DIOR",
    layout="""
ROOT/Annotations_train/P0003_0002.json   ROOT/Images_train/P0003_0002.png     (unzipped at any depth; train, val or test
ROOT/Annotations_val/00001_0000.json     ROOT/Images_val/00001_0000.png        stands in the name of a folder above)
ROOT/VRSBench_EVAL_{Cap,referring,vqa}.json    read only where there are no annotations of val; also as RSBench_EVAL_*
One JSON an image is a sample. VRSBench_train.json says the same in conversations and is not read, nor are files *_input.json
and any other JSON whose name is no patch's.
""".strip(),
    label_line='{"obj_id": 0, "obj_cls": "ship", "obj_corner": [0.11, 0.2, 0.18, 0.2, 0.18, 0.31, 0.11, 0.31], '
    '"is_unique": true, "obj_position": "top-left", "obj_size": "small", "referring_sentence": "The small ship ..."}',
    classes="""
26: DOTA's and DIOR's together; small-vehicle and large-vehicle become "vehicle", plane "airplane". The objects of a file are
those that were referred to, a subset of what the image shows: no class is annotated in full.
""".strip(),
    paper="Li et al., VRSBench: A Versatile Vision-Language Benchmark Dataset for Remote Sensing Image Understanding, "
    "NeurIPS 2024 (arXiv:2406.12384)",
    licence="texts CC BY 4.0; images of DOTA and DIOR: academic use only",
    defects="""
obj_corner holds fractions of the image, obj_coord the same rounded to 2 decimals (5 px), which is read only where there are
no corners. The corners of DIOR's objects are those of their upright boxes (the branch dior_r has rotated ones): corners of
a DIOR patch that stand upright are read as a box. In the evaluation file ground_truth is int(100 * v), cut off, not rounded:
it is only held against the corners; obb_v1 and obb_v2 are two forms that contradict each other and are not read. Questions
that stand twice are read once. Texts were written by GPT-4V and checked by people; they hold errors, and "largeest".
""".strip(),
    sizes={"train": 20264, "val": 9350},
)
CLASSES = (
    "dam", "storage-tank", "ground-track-field", "overpass", "baseball-diamond", "tennis-court", "vehicle",
    "basketball-court", "golffield", "harbor", "expressway-service-area", "chimney", "trainstation", "windmill",
    "expressway-toll-station", "ship", "airport", "bridge", "airplane", "stadium", "soccer-ball-field", "roundabout",
    "swimming-pool", "helicopter", "container-crane", "helipad",
)  # fmt: skip
_VEHICLES = ("small vehicle", "large vehicle")
_RECORD = re.compile(r"(P\d{4}|\d{5})_\d{4}")
_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(?![a-z])", re.IGNORECASE)


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a VRSBench folder with Annotations_train, Images_train ...")
    labels: dict[str, str] = {}
    evaluations: dict[str, str] = {}
    for name in walk(root, (".json",)):
        stem = PurePosixPath(name).stem
        if _RECORD.fullmatch(stem):
            _once(labels, f"{_split(name)}/{stem}".lstrip("/"), name)
        elif part := part_of(name):
            _once(evaluations, part, name)
    if any(key.startswith("val/") for key in labels):
        evaluations = {}
    if not labels and not evaluations:
        raise UsageError(
            f"no annotations below {root}; expected Annotations_train/P0003_0002.json ... or VRSBench_EVAL_*.json; "
            "unzip Annotations_train.zip and Annotations_val.zip there"
        )
    stems = by_stem(root, images.SUFFIXES)
    refs = {key: Ref(key, _split(name), (_image_of(stems, key), name)) for key, name in labels.items()}
    refs |= {ref.key: ref for ref in _evaluated(root, tuple(sorted(evaluations.values())), stems)}
    yield from (refs[key] for key in sorted(refs))


def _once(names: dict[str, str], key: str, name: str) -> None:
    if key in names:
        raise UsageError(f"two files for {key}: {names[key]} and {name}; keep one of them")
    names[key] = name


def _split(path: str) -> str:
    found = [match[1].lower() for part in PurePosixPath(path).parts[:-1] if (match := _SPLIT.search(part))]
    return found[-1] if found else ""


def _image_of(stems: dict[str, tuple[str, ...]], key: str) -> str:
    """The image of a key: of several of one name the one in the key's split."""
    split, _, stem = key.rpartition("/")
    found = stems.get(stem, ())
    own = [path for path in found if _split(path) == split] or list(found)
    if len(own) > 1:
        raise UsageError(f"two images of one name: {own[0]} and {own[1]}; keep one of them")
    return own[0] if own else f"{stem}.png"


def _evaluated(root: Path, names: tuple[str, ...], stems: dict[str, tuple[str, ...]]) -> Iterator[Ref]:
    """A ref for each image of the evaluation files, with its elements in each of them."""
    spans: dict[str, list[tuple[Span, ...]]] = {}
    for number, name in enumerate(names):
        groups = by_id(scan_list(root / name, "image_id"))
        for group in map(groups.of, range(len(groups.starts) - 1)):
            try:
                image = decode(LINE, read_span(root / name, group[0]), f"{name}@{group[0][0]}").image_id
            except BadRecord as error:
                raise UsageError(f"{error}; mend this entry in the file") from None
            spans.setdefault(PurePosixPath(image).stem, [()] * len(names))[number] += group
    for stem, parts in spans.items():
        flat = [span for part in parts for span in (*part, NEXT_FILE)]
        yield Ref(f"val/{stem}", "val", (_image_of(stems, f"val/{stem}"), *names), tuple(flat))


def read(root: Path, ref: Ref) -> Sample:
    record = from_evaluation(root, ref) if ref.spans else from_file(root, ref)
    image = _image(root, ref)
    stem = PurePosixPath(ref.key).name
    where = next((name for name in ref.paths[1:] if part_of(name) == "referring"), ref.paths[1])
    mended: Counter[str] = Counter()
    targets = tuple(_target(one, image.size_wh, stem, where, mended) for one in record.objects)
    texts = [Text("caption", record.caption.strip())] if record.caption and record.caption.strip() else []
    texts += [
        Text("expression", target.phrase, mentions=(Mention("answer", 0, (i,)),), topic="ref")
        for i, target in enumerate(targets)
        if target.phrase
    ]
    return Sample(
        id=f"vrsbench/{ref.key}",
        dataset="vrsbench",
        split=ref.split,
        scene=scene_of(stem) or f"vrsbench/{stem}",
        images=(image,),
        targets=targets,
        texts=(*texts, *_questions(record.qa_pairs, mended)),
        classes=_classes(),
        mended=tuple(sorted(mended.items())),
    )


def _image(root: Path, ref: Ref) -> ImageRef:
    path = ref.paths[0]
    if not (root / path).exists():
        name = PurePosixPath(path).name
        message = f"{name} is nowhere below the folder given; unzip Images_train.zip and Images_val.zip there"
        raise BadRecord("image_missing", message, where=ref.paths[1])
    return picture.read(root, path)


def _target(one: Object, size_wh: SizeWH, stem: str, where: str, mended: Counter[str]) -> Target:
    label = canonical(one.obj_cls)
    label = "vehicle" if label in _VEHICLES else label
    if label not in _classes():
        hint = nearest(one.obj_cls, CLASSES)
        raise BadRecord("unknown_class", f"no VRSBench class is called {one.obj_cls!r}; {hint}", where=where)
    shape, mends = shape_of(one, size_wh, where)
    if shape.kind == "rbox" and stem[0].isdigit() and is_upright(shape):
        shape, mends = box(*bounds(shape)), (*mends, "upright_box")
    shaped = coco_shapes.inside(shape, size_wh, mends)
    mended.update(shaped.mended)
    ignore = shaped.ignore
    if one.ground_truth and one.obj_corner and is_apart(shape, one.ground_truth, size_wh):
        ignore = "boxes_disagree"
    return Target(
        0,
        label,
        shaped.shape,
        phrase=" ".join((one.referring_sentence or "").split()),
        attributes=_attributes(one, label, mended),
        visible=shaped.visible,
        ignore=ignore,
    )


def _attributes(one: Object, label: str, mended: Counter[str]) -> tuple[tuple[str, str], ...]:
    relative_size = one.obj_rel_size
    if relative_size == "largeest":
        relative_size = largest(relative_size)
        mended["largest"] += 1
    values = {
        "flag": "true" if one.flag else None,
        "is_unique": None if one.is_unique is None else str(one.is_unique).lower(),
        "obj_id": None if one.obj_id is None else str(one.obj_id),
        "obj_position": one.obj_position,
        "obj_rel_position": one.obj_rel_position,
        "obj_rel_size": relative_size,
        "obj_size": one.obj_size,
        "source_label": one.obj_cls if one.obj_cls != label else None,
    }
    return tuple((name, value) for name, value in values.items() if value)


def largest(word: str) -> str:
    """The generator's misspelling of a relative size, mended."""
    return word.replace("largeest", "largest")


def _questions(pairs: tuple[Question, ...], mended: Counter[str]) -> Iterator[Text]:
    seen = set()
    for pair in pairs:
        answer = _words(pair.answer)
        question, topic = (pair.question or "").strip(), (pair.type or "").strip().lower()
        key = (question.casefold(), answer.casefold())
        if not question or not answer:
            mended["empty_question_dropped"] += 1
        elif key in seen:
            mended["repeated_question_dropped"] += 1
        else:
            seen.add(key)
            yield Text("question", question, answer, topic=topic)


def _words(answer: str | bool | int | float | None) -> str:
    if isinstance(answer, bool):
        return "Yes" if answer else "No"
    return "" if answer is None else str(answer).strip()


@cache
def _classes() -> tuple[str, ...]:
    return tuple(canonical(name) for name in CLASSES)


CONVERTER = Converter(
    CARD,
    find,
    read,
    reasons={
        **images.REASONS,
        "label_missing": "the annotation file is gone or may not be read",
        **json_record.REASONS,
        "no_shape": "an object without corners or box",
        "out_of_range": "a coordinate that is no fraction of the image",
        "other_image": "an annotation file that names another image than its own name does",
        "unknown_class": "a class name that is none of the 26",
    },
    mends={
        "clipped_to_image": coco_shapes.MENDS["clipped_to_image"],
        "reordered_corners": coco_shapes.MENDS["reordered_corners"],
        "upright_box": "corners of a DIOR object that are those of its upright box are read as a box",
        "rounded_box": "an object without corners is read by its box, which is rounded to hundredths of the image",
        "largest": "the misspelt largeest became largest",
        "repeated_question_dropped": "a question that stands twice with one answer is read once",
        "empty_question_dropped": "a question without words, or without an answer, is left out",
    },
)
