"""Noun phrases as steps: the category is looked for once, then each condition narrows it in the order of its scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from . import lexicon, wording
from .graph import Draft, Graph, mark
from .plan import Attribute, Change, Combine, Compare, ImageName, Relation, StepType
from .planner import NoCondition
from .tree import Changed, Compares, Condition, Either, Has, Phrase, Stands, Without


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that was spoken of. base: the step that looks for its category; result: the step that ends its phrase."""

    phrase: Phrase
    base: int
    result: int


@dataclass(slots=True)
class Builder:
    """as_masks: masks are asked for. image: where an anchor lies if the query does not say ("A" of a pair). spoken: what was
    mentioned, in order. subjects: the phrases whose conditions are being built. answer: the step of the last question."""

    as_masks: bool = False
    image: ImageName = "single"
    graph: Graph = field(default_factory=Graph)
    spoken: list[Mention] = field(default_factory=list)
    subjects: list[Mention] = field(default_factory=list)
    answer: int | None = None

    def target(self, phrase: Phrase) -> int:
        """The step that a phrase of the question ends in."""
        return self._phrase(phrase, is_anchor=False)

    def anchor(self, phrase: Phrase) -> int:
        """The step that a phrase within a condition ends in."""
        return self._phrase(phrase, is_anchor=True)

    def _phrase(self, phrase: Phrase, *, is_anchor: bool) -> int:
        phrase = _open_ground(phrase)
        if " " not in phrase.head and lexicon.ends_in(phrase.head, "generic"):
            phrase = replace(phrase, head="object", is_plural=True)
        known = self._pointed_at(phrase, is_anchor=is_anchor)
        changes = [one for one in phrase.conditions if isinstance(one, Changed)]
        change = next((one for one in changes if one.instead), changes[0] if changes else None)
        rest: tuple[Condition, ...] = tuple(one for one in phrase.conditions if not isinstance(one, Changed))
        if known is not None:
            named, base = known
        elif change:
            named, base = phrase, self._changed(phrase, change)
            rest = (*rest, *self._gave_way_to(change))
            named = change.instead if change.gave_way and change.instead else phrase
        else:
            named, base = phrase, self._look(phrase, is_anchor=is_anchor)
        result = self.narrowed(named, base, rest)
        if named.head or not self.spoken:
            self.spoken.append(Mention(named, base, result))
        return result

    def narrowed(self, phrase: Phrase, base: int, conditions: Sequence[Condition]) -> int:
        """A step and the conditions on it."""
        self.subjects.append(Mention(phrase, base, base))
        place = base
        for one in conditions:
            place = self._narrow(place, one, phrase)
        self.subjects.pop()
        return place

    def _pointed_at(self, phrase: Phrase, *, is_anchor: bool) -> tuple[Phrase, int] | None:
        """What "it", "those" or "that station" means: the phrase and step it points back to."""
        if phrase.points_back:
            last = phrase.head.rpartition(" ")[2]
            found = next((one for one in reversed(self.spoken) if one.phrase.head.rpartition(" ")[2] == last), None)
            return (found.phrase, found.result) if found else None
        if not phrase.refers:
            return None
        if phrase.spelt == "ones" and is_anchor and self.subjects:
            subject = self.subjects[-1]
            return subject.phrase, subject.base
        if not is_anchor and self.answer is not None:
            named = self.spoken[-1].phrase if self.spoken else Phrase("object", is_plural=True)
            latest = next((one.phrase for one in reversed(self.spoken) if one.result == self.answer), named)
            return latest, self.answer
        want_plural = phrase.refers == "many"
        fitting = [one for one in self.spoken if one.phrase.is_plural == want_plural] or self.spoken
        if fitting:
            return fitting[-1].phrase, fitting[-1].result
        if self.subjects:
            return self.subjects[-1].phrase, self.subjects[-1].base
        raise NoCondition("the query points to something that it does not name; say what to look for")

    def _look(self, phrase: Phrase, *, is_anchor: bool) -> int:
        kind = lexicon.kind(phrase.head)
        bare = not phrase.conditions
        segments = kind == "stuff" if is_anchor else self.as_masks and (kind != "thing" or bare)
        named: tuple[ImageName, ...] = (phrase.image, _image_behind(phrase), self.image)
        image: ImageName = next((one for one in named if one != "single"), "single")
        return self._seek(phrase, "segment" if segments else "detect", image, is_anchor=is_anchor)

    def _seek(self, phrase: Phrase, type_: StepType, image: ImageName, *, is_anchor: bool) -> int:
        is_one_area = type_ == "segment" and not phrase.is_plural and not any(map(_is_rank, phrase.conditions))
        keeps_the = phrase.is_definite and (not phrase.conditions or is_one_area)
        if not is_anchor and phrase.is_plural:
            keeps_the = False
        if is_anchor and type_ == "segment" and not phrase.is_plural:
            keeps_the = True
        name = phrase.head if keeps_the and not phrase.is_plural else lexicon.several(phrase.head)
        name = lexicon.counted(phrase.head) if phrase.is_plural else name
        if lexicon.ends_in(phrase.head, "generic"):
            name, keeps_the = "objects", False
        target = (
            f"the {name}" if keeps_the else f"all {name}" if type_ == "segment" and image not in ("A", "B") else name
        )
        text = wording.look("Segment" if type_ == "segment" else "Detect", target, image)
        return self.graph.add(Draft(type_, text, image=image, target=target))

    def _changed(self, phrase: Phrase, change: Changed) -> int:
        if change.unchanged:
            return self._unchanged(phrase)
        former = change.instead
        name = phrase.head
        if former is None or lexicon.ends_in(name, "generic"):
            return self._change(name, change.kind)
        before = phrase if change.gave_way else former
        after = former if change.gave_way else phrase
        as_area = lexicon.kind(before.head) != "thing"
        lay = replace(before, conditions=(), is_definite=True, is_plural=before.is_plural and not as_area)
        old = self._seek(lay, "segment" if as_area else "detect", "A", is_anchor=True)
        new = self._change(after.head, "appeared")
        overlap = Stands("overlaps", (before,))
        return self._relate(new, overlap, after, (old,))

    def _gave_way_to(self, change: Changed) -> tuple[Condition, ...]:
        return change.instead.conditions if change.gave_way and change.instead else ()

    def _change(self, name: str, kind: str) -> int:
        generic = lexicon.ends_in(name, "generic") and " " not in name
        what = "any object" if generic else wording.named(name, is_plural=True)
        change = next(one for one in _CHANGES if one.kind == kind)
        text = wording.changed(what, change.kind)
        return self.graph.add(Draft("change", text, image="pair", target=what, change=change))

    def _unchanged(self, phrase: Phrase) -> int:
        as_area = lexicon.kind(phrase.head) != "thing"
        type_: StepType = "segment" if as_area else "detect"
        name = wording.named(phrase.head, is_plural=not as_area or lexicon.kind(phrase.head) == "region")
        places = [
            self.graph.add(
                Draft(type_, wording.look("Segment" if as_area else "Detect", name, image), image=image, target=name)
            )
            for image in ("A", "B")
        ]
        text = (
            f"Keep the {'pixels that are' if as_area else ''} {name} in both {mark(places[0])} and {mark(places[1])}."
        )
        both = Combine("intersection")
        return self.graph.add(Draft("combine", " ".join(text.split()), inputs=tuple(places), combine=both))

    def _narrow(self, place: int, one: Condition, phrase: Phrase) -> int:
        if isinstance(one, Has):
            return self._has(place, one, phrase)
        if isinstance(one, Stands):
            return self._stands(place, one, phrase)
        if isinstance(one, Compares):
            return self._compare(place, one, phrase)
        if isinstance(one, Either):
            return self.union([self.narrowed(phrase, place, branch) for branch in one.branches])
        if isinstance(one, Without):
            return self._without(place, one)
        return place

    def _has(self, place: int, one: Has, phrase: Phrase) -> int:
        seen = (self.anchor(one.anchor),) if one.anchor else ()
        text = wording.attribute(one, phrase.head, mark(place), mark(seen[0]) if seen else "")
        says = Attribute(one.name, one.value, one.negated)
        return self.graph.add(Draft("filter_attribute", text, (place,), seen, attribute=says))

    def _stands(self, place: int, one: Stands, phrase: Phrase) -> int:
        if one.name in _TOGETHER or one.side in ("same", "opposite"):
            return self._relate(place, one, phrase, tuple(self.anchor(self._beside(a, phrase)) for a in one.anchors))
        if one.any_of and not one.negated:
            return self.union(
                [self._relate(place, one, phrase, (self.anchor(self._beside(a, phrase)),)) for a in one.anchors]
            )
        for a in one.anchors:
            place = self._relate(place, one, phrase, (self.anchor(self._beside(a, phrase)),))
        return place

    def _beside(self, anchor: Phrase, phrase: Phrase) -> Phrase:
        """Gates that planes stand at are terminal gates."""
        data = lexicon.noun_data()
        if anchor.head in data.beside_planes and lexicon.ends_in(phrase.head, "planes"):
            return replace(anchor, head=data.beside_planes[anchor.head])
        return anchor

    def _relate(self, place: int, one: Stands, phrase: Phrase, anchors: tuple[int, ...]) -> int:
        text = wording.relation(one, phrase.head, mark(place), tuple(map(mark, anchors)))
        says = Relation(one.name, one.negated, one.value, one.unit, one.side)
        return self.graph.add(Draft("filter_relation", text, (place,), anchors, relation=says))

    def _compare(self, place: int, one: Compares, phrase: Phrase) -> int:
        if one.criterion == "shadow_length":
            shadows = f"{phrase.head.rpartition(' ')[2] or 'object'} shadow"
            one = replace(one, anchors=(replace(one.anchors[0], head=shadows), *one.anchors[1:]))
        if one.criterion == "distance_to" and one.anchors and not self.spoken and one.anchors[0].spelt == "it":
            return place  # the nearest to nothing that was named
        anchors = tuple(self.anchor(a) for a in one.anchors)
        text = wording.compare(one, phrase.head, mark(place), tuple(map(mark, anchors)))
        says = Compare(one.criterion, one.mode, one.k, one.value)
        return self.graph.add(Draft("compare", text, (place,), anchors, compare=says))

    def _without(self, place: int, one: Without) -> int:
        if one.phrase.spelt == "ones" and self.subjects:
            return self._difference(place, self.narrowed(self.subjects[-1].phrase, place, one.phrase.conditions))
        wanted = self.graph.drafts[place]
        as_masks, self.as_masks = self.as_masks, True
        if wanted.type == "segment" or (self._masked(place) and one.phrase.head):
            bare = not one.phrase.conditions and one.phrase.head
            taken = (
                self._seek(one.phrase, "segment", self.image, is_anchor=one.phrase.is_definite)
                if bare
                else self.anchor(one.phrase)
            )
        else:
            taken = self.anchor(one.phrase)
        self.as_masks = as_masks
        return self._difference(place, taken)

    def _difference(self, place: int, taken: int) -> int:
        text = f"Remove {mark(taken)} from {mark(place)}."
        return self.graph.add(Draft("combine", text, (place, taken), combine=Combine("difference")))

    def _masked(self, place: int) -> bool:
        """Whether a set goes back to a segment step."""
        while self.graph.drafts[place].inputs:
            place = self.graph.drafts[place].inputs[0]
        return self.graph.kind(place) == "segment"

    def union(self, places: Sequence[int]) -> int:
        """All of several sets."""
        single = tuple(dict.fromkeys(places))
        if len(single) == 1:
            return single[0]
        text = f"Put {', '.join(map(mark, single[:-1]))} and {mark(single[-1])} together."
        return self.graph.add(Draft("combine", text, single, combine=Combine("union")))

    def count(self, place: int) -> int:
        return self.graph.add(Draft("count", f"Count the objects in {mark(place)}.", (place,)))


