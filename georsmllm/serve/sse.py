"""Server-sent events to a client that may go away at any moment: then the job behind them is left, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from georsmllm.serve.desk import Job

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # a proxy that collects them would make a stream of steps one lump
    ],
}
QUIET = b": still at work\n\n"
"""A comment, which clients skip: it keeps proxies from closing a quiet connection."""


def event(name: str, data: object) -> bytes:
    """One event; msgspec's JSON has no line breaks."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def data_line(data: object) -> bytes:
    """One event without a name, as OpenAI's streams have them."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


class Stream:
    """An ASGI answer. lines: bytes to send; job: left when the client goes or the server stops before their end."""

    def __init__(self, lines: AsyncIterator[bytes], job: Job[Any]) -> None:
        self.lines = lines
        self.job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI answer
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                self.job.leave()
                sending.cancel()
        await asyncio.wait((sending, leaving))
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send(_START)
        async for line in self.lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def gone(receive: Receive) -> None:
    """Returns when the client has gone; its body was read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def collected(job: Job[Any], receive: Receive, *, timeout_s: float, take: Callable[[str, object], None]) -> bool:
    """The events of a job given to `take`; False when the client went away first, and then the job is left."""

    async def read() -> None:
        async for happened in job.read(timeout_s=timeout_s):
            if happened is not None:
                take(*happened)

    reading, leaving = asyncio.create_task(read()), asyncio.create_task(gone(receive))
    try:
        await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not reading.done():
            job.leave()
            reading.cancel()
    await asyncio.wait((reading, leaving))
    if reading.cancelled():
        return False
    reading.result()
    return True
