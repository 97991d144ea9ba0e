"""Hypothesis strategies of shapes, view sizes and texts, shared by the laws."""

from __future__ import annotations

from hypothesis import strategies as st

from georsmllm.types import Point, PointSet, Ring, box, point, polygon, rbox

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def points_in(size_wh: tuple[int, int]) -> st.SearchStrategy[Point]:
    """Points of a view: anywhere, on its border, and close together so that grid cells are shared."""
    width, height = size_wh
    x = st.one_of(
        st.floats(0, width), st.sampled_from([0.0, float(width), width / 2]), st.integers(0, width).map(float)
    )
    y = st.one_of(st.floats(0, height), st.sampled_from([0.0, float(height)]), st.integers(0, height).map(float))
    return st.tuples(x, y)


def rings_in(size_wh: tuple[int, int]) -> st.SearchStrategy[tuple[Point, ...]]:
    return st.lists(points_in(size_wh), min_size=3, max_size=12).map(tuple)


def shapes_in(size_wh: tuple[int, int]) -> st.SearchStrategy[PointSet]:
    """Every kind; rings may cross, repeat vertices or collapse: the point text must refuse or say them, never mend them."""
    p = points_in(size_wh)
    keypoints = st.lists(p, max_size=4).map(tuple)

    def boxed(a: Point, b: Point, kps: tuple[Point, ...]) -> PointSet:
        return box(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]), kps)

    parts = st.lists(st.tuples(rings_in(size_wh), st.sampled_from("+-")), min_size=0, max_size=3)
    return st.one_of(
        p.map(lambda xy: point(*xy)),
        st.builds(boxed, p, p, keypoints),
        st.tuples(p, p, p, p).map(rbox),
        st.builds(
            lambda outer, more: polygon(Ring(outer), *(Ring(r, s) for r, s in more)),  # type: ignore[arg-type]
            rings_in(size_wh),
            parts,
        ),
    )


@st.composite
def views(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[PointSet, ...]]:
    """A view size and up to five shapes inside it."""
    size = draw(sizes)
    return size, tuple(draw(st.lists(shapes_in(size), max_size=5)))


near_answers = st.text(alphabet="[](),;+-|0123456789 none.\n", max_size=200)
