"""GeoChat_Instruct and GeoChat-Bench: conversations about remote-sensing images, with rotated boxes in whole percents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.dialects.geochat import DIALECT
from georsmllm.errors import BadAnswer, BadRecord, UsageError
from georsmllm.files import folder, walk
from georsmllm.formats import boxed_text, coco_shapes, llava
from georsmllm.formats.boxed_text import Heard, words
from georsmllm.imagery import scene_of
from georsmllm.types import Mention, Point, Sample, Text

if TYPE_CHECKING:
    from georsmllm.json_lists import Span

CARD = Card(
    title="GeoChat_Instruct (318 k conversations) and GeoChat-Bench, on images of DOTA, DIOR, FAIR1M, NWPU-RESISC45 ...",
    layout="""
ROOT/GeoChat_Instruct.json (or .jsonl, or such a file itself as PATH), images at any depth below; split train
ROOT/GeoChat-Bench/{referring,region_captioning,grounding_description,aid,UCmerced,lrben,hrben}.jsonl      split test
A sample is an image with all that one file says of it. An image is looked for under its name, then by its bare name, then
by its name without suffix (image_id has none, and some .jpg are .png on disk). A file none of whose images is there is left
out: those of AID, UCMerced, LRBEN and HRBEN come from elsewhere.
""".strip(),
    label_line='{"id": "P0001_0002", "image": "P0001_0002.png", "conversations": [{"from": "human", "value": "<image>\\n'
    '[refer] where is <p>the ship at the left</p> ?"}, {"from": "gpt", "value": "{<11><68><22><71>|<53>}"}]}',
    classes="""
None: an object is known by an expression alone, so every target bears the label "object" and no class is annotated in full.
Scene classes are those that a question offers; of an image that has objects too, the scene stays a question. [refer] gives
expressions, [identify] regions, [grounding] captions that point at what they name; turns without a tag are captions, scene
classes or questions, by the words of the question.
""".strip(),
    paper="Kuckreja et al., GeoChat: Grounded Large Vision-Language Model for Remote Sensing, CVPR 2024 (arXiv:2311.15826)",
    licence="Apache-2.0 for the conversations; every image by its source, most for academic use only",
    defects="""
