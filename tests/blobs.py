"""A model that sees: it answers every question about a class by the blobs of that class's colour in the picture it is shown.

Small and real: what it says depends on the pixels of the view alone, so tiles, coarse views, pairs and crops are told apart
by what they show, and a wrong frame anywhere is a wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from georsmllm import masks, selecting
from georsmllm.answering import Answer, Decoding, Question
from georsmllm.classes import plural
from georsmllm.constrain.form import bare
from georsmllm.geometry import bounds, min_area_rect
from georsmllm.keypoints import keypoints
from georsmllm.pointtext import decode, encode
from georsmllm.types import PointSet, box, rbox

GROUND = (90, 120, 80)


class BlobEngine:
    """colours: class -> its colour in the pictures. words: what it says where no class is named. broken: answers that no ear
    reads, in the place of every one. selects: candidates are kept where this colour is at their middle."""

    batch_size = 4

    def __init__(
        self, colours: Mapping[str, tuple[int, int, int]], *, words: str = "A plain.", broken: bool = False
    ) -> None:
        self.colours = dict(colours)
        self.words = words
        self.broken = broken
        self.asked: list[str] = []
        self.sizes_wh: list[tuple[int, int]] = []

    def stream(
        self, batches: Iterable[Sequence[Question]], decoding: Decoding, *, tick: Callable[[], None] = lambda: None
    ) -> Iterator[list[Answer]]:
        for batch in batches:
            tick()
            yield [Answer(text := self._answer(one), "stop", len(text)) for one in batch]

    def pieces(self, question: Question, decoding: Decoding) -> Iterator[str]:
        text = self._answer(question)
        for at in range(0, len(text), 3):
            yield text[at : at + 3]

    def _answer(self, question: Question) -> str:
        pictures = [np.asarray(image) for image in question.images()]
        assert [(a.shape[1], a.shape[0]) for a in pictures] == list(question.sizes_wh)
        prompt = question.messages[-1].content
        self.asked.append(prompt.replace("<image>\n", ""))
        self.sizes_wh += question.sizes_wh
        if self.broken:
            return "[(12,"
        tag = re.search(r"\[([a-z]+)\] ", prompt)
        words = bare(prompt)
        if tag and tag[1] == "select":
            return self._selected(words, pictures[0])
        label = next((one for one in self.colours if re.search(rf"\b({one}|{plural(one)})\b", words)), None)
        if tag is None or tag[1] not in ("det", "refer", "seg", "change"):
            return self.words
        if label is None:
            return "none"
        size = question.sizes_wh[0]
        if tag[1] == "change":
            then, now = (self._mask(picture, label) for picture in pictures)
            return encode(
                tuple(part.shape for part in masks.components((then != now).view(np.uint8), ignore=(0,))), size
            )
        found = masks.components(self._mask(pictures[0], label).view(np.uint8), ignore=(0,))
        shapes = [self._said(part.shape, tag[1], size) for part in found if part.area_px > 3]
        return encode(tuple(shapes), size)

    def _said(self, shape: PointSet, task: str, size: tuple[int, int]) -> PointSet:
        if task == "seg":
            return box(*bounds(shape), keypoints(shape, size))
        return rbox(min_area_rect([point for ring in shape.rings for point in ring.points]))

    def _mask(self, picture: np.ndarray, label: str) -> np.ndarray:
        return np.abs(picture.astype(int) - self.colours[label]).max(axis=2) < 40

    def _selected(self, words: str, picture: np.ndarray) -> str:
        """The candidates whose middle is as bright as the colour word of the condition says."""
        condition, lists = words.split("\nCandidates:", 1)
        size = picture.shape[1], picture.shape[0]
        kept = []
        for number, text in re.findall(r"\n([0-9]+) (\S+)", lists.split("\nAnchors:")[0]):
            (shape,) = decode(text, size)
            x1, y1, x2, y2 = bounds(shape)
            middle = picture[min(int((y1 + y2) / 2), size[1] - 1), min(int((x1 + x2) / 2), size[0] - 1)]
            if ("white" in condition) == bool(middle.min() > 200):
                kept.append(int(number))
        return selecting.answer(kept)


def painted(
    size_wh: tuple[int, int], things: Sequence[tuple[tuple[int, int, int], tuple[int, int, int, int]]]
) -> Image.Image:
    """A picture of plain ground with filled boxes (x1, y1, x2, y2, pixel edges) of a colour on it."""
    array = np.full((size_wh[1], size_wh[0], 3), GROUND, np.uint8)
    for colour, (x1, y1, x2, y2) in things:
        array[y1:y2, x1:x2] = colour
    return Image.fromarray(array)
