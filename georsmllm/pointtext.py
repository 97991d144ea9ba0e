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
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from georsmllm.contracts import Limits
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geometry import min_area_rect
from georsmllm.types import KINDS, Kind, Point, PointSet, Ring, Sign

N = 1000
NONE = "none"

GridPoint = tuple[int, int]
GridRing = list[GridPoint]

_POINT = r"\([0-9]{1,6},[0-9]{1,6}\)"
_RING = re.compile(rf"\[{_POINT}(?:,{_POINT})*+\]")
_PREFIX = re.compile(rf"\[?(?:{_POINT},?)*+")
_INTS = re.compile(r"[0-9]+")


# --- the pen ---------------------------------------------------------------------------------------------------------


def encode(shapes: Sequence[PointSet], size_wh: tuple[int, int], limits: Limits | None = None) -> str:
    """The answer text of shapes in pixels of a view of that size; "none" for no shapes.

    Raises CannotSay: not_finite, outside_view, collapsed (a polygon ring under 3 distinct vertices, a rotated box whose
    corners are no longer distinct), ring_over_budget, over_budget. Never simplifies, never cuts.
    """
    if limits is not None and len(shapes) > limits.max_objects:
        raise CannotSay("over_budget", f"{len(shapes)} objects, at most {limits.max_objects} fit one answer")
    grids = [canonical(shape, size_wh) for shape in shapes]
    if limits is not None:
        _check_points(grids, limits)
    said = [(_place(grid.rings), _write(grid)) for grid in grids]
    said.sort()
    return ";".join(text for _, text in said) or NONE


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
    try:
        grid = [(math.floor(x * N / width + 0.5), math.floor(y * N / height + 0.5)) for x, y in points]
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
    if longest > limits.max_ring_points:
        raise CannotSay("ring_over_budget", f"a ring of {longest} points, at most {limits.max_ring_points} fit a ring")
    total = sum(len(ring.points) for grid in grids for ring in grid.rings) + sum(len(grid.keypoints) for grid in grids)
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


# --- the forgiving ear: reported beside the strict one, never in its place -------------------------------------------

MAX_REPAIRED_OBJECTS = 200
OVERSHOOT = 1.02

_CHAT_TOKENS = re.compile(r"<\|[a-z_]{1,24}\|>")
_NOTHING = re.compile(r"(?:there (?:is|are|was|were) )?(?:no|none|nothing|not any)\b[^0-9]*")
_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,9})?")
_PAIR = re.compile(rf"\(\s*({_NUMBER.pattern})\s*[, ]\s*({_NUMBER.pattern})\s*\)")
_LETTERS = re.compile(r"[^\W\d_]{2}")
# Full-width forms one by one: whole-text normalisation (NFKC) is quadratic in runs of combining marks.
_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20, 0x2212: 0x2D}
_NEXT_RING = re.compile(r"\]\s*([+-])\s*\[")


class Repaired(NamedTuple):
    """What could be made of an answer: OK (strict decode works), REPAIRED, EMPTY (it says that nothing is there) or
    FAIL, the shapes in pixels of the view, and the names of the repairs in the order they were made."""

    verdict: Literal["OK", "REPAIRED", "EMPTY", "FAIL"]
    shapes: tuple[PointSet, ...]
    codes: tuple[str, ...]


def decode_repaired(text: str, size_wh: tuple[int, int], kinds: Sequence[Kind] = KINDS) -> Repaired:
    """The answer after the repairs of methods section 1.6, for a score that is shown *beside* the strict one.

    Codes: TAGS, UNCLOSED, FENCE, PROSE (numbers among words left out), ODD (half a point left out), TRUNC (unclosed
    last ring kept), ROUND (decimals), CLAMP (up to 2 % beyond the grid), RANGE (object left out), SWAP (box corners),
    CLOSE, QUAD3, REFIT (four corners by least area), AS_RBOX, KEYPOINT (outside its box by over 10 %), FORM (object of
    another kind left out), LOOP (repetition cut). A frame is never guessed: numbers beyond the grid are not taken for
    pixels, decimals not for fractions.
    """
    try:
        shapes = decode(text, size_wh, kinds)
    except BadAnswer:
        pass
    else:
        return Repaired("OK" if shapes else "EMPTY", shapes, ())
    codes: dict[str, None] = {}
    body = _undressed(text, codes)
    if not body or body.strip("[]{}() .") == "" or _NOTHING.fullmatch(body.lower()):
        return Repaired("EMPTY" if body else "FAIL", (), tuple(codes))
    objects: list[PointSet] = []
    chunks = [chunk for chunk in re.split(r"[;\n]", body) if chunk.strip()]
    for i, chunk in enumerate(chunks):
        shape = _mended(chunk, kinds, codes, is_last=i == len(chunks) - 1)
        if shape is None:
            continue
        if (objects and shape == objects[-1]) or len(objects) == MAX_REPAIRED_OBJECTS:
            codes["LOOP"] = None
            continue
        objects.append(shape)
    if not objects:
        return Repaired("FAIL", (), tuple(codes))
    return Repaired("REPAIRED", tuple(from_grid(shape, size_wh) for shape in objects), tuple(codes))


