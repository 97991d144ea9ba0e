"""The application: which address leads to what, and what all answers have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from georsmllm.serve import chat, page_api, page_files
from georsmllm.serve.guard import Guard
from georsmllm.serve.house import House
from georsmllm.serve.refusals import Refusal, broken

_ROUTES = (
    Route("/", page_files.page, methods=["GET"]),
    Route("/assets/{name}", page_files.asset, methods=["GET"]),
    Route("/health", page_api.health, methods=["GET"]),
    Route("/v1/models", chat.list_models, methods=["GET"]),
    Route("/v1/models/{name:path}", chat.one_model, methods=["GET"]),
    Route("/v1/chat/completions", chat.completions, methods=["POST"]),
    Route("/api/about", page_api.about, methods=["GET"]),
    Route("/api/samples", page_api.samples, methods=["GET"]),
    Route("/api/images", page_api.upload, methods=["POST"]),
    Route("/api/images/{id}", page_api.image, methods=["GET"]),
    Route("/api/images/{id}/picture", page_api.picture, methods=["GET"]),
    Route("/api/images/{id}/view", page_api.view, methods=["GET"]),
    Route("/api/ask", page_api.ask, methods=["POST"]),
    Route("/api/results/{name}", page_api.result_file, methods=["GET"]),
)


def application(house: House) -> ASGIApp:
    """An ASGI application that closes the house when it is shut down."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        app.state.house = house
        try:
            yield
        finally:
            house.close()

    handlers = {Refusal: _refuse, HTTPException: _http, Exception: _fail}
    return Guard(Starlette(routes=list(_ROUTES), exception_handlers=handlers, lifespan=life), house.settings)


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body(), error.status, error.headers())


async def _http(_request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an address or a method that is not there."""
    assert isinstance(error, HTTPException)
    refusal = Refusal(error.status_code, "not_found" if error.status_code == 404 else "method", error.detail.lower())
    return JSONResponse(refusal.body(), refusal.status, {**dict(error.headers or {}), **refusal.headers()})


async def _fail(_request: Request, _error: Exception) -> Response:
    """Our own bug: Starlette raises it again, so that it stands in the log with its traceback."""
    return JSONResponse(broken().body(), 500)
