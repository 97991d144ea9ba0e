"""Numbers of the point text's grid, 0 to 1000 without needless zeros, while they are written: which digits may follow."""

from __future__ import annotations

from functools import lru_cache

from georsmllm.pointtext import N

EMPTY = -1
"""A number of which nothing is written."""
_ZERO = ord("0")


def num_digits(value: int) -> int:
    return 1 if value < 10 else 2 if value < 100 else 3 if value < 1000 else 4


def with_digit(number: int, digit: int) -> int | None:
    """The number with a digit more; None where that is none of the grid."""
    if number == EMPTY:
        return digit
    found = 10 * number + digit
    return found if number and found <= N else None


def digits_to(number: int, low: int) -> int | None:
    """The fewest further digits that make a number of at least `low`, None where none do."""
    if number == EMPTY:
        return num_digits(low)
    least = most = number
    for count in range(5):
        if least > N or (number == 0 and count):
            return None
        if min(most, N) >= low:
            return count
        least, most = 10 * least, 10 * most + 9
    return None


def digits_off(number: int, taken: tuple[int, ...]) -> int | None:
    """The fewest further digits that make a number besides at most three taken ones, None where none do."""
    if number == EMPTY:
        return 1
    if number not in taken:
        return 0
    if number == 100:
        return None if N in taken else 1
    return 1 if 0 < number < 100 else None


@lru_cache(maxsize=65536)
def digits_towards(number: int, low: int) -> bytes:
    """The digits by which a number goes on to one of at least `low`."""
    ways = [(with_digit(number, digit), digit) for digit in range(10)]
    return bytes(_ZERO + digit for one, digit in ways if one is not None and digits_to(one, low) is not None)


@lru_cache(maxsize=65536)
def digits_beside(number: int, taken: tuple[int, ...]) -> bytes:
    """The digits by which a number goes on to one besides the taken ones."""
    ways = [(with_digit(number, digit), digit) for digit in range(10)]
    return bytes(_ZERO + digit for one, digit in ways if one is not None and digits_off(one, taken) is not None)
