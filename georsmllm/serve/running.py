"""A server that listens: bound before it starts, so that its address is known; stopped from another thread, or by a signal."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple

import uvicorn

from georsmllm.errors import UsageError
from georsmllm.serve.app import application
from georsmllm.serve.asker import Asker
from georsmllm.serve.house import House
from georsmllm.serve.settings import Settings

_GRACE_S = 5
_MAX_CONNECTIONS = 256


class Place(NamedTuple):
    """url: where the server will be; nobody is answered there yet."""

    socket: socket.socket
    url: str


def bound(settings: Settings) -> Place:
    """The address taken; raises UsageError. Before the model is loaded, for that takes minutes."""
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, settings.port))
    except OSError as error:
        taken.close()
        raise UsageError(
            f"cannot listen at {settings.host} port {settings.port}: {error.strerror or error}; choose another with --port "
            "(0 takes a free one)"
        ) from None
    return Place(taken, f"http://{_shown(settings.host)}:{taken.getsockname()[1]}/")


def _shown(host: str) -> str:
    name = host.strip("[]")
    return f"[{name}]" if ":" in name else name


class _Server(uvicorn.Server):
    """Asks end at their next step as soon as the server stops, not when their clients have lost patience."""

    def __init__(self, config: uvicorn.Config, house: House, when_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._house = house
        self._when_up = when_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.desk.leave_all()
        await super().shutdown(sockets)


class Running:
    """`run` serves until `stop`, SIGINT or SIGTERM. place: of `bound`. when_up: called once requests are taken."""

    def __init__(
        self, asker: Asker, settings: Settings, place: Place, when_up: Callable[[], None] = lambda: None
    ) -> None:
        self._socket = place.socket
        house = House.open(asker, settings)
        config = uvicorn.Config(
            application(house),
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config, house, when_up)

    def run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True
