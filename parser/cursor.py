"""A place in the words of a query, and the small words that are read there: numbers, units, bounds, articles."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, get_args

from . import lexicon
from .planner import NoCondition
from .tree import Phrase

T = TypeVar("T")

MAX_DEPTH = 12
"""How deep noun phrases may stand in one another; what lies deeper belongs to the outermost."""

LOOKS, LOOKS_A_WORD = 4000, 200
"""How often a query is looked at, at most: some thousand times, and so often for each of its words."""

BARE = 100
"""Added to the depth where a noun is to be read without any conditions behind it."""

Bound = Literal[">", ">=", "<", "<=", "="]


class Amount(NamedTuple):
    """A number with the unit that was said, "" without one; text: both as they are written in a plan ("200 m2")."""

    number: int | float
    unit: str

    @property
    def text(self) -> str:
        return f"{self.number:g} {self.unit}".rstrip()


Why = Literal["passed", "said", "apiece"]
"""Why words are left out: no rule reads them; a rule does, but a plan has no place for what they say; one answer for each
of several places was asked for, and a plan makes one of all."""


class LeftOut(NamedTuple):
    """Words without a part in the plan, from start up to before end."""

    start: int
    end: int
    why: Why


@dataclass(slots=True)
class Cursor:
    """words: of the query. at (place): the next one. left_out: by where they end. asked: from where to where each question
    goes. phrase: how a noun phrase is read here, None where none begins. depth: how deep in other phrases. between, counting:
    inside of "between ..." and "the number of ...", where "and" and "than" mean others. looks: how often the words were
    looked at. masks: whether "with their masks" was said."""

    words: tuple[str, ...]
    phrase: Callable[[Cursor], Phrase | None]
    num_images: int = 1
    place: int = 0
    depth: int = 0
    between: int = 0
    counting: int = 0
    looks: int = 0
    masks: bool = False
    left_out: list[LeftOut] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def at(self) -> int:
        return self.place

    @at.setter
    def at(self, place: int) -> None:
        """Going back forgets what was left out from there on: only the last reading of a word counts."""
        while self.left_out and self.left_out[-1].end > place:
            self.left_out.pop()
        self.place = place

    def leave_out(self, start: int, end: int | None = None, *, why: Why = "passed") -> None:
        """Notes that words, up to here unless said, are read without a part in the plan."""
        insort(self.left_out, LeftOut(start, self.place if end is None else end, why), key=lambda one: one.end)

    def ahead(self, distance: int = 0) -> str:
        """The word so far ahead, "" beyond the end."""
        place = self.at + distance
        return self.words[place] if 0 <= place < len(self.words) else ""

    def done(self) -> bool:
        return self.at >= len(self.words)

    def take(self, *wanted: str) -> str:
        """The next word where it is one of those wanted, and a step on; else ""."""
        word = self.ahead()
        if word and word in wanted:
            self._look()
            self.at += 1
            return word
        return ""

    def take_all(self, *wanted: str) -> bool:
        """Whether exactly these words come next; then they are passed."""
        if self.words[self.at : self.at + len(wanted)] == wanted:
            self.at += len(wanted)
            return True
        return False

    def find(self, book: lexicon.Book[T]) -> T | None:
        """What the longest phrase of a book means that stands here, and a step past it; None where none does."""
        found = self._match(book, self.at)
        if found is None:
            return None
        self.at += found[0]
        return found[1]

    def sees(self, book: lexicon.Book[T], distance: int = 0) -> bool:
        """Whether a phrase of a book stands so far ahead."""
        return self._match(book, self.at + distance) is not None

    def _match(self, book: lexicon.Book[T], at: int) -> tuple[int, T] | None:
        self._look()
        return book.match(self.words, at)

    def _look(self) -> None:
        """Looks at the words are counted and their number is bounded: so is the time that a query takes."""
        self.looks += 1
        if self.looks > LOOKS + LOOKS_A_WORD * len(self.words):
            raise NoCondition("the query is too tangled to be understood: ask one thing at a time")


def number(c: Cursor) -> float | None:
    """A number in digits or words, and steps past it."""
    word = c.ahead()
    if word and word[0].isdigit() and word.replace(".", "", 1).isdigit() and len(word) <= 12:
        c.at += 1
        return float(word)
    return c.find(lexicon.values("numbers"))


def bound(c: Cursor) -> Bound | None:
    """Reads "at least", "more than" ..., and a step past it; only where a number follows."""
    start = c.at
    found = c.find(lexicon.meanings("bounds"))
    if found is None:
        return None
    c.take("a", "an")
    here = c.at
    if number(c) is None and c.find(lexicon.values("fractions")) is None:
        c.at = start
        return None
    c.at = here
    return next(one for one in get_args(Bound) if one == found)


def amount(c: Cursor) -> Amount | None:
    """A number with or without a unit, and a step past both."""
    start = c.at
    found = number(c)
    if found is None:
        c.at = start
        return None
    value = int(found) if found == int(found) else found
    if c.take("%"):
        return Amount(value, "%")
    return Amount(value, c.find(lexicon.meanings("units")) or "")


def determiner(c: Cursor) -> tuple[bool, bool]:
    """(whether there is any article or quantifier, whether it is a definite one), and a step past all of them."""
    start, definite = c.at, False
    while word := c.take(
        "the", "a", "an", "all", "every", "each", "any", "some", "both", "only", "just", "these", "those", "this", "our",
        "your", "single", "individual", "other", "another", "entire", "whole", "existing", "different", "possible", "actual",
        "their", "its", "no", "his", "various", "exact", "remaining", "same", "said", "complete", "visible",
    ):  # fmt: skip
        definite = definite or word in ("the", "these", "those", "this")
        if word in ("all", "each", "any", "some", "both") and c.ahead() == "of":
            c.at += 1
    return c.at > start, definite
