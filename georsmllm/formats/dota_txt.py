"""DOTA label text: one four-point object a line, after at most two header lines.

    imagesource:GoogleEarth
    gsd:0.255589285596
    1054 1028 1063 1011 1111 1040 1112 1062 ship 1

x1 y1 ... x4 y4 class difficult: pixels of the labelled image, whole or not, in the pixel-edge frame. gsd may be "null"
or empty, each header line may be missing, and so may the last field (then 0). An empty file is an image without objects.
"""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.errors import BadRecord
from georsmllm.geometry import Corners

if TYPE_CHECKING:
    from georsmllm.label_lines import Lines

REASONS = {
    "label_missing": "the label file is gone or may not be read",
    "not_text": "the label file is not UTF-8 text",
    "short_row": "a line has fewer than the 9 fields of an object",
    "not_a_number": "a coordinate or the difficult flag is not a number",
    "not_finite": "a coordinate is NaN, infinite, or beyond any image",
}
_BEYOND_ANY_IMAGE = 1e7
_HEADER = re.compile(rb"(?P<key>imagesource|gsd):(?P<value>[ -~]{0,200})\r?\n")


class Row(NamedTuple):
    """One object. line: 1-based. corners: in the file's order; the first is the head where the object has one."""

    line: int
    corners: Corners
    name: str
    difficult: bool


class Labels(NamedTuple):
    """One file. imagesource, gsd: as written, "" where missing or null. lines: its objects, column by column."""

    imagesource: str
    gsd: str
    lines: Lines

    def row(self, i: int) -> Row:
        (x1, y1, x2, y2, x3, y3, x4, y4), lines = self.lines.corners[i].tolist(), self.lines
        corners = ((x1, y1), (x2, y2), (x3, y3), (x4, y4))
        return Row(int(lines.lines[i]), corners, lines.names[i], bool(lines.flags[i]))

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self.row(i) for i in range(len(self.lines.names)))


def read(path: Path, where: str) -> Labels:
    """Every object of one label file; raises BadRecord at `where`:line for the first line that is none."""
    from georsmllm import label_lines

    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRecord("label_missing", f"cannot read the label file: {error.strerror}", where=where) from None
    header, start = _header(data)
    lines = label_lines.read(data[start:], data.count(b"\n", 0, start) + 1)
    if lines is not None:
        return Labels(header["imagesource"], header["gsd"], lines)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        came = data[error.start : error.start + 8]
        raise BadRecord("not_text", f"expected UTF-8 text, got {came!r}", where=f"{where}@{error.start}") from None
    return parse(text, where)


def _header(data: bytes) -> tuple[dict[str, str], int]:
    """The plain header lines at the head of a file, and where they end."""
    header = {"imagesource": "", "gsd": ""}
    start = 0
    while (line := _HEADER.match(data, start)) is not None:
        header[line["key"].decode()] = _said(line["value"].decode())
        start = line.end()
    return header, start


def _said(value: str) -> str:
    return "" if value.strip().lower() in ("null", "none") else value.strip()


def parse(text: str, where: str) -> Labels:
    """The general reader: any white space, any number that Python reads, a header in any case."""
    import numpy as np

    from georsmllm.label_lines import Lines

    header = {"imagesource": "", "gsd": ""}
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        if not rows and ":" in line:
            key, _, value = line.partition(":")
            if key.strip().lower() in header:
                header[key.strip().lower()] = _said(value)
                continue
        rows.append(_row(fields, line, number, where))
    lines = Lines(
        np.array([row.corners for row in rows], dtype=np.float64).reshape(-1, 8),
        tuple(row.name for row in rows),
        np.array([row.difficult for row in rows], dtype=np.bool_),
        np.array([row.line for row in rows], dtype=np.int64),
    )
    return Labels(header["imagesource"], header["gsd"], lines)


def _row(fields: list[str], line: str, number: int, where: str) -> Row:
    if len(fields) < 9:
        raise BadRecord(
            "short_row", f"expected x1 y1 ... x4 y4 class [difficult], got {len(fields)} fields",
            where=f"{where}:{number}", raw=line,
        )  # fmt: skip
    try:
        x1, y1, x2, y2, x3, y3, x4, y4 = values = tuple(map(float, fields[:8]))
        # Splitters write 2 for objects that they cut; anything but 0 is not to be asked.
        difficult = len(fields) > 9 and int(float(fields[9])) != 0
    except (ValueError, OverflowError) as error:
        raise BadRecord("not_a_number", f"expected numbers: {error}", where=f"{where}:{number}", raw=line) from None
    if not (isfinite(sum(values)) and min(values) >= -_BEYOND_ANY_IMAGE and max(values) <= _BEYOND_ANY_IMAGE):
        raise BadRecord(
            "not_finite", "expected pixel coordinates, got NaN, infinity or more than 10 million",
            where=f"{where}:{number}", raw=line,
        )  # fmt: skip
    return Row(number, ((x1, y1), (x2, y2), (x3, y3), (x4, y4)), fields[8], difficult)
