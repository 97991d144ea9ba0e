from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm import pointtext
from georsmllm.constrain.automaton import State, accepts, alphabet, can_end, run, shortest, start, step
from georsmllm.constrain.form import (
    Exactly,
    Form,
    Listed,
    Name,
    OneOf,
    Points,
    Span,
    Then,
    by_class,
    degrees,
    texts,
    whole_number,
)
from georsmllm.constrain.points import FARTHEST
from georsmllm.errors import BadAnswer
from georsmllm.types import KINDS, Kind

PLACE = Then((Name(20), Exactly(", ("), degrees(90, 4), Exactly(", "), degrees(180, 4), Exactly(")")))
FORMS: tuple[Form, ...] = (
    Points(KINDS, with_keypoints=True),
    Points(("box",), with_keypoints=True),
    *(Points((kind,)) for kind in KINDS),
    Points(("box", "rbox")),
    Points(("rbox", "polygon")),
    by_class(("ship", "small vehicle"), ("rbox",)),
    whole_number(6),
    texts(("river", "riverbank", "Zürich", "airport")),
    Listed(("bare land", "bare", "road")),
    PLACE,
)
KIND_SETS: tuple[tuple[Kind, ...], ...] = (
    KINDS,
    ("box",),
    ("rbox",),
    ("polygon",),
    ("point", "polygon"),
    ("box", "rbox"),
)

low = st.integers(0, 3)
points = st.builds("({},{})".format, low, low)
grid_points = st.builds("({},{})".format, st.integers(0, 1001), st.integers(0, 1001))
rings = st.lists(st.one_of(points, points, grid_points), min_size=1, max_size=6).map(lambda ps: f"[{','.join(ps)}]")
nearly = st.lists(st.tuples(rings, st.sampled_from(["", ";", "+", "-", "|"])), min_size=1, max_size=4).map(
    lambda parts: "".join(a + b for a, b in parts)
)
"""Texts of the right outline with few different points, so that rings close, collapse and turn round often."""
closed = st.lists(points, min_size=1, max_size=5).map(lambda ps: f"[{','.join((*ps, ps[0]))}]")
anything = st.text(alphabet="[](),;+-|0123456789none", max_size=40)


def is_answer(text: str, kinds: tuple[Kind, ...]) -> bool:
    """What the strict ear takes, without white space and needless zeros."""
    try:
        pointtext.parse(text, kinds)
    except BadAnswer:
        return False
    return text == text.strip() and not re.search(r"(?<![0-9])0[0-9]", text)


@pytest.mark.parametrize("kinds", KIND_SETS)
@settings(max_examples=400)
@given(text=st.one_of(nearly, closed, anything))
def test_the_automaton_accepts_just_what_the_ear_hears(kinds, text):
    form = Points(kinds, with_keypoints=True)
    assert accepts(form, text) == is_answer(text, kinds)


