"""What a description in words names, and how many of it."""

from __future__ import annotations

from georsmllm.metrics.text import head_noun, lemma, tokens
from georsmllm.types import UNNAMED, Record

from ._asking import NUMBER_WORDS, singular

OF_ANY = frozenset({"altered", "area", "new", "or", "some"})
"""Words that answers give to a class whichever it is."""


def noun(record: Record) -> str:
    """What an answer must name: the class; of targets without one class what the gold itself names."""
    labels = record.provenance.labels
    return labels[0] if labels[0] != UNNAMED and len(labels) == 1 else head_noun(record.gold_text) or UNNAMED


def is_bare(gold: str, label: str) -> bool:
    """Whether a gold text says no more than a class and a number; a description must be matched by its words."""
    own = {lemma(word) for word in tokens(singular(label))} | OF_ANY
    return all(lemma(word) in own or word in NUMBER_WORDS or word.isdigit() for word in tokens(gold))


def number(text: str, label: str) -> int:
    """The first number that a sentence names, in digits or words; without one 1 for a singular noun, -1 for a plural.

    What belongs to the class name is no number (boeing 747).
    """
    words, own = tokens(text), tokens(label)
    for word in words:
        if word in own:
            continue
        if word.isascii() and word.isdigit():
            return int(word[:9])
        if word in NUMBER_WORDS:
            return NUMBER_WORDS.index(word)
    noun = lemma(tokens(singular(label))[-1])
    return 1 if noun in words or all(lemma(word) != noun for word in words) else -1
