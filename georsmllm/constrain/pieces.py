"""A tokenizer's pieces under an automaton: which tokens may come next, and how far off the end each of them leaves an answer.

Every way to cut an allowed text into pieces is allowed: a model need not write as its tokenizer would, and what the tokenizer
writes is among them. Special tokens are no pieces. A digit stands alone in Qwen2's vocabulary; so what may follow a number is
looked up by what the number makes of its ring (few cases), and only the ten digits are asked one by one.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.model.tokens import Chat

from . import automaton
from .automaton import Rest, State, Thread
from .form import Form
from .points import FARTHEST, PointsState

Ints = NDArray[np.int64]

_DIGITS = b"0123456789"
_COMMA, _BRACKET = b",)"
MOST_KEPT = 8_000_000
"""Token numbers in all that was looked up; in the middle of a name most of a vocabulary may come next."""
MOST_NUMBERS = 65536
"""Looked-up places in numbers, some dozens of tokens each."""


class _Found(NamedTuple):
    """Tokens that may come next; behind each of them the bytes to the nearest end of the answer, and the most of these."""

    ids: Ints
    shortest: Ints
    most: int

    def within(self, budget: int) -> Ints:
        """The tokens behind which an end is no farther; any byte is at most one token."""
        return self.ids if self.most <= budget else self.ids[self.shortest <= budget]


class _Node:
    """The pieces that begin alike: pieces[first:last] of the sorted list share `depth` bytes."""

    __slots__ = ("children", "depth", "first", "last")

    def __init__(self, first: int, last: int, depth: int) -> None:
        self.first, self.last, self.depth = first, last, depth
        self.children: dict[int, _Node] | None = None


class Pieces:
    """The pieces of one tokenizer, without its special tokens; what was looked up is kept, and not for several threads."""

    def __init__(self, chat: Chat) -> None:
        self.end = chat.end
        self.source = chat.source
        self._pieces = sorted(_pieces(chat))
        self._root = _Node(0, len(self._pieces), 0)
        self._single = {piece[0]: token for piece, token in self._pieces if len(piece) == 1}
        self._bytes = {token: piece for piece, token in self._pieces}
        self._horizon = max((len(piece) for piece, _ in self._pieces if b"  " not in piece), default=1)
        self._is_digit_alone = not any(
            len(piece) > 1 and not set(_DIGITS).isdisjoint(piece) for piece, _ in self._pieces
        )
        self._kept: OrderedDict[object, _Found] = OrderedDict()
        self.num_kept = 0
        self._in_numbers: dict[object, Ints] = {}

    def start(self, form: Form) -> State:
        """The state before an answer; raises UsageError where the tokenizer has no token for one of the bytes it may need."""
        missing = sorted(automaton.alphabet(form) - set(self._single))
        if missing:
            raise UsageError(
                f"{self.source} has no token for {chr(missing[0])!r} alone, so an answer may get stuck; "
                "expected a byte-level vocabulary with all 256 bytes"
            )
        return automaton.start(form)

    def bytes_of(self, token: int) -> bytes:
        return self._bytes[token]

    def step(self, state: State, token: int) -> State:
        """The state behind an allowed token."""
        behind: State | None = state
        for byte in self.bytes_of(token):
            assert behind is not None, "a token came that was not allowed"
            behind = automaton.step(behind, byte)
        assert behind is not None, "a token came that was not allowed"
        return behind

    def allowed(self, state: State, budget: int) -> Ints:
        """The tokens that may come next and leave an end within `budget` more, the one that ends an answer among them where it
        can end."""
        if not self._is_digit_alone:
            return self._looked_up(state, state).within(budget)
        leaf, rest = state[0]
        if isinstance(leaf, PointsState) and leaf.is_in_number and len(state) == 1:
            if budget < FARTHEST + rest.shortest:
                return self._walked(self._root, state).within(budget)
            return self._in_number(leaf, rest)
        return self._looked_up(automaton.key(state, self._horizon), state).within(budget)

    def _in_number(self, leaf: PointsState, rest: Rest) -> Ints:
        """What may come in the middle of a number of point text, where the end is in no danger."""
        digits = leaf.digits
        stop = leaf.step(_COMMA) or leaf.step(_BRACKET)
        key = (digits, stop and (stop.is_in_number or stop.key(0)), rest)
        found = self._in_numbers.get(key)
        if found is None:
            ids = [self._single[digit] for digit in digits]
            if stop is not None and stop.is_in_number:
                ids.append(self._single[_COMMA])  # and nothing behind it: a digit stands alone
            elif stop is not None:
                node = self._children(self._root)[_BRACKET]
                ids += self._walked(node, (Thread(stop, rest),)).ids.tolist()
            found = self._in_numbers[key] = np.array(ids, np.int64)
            if len(self._in_numbers) > MOST_NUMBERS:
                del self._in_numbers[next(iter(self._in_numbers))]
        return found

    def _looked_up(self, key: object, state: State) -> _Found:
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._walked(self._root, state)
            self.num_kept += len(found.ids)
            while self.num_kept > MOST_KEPT and len(self._kept) > 1:
                self.num_kept -= len(self._kept.popitem(last=False)[1].ids)
        else:
            self._kept.move_to_end(key)
        return found

    def _walked(self, node: _Node, state: State) -> _Found:
        """All pieces below a node that the automaton lets pass from the state at that node, the node's own included."""
        walk = _Walk()
        ids: list[int] = []
        shortest: list[int] = []
        if node is self._root and automaton.can_end(state):
            ids.append(self.end)
            shortest.append(0)
        stack = [(node, walk.number(state))]
        while stack:
            node, at = stack.pop()
            if node.last - node.first == 1:  # one piece: no need for nodes on its way
                piece, token = self._pieces[node.first]
                for byte in piece[node.depth :]:
                    at = walk.step(at, byte)
                    if at < 0:
                        break
                else:
                    ids.append(token)
                    shortest.append(walk.shortest[at])
                continue
            piece, token = self._pieces[node.first]
            if len(piece) == node.depth:
                ids.append(token)
                shortest.append(walk.shortest[at])
            for byte, child in self._children(node).items():
                behind = walk.step(at, byte)
                if behind >= 0:
                    stack.append((child, behind))
        return _Found(np.array(ids, np.int64), np.array(shortest, np.int64), max(shortest, default=0))

    def _children(self, node: _Node) -> dict[int, _Node]:
        """By the next byte; made when first looked for, for most of a vocabulary never is."""
        if node.children is None:
            children: dict[int, _Node] = {}
            for at in range(node.first, node.last):
                piece = self._pieces[at][0]
                if len(piece) == node.depth:
                    continue
                child = children.get(piece[node.depth])
                if child is None:
                    child = children[piece[node.depth]] = _Node(at, at, node.depth + 1)
                child.last = at + 1
            node.children = children
        return node.children


