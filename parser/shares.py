"""Questions about shares: what fraction, are all of them."""

from __future__ import annotations

from dataclasses import replace

from .cursor import Cursor
from .owner import Owner
from .predicates import verb_phrase
from .tree import Asked, Compares, Phrase, Question
from .wanted import is_seen, objects, only, phrase_list


def fraction(c: Cursor) -> Question | None:
    """What part of a set the conditions of a verb leave; without a verb, what the conditions behind the noun leave."""
    c.take("of")
    objects(c)
    start = c.at
    part = covered(c)
    if part:
        return part
    c.at = start
    one = only(c, phrase_list(c))
    if one is None or not is_seen(one, strict=False):
        return None
    return part_of(c, "fraction", one)


def covered(c: Cursor) -> Question | None:
    """Reads "of the image is covered by forest"."""
    c.take("the", "this", "total")
    c.take("area", "surface", "pixels", "land") and c.take("of", "in") and c.take("the", "this")
    from .regions import whole_image

    if not whole_image(c) and c.words[c.at - 1] not in ("area", "surface", "pixels", "land"):
        return None
    if c.take("do", "does"):
        return _covering(c)
    c.take("is", "are")
    c.take("covered", "occupied", "taken", "made", "filled", "classified")
    c.take("up")
    c.take("by", "with", "of", "as")
    one = only(c, phrase_list(c))
    if one is None or not is_seen(one, strict=True):
        return None
    return Question("fraction", (one,), comparison=Compares("area", "ratio", value="image"))


def _covering(c: Cursor) -> Question | None:
    """Reads "(of the image) do buildings cover": what stands before the verb."""
    verb = next((at for at in range(c.at, len(c.words)) if c.words[at] in _COVER), None)
    if verb is None:
        return None
    subject = Cursor(c.words[:verb], c.phrase, c.num_images, c.at)
    one = only(subject, phrase_list(subject))
    if one is None or not subject.done() or not is_seen(one, strict=True):
        return None
    c.at = verb + 1
    c.take("up")
    return Question("fraction", (one,), comparison=Compares("area", "ratio", value="image"))


_COVER = frozenset(("cover", "occupy", "fill", "take", "make"))


def part_of(c: Cursor, asked: Asked, one: Phrase) -> Question | None:
    owner = Owner(one.head, one.is_plural, one.is_definite, one.image)
    said = verb_phrase(c, owner)
    if said:
        return Question(asked, (one,), conditions=tuple(said))
    behind = one.conditions[len(one.conditions) - one.num_behind :] if one.num_behind else one.conditions
    whole = one.conditions[: len(one.conditions) - len(behind)]
    if not behind:
        return None
    return Question(asked, (replace(one, conditions=whole, num_behind=0),), conditions=behind)
