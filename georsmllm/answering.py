"""Questions to a model and its answers, whatever engine gives them: what is asked together, and the run that journals it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from georsmllm.asked import check_images
from georsmllm.errors import UsageError
from georsmllm.journal import WHOLE, Journal, Shard
from georsmllm.predictions import Finish, Line

if TYPE_CHECKING:
    from PIL.Image import Image

    from georsmllm.constrain.form import Form
    from georsmllm.model.anyres import Anyres, SizeWH
    from georsmllm.train.sources import Source
    from georsmllm.types import Message, Record


@dataclass(frozen=True, slots=True)
class Question:
    """messages: with or without the gold answer at the end, which is never shown. sizes_wh: of the images in pixels.
    images: opens them, in another thread; may raise BadRecord. where: file:line. form: what the answer must look like."""

    id: str
    messages: tuple[Message, ...]
    sizes_wh: tuple[SizeWH, ...]
    images: Callable[[], Sequence[Image]]
    where: str
    form: Form | None = None


def posed(
    messages: Sequence[Message], images: Sequence[Image] = (), *, form: Form | None = None, name: str = "question"
) -> Question:
    """A question that stands in no record; the first thing that a person says begins with the markers of the images."""
    from georsmllm.model.tokens import MARKER

    first = next((number for number, one in enumerate(messages) if one.role == "user"), 0)
    shown = tuple(
        replace(one, content=MARKER * len(images) + one.content) if number == first else one
        for number, one in enumerate(messages)
    )
    return Question(name, shown, tuple(image.size for image in images), lambda: images, name, form)


class Answer(NamedTuple):
    """finish: "length" where the budget cut it. num_tokens: generated, the end token not counted."""

    text: str
    finish: Finish
    num_tokens: int


class Decoding(NamedTuple):
    """temperature 0: the likeliest token at each step; top_p and seed are of no effect then."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Engine(Protocol):
    """Answers each batch in turn, in the order of its questions."""

    def stream(self, batches: Iterable[Sequence[Question]], decoding: Decoding) -> Iterator[list[Answer]]: ...


FormOf = Callable[["Record"], "Form | None"]
"""What the answer to a record must look like; None: it is free."""


class Tally(NamedTuple):
    """What a run did: answers, tokens and seconds of it; cut: answers that the budget ended."""

    answers: int = 0
    cut: int = 0
    tokens: int = 0
    seconds: float = 0.0


P = TypeVar("P")


def ahead(
    batches: Iterable[Sequence[Question]], prepare: Callable[[Question], P], *, workers: int, depth: int
) -> Generator[list[P]]:
    """Each batch prepared, in its order; threads prepare the next `depth` of them meanwhile."""
    waiting: deque[list[Future[P]]] = deque()
    coming = iter(batches)
    with ThreadPoolExecutor(workers, "images") as pool:
        try:
            while True:
                while len(waiting) <= depth and (batch := next(coming, None)) is not None:
                    waiting.append([pool.submit(prepare, question) for question in batch])
                if not waiting:
                    return
                yield [future.result() for future in waiting.popleft()]
        finally:
            for future in (one for batch in waiting for one in batch):
                future.cancel()


def question_of(source: Source, number: int, form_of: FormOf = lambda _: None) -> Question:
    """The question of a record."""
    said = source.conversation(number)
    return Question(
        said.id,
        said.messages,
        said.sizes_wh,
        lambda: source.images(number),
        source.place(number),
        form_of(source[number]),
    )


def plan(source: Source, count: int, anyres: Anyres, *, batch_size: int) -> list[list[int]]:
    """The numbers of the first `count` records that are asked together: of like images, then of one task, whose answers are
    alike in length, then of like words; longest first, so that memory runs out at once or never. Sees that every image
    is there and every id is of one record. Raises BadRecord, UsageError."""
    keys: list[tuple[int, str, int, int]] = []
    places: dict[str, str] = {}
    for number in range(count):
        record, where = source[number], source.place(number)
        if not record.messages:
            raise UsageError(f"{where}: a record without messages; expected a question")
        if record.id in places:
            raise UsageError(f"{where}: {record.id!r} stands at {places[record.id]}, too; an id names one record")
        places[record.id] = where
        check_images(source, number, record)
        sizes_wh = source.conversation(number).sizes_wh
        visual = sum(anyres.tokens(sizes_wh)) if sizes_wh else 0
        words = sum(len(message.content) for message in record.messages[:-1])
        keys.append((-visual, record.task, -words, number))
    order = [number for *_, number in sorted(keys)]
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


def num_free(source: Source, batches: Sequence[Sequence[int]], form_of: FormOf, max_new_tokens: int) -> int:
    """Records whose answers have no form. Raises UsageError for one whose shortest answer may not fit, before any is asked."""
    from georsmllm.constrain import automaton

    free = 0
    for number in (number for batch in batches for number in batch):
        form = form_of(source[number])
        needed = 0 if form is None else automaton.shortest(automaton.start(form))
        if needed > max_new_tokens:
            raise UsageError(
                f"{source.place(number)}: an answer of its form may need {needed} tokens, max_new_tokens is {max_new_tokens}; "
                "raise it"
            )
        free += form is None
    return free


def answer(
    source: Source,
    batches: Sequence[Sequence[int]],
    engine: Engine,
    journal: Journal[Line],
    *,
    decoding: Decoding,
    form_of: FormOf = lambda _: None,
    shard: Shard = WHOLE,
    tick: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Answer this process's share of the batches that no journal holds whole, each written when it is answered. tick: is told
    the tally after each batch."""
    with journal.writing():
        done = journal.done()
        left = [batch for batch in batches[shard.number :: shard.of] if not done.issuperset(batch)]
        questions = ([question_of(source, number, form_of) for number in batch] for batch in left)
        tally, start = Tally(), time.perf_counter()
        for batch, answers in zip(left, engine.stream(questions, decoding), strict=True):
            journal.add(
                {
                    number: Line(
                        id=source.conversation(number).id, text=one.text, finish=one.finish, tokens=one.num_tokens
                    )
                    for number, one in zip(batch, answers, strict=True)
                }
            )
            tally = Tally(
                tally.answers + len(batch),
                tally.cut + sum(one.finish == "length" for one in answers),
                tally.tokens + sum(one.num_tokens for one in answers),
                time.perf_counter() - start,
            )
            tick(tally)
    return tally
