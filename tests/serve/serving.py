"""A real server in a thread of this process, on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from georsmllm.serve.asker import Asker
from georsmllm.serve.running import Running, bound
from georsmllm.serve.settings import Settings


@contextmanager
def served(asker: Asker, settings: Settings | None = None) -> Iterator[str]:
    """Its URL, ending with "/"."""
    with at_work(asker, settings) as (_, url):
        yield url


@contextmanager
def at_work(asker: Asker, settings: Settings | None = None) -> Iterator[tuple[Running, str]]:
    settings = settings or Settings(port=0)
    place = bound(settings)
    is_up = threading.Event()
    running = Running(asker, settings, place, is_up.set)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        assert is_up.wait(10)
        yield running, place.url
    finally:
        running.stop()
        thread.join(20)
        assert not thread.is_alive(), "the server did not shut down"


def wait_for(is_so: Callable[[], object], *, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
