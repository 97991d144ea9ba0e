"""The desk before the one model: one ask at work, a few waiting, the rest sent away; whoever leaves is no longer served."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from georsmllm.serve.refusals import Gone, Refusal, closing

T = TypeVar("T")
Event = tuple[str, object]
"""A name and JSON-able data."""
_QUIET_S = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """The worker's end of a job: what it says there is read by whoever waits. `say` and `check` raise Gone."""

    emit: Callable[[Event], None]
    gone: threading.Event

    def check(self) -> None:
        if self.gone.is_set():
            raise Gone("the client went away")

    def say(self, name: str, data: object) -> None:
        self.check()
        self.emit((name, data))


class Job(Generic[T]):
    """An ask in the queue or at work: its events, then its end."""

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead
        self.gone = threading.Event()
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._future: Future[T] = Future()

    def emit(self, event: Event | None) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.events.put_nowait, event)

    def start(self, pool: ThreadPoolExecutor, work: Callable[[Line], T]) -> None:
        line = Line(self.emit, self.gone)
        self._future = pool.submit(work, line)
        self._future.add_done_callback(lambda _: self.emit(None))

    def when_done(self, call: Callable[[], None]) -> None:
        self._future.add_done_callback(lambda _: call())

    def leave(self) -> None:
        """Nobody waits any more: a job in the queue never starts, one at work ends at its next step."""
        self.gone.set()
        self._future.cancel()

    async def read(self, *, timeout_s: float) -> AsyncIterator[Event | None]:
        """Events as they come, None where nothing came for a while; ends when the job has. Raises Refusal(504)."""
        end = asyncio.get_running_loop().time() + timeout_s
        while True:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                self.leave()
                raise Refusal(504, "timeout", f"the answer took longer than {timeout_s:g} s")
            try:
                event = await asyncio.wait_for(self.events.get(), min(left, _QUIET_S))
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            yield event

    def result(self) -> T:
        """What the work returned; only after `read` has ended, and where there is no error."""
        return self._future.result(timeout=0)

    def error(self) -> BaseException | None:
        """What the work raised, Gone where it was left in the queue; only after `read` has ended."""
        if self._future.cancelled():
            return Gone("the ask was left before it began")
        return self._future.exception(timeout=0)


class Desk:
    """One thread for one model. queue: jobs that may wait beside the one at work."""

    def __init__(self, queue: int) -> None:
        self.queue = queue
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="georsmllm-model")
        self._jobs: set[Job[Any]] = set()  # jobs of all kinds: what one returns is nobody's business here
        self._lock = threading.Lock()
        self._closed = False

    @property
    def num_jobs(self) -> int:
        return len(self._jobs)

    def take(self, work: Callable[[Line], T]) -> Job[T]:
        """A job for the model; raises Refusal(429) when the queue is full."""
        with self._lock:
            self._check()
            job: Job[T] = Job(len(self._jobs))
            self._jobs.add(job)
        job.start(self._pool, work)
        job.when_done(lambda: self._drop(job))
        return job

    def check(self) -> None:
        """Raises Refusal(429) when a job would find the queue full: worth knowing before a large body is read."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        if self._closed:
            raise closing()
        if len(self._jobs) > self.queue:
            message = f"the model is busy and {self.queue} more wait; try again in a moment"
            raise Refusal(429, "busy", message, retry_s=2 + 2 * self.queue)

    def _drop(self, job: Job[T]) -> None:
        with self._lock:
            self._jobs.discard(job)

    def leave_all(self) -> None:
        """No new jobs; those at work and in the queue end at their next step."""
        with self._lock:
            self._closed = True
            jobs = tuple(self._jobs)
        for job in jobs:
            job.leave()

    def close(self) -> None:
        """After this no job is at work."""
        self.leave_all()
        self._pool.shutdown(wait=True)
