from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_automaton import FORMS, ways

from georsmllm.constrain.automaton import accepts, shortest, start, step
from georsmllm.constrain.export import ebnf, regex
from georsmllm.constrain.form import Exactly, Form, Name, Points, Span, Then, by_class, texts
from georsmllm.types import KINDS


class Leaf(NamedTuple):
    token: str


class Repeat(NamedTuple):
    part: Node
    least: int
    most: int


class Either(NamedTuple):
    options: list[list[Node]]


Node = Leaf | Repeat | Either


class Grammar:
    """A reader of GBNF that finds every place at which a rule may end; only what `ebnf` writes."""

    _TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\[\^?(?:[^]\\]|\\.)*\]|\{\d+,\d+\}|[a-z][a-z-]*|[()|?*+])')

    def __init__(self, text: str) -> None:
        self.rules = {
            name: self._parsed(rule) for name, rule in (line.split(" ::= ") for line in text.strip().split("\n"))
        }

    def matches(self, text: str) -> bool:
        return len(text) in self._ends(self.rules["root"], text, {0})

    def _parsed(self, rule: str) -> Node:
        assert self._TOKEN.sub("", rule) == "", "nothing is left over"
        return self._either(iter([*self._TOKEN.findall(rule), ")"]))

    def _either(self, tokens: Iterator[str]) -> Node:
        options: list[list[Node]] = [[]]
        for token in tokens:
            if token == ")":
                break
            if token == "|":
                options.append([])
            elif token in "?*+" or token[0] == "{":
                least, most = {"?": "0,1", "*": "0,9999", "+": "1,9999"}.get(token, token[1:-1]).split(",")
                options[-1][-1] = Repeat(options[-1][-1], int(least), int(most))
            else:
                options[-1].append(self._either(tokens) if token == "(" else Leaf(token))
        return Either(options)

    def _ends(self, node: Node, text: str, starts: set[int]) -> set[int]:
        if isinstance(node, Either):
            found: set[int] = set()
            for parts in node.options:
                at = starts
                for part in parts:
                    at = self._ends(part, text, at)
                found |= at
            return found
        if isinstance(node, Repeat):
            found, at = (starts if node.least == 0 else set()), starts
            for count in range(1, node.most + 1):
                at = self._ends(node.part, text, at)
                at = at - found if count >= node.least else at
                found = found | at if count >= node.least else found
                if not at:
                    break
            return found
        token = node.token
        if token[0] == '"':
            said = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), token[1:-1])
            return {at + len(said) for at in starts if text.startswith(said, at)}
        if token[0] == "[":
            return {at + 1 for at in starts if at < len(text) and re.match(token, text[at])}
        return self._ends(self.rules[token], text, starts)


def written(form: Form, seed: int, length: int) -> str:
    """A random answer of a form."""
    rng, state, text = Random(seed), start(form), bytearray()
    while shortest(state) or len(text) < length:
        behind = ways(state, form)
        if len(text) >= length:
            behind = [one for one in behind if shortest(one) < shortest(state)]
        if not behind:
            break
        chosen = rng.choice(behind)
        text.append(next(byte for byte in range(256) if step(state, byte) == chosen))
        state = chosen
    return text.decode()


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 32), length=st.integers(0, 80))
def test_pattern_and_grammar_take_all_that_the_automaton_writes(form, seed, length):
    text = written(form, seed, length)
    assert re.fullmatch(regex(form), text), text
    assert Grammar(ebnf(form)).matches(text), text


ANY = Points(KINDS, with_keypoints=True)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (ANY, ""),
        (ANY, "[(1001,0)]"),
        (ANY, "[(1,02)]"),
        (ANY, "[(1,2),(3,4),(5,6)]"),
        (ANY, "[(1,2),(3,4)]|"),
        (ANY, "[(1,2)]|[(1,2)]"),
        (ANY, "[(1,2)];none"),
        (ANY, "[(1, 2)]"),
        (Points(("box",)), "[(1,2),(3,4)]|[(1,2)]"),
        (Points(("box",)), "[(1,2)]"),
        (Points(("polygon",)), "[(1,2),(3,4),(5,6)]"),
        (by_class(("ship", "car"), ("box",)), "ship: none"),
        (texts(("a.b", "c")), "axb"),
        (Span("a-z", 1, 2), "m"),
        (Then((Name(9), Exactly("!"))), "a  b!"),
        (Then((Name(9), Exactly("!"))), " a!"),
    ],
)
def test_pattern_and_grammar_refuse_other_shapes(form: Form, text: str) -> None:
    assert not accepts(form, text)
    assert not re.fullmatch(regex(form), text)
    assert not Grammar(ebnf(form)).matches(text)


def test_what_they_cannot_hold_is_known() -> None:
    for text in ("[(5,5),(1,1)]", "[(1,1),(1,1),(1,1),(1,1)]", "[(0,0),(1,0),(1,1),(0,1),(7,7)]"):
        assert not accepts(ANY, text)
        assert re.fullmatch(regex(ANY), text)
        assert Grammar(ebnf(ANY)).matches(text)


def test_a_grammar_has_the_rules_that_it_needs() -> None:
    names = [line.split(" ::= ")[0] for line in ebnf(Points(("box",), with_keypoints=True)).splitlines()]
    assert names == ["root", "of-keyed", "of-box", "points", "point", "number"]
    assert ebnf(texts(("yes", 'say "no"'))) == 'root ::= ("yes" | "say \\"no\\"")\n'
