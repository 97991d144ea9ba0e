"""What a pair of images tells: built, demolished, replaced, unchanged, in image A, between the two dates."""

from __future__ import annotations

from typing import NamedTuple

from . import lexicon
from .cursor import Cursor
from .tree import Changed, Condition, Image, Kind, Phrase

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("absent_a", "appeared"),
    ("absent_b", "disappeared"),
    ("appeared", "appeared"),
    ("disappeared", "disappeared"),
    ("altered", "altered"),
    ("any_change", "any"),
)
_OPPOSITE: dict[Kind, Kind] = {"appeared": "disappeared", "disappeared": "appeared"}


class Time(NamedTuple):
    image: Image


def change(c: Cursor, *, negated: bool = False, was: bool = False) -> list[Condition] | None:
    """A condition on change, and steps past it. was: "was", "were" or "have been" stands before."""
    start = c.at
    if c.find(lexicon.phrases("replaced_by")):
        other = c.phrase(c)
        if other:
            return [Changed("appeared", instead=other, gave_way=True)]
        c.at = start
        return [Changed("disappeared")] if c.take("replaced") else _back(c, start)
    if c.find(lexicon.phrases("replaced")):
        other = c.phrase(c)
        return [Changed("appeared", instead=other)] if other else _back(c, start)
    if c.find(lexicon.phrases("unchanged")):
        times(c)
        return [Changed(unchanged=True)]
    found = _kind(c, was=was)
    if found is None:
        return _back(c, start)
    times(c)
    if negated and found == "any":
        return [Changed(unchanged=True)]
    return [Changed(_OPPOSITE.get(found, found) if negated else found)]


def _back(c: Cursor, start: int) -> list[Condition] | None:
    c.at = start
    return None


def _kind(c: Cursor, *, was: bool) -> Kind | None:
    for book, kind in _KINDS:
        if (book.startswith("absent") or not _from_others(c)) and c.find(lexicon.phrases(book)) is not None:
            return kind
    here = c.at
    if c.take("built", "constructed", "destroyed", "created", "erected"):
        told = times(c) is not None
        if told or (was and c.num_images == 2):
            return "disappeared" if c.words[here] == "destroyed" else "appeared"
        c.at = here
    return None


def _from_others(c: Cursor) -> bool:
    """Whether the next word, though it may tell a change, compares things of one image: "different from"."""
    return c.ahead() in ("lost", "different", "missing") and c.ahead(1) == "from"


def times(c: Cursor) -> Time | None:
    """Past the words for the time between the images, or for one of them; None where none stand here."""
    start = c.at
    if c.find(lexicon.phrases("times")):
        return Time("pair")
    c.take("in", "on", "at", "from", "of", "within", "by", "as", "for", "visible")
    c.take("seen", "in")
    c.take("in")
    for name, image in (("image_a", "A"), ("image_b", "B")):
        if c.find(lexicon.phrases(name)):
            return Time("A" if image == "A" else "B")
    c.at = start
    return None


def replaced(phrase: Phrase) -> Changed | None:
    """The change that a phrase tells of, None where it tells of none."""
    return next((one for one in phrase.conditions if isinstance(one, Changed)), None)
