"""The point text: shapes as text and text as shapes, pen and ear in one file.

    answer := "none" | object { ";" object }
    object := ring { ("+" | "-") ring } [ "|" ring ]        the last one holds keypoints, after a box only
    ring   := "[" point { "," point } "]"
    point  := "(" int "," int ")"

No spaces. Integers are lines of a grid of N = 1000 steps on each axis of the view: q = floor(x * N / W + 1/2) in 0..N,
back x = q * W / N, so the borders are exact and every coordinate is within half a cell. Kinds are told apart by form:
point `[p]`, box `[p,p]`, rotated box four points with first != last, polygon closed rings of at least four points
written; `-` is a hole of the part before it, `+` a further part.

Source: GeoRSMLLM (arXiv 2503.12490) eqs. 1-5 for the forms; the grid, the canonical order and the strictness are ours
(docs/decisions.md). Law 1: decode(encode(s)) is exactly the grid points of canonical(s), and
encode(decode(encode(s))) == encode(s). Decode is total and linear; it never refits, drops or merges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from georsmllm.contracts import Limits
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.types import KINDS, Kind, Point, PointSet, Ring, Sign

N = 1000
NONE = "none"
MANY = 6
"""So many rotated boxes are worth the kernel's call."""

GridPoint = tuple[int, int]
GridRing = list[GridPoint]

_POINT = r"\([0-9]{1,6},[0-9]{1,6}\)"
_RING = re.compile(rf"\[{_POINT}(?>(?:,{_POINT})*)\]")
_PREFIX = re.compile(rf"\[?(?>(?:{_POINT},?)*)")
_INTS = re.compile(r"[0-9]+")


# --- the pen ---------------------------------------------------------------------------------------------------------


def encode(shapes: Sequence[PointSet], size_wh: tuple[int, int], limits: Limits | None = None) -> str:
    """The answer text of shapes in pixels of a view of that size; "none" for no shapes.

    Raises CannotSay: not_finite, outside_view, collapsed (a polygon ring under 3 distinct vertices, a rotated box whose
    corners are no longer distinct), ring_over_budget, over_budget. Never simplifies, never cuts.
    """
    if limits is not None and len(shapes) > limits.max_objects:
        raise CannotSay("over_budget", f"{len(shapes)} objects, at most {limits.max_objects} fit one answer")
    if len(shapes) >= MANY and all(shape.kind == "rbox" for shape in shapes):
        if limits is not None:
            _check_budget(4, 4 * len(shapes), limits)
        return _encode_rboxes(shapes, size_wh)
    grids = [canonical(shape, size_wh) for shape in shapes]
    if limits is not None:
        _check_points(grids, limits)
    said = sorted((_place(grid.rings), _write(grid)) for grid in grids)
    return ";".join([text for _, text in said]) or NONE


def _encode_rboxes(shapes: Sequence[PointSet], size_wh: tuple[int, int]) -> str:
    """The same text as by `canonical`, for rotated boxes by a compiled kernel; tests hold the two together."""
    from georsmllm.quad_kernels import FINE, canonical_quads

    grid, fate = canonical_quads([v for s in shapes for p in s.rings[0].points for v in p], size_wh, N)
    said: list[tuple[tuple[float, float, float, float], str]] = []
    for i, (row, is_fine) in enumerate(zip(grid.tolist(), (fate == FINE).tolist(), strict=True)):
        if is_fine:
            ax, ay, bx, by, cx, cy, dx, dy, *place = row
            said.append((tuple(place), f"[({ax},{ay}),({bx},{by}),({cx},{cy}),({dx},{dy})]"))
        else:  # refused by name, or without area
            box = canonical(shapes[i], size_wh)
            said.append((_place(box.rings), _write(box)))
    said.sort()
    return ";".join([text for _, text in said])


