"""Questions about an image or a pair, in the dataset's own words: answered by yes or no, a number, an option, or words."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from georsmllm.constrain.form import (
    Exactly,
    Form,
    OneOf,
    Question,
    Then,
    any_case,
    digits,
    maybe,
    texts,
)
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.metrics.detection import Matched, macro_rates
from georsmllm.metrics.text import names, same_words, token_f1, tokens, words
from georsmllm.types import Instruction, Part, Record, Said, Sample, Text

from ._asking import COORDINATES, NUMBER_WORDS, fill, identity, lines, pick, slots_of
from ._grounding import is_heard, matched_with_gold, mentioned, pointed_out, split
from ._pointing import pointed
from ._sentences import as_question, as_sentence, interleave, pointing, sentence, tidy, unsayable

TEMPLATES = lines("""
    {yes_no} Answer yes or no.
    {yes_no} Reply with yes or no only.
    {yes_no} Is it yes or no? One word, please.
    Look at the image. {yes_no} Say yes or no.
    Here is a question about what you see: {yes_no} Answer with yes or no.
    Decide: {yes_no} A single yes or no is enough.
    {number} Answer with a number.
    {number} Give the number only.
    {number} Reply with one number and nothing else.
    Look at the image. {number} State the number.
    Here is a question about an amount: {number} Answer with a number only.
    Look closely. {number} One number is enough.
    {choice} Answer with the right option only.
    {choice} Reply with nothing but your choice.
    {choice} Name the option that fits, nothing else.
    Look at the image and choose. {choice} Give only what you choose.
    Here is a choice to make: {choice} Answer with one of the options as it stands.
    Pick what fits the image. {choice} Write just that.
    {question} Answer in a few words.
    {question} Reply as shortly as you can.
    {question} A word or a short phrase is enough.
    Look at the image. {question} Keep the answer short.
    Here is a question about what you see: {question} Answer in a word or two.
    Answer with a short phrase: {question} No full sentence is needed.
    {long} Answer in full sentences.
    {long} Explain your answer.
    {long} Give a complete answer.
    Look at the image. {long} Answer in your own words.
    Here is a question about what you see: {long} Reply with a sentence or more.
    Take your time and answer in detail: {long} Be complete.
    {grounded} Mark what you name with {boxes}.
    {grounded} Answer in words, and locate what you mention with {boxes}.
    {grounded} Ground your answer with {boxes}.
    Look at the image. {grounded} Put {boxes} after each object that you name.
    Here is a question about what you see: {grounded} Answer with words and {boxes}.
    Answer and show where: {grounded} Use {boxes}.
""")

SHORT_WORDS = 5
"""Up to so many words are a short answer."""

UNITS = ("m2", "m²", "km2", "km²", "m", "km", "ha", "%")
_UNIT = f"(?:{'|'.join(UNITS)})"
_NUMBER = re.compile(
    rf"(?P<digits>[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,12}})(?P<part>\.[0-9]{{1,9}})? ?(?P<unit>{_UNIT})?"
)
_LETTERS = re.compile(r"\(?[A-Z]\)?(?:(?:\s*[,;&]\s*|\s+and\s+|\s+)\(?[A-Z]\)?)*")
_OPTION = re.compile(r"(?<!\w)\(?([A-Z])[.):]")


class Quantity(NamedTuple):
    value: float
    unit: str


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Each question once; what has two answers, or was asked of a whole that the view cuts, is refused."""
    given = [text for text in view.texts if text.kind == "question"]
    if not given:
        return Built()
    if any(image.window is not None for image in view.images):
        return Built(refusals=(Refusal("question", "cut_view", ()),))
    asked: list[Instruction] = []
    refused: list[Refusal] = []
    answers: dict[tuple[object, ...], set[tuple[str, ...]]] = {}
    for text in given:
        answers.setdefault(_key(text), set()).add(words(text.answer))
    seen: set[tuple[object, ...]] = set()
    for number, text in enumerate(given):
        key = _key(text)
        reason = "contradictory_answers" if len(answers[key]) > 1 else "repeated_sentence" if key in seen else ""
        seen.add(key)
        reason = reason or unsayable(text.text) or unsayable(text.answer)
        if not reason:
            try:
                asked.append(_instruction(view, text, number, rng=rng, options=options))
            except CannotSay as error:
                reason = error.reason
        if reason:
            refused.append(Refusal("question", reason, ()))
    return Built(tuple(asked), tuple(refused))


