"""Pascal VOC's XML, one file an image: plain boxes, and the rotated ones of DIOR-R (`robndbox`).

    <annotation><filename>00001.jpg</filename><size><width>800</width><height>800</height></size>
     <object><name>golffield</name><difficult>0</difficult>
      <bndbox><xmin>133</xmin><ymin>237</ymin><xmax>684</xmax><ymax>672</ymax></bndbox>
      <description>A golf course in the middle</description></object></annotation>

Coordinates stay as they stand, taken as pixel edges: VOC itself counted pixels from 1, but boxes that start at 0 or end
at the image's width are common, so that a shift would be a guess; the doubt is one pixel. Tags count in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from georsmllm.errors import BadRecord
from georsmllm.formats import coco_shapes
from georsmllm.formats.coco_shapes import MAX_COORDINATE_PX, Shaped
from georsmllm.geometry import Corners
from georsmllm.types import box

REASONS = {
    "label_missing": "the label file is gone or may not be read",
    "bad_xml": "the label file is not whole XML, or declares a document type",
    "bad_entry": "an object without the name of its class",
    "no_shape": "an object without a box",
    "not_a_number": "a coordinate or the difficult flag is not a number",
    "not_finite": "a coordinate is NaN, infinite, or beyond any image",
    "size_mismatch": "width and height in the file are not those of the image",
}
MENDS = {
    "clipped_to_image": coco_shapes.MENDS["clipped_to_image"],
    "reordered_corners": coco_shapes.MENDS["reordered_corners"],
    "swapped_sides": "a box whose min and max stand in each other's place got them back",
}
MAX_BYTES = 16_000_000
MAX_DEPTH = 16
SIZE_SLACK_PX = 2  # a file made for the nominal size of an image that is a pixel or two off
_QUAD = ("left_top", "right_top", "right_bottom", "left_bottom")  # their names only: for a turned box they say no place
_BOX = ("xmin", "ymin", "xmax", "ymax")


@dataclass(slots=True)
class _Node:
    tag: str
    line: int
    start: int
    end: int = 0
    text: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)


class Object(NamedTuple):
    """One object. line: 1-based; span: bytes of its element. corners: of a rotated box, in the file's order, else None.

    box: (x min, y min, x max, y max) as written; of a rotated box alone its bounds.
    """

    line: int
    span: tuple[int, int]
    name: str
    box: tuple[float, float, float, float]
    corners: Corners | None
    difficult: bool
    description: str


class Annotation(NamedTuple):
    """One file. size_wh: as written, None where it is missing or 0."""

    filename: str
    size_wh: tuple[float, float] | None
    objects: tuple[Object, ...]


def read(root: Path, path: str) -> Annotation:
    """Every object of one label file; raises BadRecord at `path`:line for the first thing that is wrong."""
    tree = _tree(_bytes(root, path), path)
    size = _child(tree, "size")
    width, height = (_number(size, name, path) if size and _child(size, name) else 0.0 for name in ("width", "height"))
    return Annotation(
        _text(tree, "filename"),
        (width, height) if width > 0 and height > 0 else None,
        tuple(_object(node, path) for node in _named(tree, "object")),
    )


def object_spans(root: Path, path: str) -> tuple[tuple[int, int], ...]:
    """Where the objects of a file lie in it, in bytes, in its order; raises BadRecord for a file that is not whole XML."""
    return tuple((node.start, node.end) for node in _named(_tree(_bytes(root, path), path), "object"))


def shape_of(item: Object, size_wh: tuple[int, int]) -> Shaped:
    """The shape of an object inside its image."""
    if item.corners is not None:
        shape, mends = coco_shapes.quad(item.corners)
    else:
        x1, y1, x2, y2 = item.box
        shape = box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        mends = ("swapped_sides",) if x1 > x2 or y1 > y2 else ()
    return coco_shapes.inside(shape, size_wh, mends)


def check_size(found: Annotation, size_wh: tuple[int, int], where: str) -> None:
    """Raises BadRecord where the file was written for an image of clearly another size."""
    written = found.size_wh or size_wh
    if max(abs(written[0] - size_wh[0]), abs(written[1] - size_wh[1])) > SIZE_SLACK_PX:
        raise BadRecord(
            "size_mismatch",
            f"the label is for an image of {written[0]:g} x {written[1]:g}, the image is {size_wh[0]} x {size_wh[1]}",
            where=where,
        )


def _bytes(root: Path, path: str) -> bytes:
    try:
        with (root / path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRecord("label_missing", f"cannot read the label file: {error.strerror}", where=path) from None
    if len(data) > MAX_BYTES:
        raise BadRecord("bad_xml", f"expected the objects of one image, got more than {MAX_BYTES:,} bytes", where=path)
    return data


def _tree(data: bytes, path: str) -> _Node:
    """The elements of a file. No document type is let in, so that no entity can grow."""
    top = _Node("", 0, 0)
    stack = [top]
    parser = expat.ParserCreate()

    def bad(message: str) -> BadRecord:
        return BadRecord("bad_xml", message, where=f"{path}:{parser.CurrentLineNumber}")

    def start(tag: str, _: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise bad(f"expected at most {MAX_DEPTH} elements inside one another")
        node = _Node(tag.lower(), parser.CurrentLineNumber, parser.CurrentByteIndex)
        stack[-1].children.append(node)
        stack.append(node)

    def end(_: str) -> None:
        at = parser.CurrentByteIndex
        stack.pop().end = data.find(b">", at) + 1

    def doctype(*_: object) -> None:
        raise bad("a document type (<!DOCTYPE ...>) has no place in a label file; take it out")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: stack[-1].text.append(text)
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        where = f"{path}:{error.lineno}"
        raise BadRecord("bad_xml", f"expected whole XML: {expat.ErrorString(error.code)}", where=where) from None
    except (ValueError, LookupError) as error:  # of an encoding that Python's expat has no table for
        raise BadRecord("bad_xml", f"expected XML in UTF-8: {error}", where=f"{path}:1") from None
    if top.children[0].tag != "annotation":
        raise BadRecord("bad_xml", f"expected <annotation>, got <{top.children[0].tag[:40]}>", where=f"{path}:1")
    return top.children[0]


def _object(node: _Node, path: str) -> Object:
    name = _text(node, "name")
    if not name:
        raise BadRecord("bad_entry", "an object without <name>", where=f"{path}:{node.line}")
    rotated, plain = _child(node, "robndbox"), _child(node, "bndbox")
    difficult = _child(node, "difficult") is not None and _number(node, "difficult", path) != 0
    corners: Corners | None = None
    if rotated is not None:
        a, b, c, d = ((_number(rotated, f"x_{at}", path), _number(rotated, f"y_{at}", path)) for at in _QUAD)
        corners = (a, b, c, d)
        xs, ys = zip(*corners, strict=True)
        bounds = (min(xs), min(ys), max(xs), max(ys))
    elif plain is not None:
        x1, y1, x2, y2 = (_number(plain, side, path) for side in _BOX)
        bounds = (x1, y1, x2, y2)
    else:
        message = f"the object {name!r} has neither <bndbox> nor <robndbox>"
        raise BadRecord("no_shape", message, where=f"{path}:{node.line}")
    return Object(node.line, (node.start, node.end), name, bounds, corners, difficult, _text(node, "description"))


def _named(node: _Node, tag: str) -> Iterator[_Node]:
    return (child for child in node.children if child.tag == tag)


def _child(node: _Node, tag: str) -> _Node | None:
    return next(_named(node, tag), None)


def _text(node: _Node, tag: str) -> str:
    """The words of a child, with single spaces."""
    child = _child(node, tag)
    return " ".join("".join(child.text).split()) if child else ""


def _number(node: _Node, tag: str, path: str) -> float:
    text = _text(node, tag)
    line = (_child(node, tag) or node).line
    try:
        value = float(text if "_" not in text else "")  # Python's own 1_000 is a slip here
    except ValueError:
        raise BadRecord(
            "not_a_number", f"expected a number in <{tag}>, got {text[:40]!r}", where=f"{path}:{line}"
        ) from None
    if not isfinite(value) or abs(value) > MAX_COORDINATE_PX:
        raise BadRecord("not_finite", f"expected pixels in <{tag}>, got {text[:40]}", where=f"{path}:{line}")
    return value
