"""Questions as plans: what is asked of the phrases, how several questions go together, and of what type the answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from .building import Builder
from .graph import AnswerType, Draft, mark
from .plan import Combine, Compare, Plan
from .planner import NoCondition
from .tree import Changed, Compares, Either, Phrase, Question


class Made(NamedTuple):
    """A plan, and which of the questions it does not answer, by number from 0: a plan has one answer."""

    plan: Plan
    unanswered: tuple[int, ...]


def made(questions: Sequence[Question]) -> Made:
    """The plan of all questions of a query. Raises NoCondition where they come to nothing."""
    if not questions:
        raise NoCondition(
            "the query names nothing that an image could show; say what to look for, such as 'find planes'"
        )
    main = questions[-1]
    pair = any(_tells_change(one) for one in questions)
    builder = Builder(as_masks=any(one.asked == "segment" for one in questions), image="A" if pair else "single")
    answers: list[tuple[Question, int]] = []
    for question in questions:
        place = _answered(builder, question, before=answers[-1][1] if answers else None)
        answers.append((question, place))
        builder.answer = place
    place, main = _together(builder, answers)
    unanswered = tuple(i for i, (_, one) in enumerate(answers) if not builder.graph.needs(place, one))
    return Made(_finished(builder, place, main), unanswered)


def _tells_change(question: Question) -> bool:
    return any(isinstance(one, Changed) for phrase in question.phrases for one in phrase.conditions)


def _answered(builder: Builder, question: Question, *, before: int | None) -> int:
    if question.asked in ("count", "find", "segment"):
        if question.separately:
            return _apart(builder, question)
        place = _set(builder, question)
        return builder.count(place) if question.asked == "count" else place
    if question.asked == "exclude":
        return _excluded(builder, question, before)
    handlers = {
        "fraction": _fraction,
        "every": _fraction,
        "exists": _exists,
        "more": _more,
        "grown": _grown,
        "area_grown": _area_grown,
        "choice": _choice,
    }
    return handlers[question.asked](builder, question)


def _set(builder: Builder, question: Question) -> int:
    """One set of all phrases; what stands behind the last of them narrows the whole where it is shared."""
    if not question.shared:
        return builder.union([builder.target(one) for one in question.phrases])
    last = question.phrases[-1]
    cut = len(last.conditions) - last.num_behind
    bare = replace(last, conditions=last.conditions[:cut])
    whole = builder.union([builder.target(one) for one in (*question.phrases[:-1], bare)])
    mixed = len({one.head for one in question.phrases}) > 1
    return builder.narrowed(replace(bare, head="object") if mixed else bare, whole, last.conditions[cut:])


def _apart(builder: Builder, question: Question) -> int:
    """Each phrase by itself. Of one category ("white cars and black cars on the bridge") what is shared comes first."""
    phrases = _split(question.phrases)
    last = phrases[-1]
    shared = (
        last.conditions[len(last.conditions) - last.num_behind :]
        if question.shared or len(phrases) > len(question.phrases)
        else ()
    )
    own = [
        replace(one, conditions=one.conditions[: len(one.conditions) - one.num_behind], num_behind=0) if shared else one
        for one in phrases
    ]
    if shared and len({one.head for one in own}) == 1:
        base = builder.target(Phrase(last.head, is_plural=True, conditions=shared))
        sets = [builder.narrowed(one, base, one.conditions) for one in own]
    else:
        sets = [builder.target(replace(one, conditions=(*one.conditions, *shared))) for one in own]
    if question.asked == "count":
        sets = [builder.count(one) for one in sets]
    if len(sets) == 1:
        return sets[0]
    text = f"Report {', '.join(map(mark, sets[:-1]))} and {mark(sets[-1])} together."
    return builder.graph.add(Draft("combine", text, tuple(sets), combine=Combine("tuple")))


def _split(phrases: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
    """Reads "white and black cars" are two phrases."""
    if len(phrases) > 1 or not phrases[0].conditions or not isinstance(phrases[0].conditions[0], Either):
        return phrases
    one = phrases[0]
    first = one.conditions[0]
    assert isinstance(first, Either)
    return tuple(replace(one, conditions=(*branch, *one.conditions[1:])) for branch in first.branches)


def _excluded(builder: Builder, question: Question, before: int | None) -> int:
    if before is None:
        raise NoCondition("the query says what to leave out, but not of what; say what to look for")
    taken = builder.union([builder.anchor(one) for one in question.phrases])
    text = f"Remove {mark(taken)} from {mark(before)}."
    return builder.graph.add(Draft("combine", text, (before, taken), combine=Combine("difference")))


def _fraction(builder: Builder, question: Question) -> int:
    one = question.phrases[0]
    whole = builder.target(one)
    if question.comparison and question.asked == "fraction":
        text = f"Divide the area of {mark(whole)} by the area of the image."
        return _compare(builder, question.comparison, (whole,), text)
    part = builder.count(builder.narrowed(one, whole, question.conditions))
    every = builder.count(whole)
    if question.asked == "every" and question.comparison:
        share = _compare(builder, Compares("value", "ratio"), (part, every), f"Divide {mark(part)} by {mark(every)}.")
        by = question.comparison
        return _compare(builder, by, (share,), f"Is {mark(share)} {by.mode.replace('_', ' ')} {by.value}?")
    if question.asked == "every":
        text = f"Is {mark(part)} at least {mark(every)}?"
        return _compare(builder, Compares("value", "at_least"), (part, every), text)
    return _compare(builder, Compares("value", "ratio"), (part, every), f"Divide {mark(part)} by {mark(every)}.")


def _compare(builder: Builder, one: Compares, inputs: tuple[int, ...], text: str, anchors: tuple[int, ...] = ()) -> int:
    says = Compare(one.criterion, one.mode, one.k, one.value)
    return builder.graph.add(Draft("compare", text, inputs, anchors, compare=says))


def _exists(builder: Builder, question: Question) -> int:
    place = _subject(builder, question)
    if question.comparison:
        counted, by = builder.count(place), question.comparison
        words = {"less_than": "less than", "greater_than": "greater than"}.get(by.mode, "at least")
        return _compare(builder, by, (counted,), f"Is {mark(counted)} {words} {by.value}?")
    if _is_itself_a_question(question, builder, place):
        return place
    return _compare(builder, Compares("count", "exists"), (place,), f"Is {mark(place)} non-empty?")


def _subject(builder: Builder, question: Question) -> int:
    """The set that is asked about; "is the stadium north of the river" looks for the stadium and then asks."""
    one = question.phrases[0]
    asked_alone = one.is_definite and not one.is_plural and len(question.phrases) == 1 and one.head
    if not asked_alone or len(one.conditions) != one.num_behind or any(isinstance(c, Changed) for c in one.conditions):
        return _set(builder, question)
    base = builder.target(replace(one, conditions=(), num_behind=0))
    return builder.narrowed(one, base, one.conditions)


def _is_itself_a_question(question: Question, builder: Builder, place: int) -> bool:
    """Reads "Is the stadium closer to the river than to the station?": the comparison of one thing is the answer."""
    one = question.phrases[0]
    last = one.conditions[-1] if one.conditions else None
    single = one.is_definite and not one.is_plural and len(question.phrases) == 1
    return (
        single
        and isinstance(last, Compares)
        and len(one.conditions) == one.num_behind
        and last.mode in ("greater_than", "less_than", "at_least")
        and builder.graph.kind(place) == "compare"
    )


def _more(builder: Builder, question: Question) -> int:
    first, second = (builder.count(builder.target(one)) for one in question.phrases)
    mode = "less_than" if question.less else "greater_than"
    by = Compares("value", "less_than" if mode == "less_than" else "greater_than")
    return _compare(builder, by, (first, second), f"Is {mark(first)} {mode.split('_')[0]} than {mark(second)}?")


def _grown(builder: Builder, question: Question) -> int:
    one = question.phrases[0]
    old, new = _before_and_after(builder, one)
    before, after = builder.count(old), builder.count(new)
    more, less = (before, after) if question.less else (after, before)
    limit = int(question.number or 0)
    by = Compares("value", "difference_greater_than", value=limit)
    return _compare(builder, by, (more, less), f"Is {mark(more)} minus {mark(less)} greater than {limit:g}?")


def _before_and_after(builder: Builder, one: Phrase) -> tuple[int, int]:
    builder.image = "A"
    old = builder.target(replace(one, image="A"))
    builder.image = "B"
    return old, builder.target(replace(one, image="B"))


def _area_grown(builder: Builder, question: Question) -> int:
    one = question.phrases[0]
    builder.as_masks = True
    bare = replace(one, is_definite=True)
    old, new = _before_and_after(builder, bare)
    word = "smaller" if question.less else "larger"
    by = Compares("area", "less_than" if question.less else "greater_than")
    return _compare(builder, by, (new,), f"Is {mark(new)} {word} than {mark(old)}?", (old,))


def _choice(builder: Builder, question: Question) -> int:
    by = question.comparison
    assert by is not None
    sets = tuple(builder.target(one) for one in question.phrases)
    if by.criterion == "value":
        sets = tuple(map(builder.count, sets))
    anchors = tuple(builder.anchor(one) for one in by.anchors)
    told = f" to {mark(anchors[0])}" if anchors else ""
    least = "least" if by.value == "min" else "greatest"
    named = f"{', '.join(map(mark, sets[:-1]))} and {mark(sets[-1])}"
    text = f"Which of {named} has the {least} {by.criterion.replace('_to', '')}{told}?"
    return _compare(builder, by, sets, text, anchors)


def _together(builder: Builder, answers: list[tuple[Question, int]]) -> tuple[int, Question]:
    """The answer of all questions: the last one's where it goes on from those before; sets of the same kind are joined."""
    question, place = answers[-1]
    if question.asked == "exclude":
        question = answers[-2][0]
    apart = [place]
    kinds = ("find", "segment")
    for earlier, one in reversed(answers[:-1]):
        same = earlier.asked == question.asked or (earlier.asked in kinds and question.asked in kinds)
        if same and not any(builder.graph.needs(each, one) for each in apart):
            apart.insert(0, one)
    if len(apart) == 1 or question.asked not in ("find", "segment", "count"):
        return place, question
    if question.asked == "count":
        text = f"Report {', '.join(map(mark, apart[:-1]))} and {mark(apart[-1])} together."
        both = builder.graph.add(Draft("combine", text, tuple(apart), combine=Combine("tuple")))
        return both, replace(question, separately=True)
    return builder.union(apart), question


def _finished(builder: Builder, place: int, question: Question) -> Plan:
    graph = builder.graph
    asked = question.asked
    if asked in ("count", "fraction"):
        tuple_ = graph.drafts[place].combine is not None
        return graph.plan(place, "numbers" if tuple_ else "number")
    if asked in ("exists", "every", "more", "grown", "area_grown"):
        return graph.plan(place, "boolean")
    if asked == "choice":
        return graph.plan(place, "choice")
    kind: AnswerType = "masks" if builder.as_masks or graph.from_type(place, "segment") else "boxes"
    if graph.from_type(place, "change"):
        return graph.plan(place, "change_mask")
    if builder.as_masks and graph.kind(place) != "segment":
        place = graph.add(Draft("segment", f"Segment every object in {mark(place)}.", (place,)))
    return graph.plan(place, kind)
