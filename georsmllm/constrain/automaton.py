"""Any form as an automaton over bytes: a state says which byte may come next, whether the answer may end, how far off that is.

A state is a tuple of threads, each a place in one part of the form and the parts that follow; point text has one thread,
options that begin alike have several until they differ. States are values; all that is derived from a form is made once.
"""

from __future__ import annotations

import unicodedata
from functools import cached_property, lru_cache
from typing import NamedTuple, Protocol, Self

from georsmllm.errors import UsageError
from georsmllm.pointtext import NONE

from . import points
from .form import Exactly, Form, Listed, Name, OneOf, Points, Span, Then

_SEPARATOR = ", "
_SPACE = 0x20
_NOT_IN_NAMES = frozenset(b"()\x7f") | frozenset(range(0x20))


class Leaf(Protocol):
    """A place in one part of a form."""

    def step(self, byte: int) -> Self | None:
        """The place behind one more byte, None where it may not come."""

    @property
    def can_end(self) -> bool: ...

    @property
    def shortest(self) -> int:
        """Bytes to the nearest end of the part, exactly."""

    def key(self, horizon: int) -> object:
        """Equal keys have equal continuations of up to `horizon` characters."""


class Rest:
    """The parts that follow; one object for equal parts, so that it is compared by identity."""

    def __init__(self, forms: tuple[Form, ...]) -> None:
        self.forms = forms

    @cached_property
    def entered(self) -> State:
        return _entered(self.forms)

    @cached_property
    def shortest(self) -> int:
        return shortest(self.entered) if self.forms else 0


class Thread(NamedTuple):
    leaf: Leaf
    rest: Rest


State = tuple[Thread, ...]


def start(form: Form) -> State:
    """Before the first byte."""
    return _entered((form,))


def step(state: State, byte: int) -> State | None:
    """Behind one more byte; None where it may not come."""
    if len(state) == 1:
        leaf, rest = state[0]
        if not rest.forms:
            moved = leaf.step(byte)
            return None if moved is None else (Thread(moved, rest),)
    found: dict[Thread, None] = {}
    for thread in state:
        _step(thread, byte, found)
    return tuple(found) or None


def _step(thread: Thread, byte: int, found: dict[Thread, None]) -> None:
    leaf, rest = thread
    moved = leaf.step(byte)
    if moved is not None:
        found[Thread(moved, rest)] = None
    if rest.forms and leaf.can_end:
        for entered in rest.entered:
            _step(entered, byte, found)


def can_end(state: State) -> bool:
    """Whether what is written is an answer."""
    return any(leaf.can_end and rest.shortest == 0 for leaf, rest in state)


def shortest(state: State) -> int:
    """Bytes to the nearest end, exactly; 0 where it can end."""
    return min(leaf.shortest + rest.shortest for leaf, rest in state)


def key(state: State, horizon: int) -> object:
    """Equal keys have equal continuations of up to `horizon` characters, digits of point text apart (`PointsState.key`)."""
    if len(state) == 1:
        return state[0].leaf.key(horizon), state[0].rest
    return tuple((leaf.key(horizon), rest) for leaf, rest in state)


def run(form: Form, text: str) -> State | None:
    """Behind a whole text; None where the form forbids it."""
    state: State | None = start(form)
    for byte in text.encode():
        if state is None:
            return None
        state = step(state, byte)
    return state


def accepts(form: Form, text: str) -> bool:
    """Whether a text is an answer of the form, to the byte."""
    state = run(form, text)
    return state is not None and can_end(state)


def alphabet(form: Form) -> frozenset[int]:
    """The bytes that a form may need one at a time."""
    if isinstance(form, Points):
        return points.ALPHABET
    if isinstance(form, Exactly):
        return frozenset(_bytes(form.text))
    if isinstance(form, Span):
        return frozenset(form.characters.encode())
    if isinstance(form, Name):
        return frozenset(range(0x20, 0x7F)) - _NOT_IN_NAMES
    if isinstance(form, Listed):
        return frozenset(_bytes("".join((_SEPARATOR, NONE, *form.options))))
    parts = form.options if isinstance(form, OneOf) else form.parts
    return frozenset[int]().union(*map(alphabet, parts))


@lru_cache(maxsize=65536)
def _entered(forms: tuple[Form, ...]) -> State:
    """The first places of parts, one after the other."""
    if not forms:
        return (Thread(TextAt(b"", 0), _rest(())),)
    head, *tail = forms
    if isinstance(head, Then):
        return _entered((*head.parts, *tail))
    if isinstance(head, OneOf):
        return tuple(dict.fromkeys(thread for one in head.options for thread in _entered((one, *tail))))
    return (Thread(_leaf(head), _rest(tuple(tail))),)


