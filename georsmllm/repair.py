"""The forgiving ear: what repairs would make of an answer, for a score that is shown beside the strict one.

Whoever repairs must know the form; the form itself is written and read in `pointtext`, which this module only uses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from georsmllm.errors import BadAnswer
from georsmllm.geometry import min_area_rect
from georsmllm.pointtext import GridRing, N, decode, from_grid
from georsmllm.types import KINDS, Kind, PointSet, Ring, Sign

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
