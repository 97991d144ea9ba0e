"""The words of a query that play no part in its plan, as a person wrote them, and the line that says so.

Rules note what they pass over (`Cursor.leave_out`); what is left here are the runs in which something is said. Politeness,
verbs of looking, words for the image and words of grammar say nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from . import lexicon
from .cursor import Cursor, LeftOut
from .plan import Plan
from .words import pieces

MAX_RUNS, MAX_RUN = 4, 80
"""How many runs of words the notice names, and how many characters of each."""

_ENDS = frozenset(".;!?")
_AT_THE_END = frozenset((*_ENDS, ",", ":", "%", "and", "or", "but", "then", "also", "please", "'s", "nor", "yet"))
_PLACES_OF_MANY = ("boxes", "masks", "change_mask")
_RANKS = ("min", "max", "top_k", "rank_k")
_COURTESY = (
    "thank you very much, thank you so much, thank you, thanks a lot, many thanks, thanks, thank, hello, hi there, hi, hey, "
    "dear, kindly, cheers, good morning, good day, good afternoon, good evening, greetings, regards, best regards, sir, madam, "
    "bye, goodbye, sorry, excuse me, i hope you are well, much appreciated, appreciated, grateful, in advance, be so kind, "
    "take a look, take, taken, have a look, careful, carefully, close, closely, attention, great, perfect, fine, asap, "
    "as soon as possible, i wonder, wondering, curious, e, g, etc"
)
"""Not in the lexicon, whose words slips of the pen are repaired to ("take" to "taken")."""
_SIGNS = " \t,;:.!?()[]{}<>`*_~|"


def unread(c: Cursor, plan: Plan, query: str) -> tuple[str, ...]:
    """Runs of neighbouring words without a part in the plan, in reading order; on one line each, without quotation marks."""
    notes = [one for one in c.left_out if one.why != "apiece" or _makes_one_of_all(plan)]
    if not notes:
        return ()
    runs = [run for run in _runs(c.words, notes) if _says_something(c.words, run, notes)]
    return tuple(_spelt(runs, c.words, query)) if runs else ()


def notice(runs: Sequence[str]) -> tuple[str, ...]:
    """One line that names the runs, or none."""
    if not runs:
        return ()
    named = ", ".join(f'"{_short(run)}"' for run in runs[:MAX_RUNS])
    more = f" and {len(runs) - MAX_RUNS} more" if len(runs) > MAX_RUNS else ""
    return (f"not understood, and left out: {named}{more}",)


def _short(run: str) -> str:
    return run if len(run) <= MAX_RUN else f"{run[: MAX_RUN - 3].rstrip()}..."


def _makes_one_of_all(plan: Plan) -> bool:
    """Whether an answer for each place would be another than the one for all of them: "how many in each lot"."""
    ranks = any(step.compare is not None and step.compare.mode in _RANKS for step in plan.steps)
    return ranks or plan.answer_type not in _PLACES_OF_MANY


def _runs(words: Sequence[str], notes: Iterable[LeftOut]) -> list[range]:
    """Neighbouring places, parted where sentences end; without signs and joining words at the ends."""
    places = sorted({place for one in notes for place in range(one.start, one.end) if words[place] not in _ENDS})
    found: list[range] = []
    for place in places:
        if found and found[-1].stop == place:
            found[-1] = range(found[-1].start, place + 1)
        else:
            found.append(range(place, place + 1))
    return [trimmed for run in found if (trimmed := _trimmed(words, run))]


def _trimmed(words: Sequence[str], run: range) -> range:
    start, stop = run.start, run.stop
    while start < stop and words[start] in _AT_THE_END:
        start += 1
    while start < stop and words[stop - 1] in _AT_THE_END:
        stop -= 1
    return range(start, stop)


def _says_something(words: Sequence[str], run: range, notes: Iterable[LeftOut]) -> bool:
    if any(one.why != "passed" and one.start < run.stop and run.start < one.end for one in notes):
        return True
    place = run.start
    while place < run.stop:
        passed = max((found[0] for book in _silent() if (found := book.match(words, place))), default=0)
        if not passed and words[place][0].isalnum() and words[place] not in lexicon.stops():
            return True
        place += passed or 1
    return False


@cache
def _silent() -> tuple[lexicon.Book[str], ...]:
    """Phrases that say nothing by themselves."""
    verbs = lexicon.grammar()["verbs"]
    assert isinstance(verbs, dict)
    looking = [phrase for kind in ("detect", "segment") for phrase in lexicon.listed(str(verbs[kind]))]
    whole = lexicon.listed(lexicon.noun_data().whole)
    named = lexicon.Book((phrase, phrase) for phrase in (*looking, *whole, *lexicon.listed(_COURTESY)))
    return (named, lexicon.meanings("answers"), lexicon.phrases("fillers"), lexicon.phrases("postures"))


def _spelt(runs: Iterable[range], words: Sequence[str], query: str) -> Iterable[str]:
    """Each run as it stands in the query; of a piece that is only partly in it, the words."""
    parts, homes = pieces(query, words)
    inside: list[list[int]] = [[] for _ in parts]
    for place, home in enumerate(homes):
        inside[home].append(place)
    for run in runs:
        said: list[str] = []
        for home in range(homes[run.start], homes[run.stop - 1] + 1):
            left = [place for place in inside[home] if place in run]
            foreign = [place for place in inside[home] if place not in run and words[place] not in _AT_THE_END]
            said += [words[place] for place in left] if foreign else [parts[home]]
        yield _plain(" ".join(said))


def _plain(text: str) -> str:
    """On one line, without control characters and quotation marks."""
    printable = "".join(one if one.isprintable() and one != '"' else " " for one in text)
    return " ".join(printable.split()).strip(_SIGNS)