@settings(max_examples=200)
@given(text=nearly)
def test_without_keypoints_it_accepts_what_has_none(text):
    assert accepts(Points(KINDS), text) == (is_answer(text, KINDS) and "|" not in text)


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("none", True),
        ("", False),
        ("none;none", False),
        ("none;[(1,2)]", False),
        ("[(0,0)]", True),
        ("[(01,0)]", False),
        ("[(1000,1000)]", True),
        ("[(1001,0)]", False),
        ("[(5,5),(4,6)]", False),
        ("[(5,5),(5,5)]", True),
        ("[(1,1),(2,2)]|[(1,1)]", True),
        ("[(1,1),(2,2)]|[(1,1)]|[(1,1)]", False),
        ("[(1,1)]|[(1,1)]", False),
        ("[(1,1),(2,1),(2,2)]", False),
        ("[(1,1),(2,1),(2,2),(1,2)]", True),
        ("[(1,1),(2,1),(2,2),(2,1)]", False),
        ("[(1,1),(2,1),(2,2),(1,1)]", True),
        ("[(1,1),(2,1),(2,1),(1,1)]", False),
        ("[(1,1),(2,1),(2,2),(1,1),(3,1),(3,3),(1,1)]", True),
        ("[(1,1),(2,1),(2,2),(1,2),(0,0)]", False),
        ("[(0,0),(9,0),(9,9),(0,0)]-[(1,1),(2,1),(2,2),(1,1)]+[(1,1),(2,1),(2,2),(1,1)]", True),
        ("[(0,0),(9,0),(9,9),(0,9)]-[(1,1),(2,1),(2,2),(1,1)]", False),
        ("[(0,0),(9,0),(9,9),(0,0)]-[(1,1),(2,1),(2,2),(1,2)]", False),
        ("[(1,1)];", False),
        ("[(1,1)];[(2,2)]", True),
        (" [(1,1)]", False),
    ],
)
def test_point_text(text: str, is_good: bool) -> None:
    assert accepts(Points(KINDS, with_keypoints=True), text) == is_good


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (whole_number(6), ("0", "7", "10", "999999"), ("", "00", "07", "1000000", "-1", "1.")),
        (texts(("river", "riverbank")), ("river", "riverbank"), ("", "rive", "riverb", "River", "river bank")),
        (
            Listed(("bare land", "bare", "road")),
            ("none", "bare", "bare land", "bare, bare land, road", "road, bare"),
            ("", "none, road", "road, none", "road, road", "road,", "road,bare", "water", "road, bare land, bare, "),
        ),
        (degrees(90, 4), ("0.0000", "-0.0000", "9.9999", "89.1234", "90.0000"), ("90.0001", "91.0000", "05.0000", "5", "5.0")),
        (degrees(180, 4), ("7.0000", "99.0000", "-179.9999", "180.0000"), ("180.0001", "181.0000", "200.0000", "+5.0000")),
        (
            PLACE,
            ("Köln, (50.9375, 6.9603)", "Paris, France, (48.8566, 2.3522)", "東京, (35.6764, 139.6500)"),
            ("(50.9375, 6.9603)", ", (50.9375, 6.9603)", "A  B, (50.9375, 6.9603)", "A , (5.0000, 6.0000)x",
             f"{'a' * 21}, (1.0000, 2.0000)"),
        ),
        (
            by_class(("ship", "car"), ("box",)),
            ("ship: none\ncar: none", "ship: [(1,2),(3,4)];[(1,2),(3,4)]\ncar: [(1,2),(3,4)]"),
            ("car: none\nship: none", "ship: none", "ship: none\ncar:none",
             "ship: [(1,2)]\ncar: none", "ship: none\ncar: none\n"),
        ),
        (Span("ab", 0, 2), ("", "ab", "bb"), ("abc", "aba")),
        (OneOf((Exactly(""), Exactly("x"))), ("", "x"), ("xx",)),
    ],
)  # fmt: skip
def test_other_forms(form: Form, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert [text for text in good if not accepts(form, text)] == []
    assert [text for text in bad if accepts(form, text)] == []


def ways(state: State, form: Form) -> list[State]:
    """The states behind each byte that may come."""
    return [behind for byte in sorted(alphabet(form) | {0xC3, 0xBC, 0xE6}) if (behind := step(state, byte)) is not None]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25)
@given(seed=st.integers(0, 1 << 32), length=st.integers(0, 150))
def test_an_end_is_just_as_far_off_as_it_says(form, seed, length):
    rng = Random(seed)
    state = start(form)
    for at in range(1000):
        far = shortest(state)
        behind = ways(state, form)
        assert can_end(state) == (far == 0)
        assert far == 0 or min(map(shortest, behind)) == far - 1
        assert not isinstance(form, Points) or far <= FARTHEST
        if at >= length:
            behind = [one for one in behind if shortest(one) < far]
        if not behind:
            break
        state = rng.choice(behind)
    assert can_end(state)


def test_no_byte_leads_out_of_a_character_of_several() -> None:
    state = run(Name(5), "K")
    assert state is not None
    assert step(state, 0xC3) is not None
    assert step(state, 0xC0) is None, "overlong"
    begun = step(state, 0xED)
    assert begun is not None
    assert not can_end(begun)
    assert step(begun, 0xA0) is None, "a surrogate"
