"""Why something was set aside, ignored, refused, left out or mended: one sentence for each name that counts give."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


def explain(name: str) -> str:
    """The sentence of a reason; "" for one that no reader, task or rule of ours gives."""
    return sentences().get(name, "")


@cache
def sentences() -> dict[str, str]:
    """Reason -> sentence, of resources/reasons.json."""
    text = files("georsmllm").joinpath("resources", "reasons.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, str])
