"""Law 1: what the pen writes the ear hears, exactly on the grid; law 2: the ear is total and linear."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shape_strategies import near_answers, views

from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.pointtext import MANY, N, canonical, decode, encode, from_grid, parse
from georsmllm.repair import decode_repaired
from georsmllm.types import KINDS, PointSet, rbox


def said(shapes: tuple[PointSet, ...], size_wh: tuple[int, int]) -> tuple[PointSet, ...]:
    """Those of the shapes that can be said at all."""
    kept = []
    for shape in shapes:
        try:
            canonical(shape, size_wh)
        except CannotSay:
            continue
        kept.append(shape)
    return tuple(kept)


@settings(max_examples=400)
@given(views())
def test_decode_of_encode_is_the_grid_points_of_the_canonical_form(view):
    size, shapes = view
    shapes = said(shapes, size)
    heard = decode(encode(shapes, size), size)
    assert sorted(map(repr, heard)) == sorted(repr(from_grid(canonical(s, size), size)) for s in shapes)


@settings(max_examples=400)
@given(views())
def test_what_was_heard_is_said_again_in_the_same_words(view):
    size, shapes = view
    text = encode(said(shapes, size), size)
    assert encode(decode(text, size), size) == text
    assert " " not in text


@settings(max_examples=400)
@given(views())
def test_every_point_heard_is_within_half_a_cell_of_a_point_that_was_said(view):
    (width, height), shapes = view
    half = (width / N / 2 + 1e-9 * width, height / N / 2 + 1e-9 * height)
    for shape in said(shapes, (width, height)):
        (heard,) = decode(encode((shape,), (width, height)), (width, height))
        source = [p for ring in shape.rings for p in ring.points] + list(shape.keypoints)
        if shape.kind == "box":
            (x1, y1), (x2, y2) = shape.rings[0].points
            source += [(x1, y2), (x2, y1)]
        for x, y in [p for ring in heard.rings for p in ring.points] + list(heard.keypoints):
            assert any(abs(x - a) <= half[0] and abs(y - b) <= half[1] for a, b in source)


@settings(max_examples=200)
@given(views(), st.randoms(use_true_random=False))
def test_the_text_does_not_depend_on_order_start_or_direction(view, random):
    size, shapes = view
    shapes = said(shapes, size)

    def turned(shape: PointSet) -> PointSet:
        if shape.kind not in ("rbox", "polygon"):
            return shape
        rings = []
        for ring in shape.rings:
            at = random.randrange(len(ring.points))
            points = ring.points[at:] + ring.points[:at]
            rings.append(type(ring)(points[::-1] if random.random() < 0.5 else points, ring.sign))
        return PointSet(shape.kind, tuple(rings), shape.keypoints)

    shuffled = [turned(shape) for shape in shapes]
    random.shuffle(shuffled)
    assert encode(shuffled, size) == encode(shapes, size)


@given(views())
def test_the_decoded_kind_is_the_kind_that_was_said(view):
    size, shapes = view
    for shape in said(shapes, size):
        text = encode((shape,), size)
        assert decode(text, size, (shape.kind,))[0].kind == shape.kind
        for other in set(KINDS) - {shape.kind}:
            with pytest.raises(BadAnswer, match="wrong_form"):
                decode(text, size, (other,))


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=200), near_answers))
def test_the_ear_is_total(text):
    try:
        shapes = decode(text, (640, 480))
    except BadAnswer as bad:
        heard = bad
    else:
        assert parse(encode(shapes, (640, 480))) == tuple(canonical(s, (640, 480)) for s in sort(shapes))
        return
    assert heard.reason
    assert 0 <= heard.at <= len(text)


def sort(shapes: tuple[PointSet, ...]) -> list[PointSet]:
    return sorted(shapes, key=lambda s: (place(canonical(s, (640, 480))), encode((s,), (640, 480))))


def place(shape: PointSet) -> tuple[float, float, float, float]:
    xs = [x for ring in shape.rings for x, _ in ring.points]
    ys = [y for ring in shape.rings for _, y in ring.points]
    return min(ys), min(xs), max(ys), max(xs)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=300), near_answers), st.sampled_from([("rbox",), ("box",), ("polygon",), KINDS]))
def test_the_forgiving_ear_is_total_and_makes_only_shapes_that_can_be_said(text, kinds):
    repaired = decode_repaired(text, (640, 480), kinds)
    assert repaired.verdict in ("OK", "REPAIRED", "EMPTY", "FAIL")
    assert all(shape.kind in kinds for shape in repaired.shapes)
    encode(repaired.shapes, (640, 480))


@settings(max_examples=200)
@given(views())
def test_the_forgiving_ear_agrees_with_the_strict_one_on_what_it_understands(view):
    size, shapes = view
    text = encode(said(shapes, size), size)
    repaired = decode_repaired(f"  {text}\n", size)
    assert repaired == (("OK" if repaired.shapes else "EMPTY"), decode(text, size), ())


@pytest.mark.parametrize(
    "unit",
    [
        "(1,2),",
        "[(1,2)];",
        "[",
        "[(",
        "(1,2",
        "[(1,2),(3,4)]|",
        "-",
        "[(1,2),(3,4),(5,6),(1,2)]+",
        "9",
        "none;",
        "[(1,2)",
        "][",
        "\u0316\u0301",
        "(",
        "(1 ",
        "- ",
    ],
)
def test_hearing_is_linear(unit):
    def seconds(repeats: int) -> float:
        text = "[" + unit * repeats
        start = time.process_time()
        for ear in (decode, decode_repaired):
            with suppress(BadAnswer):
                ear(text, (100, 100))
        return time.process_time() - start

    seconds(100)
    assert seconds(40_000) < 40 * max(seconds(4_000), 0.01)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_many_rotated_boxes_are_said_as_each_is_alone(width: int, height: int, data: st.DataObject) -> None:
    """The compiled way and the general one agree, on what they say and on what they refuse."""
    corner = st.tuples(st.floats(-1, width + 1), st.floats(-1, height + 1))
    quads = data.draw(st.lists(st.tuples(corner, corner, corner, corner), min_size=MANY, max_size=MANY + 4))
    shapes = [rbox(quad) for quad in quads]
    alone = sorted(reason_or_text(shape, (width, height)) for shape in shapes)
    together = reason_or_text_of_all(shapes, (width, height))
    refused = {reason for reason, text in alone if not text}
    if refused:
        assert together in refused
    else:
        assert sorted(together.split(";")) == sorted(text for _, text in alone)
        assert decode(together, (width, height)) == tuple(
            shape for text in together.split(";") for shape in decode(text, (width, height))
        )


def reason_or_text(shape: PointSet, size_wh: tuple[int, int]) -> tuple[str, str]:
    try:
        return "", encode([shape], size_wh)
    except CannotSay as cannot:
        return cannot.reason, ""


def reason_or_text_of_all(shapes: list[PointSet], size_wh: tuple[int, int]) -> str:
    try:
        return encode(shapes, size_wh)
    except CannotSay as cannot:
        return cannot.reason
