"""Pickles of plain data, read without unpickling: lists, tuples, dictionaries, strings, numbers, truth values, None.

A pickle is a program for a small stack machine, and some of its operations import and call whatever they name. Here
only those operations exist that make plain values; every other is refused by name and place, so that nothing is ever
imported or called, and nothing grows with what a file merely claims.
"""

from __future__ import annotations

import pickletools
from pathlib import Path

from georsmllm.errors import UsageError

Plain = None | bool | int | float | str | list["Plain"] | tuple["Plain", ...] | dict[str, "Plain"]

MAX_BYTES = 512_000_000
MAX_VALUES_PER_BYTE = 16  # a value takes a byte or more, unless the memo repeats it

_SCALARS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
))  # fmt: skip
_CONSTANTS: dict[str, Plain] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_NOTHING = frozenset(("PROTO", "FRAME"))


class _Refused(Exception):
    pass


class _Machine:
    """The stack, the stacks that marks set aside, and the memo."""

    def __init__(self) -> None:
        self.stack: list[Plain] = []
        self.below: list[list[Plain]] = []
        self.memo: dict[int, Plain] = {}

    def step(self, name: str, arg: object) -> None:
        stack = self.stack
        if name in _SCALARS and isinstance(arg, str | int | float):
            stack.append(arg)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _GETS and isinstance(arg, int):
            stack.append(self.memo[arg])
        elif name in _PUTS and isinstance(arg, int):
            self.memo[arg] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name == "MARK":
            self.below.append(stack)
            self.stack = []
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in _TUPLES:
            self._join(name, tuple(stack.pop() for _ in range(_TUPLES[name]))[::-1])
        elif name in ("TUPLE", "LIST", "DICT", "APPENDS", "SETITEMS"):
            self.stack = self.below.pop()
            self._join(name, tuple(stack))
        elif name in ("APPEND", "SETITEM"):
            self._join(f"{name}S", tuple(stack.pop() for _ in range(1 if name == "APPEND" else 2))[::-1])
        elif name not in _NOTHING:
            said = "" if arg is None else f" ({arg!s:.60})"
            raise _Refused(f"the operation {name}{said} makes no plain value")

    def _join(self, name: str, items: tuple[Plain, ...]) -> None:
        """Items become a container, or go into the one on top of the stack."""
        if name == "LIST":
            self.stack.append(list(items))
        elif name == "DICT":
            self.stack.append(_pairs(items))
        elif name not in ("APPENDS", "SETITEMS"):
            self.stack.append(items)
        elif name == "APPENDS" and isinstance(top := self.stack[-1], list):
            top.extend(items)
        elif name == "SETITEMS" and isinstance(top := self.stack[-1], dict):
            top.update(_pairs(items))
        else:
            raise _Refused(f"{name} on a {type(self.stack[-1]).__name__}")


def load(path: Path) -> Plain:
    """The value of a file; raises UsageError with file@byte for anything that is no pickle of plain data."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: expected at most {MAX_BYTES:,} bytes")
    machine, at = _Machine(), 0
    try:
        for operation, arg, place in pickletools.genops(data):
            at = place or 0
            if operation.name == "STOP":
                break
            machine.step(operation.name, arg)
        (value,) = machine.stack
        _measure(value, MAX_VALUES_PER_BYTE * len(data))
    except _Refused as refused:
        raise UsageError(f"{path}@{at}: {refused}; expected lists, dictionaries, strings and numbers only") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UsageError(f"{path}@{at}: no whole pickle ({error}); fetch the file again") from None
    return value


def _pairs(items: tuple[Plain, ...]) -> dict[str, Plain]:
    pairs: dict[str, Plain] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise _Refused(f"a dictionary key that is a {type(key).__name__}")
        pairs[key] = value
    return pairs


def _measure(value: Plain, most: int) -> None:
    """Refuses what is far larger than its file: the memo lets two bytes stand for the same list again and again."""
    left: list[Plain] = [value]
    seen = 0
    while left:
        one = left.pop()
        seen += 1
        if isinstance(one, dict):
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
        if seen + len(left) > most:
            raise _Refused(f"more than {most:,} values, or a list inside itself")
