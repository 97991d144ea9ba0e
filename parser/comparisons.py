"""Superlatives, ranks, comparisons, distances and measures: "three longest", "larger than the pond", "at least 80 m long"."""

from __future__ import annotations

from dataclasses import replace

from . import lexicon
from .cursor import Amount, Bound, Cursor, amount, bound, number
from .superlatives import criterion_of
from .tree import Compares, Condition, Criterion, Has, Mode

AREA_UNITS = ("m2", "km2", "px2", "ha", "acre", "ft2")
LENGTH_UNITS = ("m", "km", "cm", "px", "ft", "mi", "yd")
SPEED_UNITS = ("km/h", "mph", "m/s", "kn")
_OPPOSITE: dict[Mode, Mode] = {"greater_than": "less_than", "less_than": "at_least", "at_least": "less_than"}
_AVERAGE = ("average", "mean", "typical", "median")
_OWN = ("diameter", "length", "width", "height", "size", "area")
_MODES: dict[Bound, Mode] = {
    ">": "greater_than",
    ">=": "at_least",
    "<": "less_than",
    "<=": "less_than",
    "=": "at_least",
}


def comparison(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """A comparison with a value, with other things or with the average, and steps past it."""
    if c.counting:
        return None
    for read in (_closer, _than, _as_large_as, _in_range, _measured):
        start = c.at
        found = read(c, negated)
        if found is not None:
            return found
        c.at = start
    return None


def _closer(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "closer to A than to B"."""
    found = c.find(lexicon.meanings("comparatives"))
    if found not in ("distance_to less", "distance_to more") or not (
        c.take("to", "from") or c.take_all("away", "from")
    ):
        return None
    first = c.phrase(c)
    if first is None or not c.take("than"):
        return None
    c.take("to", "from")
    second = c.phrase(c)
    if second is None:
        return None
    mode: Mode = "less_than" if (found == "distance_to less") != negated else "greater_than"
    return [Compares("distance_to", mode, anchors=(first, second))]


def _than(c: Cursor, negated: bool) -> list[Condition] | None:
    no = bool(c.take("no"))
    times = None if no else _times(c)
    found = c.find(lexicon.meanings("comparatives"))
    if found is None or " " not in found or not c.take("than"):
        return None
    name, direction = found.split()
    if name == "distance_to":  # only "closer to" says to what
        return None
    mode: Mode = "greater_than" if direction == "more" else "less_than"
    if negated or no:
        mode = _OPPOSITE[mode]
    if name in ("speed", "age", "brightness"):
        return _unseen(c, name, mode)
    return _so_many_times(compared(c, criterion_of(name), mode), times)


def _unseen(c: Cursor, name: str, mode: Mode) -> list[Condition] | None:
    """Speed and age: no image shows them, yet the query says so."""
    sign = {"greater_than": ">", "less_than": "<", "at_least": ">="}.get(mode, ">")
    value = amount(c)
    if value:
        while c.take("years", "year", "old"):
            value = Amount(value.number, "years")
        return [Has(name, f"{sign}{value.text}")]
    other = c.phrase(c)
    return [Has(name, f"{sign}other", anchor=other)] if other else None


def compared(c: Cursor, criterion: Criterion, mode: Mode) -> list[Condition] | None:
    """What comes after "larger than"."""
    start = c.at
    value = amount(c)
    if value and value.unit:
        return [valued(c, criterion, mode, value)]
    c.at = start
    while c.take("that", "those", "the one", "size", "of", "area", "length", "width") and c.ahead() == "of":
        c.at += 1
    average = _average(c)
    if average is not None:
        return [*average, Compares(criterion, mode, value="mean")]
    if c.take("their", "its"):
        own = c.take("own") + c.take(*_OWN)
        return [Compares(criterion, mode, value=f"own_{own.removeprefix('own')}")] if own.removeprefix("own") else None
    if _the_others(c):
        end: Mode = "max" if mode != "less_than" else "min"
        return [Compares(criterion, end)]
    other = c.phrase(c)
    if other is None:
        c.at = start
        bare = number(c)
        return None if bare is None else [Compares(criterion, mode, value=bare)]
    found: list[Condition] = [Compares(criterion, mode, anchors=(other,))]
    return found


def valued(c: Cursor, criterion: Criterion, mode: Mode, value: Amount) -> Condition:
    """A threshold; its unit decides what is measured where the word alone does not ("larger than 80 m")."""
    said = c.find(lexicon.meanings("measures"))
    if said:
        criterion = criterion_of(said)
    if value.unit in SPEED_UNITS:
        return Has("speed", f"{'<' if mode == 'less_than' else '>'}{value.text}")
    if value.unit in AREA_UNITS:
        criterion = "area"
    elif value.unit in LENGTH_UNITS and criterion == "area" and value.unit != "px":
        criterion = "length"
    return Compares(criterion, mode, value=value.text)


def _average(c: Cursor) -> tuple[Condition, ...] | None:
    """Reads "the average", "the average building in the lot": the conditions that narrow what is averaged."""
    start = c.at
    c.take("the", "an", "a")
    if not c.take(*_AVERAGE):
        c.at = start
        return None
    if c.take("size", "length", "width", "area") and c.take("of"):
        c.take("all")
    other = c.phrase(c)
    return other.conditions if other else ()


def _the_others(c: Cursor) -> bool:
    start = c.at
    c.take("all", "any", "every", "each")
    c.take("of")
    c.take("the")
    if c.take("others", "rest") or (c.take("other") and c.take("one", "ones")):
        return True
    c.at = start
    return False


def _as_large_as(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "at least as large as the pond", "as long as 80 m"."""
    limit = _LIMITS.get(c.words[c.at : c.at + 2])
    c.at += 2 * (limit is not None)
    times = _times(c)
    as_ = c.take("as") or (c.take("the") if times else "")
    if (limit is not None and limit != ">=" and times is None) or not as_:
        return None
    said = c.find(lexicon.meanings("measures"))
    if said is None or not c.take("as" if as_ == "as" else "of"):
        return None
    mode: Mode = "less_than" if negated and limit is None else _MODES[limit or "="]
    return _so_many_times(compared(c, criterion_of(said), mode), times)


_LIMITS: dict[tuple[str, ...], Bound] = {
    ("at", "least"): ">=", ("more", "than"): ">", ("less", "than"): "<", ("fewer", "than"): "<",
}  # fmt: skip


def _times(c: Cursor) -> float | None:
    """Reads "twice", "half", "three times", and a step past it."""
    start = c.at
    word = c.take("twice", "half")
    if word:
        return 2.0 if word == "twice" else 0.5
    found = number(c)
    if found and c.take("times"):
        return found
    c.at = start
    return None


def _so_many_times(found: list[Condition] | None, times: float | None) -> list[Condition] | None:
    """The comparison with a multiple of what it was with; None of what has no multiple."""
    last = found[-1] if found else None
    if found is None or times is None or not isinstance(last, Compares):
        return found
    if last.value not in (None, "mean") or not (last.anchors or last.value):
        return None
    return [*found[:-1], replace(last, value=f"{times:g}x{' mean' if last.value else ''}")]


def _in_range(c: Cursor, negated: bool, criterion: Criterion = "length") -> list[Condition] | None:
    """Reads "between 50 and 100 m long"."""
    start = c.at
    if negated or not (c.take("between") or c.take("from")):
        return None
    low = amount(c)
    high = amount(c) if low and c.take("and", "to") else None
    if low is None or high is None or high.unit not in (*LENGTH_UNITS, *AREA_UNITS):
        c.at = start
        return None
    low = Amount(low.number, low.unit or high.unit)
    here = c.at
    least = valued(c, criterion, "at_least", low)
    c.at = here
    most = valued(c, criterion, "less_than", high)
    return [least, most]


def _measured(c: Cursor, negated: bool) -> list[Condition] | None:
    """Reads "at least 80 m long", "more than 5 ha in area", "exceeding 80 m", "80 m long"."""
    limit = bound(c)
    if limit is None and c.take("exceeding", "exceed", "exceeds"):
        limit = ">"
    value = amount(c)
    if value is None or not value.unit or value.unit == "%":
        return None
    mode = _MODES[limit or "="]
    here = c.at
    said = c.sees(lexicon.meanings("measures"))
    if not said and (limit is None or c.take("from", "of", "away", "to", "apart", "around")):
        c.at = here
        return None
    if value.unit in LENGTH_UNITS or value.unit in AREA_UNITS or value.unit in SPEED_UNITS:
        return [valued(c, "length", _OPPOSITE[mode] if negated else mode, value)]
    return None


def dimension(c: Cursor, *, negated: bool = False) -> list[Condition] | None:
    """Reads "area of at least 2 ha", "length greater than 80 m", "length exceeds 80 m", after "with a" or "whose"."""
    start = c.at
    said = c.find(lexicon.meanings("measures"))
    if said is None:
        c.at = start
        return None
    criterion = criterion_of(said)
    c.take("of", "is", "are")
    between = _in_range(c, negated, criterion)
    if between:
        return between
    negated = negated != bool(c.take("not"))
    found: Bound | None = bound(c) or (">" if c.take("exceeding", "exceeds", "exceed") else None)
    if found is None and c.find(lexicon.meanings("comparatives")) is not None:
        more = c.words[c.at - 1] not in ("smaller", "shorter", "narrower", "lower")
        c.take("than")
        found = ">" if more else "<"
    mode = _MODES[found or "="]
    result = compared(c, criterion, _OPPOSITE[mode] if negated else mode)
    if result is None:
        c.at = start
    return result
