"""A dataset's own referring expressions: found in its sentences and phrases, turned into noun phrases, and what is wrong
with them (methods, section 5.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from georsmllm.contracts import Refusal
from georsmllm.errors import CannotSay
from georsmllm.geometry import bounds
from georsmllm.metrics.match import iou_matrix
from georsmllm.metrics.text import head_noun, tokens
from georsmllm.types import UNNAMED, PointSet, Sample, Text

from ._changes import captions_of_all
from ._gold import cell_of
from ._grounding import mentioned
from ._phrases import phrased
from ._sentences import pointing, tidy, unspeakable

MAX_SAME = 0.8
"""Two targets under one expression whose boxes overlap by a larger IoU are one object, annotated twice."""

_OF_ANOTHER = (
    r"(?: (?:hand )?(?:side|corner|part|half|end|edge))?(?: and (?:the )?\w+)? of (?!(?:the|this) (?:\w+ )?"
    r"(?:image|picture|scene|photo))"
)
"""After the name of a side: whose it is, where it is not the image's."""
_PLACE = re.compile(
    r"\b(?:on|at|in|to|towards?) the (?:far |very )?(top|upper|bottom|lower|left|right)(?>(?:[ -](left|right))?)\b"
    f"(?!{_OF_ANOTHER})",
    re.IGNORECASE,
)


class Expression(NamedTuple):
    """words: as they stand in a prompt, a noun phrase with its determiner or a question. targets: all that they denote.

    rule: how a generated one was found, "" for a dataset's own.
    """

    words: str
    targets: tuple[int, ...]
    rule: str = ""

    @property
    def is_question(self) -> bool:
        return self.words.endswith("?")


class Given(NamedTuple):
    """The expressions that may be asked, the empty ones of nothing included, and the refusals of the others."""

    expressions: tuple[Expression, ...]
    refusals: tuple[Refusal, ...]


class _Raw(NamedTuple):
    """An expression as the dataset spells it."""

    words: str
    targets: tuple[int, ...]


def is_cut(view: Sample) -> bool:
    """Whether a view is a part of a scene, of which the sentences of the whole may not be true."""
    return view.images[0].window is not None


def given(view: Sample) -> Given:
    """The dataset's own expressions of a single image: its sentences, then the phrases of its targets, each once.

    Reasons: cut_view, what `mentioned` raises, and those of `unspeakable`, `words_noise` and `_shared`.
    """
    found: list[Expression] = []
    refused: list[Refusal] = []
    raws: list[_Raw] = []
    for text in view.texts:
        if text.kind != "expression":
            continue
        try:
            raws.append(_Raw(text.text, _denoted(view, text)))
        except CannotSay as error:
            refused.append(Refusal("", error.reason, ()))
    for i, target in enumerate(view.targets):
        if target.phrase and target.ignore is None and target.image == 0:
            raw = _Raw(target.phrase, (i,))
            if is_cut(view):
                refused.append(Refusal(target.label, "cut_view", (i,)))
            elif not any(_key(raw.words) == _key(other.words) and other.targets == raw.targets for other in raws):
                raws.append(raw)
    for n, raw in enumerate(raws):
        reason = (
            unspeakable(raw.words)
            or words_noise(view, raw.words, raw.targets, raws[:n], raws[n + 1 :])
            or _shared(view, raw, raws)
        )
        if reason:
            refused.append(Refusal(labels_of(view, raw.targets), reason, raw.targets))
        else:
            found.append(Expression(phrased(raw.words), raw.targets))
    return Given(tuple(found), tuple(refused))


def _denoted(view: Sample, text: Text) -> tuple[int, ...]:
    if is_cut(view):
        raise CannotSay("cut_view", "a part of a scene need not show what is said of the whole")
    return mentioned(view, pointing(text, "answer"))


def told(view: Sample) -> dict[tuple[int, ...], str]:
    """Targets -> the dataset's own words for them: its descriptions of regions, else phrases, else expressions; all changes of
    a pair -> a caption that is about just those.

    Whoever asks "What is at ...?" has them for an answer. A part of a scene has none, and questions are no answers.
    """
    found: dict[tuple[int, ...], str] = {}
    if is_cut(view):
        return found
    for kind, side in (("region", "text"), ("expression", "answer")):
        for text in view.texts:
            targets = tuple(sorted({i for mention in pointing(text, side) for i in mention.targets}))
            words = tidy(text.answer) if kind == "region" else phrased(text.text)
            if text.kind == kind and targets and not unspeakable(words) and not words.endswith("?"):
                found.setdefault(targets, words)
        if kind == "region":
            for i, target in enumerate(view.targets):
                words = phrased(target.phrase)
                if _is_plain(words) and not words.endswith("?"):
                    found.setdefault((i,), words)
    for words in captions_of_all(view) if view.targets else ():
        if _is_plain(words):
            found.setdefault(tuple(range(len(view.targets))), words)
    return found


