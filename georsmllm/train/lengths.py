"""How long each record is to the model, without one pixel decoded: its tokens, those of its answers, its views.

    lengths = measure(source, chat, anyres, cache=OUT / "cache")

Words are encoded many at a time, visual tokens come from the views' sizes. The numbers are those of `Chat.render` itself:
the same walk is taken twice, once to hear which texts it wants encoded and once with their counts. They are kept beside the
run under a name made of everything that decides them.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import BadRecord
from georsmllm.jsonl import writing
from georsmllm.model.anyres import Anyres
from georsmllm.model.tokens import Chat
from georsmllm.train.forms import Conversation
from georsmllm.train.sources import Source

PROBLEMS = ("", "no_answer", "image_tokens")
"""Why a record cannot be rendered at all; a number in `Lengths.problem` stands for its place here."""

_FORMAT = 1
_AT_ONCE = 1024


class Lengths(NamedTuple):
    """Of every record of a source, in its order. tokens: with its images'; supervised: those that a loss is computed for;
    crops: views that the tower sees. All 0 where there is a problem."""

    tokens: NDArray[np.int32]
    supervised: NDArray[np.int32]
    crops: NDArray[np.int32]
    problem: NDArray[np.uint8]


def measure(
    source: Source,
    chat: Chat,
    anyres: Anyres,
    *,
    cache: Path,
    tick: Callable[[int], object] = lambda _: None,
) -> Lengths:
    """The lengths of all records, from the cache where they lie there. tick: told how many more were measured."""
    path = cache / f"lengths-{_key(source, chat, anyres)}.npz"
    kept = _kept(path, len(source))
    if kept is not None:
        tick(len(source))
        return kept
    walk = _Walk(chat)
    numbers = chain.from_iterable(
        row for many in _batched(source.conversations()) for row in _measured(many, walk, anyres, tick)
    )
    rows = np.fromiter(numbers, np.int32, 4 * len(source)).reshape(-1, 4)
    found = Lengths(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2].copy(), rows[:, 3].astype(np.uint8))
    with writing(path) as out:
        np.savez(out, **found._asdict())
    return found


def _batched(conversations: Iterator[Conversation]) -> Iterator[tuple[Conversation, ...]]:
    while many := tuple(islice(conversations, _AT_ONCE)):
        yield many


def _measured(
    many: tuple[Conversation, ...], walk: _Walk, anyres: Anyres, tick: Callable[[int], object]
) -> Iterable[tuple[int, int, int, int]]:
    """(tokens, supervised, crops, problem) of each."""
    walk.hear(many)
    tick(len(many))
    for conversation in many:
        sizes = conversation.sizes_wh
        try:
            rendered = walk.render(conversation.messages, [0] * len(sizes), where="")
        except BadRecord as bad:
            yield 0, 0, 0, PROBLEMS.index(bad.reason)
        else:
            tokens = len(rendered.ids) + sum(anyres.tokens(sizes))
            yield tokens, rendered.num_supervised, sum(anyres.crops(sizes)), 0


class _Walk(Chat):
    """A chat that renders counts: a text's ids are as many zeros."""

    def __init__(self, chat: Chat) -> None:
        self.__dict__.update(chat.__dict__)
        self.counts: dict[str, int] = {}
        self.wanted: dict[str, None] | None = None

    def hear(self, many: Iterable[Conversation]) -> None:
        """Encode at one go what rendering these will ask for."""
        self.wanted = {}
        for conversation in many:
            try:
                self.render(conversation.messages, [0] * len(conversation.sizes_wh), where="")
            except BadRecord:
                continue  # it is met and counted again when it is measured
        texts, self.wanted = list(self.wanted), None
        encoded = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        self.counts = {text: len(one) for text, one in zip(texts, encoded, strict=True)}

    def encode(self, text: str) -> list[int]:
        if self.wanted is not None:
            self.wanted[text] = None
            return []
        return [0] * self.counts[text]


def _key(source: Source, chat: Chat, anyres: Anyres) -> str:
    """The name of everything that decides a length."""
    decides = [
        msgspec.json.encode([_FORMAT, source.fingerprint, len(source), anyres]),
        chat.tokenizer.to_str().encode(),
    ]
    return hashlib.sha256(b"\n".join(decides)).hexdigest()[:16]


def _kept(path: Path, size: int) -> Lengths | None:
    """What an earlier run measured; None where there is nothing, or nothing that can be read."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = Lengths(**{name: file[name] for name in Lengths._fields})
    except (FileNotFoundError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return found if all(len(column) == size for column in found) else None
