"""The text form of choosing: numbered candidates, a condition in words, and which of them it holds of; pen and ear together.

    question := condition NL "Candidates:" { NL number " " shape } [ NL "Anchors:" NL shapes ]
    answer   := "keep: " ( "none" | number { ", " number } )

The condition is one line, so that nothing in it is taken for a list. Candidates are numbered 1, 2, ... in the order given and
have a line each, which costs a token more than point text alone (34 for a rotated box with Qwen2's tokenizer, 18 for an
upright one). Law: read(answer(ids), count) is the ids in ascending order; the ear takes them in any order, each once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from georsmllm.constrain.form import Exactly, Form, Listed, Then
from georsmllm.errors import BadAnswer
from georsmllm.geometry import to_box
from georsmllm.pointtext import NONE, encode
from georsmllm.types import Part, PointSet, Said, box

CANDIDATES, ANCHORS = "the candidates", "the anchors"
"""What a condition calls the two lists, however long they are: "From the candidates, keep those near the anchors."""

MAX_CANDIDATES, MAX_ANCHORS = 20, 20
"""In one question. More candidates are asked in groups, which serves conditions that hold of each by itself, not "the largest":
whoever asks sees to that."""

_KEEP = "keep: "
_FIRST, _SECOND = "\nCandidates:", "\nAnchors:\n"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LINE = re.compile(r"(?:^|\n)([1-9][0-9]{0,8}) (?=\S)")


# --- the pen ---------------------------------------------------------------------------------------------------------


def question(condition: str, candidates: Sequence[PointSet], anchors: Sequence[PointSet] = ()) -> tuple[Part, ...]:
    """A question in words and shapes; its candidates are 1 to n in their order. Shapes are said as they are: see `compact`."""
    assert 1 <= len(candidates) <= MAX_CANDIDATES, (
        f"{len(candidates)} candidates, a question holds 1 to {MAX_CANDIDATES}"
    )
    assert len(anchors) <= MAX_ANCHORS, f"{len(anchors)} anchors, a question holds up to {MAX_ANCHORS}"
    parts: list[Part] = [" ".join(condition.split()) + _FIRST]
    for number, shape in enumerate(candidates, start=1):
        lead = f"\n{number} "
        if isinstance(parts[-1], str):
            parts[-1] += lead
        else:
            parts.append(lead)
        parts.append(Said((shape,), ("candidate",)))
    if anchors:
        parts += [_SECOND, Said(tuple(anchors), ("anchor",) * len(anchors))]
    return tuple(parts)


def compact(shape: PointSet) -> PointSet:
    """The shape as the lists hold it: points and rotated boxes as they are, boxes without keypoints, outlines as upright
    boxes."""
    if shape.kind == "polygon":
        return to_box(shape)
    return box(*shape.rings[0].points[0], *shape.rings[0].points[1]) if shape.keypoints else shape


def written(parts: Sequence[Part], size_wh: tuple[int, int]) -> str:
    """The text of a question, in the point text of a view of that size; raises CannotSay as its pen does."""
    return "".join(part if isinstance(part, str) else encode(part.shapes, size_wh) for part in parts)


def answer(ids: Sequence[int]) -> str:
    """The answer that keeps these candidates, in ascending order; "keep: none" for none."""
    return _KEEP + (", ".join(map(str, sorted(ids))) or NONE)


# --- the ear ---------------------------------------------------------------------------------------------------------


def read(text: str, count: int) -> tuple[int, ...]:
    """The ids that an answer keeps of `count` candidates, ascending; () for none.

    Strict: white space around the answer is all that is forgiven. Raises BadAnswer: no_keep, not_a_number, unknown_id,
    repeated_id.
    """
    body = text.strip()
    if not body.startswith(_KEEP):
        raise BadAnswer("no_keep", body, expected='"keep: " and numbers or "none"')
    if body == _KEEP + NONE:
        return ()
    found: set[int] = set()
    at = len(_KEEP)
    while True:
        match = _NUMBER.match(body, at)
        if match is None:
            raise BadAnswer("not_a_number", body, at=at, expected="the number of a candidate")
        number = int(match.group())
        if number > count:
            raise BadAnswer("unknown_id", body, at=at, expected=f"a number in 1..{count}")
        if number in found:
            raise BadAnswer("repeated_id", body, at=at, expected="each number once")
        found.add(number)
        at = match.end()
        if at == len(body):
            return tuple(sorted(found))
        if not body.startswith(", ", at):
            raise BadAnswer("not_a_number", body, at=at, expected='", " or the end')
        at += 2


def count_of(text: str) -> int:
    """The number of candidates that the text of a question lists; 0 for a text that is no such question."""
    _, _, lists = text.partition(_FIRST)
    listed = lists.split(_SECOND, 1)[0]
    numbers = [int(match.group(1)) for match in _LINE.finditer(listed)]
    return len(numbers) if numbers == list(range(1, len(numbers) + 1)) else 0


def form(count: int) -> Form:
    """What an answer about that many candidates must look like."""
    return Then((Exactly(_KEEP), Listed(tuple(str(number) for number in range(1, count + 1)))))