def _is_plain(words: str) -> bool:
    """Whether a phrase is words without digits: no region text may be copied."""
    return bool(tokens(words)) and not any(sign.isdigit() for sign in words)


def phrase_noise(view: Sample, index: int) -> str:
    """What is wrong with the phrase of a target, "" when nothing is, or it has none."""
    phrase = view.targets[index].phrase
    if not phrase or is_cut(view):
        return ""
    phrases = [_Raw(target.phrase, (i,)) for i, target in enumerate(view.targets) if target.phrase]
    before = [raw for raw in phrases if raw.targets[0] < index]
    after = [raw for raw in phrases if raw.targets[0] > index]
    return words_noise(view, phrase, (index,), before, after)


def words_noise(
    view: Sample, words: str, targets: tuple[int, ...], before: Sequence[_Raw], after: Sequence[_Raw] = ()
) -> str:
    """What is wrong with an expression, "" when nothing is; before, after: the view's other expressions in their order."""
    own = _key(words)
    others = [raw for raw in (*before, *after) if raw.targets != targets]
    if len(own) < 2 and any(own == _key(raw.words) for raw in others):
        return "short_expression"
    if any(_is_same(view, raw.targets, targets) for raw in before if _key(raw.words) == own):
        return "duplicate_expression"
    contradicts = any(_contradicts(words, view.targets[i].shape, view.images[0].size_wh) for i in targets)
    return "position_contradicts" if contradicts else ""


def _shared(view: Sample, raw: _Raw, raws: Sequence[_Raw]) -> str:
    """Why an expression denotes none of its objects alone, "" when it does: forward questions need one that does."""
    others = [other for other in raws if other.targets != raw.targets]
    key = _key(raw.words)
    if any(_key(other.words) == key and not _is_same(view, other.targets, raw.targets) for other in others):
        return "shared_expression"
    labels = {view.targets[i].label for i in raw.targets} - {UNNAMED}
    is_one_of_many = any(target.label in labels and i not in raw.targets for i, target in enumerate(view.targets))
    return "short_expression" if len(key) < 2 and is_one_of_many else ""


@lru_cache(maxsize=4096)
def _key(words: str) -> tuple[str, ...]:
    return tokens(phrased(words))


def labels_of(view: Sample, targets: tuple[int, ...]) -> str:
    """The classes of targets, as a refusal names them."""
    return ", ".join(sorted({view.targets[i].label for i in targets}))


def _is_same(view: Sample, these: tuple[int, ...], those: tuple[int, ...]) -> bool:
    """Whether two expressions denote the same: the same targets, or one object that was annotated twice."""
    if these == those:
        return True
    if len(these) != 1 or len(those) != 1:
        return False
    one, other = view.targets[these[0]], view.targets[those[0]]
    cell = cell_of(view.images[one.image].size_wh)
    return one.image == other.image and float(iou_matrix((one.shape,), (other.shape,), cell)[0, 0]) > MAX_SAME


def _contradicts(words: str, shape: PointSet, size_wh: tuple[int, int]) -> bool:
    """Whether the words name a side of the image on which nothing of the shape lies."""
    x1, y1, x2, y2 = bounds(shape)
    half_w, half_h = size_wh[0] / 2, size_wh[1] / 2
    elsewhere = {
        "left": x1 > half_w, "right": x2 < half_w, "top": y1 > half_h, "upper": y1 > half_h, "bottom": y2 < half_h,
        "lower": y2 < half_h,
    }  # fmt: skip
    places = [word.lower() for match in _PLACE.finditer(words) for word in match.groups() if word]
    return any(elsewhere[place] for place in places)


def is_plural(expression: Expression) -> bool:
    """Whether a question about it has a plural verb: "where are". A singular noun may denote several all the same."""
    head = head_noun(expression.words.partition(",")[0])
    return head not in tokens(expression.words) or (len(expression.targets) > 1 and " and the " in expression.words)
