"""Choosing: which of the numbered candidates fulfil one condition in words, as a step of a plan asks it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from georsmllm import selecting
from georsmllm.classes import is_countable, plural
from georsmllm.constrain.form import Form, Question, bare
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import bounds
from georsmllm.hearing import prompt
from georsmllm.metrics.detection import Matched, macro_rates
from georsmllm.selecting import MAX_CANDIDATES
from georsmllm.types import UNNAMED, Instruction, Kind, Record, Said, Sample

from ._asking import askable, by_class, fill, identity, is_speakable, lines, pick, refuse_all, singular
from ._boxing import answer_kind, boxed, kind_of
from ._choices import RANKS, Choice, choices, drawn_anchors
from ._given import given
from ._origin import shows_areas

TEMPLATES = lines("""
    From the candidates, keep {kept}.
    From the candidates, keep only {kept}.
    From the candidates, select {kept}.
    Of the candidates, keep {kept}.
    Among the candidates, find {kept}.
    From the candidates, keep just {kept}.
    Out of the candidates, pick {kept}.
    From the candidates, drop {dropped}.
    From the candidates, remove {dropped}.
    From the candidates, leave out {dropped}.
    From the candidates, keep all but {dropped}.
    Of the candidates, drop {dropped}.
    Of the candidates, leave out {dropped}.
    From the candidates, remove {dropped}, and keep the rest.
    From the candidates, take {best}.
    From the candidates, choose {best}.
    From the candidates, keep {best}.
    Of the candidates, take {best}.
    Among the candidates, find {best}.
    From the candidates, pick {best}.
    Out of the candidates, pick {best}.
