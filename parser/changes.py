"""What a pair of images tells: built, demolished, replaced, unchanged, in image A, between the two dates."""

from __future__ import annotations

from typing import NamedTuple

from . import lexicon
from .cursor import Cursor
from .tree import Changed, Condition, Image, Kind

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


def change(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """A condition on change, and steps past it."""
    start = c.at
    in_one = _in_one_alone(c)
    if in_one:
        return [Changed(in_one)]
    if c.find(lexicon.phrases("replaced_by")):
        other = c.phrase(c)
        if other:
            return [Changed("appeared", instead=other, gave_way=True)]
        c.at = start
        return [Changed("disappeared")] if c.take("replaced") else _back(c, start)
    if c.num_images == 2 and c.words[c.at : c.at + 1] == ("replaced",) and _ends_after(c):
        c.at += 1
        times(c)
        return [Changed("altered")]
    if c.find(lexicon.phrases("replaced")):
        other = c.phrase(c)
        return [Changed("appeared", instead=other)] if other else _back(c, start)
    if c.find(lexicon.phrases("unchanged")):
        times(c)
        return [Changed(unchanged=True)]
    found = _kind(c)
    if found is None or _before_noun(c):
        return _back(c, start)
    times(c)
    if negated and found == "any":
        return [Changed(unchanged=True)]
    return [Changed(_OPPOSITE.get(found, found) if negated else found)]


def _back(c: Cursor, start: int) -> list[Condition] | None:
    c.at = start
    return None


def _ends_after(c: Cursor) -> bool:
    """Whether nothing is said behind the next word of what took the place."""
    return c.ahead(1) in ("", ".", "?", "!", ",", ";", "and") or c.sees(lexicon.phrases("times"), 1)


def _before_noun(c: Cursor) -> bool:
    """Whether a category follows: "(new roads and) demolished buildings" are another thing."""
    found = lexicon.nouns().match(c.words, c.at)
    return found is not None and c.ahead() not in lexicon.stops()


def _in_one_alone(c: Cursor) -> Kind | None:
    """Reads "present in image A but not in image B": in which of them alone."""
    start = c.at
    c.take("present", "exist", "exists", "existing", "visible", "found", "appear", "appears", "there", "seen")
    first = times(c)
    c.take(",")
    c.take("but", "and", "yet")
    c.take("are", "is", "were", "was", "do", "does")
    absent = c.take("not", "absent", "missing", "gone") or (c.take("no") and c.take("longer", "more"))
    c.take("present", "exist", "exists", "visible", "found", "anymore", "appear", "there", "seen")
    second = times(c) if first and absent else None
    if first and second and {first.image, second.image} == {"A", "B"}:
        return "appeared" if first.image == "B" else "disappeared"
    c.at = start
    return None


def _kind(c: Cursor) -> Kind | None:
    for book, kind in _KINDS:
        if (book.startswith("absent") or not _from_others(c)) and c.find(lexicon.phrases(book)) is not None:
            return kind
    here = c.at
    if c.take("built", "constructed", "destroyed", "created", "erected"):
        told = times(c) is not None
        if told or c.num_images == 2:
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


def auxiliary(c: Cursor) -> bool:
    """Whether "have" helps another verb ("have been built", "has changed") and does not own anything."""
    if c.ahead(1) in ("been", "not", "now", "since", "already", "recently", "newly") and c.ahead(2) != "a":
        return True
    names = ("appeared", "disappeared", "altered", "any_change", "replaced_by", "unchanged", "replaced")
    return any(c.sees(lexicon.phrases(name), 1) for name in names) and c.ahead(1) not in ("new", "added", "different")
