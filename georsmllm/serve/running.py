"""A server that listens: bound before it starts, so that its address is known; stopped from another thread, or by a signal."""

from __future__ import annotations

import socket

import uvicorn

from georsmllm.errors import UsageError
from georsmllm.serve.app import application
from georsmllm.serve.asker import Asker
from georsmllm.serve.house import House
from georsmllm.serve.settings import Settings

_GRACE_S = 5
_MAX_CONNECTIONS = 256


class _Server(uvicorn.Server):
    """Asks end at their next step as soon as the server stops, not when their clients have lost patience."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.desk.leave_all()
        await super().shutdown(sockets)


class Running:
    """`run` serves until `stop`, SIGINT or SIGTERM. url: where it is, known from the start."""

    def __init__(self, asker: Asker, settings: Settings) -> None:
        self._socket = _bound(settings)
        port = self._socket.getsockname()[1]
        self.url = f"http://{_shown(settings.host)}:{port}/"
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
        self._server = _Server(config, house)

    @property
    def is_up(self) -> bool:
        return self._server.started

    def run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True


def _bound(settings: Settings) -> socket.socket:
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, settings.port))
    except OSError as error:
        bound.close()
        raise UsageError(
            f"cannot listen at {settings.host} port {settings.port}: {error.strerror or error}; choose another with --port "
            "(0 takes a free one)"
        ) from None
    return bound


def _shown(host: str) -> str:
    name = host.strip("[]")
    return f"[{name}]" if ":" in name else name
