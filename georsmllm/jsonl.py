"""JSON lines and whole files that are never seen half-written: written beside, synced, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from georsmllm.errors import UsageError
from georsmllm.rng import hash64

T = TypeVar("T")
PART = ".part"
"""Ends the name of a file that is not whole yet; it starts with a dot."""
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_TO_BE_WRITTEN = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name only when the block ends without an error and its bytes are on the disk."""
    with replacing(path) as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """The same without waiting for the disk: whole after a killed process, perhaps not after a power cut (for images, of
    which there are many and each can be held against its hash). A disk that is full or not ours is one clear line."""
    beside = path.with_name(f".{os.getpid()}-{hash64(path.name):016x}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out:
            yield out
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        ours = error.filename is not None and Path(str(error.filename)) in (beside, path, *path.parents)
        if error.errno in _NOT_TO_BE_WRITTEN and ours:
            raise UsageError(f"cannot write {path}: {error.strerror}; choose another place") from error
        if error.errno in _NO_SPACE:
            raise UsageError(
                f"no space left while writing {path}; nothing half-written was kept: free some space and run the same "
                "command again, finished parts are reused"
            ) from error
        raise
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: object) -> None:
    """One value as readable JSON, keys in the order given, a newline at the end."""
    with writing(path) as out:
        out.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def read_json(path: Path, type_: type[T]) -> T:
    """One typed value; raises UsageError with the path inside the value."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None


def read_lines(path: Path, type_: type[T]) -> Iterator[T]:
    """Typed values, one a line, streamed; raises UsageError with file:line."""
    decoder = msgspec.json.Decoder(type_)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}:{number}: {error}") from None


@contextmanager
def alone(state: Path, what: str) -> Iterator[None]:
    """Hold the lock of a folder's `.state`; raises UsageError while another process holds it."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("wb")
    except OSError as error:
        raise UsageError(f"cannot write below {state.parent}: {error.strerror}; choose another place") from error
    with lock:
        try:
            if os.name == "posix":
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another {what} is at work in {state.parent}; wait for it, or choose another folder"
            ) from None
        yield
