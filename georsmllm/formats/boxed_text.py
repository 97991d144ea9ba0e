"""Sentences in which boxes stand, of conversations about an image: their words, their places, and the boxes as targets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from georsmllm.classes import canonical
from georsmllm.contracts import Dialect, SizeWH
from georsmllm.errors import BadAnswer
from georsmllm.formats import coco_shapes
from georsmllm.geometry import to_rbox
from georsmllm.types import UNNAMED, Mention, PointSet, Target, Text

Side = Literal["text", "answer"]

MENDS = {
    "clipped_to_image": coco_shapes.MENDS["clipped_to_image"],
    "unreadable_boxes_dropped": "a turn whose boxes cannot be read is left out",
    "repeated_text_dropped": "a sentence that an image has twice is read once",
    "empty_text_dropped": "a turn without words, or without an answer, is left out",
}
_MARKUP = re.compile(r"</?(?:image|p|delim|ref|rel|box|rbox|unk|s)>")
_PHRASE = re.compile(r"<(?:p|ref)>([^<>]*)</(?:p|ref)>\s*\Z")
_LOOSE = re.compile(r"\s+([.,;:?!])")
_ASKS_CAPTION = re.compile(
    r"\b(?:describe|description|caption|summari[sz]e|depict|portray|what do you see|what can you see|tell me about"
    r"|what(?:'s| is) (?:shown|depicted|happening))\b",
    re.IGNORECASE,
)
_CLASSES = re.compile(r"\b(?:classes|categories)\b[^:\n]{0,80}:\s*(?P<names>[^\n]+)", re.IGNORECASE)
_ASKS_SCENE = re.compile(
    r"\bclassify\b|\b(?:scene|land.?use) (?:class|category|type)|\b(?:class|category|type) of (?:the|this) (?:image|scene)",
    re.IGNORECASE,
)
_BREVITY = re.compile(
    r"(?:answer|reply|respond)(?: the question)? (?:using|with|in) (?:a|one) (?:single )?(?:word|short)\b"
    r"[^.?!\n]{0,60}[.!]?\s*\Z",
    re.IGNORECASE,
)
MOST_CLASS_WORDS = 5


class Place(NamedTuple):
    """Where boxes stood in a sentence: at the end of the word before, so that a space and the boxes put there read well.

    stretch: the boxes as the dialect has them. phrase: what stood marked up (<p>, <ref>) right before them, "" for nothing.
    """

    at: int
    stretch: str
    phrase: str


class Words(NamedTuple):
    """A sentence without markup and boxes, and the places of these."""

    text: str
    places: tuple[Place, ...] = ()


def words(raw: str, dialect: Dialect) -> Words:
    """A sentence without markup and white space to spare, and the places of its boxes."""
    out = ""
    places: list[Place] = []
    end = 0
    for start, after in dialect.stretches(raw):
        if not any(bracket in raw[start:after] for bracket in "{[("):
            continue  # a dialect's word for nothing is a word here
        out = _joined(out, raw[end:start])
        phrase = _PHRASE.search(raw[end:start])
        places.append(Place(len(out.rstrip()), raw[start:after], " ".join(phrase[1].split()) if phrase else ""))
        end = after
    return Words(_joined(out, raw[end:]).rstrip(), tuple(places))


def _joined(out: str, raw: str) -> str:
    piece = _LOOSE.sub(r"\1", re.sub(r"\s+", " ", _MARKUP.sub("", raw)))
    if not out or not piece.strip():
        return out + (piece.lstrip() if not out else " " if piece and not out.endswith(" ") else "")
    bare = piece.lstrip()
    if bare[0] in ".,;:?!)":
        return out.rstrip() + bare
    spaced = out.endswith(" ") or piece.startswith(" ") or (out[-1].isalnum() and bare[0].isalnum())
    return out.rstrip() + (" " if spaced else "") + bare


def without_brevity(question: str) -> str:
    """A question without its last sentence where that only asks for a single word or a short phrase."""
    return _BREVITY.sub("", question).rstrip()


def asks_caption(question: str) -> bool:
    return _ASKS_CAPTION.search(question) is not None


def scene_class(question: str, answer: str) -> str:
    """The answer as a scene's class where the question asks for one and the answer is a few words, else ""."""
    name = answer.strip().rstrip(".")
    is_name = name and len(name.split()) <= MOST_CLASS_WORDS and not any(mark in name for mark in ",;:")
    return name if is_name and _ASKS_SCENE.search(question) else ""


def scene_choices(question: str) -> tuple[str, ...]:
    """The classes that a question offers after a colon, one after another with commas."""
    found = _CLASSES.search(question)
    names = [name.strip(" .") for name in found["names"].split(",")] if found else []
    return tuple(name for name in names if name and len(name.split()) <= MOST_CLASS_WORDS)


