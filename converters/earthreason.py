"""EarthReason: questions that need thought, the masks that answer them, and an answer in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord
from georsmllm.files import folder, not_there
from georsmllm.formats import json_record, label_png, picture
from georsmllm.types import UNNAMED, Sample, Text

from . import _referred
from ._folders import by_stem

CARD = Card(
    title="EarthReason: questions about images that are answered by a mask and in words",
    layout="""
ROOT/{train,val,test}/images/1.jpg
ROOT/{train,val,test}/labels/1.png
ROOT/{train,val,test}/QAs/1.json        JSON, also where the file is called 1.txt
The three belong together by their bare name; one that lacks another is refused (image_missing, label_missing).
""".strip(),
    label_line='{"questions": ["Where would a plane land?", "..."], "answer": ["The runway: it is long and flat.", "..."]}',
    classes=f"""
None: a question may mean anything, so that every piece of a mask is called "{UNNAMED}". What does not hang together,
corners included, is a target of its own, and each question means all of them.
""".strip(),
    paper="Li et al., SegEarth-R1: Geospatial Pixel Reasoning via Large Language Model, 2025 (arXiv:2504.09644)",
    licence="as its page on Hugging Face says (earth-insights/EarthReason); not stated in the repository",
    defects="""
Every question of a file is kept, six as a rule, each as an expression (topic "reasoning") and, where there are answers
in words, as a question, too; the answers, three as a rule, go round the questions, because each fits all. An empty list
of answers says that nothing of the kind is there: its questions mean no target, and a mask that shows something all the
same, or an empty mask beside an answer, is refused as answer_contradicts_mask. SegEarth-R1's loader reads the first
question only (earth-insights/SegEarth-R1#8) and pairs files by their order, so that one stray file moves all others.
Any value of a mask but 0 is the target. Whether the numbers of train, val and test name different images is told
nowhere, so scenes bear their split's name.
""".strip(),
    sizes={"train": 2371, "val": 1135, "test": 1928},
)
SPLITS = ("test", "train", "val")
MAX_BYTES = 1_000_000
TOPIC = "reasoning"


class _QA(msgspec.Struct, frozen=True):
    questions: tuple[str, ...]
    answer: tuple[str, ...] | str


def find(root: Path) -> Iterator[Ref]:
    folder(root, "an EarthReason folder with train/images, train/labels and train/QAs")
    splits = _splits(root)
    if not splits:
        expected = "train, val or test, each with images, labels and QAs"
        raise not_there(root, "train/images, val/images or test/images", lambda path: bool(_splits(path)), expected)
    for split in splits:
        for side in ("labels", "QAs"):
            folder(root / split / side, "EarthReason's labels and QAs beside images")
        image_of = by_stem(root, f"{split}/images", images.SUFFIXES)
        mask_of = by_stem(root, f"{split}/labels", images.SUFFIXES)
        qa_of = by_stem(root, f"{split}/QAs", (".json", ".txt"))
        for stem in sorted({*image_of, *mask_of, *qa_of}):
            paths = (
                image_of.get(stem, f"{split}/images/{stem}.jpg"),
                mask_of.get(stem, f"{split}/labels/{stem}.png"),
                qa_of.get(stem, f"{split}/QAs/{stem}.json"),
            )
            yield Ref(f"{split}/{stem}", split, paths)


def _splits(root: Path) -> list[str]:
    return [split for split in SPLITS if (root / split / "images").is_dir()]


def read(root: Path, ref: Ref) -> Sample:
    path, mask, qa_path = ref.paths
    image = picture.read(root, path)
    questions, answers = _qa(root, qa_path)
    targets = _referred.targets(root, mask, image.size_wh, values=range(256))
    if bool(answers) != bool(targets):
        message = f"{qa_path} has {len(answers)} answers, and the mask shows {len(targets)} objects"
        raise BadRecord("answer_contradicts_mask", message, where=mask)
    asked = (
        Text("question", question, answers[i % len(answers)], topic=TOPIC)
        for i, question in enumerate(questions)
        if answers
    )
    return Sample(
        id=f"earthreason/{ref.key}",
        dataset="earthreason",
        split=ref.split,
        scene=f"earthreason/{ref.key}",
        images=(image,),
        targets=targets,
        texts=(*_referred.expressions(questions, len(targets), topic=TOPIC), *asked),
        classes=(UNNAMED,),
    )


def _qa(root: Path, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Questions, each once, and answers, none empty; raises BadRecord."""
    try:
        with (root / path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRecord("label_missing", f"cannot read the questions: {error.strerror}", where=path) from None
    if len(raw) > MAX_BYTES:
        raise BadRecord("bad_json", f"expected questions and answers of at most {MAX_BYTES:,} bytes", where=path)
    qa = json_record.decode(_DECODER, raw.removeprefix(json_record.BOM), path)
    questions = tuple(dict.fromkeys(words for text in qa.questions if (words := " ".join(text.split()))))
    answers = (qa.answer,) if isinstance(qa.answer, str) else qa.answer
    if not questions:
        raise BadRecord("no_expression", "expected questions, got none", where=path)
    return questions, tuple(words for text in answers if (words := " ".join(text.split())))


_DECODER = msgspec.json.Decoder(_QA)
CONVERTER = Converter(
    CARD,
    find,
    read,
    {
        **label_png.REASONS,
        "answer_contradicts_mask": "an empty answer beside a mask that shows something, or the other way round",
        **json_record.REASONS,
        "no_expression": "a file without a question",
    },
)
