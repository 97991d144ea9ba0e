"""What a language model is told and shown before a query: `prompt.md`, the worked examples of `examples.jsonl`, the query.

The query is data: it stands between delimiters that it cannot close.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from .plan import Plan, check
from .schema import described

OPEN, CLOSE = "<query>", "</query>"
_DELIMITER = re.compile(r"<(?=[\s/]{0,8}query)", re.IGNORECASE)
_IMAGES = {
    1: "The person gives one image.",
    2: "The person gives two images of one place, A (before) and B (after).",
}


class Message(msgspec.Struct, frozen=True):
    role: str
    content: str


class Example(NamedTuple):
    query: str
    num_images: int
    plan: Plan
    tags: tuple[str, ...]


class _Line(msgspec.Struct):
    query: str
    num_images: int
    tags: tuple[str, ...]


@cache
def examples() -> tuple[Example, ...]:
    """The worked examples, checked."""
    found = []
    for line in _resource("examples.jsonl").splitlines():
        said, plan = msgspec.json.decode(line, type=_Line), msgspec.json.decode(line, type=Plan)
        check(plan)
        found.append(Example(said.query, said.num_images, plan, said.tags))
    return tuple(found)


@cache
def prompt_version() -> str:
    """A hash of everything that a model is told beside the query: other words, other version, no editing needed."""
    told = "\0".join((_resource("prompt.md"), _resource("examples.jsonl"), described(), *_IMAGES.values(), OPEN))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def messages(query: str, *, num_images: int, with_schema: bool) -> tuple[Message, ...]:
    """The system prompt, each example as a turn, then the query. with_schema: for servers that do not enforce it."""
    system = _resource("prompt.md")
    if with_schema:
        system += f"\n# JSON schema of the object\n\n{described()}\n"
    shown = [Message("system", system)]
    for example in examples():
        shown.append(Message("user", _asked(example.query, example.num_images)))
        shown.append(Message("assistant", msgspec.json.encode(example.plan).decode()))
    return (*shown, Message("user", _asked(query, num_images)))


def _asked(query: str, num_images: int) -> str:
    return f"{_IMAGES[num_images]}\n{OPEN}{guarded(query)}{CLOSE}"


def guarded(query: str) -> str:
    """The query on one line of printable characters, with no delimiter in it."""
    printable = "".join(sign if sign.isprintable() else " " for sign in query)
    return _DELIMITER.sub("&lt;", printable)


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
