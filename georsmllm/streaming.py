"""A text as it comes: what a thread generates is heard piece by piece, never half a character, and may be broken off."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from threading import Event
from typing import NamedTuple, TypeVar

T = TypeVar("T")

UNFINISHED = "\ufffd"
"""How a tokenizer writes the bytes of a character that is not whole yet; and those that never will be."""


class Ended(NamedTuple):
    """How a spoken answer ended. reason: "length" where it was cut at its most tokens. Tokens: None where nobody counted."""

    reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Stopped(Exception):
    """Nobody listens any more; ends the thread that generates, and is seen by nobody else."""


def never() -> bool:
    """What is asked between tokens where nobody stops."""
    return False


class Words:
    """Tokens become text as they come; joined, the pieces are the text of all tokens. decode: of a byte-level vocabulary."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._held: list[int] = []
        self._num_said = 0

    def add(self, token: int) -> str:
        """What can be said with one more token; "" in the middle of a character."""
        self._held.append(token)
        text = self._decode(self._held)
        if text.endswith(UNFINISHED):
            whole = len(text) - 1  # at most one character of a text is unfinished, its last one
            said, self._num_said = text[self._num_said : whole], whole
            return said
        said = text[self._num_said :]
        self._held, self._num_said = [], 0
        return said

    def rest(self) -> str:
        """What is left to say once no token follows."""
        said = self._decode(self._held)[self._num_said :]
        self._held, self._num_said = [], 0
        return said


Say = Callable[[str], None]
"""Hands over a piece; raises Stopped where nobody wants another."""


def heard(work: Callable[[Say], T], stop: Callable[[], bool] = never) -> Generator[str, None, T | None]:
    """The pieces that `work` says in a thread of its own, empty ones left out; raises what it raises, returns what it returns,
    None where it was stopped.

    stop: asked in that thread at every piece, empty ones too. Closing the iterator stops the thread at its next piece, and
    waits for that.
    """
    pieces: SimpleQueue[str | None] = SimpleQueue()
    is_gone = Event()

    def say(piece: str) -> None:
        if is_gone.is_set() or stop():
            raise Stopped
        if piece:
            pieces.put(piece)

    with ThreadPoolExecutor(1, "answer") as pool:
        working = pool.submit(work, say)
        working.add_done_callback(lambda _: pieces.put(None))
        try:
            while (piece := pieces.get()) is not None:
                yield piece
        finally:
            is_gone.set()
        with suppress(Stopped):
            return working.result()
    return None