@lru_cache(maxsize=65536)
def _rest(forms: tuple[Form, ...]) -> Rest:
    return Rest(forms)


def _leaf(form: Points | Exactly | Span | Name | Listed) -> Leaf:
    if isinstance(form, Points):
        return points.start(form)
    if isinstance(form, Exactly):
        return TextAt(_bytes(form.text), 0)
    if isinstance(form, Span):
        return SpanAt(form, 0)
    if isinstance(form, Name):
        return NameAt(form.most)
    options = tuple(sorted(map(_bytes, form.options)))
    if not options or b"" in options:
        raise UsageError("a form lists options, and one of them is empty; name what may be answered")
    return ListedAt(options)


def _bytes(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).encode()  # as Qwen2's tokenizer writes it


class TextAt(NamedTuple):
    text: bytes
    at: int

    def step(self, byte: int) -> TextAt | None:
        fits = self.at < len(self.text) and self.text[self.at] == byte
        return TextAt(self.text, self.at + 1) if fits else None

    @property
    def can_end(self) -> bool:
        return self.at == len(self.text)

    @property
    def shortest(self) -> int:
        return len(self.text) - self.at

    def key(self, horizon: int) -> object:  # noqa: ARG002
        return self


class SpanAt(NamedTuple):
    form: Span
    num_done: int

    def step(self, byte: int) -> SpanAt | None:
        fits = self.num_done < self.form.most and chr(byte) in self.form.characters
        return SpanAt(self.form, self.num_done + 1) if fits else None

    @property
    def can_end(self) -> bool:
        return self.num_done >= self.form.least

    @property
    def shortest(self) -> int:
        return max(0, self.form.least - self.num_done)

    def key(self, horizon: int) -> object:  # noqa: ARG002
        return self


class NameAt(NamedTuple):
    """left: characters that may still come. low, high: what the next byte of a character begun must be, `missing` of them."""

    left: int
    is_begun: bool = False
    is_after_space: bool = True
    missing: int = 0
    low: int = 0x80
    high: int = 0xBF

    def step(self, byte: int) -> NameAt | None:
        if self.missing:
            fits = self.low <= byte <= self.high
            return NameAt(self.left, True, False, self.missing - 1) if fits else None
        if not self.left or byte in _NOT_IN_NAMES:
            return None
        if byte < 0x80:
            is_space = byte == _SPACE
            return (
                None if is_space and (self.is_after_space or self.left == 1) else NameAt(self.left - 1, True, is_space)
            )
        if not 0xC2 <= byte <= 0xF4:
            return None
        low = {0xE0: 0xA0, 0xF0: 0x90}.get(
            byte, 0x80
        )  # RFC 3629: nothing overlong, no surrogates, nothing beyond U+10FFFF
        high = {0xED: 0x9F, 0xF4: 0x8F}.get(byte, 0xBF)
        return NameAt(self.left - 1, True, False, 1 + (byte >= 0xE0) + (byte >= 0xF0), low, high)

    @property
    def can_end(self) -> bool:
        return self.is_begun and not self.missing and not self.is_after_space

    @property
    def shortest(self) -> int:
        return self.missing or (0 if self.can_end else 1)

    def key(self, horizon: int) -> object:
        return self._replace(left=min(self.left, horizon + 1))


class ListedAt(NamedTuple):
    """left: options that may still come, the one at hand included. written: of the option at hand, or of the separator before
    it."""

    left: tuple[bytes, ...]
    written: bytes = b""
    is_first: bool = True
    is_between: bool = False

    def step(self, byte: int) -> ListedAt | None:
        longer = self.written + bytes((byte,))
        separator = _SEPARATOR.encode()
        if self.is_between:
            if not separator.startswith(longer):
                return None
            return self._replace(written=longer) if longer != separator else ListedAt(self.left, is_first=False)
        if any(one.startswith(longer) for one in self._candidates()):
            return self._replace(written=longer)
        if self.written in self.left and len(self.left) > 1 and separator.startswith(bytes((byte,))):
            others = tuple(one for one in self.left if one != self.written)
            return ListedAt(others, bytes((byte,)), is_first=False, is_between=True)
        return None

    def _candidates(self) -> tuple[bytes, ...]:
        return (*self.left, NONE.encode()) if self.is_first else self.left

    @property
    def can_end(self) -> bool:
        return not self.is_between and self.written in self._candidates()

    @property
    def shortest(self) -> int:
        if self.is_between:
            return len(_SEPARATOR) - len(self.written) + min(map(len, self.left))
        return min(len(one) - len(self.written) for one in self._candidates() if one.startswith(self.written))

    def key(self, horizon: int) -> object:  # noqa: ARG002
        return self
