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
from .automaton import State
from .form import Form
from .points import PointsState

Ints = NDArray[np.int64]

_DIGITS = b"0123456789"
MOST_KEPT = 4096
"""Looked-up states; each keeps some dozens of ids, those in the middle of a name most of a vocabulary."""


class Allowed(NamedTuple):
    """Tokens that may come next, and behind each of them the bytes to the nearest end of the answer."""

    ids: Ints
    shortest: Ints

    def within(self, budget: int) -> Ints:
        """The tokens that leave an end within so many more of them; any byte is at most one."""
        return self.ids if not len(self.ids) or self.shortest.max() <= budget else self.ids[self.shortest <= budget]


class _Node:
    """The pieces that begin alike: pieces[first:last] of a sorted list share `depth` bytes."""

    def __init__(self, first: int, last: int, depth: int) -> None:
        self.first, self.last, self.depth = first, last, depth
        self.children: dict[int, _Node] | None = None


class Pieces:
    """The pieces of one tokenizer, without its special tokens; what was looked up is kept, and not for several threads."""

    def __init__(self, chat: Chat) -> None:
        self.end = chat.end
        self.size = chat.size
        self.source = chat.source
        self._pieces = sorted(_pieces(chat))
        self._root = _Node(0, len(self._pieces), 0)
        self._single = {piece[0]: token for piece, token in self._pieces if len(piece) == 1}
        self._bytes = {token: piece for piece, token in self._pieces}
        self._horizon = max((len(piece) for piece, _ in self._pieces if b"  " not in piece), default=1)
        self._is_digit_alone = not any(
            len(piece) > 1 and not set(_DIGITS).isdisjoint(piece) for piece, _ in self._pieces
        )
        self._kept: OrderedDict[object, Allowed] = OrderedDict()

    def start(self, form: Form) -> State:
        """The state before an answer; raises UsageError where the tokenizer has no token for one of the bytes it may need."""
        missing = sorted(automaton.alphabet(form) - set(self._single))
        if missing:
            raise UsageError(
                f"{self.source} has no token for {chr(missing[0])!r} alone, so an answer may get stuck; "
                "expected a byte-level vocabulary with all 256 bytes"
            )
        return automaton.start(form)

    def step(self, state: State, token: int) -> State:
        """The state behind an allowed token."""
        behind: State | None = state
        for byte in self._bytes[token]:
            assert behind is not None, "a token came that was not allowed"
            behind = automaton.step(behind, byte)
        assert behind is not None, "a token came that was not allowed"
        return behind

    def allowed(self, state: State) -> Allowed:
        """What may come next, without the token that ends an answer."""
        if not self._is_digit_alone:
            return self._looked_up((None, state), self._root, state)
        leaf = state[0].leaf
        if len(state) == 1 and isinstance(leaf, PointsState) and leaf.is_in_number:
            return self._in_number(state)
        return self._looked_up((None, automaton.key(state, self._horizon)), self._root, state)

    def _in_number(self, state: State) -> Allowed:
        ids: list[int] = []
        shortest: list[int] = []
        for digit in _DIGITS:
            behind = automaton.step(state, digit)
            if behind is not None:
                ids.append(self._single[digit])
                shortest.append(automaton.shortest(behind))
        own = Allowed(np.array(ids, np.int64), np.array(shortest, np.int64))
        comma = automaton.step(state, _COMMA)
        if comma is not None:  # before the second number: no piece goes on behind its comma but with a digit
            more = Allowed(np.array([self._single[_COMMA]], np.int64), np.array([automaton.shortest(comma)], np.int64))
            return _joined(own, more)
        behind = automaton.step(state, _BRACKET)
        if behind is None:
            return own
        node = self._children(self._root)[_BRACKET]
        return _joined(own, self._looked_up((_BRACKET, automaton.key(behind, self._horizon)), node, behind))

    def _looked_up(self, key: object, node: _Node, state: State) -> Allowed:
        found = self._kept.get(key)
        if found is None:
            found = self._walked(node, state)
            self._kept[key] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found

    def _walked(self, node: _Node, state: State) -> Allowed:
        """All pieces below a node that the automaton lets pass from the state at that node, the node's own included."""
        ids: list[int] = []
        shortest: list[int] = []
        stack = [(node, state)]
        while stack:
            node, state = stack.pop()
            token = self._token(node)
            if token is not None:
                ids.append(token)
                shortest.append(automaton.shortest(state))
            for byte, child in self._children(node).items():
                behind = automaton.step(state, byte)
                if behind is not None:
                    stack.append((child, behind))
        return Allowed(np.array(ids, np.int64), np.array(shortest, np.int64))

    def _token(self, node: _Node) -> int | None:
        piece, token = self._pieces[node.first] if node.first < node.last else (b"", 0)
        return token if node.depth and len(piece) == node.depth else None

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


_COMMA, _BRACKET = b",)"


def _joined(some: Allowed, others: Allowed) -> Allowed:
    return Allowed(np.concatenate((some.ids, others.ids)), np.concatenate((some.shortest, others.shortest)))


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
