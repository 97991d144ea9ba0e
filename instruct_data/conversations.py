"""Records as the conversations that trainers read, and what no trainer would take: the checks that all of them share."""

from __future__ import annotations

import msgspec

from .render import IMAGE_TOKEN


class Turn(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """What of a record makes a conversation."""

    id: str
    images: tuple[str, ...]
    messages: tuple[Turn, ...]
    task: str


REASONS = {
    "turns": "The turns are not question and answer in turn, which trainers drop or mix up.",
    "image_tokens": "There are not as many <image> in the questions as images.",
}
SYSTEM = {"system_turn": "The record begins with a system message, for which the format has no turn."}
HEAD = {
    "image_inside": "A single <image> stands inside the question; the reader would move it to the head of the text."
}

_ROLES = ["user", "assistant"]


def fault(row: Conversation, *, system: bool) -> str | None:
    """Why a record is no conversation that every reader takes as it is: a name of REASONS or SYSTEM. system: whether the
    format has a place for a system message."""
    turns = row.messages
    if turns and turns[0].role == "system":
        if not system:
            return "system_turn"
        turns = turns[1:]
    if not turns or [turn.role for turn in turns] != _ROLES * (len(turns) // 2):
        return "turns"
    asked = answered = 0
    for turn in turns:
        count = turn.content.count(IMAGE_TOKEN)
        if turn.role == "user":
            asked += count
        else:
            answered += count
    return "image_tokens" if asked != len(row.images) or answered else None


def is_headed(row: Conversation) -> bool:
    """Whether a single <image> stands at the head of its question."""
    return (
        len(row.images) != 1
        or row.messages[0].content.startswith(IMAGE_TOKEN)
        or any(turn.content.startswith(IMAGE_TOKEN) for turn in row.messages)
    )