_CHANGES = (
    Change("appeared", "A", "B"),
    Change("disappeared", "A", "B"),
    Change("altered", "A", "B"),
    Change("any", "A", "B"),
)


def _image_behind(phrase: Phrase) -> ImageName:
    """The image that was named last of all: of "ships near the pier in image B" the ships are there, too."""
    last = phrase.conditions[-1] if phrase.conditions else None
    return last.anchors[-1].image if isinstance(last, Stands) and last.anchors else "single"


_TOGETHER = ("between", "flanked_by", "surrounded_by")
"""Relations to all anchors at once, not to each in turn."""


def _is_rank(one: Condition) -> bool:
    return isinstance(one, Compares) and one.mode in ("min", "max", "top_k", "rank_k")


_ANY_GROUND = frozenset(("area", "land", "ground", "space", "terrain", "region", "place", "zone", "site", "spot"))


def _open_ground(phrase: Phrase) -> Phrase:
    """An "open area" is a category: ground without anything on it."""
    is_open = Has("terrain", "open")
    if phrase.head not in _ANY_GROUND or is_open not in phrase.conditions:
        return phrase
    rest = tuple(one for one in phrase.conditions if one != is_open)
    return replace(phrase, head="open ground", is_plural=False, is_definite=False, conditions=rest)
