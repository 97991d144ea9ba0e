"""The page itself: a fixed table of files that come with the package, so that no path leads anywhere else."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from georsmllm.serve.refusals import Refusal

PAGE = "page.html"
ASSETS = MappingProxyType(
    {
        "drawing.js": "text/javascript; charset=utf-8",
        "hands.js": "text/javascript; charset=utf-8",
        "page.css": "text/css; charset=utf-8",
        "page.js": "text/javascript; charset=utf-8",
        "panels.js": "text/javascript; charset=utf-8",
        "service.js": "text/javascript; charset=utf-8",
        "viewer.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
)


async def page(request: Request) -> ASGIApp:
    return _file(request, PAGE, "text/html; charset=utf-8")


async def asset(request: Request) -> ASGIApp:
    name = request.path_params["name"]
    if name not in ASSETS:
        raise Refusal(404, "not_found", "no such file")
    return _file(request, name, ASSETS[name])


def _file(request: Request, name: str, media_type: str) -> Response:
    """Asked for again at each visit and sent only when it changed."""
    data, tag = _read(name)
    headers = {"cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


@lru_cache(maxsize=16)
def _read(name: str) -> tuple[bytes, str]:
    data = (files("georsmllm.serve") / "assets" / name).read_bytes()
    return data, f'"{hashlib.sha256(data).hexdigest()[:16]}"'
