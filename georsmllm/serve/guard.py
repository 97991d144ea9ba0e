"""The door: who is let in, what every answer says to browsers, and one line in the log for each request."""

from __future__ import annotations

import hmac
import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from georsmllm.serve.refusals import Refusal
from georsmllm.serve.settings import Settings, is_loopback

_LOG = logging.getLogger("georsmllm.serve")
_OPEN = ("/api", "/v1")
"""Paths below these need the key, where there is one; the rest is the page without any data, and whether we are up."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        told = {"status": 0, "bytes": 0}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            elif message["type"] == "http.response.body":
                told["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            refused = self._refused(scope)
            answer = self.app if refused is None else JSONResponse(refused.body(), refused.status, refused.headers())
            await answer(scope, receive, dressed)
        finally:
            took = (time.perf_counter() - start) * 1000
            _LOG.info("%s %s %d %d bytes %.0f ms", scope["method"], _path(scope), told["status"], told["bytes"], took)

    def _refused(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.settings.is_local and not is_loopback(_name(host)):
            # DNS rebinding: a page of somebody's site whose name now leads here would be of "our" origin.
            return Refusal(403, "host", "this server answers to localhost only; start it with --host to open it")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return Refusal(403, "origin", "a page of another site may not use this server")
        if self.settings.api_key and _within(scope["path"]):
            scheme, _, key = headers.get("authorization", "").partition(" ")
            known = hmac.compare_digest(key.strip().encode(), self.settings.api_key.encode())
            if scheme.lower() != "bearer" or not known:
                return Refusal(401, "invalid_api_key", "this server needs its API key: Authorization: Bearer KEY")
        return None


def _within(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _OPEN)


def _name(host: str) -> str:
    """A Host header without its port; an IPv6 address keeps its brackets."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _path(scope: Scope) -> str:
    """Without the query, percent-encoded as it came, so that it is one line."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    text = raw.decode("ascii", "replace")[:200]
    return "".join(sign if sign.isprintable() else "?" for sign in text)
