"""The journal of a run over records that survives a kill, then one file in their order with its settings beside.

OUT/NAME.jsonl            one line for each record, in their order
OUT/NAME.settings.json    what decided the lines
OUT/.NAME.jsonl.state/    while it is unfinished: the settings, and a part of each process, appended and synced

Whoever finishes last puts the parts together; a killed run goes on where its parts end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import alone, read_json, write_json, writing

L = TypeVar("L", bound=msgspec.Struct)


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A process's place among those that share the work: it takes every `of`-th batch from `number` on."""

    number: Annotated[int, msgspec.Meta(ge=0)] = 0
    of: Annotated[int, msgspec.Meta(ge=1)] = 1


WHOLE = Shard()


class _Entry(msgspec.Struct, Generic[L], frozen=True):
    number: int
    line: L


def settings_path(out: Path) -> Path:
    return out.with_suffix(".settings.json")


class Journal(Generic[L]):
    """The lines of one run so far, by the numbers of their records; `add` is on the disk when it returns. settings: all that
    decides the lines. command: whose run it is, for error lines."""

    def __init__(
        self, out: Path, settings: msgspec.Struct, line_type: type[L], *, command: str, shard: Shard = WHOLE
    ) -> None:
        self.out = out
        self.settings = settings
        self._command = command
        self._decoder: msgspec.json.Decoder[_Entry[L]] = msgspec.json.Decoder(_Entry[line_type])  # type: ignore[valid-type]
        self.state = out.with_name(f".{out.name}.state")
        self.part = self.state / f"part-{shard.number}-of-{shard.of}.jsonl"
        self.is_finished = out.exists()
        """The file is there, and made with these settings."""
        if self.is_finished:
            if not settings_path(out).exists():
                raise UsageError(f"{out} is there and was not made by `{self._command}`; choose another -o")
            _refuse_others(settings_path(out), settings, out)
            shutil.rmtree(self.state, ignore_errors=True)  # of a process that was killed right before
        elif self.done():
            _refuse_others(self.state / "settings.json", settings, out)
        else:  # what was begun without a single answer binds nobody
            write_json(self.state / "settings.json", settings)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold this process's part alone, its half-written last line taken away."""
        with alone(self.part.with_suffix(".lock"), self._command):
            whole = _whole_bytes(self.part)
            with self.part.open("ab") as file:
                file.truncate(whole)
            yield

    def done(self) -> frozenset[int]:
        """Numbers of the records that any process has answered."""
        return frozenset(entry.number for path in self._parts() for entry in self._entries(path))

    def add(self, lines: Mapping[int, L]) -> None:
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
            lines = {entry.number: entry.line for path in self._parts() for entry in self._entries(path)}
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

    def _entries(self, path: Path) -> Iterator[_Entry[L]]:
        """The whole lines of a part; a killed process, or one at work, may leave half a line at its end."""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield self._decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise UsageError(f"{path}:{number}: {error}; delete {path.parent} to begin anew") from None


def _refuse_others(path: Path, settings: msgspec.Struct, out: Path) -> None:
    """Raises UsageError with what differs."""
    old = read_json(path, type(settings))
    if old == settings:
        return
    before, now = msgspec.to_builtins(old), msgspec.to_builtins(settings)
    differing = ", ".join(f"{name} was {before[name]!r}, is {now[name]!r}" for name in now if now[name] != before[name])
    raise UsageError(f"{out} was begun with other settings: {differing}; choose another -o, or delete it and {path}")


def _whole_bytes(path: Path) -> int:
    """Bytes up to the last newline."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


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
