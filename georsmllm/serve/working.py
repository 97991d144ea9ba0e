"""An ask or a chat as a job of the desk: what it says on the way, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from georsmllm.found import Watch
from georsmllm.result import Result
from georsmllm.scene import Scene
from georsmllm.serve import told
from georsmllm.serve.asker import Asker, BoxXYXY
from georsmllm.serve.desk import Line
from georsmllm.streaming import Ended
from georsmllm.types import Message

_PROGRESS_S = 0.1


@dataclass(frozen=True, slots=True)
class Query:
    """A conditional query about one image or a pair."""

    text: str
    image: Scene
    image_b: Scene | None = None
    box: BoxXYXY | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Plain chat. stop: texts before which the answer ends."""

    messages: tuple[Message, ...]
    images: tuple[Scene, ...]
    max_new_tokens: int
    temperature: float
    stop: tuple[str, ...] = ()


def watching(line: Line) -> Watch:
    """Whatever happens goes to the client; once that is gone, the ask ends at the next token."""
    last = 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        line.check()
        now = time.monotonic()
        if done >= total or now - last >= _PROGRESS_S:  # a thousand tiles need no thousand messages
            last = now
            line.say("progress", {"what": what, "done": done, "total": total})

    return Watch(
        plan=lambda plan: line.say("plan", plan),
        step=lambda trace: line.say("step", told.step(trace)),
        progress=progress,
        notice=lambda text: line.say("notice", {"text": text}),
        tick=line.check,
    )


def ask(asker: Asker, query: Query, line: Line) -> Result:
    line.say("start", {})
    result = asker.ask(query.image, query.text, image_b=query.image_b, box=query.box, watch=watching(line))
    line.check()
    return result


def talk(asker: Asker, wanted: Talk, line: Line) -> Ended:
    """Says the answer piece by piece as events "text"."""
    line.say("start", {})
    pieces = asker.say(
        wanted.messages, wanted.images, max_new_tokens=wanted.max_new_tokens, temperature=wanted.temperature
    )
    try:
        return _spoken(pieces, Held(wanted.stop), line)
    finally:
        if isinstance(pieces, Generator):
            pieces.close()  # whoever generates stops now, not when the traceback that holds it is forgotten


def _spoken(pieces: Iterator[str], held: Held, line: Line) -> Ended:
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            line.say("text", held.rest())
            return end.value if isinstance(end.value, Ended) else Ended()
        line.say("text", held.add(piece))
        if held.is_over:
            return Ended()


class Held:
    """Text that may be the beginning of a stop text is held back until it is known not to be."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = tuple(stop)
        self.is_over = False
        self._text = ""

    def add(self, piece: str) -> str:
        """What may be said now."""
        self._text += piece
        places = [at for text in self.stop if (at := self._text.find(text)) >= 0]
        if places:
            self.is_over = True
            return self._take(min(places))
        keep = max(
            (n for text in self.stop for n in range(1, len(text)) if self._text.endswith(text[:n])),
            default=0,
        )
        return self._take(len(self._text) - keep)

    def rest(self) -> str:
        return self._take(len(self._text))

    def _take(self, count: int) -> str:
        said, self._text = self._text[:count], self._text[count:]
        return said
