"""What the page calls: images in and out, asks as a stream of events, results as files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import ExitStack

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp

from georsmllm import __version__
from georsmllm.serve import bodies, pictures, refusals, sse, told, working
from georsmllm.serve.answers import json_answer
from georsmllm.serve.desk import Job, Line
from georsmllm.serve.house import House
from georsmllm.serve.openai_request import MAX_TEXT, checked_box
from georsmllm.serve.refusals import Refusal, bad
from georsmllm.serve.store import ID, Kept, safe_name
from georsmllm.serve.working import Query
from georsmllm.types import Window

_FILES = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "png": "image/png",
    "tif": "image/tiff",
}
_RESULT = re.compile(rf"({ID.pattern})\.({'|'.join(_FILES)})")
_DECODERS = CapacityLimiter(4)
"""Pictures that are decoded at once: each may take as much memory as its pixels."""
_CACHED = {"cache-control": "private, max-age=3600"}


class Asked(msgspec.Struct):
    image: str
    query: str
    image_b: str | None = None
    box: tuple[float, float, float, float] | None = None


async def health(request: Request) -> ASGIApp:
    house = House.of(request)
    return json_answer({"status": "ok", "version": __version__, "at_work": house.desk.num_jobs})


async def about(request: Request) -> ASGIApp:
    house = House.of(request)
    settings = house.settings
    return json_answer(
        {
            "title": house.asker.title,
            "version": __version__,
            "max_upload_bytes": settings.max_upload_bytes,
            "max_pixels": settings.max_pixels,
            "has_samples": settings.samples is not None,
        }
    )


async def samples(request: Request) -> ASGIApp:
    house = House.of(request)
    offered = await to_thread.run_sync(house.samples.offered)
    return json_answer([{"id": one.id, "name": one.name} for one in offered])


async def upload(request: Request) -> ASGIApp:
    """The body is the file itself; ?name= is what it is called."""
    house = House.of(request)
    name = request.query_params.get("name", "image")[:200]
    async with house.readers.one():
        path = house.store.new_file(name)
        try:
            await bodies.into_file(request, path, house.settings)
        except BaseException:
            path.parent.rmdir()
            raise
    kept = await to_thread.run_sync(house.store.add, path, name, limiter=_DECODERS)
    return json_answer(_image(kept), 201)


async def image(request: Request) -> ASGIApp:
    return json_answer(_image(await _opened(request)))


async def picture(request: Request) -> ASGIApp:
    kept = await _opened(request)
    side = _number(request, "size", default=pictures.MAX_SIDE, most=pictures.MAX_SIDE)
    return await _drawn(request, kept, Window(0, 0, *kept.scene.image.size_wh), side)


async def view(request: Request) -> ASGIApp:
    kept = await _opened(request)
    x, y = _number(request, "x", least=-(10**7)), _number(request, "y", least=-(10**7))
    window = Window(x, y, _number(request, "w", least=1), _number(request, "h", least=1))
    side = _number(request, "size", default=1024, most=pictures.MAX_SIDE)
    return await _drawn(request, kept, window, side)


async def ask(request: Request) -> ASGIApp:
    house = House.of(request)
    bodies.check_json(request)
    asked = bodies.decoded(await bodies.whole(request, bodies.JSON_BYTES, house.settings.body_timeout_s), Asked)
    if not asked.query.strip() or len(asked.query) > MAX_TEXT:
        raise bad("expected a question", param="query")
    ids = (asked.image,) if asked.image_b is None else (asked.image, asked.image_b)
    with ExitStack() as held:
        kept = []
        for identity in ids:
            await to_thread.run_sync(house.samples.opened, identity, limiter=_DECODERS)
            kept.append(held.enter_context(house.store.using(identity)))
        query = Query(asked.query, kept[0].scene, kept[1].scene if len(kept) == 2 else None, checked_box(asked.box))
        job = house.desk.take(lambda line: _ask(house, query, ids, line))
        job.when_done(held.pop_all().close)
    return sse.Stream(_events(job, house), job)


async def result_file(request: Request) -> ASGIApp:
    """A result as GeoJSON, GeoPackage, picture, or raster; written when it is first wanted."""
    house = House.of(request)
    asked = _RESULT.fullmatch(request.path_params["name"])
    if asked is None:
        raise Refusal(404, "no_result", f"expected ID.{'|'.join(_FILES)}")
    answered = house.store.result(asked[1])
    stem = safe_name(answered.result.scenes[0].name).rpartition(".")[0] or safe_name(answered.result.scenes[0].name)
    path = answered.folder / f"{stem}.{asked[2]}"

    def write() -> None:
        with answered.lock:
            if not path.exists():
                answered.result.save(path)

    try:
        await to_thread.run_sync(write, limiter=_DECODERS)
    except refusals.EXPECTED as error:
        raise refusals.of(error, house.hidden) from None
    return FileResponse(path, media_type=_FILES[asked[2]], filename=path.name)


async def _opened(request: Request) -> Kept:
    identity = request.path_params["id"]
    if not ID.fullmatch(identity):
        raise Refusal(404, "no_image", "no such image")
    return await to_thread.run_sync(House.of(request).samples.opened, identity, limiter=_DECODERS)


async def _drawn(request: Request, kept: Kept, window: Window, side: int) -> Response:
    house = House.of(request)
    try:
        with house.store.using(kept.id):
            drawn = await to_thread.run_sync(pictures.of_window, kept.scene, window, side, limiter=_DECODERS)
    except refusals.EXPECTED as error:
        raise refusals.of(error, house.hidden) from None
    return Response(drawn.data, media_type=drawn.media_type, headers=_CACHED)


def _number(request: Request, name: str, *, default: int | None = None, least: int = 1, most: int = 10**7) -> int:
    """A whole number of the query string; raises Refusal."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    if text is None or not re.fullmatch(r"-?[0-9]{1,8}", text, re.ASCII) or not least <= int(text) <= most:
        raise bad(f"expected {name} as a whole number from {least} to {most}", param=name)
    return int(text)


def _image(kept: Kept) -> dict[str, object]:
    ref = kept.scene.image
    return {"id": kept.id, "name": kept.name, "width": ref.width, "height": ref.height, "crs": ref.crs}


def _ask(house: House, query: Query, ids: tuple[str, ...], line: Line) -> msgspec.Raw:
    result = working.ask(house.asker, query, line)
    answered = house.store.remember(result, ids)
    data = {"id": answered.id, **told.result(result), "geojson": told.geojson(result)}
    return msgspec.Raw(msgspec.json.encode(data))


async def _events(job: Job[msgspec.Raw], house: House) -> AsyncIterator[bytes]:
    """queued, start, plan, step, progress, notice; at the end result or error."""
    if job.ahead:
        yield sse.event("queued", {"ahead": job.ahead})
    try:
        async for happened in job.read(timeout_s=house.settings.ask_timeout_s):
            yield sse.QUIET if happened is None else sse.event(*happened)
        error = job.error()
        refusal = None if error is None else refusals.of(error, house.hidden)
    except Refusal as late:
        refusal = late
    if refusal is not None:
        yield sse.event("error", {"status": refusal.status, "code": refusal.code, "message": refusal.message})
    else:
        yield sse.event("result", job.result())