class _Walk:
    """The states of one walk as numbers, each step made once: many pieces go the same way."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.shortest: list[int] = []
        self._numbers: dict[State, int] = {}
        self._steps: dict[tuple[int, int], int] = {}

    def number(self, state: State) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self.states)
            self.states.append(state)
            self.shortest.append(automaton.shortest(state))
        return self._numbers[state]

    def step(self, at: int, byte: int) -> int:
        """Behind one more byte; -1 where it may not come."""
        behind = self._steps.get((at, byte))
        if behind is None:
            state = automaton.step(self.states[at], byte)
            behind = self._steps[at, byte] = -1 if state is None else self.number(state)
        return behind


@lru_cache(maxsize=4)
def of_chat(chat: Chat) -> Pieces:
    """The pieces of a chat's tokenizer, made once."""
    return Pieces(chat)


def _pieces(chat: Chat) -> list[tuple[bytes, int]]:
    """The bytes of every token but the added ones; raises UsageError where the vocabulary is not byte-level."""
    added = set(chat.tokenizer.get_added_tokens_decoder())
    byte_of = _bytes_by_sign()
    found: list[tuple[bytes, int]] = []
    for piece, token in chat.tokenizer.get_vocab(with_added_tokens=False).items():
        if token in added:
            continue
        try:
            found.append((bytes([byte_of[sign] for sign in piece]), token))
        except KeyError as sign:
            raise UsageError(
                f"{chat.source}: the piece {piece!r} has {sign}; constrained decoding needs a byte-level vocabulary (Qwen2's)"
            ) from None
    return found


@lru_cache(maxsize=1)
def _bytes_by_sign() -> dict[str, int]:
    """How byte-level vocabularies spell bytes (GPT-2, https://github.com/openai/gpt-2/blob/master/src/encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
