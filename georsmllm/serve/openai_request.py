"""What a client of OpenAI's chat API asks: read, bounded, and refused in words where this server cannot do it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal, NamedTuple

import msgspec

from georsmllm.serve.asker import BoxXYXY
from georsmllm.serve.refusals import Refusal, bad
from georsmllm.serve.settings import Settings
from georsmllm.types import Message

MAX_MESSAGES = 200
MAX_IMAGES = 8
MAX_TEXT = 100_000
MAX_STOPS = 4
_TAG = re.compile(r"\s{0,8}\[[a-z][a-z_]{1,30}\]")
"""A task of the model's own training at the head of a question: "[caption] Describe this image."."""
_DATA_URI = re.compile(r"data:image/[a-z0-9.+-]{1,40}(?:;[^,;]{0,100})*;base64,", re.IGNORECASE)
Role = Literal["system", "user", "assistant"]
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class ImageUrl(msgspec.Struct):
    url: str


class Part(msgspec.Struct):
    type: str
    text: str | None = None
    image_url: ImageUrl | str | None = None


class ChatMessage(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Extension(msgspec.Struct, forbid_unknown_fields=True):
    """mode: "ask" plans and finds, "chat" only talks. box: a visual prompt in pixels of the (first) image, x1 y1 x2 y2."""

    mode: Literal["ask", "chat"] = "ask"
    box: tuple[float, float, float, float] | None = None


class Body(msgspec.Struct):
    """The fields that are read; a field that is not here is ignored."""

    messages: list[ChatMessage]
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    logprobs: bool | None = None
    response_format: dict[str, msgspec.Raw] | None = None
    modalities: list[str] | None = None
    georsmllm: Extension | None = None


class Wanted(NamedTuple):
    """query: the last question's words. messages: the whole conversation, words only. images: the files of the latest message
    that has some (to be asked), or of all (to chat), as bytes."""

    mode: Literal["ask", "chat"]
    query: str
    messages: tuple[Message, ...]
    images: tuple[bytes, ...]
    box: BoxXYXY | None
    max_new_tokens: int
    temperature: float
    stop: tuple[str, ...]
    is_stream: bool


def read(body: Body, title: str, settings: Settings) -> Wanted:
    """Raises Refusal(400), or 404 for a model that is not served here."""
    _check_supported(body)
    check_model(body.model or title, title)
    if not 1 <= len(body.messages) <= MAX_MESSAGES:
        raise bad(f"expected 1 to {MAX_MESSAGES} messages, got {len(body.messages)}", param="messages")
    turns = [_turn(message, number) for number, message in enumerate(body.messages)]
    if turns[-1][0].role != "user":
        raise bad("expected the last message to be the user's", param="messages")
    extension = body.georsmllm or Extension()
    query = turns[-1][0].content
    pictured = [urls for _, urls in turns if urls]
    is_chat = extension.mode == "chat" or _TAG.match(query) is not None or not pictured
    urls = [url for turn in pictured for url in turn] if is_chat else pictured[-1]
    most = MAX_IMAGES if is_chat else 2
    if len(urls) > most:
        raise bad(f"expected at most {most} images, got {len(urls)}", param="messages")
    if not query.strip():
        raise bad("expected a question in the last message, got no words", param="messages")
    return Wanted(
        mode="chat" if is_chat else "ask",
        query=query,
        messages=tuple(message for message, _ in turns),
        images=tuple(_bytes(url) for url in urls),
        box=checked_box(extension.box),
        max_new_tokens=_most_tokens(body, settings),
        temperature=_temperature(body),
        stop=_stops(body),
        is_stream=bool(body.stream),
    )


def check_model(name: str, title: str) -> None:
    """Raises Refusal(404) for a model that is not the one served here."""
    if name != title:
        message = f"no model {name[:80]!r} here; this server has {title!r}"
        raise Refusal(404, "model_not_found", message, param="model")


def checked_box(box: BoxXYXY | None) -> BoxXYXY | None:
    """With its corners in order; raises Refusal for one without an area."""
    if box is None:
        return None
    x1, y1, x2, y2 = box
    ordered = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
    if not (ordered[0] < ordered[2] and ordered[1] < ordered[3] and all(abs(value) < 1e7 for value in ordered)):
        raise bad("expected a box x1, y1, x2, y2 in pixels with an area", param="box")
    return ordered


def _check_supported(body: Body) -> None:
    kind = msgspec.json.decode((body.response_format or {}).get("type", msgspec.Raw(b'"text"')))
    refused = {
        "n": ("one answer a request", body.n not in (None, 1)),
        "tools": ("no tools", bool(body.tools)),
        "functions": ("no functions", bool(body.functions)),
        "logprobs": ("no log probabilities", bool(body.logprobs)),
        "response_format": ("text; geometry comes in the field georsmllm of the message", kind != "text"),
        "modalities": ("text", body.modalities not in (None, [], ["text"])),
    }
    for name, (offer, is_asked) in refused.items():
        if is_asked:
            raise bad(f"{name} is not supported: this server gives {offer}", param=name, code="unsupported")


def _turn(message: ChatMessage, number: int) -> tuple[Message, list[str]]:
    where = f"messages[{number}]"
    role = _ROLES.get(message.role)
    if role is None:
        raise bad(f"expected a role of {', '.join(_ROLES)}, got {message.role[:40]!r}", param=f"{where}.role")
    if message.content is None or isinstance(message.content, str):
        words, urls = [message.content or ""], []
    else:
        words = [part.text or "" for part in message.content if part.type == "text"]
        urls = [_url(part, where) for part in message.content if part.type != "text"]
    text = "\n".join(words)
    if len(text) > MAX_TEXT:
        raise bad(f"expected at most {MAX_TEXT} characters in a message, got {len(text)}", param=where)
    if urls and role != "user":
        raise bad("images stand in the user's messages only", param=where)
    return Message(role, text), urls


def _url(part: Part, where: str) -> str:
    if part.type != "image_url" or part.image_url is None:
        raise bad(f"expected parts of type text and image_url, got {part.type[:40]!r}", param=where, code="unsupported")
    return part.image_url if isinstance(part.image_url, str) else part.image_url.url


def _bytes(url: str) -> bytes:
    head = _DATA_URI.match(url)
    if head is None:
        shown = url[:40].partition(",")[0]
        message = f"expected an image as data:image/...;base64,..., got {shown!r}; this server fetches nothing"
        raise bad(message, param="image_url", code="bad_image")
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad(f"the image's base64 cannot be read: {error}", param="image_url", code="bad_image") from None


def _most_tokens(body: Body, settings: Settings) -> int:
    asked = body.max_completion_tokens or body.max_tokens
    if asked is None:
        return settings.default_new_tokens
    if asked < 1:
        raise bad(f"expected max_tokens of at least 1, got {asked}", param="max_tokens")
    return min(asked, settings.max_new_tokens)


def _temperature(body: Body) -> float:
    """0, which always takes the likeliest word, unless said otherwise: coordinates are no matter of chance."""
    value = body.temperature or 0.0
    if not 0 <= value <= 2:
        raise bad(f"expected a temperature of 0 to 2, got {value:g}", param="temperature")
    return value


def _stops(body: Body) -> tuple[str, ...]:
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    if len(stops) > MAX_STOPS or any(not 1 <= len(text) <= 200 for text in stops):
        raise bad(f"expected at most {MAX_STOPS} stop texts of 1 to 200 characters", param="stop")
    return tuple(stops)