def _key(text: Text) -> tuple[object, ...]:
    """What makes two questions one: the words, and what they point at."""
    return words(text.text), tuple((one.at, one.targets) for one in pointing(text, "text"))


def _instruction(view: Sample, text: Text, number: int, *, rng: Random, options: AskOptions) -> Instruction:
    """Raises CannotSay for what the sentences point at."""
    places: list[tuple[int, Said]] = []
    for mention in pointing(text, "text"):
        mentioned(view, (mention,))
        places.append((mention.at, pointed(view, mention.targets, rng, options)))
    asked = tuple(i for mention in text.mentions for i in mention.targets)
    question = as_question(interleave(text.text, places))
    form = _form(text)
    slots: dict[str, Part | tuple[Part, ...]] = {"question" if form == "open" else form: question}
    answer: tuple[Part, ...] = (_written(tidy(text.answer), form),)
    gold = tuple(_exact(view, mention.targets) for mention in pointing(text, "text"))
    if form == "grounded":
        pointers = pointed_out(view, pointing(text, "answer"), options)
        slots["boxes"] = pointers.form
        answer = as_sentence(interleave(text.answer, pointers.places))
        gold = tuple(said for _, said in pointers.places)
        if not is_heard(answer, view):
            raise CannotSay("unheard", "the ear would take words of the answer for point text")
    return Instruction(
        id=identity(view, "vqa", form, str(number), *([text.topic] if text.topic else [])),
        task="vqa",
        form=form,
        images=view.images,
        prompt=fill(pick(rng, options, TEMPLATES, frozenset(slots)), slots),
        answer=answer,
        gold=gold,
        targets=tuple(sorted(set(asked))),
    )


def _exact(view: Sample, indices: tuple[int, ...]) -> Said:
    targets = [view.targets[i] for i in indices]
    return Said(tuple(one.shape for one in targets), tuple(one.label for one in targets), targets[0].image)


# --- the forms of answers --------------------------------------------------------------------------------------------


def _form(text: Text) -> str:
    answer = tidy(text.answer)
    if pointing(text, "answer"):
        return "grounded"
    if tokens(answer) in (("yes",), ("no",)):
        return "yes_no"
    if quantity(answer) is not None:
        return "number"
    if _is_option(answer, text.text):
        return "choice"
    return "open" if len(words(answer)) <= SHORT_WORDS else "long"


def _written(answer: str, form: str) -> str:
    if form == "yes_no":
        return tokens(answer)[0]
    return sentence(answer) if form == "long" else answer


def _is_option(answer: str, question: str) -> bool:
    """Whether the question offers the answer: letters of its lettered options, or one side of its "or"."""
    offered = set(_OPTION.findall(question))
    if len(offered) > 1 and _LETTERS.fullmatch(answer):
        return _letters(answer) <= offered
    asked, said = tokens(question), tokens(answer)
    return bool(said) and any(
        said in (asked[i + 1 : i + 1 + len(said)], asked[max(0, i - len(said)) : i])
        for i, word in enumerate(asked)
        if word == "or"
    )


def _letters(text: str) -> set[str]:
    return set(re.findall(r"[A-Z]", text))


def quantity(text: str) -> Quantity | None:
    """The number that a text is: digits with a fraction, commas between thousands and a unit (m2, m², km2, m, km, ha, %)
    at most, or a word up to ten; None for anything else."""
    said = text.strip().removesuffix(".").rstrip()
    if said.lower() in NUMBER_WORDS[1:] or said.lower() == "zero":
        return Quantity(float(NUMBER_WORDS.index(said.lower())) if said.lower() in NUMBER_WORDS else 0.0, "")
    match = _NUMBER.fullmatch(said)
    if match is None:
        return None
    value = float(match["digits"].replace(",", "") + (match["part"] or ""))
    return Quantity(value, (match["unit"] or "").replace("²", "2"))


# --- the judge -------------------------------------------------------------------------------------------------------


def _yes_no(text: str, gold: str) -> float:
    said = words(text)
    first = said[0]
    if first not in ("yes", "no") or {"yes", "no"} <= set(said):
        raise BadAnswer("not_yes_or_no", text, expected="yes or no")
    return float(first == gold)


