"""How many tokens the texts of records cost with a model's own tokenizer: question, answer, and each point of an answer.

Image features and the chat template are no part of it: they depend on the model, not on the set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.hearing import Heard
from georsmllm.spreads import Spread, spread
from georsmllm.types import Record

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMITS = (1024, 2048)
"""Lengths that people train with."""

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2 splits before it merges: every digit by itself (Qwen2TokenizerFast in transformers)."""

_OF_CLASS = {"Qwen2Tokenizer": QWEN2_SPLIT, "GPT2Tokenizer": None}
_BATCH = 256
_IMAGE = "<image>\n"


class Tokens(msgspec.Struct, frozen=True):
    """over: limit -> records whose question and answer together are longer. points, per_point: the points that answers say,
    and the tokens of point text to each, brackets and commas with it; 0.0 where there are none."""

    question: Spread
    answer: Spread
    whole: Spread
    over: dict[str, int]
    points: int
    per_point: float


class Piece(NamedTuple):
    """A token's place in its text, in characters."""

    start: int
    end: int


class Splitter(Protocol):
    """A tokenizer: the tokens of each text."""

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]: ...


class FromFolder:
    """The tokenizer of a folder: tokenizer.json as it stands, else vocab.json and merges.txt of a byte-level BPE.

    Raises MissingExtra without the library `tokenizers`, UsageError for a folder that holds neither.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = whole_tokenizer(folder)

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[Piece(*offsets) for offsets in one.offsets] for one in encoded]


def whole_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, or of a tokenizer.json; raises as FromFolder."""
    try:
        import tokenizers  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingExtra("tokenizers", "tokens", "reading a tokenizer") from None
    whole = folder if folder.is_file() else folder / "tokenizer.json"
    if whole.is_file():
        return _whole(whole)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return _byte_level(folder)
    raise UsageError(
        f"{folder} holds no tokenizer; expected a tokenizer.json, or vocab.json and merges.txt, as a model's folder has"
    )


def _whole(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(f"{path} is no tokenizer: {' '.join(str(error).split())[:200]}") from error


def _byte_level(folder: Path) -> Tokenizer:
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

    config = _config(folder)
    name = (config.tokenizer_class or "Qwen2Tokenizer").removesuffix("Fast")
    if name not in _OF_CLASS:
        raise UsageError(
            f"{folder}: a vocabulary of {name} needs its tokenizer.json (transformers: AutoTokenizer, then save_pretrained); "
            f"vocab.json and merges.txt alone do for {', '.join(_OF_CLASS)}"
        )
    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(
            f"{folder}: vocab.json and merges.txt are no BPE: {' '.join(str(error).split())[:200]}"
        ) from error
    pattern = _OF_CLASS[name]
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    if pattern is not None:
        tokenizer.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, whole])
    else:
        tokenizer.pre_tokenizer = whole
    for _, added in sorted(config.added_tokens_decoder.items(), key=lambda item: int(item[0])):
        tokenizer.add_tokens([AddedToken(added.content, special=added.special, normalized=False)])
    return tokenizer


class _Added(msgspec.Struct, frozen=True):
    content: str
    special: bool = False


class _Config(msgspec.Struct, frozen=True):
    tokenizer_class: str | None = None
    added_tokens_decoder: dict[str, _Added] = {}


def _config(folder: Path) -> _Config:
    """Of tokenizer_config.json, or of the one file whose name ends so; nothing where there is none."""
    path = folder / "tokenizer_config.json"
    others = sorted(folder.glob("*tokenizer_config.json"))
    if not path.is_file():
        if len(others) != 1:
            return _Config()
        path = others[0]
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None


class TokenTally:
    """The tokens of records by task, a batch at a time; memory does not grow with the records."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._waiting: list[tuple[Record, Heard, int]] = []
        self._tasks: dict[str, _OfTask] = {}

    def add(self, record: Record, heard: Heard, points: int) -> None:
        """heard: what the answer says; points: how many points that are."""
        self._waiting.append((record, heard, points))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def result(self) -> dict[str, Tokens]:
        self._flush()
        return {task: tally.tokens() for task, tally in sorted(self._tasks.items())}

    def _flush(self) -> None:
        texts = [message.content.replace(_IMAGE, "") for record, _, _ in self._waiting for message in record.messages]
        pieces = iter(self._splitter.pieces(texts))
        for record, heard, points in self._waiting:
            mine = [next(pieces) for _ in record.messages]
            self._tasks.setdefault(record.task, _OfTask()).add(mine, heard, points)
        self._waiting.clear()


class _OfTask:
    def __init__(self) -> None:
        self.question: Counter[int] = Counter()
        self.answer: Counter[int] = Counter()
        self.whole: Counter[int] = Counter()
        self.points = self.of_points = 0

    def add(self, pieces: Sequence[Sequence[Piece]], heard: Heard, points: int) -> None:
        *before, last = pieces
        question = sum(map(len, before))
        self.question[question] += 1
        self.answer[len(last)] += 1
        self.whole[question + len(last)] += 1
        self.points += points
        self.of_points += _within(last, heard)

    def tokens(self) -> Tokens:
        over = {str(most): sum(n for length, n in self.whole.items() if length > most) for most in LIMITS}
        each = self.of_points / self.points if self.points else 0.0
        return Tokens(spread(self.question), spread(self.answer), spread(self.whole), over, self.points, round(each, 2))


def _within(pieces: Sequence[Piece], heard: Heard) -> int:
    """The tokens that lie, wholly or in part, in the objects' texts or in a separator between two of them."""
    spans: list[tuple[int, int]] = []
    for one in heard.objects:
        if spans and one.start <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], one.end
        else:
            spans.append((one.start, one.end))
    count = at = 0
    for piece in pieces:
        while at < len(spans) and spans[at][1] <= piece.start:
            at += 1
        count += at < len(spans) and piece.end > spans[at][0]
    return count
