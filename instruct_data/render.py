"""Instructions become records: words and shapes are said, images get their tokens, gold and provenance stand beside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from georsmllm.contracts import Limits
from georsmllm.errors import CannotSay
from georsmllm.pointtext import encode
from georsmllm.types import (
    Gold,
    GoldRing,
    Instruction,
    Message,
    Part,
    Provenance,
    Record,
    Said,
)

IMAGE_TOKEN = "<image>"  # noqa: S105 - the placeholder that trainers replace by image features, no secret

_TOKEN = re.compile(r"<[^<>\s]{1,60}>")
"""What trainers and tokenizers take for a token of their own (<image>, <|im_end|>, </s>), whoever's words it stands in."""


def say(parts: Sequence[Part], sizes_wh: Sequence[tuple[int, int]], limits: Limits | None = None) -> str:
    """Words as they are and shapes as point text of the view they lie in; raises CannotSay as `encode` does, and
    reserved_text where the words of a dataset hold a token."""
    text = "".join(
        part if isinstance(part, str) else encode(part.shapes, sizes_wh[part.image], limits) for part in parts
    )
    token = _TOKEN.search(text)
    if token is not None:
        raise CannotSay("reserved_text", f"the words hold {token.group()!r}, which is read as a token")
    return text


def record(
    instruction: Instruction, *, images: tuple[str, ...], provenance: Provenance, limits: Limits | None = None
) -> Record:
    """The JSON line of an instruction: `<image>` per view, the task's tag, the prompt; raises CannotSay."""
    sizes = [image.size_wh for image in instruction.images]
    question = say(instruction.prompt, sizes)
    answer = say(instruction.answer, sizes, limits)
    tokens = f"{IMAGE_TOKEN}\n" * len(images)
    return Record(
        id=instruction.id,
        images=images,
        messages=(Message("user", f"{tokens}[{instruction.task}] {question}"), Message("assistant", answer)),
        task=instruction.task,
        gold=tuple(gold for said in instruction.gold for gold in _gold(said)),
        gold_text=answer,
        provenance=provenance,
        references=instruction.references,
    )


def _gold(said: Said) -> list[Gold]:
    return [
        Gold(
            label=label,
            kind=shape.kind,
            rings=tuple(GoldRing(ring.sign, ring.points) for ring in shape.rings),
            keypoints=shape.keypoints,
            image=said.image,
        )
        for shape, label in zip(said.shapes, said.labels, strict=True)
    ]
