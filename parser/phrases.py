"""Noun phrases: articles, quantifiers, ranks, adjectives, the category, and the conditions behind it in their scope."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from georsmllm.metrics.text import lemma

from . import lexicon
from .comparisons import Superlative, criterion_of, ranked, superlative
from .cursor import BARE, MAX_DEPTH, Cursor, bound, determiner, number
from .predicates import Owner, conditions
from .relating import nearest_in_row
from .tree import Changed, Compares, Condition, Either, Has, Phrase

MAX_NOUN = 8
"""The most words of one category."""
_SIGNS = frozenset(",;:.?!%")
_CHANGES: tuple[tuple[str, Changed], ...] = (
    ("unchanged", Changed(unchanged=True)),
    ("appeared", Changed("appeared")),
    ("disappeared", Changed("disappeared")),
    ("altered", Changed("altered")),
    ("any_change", Changed("any")),
)
_PLAIN = (
    "clearly",
    "very",
    "visible",
    "individual",
    "quite",
    "fairly",
    "relatively",
    "really",
    "recently",
    "mostly",
    "two",
    "remaining",
)


class Quantity(NamedTuple):
    least: int | None = None
    most: int | None = None


class Adjectives(NamedTuple):
    """What stands before a category. rank: applied after everything else. position: "northern", which means the
    northernmost of them or a part of the image. in_row: 1 of "first", 2 of "second"; 0 where nothing is said."""

    conditions: tuple[Condition, ...] = ()
    rank: Superlative | None = None
    position: str = ""
    in_row: int = 0


def nested(c: Cursor) -> Phrase | None:
    """A noun phrase inside another one; None, and no step, where none stands here."""
    start = c.at
    c.depth += 1
    found = phrase(c, joined=False)
    c.depth -= 1
    if found is None:
        c.at = start
    return found


def phrase(c: Cursor, *, joined: bool = True) -> Phrase | None:
    """A noun phrase with its conditions. joined: it is the outermost one, and takes conditions that "and" joins."""
    pronoun = _pronoun(c)
    if pronoun:
        return _completed(c, pronoun, Adjectives(), joined=joined) if _takes_conditions(c) else pronoun
    said, definite = determiner(c)
    quantity = _quantity(c)
    definite = definite or determiner(c)[1]
    points_back = c.ahead() in ("that", "said") and _is_noun(c, 1) and bool(c.take("that"))
    adjectives = _adjectives(c)
    if adjectives.in_row and quantity == Quantity():
        quantity = _quantity(c)
    head = _head(c)
    if head is None:
        return _headless(c, adjectives, joined=joined) if said or adjectives.rank or adjectives.conditions else None
    draft = Phrase(
        head.singular,
        head.is_plural,
        definite or points_back,
        least=quantity.least,
        most=quantity.most,
        points_back=points_back,
    )
    draft = _of_parts(c, draft)
    return _completed(c, draft, adjectives, joined=joined)


def _takes_conditions(c: Cursor) -> bool:
    return c.depth < MAX_DEPTH and not (c.depth and c.ahead() in ("and", "or", "but", ","))


def _pronoun(c: Cursor) -> Phrase | None:
    start = c.at
    if c.take("the"):
        word = c.take("ones", "one", "latter", "others", "rest", "former")
        if word:
            few = word in ("one", "latter")
            return Phrase("", not few, is_definite=True, refers="one" if few else "many", spelt="ones")
        c.at = start
    word = c.ahead()
    number_ = lexicon.named("pronouns").get(word)
    if number_ is None or (word in ("these", "those", "one") and _is_noun(c, 1)):
        return None
    c.at += 1
    spelt = "ones" if word in ("ones", "one", "those", "these") else word
    return Phrase("", number_ == "many", is_definite=True, refers="one" if number_ == "one" else "many", spelt=spelt)


def _is_noun(c: Cursor, distance: int) -> bool:
    word = c.ahead(distance)
    if word in ("", "of") or word in lexicon.stops() or word in _SIGNS:
        return False
    return c.sees(lexicon.nouns(), distance) or not (
        c.sees(lexicon.relations(), distance)
        or c.sees(lexicon.phrases("postures"), distance)
        or c.sees(lexicon.attributes(), distance)
        or c.sees(lexicon.meanings("comparatives"), distance)
    )


def _quantity(c: Cursor) -> Quantity:
    start = c.at
    limit = bound(c)
    value = number(c)
    if value is None or c.sees(lexicon.meanings("superlatives")) or c.sees(lexicon.meanings("units")):
        c.at = start
        return Quantity()
    c.take("of") and c.take("the")
    n = int(min(value, 1_000_000))
    if limit == ">":
        return Quantity(n + 1)
    if limit == "<":
        return Quantity(None, n - 1)
    if limit == "<=":
        return Quantity(None, n)
    if limit == "=":
        return Quantity(n, n)
    return Quantity(n if n > 1 or limit else None)


def _adjectives(c: Cursor) -> Adjectives:
    found = Adjectives()
    joiner = ""
    while not _noun_ends(c):
        start = c.at
        got = _adjective(c, found)
        if got is None:
            break
        found = _joined(found, got, joiner)
        joiner = c.take("and", "or", ",")
        if joiner and (not _adjective_next(c) or _noun_ends(c)):
            c.at -= 1
            break
        if joiner and c.at <= start:
            break
    return found


def _joined(before: Adjectives, got: Adjectives, joiner: str) -> Adjectives:
    """Reads "red or white": either; "red and white", too, for one thing has one colour; else both in turn."""
    last, new = before.conditions[-1:], got.conditions[len(before.conditions) :]
    same = bool(last and new) and isinstance(last[0], Has) and isinstance(new[0], Has) and last[0].name == new[0].name
    if (joiner == "or" and last and new) or (joiner == "and" and same):
        return got._replace(conditions=(*before.conditions[:-1], Either(((last[0],), new))))
    return got


def _adjective_next(c: Cursor) -> bool:
    start = c.at
    c.take("the", "a")
    found = _adjective(c, Adjectives()) is not None and not _ends(c)
    c.at = start
    return found


def _adjective(c: Cursor, before: Adjectives) -> Adjectives | None:
    if before.rank is None:
        rank = superlative(c)
        if rank:
            return before._replace(rank=rank)
    if c.ahead() in ("first", "next") and not c.sees(lexicon.phrases("image_a")):
        c.at += 1
        return before._replace(in_row=1)
    ordinal = None if c.sees(lexicon.phrases("image_b")) else c.find(lexicon.values("ordinals"))
    if ordinal:
        return before._replace(in_row=int(ordinal))
    if c.num_images == 2 and c.take("destroyed"):
        return before._replace(conditions=(*before.conditions, Changed("disappeared")))
    if c.take(*_PLAIN):
        return before
    for name, meaning in _CHANGES:
        if c.find(lexicon.phrases(name)):
            return before._replace(conditions=(*before.conditions, meaning))
    start = c.at
    negated = bool(c.take("non", "not"))
    found = c.find(lexicon.attributes())
    if found:
        name = f"roof_{found[0]}" if c.take("roofed", "roof") else found[0]
        return before._replace(conditions=(*before.conditions, Has(name, found[1], negated)))
    c.at = start
    return _position(c, before)


def _position(c: Cursor, before: Adjectives) -> Adjectives | None:
    start = c.at
    single = c.find(lexicon.meanings("positions"))
    if single and not c.sees(lexicon.meanings("regions")) and not c.take("side", "hand", "corner", "part"):
        return None if _ends(c) else before._replace(position=f"{single} {c.words[start]}")
    c.at = start
    value = c.find(lexicon.meanings("regions"))
    if value is None or _ends(c) or value in ("edge", "corner") or value.endswith("edge"):
        c.at = start
        return None
    c.take("most", "side", "corner", "part")
    return before._replace(conditions=(*before.conditions, Has("image_region", value)))


def _noun_ends(c: Cursor) -> bool:
    """Whether a known category stands here and ends the run of words."""
    found = lexicon.nouns().match(c.words, c.at)
    if found is None:
        return False
    after = c.at + found[0]
    word = c.words[after] if after < len(c.words) else ""
    return _boundary(c, after) or lexicon.ends_in(lemma(word), "parts")


def _ends(c: Cursor) -> bool:
    return _boundary(c, c.at)


def _boundary(c: Cursor, at: int) -> bool:
    """Whether no word of a category stands at a place."""
    word = c.words[at] if at < len(c.words) else ""
    if not word or word in _SIGNS or word in lexicon.stops() or word[0].isdigit() or word == "'s":
        return True
    distance = at - c.at
    if c.sees(lexicon.relations(), distance) or c.sees(lexicon.phrases("postures"), distance):
        return True
    if c.sees(lexicon.phrases("docked"), distance) or c.sees(lexicon.meanings("comparatives"), distance):
        return True
    if word in ("nearest", "closest", "farthest", "furthest"):
        return True
    return any(
        c.sees(lexicon.phrases(name), distance)
        for name in (
            "appeared",
            "disappeared",
            "altered",
            "any_change",
            "unchanged",
            "replaced_by",
            "times",
            "except",
            "separately",
            "dropped",
            "more_now",
            "less_now",
        )
    )


def _head(c: Cursor) -> lexicon.Noun | None:
    """The words of a category: a known one that ends here, or any words up to the next that cannot be one."""
    start = c.at
    while c.at - start < MAX_NOUN and not c.done():
        found = lexicon.nouns().match(c.words, c.at)
        if found and (c.at == start or (found[0] > 1 and c.words[c.at] not in lexicon.stops())):
            c.at += found[0]
        elif _ends(c) or (c.at > start and _stands_apart(c, start)):
            break
        else:
            c.at += 1
    return _noun(c.words[start : c.at]) if c.at > start else None


def _stands_apart(c: Cursor, start: int) -> bool:
    """Whether a word behind a known category says something about it ("the truck red", "cropland watered by ...")."""
    if not lexicon.knows(" ".join((*c.words[start : c.at - 1], lemma(c.words[c.at - 1])))):
        return False
    found = lexicon.attributes().match(c.words, c.at)
    if found and _boundary(c, c.at + found[0]):
        return True
    return len(c.ahead()) > 5 and c.ahead().endswith(("ed", "ing")) and not c.sees(lexicon.nouns())


def _noun(words: tuple[str, ...]) -> lexicon.Noun:
    text = " ".join(words)
    data = lexicon.noun_data()
    known = lexicon.nouns().match(words, 0)
    if known and known[0] == len(words):
        return lexicon.Noun(data.aliases.get(known[1].singular, known[1].singular), known[1].is_plural)
    last = lexicon.nouns().match(words[-1:], 0)
    singular = last[1].singular if last else lemma(words[-1])
    is_plural = last[1].is_plural if last else singular != words[-1]
    singular = data.aliases.get(singular, singular) if len(words) > 1 else singular
    return lexicon.Noun(" ".join((*words[:-1], singular)) if len(words) > 1 else singular, is_plural and bool(text))


def _of_parts(c: Cursor, draft: Phrase) -> Phrase:
    """Reads "sections of the river", "riverbed sections": the category is what they are parts of."""
    head, _, last = draft.head.rpartition(" ")
    if (
        head
        and lexicon.kind(draft.head) != "region"
        and last in ("section", "part", "stretch", "portion", "segment", "reach")
        and lexicon.kind(head) in ("stuff", "region")
    ):
        return replace(draft, head=head, is_plural=False, is_definite=True)
    if (
        c.ahead() == "of"
        and lexicon.ends_in(draft.head, "parts")
        and draft.head.count(" ") == 0
        and not draft.points_back
    ):
        start = c.at
        c.at += 1
        c.depth += BARE
        inner = phrase(c, joined=False)
        c.depth -= BARE
        if inner and inner.head:
            return replace(
                inner, least=draft.least, most=draft.most, is_definite=inner.is_definite or draft.is_definite
            )
        c.at = start
    return draft


def _headless(c: Cursor, adjectives: Adjectives, *, joined: bool) -> Phrase | None:
    """Reads "the largest of the ships", "the red ones", "the largest"."""
    c.take("one", "ones")
    if c.ahead() in ("of", "among") or c.take_all("out", "of"):
        c.take("of", "among")
        inner = phrase(c, joined=joined)
        if inner is None:
            return None
        ranked_ = _finished(replace(inner, conditions=()), inner.conditions, adjectives)
        return replace(ranked_, num_behind=0)
    if not adjectives.rank and not adjectives.conditions and not adjectives.position:
        return None
    draft = Phrase("", is_plural=True, is_definite=True, refers="many", spelt="ones")
    return _completed(c, draft, adjectives, joined=joined)


def _completed(c: Cursor, draft: Phrase, adjectives: Adjectives, *, joined: bool) -> Phrase:
    owner = Owner(draft.head, draft.is_plural, draft.is_definite, draft.image, lexicon.ends_in(draft.head, "generic"))
    anchors = _nearest_to(c, adjectives)
    counted = _counted_from(c, draft, adjectives)
    behind = conditions(c, owner, joined=joined) if c.depth < MAX_DEPTH else []
    if owner.head != draft.head:
        draft = replace(draft, head=owner.head, is_plural=owner.is_plural)
    draft = replace(draft, image=owner.image)
    if counted:
        return _finished(draft, (*behind, counted), adjectives._replace(in_row=0))
    return _finished(draft, tuple(behind), adjectives, anchors=anchors)


def _counted_from(c: Cursor, draft: Phrase, adjectives: Adjectives) -> Compares | None:
    """Reads "from the left" behind "the second plane"."""
    start = c.at
    c.take("counting", "counted", "when")
    if adjectives.in_row and c.take("from") and c.take("the"):
        found = c.find(lexicon.meanings("positions"))
        c.take("side", "end", "edge")
        if found and c.ahead() != "of":
            criterion, end = found.split()
            k, lowest = adjectives.in_row, end == "min"
            if draft.least and k == 1:
                return Compares(criterion_of(criterion), "min" if lowest else "top_k", draft.least)
            if k == 1:
                return Compares(criterion_of(criterion), "min" if lowest else "max")
            return Compares(criterion_of(criterion), "rank_k", k, "min" if lowest else None)
    c.at = start
    return None


def _nearest_to(c: Cursor, adjectives: Adjectives) -> tuple[Phrase, ...]:
    """The anchors of "nearest building to the river"; "it" where they are not said."""
    if adjectives.rank is None or adjectives.rank.criterion != "distance_to":
        return ()
    start = c.at
    anchor = c.phrase(c) if c.take("to", "from") or c.take_all("away", "from") else None
    if anchor is None:
        c.at = start
    return (anchor or Phrase("", refers="one", spelt="it"),)


def _finished(
    draft: Phrase, behind: tuple[Condition, ...], adjectives: Adjectives, *, anchors: tuple[Phrase, ...] = ()
) -> Phrase:
    """The phrase with its conditions in the order of their scope: adjectives, what stands behind, the rank at last."""
    every = [*adjectives.conditions, *behind]
    every = [_as_many(one, draft.least) for one in every]
    if adjectives.position:
        every.insert(0, _placed(draft, adjectives.position)) if draft.is_plural else every.append(
            _placed(draft, adjectives.position)
        )
    if adjectives.in_row and not adjectives.rank:
        every = list(nearest_in_row(tuple(every), adjectives.in_row))
    if adjectives.rank:
        every.append(_rank(draft, adjectives.rank, anchors))
    return replace(draft, conditions=tuple(every), num_behind=len(behind))


def _as_many(one: Condition, number_said: int | None) -> Condition:
    """Reads "the three ships closest to the pier": as many as were said."""
    if not number_said or number_said < 2 or not isinstance(one, Compares) or one.k or one.mode not in ("min", "max"):
        return one
    return replace(one, mode="min" if one.mode == "min" else "top_k", k=number_said)


def _placed(draft: Phrase, position: str) -> Condition:
    criterion, end, word = position.split(" ", 2)
    if draft.is_plural:
        found = lexicon.meanings("regions").match((word,), 0)
        return Has("image_region", found[1] if found else word)
    return Compares(criterion_of(criterion), "min" if end == "min" else "max")


def _rank(draft: Phrase, rank: Superlative, anchors: tuple[Phrase, ...]) -> Compares:
    """The rank; "main" is the widest of roads and rivers, else the largest."""
    if rank.is_main and not lexicon.ends_in(draft.head, "lines"):
        rank = rank._replace(criterion="area")
    return ranked(rank, anchors)
