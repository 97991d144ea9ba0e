"""Predictions on disk: what an answer's line holds, what decided it, and whose answers they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from georsmllm.errors import UsageError
from georsmllm.journal import WHOLE, Journal, Shard, settings_path
from georsmllm.jsonl import read_json, read_lines
from georsmllm.types import Prediction

Finish = Literal["stop", "length"]
_CHUNK = 1 << 22


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of predictions.jsonl; whoever reads a `Prediction` takes id and text and leaves the rest.

    finish: "length" where the budget cut the answer. tokens: that were generated, the end token not counted.
    """

    id: str
    text: str
    finish: Finish
    tokens: int


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides the answers. records, model, adapter: hashes; adapter is "" without one. limit: the first so many
    records, 0: all. temperature 0: greedy. batch_size stands here because sums in a batch round differently."""

    records: str
    split: str
    limit: int
    model: str
    adapter: str
    is_merged: bool
    engine: Literal["transformers", "vllm"]
    dtype: str
    batch_size: int
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    constrained: bool


def journal(out: Path, settings: Settings, shard: Shard = WHOLE) -> Journal[Line]:
    """Where the answers of a run are kept."""
    return Journal(out, settings, Line, command="georsmllm predict", shard=shard)


def read(path: Path) -> dict[str, str]:
    """Answer by record id; raises UsageError for a line that is none, and for an id that stands there twice."""
    found: dict[str, str] = {}
    decoder = msgspec.json.Decoder(Prediction)
    try:
        lines = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    with lines:
        for number, line in enumerate(lines, start=1):
            try:
                answer = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(f'{path}:{number}: {error}; expected {{"id": ..., "text": ...}}') from None
            if answer.id in found:
                raise UsageError(f"{path}:{number}: a second answer to {answer.id!r}; each record has one")
            found[answer.id] = answer.text
    return found


def settings_beside(path: Path) -> Settings | None:
    """How a file of predictions was made, where `georsmllm predict` made it."""
    beside = settings_path(path)
    return read_json(beside, Settings) if beside.exists() else None


def num_cut(path: Path) -> int:
    """Answers of a finished file that the budget cut."""
    return sum(line.finish == "length" for line in read_lines(path, Line))


_DECIDING = (
    "config.json",
    "tokenizer.json",
    "processor_config.json",
    "preprocessor_config.json",
    "adapter_config.json",
)


def fingerprint(folder: Path, *, weights: str = "") -> str:
    """A hash of what decides the answers of a model or adapter: weights, configuration, tokenizer. weights: of these, where
    it is known; else every byte is read."""
    paths = [] if weights else sorted(folder.glob("*.safetensors"))
    paths += [folder / name for name in _DECIDING if (folder / name).exists()]
    return _joined([weights, *(f"{path.name}:{_sha256(path)}" for path in paths)])


def fingerprint_of(lines: Sequence[bytes]) -> str:
    """The same of records by their lines."""
    return _joined([hashlib.sha256(line).hexdigest() for line in lines])


def _joined(digests: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
