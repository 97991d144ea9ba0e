"""A query as words: lower case, one spelling of each sign, contractions and hyphens resolved, slips of the pen repaired.

Every word stays data: nothing of it is executed, formatted or looked up anywhere but in the lexicon.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import pairwise

from . import lexicon

MAX_CHARACTERS = 2000
MIN_LONGER, MIN_REPAIRED, MIN_SWAPPED = 4, 5, 7
"""The shortest word that may lack a letter, that may have one too many or two swapped, and in which one letter may stand for
another: among short words too many right ones are a letter apart (boats, boots)."""

_SIGNS = str.maketrans("\u2019\u2018`\u2013\u2212\u2014(){}<>[]|", "'''--,,,,,,,,,,")
"""One sign for those that look alike; brackets part clauses as commas do."""
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(what|where|there|that|it|who|how|which|here)'s\b"), r"\1 is"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'(?:ll|d|m)\b"), " "),
)
_TOKEN = re.compile(
    r"\d{1,3}(?:,\d{3}){1,4}(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?(?:st|nd|rd|th)\b|\d+(?:\.\d+)?|km/h|m/s|'s\b|[^\W\d_]+\d*|[,;:.?!%]"
)


def words(query: str) -> tuple[str, ...]:
    """The words and signs (, ; : . ? ! %) of a query in reading order; numbers without thousands separators."""
    found = _tokens(query)
    return tuple(_one(token) for token, again in zip(found, _said_twice(found), strict=True) if not again)


def pieces(query: str, read: Sequence[str]) -> tuple[Sequence[str], Sequence[int]]:
    """The query parted at its spaces, and for each of its words (`words(query)`) the number of the piece that it stands in.
    Where the pieces do not add up to the words, the words themselves."""
    parts = query.split()
    by_part = [_tokens(part) for part in parts]
    homes = [home for home, tokens in enumerate(by_part) for _ in tokens]
    found = [token for tokens in by_part for token in tokens]
    if found != _tokens(query):
        return read, range(len(read))
    return parts, [home for home, again in zip(homes, _said_twice(found), strict=True) if not again]


def _tokens(query: str) -> list[str]:
    text = unicodedata.normalize("NFKC", query.replace("²", "2").replace("³", "3")).lower().translate(_SIGNS)
    for pattern, plain in _CONTRACTIONS:
        text = pattern.sub(plain, text)
    return _TOKEN.findall(text)


def _said_twice(tokens: Sequence[str]) -> list[bool]:
    """Whether a word only repeats the one before it ("the the river")."""
    return [before == word and word.isalpha() for before, word in pairwise(["", *tokens])]


def _one(token: str) -> str:
    if token[0].isdigit():
        return token.replace(",", "")
    if not token[0].isalpha():
        return token
    return repaired(token)


def repaired(word: str) -> str:
    """The word of the lexicon that was meant: itself, or the only kind of one a slip away, or the word as it is."""
    slip = lexicon.slips().get(word)
    if slip:
        return slip
    known = lexicon.vocabulary()
    if word in known or len(word) < MIN_LONGER or not word.isascii() or not word.isalpha():
        return word
    return next(iter(sorted(_one_away(word, known), key=lambda other: (len(other) != len(word), other))), word)


def _one_away(word: str, known: AbstractSet[str]) -> set[str]:
    """Words with one letter more, less or swapped with its neighbour; where there is none, with one letter changed."""
    shorter = [word[:i] + word[i + 1 :] for i in range(1, len(word))]
    found = {one for one in shorter if one in known and len(one) >= MIN_REPAIRED}
    found.update(_by_deletion().get(word, ()))
    if len(word) < MIN_REPAIRED:
        found = set(_by_deletion().get(word, ()))
    same_length = {other for one in shorter for other in _by_deletion().get(one, ()) if len(other) == len(word)}
    found.update(other for other in same_length if sorted(other) == sorted(word) and len(word) >= MIN_REPAIRED)
    if not found and len(word) >= MIN_SWAPPED:
        found = same_length
    inflected = word[:-1]  # "fenced" is no slip of "fence"
    return {one for one in found if one[0] == word[0] and one != inflected and one.rstrip("s") != word.rstrip("s")}


@cache
def _by_deletion() -> dict[str, tuple[str, ...]]:
    """Each word of the lexicon with one letter left out -> the words it came from."""
    table: dict[str, tuple[str, ...]] = {}
    for word in sorted(lexicon.vocabulary() - lexicon.slips().keys()):
        if len(word) >= MIN_REPAIRED and word.isalpha():
            for i in range(1, len(word)):
                short = word[:i] + word[i + 1 :]
                table[short] = (*table.get(short, ()), word)
    return table