""")

_KEPT, _DROPPED, _BEST = frozenset({"kept"}), frozenset({"dropped"}), frozenset({"best"})

DROP_SHARE, NAMELESS_SHARE = 0.25, 0.3
"""Of the conditions that tell candidates apart, how many are asked the other way round; and how many name no class."""
_SIDES = {
    "to the left of": "on the left side of", "to the right of": "on the right side of", "north of": "on the north side of",
    "east of": "on the east side of", "south of": "on the south side of", "west of": "on the west side of",
}  # fmt: skip
_NO_PLACE = ("{} touching ", "{} surrounded by ")
"""Nobody says that something lies so."""


class _Asker:
    """What is asked of one view, and what is not."""

    def __init__(self, view: Sample, rng: Random, options: AskOptions) -> None:
        self.view = view
        self.rng = rng
        self.options = options
        self.asked: list[Instruction] = []
        self.refused: list[Refusal] = []
        self._nothing: list[tuple[str, Choice, tuple[int, ...]]] = []

    def ask_class(self, label: str, indices: tuple[int, ...]) -> None:
        """One condition that holds of some candidates of a class, or of all; one that ranks them; one of the dataset's own
        phrases."""
        if label != UNNAMED and not is_speakable(label):
            self.refused.append(Refusal(label, "unspeakable_label", indices))
            return
        candidates = self._candidates(label, indices)
        if not candidates:
            return
        found = choices(self.view, candidates, drawn_anchors(self.view, label, self.rng))
        self._nothing += [(label, one, candidates) for one in found if not any(one.kept) and one.rule not in RANKS]
        tested = [one for one in found if any(one.kept) and one.rule not in RANKS]
        telling = [one for one in tested if not all(one.kept)]
        ranked = [one for one in found if one.rule in RANKS and any(one.kept) and not all(one.kept)]
        before = len(self.asked)
        if tested:
            one = self._draw(telling or tested)
            is_dropped = bool(telling) and self.rng.random() < DROP_SHARE
            self._ask("dropped" if is_dropped else "kept", label, one, candidates)
        if ranked:
            self._ask("best", label, self._draw(ranked), candidates)
        self._ask_given(label, candidates)
        if len(self.asked) == before:
            self.refused.append(Refusal(label, "no_clear_condition", candidates))

    def ask_nothing(self) -> None:
        """One condition that surely holds of no candidate; its rule is drawn first."""
        if self._nothing:
            drawn = self._draw([one for _, one, _ in self._nothing])
            label, _, candidates = next(entry for entry in self._nothing if entry[1] is drawn)
            self._ask("none", label, drawn, candidates)

    def _candidates(self, label: str, indices: tuple[int, ...]) -> tuple[int, ...]:
        """Some that can be said, by where they lie: rows from the top, as answers list what was found."""
        most = min(self.options.limits.max_objects, MAX_CANDIDATES)
        drawn = self.rng.sample(indices, min(len(indices), most))
        found: list[int] = []
        for i in drawn:
            try:
                self._boxed((i,), answer_kind(self.view, self.options.kinds))
            except CannotSay as error:
                self.refused.append(Refusal(label, error.reason, (i,)))
            else:
                found.append(i)
        return tuple(sorted(found, key=lambda i: (*bounds(self.view.targets[i].shape)[1::-1], i)))

    def _draw(self, found: Sequence[Choice]) -> Choice:
        """The rule first, then its words, so that the many of one kind are no more frequent."""
        rule = self.rng.choice(sorted({one.rule for one in found}))
        words = self.rng.choice(sorted({one.words for one in found if one.rule == rule}))
        return self.rng.choice([one for one in found if (one.rule, one.words) == (rule, words)])

    def _ask_given(self, label: str, candidates: tuple[int, ...]) -> None:
        own = [
            Choice("given", one.words, tuple(i in one.targets for i in candidates))
            for one in given(self.view).expressions
            if one.targets and not one.is_question and set(one.targets) < set(candidates)
        ]
        if own:
            self._ask("given", label, self.rng.choice(own), candidates)

    def _ask(self, form: str, label: str, choice: Choice, candidates: tuple[int, ...]) -> None:
        slots = {"dropped": _DROPPED, "best": _BEST}.get(form, _KEPT)
        words = choice.words if form == "given" else self._phrase(label, choice)
        (condition,) = fill(pick(self.rng, self.options, TEMPLATES, slots), dict.fromkeys(slots, words))
        assert isinstance(condition, str), "a wording and its slots are words"
        kind = self._kind()
        try:
            shapes = self._boxed(candidates, kind).shapes
            anchors = [self._boxed((i,), kind).shapes[0] for i in choice.anchors]
        except CannotSay as error:
            self.refused.append(Refusal(label, error.reason, ()))
            return
        kept = [number for number, is_in in enumerate(choice.kept, start=1) if is_in != (form == "dropped")]
        gold = Said(tuple(shapes[n - 1] for n in kept), tuple(self.view.targets[candidates[n - 1]].label for n in kept))
        self.asked.append(
            Instruction(
                id=identity(self.view, "select", form, label),
                task="select",
                form=form,
                images=self.view.images,
                prompt=selecting.question(condition, shapes, anchors),
                answer=(selecting.answer(kept),),
                gold=(gold,) if kept else (),
                labels=(label,) if label != UNNAMED else (),
                targets=candidates,
                negative=not kept,
            )
        )

    def _phrase(self, label: str, choice: Choice) -> str:
        """The condition around a noun: "the ships near the anchors", "those near the anchors", "the two largest ships"."""
        is_one = choice.rule in RANKS and sum(choice.kept) == 1
        is_nameless = label == UNNAMED or (shows_areas(self.view) and is_countable(label))
        words = choice.words
        if choice.rule == "relation":
            side = next((one for one in _SIDES if words.startswith(f"{{}} {one} ")), "")
            if side and self.rng.random() < 0.5:
                words = words.replace(side, _SIDES[side], 1)
            is_place = not words.startswith(_NO_PLACE)
            verbs = ("", "that are ", "that lie ") if is_place else ("", "that are ")
            words = words.replace("{} ", f"{{}} {self.rng.choice(verbs)}", 1)
        if is_nameless or self.rng.random() < NAMELESS_SHARE:
            if words.startswith("{}") and not is_one:
                return words.format("those")
            return f"the {words.format('one' if is_one else 'ones')}"
        return f"the {words.format(singular(label) if is_one else plural(label))}"

    def _kind(self) -> Kind:
        """Outlines are listed as either sort of box: one is what detection finds, the other what segmentation does."""
        kinds = {target.shape.kind for target in self.view.targets}
        if "polygon" in kinds and self.rng.random() < 0.5:
            return kind_of({"box"}, self.options.kinds)
        return answer_kind(self.view, self.options.kinds)

    def _boxed(self, indices: tuple[int, ...], kind: Kind) -> Said:
        return boxed(self.view, indices, kind, self.options.limits)


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per class one "kept" or "dropped" of a condition that the shapes prove, one "best" that ranks the candidates, one "given"
    of the dataset's own phrases; per view one "none", which holds of no candidate."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    asker = _Asker(view, rng, options)
    for label, indices in by_class(view).items():
        if own := askable(view, indices):
            asker.ask_class(label, own)
    asker.ask_nothing()
    return Built(tuple(asker.asked), tuple(asker.refused))


def score(text: str, record: Record) -> Score:
    count = selecting.count_of(bare(prompt(record)))
    gold = set(selecting.read(record.gold_text, count))
    try:
        kept = set(selecting.read(text, count))
    except BadAnswer as error:
        return _score(error.reason, set(), gold)
    return _score("ok", kept, gold)


def _score(verdict: str, kept: set[int], gold: set[int]) -> Score:
    readable = verdict == "ok"
    match = Matched(len(kept), len(gold), tuple((n, n, 1.0) for n in sorted(kept & gold)))
    rates = macro_rates(match, 0.5)
    parts = {
        "exact": float(kept == gold) * readable,
        "precision": rates.precision * readable,
        "recall": rates.recall * readable,
        "true_positive_n": float(len(kept & gold)),
        "predicted_n": float(len(kept)),
        "gold_n": float(len(gold)),
    }
    return Score(verdict, rates.f1 * readable, parts)


def form(question: Question) -> Form | None:
    """Numbers of the candidates that the words list; None where they list none."""
    count = selecting.count_of(question.text)
    return selecting.form(count) if count else None


TASK = Task(
    title="Choosing among candidates",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: F1 of the numbers that are kept; nothing to keep and nothing kept: 1; unreadable, a number that no candidate "
        "has or one said twice: 0, also where nothing is to be kept. Parts: exact (the very same numbers), precision and "
        "recall, and the sums for micro rates."
    ),
)
