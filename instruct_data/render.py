"""Instructions become records: words and shapes are said, images get their tokens, gold and provenance stand beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from georsmllm.contracts import Limits, Spoken
from georsmllm.discover import dialect
from georsmllm.errors import CannotSay
from georsmllm.hearing import OWN
from georsmllm.translation import BY_CLASS
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


def say(
    parts: Sequence[Part],
    sizes_wh: Sequence[tuple[int, int]],
    limits: Limits | None = None,
    *,
    name: str = OWN,
    with_labels: bool = False,
) -> str:
    """Words as they are and shapes in the dialect of that name, in the frame of the view they lie in.

    with_labels: objects bear their labels where the dialect has room for them and nothing else names them. Raises CannotSay
    as the dialect's pen does, reserved_text where the words of a dataset hold a token, unheard where the dialect's ear
    would not find again what was said.
    """
    token = _TOKEN.search("".join(part for part in parts if isinstance(part, str)))
    if token is not None:
        raise CannotSay("reserved_text", f"the words hold {token.group()!r}, which is read as a token")
    form = dialect(name)
    pieces = [
        part if isinstance(part, str) else form.encode(_spoken(part, with_labels), sizes_wh[part.image], limits)
        for part in parts
    ]
    text = "".join(pieces)
    if name != OWN:
        said = [piece for part, piece in zip(parts, pieces, strict=True) if isinstance(part, Said)]
        if [text[start:end] for start, end in form.stretches(text)] != said:
            raise CannotSay("unheard", "the ear of the dialect would not find again what was said")
    return text


def _spoken(said: Said, with_labels: bool) -> list[Spoken]:
    labels = said.labels if with_labels else ("",) * len(said.shapes)
    return [Spoken(shape, label) for shape, label in zip(said.shapes, labels, strict=True)]


def _answer(instruction: Instruction, sizes_wh: Sequence[tuple[int, int]], limits: Limits | None, name: str) -> str:
    """The answer; a dialect with labels says the lines of several classes in one piece, for it needs no line to tell them
    apart, and leaves labels out where shapes stand among words."""
    parts = instruction.answer
    if dialect(name).is_labelled and instruction.form == BY_CLASS:
        said = [part for part in parts if isinstance(part, Said)]
        shapes = tuple(shape for one in said for shape in one.shapes)
        parts = (replace(said[0], shapes=shapes, labels=tuple(label for one in said for label in one.labels)),)
    return say(parts, sizes_wh, limits, name=name, with_labels=all(isinstance(part, Said) for part in parts))


def record(
    instruction: Instruction, *, images: tuple[str, ...], provenance: Provenance, limits: Limits | None = None
) -> Record:
    """The JSON line of an instruction, in the dialect of its provenance: `<image>` per view, the task's tag, the prompt; raises
    CannotSay."""
    sizes = [image.size_wh for image in instruction.images]
    name = provenance.dialect
    question = say(instruction.prompt, sizes, name=name)
    answer = _answer(instruction, sizes, limits, name)
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