A box is the rectangle before its rotation and an angle clockwise in pixels, 0 to 90 degrees; boxes leave the image (11 %) and
are cut to it. Whole percents: 8 px on an 800 px image. A turn whose boxes cannot be read is left out and counted; so is one
without a partner. Later turns of a conversation may lean on earlier ones. Classes and sizes in expressions come from
rules and hold errors ("3 airplanes"). lrben and hrben hold no answers: their images are tagged "unlabelled" (the answers are
in RSVQA). aid has "MediumResidentialgt", mended. The corners of referring's ground truth are read as pixels of the image [?].
Names of five digits are taken for DIOR's, whosever they are. Whether a turn without a tag asks for a caption or a
scene class is read off its words.
""".strip(),
)
BENCH = ("aid", "grounding_description", "hrben", "lrben", "referring", "region_captioning", "ucmerced")
_TAG = re.compile(r"\s*(?:<image>\s*)*\[(?P<tag>\w{1,20})\]\s*")
_PHRASE = re.compile(r"<p>([^<>]*)</p>")


class _Line(msgspec.Struct, frozen=True):
    """A line of GeoChat-Bench; ground_truth is a list of quads in referring, words elsewhere."""

    question_id: str | int | None = None
    question: str | None = None
    text: str | None = None
    ground_truth: str | tuple[tuple[float | tuple[float, float], ...], ...] | None = None
    description: str | None = None
    answer: str | None = None
    type: str | None = None
    category: str | None = None


def find(root: Path) -> Iterator[Ref]:
    if root.is_file():
        yield from llava.refs(root.parent, [(root.name, _split(root.name))])
        return
    folder(root, "GeoChat_Instruct.json, or a folder with it and its images,")
    files = [(name, _split(name)) for name in walk(root, llava.SUFFIXES) if _is_ours(name)]
    if not files:
        raise UsageError(
            f"neither GeoChat_Instruct.json nor a file of GeoChat-Bench below {root}; "
            "expected one of them there, or give the JSON itself as PATH"
        )
    yield from llava.refs(root, files)


def _bench(name: str) -> str:
    """The part of GeoChat-Bench that a file is, "" for none."""
    path = PurePosixPath(name)
    return path.stem.lower() if path.suffix.lower() == ".jsonl" and path.stem.lower() in BENCH else ""


def _is_ours(name: str) -> bool:
    return bool(_bench(name)) or PurePosixPath(name).stem.lower().startswith("geochat_instruct")


def _split(name: str) -> str:
    return "test" if _bench(name) else "train"


def read(root: Path, ref: Ref) -> Sample:
    base = root.parent if root.is_file() else root
    file = base / ref.paths[-1]
    where = f"{file.name}@{ref.spans[0][0]}"
    if len(ref.paths) == 1:
        for span in ref.spans:
            llava.decode(llava.RECORD, file, span)
        raise BadRecord("no_image", f"{len(ref.spans)} records without an image", where=where)
    image = llava.image(base, ref.paths[0], where)
    mended: Counter[str] = Counter()
    heard = Heard(image.size_wh, DIALECT, mended)
    part = _bench(ref.paths[-1])
    said = _of_bench(file, ref.spans, part, heard) if part else _of_turns(file, ref.spans, heard)
    texts = boxed_text.once(said, heard)
    stem = PurePosixPath(ref.paths[0]).stem
    return Sample(
        id=f"geochat_instruct/{ref.key}",
        dataset="geochat_instruct",
        split=ref.split,
        scene=scene_of(stem) or f"geochat_instruct/{stem}",
        images=(image,),
        targets=tuple(heard.targets),
        texts=texts,
        tags=() if texts or heard.targets else ("unlabelled",),
        classes=heard.classes(),
        mended=tuple(sorted((+mended).items())),
    )


def _of_turns(file: Path, spans: tuple[Span, ...], heard: Heard) -> Iterator[Text]:
    for span in spans:
        for question, answer in llava.turns(llava.decode(llava.RECORD, file, span), heard.mended):
            try:
                yield _turn(question, answer, heard)
            except BadAnswer:
                heard.mended["unreadable_boxes_dropped"] += 1


def _turn(question: str, answer: str, heard: Heard) -> Text:
    """One question with its answer; raises BadAnswer for boxes that cannot be read."""
    found = _TAG.match(question)
    topic = found["tag"].lower() if found else ""
    asked, said = words(question[found.end() :] if found else question, DIALECT), words(answer, DIALECT)
    if topic == "refer" and said.places and not asked.places:
        marked = _PHRASE.search(question)
        phrase = " ".join(marked[1].split()) if marked else asked.text
        return boxed_text.expression(phrase, said.places, heard, topic=topic)
    if topic == "identify" and asked.places and not said.places:
        return boxed_text.region(asked.places, said.text, heard, topic=topic)
    if not asked.places and (topic == "grounding" or (said.places and boxed_text.asks_caption(asked.text))):
        return boxed_text.caption(said, heard, topic=topic)
    return boxed_text.plain(asked, said, heard, topic=topic)


def _of_bench(file: Path, spans: tuple[Span, ...], part: str, heard: Heard) -> Iterator[Text]:
    for span in spans:
        line = llava.decode(_LINE, file, span)
        try:
            yield from _bench_texts(line, part, heard, f"{file.name}@{span[0]}")
        except BadAnswer:
            heard.mended["unreadable_boxes_dropped"] += 1


def _bench_texts(line: _Line, part: str, heard: Heard, where: str) -> Iterator[Text]:
    topic = line.type or line.category or ""
    truth = line.ground_truth if isinstance(line.ground_truth, str) else ""
    if part == "referring":
        if line.ground_truth:
            yield _referring(line, heard, where)
    elif part == "region_captioning":
        places = words(line.question or "", DIALECT).places
        yield boxed_text.region(places, words(truth, DIALECT).text, heard, topic=topic)
    elif part == "grounding_description":
        yield boxed_text.caption(words(line.description or truth, DIALECT), heard, topic="grounding")
    elif part in ("aid", "ucmerced"):
        name = truth or PurePosixPath(str(line.question_id)).parts[0]
        yield boxed_text.scene(line.text or "", without_typo(name, heard.mended), heard)
    elif line.answer or truth:
        question = words(line.text or line.question or "", DIALECT)
        yield boxed_text.plain(question, words(line.answer or truth, DIALECT), heard, topic=topic)


def _referring(line: _Line, heard: Heard, where: str) -> Text:
    """An expression with its quads, corners in pixels of the image, or with boxes as the model writes them."""
    text = words(line.question or "", DIALECT).text
    topic = line.type or "ref"
    if isinstance(line.ground_truth, str):
        return boxed_text.expression(text, words(line.ground_truth, DIALECT).places, heard, topic=topic)
    quads = [_corners(quad, where) for quad in line.ground_truth or ()]
    targets = tuple(dict.fromkeys(heard.add(*coco_shapes.quad(corners)) for corners in quads))
    heard.say(targets, text)
    return Text("expression", text, mentions=(Mention("answer", 0, targets),), topic=topic)


def _corners(quad: tuple[float | tuple[float, float], ...], where: str) -> tuple[Point, ...]:
    flat = [value for item in quad for value in (item if isinstance(item, tuple) else (item,))]
    if len(flat) != 8 or not all(abs(value) <= coco_shapes.MAX_COORDINATE_PX for value in flat):
        raise BadRecord("bad_entry", f"expected four corners in pixels, got {len(flat)} numbers", where=where)
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def without_typo(name: str, mended: Counter[str]) -> str:
    """A class of AID whose name ends in the name of the field after it ("MediumResidentialgt"), mended."""
    mended["class_typo"] += name.endswith("gt")
    return name.removesuffix("gt")


_LINE = msgspec.json.Decoder(_Line)
CONVERTER = Converter(
    CARD,
    find,
    read,
    reasons={**images.REASONS, **llava.REASONS},
    mends={
        **llava.MENDS,
        **boxed_text.MENDS,
        "reordered_corners": coco_shapes.MENDS["reordered_corners"],
        "class_typo": "a class name lost the letters gt that the file has behind it",
    },
)
