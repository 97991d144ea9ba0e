"""Request bodies, read within their limit whatever their headers claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from georsmllm.serve.refusals import Refusal, bad, too_large
from georsmllm.serve.settings import Settings

T = TypeVar("T")
_DRAIN_S = 10.0
JSON_BYTES = 100_000
"""Of a JSON body that holds no image."""


async def pieces(request: Request, limit: int, timeout_s: float) -> AsyncIterator[bytes]:
    """The body piece by piece; raises Refusal: 413 past the limit, 408 when it comes too slowly."""
    taken = 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > 2 * limit:
        raise too_large(limit)  # so far beyond that not even the polite way below is open
    stream = request.stream()
    try:
        async with asyncio.timeout(timeout_s):
            async for piece in stream:
                taken += len(piece)
                if taken > limit:
                    break
                if piece:
                    yield piece
        if taken > limit:
            await _drain(stream, limit)
            raise too_large(limit)
    except TimeoutError:
        raise Refusal(408, "too_slow", f"the request took longer than {timeout_s:g} s to arrive") from None
    except ClientDisconnect:
        raise bad("the client went away before the request had arrived", code="client_gone") from None


async def _drain(stream: AsyncIterator[bytes], limit: int) -> None:
    """Let a sender finish, within bounds: one that is cut off while it sends never reads the answer."""
    dropped = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for piece in stream:
                dropped += len(piece)
                if dropped > limit:
                    return
    except TimeoutError:
        return


async def whole(request: Request, limit: int, timeout_s: float) -> bytes:
    """The body in memory."""
    return b"".join([piece async for piece in pieces(request, limit, timeout_s)])


async def into_file(request: Request, path: Path, settings: Settings) -> int:
    """The body as a file that nobody sees before it is whole; its size. Raises Refusal, and leaves nothing then."""
    size = 0
    try:
        with path.open("xb") as out:
            async for piece in pieces(request, settings.max_upload_bytes, settings.body_timeout_s):
                out.write(piece)
                size += len(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if size == 0:
        path.unlink(missing_ok=True)
        raise bad("expected an image as the request's body, got 0 bytes", code="bad_image")
    return size


def check_json(request: Request) -> None:
    """Only JSON that says so: a web page of another origin cannot send it unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "not_json", f"expected content-type application/json, got {kind[:60] or 'none'}")


def decoded(body: bytes, type_: type[T]) -> T:
    """A body as its type; raises Refusal(400) with the place inside the JSON."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"the request's body is not what was expected: {str(error)[:300]}", code="bad_request") from None


class Readers:
    """How many large bodies arrive at once."""

    def __init__(self, most: int) -> None:
        self._left = most

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        if self._left == 0:
            raise Refusal(429, "busy", "too many images arrive at once; try again in a moment", retry_s=2)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
