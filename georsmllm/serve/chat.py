"""/v1/chat/completions and /v1/models: an unmodified `openai` client asks about images and reads steps and geometry."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp

from georsmllm.result import Result
from georsmllm.serve import bodies, openai_request, refusals, sse, told, working
from georsmllm.serve.answers import json_answer
from georsmllm.serve.desk import Job, Line
from georsmllm.serve.house import House
from georsmllm.serve.openai_answer import Form, model
from georsmllm.serve.openai_request import Body, Wanted
from georsmllm.serve.working import Query, Talk
from georsmllm.streaming import Ended


@dataclass(frozen=True, slots=True)
class Said:
    """What a job leaves. extension: of an ask, as JSON, for it may be large and is encoded where nobody waits; None of a
    chat."""

    text: str
    ended: Ended
    extension: msgspec.Raw | None


class Taken(NamedTuple):
    job: Job[Said]
    is_stream: bool
    with_usage: bool


async def list_models(request: Request) -> ASGIApp:
    house = House.of(request)
    return json_answer({"object": "list", "data": [model(house.asker.title, house.started)]})


async def one_model(request: Request) -> ASGIApp:
    house = House.of(request)
    openai_request.check_model(request.path_params["name"], house.asker.title)
    return json_answer(model(house.asker.title, house.started))


async def completions(request: Request) -> ASGIApp:
    house = House.of(request)
    taken = await _taken(request, house)
    form = Form(house.asker.title)
    if taken.is_stream:
        return sse.Stream(_chunks(taken, form, house), taken.job)
    return await _whole(request, taken.job, form, house)


async def _taken(request: Request, house: House) -> Taken:
    """The job that a request asks for, in the queue; the request's own bytes are held no longer than this takes."""
    bodies.check_json(request)
    house.desk.check()
    folder = house.store.new_folder()
    try:
        async with house.readers.one():
            raw = await bodies.whole(request, house.settings.max_upload_bytes, house.settings.body_timeout_s)
            body, wanted = await run_in_threadpool(_read, raw, house)
            work = await run_in_threadpool(_work, house, wanted, folder)
        job = house.desk.take(work)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    job.when_done(lambda: shutil.rmtree(folder, ignore_errors=True))
    with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return Taken(job, is_stream=wanted.is_stream, with_usage=with_usage)


def _read(raw: bytes, house: House) -> tuple[Body, Wanted]:
    body = bodies.decoded(raw, Body)
    return body, openai_request.read(body, house.asker.title, house.settings)


def _work(house: House, wanted: Wanted, folder: Path) -> partial[Said]:
    """The job, its images opened: what is wrong with them is said before anything is promised."""
    scenes = []
    for number, picture in enumerate(wanted.images):
        path = folder / f"image_{number + 1}"
        path.write_bytes(picture)
        scenes.append(house.store.opened(path))
    if wanted.mode == "ask":
        query = Query(wanted.query, scenes[0], scenes[1] if len(scenes) == 2 else None, wanted.box)
        return partial(_ask, house, query)
    talk = Talk(wanted.messages, tuple(scenes), wanted.max_new_tokens, wanted.temperature, wanted.stop)
    return partial(_talk, house, talk)


def _ask(house: House, query: Query, line: Line) -> Said:
    result: Result = working.ask(house.asker, query, line)
    extension = msgspec.json.encode({**result.to_dict(), "geojson": told.geojson(result)})
    return Said(result.text, Ended(), msgspec.Raw(extension))


def _talk(house: House, wanted: Talk, line: Line) -> Said:
    return Said("", working.talk(house.asker, wanted, line), None)


async def _chunks(taken: Taken, form: Form, house: House) -> AsyncIterator[bytes]:
    """Steps and progress of an ask come before its words; a failure on the way is an error object, as the client expects."""
    job = taken.job
    yield sse.data_line(form.chunk({"role": "assistant", "content": ""}))
    try:
        async for happened in job.read(timeout_s=house.settings.ask_timeout_s):
            if happened is None:
                yield sse.QUIET
                continue
            name, data = happened
            if name == "text":
                if data:
                    yield sse.data_line(form.chunk({"content": data}))
            elif name != "start":
                yield sse.data_line(form.chunk({f"georsmllm_{name}": data}))
        error = job.error()
        refusal = None if error is None else refusals.of(error, house.hidden)
    except refusals.Refusal as late:
        refusal = late
    if refusal is not None:
        yield sse.data_line(refusal.body())
        return
    said = job.result()
    if said.text:
        yield sse.data_line(form.chunk({"content": said.text}))
    yield sse.data_line(
        form.chunk({} if said.extension is None else {"georsmllm": said.extension}, finish=said.ended.reason)
    )
    if taken.with_usage and said.ended.completion_tokens is not None:
        yield sse.data_line(form.usage_chunk(said.ended))
    yield b"data: [DONE]\n\n"


async def _whole(request: Request, job: Job[Said], form: Form, house: House) -> ASGIApp:
    pieces: list[str] = []

    def take(name: str, data: object) -> None:
        if name == "text":
            pieces.append(str(data))

    if not await sse.collected(job, request.receive, timeout_s=house.settings.ask_timeout_s, take=take):
        raise refusals.bad("the client went away", code="client_gone")
    error = job.error()
    if error is not None:
        raise refusals.of(error, house.hidden)
    said = job.result()
    return json_answer(form.whole(said.text or "".join(pieces), said.ended, said.extension))
