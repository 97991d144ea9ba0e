"""A diagnosis in words: what the answers are written in, how sure that is, and the transform that mends them."""

from __future__ import annotations

from collections.abc import Iterator

from georsmllm.doctor.examination import Diagnosis
from georsmllm.doctor.readings import FRAMES, LAYOUTS, Reading
from georsmllm.doctor.verdicts import Option

_AXES = ("x", "y")
POINT = 2
UNSURE = 0.5
OUTSIDE, NARROW, ADRIFT = 0.05, 0.6, 0.2
"""The share of objects outside the frame, of the frame that is filled, and of answers with a shift of their own, beyond which
a person is told."""
_UNITS = {
    "relative": ("width", "height"),
    "pixels": ("", ""),
    "resized": ("width / resized_width", "height / resized_height"),
    "longer side": ("max(width, height)", "max(width, height)"),
    "padded": ("max(width, height)", "max(width, height)"),
    "crossed": ("height", "width"),
}
_OFFSETS = {"padded": ("(width - max(width, height)) / 2", "(height - max(width, height)) / 2")}
_FULL = {
    "pixels": ("width", "height"),
    "resized": ("resized_width", "resized_height"),
    "longer side": ("width / max(width, height)", "height / max(width, height)"),
}


def lines(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    """(heading, text) pairs for a terminal."""
    yield "answers", _answers(diagnosis)
    if not diagnosis.options:
        yield "verdict", "no numbers to judge by"
        return
    best = diagnosis.options[0]
    yield (
        "read by",
        ", ".join(f"{one.name} {one.share:.0%}" for one in diagnosis.heard[:5]) or "no known form as it stands",
    )
    yield "meaning", LAYOUTS[diagnosis.arity][best.reading.layout].words
    yield "frame", frame(best.reading)
    if best.same:
        yield "same here", _same(best, diagnosis)
    faults = list(oddities(best.reading))
    if faults:
        yield "odd", "; ".join(faults)
    yield "verdict", verdict(diagnosis)
    if best.iou is not None:
        yield "gold", _gold(diagnosis, best.iou)
    for part in diagnosis.parts:
        name = f" ({', '.join(part.dialects)})" if part.dialects else ""
        yield "others", f"{part.share:.0%} of the answers are rather {_brief(part.reading, diagnosis)}{name}"
    for doubt in _doubts(diagnosis):
        yield "doubt", doubt
    if not diagnosis.by_gold:
        yield (
            "unseen",
            "swapped and mirrored axes, shifts, padding and other scales show only with gold (--set or --gold)",
        )
    for option in diagnosis.options[1:4]:
        yield "or else", _other(option, diagnosis)
    yield "pixels", "; ".join(formula(best.reading, axis) for axis in (0, 1))


def _gold(diagnosis: Diagnosis, iou: float) -> str:
    judge = "mean hit" if diagnosis.arity == POINT else "mean IoU"
    now = next((one for one in diagnosis.heard if one.iou is not None), None)
    as_it_is = "" if now is None else f"; {now.iou:.3f} as {now.name} reads them"
    return f"{judge} {iou:.3f} in this reading{as_it_is}"


def _doubts(diagnosis: Diagnosis) -> Iterator[str]:
    """Why a person should not rely on the verdict."""
    best = diagnosis.options[0]
    if diagnosis.left_out > OUTSIDE * diagnosis.objects and not diagnosis.left_read:
        yield f"{diagnosis.left_out} objects were not looked at; a file for each form would tell of these, too"
    if diagnosis.by_gold:
        if best.sure < UNSURE:
            yield "no reading puts these answers on their gold clearly better than others, or than on gold of other answers"
        if diagnosis.adrift > ADRIFT:
            yield (
                f"{diagnosis.adrift:.0%} of the answers have the sizes of their gold at another place, each by a shift of its "
                "own: were the offsets of tiles not added back?"
            )
        return
    if diagnosis.gold_known:
        yield "the gold is of no use: fewer than two answers with numbers have objects in their gold"
    if diagnosis.outside > OUTSIDE:
        yield f"{diagnosis.outside:.0%} of the objects leave this frame: some answers are wrong or in another one"
    for axis, (low, high) in zip(_AXES, diagnosis.reach, strict=True):
        if high - low < NARROW:
            yield f"on {axis} the objects reach only from {low:.0%} to {high:.0%} of this frame: it may be another one"


def _answers(diagnosis: Diagnosis) -> str:
    text = f"{diagnosis.answers}, {diagnosis.objects} objects looked at"
    if diagnosis.objects:
        count = f"of {diagnosis.arity} numbers" if diagnosis.arity else "as outlines"
        text += f", {count}, written as {diagnosis.form}"
    if diagnosis.silent:
        text += f"; {diagnosis.silent} without such numbers"
    if diagnosis.left_out:
        text += f"; {diagnosis.left_out} objects left out, of another form or beside such"
        if diagnosis.left_read:
            text += f", which {diagnosis.options[0].dialects[0]} reads as well"
    return text + ("" if diagnosis.sizes_known else "; sizes unknown, so pixels cannot be told")


def frame(reading: Reading) -> str:
    """What the numbers are relative to, and up to which number."""
    words = FRAMES[reading.frame].words
    if reading.frame in ("pixels", "resized"):
        factor = "" if reading.scale == (1.0, 1.0) else f", times {reading.scale[0]:.4g}"
        if reading.scale[0] != reading.scale[1]:
            factor = f", x times {reading.scale[0]:.4g} and y times {reading.scale[1]:.4g}"
        return words + factor
    spans = [1 / scale for scale in reading.scale]
    if abs(spans[0] / spans[1] - 1) < 1e-6:
        return f"0 to {spans[0]:.4g} {words}"
    return f"x 0 to {spans[0]:.4g} and y 0 to {spans[1]:.4g} {words}"


def oddities(reading: Reading) -> Iterator[str]:
    """What no published form does, by its name."""
    if reading.is_swapped:
        yield "y stands before x"
    for axis, border in ((0, "right"), (1, "bottom")):
        if reading.mirrored[axis]:
            yield f"{_AXES[axis]} runs from the {border} border"
    for axis in (0, 1):
        steps = reading.shift[axis] / reading.scale[axis]
        if 0 < abs(steps) <= 1:
            yield f"{_AXES[axis]} is rounded {'down' if steps > 0 else 'up'}, {abs(steps):.2f} of a step too far"
        elif steps:
            yield f"{_AXES[axis]} is shifted by {-steps:+.4g} of its own units"


def verdict(diagnosis: Diagnosis) -> str:
    best = diagnosis.options[0]
    if best.dialects:
        name = " or ".join(best.dialects)
        of_most = " for most answers" if diagnosis.parts else ""
        return f"{name} as published{of_most}; sure {best.sure:.2f}"
    heard = [one.name for one in diagnosis.heard if one.share >= 0.5]
    like = f" though {' and '.join(heard)} can read the text" if heard else ""
    return f"no published form{like}; sure {best.sure:.2f}"


def _brief(reading: Reading, diagnosis: Diagnosis) -> str:
    """A reading in a few words."""
    return "; ".join((LAYOUTS[diagnosis.arity][reading.layout].words, frame(reading), *oddities(reading)))


def _same(best: Option, diagnosis: Diagnosis) -> str:
    """What these views cannot tell apart."""
    words = [_brief(one, diagnosis) if one.layout != best.reading.layout else frame(one) for one in best.same]
    return "; ".join(words) + " (these views cannot tell)"


def _other(option: Option, diagnosis: Diagnosis) -> str:
    name = f" ({', '.join(option.dialects)})" if option.dialects else ""
    without = ", which only gold can tell" if option.iou is None else ""
    return f"{_brief(option.reading, diagnosis)}{name}: sure {option.sure:.2f}{without}"


def formula(reading: Reading, axis: int) -> str:
    """How a coordinate in pixels of the view comes from a number n as it is written."""
    number = f"n_{_AXES[1 - axis if reading.is_swapped else axis]}"
    scale, shift = reading.scale[axis], reading.shift[axis]
    unit = number if scale == 1 else f"{number} / {1 / scale:.6g}" if scale < 1 else f"{number} * {scale:.6g}"
    if shift:
        unit = f"{unit} {'+' if shift > 0 else '-'} {abs(shift):.6g}"
    if reading.mirrored[axis]:
        unit = f"{_FULL.get(reading.frame, ('1', '1'))[axis]} - ({unit})"
    whole = _UNITS[reading.frame][axis]
    text = unit if not whole else f"({unit}) * {whole}"
    offset = _OFFSETS.get(reading.frame, ("", ""))[axis]
    return f"{_AXES[axis]} = {text}" + (f" + {offset}" if offset else "")


def as_json(diagnosis: Diagnosis) -> dict[str, object]:
    """The same for machines: everything that was found, and the transform of each reading."""
    plain = {name: value for name, value in diagnosis._asdict().items() if name not in ("options", "heard", "parts")}
    return {
        **plain,
        "heard": [one._asdict() for one in diagnosis.heard],
        "options": [
            {
                "sure": option.sure,
                "iou": option.iou,
                "dialects": list(option.dialects),
                **_transform(option.reading, diagnosis),
                "same": [_transform(reading, diagnosis) for reading in option.same],
            }
            for option in diagnosis.options
        ],
        "parts": [
            {"share": part.share, "dialects": list(part.dialects), **_transform(part.reading, diagnosis)}
            for part in diagnosis.parts
        ],
        "doubts": list(_doubts(diagnosis)) if diagnosis.options else [],
    }


def _transform(reading: Reading, diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "meaning": LAYOUTS[diagnosis.arity][reading.layout].words,
        "frame": frame(reading),
        "odd": list(oddities(reading)),
        "transform": reading._asdict(),
        "pixels": [formula(reading, axis) for axis in (0, 1)],
    }
