"""Law 3: every task's own reader and scorer, run over the text of its own gold answer, give 1 (or the stated ceiling)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import recorded

from georsmllm.contracts import AskOptions
from georsmllm.discover import task, task_names
from georsmllm.errors import CannotSay
from georsmllm.instruct_data.cyclic import turn
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Record,
    Sample,
    Target,
    Text,
    box,
    rbox,
)

LABELS = ("ship", "storage tank", "forest", "building")
IGNORED = (None, None, None, None, "difficult", "under_size", "low_visibility")


@st.composite
def quads(draw: st.DrawFn, width: int, height: int) -> PointSet:
    x, y = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
    w, h = draw(st.floats(0.5, width - x)), draw(st.floats(0.5, height - y))
    if draw(st.booleans()):
        return box(x, y, x + w, y + h)
    inset = draw(st.floats(0.1, 0.9))
    corners = ((x + inset * w, y), (x + w, y + inset * h), (x + (1 - inset) * w, y + h), (x, y + (1 - inset) * h))
    return rbox(corners)


@st.composite
def outlines(draw: st.DrawFn, width: int, height: int) -> PointSet:
    """An exact pixel outline: one of the shapes of a random class map."""
    import numpy as np

    from georsmllm.masks import components

    cells = draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=4, max_size=4))
    small = np.array(cells, np.uint8)
    if not small.any():
        small[1:3, 1:3] = 1
    grid = np.kron(small, np.ones((height // 4, width // 4), np.uint8))
    found = components(grid, ignore=(0,))
    return found[draw(st.integers(0, len(found) - 1))].shape


@st.composite
def sentences(draw: st.DrawFn, num_targets: int) -> Text:
    """A sentence of a dataset, at times one that points at targets."""
    kind = draw(st.sampled_from(["scene", "caption", "question", "relation", "place", "expression", "region"]))
    if kind == "scene":
        return Text("scene", "harbor")
    words = st.lists(st.sampled_from(["a", "the", "ship", "is", "near", "two", "harbor,", "or", "forest .", "Köln"]))
    text = " ".join(draw(words))
    answer = draw(
        st.sampled_from(["", "yes", "No.", "3", "1,200 m2", "forest", "a ship", "A", "A ship is in the harbor there"])
    )
    if kind == "place":
        return Text("place", text)
    if kind in ("expression", "region"):
        among = st.lists(st.integers(0, num_targets - 1), max_size=3) if num_targets else st.just([])
        whom = tuple(draw(among))
        sides = {"expression": ("answer", text, ""), "region": ("text", "", text)}
        side, said, told = sides[kind]
        return Text(kind, said, told, (Mention(side, 0, whom),) if whom else ())
    pointing = st.builds(
        Mention,
        st.sampled_from(["text"] if kind == "caption" else ["text", "answer"]),
        st.integers(0, 12),
        st.lists(st.integers(0, num_targets - 1), max_size=2).map(tuple),
    )
    mentions = draw(st.lists(pointing, max_size=2)) if num_targets else []
    return Text(kind, text, "" if kind == "caption" else answer, tuple(mentions))


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    width, height = draw(st.sampled_from([(64, 64), (256, 192), (1024, 1000)]))
    images = draw(st.integers(1, 2))
    shape = st.one_of(quads(width, height), outlines(width, height)) if images == 1 else outlines(width, height)
    target = st.builds(
        Target,
        st.just(images - 1),
        st.sampled_from((*LABELS, UNNAMED)),
        shape,
        phrase=st.sampled_from(["", "", "ship", "the ship on the left", "where do ships lie?"]),
        ignore=st.sampled_from(IGNORED),
        visible=st.sampled_from([1.0, 0.8]),
    )
    targets = tuple(draw(st.lists(target, max_size=6)))
    geo = draw(st.sampled_from([(None, None), ((0.5, 0.1, 346000.0, 0.1, -0.5, 5648000.0), "EPSG:25832")]))
    return Sample(
        "loveda/v", "loveda", "train", "loveda/v",
        tuple(ImageRef(f"{name}.png", width, height, None, *geo) for name in "AB"[:images]),
        targets,
        texts=tuple(draw(st.lists(sentences(len(targets)), max_size=4))),
        classes=("harbor", "airport", *LABELS),
        exhaustive=draw(st.sampled_from([(), LABELS, (*LABELS, "airplane", "water")])),
    )  # fmt: skip


def said(one: Instruction) -> Record | None:
    """The record of an instruction; None where it is over budget, as the builder drops it by name."""
    try:
        return recorded(one, AskOptions().limits)
    except CannotSay:
        return None


@pytest.mark.parametrize("name", task_names())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sample=samples(), seed=st.integers(0, 1000))
def test_gold_text_scores_one_or_the_stated_ceiling(name, sample, seed):
    one = task(name)
    built = one.build(sample, Random(seed), AskOptions())
    asked = turn(built.instructions, sample, Random(seed), AskOptions()).instructions
    for instruction in asked:
        made = said(instruction)
        if made is not None:
            score = task(instruction.task).score(made.gold_text, made)
            assert score.verdict == "ok"
            assert score.value >= task(instruction.task).ceiling
            assert score.value <= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sample=samples(), seed=st.integers(0, 1000), text=st.text(max_size=60))
def test_no_answer_scores_below_zero_or_above_one_and_none_raises(sample, seed, text):
    for name in task_names():
        for instruction in task(name).build(sample, Random(seed), AskOptions()).instructions:
            made = said(instruction)
            if made is not None:
                score = task(name).score(text, made)
                assert 0 <= score.value <= 1
                assert score.verdict == "ok" or score.value == 0
