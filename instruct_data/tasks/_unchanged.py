"""Sentences that say that two images show the same."""

from __future__ import annotations

import re

from georsmllm.metrics.text import tokens

_SAME = re.compile(
    r"(?:there (?:is|are|was|were|has been|have been) )?(?:almost |nearly )?no (?:\w+ ){0,2}(?:changes?|changed|differences?)"
    r"(?: \w+){0,5}"
    r"|(?:almost |nearly )?nothing (?:\w+ ){0,2}changed(?: \w+){0,5}"
    r"|(?:these |both |two ){0,2}(?:scenes?|images?|pictures?|places?|areas?|views?|everything|they) (?:\w+ )?"
    r"(?:is|are|seems?|looks?|remains?|stays?) (?:\w+ )?(?:same|identical|unchanged)(?: \w+){0,5}"
)
_BUT = frozenset({"although", "apart", "besides", "but", "except", "however", "only", "though", "while"})


def says_unchanged(text: str) -> bool:
    """Whether a sentence says that nothing changed: the five of LEVIR-CC ("there is no difference", "the two scenes seem
    identical", "the scene is the same as before", "no change has occurred", "almost nothing has changed") and their like,
    without a but."""
    words = tokens(text)
    return _BUT.isdisjoint(words) and _SAME.fullmatch(" ".join(words)) is not None
