"""A diagnosis in words: what the answers are written in, how sure that is, and the transform that mends them."""

from __future__ import annotations

from collections.abc import Iterator

from georsmllm.doctor.examination import Diagnosis, Option
from georsmllm.doctor.readings import FRAMES, LAYOUTS, Reading

_AXES = ("x", "y")
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
        yield (
            "verdict",
            "no numbers to judge by" if not diagnosis.objects else "too few answers with as many objects as gold",
        )
        return
    best = diagnosis.options[0]
    yield (
        "read by",
        ", ".join(f"{one.name} {one.share:.0%}" for one in diagnosis.heard[:5]) or "no known form as it stands",
    )
    yield "meaning", f"{LAYOUTS[diagnosis.arity][best.reading.layout].words}"
    yield "frame", frame(best.reading)
    faults = list(oddities(best.reading))
    if faults:
        yield "odd", "; ".join(faults)
    yield "verdict", verdict(diagnosis)
    if best.iou is not None:
        now = max((one.iou for one in diagnosis.heard if one.iou is not None), default=None)
        as_it_is = "" if now is None else f"; {now:.3f} as {diagnosis.heard[0].name} reads them"
        yield "gold", f"mean IoU {best.iou:.3f} in this reading{as_it_is} ({diagnosis.gold_known} answers have gold)"
    for option in diagnosis.options[1:4]:
        yield "or else", _other(option, diagnosis)
    yield "pixels", "; ".join(formula(best.reading, axis) for axis in (0, 1))


def _answers(diagnosis: Diagnosis) -> str:
    text = f"{diagnosis.answers}, {diagnosis.objects} objects looked at"
    if diagnosis.objects:
        count = f"of {diagnosis.arity} numbers" if diagnosis.arity else "as outlines"
        text += f", {count}, written as {diagnosis.form}"
    if diagnosis.silent:
        text += f"; {diagnosis.silent} without such numbers"
    if diagnosis.left_out:
        text += f"; {diagnosis.left_out} objects of another form left out"
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
        return f"{name} as published; sure {best.sure:.2f}"
    heard = [one.name for one in diagnosis.heard if one.share >= 0.5]
    like = f" though {' and '.join(heard)} can read the text" if heard else ""
    return f"no published form{like}; sure {best.sure:.2f}"


def _other(option: Option, diagnosis: Diagnosis) -> str:
    words = [LAYOUTS[diagnosis.arity][option.reading.layout].words, frame(option.reading), *oddities(option.reading)]
    name = f" ({', '.join(option.dialects)})" if option.dialects else ""
    judged = "cannot be told from it without gold" if option.iou is None else f"sure {option.sure:.2f}"
    return f"{'; '.join(words)}{name}: {judged}"


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
    return {
        **{name: value for name, value in diagnosis._asdict().items() if name not in ("options", "heard")},
        "heard": [one._asdict() for one in diagnosis.heard],
        "options": [
            {
                "sure": option.sure,
                "iou": option.iou,
                "dialects": list(option.dialects),
                "meaning": LAYOUTS[diagnosis.arity][option.reading.layout].words,
                "frame": frame(option.reading),
                "odd": list(oddities(option.reading)),
                "transform": option.reading._asdict(),
                "pixels": [formula(option.reading, axis) for axis in (0, 1)],
            }
            for option in diagnosis.options
        ],
    }
