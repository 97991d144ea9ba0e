"""Answers that are a JSON list of objects, fenced or bare: decoded into one closed type, never repaired."""

from __future__ import annotations

import json
import re

import msgspec

from georsmllm.errors import BadAnswer

MOST_CHARACTERS = 1_000_000

STRETCH = re.compile(
    r"```(?:json)?\s*[\[{][^`]*+(?:```)?"
    r"|\[\s*\{[^{}]*+(?>(?:\}\s*,\s*\{[^{}]*+)*)\}?\s*\]?"
    r'|\{\s*"[^{}]*+\}?'
    r"|(?:^[ \t]*|(?<=: ))(?:\[\s*\]|None|There are none\.)[ \t]*$",
    re.MULTILINE,
)
"""A list or an object, fenced or not, damaged or not, and a line that says that there is nothing."""

_FENCED = re.compile(r"```(?:json)?\s*([^`]*+)```")
_NOTHING = ("None", "There are none.")


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One object; each dialect has some of the keys."""

    bbox_2d: tuple[float, float, float, float] | None = None
    point_2d: tuple[float, float] | None = None
    quad: tuple[float, float, float, float, float, float, float, float] | None = msgspec.field(
        default=None, name="quadrant bbox"
    )
    turned: tuple[float, float, float, float, float] | None = msgspec.field(default=None, name="oriented bbox")
    positive_points: tuple[tuple[float, float], ...] | None = None
    keypoint1: tuple[float, float] | None = None
    keypoint2: tuple[float, float] | None = None
    label: str = ""


_ENTRIES = msgspec.json.Decoder(list[Entry])
_ENTRY = msgspec.json.Decoder(Entry)


def entries(text: str) -> list[Entry]:
    """The objects of an answer, () for an empty list or the words for nothing; raises BadAnswer syntax."""
    body = text.strip()
    fenced = _FENCED.fullmatch(body)
    body = fenced.group(1).strip() if fenced else body
    if body in _NOTHING:
        return []
    if len(body) > MOST_CHARACTERS:
        raise BadAnswer("syntax", body, expected=f"at most {MOST_CHARACTERS} characters")
    try:
        return [_ENTRY.decode(body)] if body.startswith("{") else _ENTRIES.decode(body)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise BadAnswer("syntax", text, expected=f"a JSON list of objects ({str(error)[:80]})") from None


def entry(*pairs: tuple[str, object]) -> str:
    """One object as JSON on one line."""
    return json.dumps(dict(pairs), ensure_ascii=False)


def fenced(said: list[str]) -> str:
    """The list as Qwen models write it: in a fence, one object a line behind a tab; nothing is an empty list."""
    return "```json\n[\n\t" + ",\n\t".join(said) + "\n]\n```" if said else "[]"