def _undressed(text: str, codes: dict[str, None]) -> str:
    bare = _CHAT_TOKENS.sub("", text.translate(_WIDE))
    _, tag, after = bare.rpartition("<answer>")
    if tag:
        bare, end, _ = after.partition("</answer>")
        codes["TAGS"] = None
        if not end:
            codes["UNCLOSED"] = None
    if "```" in bare:
        codes["FENCE"] = None
        fenced = bare.split("```")[1]
        bare = fenced.partition("\n")[2] if fenced.partition("\n")[0].strip().isalpha() else fenced
    return bare.strip()


def _mended(chunk: str, kinds: Sequence[Kind], codes: dict[str, None], *, is_last: bool) -> PointSet | None:
    outline, bar, marks = chunk.partition("|")
    pieces = _NEXT_RING.split(outline)
    rings: list[tuple[Sign, GridRing]] = []
    for i in range(0, len(pieces), 2):
        points = _points(pieces[i], codes)
        if points is None:
            return None
        sign: Sign = "-" if i and pieces[i - 1] == "-" else "+"
        rings.append((sign, points))
    if is_last and chunk.rfind("[") > chunk.rfind("]"):
        codes["TRUNC"] = None
        if not bar and len(rings[-1][1]) < 3:
            return None
    shape = _formed(rings, kinds, codes)
    if shape is None or shape.kind != "box" or not bar:
        return shape
    (x1, y1), (x2, y2) = shape.rings[0].points
    dx, dy = 0.1 * (x2 - x1), 0.1 * (y2 - y1)
    heard = _points(marks, codes) or []
    inside = tuple((x, y) for x, y in heard if x1 - dx <= x <= x2 + dx and y1 - dy <= y <= y2 + dy)
    if len(inside) < len(heard):
        codes["KEYPOINT"] = None
    return PointSet("box", shape.rings, inside)


def _points(piece: str, codes: dict[str, None]) -> GridRing | None:
    written = _NUMBER.findall(piece)
    pairs = [n for pair in _PAIR.findall(piece) for n in pair]
    if pairs and len(pairs) < len(written):
        codes["PROSE" if _LETTERS.search(piece) else "ODD"] = None
        written = pairs
    elif len(written) % 2:
        codes["ODD"] = None
        written.pop()
    numbers = [float(n) for n in written]
    if any(n < 0 or n > N * OVERSHOOT for n in numbers):
        codes["RANGE"] = None
        return None
    if any(n != int(n) for n in numbers):
        codes["ROUND"] = None
    if any(n > N for n in numbers):
        codes["CLAMP"] = None
    grid = [min(N, math.floor(n + 0.5)) for n in numbers]
    return list(zip(grid[::2], grid[1::2], strict=True))


def _formed(rings: list[tuple[Sign, GridRing]], kinds: Sequence[Kind], codes: dict[str, None]) -> PointSet | None:
    """The object in the first form that its points allow, or None (FORM)."""
    first = rings[0][1]
    makers: dict[Kind, Callable[[], PointSet | None]] = {
        "polygon": lambda: _formed_polygon(rings, codes),
        "rbox": lambda: _formed_rbox(first, codes),
        "box": lambda: _formed_box(first, codes),
        "point": lambda: PointSet("point", (Ring((first[0],)),)),
    }
    closed = len(rings) > 1 or (len(first) > 3 and first[0] == first[-1])
    natural: Kind = "polygon" if closed else {1: "point", 2: "box"}.get(len(first), "rbox")  # type: ignore[assignment]
    for kind in (natural, *kinds):
        if first and kind in kinds and (len(first) == 1) == (kind == "point"):
            shape = makers[kind]()
            if shape is not None:
                return shape
    codes["FORM"] = None
    return None


def _formed_polygon(rings: list[tuple[Sign, GridRing]], codes: dict[str, None]) -> PointSet | None:
    made: list[Ring] = []
    for sign, points in rings:
        if len(points) < 2 or points[0] != points[-1]:
            codes["CLOSE"] = None
        else:
            points = points[:-1]
        if len(set(points)) < 3:
            return None
        made.append(Ring(tuple(points), sign))
    return PointSet("polygon", tuple(made))


def _formed_rbox(points: GridRing, codes: dict[str, None]) -> PointSet | None:
    distinct = list(dict.fromkeys(points))
    if len(distinct) == 2:
        codes["AS_RBOX"] = None
        (x1, y1), (x2, y2) = distinct
        distinct = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    elif len(distinct) == 3:
        codes["QUAD3"] = None
        a, b, c = distinct
        distinct.append((a[0] + c[0] - b[0], a[1] + c[1] - b[1]))
    elif len(distinct) > 4:
        codes["REFIT"] = None
        distinct = [(math.floor(x + 0.5), math.floor(y + 0.5)) for x, y in min_area_rect(distinct)]
    on_grid = all(0 <= x <= N and 0 <= y <= N for x, y in distinct)
    return PointSet("rbox", (Ring(tuple(distinct)),)) if on_grid and len(set(distinct)) == 4 else None


def _formed_box(points: GridRing, codes: dict[str, None]) -> PointSet | None:
    if len(points) < 2:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = (min(xs), min(ys)), (max(xs), max(ys))
    if len(points) > 2:
        codes["REFIT"] = None
    elif (low, high) != (points[0], points[1]):
        codes["SWAP"] = None
    return PointSet("box", (Ring((low, high)),))