class Heard:
    """What the sentences about one image speak of: its objects, each box once however often it is spoken of, the questions
    for its scene's class with the class, and the canonical names of all scene classes that they name or offer."""

    def __init__(self, size_wh: SizeWH, dialect: Dialect, mended: Counter[str]) -> None:
        self._size_wh, self._dialect, self.mended = size_wh, dialect, mended
        self._at: dict[tuple[PointSet, str], int] = {}
        self.targets: list[Target] = []
        self.scene_of: dict[Text, str] = {}
        self.scenes: set[str] = set()

    def mentions(self, places: Sequence[Place], side: Side, names: Sequence[str] = ()) -> tuple[Mention, ...]:
        """The places of a sentence as mentions, their boxes as targets of the classes named; raises BadAnswer."""
        heard = [self._dialect.decode(place.stretch, self._size_wh, self._dialect.kinds) for place in places]
        return tuple(
            Mention(side, place.at, tuple(dict.fromkeys(self.add(spoken.shape, name=name) for spoken in objects)))
            for place, objects, name in zip(places, heard, names or [UNNAMED] * len(places), strict=True)
        )

    def say(self, targets: Sequence[int], phrase: str) -> None:
        """A phrase of one target alone becomes its own, unless it has one."""
        if len(targets) == 1 and not self.targets[targets[0]].phrase:
            self.targets[targets[0]] = replace(self.targets[targets[0]], phrase=phrase)

    def classes(self, of_dataset: Iterable[str] = ()) -> tuple[str, ...]:
        """The canonical names that a sample chooses among: scenes where it is of a scene, else classes of objects."""
        if self.scenes and not self.targets:
            return tuple(sorted(self.scenes))
        return tuple(sorted({UNNAMED, *of_dataset, *(target.label for target in self.targets)}))

    def add(self, shape: PointSet, mended: tuple[str, ...] = (), *, name: str = UNNAMED) -> int:
        """The number of the target of that box and class; a box of no class is the first one that has its place."""
        label = canonical(name)
        at = self._at.get((shape, label))
        first = self._at.setdefault((shape, UNNAMED), len(self.targets) if at is None else at)
        if at is None and first < len(self.targets) and self.targets[first].label == UNNAMED:
            at = first
        if at is None:
            at = len(self.targets)
            shaped = coco_shapes.inside(to_rbox(shape) if shape.kind == "rbox" else shape, self._size_wh)
            self.mended.update((*mended, *shaped.mended))
            self.targets.append(Target(0, UNNAMED, shaped.shape, visible=shaped.visible, ignore=shaped.ignore))
        if label != UNNAMED:
            attributes = (("source_label", name),) if label != name else ()
            self.targets[at] = replace(self.targets[at], label=label, attributes=attributes)
        self._at[shape, label] = at
        return at


def expression(text: str, places: Sequence[Place], heard: Heard, *, topic: str, name: str = UNNAMED) -> Text:
    """An expression that all boxes of an answer answer; raises BadAnswer, as do those that follow."""
    targets = _together(heard.mentions(places, "answer", [name] * len(places)), text)
    heard.say(targets, text)
    return Text("expression", text, mentions=(Mention("answer", 0, targets),), topic=topic)


def region(places: Sequence[Place], answer: str, heard: Heard, *, topic: str, name: str = UNNAMED) -> Text:
    """The description of all boxes of a question."""
    targets = _together(heard.mentions(places, "text", [name] * len(places)), answer)
    heard.say(targets, answer)
    return Text("region", "", answer, (Mention("text", 0, targets),), topic)


def _together(mentions: tuple[Mention, ...], text: str) -> tuple[int, ...]:
    if not mentions:
        raise BadAnswer("syntax", text, at=len(text), expected="boxes")
    return tuple(dict.fromkeys(i for mention in mentions for i in mention.targets))


def caption(said: Words, heard: Heard, *, topic: str, names: Sequence[str] = ()) -> Text:
    """A description that points at what it names."""
    mentions = heard.mentions(said.places, "text", names)
    for place, mention in zip(said.places, mentions, strict=True):
        heard.say(mention.targets, place.phrase)
    return Text("caption", said.text, mentions=mentions, topic=topic)


def plain(asked: Words, said: Words, heard: Heard, *, topic: str) -> Text:
    """A scene class, a caption or a question with its answer, by the words of the question."""
    mentions = (*heard.mentions(asked.places, "text"), *heard.mentions(said.places, "answer"))
    question = without_brevity(asked.text)
    if mentions:
        return Text("question", question, said.text, mentions, topic)
    if name := scene_class(question, said.text):
        return scene(question, name, heard)
    if asks_caption(question):
        return Text("caption", said.text, topic=topic)
    return Text("question", question, said.text, topic=topic)


def scene(question: str, name: str, heard: Heard) -> Text:
    """The question for a scene's class; `once` makes it a scene where the image has no objects to be confused with it."""
    heard.scenes |= {canonical(name), *map(canonical, scene_choices(question))}
    text = Text("question", question, name, topic="scene")
    heard.scene_of[text] = canonical(name)
    return text


def once(texts: Iterable[Text], heard: Heard) -> tuple[Text, ...]:
    """The sentences without repetitions, and without those that say nothing; both are counted."""
    found: dict[Text, None] = {}
    for read in list(texts):  # all of them are read before it is known whether there are objects
        is_scene = read in heard.scene_of and not heard.targets
        text = Text("scene", heard.scene_of[read]) if is_scene else read
        if text in found:
            heard.mended["repeated_text_dropped"] += 1
        elif not (text.text or text.mentions) or (text.kind in ("question", "region") and not text.answer):
            heard.mended["empty_text_dropped"] += 1
        else:
            found[text] = None
    return tuple(found)
