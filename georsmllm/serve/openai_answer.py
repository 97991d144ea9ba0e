"""Answers in the form of OpenAI's chat API; what it has no field for stands in fields named `georsmllm`."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

import msgspec

from georsmllm.streaming import Ended

Data = dict[str, object]


@dataclass(frozen=True, slots=True)
class Form:
    """The frame of one answer and of its chunks."""

    title: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, delta: Data, *, finish: str | None = None) -> Data:
        choice: Data = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, ended: Ended) -> Data:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(ended)}

    def whole(self, text: str, ended: Ended, extension: msgspec.Raw | None) -> Data:
        message: Data = {"role": "assistant", "content": text, "refusal": None}
        if extension is not None:
            message["georsmllm"] = extension
        choice: Data = {"index": 0, "message": message, "logprobs": None, "finish_reason": ended.reason}
        told: Data = {**self._head("chat.completion"), "choices": [choice]}
        if (counts := usage(ended)) is not None:
            told["usage"] = counts
        return told

    def _head(self, kind: str) -> Data:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.title}


def usage(ended: Ended) -> Data | None:
    """None where nobody counted: a made-up count would be believed."""
    prompt, completion = ended.prompt_tokens, ended.completion_tokens
    if prompt is None or completion is None:
        return None
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def model(title: str, started: int) -> Data:
    return {"id": title, "object": "model", "created": started, "owned_by": "georsmllm"}