def canonical(shape: PointSet, size_wh: tuple[int, int]) -> PointSet:
    """The one way to say a shape, on the integers of the grid; raises CannotSay as `encode` does.

    Consecutive duplicates removed; rings clockwise on the screen (holes too) from the vertex that makes the list of
    (x+y, y, x) least; parts, and holes within a part, by (y1, x1, y2, x2, text); repeated keypoints said once.
    """
    width, height = size_wh
    if shape.kind == "point":
        return PointSet("point", (Ring(tuple(_quantise(shape.rings[0].points, width, height))),))
    if shape.kind == "box":
        (x1, y1), (x2, y2) = _quantise(shape.rings[0].points, width, height)
        keypoints = tuple(dict.fromkeys(_quantise(shape.keypoints, width, height)))
        low, high = (min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))
        return PointSet("box", (Ring((low, high)),), keypoints)
    if shape.kind == "rbox":
        corners = _quantise(shape.rings[0].points, width, height)
        if len(set(corners)) < 4:
            raise CannotSay("collapsed", f"corners {corners} of a rotated box are no longer distinct on the grid")
        return PointSet("rbox", (Ring(tuple(_turned(corners))),))
    parts: list[list[Ring]] = []
    for ring in shape.rings:
        points = _without_repeats(_quantise(ring.points, width, height))
        if len(set(points)) < 3:
            raise CannotSay(
                "collapsed", f"a ring of {len(ring.points)} points has under 3 distinct vertices on the grid"
            )
        clean = Ring(tuple(_turned(points)), ring.sign)
        if ring.sign == "+":
            parts.append([clean])
        else:
            parts[-1].append(clean)
    parts = [[outer, *sorted(holes, key=_ring_order)] for outer, *holes in parts]
    parts.sort(key=lambda part: (_place(part[:1]), _write_rings(part)))
    return PointSet("polygon", tuple(ring for part in parts for ring in part))


def _quantise(points: Iterable[Point], width: int, height: int) -> GridRing:
    floor = math.floor
    try:
        grid = [(floor(x * N / width + 0.5), floor(y * N / height + 0.5)) for x, y in points]
    except (ValueError, OverflowError):
        raise CannotSay("not_finite", "a coordinate is NaN or infinite") from None
    for x, y in grid:
        if not (0 <= x <= N and 0 <= y <= N):
            raise CannotSay("outside_view", f"grid point ({x},{y}) lies outside 0..{N} of a {width}x{height} view")
    return grid


def _without_repeats(ring: GridRing) -> GridRing:
    return [p for i, p in enumerate(ring) if p != ring[i - 1]] if len(ring) > 1 else ring


def _turned(ring: GridRing) -> GridRing:
    """Clockwise, started at its canonical vertex; a ring without area runs the way that gives the lesser list."""
    doubled = 0
    x0, y0 = ring[-1]
    for x1, y1 in ring:
        doubled += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    if doubled > 0:
        return _started(ring)
    if doubled < 0:
        return _started(ring[::-1])
    return min(_started(ring), _started(ring[::-1]), key=_order_keys)


def _started(ring: GridRing) -> GridRing:
    keys = _order_keys(ring)
    least = min(keys)
    starts = [i for i, key in enumerate(keys) if key == least]
    start = starts[0] if len(starts) == 1 else min(starts, key=lambda i: keys[i:] + keys[:i])
    return ring[start:] + ring[:start]


def _order_keys(ring: Iterable[GridPoint]) -> list[tuple[int, int, int]]:
    return [(x + y, y, x) for x, y in ring]


def _place(rings: Sequence[Ring]) -> tuple[float, float, float, float]:
    xs = [x for ring in rings for x, _ in ring.points]
    ys = [y for ring in rings for _, y in ring.points]
    return min(ys), min(xs), max(ys), max(xs)


def _ring_order(ring: Ring) -> tuple[tuple[float, float, float, float], str]:
    return _place((ring,)), _write_ring(ring.points)


def _check_points(grids: Sequence[PointSet], limits: Limits) -> None:
    longest = max((len(ring.points) for grid in grids for ring in grid.rings), default=0)
    total = sum(len(ring.points) for grid in grids for ring in grid.rings) + sum(len(grid.keypoints) for grid in grids)
    _check_budget(longest, total, limits)


def _check_budget(longest: int, total: int, limits: Limits) -> None:
    if longest > limits.max_ring_points:
        raise CannotSay("ring_over_budget", f"a ring of {longest} points, at most {limits.max_ring_points} fit a ring")
    if total > limits.max_points:
        raise CannotSay("over_budget", f"{total} points, at most {limits.max_points} fit one answer")


def _write(grid: PointSet) -> str:
    if grid.kind == "polygon":
        return _write_rings(grid.rings)
    text = _write_ring(grid.rings[0].points)
    return f"{text}|{_write_ring(grid.keypoints)}" if grid.keypoints else text


def _write_rings(rings: Sequence[Ring]) -> str:
    return "".join(f"{ring.sign}{_write_ring((*ring.points, ring.points[0]))}" for ring in rings)[1:]


def _write_ring(points: Iterable[Point]) -> str:
    return "[" + ",".join([f"({x},{y})" for x, y in points]) + "]"


# --- the ear ---------------------------------------------------------------------------------------------------------


