"""One reply of a language model from an OpenAI-compatible server: bounded in time, size and tries, whatever the server does.

Errors become `NoPlan`, one line in our own words; a server's words are quoted short and never where they may hold a key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import msgspec

from georsmllm.errors import MissingExtra, UsageError

from .planner import NoPlan
from .prompting import Message
from .schema import plan_schema

if TYPE_CHECKING:
    import httpx2
    import openai

MAX_REPLY_BYTES = 1_000_000
"""Of an HTTP answer, thoughts and all; a plan in it may have `plan.MAX_BYTES`."""
MAX_TOKENS = 8192
MAX_RETRIES = 2
CONNECT_S = 5.0
_FIRST_PAUSE_S = 0.5
Form = Literal["json_schema", "json_object", "text"]
_FORMS: tuple[Form, ...] = get_args(Form)
_OPTIONAL = ("temperature", "max_tokens")
_MAX_QUOTE, _MAX_COMPLAINT = 200, 4000
_SECRET_LENGTH = 6
"""Shorter keys are placeholders ("none", "EMPTY") that occur in plain words, too."""
_HERE = ("localhost", "127.0.0.1", "::1")
"""Hosts that no proxy stands before, whatever the environment says."""
_ABOUT_FORM = re.compile(r"response_format|json_schema|json_object|schema|grammar", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a language model answers. timeout_s: for one query, all tries together. The key is never shown."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not _is_address(self.base_url):
            raise UsageError(_no_address(self.shown))
        if not self.api_key.isascii() or not self.api_key.isprintable():
            raise UsageError("the key of the language model server holds characters that no key has")
        if not self.model:
            raise UsageError(f"which model of {self.shown} is to plan? name it")
        if not 0 < self.timeout_s <= 3600:
            raise UsageError(f"expected a time-out of more than 0 and at most 3600 seconds, got {self.timeout_s:g}")

    @property
    def url(self) -> str:
        """The address with the path /v1 where it has none, as every such server but the oldest wants it."""
        return self.base_url if urlsplit(self.base_url).path.strip("/") else self.base_url.rstrip("/") + "/v1"

    @property
    def shown(self) -> str:
        """The address without a user and password."""
        return re.sub(r"//[^/@]*@", "//", self.base_url)


def _no_address(shown: str) -> str:
    return f"expected the address of a language model server, such as http://localhost:8000/v1, got {shown!r}"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool((parts.hostname or "").encode("idna")) and parts.port != 0
        return named and parts.scheme in ("http", "https") and url.isprintable() and " " not in url
    except ValueError:  # an unclosed bracket, a port that is no number, a host that no name server knows how to spell
        return False


class Ability(NamedTuple):
    """What a server takes: the strictest form of `_FORMS`, and the options that it refuses."""

    form: Form = _FORMS[0]
    without: tuple[str, ...] = ()

    def lesser(self, complaint: str) -> Ability | None:
        """The next to try after a refusal: without an option that it names, else a looser form; None at the end."""
        named = [name for name in _OPTIONAL if name in complaint and name not in self.without]
        if named:
            return self._replace(without=(*self.without, *named))
        rest = _FORMS[_FORMS.index(self.form) + 1 :]
        return self._replace(form=rest[0]) if rest else None


class _Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class Reply(NamedTuple):
    """cut: it ended because it was too long."""

    text: str
    cut: bool


class Line:
    """The line to a server for one query; close it. ability: what the server has been found to take."""

    def __init__(self, server: Server, ability: Ability) -> None:
        try:
            import httpx2
            import openai
        except ImportError:
            raise MissingExtra("openai", "ask", "planning with a language model") from None
        self.server, self.ability = server, ability
        self._until = time.monotonic() + server.timeout_s
        self._tries = 0
        self._too_large = False
        try:
            self._client = openai.OpenAI(
                base_url=server.url,
                api_key=server.api_key or "none",
                max_retries=0,  # the client would wait two minutes where a server says so
                http_client=openai.DefaultHttpx2Client(
                    follow_redirects=False,
                    trust_env=urlsplit(server.url).hostname not in _HERE,
                    event_hooks={"response": [self._bound]},
                ),
                default_headers={"Accept-Encoding": "identity"},
            )
        except (httpx2.InvalidURL, UnicodeError):
            raise UsageError(_no_address(server.shown)) from None

    def close(self) -> None:
        self._client.close()

    def reply(self, told: Callable[[bool], Sequence[Message]]) -> Reply:
        """The model's reply. told: the messages, with the schema in them or not. Raises NoPlan."""
        import httpx2
        import openai

        while True:
            try:
                return self._once(told(self.ability.form != _FORMS[0]))
            except openai.APIStatusError as error:
                complaint = self._quoted(error)
                lesser = self.ability.lesser(complaint) if _is_about_the_request(error, complaint) else None
                if lesser is not None:
                    self.ability = lesser
                elif not self._may_try_again(error):
                    raise NoPlan(_refusal(error, complaint, self._who)) from None
            except openai.APITimeoutError as error:
                if isinstance(error.__cause__, httpx2.ConnectTimeout):
                    raise NoPlan(f"no language model server answers at {self.server.shown}") from None
                raise NoPlan(f"{self._who} did not answer within {self.server.timeout_s:g} s") from None
            except openai.APIConnectionError:
                if self._too_large:
                    raise NoPlan(f"{self._who} answers with more than {MAX_REPLY_BYTES} bytes, or packed") from None
                if not self._may_try_again(None):
                    raise NoPlan(f"no language model server answers at {self.server.shown}") from None

    @property
    def _who(self) -> str:
        return f"the language model server at {self.server.shown}"

    def _once(self, messages: Sequence[Message]) -> Reply:
        import httpx2

        left = max(0.001, self._until - time.monotonic())
        response = self._client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            body=self._body(messages),
            options={"timeout": httpx2.Timeout(left, connect=min(left, CONNECT_S))},
        )
        try:
            choice = msgspec.json.decode(response.content, type=_Completion).choices[0]
        except (msgspec.DecodeError, UnicodeError, RecursionError, IndexError):
            raise NoPlan(f"{self._who} answers, but not as an OpenAI-compatible one") from None
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise NoPlan(f"the language model {self.server.model} refuses to plan this query")
        return Reply(self._without_key(choice.message.content or ""), choice.finish_reason == "length")

    def _body(self, messages: Sequence[Message]) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self.server.model,
            "messages": msgspec.to_builtins(messages),
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "stream": False,
        }
        if self.ability.form == "json_schema":
            named = {"name": "plan", "strict": True, "schema": plan_schema()}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.ability.form == "json_object":
            body["response_format"] = {"type": "json_object"}
        return {name: value for name, value in body.items() if name not in self.ability.without}

    def _bound(self, response: httpx2.Response) -> None:
        """Let no more than so many bytes and seconds through, of any answer; what is packed could unpack to anything."""
        import httpx2

        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        stream = response.stream
        assert isinstance(stream, httpx2.SyncByteStream)
        whole: httpx2.SyncByteStream = stream

        class Bounded(httpx2.SyncByteStream):
            def __iter__(bounded) -> Iterator[bytes]:  # noqa: N805 - `self` is the line
                size = 0
                for part in whole:
                    size += len(part)
                    if size > MAX_REPLY_BYTES or packed:
                        self._too_large = True
                        raise httpx2.ReadError("too large")
                    if time.monotonic() > self._until:
                        raise httpx2.ReadTimeout("too late")
                    yield part

            def close(bounded) -> None:  # noqa: N805
                whole.close()

        response.stream = Bounded()

    def _may_try_again(self, error: openai.APIStatusError | None) -> bool:
        """Wait before the next try; False where there is none: the tries or the time are used up, or it would not help."""
        if self._tries == MAX_RETRIES or (error is not None and not _may_pass(error)):
            return False
        pause = max(_FIRST_PAUSE_S * 2**self._tries, _asked_pause(error))
        if time.monotonic() + pause >= self._until:
            return False
        self._tries += 1
        time.sleep(pause)
        return True

    def _quoted(self, error: openai.APIStatusError) -> str:
        """A server's complaint, on one line, without the key."""
        said = self._without_key(str(error.message)[:_MAX_COMPLAINT])
        return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())

    def _without_key(self, text: str) -> str:
        return text.replace(self.server.api_key, "***") if len(self.server.api_key) >= _SECRET_LENGTH else text


def _is_about_the_request(error: openai.APIStatusError, complaint: str) -> bool:
    """Whether another form of the request may be taken; old builds of llama.cpp fail with 500 over a schema."""
    status = error.status_code
    return status in (400, 415, 422, 501) or (status == 500 and bool(_ABOUT_FORM.search(complaint)))


def _may_pass(error: openai.APIStatusError) -> bool:
    spent = error.code == "insufficient_quota"
    return (error.status_code in (408, 409, 429) and not spent) or error.status_code >= 500


def _asked_pause(error: openai.APIStatusError | None) -> float:
    """The seconds that a server asks to wait, 0 where it asks for none that could be read."""
    said = error.response.headers.get("retry-after", "") if error is not None else ""
    return float(said) if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", said) else 0.0


def _refusal(error: openai.APIStatusError, complaint: str, who: str) -> str:
    status = error.status_code
    if status in (401, 403):
        return f"{who} does not accept the key ({status})"  # its words may hold a part of the key
    if status == 429:
        return f"{who} is busy or its quota is used up (429)"
    if 300 <= status < 400:
        return f"{who} sends elsewhere ({status}), which is not followed; give the address itself"
    return f"{who} refuses ({status}): {complaint[:_MAX_QUOTE]}"
