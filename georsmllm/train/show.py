"""Samples as the model reads them, for a person to look at: what is supervised, what is context, where images stand.

In colour: supervised tokens green (two greens by turns, so that their borders show; the chat's own bold), context dim.
Without, supervised stretches stand in {+ +}. An image is one word, `<image x 1485>`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.model.anyres import Anyres
from georsmllm.model.tokens import END, IGNORED, IMAGE, PAD, START, Chat, Rendered
from georsmllm.rng import rng

if TYPE_CHECKING:
    from .forms import Conversation
    from .recipe import TrainRecipe
    from .samples import Samples

_PLAIN, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_GREENS = ("\x1b[32m", "\x1b[92m")
_BROKEN = "\ufffd"  # what a decoder gives for bytes that are no character yet


class Piece(NamedTuple):
    """A stretch of tokens that are shown alike. form: one of the chat's own tokens, or an image."""

    text: str
    is_supervised: bool
    is_form: bool
    num_tokens: int


class Shown(NamedTuple):
    """A place in the data, and what is there as text."""

    place: str
    summary: str
    text: str


def of_recipe(recipe: TrainRecipe, num: int, *, coloured: bool) -> Iterator[Shown]:
    """That many samples of a recipe, a pair of images among them where the sources have one, and where the first row with
    several samples goes from one to the next. Raises UsageError, BadRecord."""
    from .plan import Settings, make_plan
    from .reading import of_recipe as reading_of
    from .samples import gather

    chat, anyres = reading_of(recipe)
    with tempfile.TemporaryDirectory() as out:
        samples = gather(recipe.data, chat, anyres, out=Path(out))
    rows: list[tuple[int, ...]] = [(one,) for one in chosen(samples, num, seed=recipe.seed)]
    if recipe.data.batching == "packed":
        settings = Settings(
            batching="packed", row_length=recipe.data.row_length, rows=1, accumulation=1, world=1, epochs=1,
            max_steps=None, seed=recipe.seed,
        )  # fmt: skip
        plan = make_plan(samples.tokens, samples.weights, settings)
        packed = (plan.row(i) for i in range(len(plan.row_ends)))
        rows += [row[:2] for row in packed if len(row) > 1][:1]
    yield from shown(samples, rows, chat, anyres, coloured=coloured)


def chosen(samples: Samples, num: int, *, seed: int) -> list[int]:
    """That many samples by the seed, and the first pair of images where there is none among them."""
    found = rng(seed, "show").sample(range(len(samples)), min(num, len(samples)))
    if any(len(_conversation(samples, one).sizes_wh) > 1 for one in found):
        return found
    pair = next((one for one in range(len(samples)) if len(_conversation(samples, one).sizes_wh) > 1), None)
    return found if pair is None or not found else [*found, pair]


def shown(
    samples: Samples, rows: Iterable[Sequence[int]], chat: Chat, anyres: Anyres, *, coloured: bool
) -> Iterator[Shown]:
    """Rows of samples, of one each or packed, in their order. Raises BadRecord."""
    for row in rows:
        said = [_conversation(samples, one) for one in row]
        visual = [anyres.tokens(one.sizes_wh) if one.sizes_wh else () for one in said]
        places = [samples.place(one) for one in row]
        rendered = [
            chat.render(one.messages, tokens, where=place)
            for one, tokens, place in zip(said, visual, places, strict=True)
        ]
        crops = sum(sum(anyres.crops(one.sizes_wh)) for one in said if one.sizes_wh)
        numbers = summary(rendered, num_images=sum(map(len, visual)), num_crops=crops)
        yield Shown(", ".join(places), numbers, dump_row(rendered, chat, coloured=coloured))


def _conversation(samples: Samples, sample: int) -> Conversation:
    source, number = samples.find(sample)
    return source.conversation(number)


