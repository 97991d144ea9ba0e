"""Answers that are asked once: an engine that remembers, in memory, and on disk where an ask may be killed and go on.

The journal is JSON lines of (key, answer), appended batch by batch; a half-written last line is dropped. The key holds all
that decides an answer: the question's id (scene, view, words), its form, the settings of decoding, and who answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from georsmllm.answering import Answer, Decoding, Engine, Question
from georsmllm.errors import UsageError
from georsmllm.types import Message


class Speaker(Engine, Protocol):
    """An engine that also says an answer piece by piece, and asks between tokens whether to go on. batch_size: questions that
    it likes to be asked at once. tick: called between tokens; what it raises ends the work."""

    batch_size: int

    def stream(
        self, batches: Iterable[Sequence[Question]], decoding: Decoding, *, tick: Callable[[], None] = ...
    ) -> Iterator[list[Answer]]: ...

    def pieces(self, question: Question, decoding: Decoding) -> Iterator[str]: ...


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    key: str
    answer: Answer


class Recalling:
    """An engine that answers no question twice. who: identity of the model and its settings. journal: where answers outlive
    the process, None for memory alone. tick: as a `Speaker` has it. num_asked, num_recalled: questions that the engine
    answered, and that it did not."""

    def __init__(
        self, engine: Speaker, *, who: str, journal: Path | None = None, tick: Callable[[], None] = lambda: None
    ) -> None:
        self._engine = engine
        self._tick = tick
        self._who = who
        self._journal = journal
        self._known: dict[str, Answer] = {} if journal is None else _read(journal)
        self.num_asked = self.num_recalled = 0

    def stream(self, batches: Iterable[Sequence[Question]], decoding: Decoding) -> Iterator[list[Answer]]:
        """The answers of each batch in turn, each written to the journal before it is given."""
        listed = [list(batch) for batch in batches]
        wanted = [[one for one in batch if self._key(one, decoding) not in self._known] for batch in listed]
        coming = self._engine.stream([batch for batch in wanted if batch], decoding, tick=self._tick)
        for batch, unknown in zip(listed, wanted, strict=True):
            if unknown:
                self._learn([self._key(one, decoding) for one in unknown], next(coming))
            self.num_asked += len(unknown)
            self.num_recalled += len(batch) - len(unknown)
            yield [self._known[self._key(one, decoding)] for one in batch]
        assert next(coming, None) is None  # and so the engine ends its work

    def _learn(self, keys: list[str], answers: list[Answer]) -> None:
        self._known.update(zip(keys, answers, strict=True))
        if self._journal is None:
            return
        try:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("ab") as out:
                for entry in zip(keys, answers, strict=True):
                    out.write(msgspec.json.encode(_Entry(*entry)) + b"\n")
        except OSError as error:
            raise UsageError(f"cannot write {self._journal}: {error.strerror}; choose another place for -o") from None

    def _key(self, question: Question, decoding: Decoding) -> str:
        said = [_plain(message) for message in question.messages]
        whole = (self._who, question.id, said, question.sizes_wh, repr(question.form), tuple(decoding))
        return hashlib.blake2b(msgspec.json.encode(whole), digest_size=16).hexdigest()


def _plain(message: Message) -> tuple[str, str]:
    return message.role, message.content


def _read(journal: Path) -> dict[str, Answer]:
    """What an earlier, killed ask was told; a last line without its end is not."""
    try:
        data = journal.read_bytes()
    except (FileNotFoundError, NotADirectoryError):  # the second is told when it is to be written
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {journal}: {error.strerror}; delete it to ask anew") from None
    known: dict[str, Answer] = {}
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        journal.write_bytes(whole)
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{journal}:{number}: {error}; delete it to ask anew") from None
        known[entry.key] = entry.answer
    return known
