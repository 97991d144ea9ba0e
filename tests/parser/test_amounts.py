from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser.amounts import METRES, Amount, amount, holds


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("", None, None),
        ("mean", None, None),
        ("own_diameter", None, None),
        (">60 km/h", None, None),
        ("about 60 m", None, None),
        (50, None, Amount(50, None, "px")),
        (4.5, "m", Amount(4.5, None, "m")),
        ("200 m2", None, Amount(200, None, "m2")),
        ("200 m²", None, Amount(200, None, "m2")),
        ("200 square metres", None, Amount(200, None, "square metre")),
        ("1,500 m2", None, Amount(1500, None, "m2")),
        ("1,5 ha", None, Amount(1.5, None, "ha")),
        ("12,345.5 px", None, Amount(12345.5, None, "px")),
        ("<0.5", None, Amount(0.5, "<", "px")),
        ("< 50 %", None, Amount(50, "<", "%")),
        ("at least 3 acres", None, Amount(3, ">=", "acre")),
        ("More than 2 KM", None, Amount(2, ">", "km")),
        ("50", "feet", Amount(50, None, "feet")),
        ("50 pixels", None, Amount(50, None, "px")),
        ("9" * 1000, None, None),
    ],
)
def test_amounts_in_words(text: str | float, unit: str | None, expected: Amount | None) -> None:
    assert amount(text, unit) == expected


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("km", 1000), ("ft", 0.3048), ("mile", 1609.344), ("ha", 1e4), ("km2", 1e6), ("square foot", 0.3048**2)],
)
def test_units_are_metres(unit: str, metres: float) -> None:
    assert METRES[unit] == pytest.approx(metres)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_less_and_at_least_share_everything(value: float, number: float) -> None:
    assert holds(value, "<", number) != holds(value, ">=", number)
    assert holds(value, ">", number) != holds(value, "<=", number)


@given(st.text(max_size=200))
def test_any_text_is_an_amount_or_none(text: str) -> None:
    found = amount(text)
    assert found is None or found.number >= 0
