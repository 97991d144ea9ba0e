"""Randomness from identity: the same names give the same numbers in any order, process or number of workers."""

from __future__ import annotations

import hashlib
from random import Random


def hash64(*names: str | int) -> int:
    """A 64-bit number from names; the parts are delimited, so ("ab", "c") and ("a", "bc") differ."""
    text = "\x1f".join(map(str, names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def unit(*names: str | int) -> float:
    """A number in [0, 1) from names."""
    return hash64(*names) / 2**64


def rng(seed: int, *names: str | int) -> Random:
    """A generator for one thing: `rng(seed, sample.id, task)`."""
    return Random(hash64(seed, *names))
