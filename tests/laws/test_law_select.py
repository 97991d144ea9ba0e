"""Whoever writes the form of choosing reads it, too: read after answer is the identity, and the ear is total and linear."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from shape_strategies import views

from georsmllm import selecting
from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.export import regex
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.pointtext import canonical, decode, from_grid
from georsmllm.types import PointSet, Ring, box, point, polygon, rbox

MOST = selecting.MAX_CANDIDATES


@st.composite
def choices(draw: st.DrawFn) -> tuple[int, tuple[int, ...]]:
    """A number of candidates, and some of their ids in any order."""
    count = draw(st.integers(1, MOST))
    ids = draw(st.lists(st.integers(1, count), unique=True))
    return count, tuple(ids)


@given(choices())
@example((MOST, ()))
@example((MOST, tuple(range(1, MOST + 1))))
def test_what_the_pen_keeps_the_ear_keeps(choice: tuple[int, tuple[int, ...]]) -> None:
    count, ids = choice
    text = selecting.answer(ids)
    assert selecting.read(text, count) == tuple(sorted(ids))
    assert selecting.answer(selecting.read(text, count)) == text
    assert accepts(selecting.form(count), text)
    assert re.fullmatch(regex(selecting.form(count)), text)


@given(choices())
def test_the_ear_hears_what_the_form_lets_through_and_nothing_else(choice: tuple[int, tuple[int, ...]]) -> None:
    count, ids = choice
    text = "keep: " + (", ".join(map(str, ids)) or "none")
    assert accepts(selecting.form(count), text)
    assert set(selecting.read(text, count)) == set(ids)


@given(st.text() | st.text(alphabet="keep: none,0123456789\n", max_size=80), st.integers(1, MOST))
@example("keep: 1, 1", 3)
@example("keep: 1,2", 3)
def test_the_ear_is_total_and_no_laxer_than_the_form(text: str, count: int) -> None:
    try:
        heard = selecting.read(text, count)
    except BadAnswer:
        assert not accepts(selecting.form(count), text)
    else:
        assert all(1 <= one <= count for one in heard)
        assert accepts(selecting.form(count), text.strip())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_keep"),
        ("none", "no_keep"),
        ("keep:1", "no_keep"),
        ("Keep: 1", "no_keep"),
        ("keep: ", "no_keep"),
        ("keep: all", "not_a_number"),
        ("keep: 01", "not_a_number"),
        ("keep: 1,2", "not_a_number"),
        ("keep: 1, ", "not_a_number"),
        ("keep: 1, none", "not_a_number"),
        ("keep: 1.", "not_a_number"),
        ("keep: 0", "not_a_number"),
        ("keep: 4", "unknown_id"),
        ("keep: 2, 1, 2", "repeated_id"),
    ],
)
def test_what_is_no_answer_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadAnswer, match=rf"^{reason}\b"):
        selecting.read(text, 3)


@pytest.mark.parametrize("text", ["keep: " + "1" * 200_000, "keep: " + "1, " * 70_000, "keep: " * 40_000])
def test_the_ear_takes_its_time_by_the_length_of_the_text(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(BadAnswer):
        selecting.read(text, MOST)
    assert time.perf_counter() - start < 0.5


@given(views(), st.text(max_size=60), st.integers(0, 5))
@example(((10, 10), (point(3, 4),)), "x\nCandidates:\n1 y\n2 z", 1)
def test_a_question_lists_its_candidates_by_number_whatever_its_condition_says(
    view: tuple[tuple[int, int], tuple[PointSet, ...]], condition: str, most_anchors: int
) -> None:
    size, shapes = view
    try:
        grids = [from_grid(canonical(shape, size), size) for shape in shapes]
    except CannotSay:
        return
    if not shapes:
        return
    anchors = shapes[:most_anchors]
    parts = selecting.question(condition, shapes, anchors)
    text = selecting.written(parts, size)
    assert selecting.count_of(text) == len(shapes)
    assert text.split("\n")[0] == " ".join(condition.split())
    _, lists = text.split("\nCandidates:\n")
    listed, *rest = lists.split("\nAnchors:\n")
    assert [decode(line.split(" ", 1)[1], size) for line in listed.split("\n")] == [(grid,) for grid in grids]
    assert [len(decode(one, size)) for one in rest] == [len(anchors)] * bool(anchors)
    assert all(isinstance(one, str) != isinstance(other, str) for one, other in pairwise(parts))


def test_a_question_reads_like_this() -> None:
    ships = (rbox(((10, 10), (40, 10), (40, 20), (10, 20))), box(50, 60, 70, 80))
    parts = selecting.question("From the candidates, keep those near the anchors.", ships, (point(90, 90),))
    assert selecting.written(parts, (100, 100)) == (
        "From the candidates, keep those near the anchors.\n"
        "Candidates:\n"
        "1 [(100,100),(400,100),(400,200),(100,200)]\n"
        "2 [(500,600),(700,800)]\n"
        "Anchors:\n"
        "[(900,900)]"
    )


@pytest.mark.parametrize(
    ("shape", "listed"),
    [
        (point(1, 2), point(1, 2)),
        (box(1, 2, 3, 4, ((2, 3),)), box(1, 2, 3, 4)),
        (rbox(((1, 1), (4, 2), (3, 5), (0, 4))), rbox(((1, 1), (4, 2), (3, 5), (0, 4)))),
        (polygon(Ring(((1, 1), (4, 2), (3, 5)))), box(1, 1, 4, 5)),
    ],
)
def test_lists_hold_boxes_of_a_few_points(shape: PointSet, listed: PointSet) -> None:
    assert selecting.compact(shape) == listed


@pytest.mark.parametrize(
    "text", ["", "Find all ships.", "Keep them.\nCandidates:", "Keep them.\nCandidates:\n2 [(1,2)]\n1 [(3,4)]"]
)
def test_another_text_lists_no_candidates(text: str) -> None:
    assert selecting.count_of(text) == 0
