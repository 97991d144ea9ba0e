"""The plan in what a language model replied: its thoughts, fences and chatter around the JSON object are left out."""

from __future__ import annotations

import json
import re

import msgspec

from .plan import MAX_BYTES, BadPlan, Plan, read
from .planner import NoCondition

_THOUGHT_ENDS = re.compile(r"</(?:think|thinking|thought)>", re.IGNORECASE)
_THOUGHT_BEGINS = re.compile(r"\s*<(?:think|thinking|thought)>", re.IGNORECASE)
_MAX_TRIES = 500
"""Places where an object may begin; telling where one is broken costs time by the length of the text before it."""
NOTHING_SEEN = "the query names nothing that could be seen in an image"


class _Steps(msgspec.Struct):
    steps: list[msgspec.Raw]


def understood(reply: str) -> Plan:
    """The checked plan of a reply. Raises BadPlan, and NoCondition where the plan has no steps."""
    text = plan_text(reply)
    try:
        empty = not msgspec.json.decode(text, type=_Steps).steps
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        empty = False
    if empty:
        raise NoCondition(NOTHING_SEEN)
    return read(text)


def plan_text(reply: str) -> str:
    """The JSON object of a reply: the last one that has steps, else the first. Raises BadPlan where there is none."""
    if len(reply) > MAX_BYTES:
        raise BadPlan(f"a reply of {len(reply)} characters, at most {MAX_BYTES} are read")
    answer = without_thoughts(reply)
    objects = _objects(answer)
    with_steps = [text for text, keys in objects if "steps" in keys]
    if with_steps:
        return with_steps[-1]
    if objects:
        return objects[0][0]
    raise BadPlan(f"expected one JSON object, got {answer.strip()[:60]!r}" if answer.strip() else "an empty reply")


def without_thoughts(reply: str) -> str:
    """What comes after the last closed thought; of a thought that was never closed nothing. A reply that begins with its
    JSON object is kept whole, whatever its texts say."""
    if reply.lstrip().startswith("{"):
        return reply
    closed = list(_THOUGHT_ENDS.finditer(reply))
    if closed:
        return reply[closed[-1].end() :]
    return "" if _THOUGHT_BEGINS.match(reply) else reply


def _objects(text: str) -> list[tuple[str, frozenset[str]]]:
    """The JSON objects that stand in a text, outermost ones, with their keys. After one that is broken the search goes on
    behind the place where it broke."""
    decoder = json.JSONDecoder()
    found: list[tuple[str, frozenset[str]]] = []
    at = text.find("{")
    for _ in range(_MAX_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
            found.append((text[at:end], frozenset(value)))
        except json.JSONDecodeError as error:
            end = max(error.pos, at + 1)
        except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
            break
        at = text.find("{", end)
    return found
