"""The numbers of an answer, object by object, whatever form they are written in and whether or not they are in range.

Only the brackets are looked at: what the numbers mean is for `readings` to say, by all the answers together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

MAX_CHARACTERS = 100_000
MAX_OBJECTS = 500
"""Of one answer; what comes after is not looked at (a frame shows in the first ones)."""

FURTHEST = 1e8
"""Numbers beyond are taken for this one: no place in any view."""

_NUMBER = r"[-+]?(?:[0-9]{1,7}+(?:\.[0-9]{1,30}+)?|\.[0-9]{1,30}+)(?:[eE][-+]?[0-9]{1,2}+)?"
_TAGS = r"(?>(?:<NUMBER>)+)".replace("NUMBER", _NUMBER)
_PAIR = r"\(\s?NUMBER,\s?NUMBER\s?\)".replace("NUMBER", _NUMBER)
_LIST = r"\[\s?NUMBER(?>(?:\s?,\s?NUMBER)+)\s?\]".replace("NUMBER", _NUMBER)

_PAIRS_LIST = r"\[\s?NUMBER\s?,\s?NUMBER\s?\]".replace("NUMBER", _NUMBER)
_KEY = r"(?:[a-z ]{0,20}bbox(?:_2d)?|box|point_2d|points|poly|polygon|quad|obb)"

_NAME = r"(?:[xy][a-z0-9_]{0,20}|c[xy]|w|h|width|height|left|top|right|bottom)"
_NAMED = r"""["']?NAME["']?\s?[:=]\s?["']?NUMBER["']?[,;\s]{0,3}""".replace("NAME", _NAME).replace("NUMBER", _NUMBER)

FORMS: dict[str, re.Pattern[str]] = {
    "braces": re.compile(rf"\{{{_TAGS}(?:\|<{_NUMBER}>)?\}}"),
    "location tokens": re.compile(rf"(?>(?:<loc_{_NUMBER}>)+)"),
    "tagged": re.compile(rf"<(?:box|quad|poly)>({_TAGS})"),
    "bare tags": re.compile(rf"<{_NUMBER}>{_TAGS}"),
    "JSON": re.compile(rf'"{_KEY}"\s?:\s?(\[[-+0-9.eE,\s\[\]]{{3,4000}}+)'),
    "pairs": re.compile(rf"{_PAIR}(?>(?:\s?,\s?{_PAIR})*)"),
    "list of pairs": re.compile(rf"\[\s?{_PAIRS_LIST}(?>(?:\s?,\s?{_PAIRS_LIST})+)\s?\]"),
    "lists": re.compile(_LIST),
    "named numbers": re.compile(rf"{_NAMED}(?>(?:{_NAMED})+)"),
    "bare numbers": re.compile(rf"{_NUMBER}(?>(?:[\s,]{{1,2}}{_NUMBER}){{3,}})"),
}
"""How an object may be bracketed, the most telling first."""

_ANY_NUMBER = re.compile(_NUMBER)
_KEYPOINTS = re.compile(r"\|\[[^\[\]]*+\]?")
"""Of our own point text: they belong to the box before them and are no objects."""
_WHOLE_LIST = re.compile(_LIST)
_DIGITS_OF_A_NAME = re.compile(r"[xy][a-z_]{0,10}[0-9]{1,3}(?=[\s\"':=])")


class Said(NamedTuple):
    """One answer: the form of its brackets, "" where it holds no numbers, and the numbers of each object in order."""

    form: str
    objects: tuple[tuple[float, ...], ...]


def hear(text: str) -> Said:
    """The objects of an answer in the first of the forms that holds at least half as many numbers as any."""
    text = _KEYPOINTS.sub("", text[:MAX_CHARACTERS])
    found: list[tuple[int, Said]] = []
    for form, pattern in FORMS.items():
        pieces = [match.group(match.lastindex or 0) for match in pattern.finditer(text)][:MAX_OBJECTS]
        if form == "JSON":
            pieces = [piece for outer in pieces for piece in _lists(outer)][:MAX_OBJECTS]
        if form == "named numbers":
            pieces = [_DIGITS_OF_A_NAME.sub("", piece) for piece in pieces]
        objects = [_numbers(piece) for piece in pieces]
        objects = [numbers for numbers in objects if len(numbers) > 1]
        if form != "location tokens":  # whose runs may be several objects
            objects = [_opened(numbers) for numbers in objects]
        found.append((sum(map(len, objects)), Said(form if objects else "", tuple(objects))))
    most = max(count for count, _ in found)
    return next(said for count, said in found if 2 * count >= most)


def _lists(text: str) -> list[str]:
    """A list of boxes, each a list of its own, as these; all else is one object."""
    inner = [match.group() for match in _WHOLE_LIST.finditer(text)]
    return inner if inner and all(piece.count(",") > 2 for piece in inner) else [text]


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(min(max(float(number), -FURTHEST), FURTHEST) for number in _ANY_NUMBER.findall(text))


def _opened(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """A ring without its repeated first point."""
    return numbers[:-2] if len(numbers) > 6 and numbers[:2] == numbers[-2:] else numbers


class Common(NamedTuple):
    """What most answers have in common: the form, and how many numbers an object has (0: outlines of any number)."""

    form: str
    arity: int
    said: tuple[tuple[tuple[float, ...], ...], ...]
    """Each answer's objects, in the order of the answers; none where any of an answer is of another form or arity."""
    other: int
    """Objects left out by that."""


def common(texts: Sequence[str]) -> Common:
    """The numbers of all answers in their commonest form and arity."""
    heard = [hear(text) for text in texts]
    forms = Counter(form for form, objects in heard for _ in objects)
    if not forms:
        return Common("", 0, tuple(() for _ in texts), 0)
    form = max(forms, key=lambda name: (forms[name], name))
    objects = [one.objects if one.form == form else () for one in heard]
    if form == "location tokens":
        objects = _cut_runs(objects)
    arities = Counter(_arity(numbers) for one in objects for numbers in one)
    arity = max(arities, key=lambda n: (arities[n], n))
    kept = tuple(one if all(_arity(numbers) == arity for numbers in one) else () for one in objects)
    return Common(form, arity, kept, sum(forms.values()) - sum(map(len, kept)))


def _arity(numbers: tuple[float, ...]) -> int:
    return len(numbers) if len(numbers) in (2, 4, 5, 8) else 0


def _cut_runs(objects: list[tuple[tuple[float, ...], ...]]) -> list[tuple[tuple[float, ...], ...]]:
    """Runs of tokens as objects: quads where every run can be so many, else boxes."""
    lengths = [len(run) for one in objects for run in one]
    size = 8 if all(length % 8 == 0 for length in lengths) else 4
    cut = [tuple(run[at : at + size] for run in one for at in range(0, len(run) - size + 1, size)) for one in objects]
    return [one[:MAX_OBJECTS] for one in cut]
