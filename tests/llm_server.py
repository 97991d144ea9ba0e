"""An OpenAI-compatible server in a thread that answers from a script and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """One HTTP answer. seconds: waited before it; trickle: then one byte at a time, that many seconds apart."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    trickle: float = 0.0


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict


Behaviour = Callable[[Asked], Answer]


def said(text: str | None, **message: object) -> Answer:
    """A chat completion with this text."""
    reason = message.pop("finish_reason", "stop")
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}
    completion = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return Answer(json.dumps(completion).encode(), headers=(("Content-Type", "application/json"),))


def refused(status: int, message: str = "no", *, headers: dict[str, str] | None = None, **more: object) -> Answer:
    """An error in OpenAI's form."""
    extra = tuple((headers or {}).items())
    error = {"error": {"message": message, "type": "error", **more}}
    return Answer(json.dumps(error).encode(), status, (("Content-Type", "application/json"), *extra))


class Server:
    """url: its base address. asked: every request so far."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                asked = Asked(
                    self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(self.rfile.read(size))
                )
                outer.asked.append(asked)
                with contextlib.suppress(ConnectionError):
                    self.send(behaviour(asked))

            def send(self, answer: Answer) -> None:
                time.sleep(answer.seconds)
                self.send_response(answer.status)
                for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                    self.send_header(name, value)
                self.end_headers()
                if not answer.trickle:
                    self.wfile.write(answer.body)
                    return
                for i in range(len(answer.body)):
                    self.wfile.write(answer.body[i : i + 1])
                    time.sleep(answer.trickle)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def llm_server(behaviour: Behaviour | Sequence[Answer]) -> Iterator[Server]:
    """A server that behaves so, or gives these answers one after the other (the last one for ever)."""
    if not callable(behaviour):
        answers = list(behaviour)
        behaviour = lambda _: answers.pop(0) if len(answers) > 1 else answers[0]  # noqa: E731
    with Server(behaviour) as server:
        yield server


def free_url() -> str:
    """An address at which nothing listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_port}/v1"
