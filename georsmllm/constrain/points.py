"""The point text as an automaton over bytes: which byte may come next, whether the text may end, how far off an end is.

No regular language: a ring remembers its first point so that it can close on it, a box its min corner, a rotated box its
corners. It accepts just what `pointtext.parse` accepts without white space, in numbers without needless zeros. There is no
limit on objects or points; whoever has a budget reads `shortest`, which is exact: from a state that is k bytes from the
nearest end some byte leads to one that is k - 1 from it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from georsmllm.pointtext import NONE, GridPoint

from .form import Points
from .grid_numbers import EMPTY, digits_beside, digits_off, digits_to, digits_towards, num_digits

POINT, BOX, RBOX, POLYGON, KEYPOINTS = 1, 2, 4, 8, 16
"""Bits of what a ring may still become."""
_BIT = {"point": POINT, "box": BOX, "rbox": RBOX, "polygon": POLYGON}

OPEN, PAREN, X, Y, AFTER_POINT, AFTER_RING, WORD = range(7)
"""Before a ring; before a point; in its first and second number; behind it; behind a ring; in the word for nothing."""

_FEWEST = {POINT: 7, BOX: 13, RBOX: 25, POLYGON: 25, KEYPOINTS: 7}
"""Bytes of the shortest ring of each kind, both brackets included."""
_FRESH = 6
"""Bytes of a further point of two single digits with the comma before it; of the hundred of them one is always fresh."""
FARTHEST = 40
"""No place in a text is farther from an end than so many bytes."""
_NEVER = 1 << 30

_COMMA, _OPENING, _CLOSING, _LEFT, _RIGHT = b",[]()"
_PLUS, _MINUS, _BAR, _SEMICOLON, _FIRST_OF_NONE = b"+-|;n"
_ZERO = ord("0")
_DIGITS = frozenset(b"0123456789")
ALPHABET = frozenset(b"0123456789,[]()+-|;none")


class Ring(NamedTuple):
    """may_be: bits; num_points: points written, 5 for more; seen: the first three distinct ones in order;
    is_closed: the last point is the first again."""

    may_be: int
    num_points: int = 0
    seen: tuple[GridPoint, ...] = ()
    is_closed: bool = False

    @property
    def first_length(self) -> int:
        """Digits of the first point."""
        return sum(num_digits(value) for value in self.seen[0]) if self.seen else 0

    def with_point(self, point: GridPoint) -> Ring:
        """May be nothing any more (`may_be` 0), where the point does not fit."""
        may_be, is_new = self.may_be, point not in self.seen
        count = self.num_points + 1
        if count > 1:
            may_be &= ~POINT
            if not is_new or count > 4:
                may_be &= ~RBOX
        if count > 2 or (count == 2 and not (self.seen[0][0] <= point[0] and self.seen[0][1] <= point[1])):
            may_be &= ~BOX
        seen = (*self.seen, point) if is_new and len(self.seen) < 3 else self.seen
        return Ring(may_be, min(count, 5), seen, count > 1 and point == seen[0])

    @property
    def can_close(self) -> int:
        """The bit of what it is if it ends here, or 0."""
        if self.may_be & KEYPOINTS:
            return KEYPOINTS
        if self.may_be & POLYGON and self.is_closed and len(self.seen) > 2:
            return POLYGON
        return self.may_be & (0, POINT, BOX, 0, RBOX, 0)[self.num_points]

    @property
    def to_go_on(self) -> int:
        """What it may be if another point comes."""
        may_be = self.may_be & ~POINT
        if self.num_points > 1:
            may_be &= ~BOX
        return may_be & ~RBOX if self.num_points > 3 else may_be

    @property
    def shortest(self) -> int:
        """Bytes to the bracket that closes it, behind a point."""
        if self.can_close:
            return 1
        close = 5 + self.first_length
        best = _NEVER
        if self.may_be & BOX:
            best = close
        if self.may_be & RBOX:
            best = min(best, (4 - self.num_points) * _FRESH + 1)
        if self.may_be & POLYGON:
            best = min(best, (3 - len(self.seen)) * _FRESH + close)
        return best


class PointsState(NamedTuple):
    """Where a text stands. x, number: what is written of the point at hand; in WORD number counts its letters."""

    form: Points
    at: int
    ring: Ring
    is_start: bool = False
    x: int = EMPTY
    number: int = EMPTY

    def step(self, byte: int) -> PointsState | None:
        """The state behind one more byte, None where it may not come."""
        return _STEPS[self.at](self, byte)

    @property
    def can_end(self) -> bool:
        return self.at == AFTER_RING or (self.at == WORD and self.number == len(NONE))

    @property
    def shortest(self) -> int:
        """Bytes to the nearest end."""
        if self.at in (X, Y):
            return _in_point(self)
        if self.at == AFTER_POINT:
            return self.ring.shortest
        if self.at == AFTER_RING:
            return 0
        if self.at == WORD:
            return len(NONE) - self.number
        if self.at == OPEN:
            fewest = min(length for bit, length in _FEWEST.items() if bit & self.ring.may_be)
            return min(fewest, len(NONE)) if self.is_start else fewest
        return 1 + _in_point(self._replace(at=X))

    def key(self, horizon: int) -> tuple[object, ...]:  # noqa: ARG002 - as other leaves have it
        """What decides on all that may come before the next digit; outside of numbers few states differ in it."""
        ring = self.ring
        rest = (ring.may_be, ring.num_points, len(ring.seen), ring.is_closed, ring.first_length)
        return (self.form, self.at, self.is_start, self.number, *rest)

    @property
    def is_in_number(self) -> bool:
        return self.at in (X, Y)

    @property
    def digits(self) -> bytes:
        """The digits that may come next in a number."""
        lows = _lows(self.ring)
        if lows:
            return digits_towards(self.number, lows[self.at == Y])
        if self.at == Y and self.ring.may_be == RBOX:
            return digits_beside(self.number, tuple(y for x, y in self.ring.seen if x == self.x))
        return digits_towards(self.number, 0)


@lru_cache(maxsize=256)
def start(form: Points) -> PointsState:
    return PointsState(form, OPEN, _any_ring(form), is_start=True)


@lru_cache(maxsize=256)
def _any_ring(form: Points) -> Ring:
    may_be = 0
    for kind in form.kinds:
        may_be |= _BIT[kind]
    return Ring(may_be)


# --- one byte further ------------------------------------------------------------------------------------------------


def _open(state: PointsState, byte: int) -> PointsState | None:
    if byte == _OPENING:
        return state._replace(at=PAREN, is_start=False)
    if byte == _FIRST_OF_NONE and state.is_start:
        return state._replace(at=WORD, is_start=False, number=1)
    return None


def _word(state: PointsState, byte: int) -> PointsState | None:
    if state.number < len(NONE) and byte == ord(NONE[state.number]):
        return state._replace(number=state.number + 1)
    return None


def _paren(state: PointsState, byte: int) -> PointsState | None:
    return state._replace(at=X) if byte == _LEFT else None


def _x(state: PointsState, byte: int) -> PointsState | None:
    lows = _lows(state.ring)
    if byte in _DIGITS:
        return _with_digit(state, byte)
    if byte != _COMMA or state.number == EMPTY or (lows and state.number < lows[0]):
        return None
    return state._replace(at=Y, x=state.number, number=EMPTY)


def _y(state: PointsState, byte: int) -> PointsState | None:
    if byte in _DIGITS:
        return _with_digit(state, byte)
    if byte != _RIGHT or state.number == EMPTY:
        return None
    longer = state.ring.with_point((state.x, state.number))
    return state._replace(at=AFTER_POINT, ring=longer, x=EMPTY, number=EMPTY) if longer.may_be else None


def _with_digit(state: PointsState, byte: int) -> PointsState | None:
    if byte not in state.digits:
        return None
    return state._replace(number=byte - _ZERO if state.number == EMPTY else 10 * state.number + byte - _ZERO)


def _after_point(state: PointsState, byte: int) -> PointsState | None:
    ring = state.ring
    if byte == _COMMA:
        may_be = ring.to_go_on
        return state._replace(at=PAREN, ring=ring._replace(may_be=may_be)) if may_be else None
    if byte == _CLOSING and ring.can_close:
        return state._replace(at=AFTER_RING, ring=Ring(ring.can_close))
    return None


def _after_ring(state: PointsState, byte: int) -> PointsState | None:
    kind = state.ring.may_be
    if byte == _SEMICOLON:
        return PointsState(state.form, OPEN, _any_ring(state.form))
    if byte in (_PLUS, _MINUS) and kind == POLYGON:
        return PointsState(state.form, OPEN, Ring(POLYGON))
    if byte == _BAR and kind == BOX and state.form.with_keypoints:
        return PointsState(state.form, OPEN, Ring(KEYPOINTS))
    return None


_STEPS = (_open, _paren, _x, _y, _after_point, _after_ring, _word)


# --- how far off an end is ------------------------------------------------------------------------------------------


def _lows(ring: Ring) -> GridPoint | None:
    """What the next point must reach on both axes: the min corner, where the ring can only be a box."""
    return ring.seen[0] if ring.may_be == BOX and ring.num_points == 1 else None


def _digits_from(number: int, ring: Ring, x: int) -> int | None:
    """The fewest further digits that make a second number whose point is none of those seen, None where none do."""
    return digits_off(number, tuple(y for other, y in ring.seen if other == x))


def _in_point(state: PointsState) -> int:
    """Bytes to the end of a ring in the middle of a point, least over all that the ring may be."""
    ring, number = state.ring, state.number
    empty = number == EMPTY
    digits = 1 if empty else num_digits(number)
    if state.at == X:
        done, length = empty + 3, digits + 1  # bytes that end the point as fast as can be; its digits, then
    else:
        done, length = empty + 1, num_digits(state.x) + digits
    best = _NEVER
    if ring.may_be & (POINT | KEYPOINTS):
        best = done + 1
    if ring.may_be & BOX:
        best = min(best, _to_box(state, done + 5 + length))
    if ring.may_be & RBOX:
        own = done if state.at == X else _own_point(state)
        best = min(best, own + (3 - ring.num_points) * _FRESH + 1)
    if ring.may_be & POLYGON:
        best = min(best, _to_polygon(state, done, length))
    return best


def _own_point(state: PointsState) -> int:
    digits = _digits_from(state.number, state.ring, state.x)
    return _NEVER if digits is None else digits + 1


def _to_box(state: PointsState, from_first: int) -> int:
    if state.ring.num_points == 0:
        return from_first
    low_x, low_y = state.ring.seen[0]
    if state.at == Y:
        digits = digits_to(state.number, low_y)
        return _NEVER if digits is None or state.x < low_x else digits + 2
    digits = digits_to(state.number, low_x)
    return _NEVER if digits is None else digits + 1 + num_digits(low_y) + 2


def _to_polygon(state: PointsState, done: int, length: int) -> int:
    ring = state.ring
    if ring.num_points == 0:
        return done + 2 * _FRESH + 5 + length
    close = 5 + ring.first_length
    missing = 3 - len(ring.seen)
    if missing:
        own = done if state.at == X else _own_point(state)
        return min(own + (missing - 1) * _FRESH, done + missing * _FRESH) + close
    return min(done + close, _to_first(state) + 1)


def _to_first(state: PointsState) -> int:
    """Bytes that make the point at hand the ring's first one again, bracket included."""
    x, y = state.ring.seen[0]
    written = "" if state.number == EMPTY else str(state.number)
    if state.at == Y:
        return len(str(y)) - len(written) + 1 if state.x == x and str(y).startswith(written) else _NEVER
    return len(str(x)) - len(written) + 2 + num_digits(y) if str(x).startswith(written) else _NEVER
