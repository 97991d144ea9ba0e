"""Words compared with words: normalised tokens, their F1, and head nouns, all without a network or a language model."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ARTICLES = frozenset({"a", "an", "the"})
# Whatever follows one of these belongs to a phrase that hangs on the head noun: "a ship | next to the quay".
_AFTER_HEAD = frozenset(
    "above across along among and around at behind below beside between by connected facing for from in inside into "  # noqa: SIM905
    "is are located lying near next of off on or outside over parked that to under which whose with within".split()
)
_IRREGULAR = {
    "aircraft": "aircraft", "axes": "axis", "buses": "bus", "children": "child", "feet": "foot", "geese": "goose",
    "leaves": "leaf", "men": "man", "people": "person", "wharves": "wharf", "women": "woman", "series": "series",
}  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """Lower-case words and numbers without accents' compatibility forms and punctuation, in reading order."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))


def tokens(text: str) -> tuple[str, ...]:
    """The words without articles."""
    return tuple(word for word in words(text) if word not in _ARTICLES)


def lemma(word: str) -> str:
    """The singular of an English noun by spelling rules; a word that is not a plural is returned as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def token_f1(answer: str, gold: str) -> float:
    """F1 of the two bags of normalised tokens. Both without tokens: 1; one side without: 0."""
    a, g = Counter(tokens(answer)), Counter(tokens(gold))
    both = a.total() + g.total()
    return 2 * (a & g).total() / both if both else 1.0


def same_words(answer: str, gold: str) -> bool:
    """Whether both are the same words in the same order, articles and plurals apart; two texts without words: yes."""
    return [lemma(word) for word in tokens(answer)] == [lemma(word) for word in tokens(gold)]


BETA = 1.2
"""How much recall outweighs precision in ROUGE-L, as in the evaluation of COCO captions (pycocoevalcap/rouge)."""


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """ROUGE-L of a sentence, articles included, in [0, 1]: the F of the best precision and the best recall that its longest
    common subsequence with any reference has. An answer without words: 1 where a reference has none either, else 0."""
    said = words(answer)
    pairs = [(common_subsequence(said, gold), len(gold)) for gold in map(words, references)]
    if not said:
        return float(any(length == 0 for _, length in pairs))
    precision = max((common / len(said) for common, _ in pairs), default=0.0)
    recall = max((common / length for common, length in pairs if length), default=0.0)
    if precision == 0 or recall == 0:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence; one step a word of the first (bit-parallel: Hyyro 2004)."""
    places: defaultdict[str, int] = defaultdict(int)
    for i, word in enumerate(second):
        places[word] |= 1 << i
    whole = (1 << len(second)) - 1
    row = whole
    for word in first:
        if match := row & places.get(word, 0):
            row = ((row + match) | (row - match)) & whole
    return len(second) - row.bit_count()


def head_noun(phrase: str) -> str:
    """The lemma of the last token before the first preposition or relative word; "" when there is none."""
    head = ""
    for word in tokens(phrase):
        if word in _AFTER_HEAD and head:
            break
        head = lemma(word)
    return head


def phrases_match(answer: str, gold: str) -> bool:
    """Same head noun, or token F1 of at least 0.5: the offline substitute for an embedding's cosine (methods, 2)."""
    head = head_noun(gold)
    return (head != "" and head_noun(answer) == head) or token_f1(answer, gold) >= 0.5


def names(answer: str, noun: str) -> bool:
    """Whether the answer holds every word of the noun phrase, singular or plural, side by side; an empty noun: no."""
    said, wanted = [lemma(word) for word in tokens(answer)], [lemma(word) for word in tokens(noun)]
    return bool(wanted) and any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1))
