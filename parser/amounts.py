"""Amounts in words, "200 m2", "< 50 %", "more than 3 km", as numbers with a unit and the comparison that is said with them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Literal, NamedTuple

Comparison = Literal["<", "<=", ">", ">=", "="]
_SIGNS: dict[str, Comparison] = {
    "<": "<", "less than": "<", "under": "<", "below": "<", "fewer than": "<", "smaller than": "<", "shorter than": "<",
    "<=": "<=", "≤": "<=", "at most": "<=", "up to": "<=",
    ">": ">", "more than": ">", "over": ">", "above": ">", "larger than": ">", "greater than": ">", "longer than": ">",
    ">=": ">=", "≥": ">=", "at least": ">=",
    "=": "=", "==": "=", "exactly": "=",
}  # fmt: skip
_LENGTHS = {
    "m": 1.0, "metre": 1.0, "meter": 1.0, "km": 1e3, "kilometre": 1e3, "kilometer": 1e3, "cm": 0.01, "centimetre": 0.01,
    "centimeter": 0.01, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "yd": 0.9144, "yard": 0.9144, "mi": 1609.344,
    "mile": 1609.344, "nautical mile": 1852.0, "nmi": 1852.0,
}  # fmt: skip
_AREAS = {
    "ha": 1e4, "hectare": 1e4, "acre": 4046.8564224, "sqm": 1.0, "sq m": 1.0, "sq km": 1e6, "sq ft": 0.3048**2,
    "sqft": 0.3048**2, "sqkm": 1e6, "sq mi": 1609.344**2,
}  # fmt: skip
_PIXELS = frozenset({"", "px", "pixel", "px2", "square pixel", "sq px", "square px"})
METRES = MappingProxyType(
    _LENGTHS | _AREAS | {f"{name}2": size**2 for name, size in _LENGTHS.items()}
    | {f"square {name}": size**2 for name, size in _LENGTHS.items()}
)  # fmt: skip
"""Unit, singular and lower case -> metres, or square metres of a unit of area."""
_AMOUNT = re.compile(
    r"([^0-9]{0,20}?)\s{0,4}([0-9]{1,12}(?:,[0-9]{3}){0,3}(?:[.,][0-9]{1,6})?)\s{0,4}([^0-9]{0,20}[2²]?)"
)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


class Amount(NamedTuple):
    """number: in the unit. comparison: None where none is said. unit: a key of METRES, "px" or "%"."""

    number: float
    comparison: Comparison | None
    unit: str


def amount(text: str | float, unit: str | None = None) -> Amount | None:
    """The amount that a text says, its unit given beside it or in it; None for a text that says none."""
    match = _AMOUNT.fullmatch(" ".join(str(text).split()).strip()[:60].lower() + (f" {unit.lower()}" if unit else ""))
    if match is None:
        return None
    sign = match.group(1).strip()
    if sign and sign not in _SIGNS:
        return None
    said = _unit(match.group(3))
    return None if said is None else Amount(_number(match.group(2)), _SIGNS.get(sign), said)


def _number(text: str) -> float:
    """Commas before groups of three digits are those of thousands, another one is a decimal point."""
    return float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text.replace(",", "."))


def _unit(text: str) -> str | None:
    name = text.strip().rstrip(".").replace("²", "2").replace("^2", "2")
    if name in ("%", "percent"):
        return "%"
    for one in (name, name.removesuffix("s"), name.removesuffix("es")):
        if one in _PIXELS:
            return "px"
        if one in METRES:
            return one
    return None


def holds(value: float, comparison: Comparison, number: float) -> bool:
    """Whether a value is less than (...) a number."""
    if comparison == "=":
        return abs(value - number) <= 1e-9 * max(1.0, abs(number))
    return {"<": value < number, "<=": value <= number, ">": value > number, ">=": value >= number}[comparison]
