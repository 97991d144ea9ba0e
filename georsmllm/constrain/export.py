r"""A form as a regular expression and as a grammar, for engines that constrain decoding themselves.

`regex` goes to vLLM's structured outputs (`StructuredOutputsParams(regex=...)`), `ebnf` to its `grammar` and to llama.cpp's
`--grammar`, whose notation (GBNF) it is. Both hold the shapes and the range of numbers, and accept every answer that the
automaton accepts. What no regular language holds is left to luck: that a polygon closes on its first point and has three
distinct vertices, that a box has its min corner first, that corners of a rotated box differ, that a listed option comes once,
and how long a name with spaces may be; there the verdicts unclosed_ring, collapsed_ring, reversed_box and repeated_tag remain.
"""

from __future__ import annotations

import re
import unicodedata

from georsmllm.pointtext import NONE

from .form import Exactly, Form, Listed, Name, OneOf, Points, Span

_NUMBER = r"(?:0|[1-9][0-9]{0,2}|1000)"
_POINT = rf"\({_NUMBER},{_NUMBER}\)"
_META = re.compile(r"[][\\.^$*+?{}()|]")
_IN_CLASS = re.compile(r"[]\\^-]")
_SIGN = r"[^()\x00-\x20\x7f]"
"""One character of a name that is no space."""


def regex(form: Form) -> str:
    """A pattern that a whole answer matches; of the syntax only groups, classes, alternatives and counts."""
    if isinstance(form, Points):
        one = _objects(form)
        return f"(?:{NONE}|{one}(?:;{one})*)"
    if isinstance(form, Exactly):
        return _META.sub(r"\\\g<0>", _normal(form.text)).replace("\n", r"\n")
    if isinstance(form, Span):
        return _class(form)
    if isinstance(form, Name):
        return f"{_SIGN}(?: ?{_SIGN}){{0,{form.most - 1}}}"
    if isinstance(form, Listed):
        one = "|".join(regex(Exactly(option)) for option in form.options)
        return f"(?:{NONE}|(?:{one})(?:, (?:{one})){{0,{len(form.options) - 1}}})"
    if isinstance(form, OneOf):
        return f"(?:{'|'.join(map(regex, form.options))})"
    return "".join(map(regex, form.parts))


def _objects(form: Points) -> str:
    closed = rf"\[{_POINT}(?:,{_POINT}){{3,}}\]"
    keypoints = rf"(?:\|\[{_POINT}(?:,{_POINT})*\])?" if form.with_keypoints else ""
    patterns = {
        "point": rf"\[{_POINT}\]",
        "box": rf"\[{_POINT},{_POINT}\]{keypoints}",
        "rbox": rf"\[{_POINT}(?:,{_POINT}){{3}}\]",
        "polygon": f"{closed}(?:[+-]{closed})*",
    }
    return f"(?:{'|'.join(patterns[kind] for kind in form.kinds)})"


def _class(form: Span) -> str:
    characters = _IN_CLASS.sub(r"\\\g<0>", form.characters)
    return f"[{characters}]{{{form.least},{form.most}}}"


_RULES = {
    "number": '"0" | [1-9] [0-9]? [0-9]? | "1000"',
    "point": '"(" number "," number ")"',
    "points": '"[" point ("," point)* "]"',
    "closed": '"[" point "," point "," point "," point ("," point)* "]"',
    "of-point": '"[" point "]"',
    "of-box": '"[" point "," point "]"',
    "of-keyed": 'of-box ("|" points)?',
    "of-rbox": '"[" point "," point "," point "," point "]"',
    "of-polygon": 'closed ([+-] closed)*',
    "sign": r"[^()\x00-\x20\x7F]",
}  # fmt: skip
_REFERENCE = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^]\\]|\\.)*\]|([a-z][a-z-]*)')


def ebnf(form: Form) -> str:
    """A grammar in GBNF, the rule `root` first, and only the rules that it needs."""
    lines = [f"root ::= {_grammar(form)}"]
    for line in lines:  # grows while it is read
        for name in _REFERENCE.findall(line.partition("::=")[2]):
            rule = f"{name} ::= {_RULES[name]}" if name else ""
            if rule and rule not in lines:
                lines.append(rule)
    return "\n".join(lines) + "\n"


def _grammar(form: Form) -> str:
    if isinstance(form, Points):
        names = ["of-keyed" if kind == "box" and form.with_keypoints else f"of-{kind}" for kind in form.kinds]
        one = f"({' | '.join(names)})"
        return f'("{NONE}" | {one} (";" {one})*)'
    if isinstance(form, Exactly):
        return _quoted(form.text)
    if isinstance(form, Span):
        return _class(form)
    if isinstance(form, Name):
        return f'sign (" "? sign){{0,{form.most - 1}}}'
    if isinstance(form, Listed):
        one = f"({' | '.join(map(_quoted, form.options))})"
        return f'("{NONE}" | {one} (", " {one}){{0,{len(form.options) - 1}}})'
    if isinstance(form, OneOf):
        return f"({' | '.join(map(_grammar, form.options))})"
    return " ".join(map(_grammar, form.parts))


def _quoted(text: str) -> str:
    escaped = _normal(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # as Qwen2's tokenizer writes it
