"""Attributes that outlines decide: part of the image, orientation, occupancy, shape, size; and which no image shows at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from georsmllm.found import Finding
from georsmllm.relations import PARALLEL_DEG

from . import amounts, forms
from .forms import Asked, compared
from .frame import Frame, Unsaid, span
from .geometric import Verdict
from .plan import Attribute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

UNOBSERVABLE = frozenset(
    "speed velocity acceleration owner ownership price cost value rent name nationality purpose temperature weight "  # noqa: SIM905
    "population income age brand legality sound noise smell occupant tenant".split()
)
"""Attributes that no single image shows; asked of one, the answer is that nothing can be said."""
CENTRAL = (0.25, 0.75)
"""Between which shares of the image's sides its centre lies: a quarter of it, as each corner is."""
RIM = 0.1
"""How wide the edge of an image is, as a share of its sides."""
_END = re.compile(r"(?:north|south)[ -]?(?:east|west)|north|south|east|west")
ORIENTED_DEG = 22.5
"""How far a long axis may be turned from the direction that is named: the four directions of the compass share all."""
ACROSS = ("perpendicular", "orthogonal", "at right angles", "across")
"""Orientations that are those to an anchor."""
NEARLY = 0.1
"""Half occupied is what is so by a half, give or take so much."""
OCCUPIED: Mapping[str, tuple[amounts.Comparison, float]] = MappingProxyType(
    {
        "empty": ("<", 0.02), "vacant": ("<", 0.02), "unoccupied": ("<", 0.02), "occupied": (">=", 0.02),
        "full": (">=", 0.8), "fully": (">=", 0.8), "half": ("=", 0.5), "mostly empty": ("<", 0.25), "half full": ("=", 0.5),
        "mostly full": (">=", 0.5), "crowded": (">=", 0.5), "partly": ("<", 0.8),
    }
)  # fmt: skip


def described(attribute: Attribute, inputs: tuple[Finding, ...], anchors: tuple[Finding, ...], frame: Frame) -> Verdict:
    """Which of the inputs have an attribute. anchors: what fills them, of an occupancy. Raises Unsaid where outlines do not
    tell, and UNOBSERVABLE where no image does."""
    name = attribute.name.lower().replace("_", " ").replace("-", " ").strip()
    refuse_unobservable(attribute)
    rule = _RULES.get(name)
    if rule is None:
        raise Unsaid("NOT_GEOMETRIC", f"{name[:40]} is to be seen, outlines do not tell it")
    words = attribute.value.lower().strip()
    asked = Asked(name, words, inputs, frame.measured(inputs), frame.measured(anchors), frame)
    found = rule(asked)
    return found._replace(keep=~found.keep) if attribute.negated else found


def refuse_unobservable(attribute: Attribute) -> None:
    """Raises Unsaid(UNOBSERVABLE) for what no image shows."""
    words = re.findall(r"[a-z]+", attribute.name.lower())
    if UNOBSERVABLE & set(words) or "km/h" in attribute.value or "mph" in attribute.value:
        raise Unsaid("UNOBSERVABLE", f"{attribute.name[:40]} is nothing that an image shows")


def needs_anchor(attribute: Attribute) -> bool:
    """Whether outlines tell the attribute only together with those of other things."""
    is_across = attribute.name == "orientation" and attribute.value.lower().startswith(ACROSS)
    return is_across or attribute.name == "occupancy"


# --- parts of the image ----------------------------------------------------------------------------------------------


def _region(asked: Asked) -> Verdict:
    """The middle lies in the half, third, quarter, centre, corner or edge that the words name; its border belongs to both."""
    import numpy as np

    words, shapes, frame = asked.words, asked.shapes, asked.frame
    width, height = frame.size_wh
    at = shapes.centres / (width, height)
    direction = frame.direction(words)
    rim, middle = re.search(r"edge|border|margin|rim", words), re.search(r"cent|middle", words)
    if direction is None and rim:
        return Verdict(np.any(np.abs(at - 0.5) >= 0.5 - RIM, axis=1), f"the edge is the outer {RIM:.0%} of the image")
    if direction is None and re.search(r"corner", words):
        return Verdict(np.all(np.abs(at - 0.5) >= 0.5 - CENTRAL[0], axis=1), "corners are quarters of the sides")
    if direction is None and middle:
        keep = np.all((at >= CENTRAL[0]) & (at <= CENTRAL[1]), axis=1)
        return Verdict(keep, f"the centre goes from {CENTRAL[0]:.0%} to {CENTRAL[1]:.0%} of both sides")
    if direction is None:
        raise Unsaid("NOT_GEOMETRIC", f"{words[:40]!r} is no part of the image that is known")
    share = RIM if rim else 1 / 3 if "third" in words else 0.5
    keep = np.ones(len(shapes), dtype=bool)
    for towards in _parts(words, frame):
        keep &= _outermost(shapes.centres, towards, frame.size_wh) <= share + 1e-9
    if middle and not rim:  # "centre left": in the middle of the other direction
        across = (-direction.towards[1], direction.towards[0])
        aside = _outermost(shapes.centres, across, frame.size_wh)
        keep &= (aside >= CENTRAL[0]) & (aside <= CENTRAL[1])
    note = f"; {direction.note}" if direction.note else ""
    return Verdict(keep, f"the middle lies in the outer {share:.0%} towards {words[:40]}{note}")


