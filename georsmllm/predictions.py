"""Predictions on disk: a journal that survives a kill, then one file in the order of the records with its settings beside.

OUT/predictions.jsonl            one line for each record, in their order
OUT/predictions.settings.json    what decided the answers
OUT/.predictions.jsonl.state/    while it is unfinished: the settings, and a part of each process, appended and synced

Whoever finishes last puts the parts together; a killed run goes on where its parts end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import alone, read_json, read_lines, write_json, writing
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


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A process's place among those that share the work: it takes every `of`-th batch from `number` on."""

    number: Annotated[int, msgspec.Meta(ge=0)] = 0
    of: Annotated[int, msgspec.Meta(ge=1)] = 1


WHOLE = Shard()


class _Entry(msgspec.Struct, frozen=True):
    number: int
    line: Line


def settings_path(out: Path) -> Path:
    return out.with_suffix(".settings.json")


class Journal:
    """The answers of one run so far, by the numbers of their records; `add` is on the disk when it returns."""

    def __init__(self, out: Path, settings: Settings, shard: Shard = WHOLE) -> None:
        self.out = out
        self.settings = settings
        self.state = out.with_name(f".{out.name}.state")
        self.part = self.state / f"part-{shard.number}-of-{shard.of}.jsonl"
        self.is_finished = out.exists()
        """The file is there, and made with these settings."""
        if self.is_finished:
            if not settings_path(out).exists():
                raise UsageError(f"{out} is there and was not made by `georsmllm predict`; choose another -o")
            _refuse_others(settings_path(out), settings, out)
            shutil.rmtree(self.state, ignore_errors=True)  # of a process that was killed right before
        elif self.done():
            _refuse_others(self.state / "settings.json", settings, out)
        else:  # what was begun without a single answer binds nobody
            write_json(self.state / "settings.json", settings)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold this process's part alone, its half-written last line taken away."""
        with alone(self.part.with_suffix(".lock"), "georsmllm predict"):
            whole = _whole_bytes(self.part)
            with self.part.open("ab") as file:
                file.truncate(whole)
            yield

    def done(self) -> frozenset[int]:
        """Numbers of the records that any process has answered."""
        return frozenset(entry.number for path in self._parts() for entry in _entries(path))

    def add(self, lines: Mapping[int, Line]) -> None:
        """Lines by the numbers of their records, of one batch: written at once, then synced."""
        data = b"".join(msgspec.json.encode(_Entry(number, line)) + b"\n" for number, line in lines.items())
        with self.part.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def finish(self, num_records: int) -> bool:
        """Put the parts together where all records are answered; whether the file stands now."""
        if not self.state.exists():  # another process was the last one
            return self.out.exists()
        with _waiting(self.state / "merge.lock"):
            if self.out.exists():
                return True
            lines = {entry.number: entry.line for path in self._parts() for entry in _entries(path)}
            if len(lines) < num_records:
                return False
            _refuse_others(self.state / "settings.json", self.settings, self.out)
            write_json(settings_path(self.out), self.settings)
            with writing(self.out) as file:
                for number in range(num_records):
                    file.write(msgspec.json.encode(lines[number]) + b"\n")
            shutil.rmtree(self.state)
        return True

    def _parts(self) -> list[Path]:
        return sorted(self.state.glob("part-*.jsonl"))


def _refuse_others(path: Path, settings: Settings, out: Path) -> None:
    """Raises UsageError with what differs."""
    old = read_json(path, Settings)
    if old == settings:
        return
    before, now = msgspec.to_builtins(old), msgspec.to_builtins(settings)
    differing = ", ".join(f"{name} was {before[name]!r}, is {now[name]!r}" for name in now if now[name] != before[name])
    raise UsageError(f"{out} was begun with other settings: {differing}; choose another -o, or delete it and {path}")


def _whole_bytes(path: Path) -> int:
    """Bytes up to the last newline."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


def _entries(path: Path) -> Iterator[_Entry]:
    """The whole lines of a part; a killed process, or one at work, may leave half a line at its end."""
    decoder = msgspec.json.Decoder(_Entry)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}:{number}: {error}; delete {path.parent} to begin anew") from None


@contextmanager
def _waiting(path: Path) -> Iterator[None]:
    """Hold a lock, after whoever holds it."""
    try:
        lock = path.open("wb")
    except FileNotFoundError:  # its folder went with the parts that were put together
        yield
        return
    with lock:
        if os.name == "posix":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
