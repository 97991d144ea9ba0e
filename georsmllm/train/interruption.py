"""A polite end: the first SIGTERM or SIGINT is remembered until the next step boundary, where a checkpoint is saved."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

IMPATIENT_S = 2.0
"""A second SIGINT after this long is a person who does not want to wait; a launcher passes one on within milliseconds."""


class Interruption:
    """Whether this process was asked to stop."""

    def __init__(self) -> None:
        self.since: float | None = None

    @property
    def is_asked(self) -> bool:
        return self.since is not None

    def hear(self, number: int, _: FrameType | None) -> None:
        """The handler of both signals."""
        now = time.monotonic()
        if self.since is None:
            self.since = now
        elif number == signal.SIGINT and now - self.since > IMPATIENT_S:
            raise KeyboardInterrupt


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Signals are heard while the block runs; the handlers before come back after it."""
    heard = Interruption()
    before = {number: signal.signal(number, heard.hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