def _parts(words: str, frame: Frame) -> list[tuple[float, float]]:
    """The unit vectors of all directions that are named: two of a corner."""
    parts = re.findall(r"north|south|east|west|left|right|top|upper|bottom|lower", words)
    found = [frame.direction(part) for part in dict.fromkeys(parts)]
    return [one.towards for one in found if one is not None]


def _outermost(points: Floats, towards: tuple[float, float], size_wh: tuple[int, int]) -> Floats:
    """The share of the image's extent in a direction that lies beyond each point: 0 at its outermost corner."""
    import numpy as np

    width, height = size_wh
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)]) @ towards
    found: Floats = (corners.max() - points @ towards) / (corners.max() - corners.min())
    return found


# --- orientation ----------------------------------------------------------------------------------------


def _orientation(asked: Asked) -> Verdict:
    """The long axis runs in the direction named, up to 22.5 degrees; what is about as long as wide has none."""
    import numpy as np

    words, shapes = asked.words, asked.shapes
    if words.startswith(ACROSS):
        return _across(asked)
    degrees, note = _axis_degrees(words, asked.frame)
    turned = np.min([abs((shapes.directions - one + 90) % 180 - 90) for one in degrees], axis=0)
    keep: Bools = np.nan_to_num(turned, nan=180.0) <= ORIENTED_DEG
    spread = f", it is turned by {span(turned[keep])} degrees" if keep.any() else ""
    return Verdict(keep, f"the long axis runs {words[:40]} up to {ORIENTED_DEG} degrees{spread}{note}")


def _across(asked: Asked) -> Verdict:
    """The long axis stands at a right angle to the nearest anchor, up to what is parallel."""
    import numpy as np

    from georsmllm.arrangements import angles

    if not len(asked.fillers):
        raise Unsaid("ANCHOR_NOT_FOUND", "there is nothing that they could stand at a right angle to")
    turned = angles(asked.shapes, asked.fillers)
    keep: Bools = np.nan_to_num(turned, nan=0.0) >= 90 - PARALLEL_DEG
    spread = f"the angle to the nearest anchor is {span(turned[keep])} degrees, " if keep.any() else ""
    return Verdict(keep, f"{spread}{90 - PARALLEL_DEG:g} are enough")


def _axis_degrees(words: str, frame: Frame) -> tuple[list[float], str]:
    """(the directions meant in degrees clockwise from the x axis, what was taken for granted)."""
    import math

    if "horizontal" in words:
        return [0.0], ""
    if "vertical" in words:
        return [90.0], ""
    if "diagonal" in words or "oblique" in words:
        return [45.0, 135.0], ""
    spelt = re.sub(r"\b([nesw]{1,2})\b", lambda match: _spelt(match.group(1)), words)
    ends = _END.findall(spelt)
    if len(ends) == 1:
        raise Unsaid("NOT_GEOMETRIC", "which end of an outline is its front is to be seen")
    direction = frame.direction(ends[0]) if ends else None
    if direction is None:
        raise Unsaid("NOT_GEOMETRIC", f"{words[:40]!r} is no orientation that is known")
    x, y = direction.towards
    return [math.degrees(math.atan2(y, x)) % 180], f" ({direction.note})" if direction.note else ""


def _spelt(letters: str) -> str:
    return "".join({"n": "north", "e": "east", "s": "south", "w": "west"}[letter] for letter in letters)


# --- occupancy -------------------------------------------------------------------------------------------------------


def _occupancy(asked: Asked) -> Verdict:
    """How much of each input's area the anchors cover; without anchors there are none to cover it."""
    from georsmllm.covering import shares

    share = shares(asked.shapes, asked.fillers)
    comparison, number = _occupied(asked.words)
    keep = (abs(share - number) <= NEARLY) if comparison == "=" else compared(share, comparison, number)
    return Verdict(keep, f"covered by {span(100 * share)} %" if len(share) else "")


def _occupied(words: str) -> tuple[amounts.Comparison, float]:
    said = amounts.amount(words)
    if said is not None:
        return said.comparison or "=", said.number / 100 if said.unit == "%" else said.number
    if words in OCCUPIED:
        return OCCUPIED[words]
    known = [OCCUPIED[word] for word in re.findall(r"[a-z]+", words) if word in OCCUPIED]
    if not known:
        raise Unsaid("NOT_GEOMETRIC", f"{words[:40]!r} is no occupancy that is measured")
    number = 0.5 if "half" in words else known[0][1]
    comparison = _more_or_less(words) or known[0][0]
    return comparison, number


def _more_or_less(words: str) -> amounts.Comparison | None:
    if re.search(r"less|fewer|under|below", words):
        return "<"
    return ">" if re.search(r"more|over|above", words) else None


_RULES: Mapping[str, Callable[[Asked], Verdict]] = MappingProxyType(
    {
        "image region": _region,
        "region": _region,
        "position": _region,
        "location": _region,
        "orientation": _orientation,
        "shape": forms.shape,
        "form": forms.shape,
        "size": forms.size,
        "length": forms.size,
        "width": forms.size,
        "area": forms.size,
        "occupancy": _occupancy,
    }
)