def pieces(rendered: Rendered, chat: Chat) -> Iterator[Piece]:
    """The conversation in order: an image as one piece, a token of the form as one, words token by token (as many tokens as
    it takes to make whole characters)."""
    names = {chat.start: START, chat.end: END, chat.pad: PAD, chat.image: IMAGE}

    def kind(pair: tuple[int, int]) -> tuple[int, bool]:
        token, label = pair
        return (token if token in names else -1), label != IGNORED

    for (token, is_supervised), group in groupby(zip(*rendered, strict=True), kind):
        ids = [one for one, _ in group]
        if token == chat.image:
            yield Piece(f"<image x {len(ids)}>", is_supervised, True, len(ids))
        elif token in names:
            yield from (Piece(names[token], is_supervised, True, 1) for _ in ids)
        else:
            yield from (Piece(text, is_supervised, False, num) for text, num in _characters(ids, chat))


def _characters(ids: Sequence[int], chat: Chat) -> Iterator[tuple[str, int]]:
    """Texts of the tokens with how many tokens each took."""
    at = 0
    for end in range(1, len(ids) + 1):
        text = chat.decode(ids[at:end])
        if end < len(ids) and text.endswith(_BROKEN) and end - at < 4:  # a character has up to four bytes
            continue
        yield text, end - at
        at = end


def dump(rendered: Rendered, chat: Chat, *, coloured: bool) -> str:
    """One conversation as text, with or without terminal colours. What somebody's words would do to a terminal is shown in
    letters instead."""
    paint = _coloured if coloured else _marked
    return paint([piece._replace(text=_harmless(piece.text)) for piece in pieces(rendered, chat)])


def dump_row(row: Sequence[Rendered], chat: Chat, *, coloured: bool) -> str:
    """The samples of a packed row, with the borders that no token sees across."""
    border = "--- border of the row: positions begin again at 0, nothing before is seen ---"
    border = f"{_BOLD}{border}{_PLAIN}" if coloured else border
    return f"\n{border}\n".join(dump(one, chat, coloured=coloured).rstrip("\n") for one in row)


def summary(row: Sequence[Rendered], *, num_images: int, num_crops: int) -> str:
    """One line of numbers about a sample, or about a row of several."""
    tokens = sum(len(one.ids) for one in row)
    supervised = sum(one.num_supervised for one in row)
    what = f"{len(row)} samples in one row, " if len(row) > 1 else ""
    share = supervised / tokens if tokens else 0.0
    images = f"{num_images} image{'s' * (num_images != 1)} as {num_crops} crop{'s' * (num_crops != 1)}"
    return f"{what}{tokens} tokens, {supervised} supervised ({share:.1%}), {images if num_images else 'no image'}"


def _harmless(text: str) -> str:
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _coloured(shown: Sequence[Piece]) -> str:
    out: list[str] = []
    turn = 0
    for is_supervised, group in groupby(shown, lambda piece: piece.is_supervised):
        if not is_supervised:
            out.append(_painted("".join(piece.text for piece in group), _DIM))
            continue
        for piece in group:
            out.append(_painted(piece.text, _GREENS[turn] + _BOLD * piece.is_form))
            turn = 1 - turn
    return "".join(out)


def _painted(text: str, style: str) -> str:
    """In that style; it ends before a line does, so that a pager that cuts lines shows them right."""
    return "\n".join(f"{style}{line}{_PLAIN}" if line else "" for line in text.split("\n"))


def _marked(shown: Sequence[Piece]) -> str:
    out: list[str] = []
    for is_supervised, group in groupby(shown, lambda piece: piece.is_supervised):
        text = "".join(piece.text for piece in group)
        out.append(f"{{+{text}+}}" if is_supervised else text)
    return "".join(out)


def wants_colour(is_terminal: bool, environment: Callable[[str], str | None]) -> bool:
    """Whether to colour: on a terminal, unless the person said NO_COLOR (https://no-color.org)."""
    return is_terminal and not environment("NO_COLOR")