def _number(text: str, gold: str) -> float:
    said, wanted = quantity(text), quantity(gold)
    if said is None:
        raise BadAnswer("not_a_number", text, expected="a number")
    return float(wanted is not None and said.value == wanted.value and said.unit in ("", wanted.unit))


def _choice(text: str, gold: str) -> float:
    if _LETTERS.fullmatch(gold):
        said = text.strip().removesuffix(".")
        with_words = _OPTION.findall(said)
        if len(with_words) == 1 and _OPTION.match(said):  # "B. harbor": the option as it stands in the question
            return float(set(with_words) == _letters(gold))
        return float(_LETTERS.fullmatch(said) is not None and _letters(said) == _letters(gold))
    return float(same_words(text, gold))


def _words(text: str, gold: str) -> float:
    return 1.0 if same_words(text, gold) else token_f1(text, gold)


_JUDGES: dict[str, Callable[[str, str], float]] = {
    "yes_no": _yes_no, "number": _number, "choice": _choice, "open": _words, "long": _words,
}  # fmt: skip


def score(text: str, record: Record) -> Score:
    try:
        return _judged(text, record)
    except BadAnswer as error:
        return Score(error.reason, 0.0, {"exact": 0.0, "gold_named": 0.0, "token_f1": 0.0, "box_f1": 0.0})


def _judged(text: str, record: Record) -> Score:
    """Raises BadAnswer: empty, coordinates, and what the form of the answer and the point text refuse."""
    gold, form = record.gold_text, record.provenance.form
    match = Matched(0, 0, ())
    if form == "grounded":
        gold = split(gold, record).words
        text, shapes = split(text, record)
        match = matched_with_gold(shapes, record)
    elif COORDINATES.search(text):
        raise BadAnswer("coordinates", text, expected="words")
    if not words(text):
        raise BadAnswer("empty", text, expected="an answer")
    box_f1 = macro_rates(match, 0.5).f1
    value = (_words(text, gold) + box_f1) / 2 if form == "grounded" else _JUDGES[form](text, gold)
    parts = {
        "exact": float(same_words(text, gold) if form in ("open", "long", "grounded") else value),
        "gold_named": float(names(text, gold)),
        "token_f1": token_f1(text, gold),
        "box_f1": box_f1,
    }
    return Score("ok", value, parts)


def form(question: Question) -> Form | None:
    """Yes or no, or a number; other answers are words."""
    asked = next((name for name in ("yes_no", "number") if slots_of(question.text, TEMPLATES, frozenset({name}))), "")
    asked = question.form or asked
    return texts(("yes", "no")) if asked == "yes_no" else _quantities() if asked == "number" else None


def _quantities() -> Form:
    """What `quantity` hears, up to fifteen digits."""
    digit = digits(1, 1)
    group = Then((Exactly(","), digits(3, 3)))
    grouped: Form = group
    for _ in range(3):
        grouped = Then((group, maybe(grouped)))
    whole = OneOf((digits(1, 12), Then((digits(1, 3), grouped))))
    number = Then((whole, maybe(Exactly("."), digit, digits(0, 8)), maybe(maybe(Exactly(" ")), texts(UNITS))))
    word = OneOf(tuple(any_case(one) for one in ("zero", *NUMBER_WORDS[1:])))
    return Then((OneOf((number, word)), maybe(Exactly("."))))


TASK = Task(
    title="Visual question answering",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value by the form of the gold answer. yes_no: the answer's first word is that word (any other, or both: unreadable). "
        "number: the same number, in digits (a fraction, commas between thousands) or a word up to ten, with the gold's unit "
        "or none; anything else is unreadable; counts are not put into buckets. choice: the same set of letters, of which a "
        "single one may have its option behind it, or the same words. open and long: 1 for the same words in the same order "
        "(case, articles and plurals apart), else the F1 of the words. "
        "grounded: the mean of that and of F1 of the boxes at IoU >= 0.5. Empty answers and, where no boxes are wanted, "
        "coordinates: 0. Parts: exact, whether the gold's words stand side by side in the answer, word F1, and box F1 (1 "
        "where no boxes are wanted and the answer can be read)."
    ),
)
