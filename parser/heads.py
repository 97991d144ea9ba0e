"""The category of a noun phrase: a known one, or any words up to the next that belong to no noun."""

from __future__ import annotations

from georsmllm.metrics.text import lemma

from . import lexicon
from .cursor import Cursor

_AS_NOUNS = ("change", "changes", "difference", "differences")
MAX_NOUN = 8
"""The most words of one category."""


SIGNS = frozenset(",;:.?!%")


def begins_noun(c: Cursor, distance: int) -> bool:
    word = c.ahead(distance)
    if word in ("", "of") or word in lexicon.stops() or word in SIGNS:
        return False
    return c.sees(lexicon.nouns(), distance) or not (
        c.sees(lexicon.relations(), distance)
        or c.sees(lexicon.phrases("postures"), distance)
        or c.sees(lexicon.attributes(), distance)
        or c.sees(lexicon.meanings("comparatives"), distance)
    )


def noun_ends(c: Cursor) -> bool:
    """Whether a known category stands here and ends the run of words."""
    found = lexicon.nouns().match(c.words, c.at)
    if found is None:
        return False
    after = c.at + found[0]
    word = c.words[after] if after < len(c.words) else ""
    return boundary(c, after) or lexicon.ends_in(lemma(word), "parts")


def ends_here(c: Cursor) -> bool:
    return boundary(c, c.at)


def boundary(c: Cursor, at: int) -> bool:
    """Whether no word of a category stands at a place."""
    word = c.words[at] if at < len(c.words) else ""
    if not word or word in SIGNS or word in lexicon.stops() or word[0].isdigit() or word == "'s":
        return True
    distance = at - c.at
    if c.sees(lexicon.relations(), distance) or c.sees(lexicon.phrases("postures"), distance):
        return True
    if c.sees(lexicon.phrases("docked"), distance) or c.sees(lexicon.meanings("comparatives"), distance):
        return True
    if word in ("nearest", "closest", "farthest", "furthest"):
        return True
    after = c.ahead(distance + 1)
    if (word in ("perpendicular", "orthogonal") and after == "to") or (word == "half" and after in ("as", "the")):
        return True
    if after == "times" and c.sees(lexicon.values("numbers"), distance):
        return True
    return any(
        c.sees(lexicon.phrases(name), distance)
        for name in (
            "appeared",
            "disappeared",
            "altered",
            "any_change",
            "unchanged",
            "replaced_by",
            "times",
            "except",
            "separately",
            "dropped",
            "more_now",
            "less_now",
        )
    )


def head_of(c: Cursor) -> lexicon.Noun | None:
    """The words of a category: a known one that ends here, or any words up to the next that cannot be one."""
    start = c.at
    while c.at - start < MAX_NOUN and not c.done():
        found = lexicon.nouns().match(c.words, c.at)
        if found and (c.at == start or (found[0] > 1 and c.words[c.at] not in lexicon.stops())):
            c.at += found[0]
        elif c.at == start and c.ahead() in _AS_NOUNS:
            c.at += 1
        elif ends_here(c) or (c.at > start and _stands_apart(c, start)):
            break
        else:
            c.at += 1
    return _noun(c.words[start : c.at]) if c.at > start else None


def _stands_apart(c: Cursor, start: int) -> bool:
    """Whether a word behind a known category says something about it ("the truck red", "cropland watered by ...")."""
    if not lexicon.knows(" ".join((*c.words[start : c.at - 1], lemma(c.words[c.at - 1])))):
        return False
    found = lexicon.attributes().match(c.words, c.at)
    if found and boundary(c, c.at + found[0]):
        return True
    return len(c.ahead()) > 5 and c.ahead().endswith(("ed", "ing")) and not c.sees(lexicon.nouns())


def _noun(words: tuple[str, ...]) -> lexicon.Noun:
    text = " ".join(words)
    data = lexicon.noun_data()
    known = lexicon.nouns().match(words, 0)
    if known and known[0] == len(words):
        return lexicon.Noun(data.aliases.get(known[1].singular, known[1].singular), known[1].is_plural)
    last = lexicon.nouns().match(words[-1:], 0)
    singular = last[1].singular if last else lemma(words[-1])
    is_plural = last[1].is_plural if last else singular != words[-1]
    singular = data.aliases.get(singular, singular) if len(words) > 1 else singular
    return lexicon.Noun(" ".join((*words[:-1], singular)) if len(words) > 1 else singular, is_plural and bool(text))