def decode(text: str, size_wh: tuple[int, int], kinds: Sequence[Kind] = KINDS) -> tuple[PointSet, ...]:
    """The shapes that a text says, in pixels of a view of that size; () for "none".

    Strict: white space around the answer is all that is forgiven. Raises BadAnswer: syntax, out_of_range,
    unclosed_ring, short_ring, collapsed_ring, reversed_box, misplaced_sign, misplaced_keypoints, wrong_form (a kind
    that is not in `kinds`).
    """
    return tuple(from_grid(grid, size_wh) for grid in parse(text, kinds))


def from_grid(grid: PointSet, size_wh: tuple[int, int]) -> PointSet:
    """A shape on grid lines as pixels of a view of that size: x = q * W / N."""
    width, height = size_wh
    rings = tuple(Ring(tuple([(x * width / N, y * height / N) for x, y in r.points]), r.sign) for r in grid.rings)
    return PointSet(grid.kind, rings, tuple([(x * width / N, y * height / N) for x, y in grid.keypoints]))


def parse(text: str, kinds: Sequence[Kind] = KINDS) -> tuple[PointSet, ...]:
    """The shapes that a text says, on the integers of the grid, exactly as written; raises as `decode` does."""
    body = text.strip()
    if body == NONE:
        return ()
    shapes: list[PointSet] = []
    at = 0
    while True:
        start = at
        points, at = _hear_ring(body, at)
        rings: list[tuple[Sign, GridRing]] = [("+", points)]
        while body[at : at + 1] in ("+", "-"):
            sign: Sign = "+" if body[at] == "+" else "-"
            points, at = _hear_ring(body, at + 1)
            rings.append((sign, points))
        keypoints: GridRing = []
        if body[at : at + 1] == "|":
            keypoints, at = _hear_ring(body, at + 1)
        shape = _shape(rings, keypoints, body, start)
        if shape.kind not in kinds:
            raise BadAnswer("wrong_form", body, at=start, expected=" or ".join(kinds))
        shapes.append(shape)
        if at == len(body):
            return tuple(shapes)
        if body[at] != ";":
            raise BadAnswer("syntax", body, at=at, expected='";" or the end')
        at += 1


def _hear_ring(body: str, at: int) -> tuple[GridRing, int]:
    match = _RING.match(body, at)
    if match is None:
        prefix = _PREFIX.match(body, at)
        raise BadAnswer(
            "syntax", body, at=prefix.end() if prefix else at, expected='"none" or a ring like [(1,2),(3,4)]'
        )
    numbers = list(map(int, _INTS.findall(body, at, match.end())))
    if max(numbers) > N:
        raise BadAnswer("out_of_range", body, at=at, expected=f"numbers in 0..{N}")
    return list(zip(numbers[::2], numbers[1::2], strict=True)), match.end()


def _shape(rings: list[tuple[Sign, GridRing]], keypoints: GridRing, body: str, at: int) -> PointSet:
    first = rings[0][1]
    closed = len(first) > 2 and first[0] == first[-1]
    if len(rings) > 1 or closed:
        if keypoints:
            raise BadAnswer("misplaced_keypoints", body, at=at, expected="keypoints after a box only")
        if len(rings) > 1 and not closed:
            raise BadAnswer("misplaced_sign", body, at=at, expected="+ and - after closed rings only")
        return PointSet("polygon", tuple(_closed_ring(sign, points, body, at) for sign, points in rings))
    if len(first) == 2:
        (x1, y1), (x2, y2) = first
        if x1 > x2 or y1 > y2:
            raise BadAnswer("reversed_box", body, at=at, expected="the min corner before the max corner")
        return PointSet("box", (Ring(tuple(first)),), tuple(keypoints))
    if keypoints:
        raise BadAnswer("misplaced_keypoints", body, at=at, expected="keypoints after a box only")
    if len(first) == 1:
        return PointSet("point", (Ring(tuple(first)),))
    if len(first) != 4:
        raise BadAnswer("unclosed_ring", body, at=at, expected="1, 2 or 4 points, or a ring that ends where it began")
    if len(set(first)) < 4:
        raise BadAnswer("collapsed_ring", body, at=at, expected="four distinct corners")
    return PointSet("rbox", (Ring(tuple(first)),))


def _closed_ring(sign: Sign, points: GridRing, body: str, at: int) -> Ring:
    if points[0] != points[-1]:
        raise BadAnswer("unclosed_ring", body, at=at, expected="a ring that ends where it began")
    if len(points) < 4:
        raise BadAnswer("short_ring", body, at=at, expected="a closed ring of at least 4 points written")
    if len(set(points)) < 3:
        raise BadAnswer("collapsed_ring", body, at=at, expected="at least 3 distinct vertices")
    return Ring(tuple(points[:-1]), sign)
