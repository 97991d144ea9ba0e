"""A dataset's spelling of an expression as words of a question: a noun phrase with its determiner, or a question."""

from __future__ import annotations

import re
from functools import lru_cache

from georsmllm.classes import plural, synonyms
from georsmllm.metrics.text import head_noun, lemma, tokens

from ._asking import listed, number_word
from ._sentences import tidy

_POLITE = r"(?:please,? |kindly |(?:can|could|would) you (?:please )?|i (?:want|would like|need) (?:you )?to )*"
_ASKED = (
    r"(?:find|search(?: for)?|look for|get|select|locate|show(?: me)?|detect|segment|mark|highlight|outline|identify"
    r"|point (?:out|to)|where (?:is|are)"
    r"|(?:give|tell|provide|output)(?: me)? the (?:locations?|positions?|coordinates|bounding box(?:es)?|box(?:es)?|masks?)"
    r" (?:of|for))"
)
_REQUEST = re.compile(f"{_POLITE}{_ASKED} ", re.IGNORECASE)
_IN_IMAGE = re.compile(
    r",? (?:in|of|within) (?:this|the|the given) (?:\w+ )?(?:image|picture|scene|photo)$", re.IGNORECASE
)
_THERE = re.compile(r"there (?:is|are) ", re.IGNORECASE)
_VERB = (
    r"(?:is|are|was|were|has|have|spans?|exhibits?|stretch(?:es)?|stands?|extends?|lies|sits?|appears?|occup(?:y|ies)"
    r"|cross(?:es)?|connects?|runs?)"
)
_STATEMENT = re.compile(
    rf"((?:the|a|an|this|these|two|three|several) (?:[\w-]+ ){{1,12}}?)({_VERB} \w.*)", re.IGNORECASE
)
_MORE = re.compile(rf",? and (?:it|they) (?={_VERB} )", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:that|which|who|whose|where)\b", re.IGNORECASE)
_NO_SUBJECT = frozenset("a an and at by from in its near no of on or the their to two three with".split())  # noqa: SIM905
_QUESTION = {
    "which", "what", "where", "who", "whose", "how", "is", "are", "can", "could", "does", "do", "did",
    "should", "would", "will",
}  # fmt: skip
_DETERMINERS = {
    "a", "an", "the", "this", "that", "these", "those", "all", "both", "each", "every", "some", "any",
    "several", "many", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
}  # fmt: skip
_NEXT_NUMBER = re.compile(r" (?=[0-9]{1,2} [a-z])")
_NUMBERED = re.compile(r"([0-9]{1,2}) ([a-z].*)", re.IGNORECASE)
_JOINED = re.compile(r"\b[a-z]+(?:[-_][a-z]+)+\b")


@lru_cache(maxsize=4096)
def phrased(words: str) -> str:
    """A noun phrase with its determiner, or a question, from the spelling of a dataset.

    A request ("Find ...", "Where is ...?", "Give me the location of ...") leaves what is asked for, a statement ("The ship
    is near the pier.") becomes one thing that does so, numbers before things ("1 large ship", "2 storage tank") are words,
    names of classes ("small-vehicle") too; other questions stand as they are.
    """
    text = tidy(words).rstrip(".!;, ")
    bare = text.rstrip("? ")
    request = _REQUEST.match(bare)
    if request is None and bare and (text.endswith("?") or bare.split()[0].lower() in _QUESTION):
        return f"{bare[0].upper()}{bare[1:]}?"
    bare = bare[request.end() :] if request else bare
    there = _THERE.match(bare)
    bare = bare[there.end() :] if there else bare
    bare = _numbered(_JOINED.sub(_apart, _with_clauses(_IN_IMAGE.sub("", bare))))
    first, _, rest = bare.partition(" ")
    if first == "A" or (first[1:2] != "-" and first[1:].islower()):
        first = first.lower()
    bare = f"{first} {rest}" if rest else first
    return bare if first.lower() in _DETERMINERS or not bare else f"the {bare}"


def _with_clauses(words: str) -> str:
    """What is stated of a thing as relative clauses: "the ship is grey and it has a crane" -> "the ship that is grey and
    that has a crane"."""
    first, *more = _MORE.split(words)
    statement = _STATEMENT.fullmatch(first)
    if statement and not _CLAUSE.search(statement[1]) and statement[1].split()[-1].lower() not in _NO_SUBJECT:
        first = f"{statement[1]}that {statement[2]}"
    for one in more:
        first += f" and that {one}" if _CLAUSE.search(first) else f" that {one}"
    return first


def _apart(token: re.Match[str]) -> str:
    """A token of several words as these, where it is the name of a class."""
    said = re.sub("[-_]", " ", token[0])
    head, _, last = said.rpartition(" ")
    return said if "_" in token[0] or f"{head}{lemma(last)}".replace(" ", "") in synonyms() else token[0]


def _numbered(words: str) -> str:
    """Things that are counted in digits, as things: "1 ship" -> "the ship"; several of them stand without an "and"."""
    if not _NUMBERED.fullmatch(words):
        return words
    pieces: list[str] = []
    for piece in _NEXT_NUMBER.split(words):
        if pieces and not _ends_in_its_head(pieces[-1]):
            pieces[-1] += f" {piece}"  # "1 ship near 2 piers" is one thing
        else:
            pieces.append(piece)
    return listed([_in_words(piece) for piece in pieces])


def _ends_in_its_head(phrase: str) -> bool:
    return head_noun(phrase) == lemma(tokens(phrase)[-1])


def _in_words(piece: str) -> str:
    """One counted thing, or several in the plural, which some datasets leave out."""
    match = _NUMBERED.fullmatch(piece)
    assert match is not None, piece
    count, noun = int(match[1]), match[2]
    if count == 1:
        return f"the {noun}"
    head = head_noun(noun.partition(",")[0])
    several = re.sub(rf"\b{re.escape(head)}\b", plural(head), noun, count=1) if head else noun
    return f"the {number_word(count)} {several}"
