"""The values that travel between the floors: points, shapes, targets, samples, instructions, records.

Frames. Every coordinate is in pixels of the *view* (the image handed to the model: a whole image, or a tile that we
cut from a scene): x right, y down, (0, 0) the outer corner of the first pixel, so a W x H view spans [0, W] x [0, H].
Names that end in `_scene` are pixels of the file that the view was cut from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Sign = Literal["+", "-"]
Kind = Literal["point", "box", "rbox", "polygon"]
KINDS: tuple[Kind, ...] = ("point", "box", "rbox", "polygon")


@dataclass(frozen=True, slots=True)
class Ring:
    """A closed line whose first point is not repeated at the end; "+" is a part, "-" a hole in the part before it."""

    points: tuple[Point, ...]
    sign: Sign = "+"


@dataclass(frozen=True, slots=True)
class PointSet:
    """One object; the kinds differ only in how the points are read.

    point: 1 point. box: 2 (min corner, max corner). rbox: 4 corners in order. polygon: rings of at least 3 points,
    further "+" rings are parts, "-" rings are holes of the part before them. keypoints: points inside the object,
    safest first (the prompts of SAM 2); only a box has them in the point text.
    """

    kind: Kind
    rings: tuple[Ring, ...]
    keypoints: tuple[Point, ...] = ()


def point(x: float, y: float) -> PointSet:
    """A single point."""
    return PointSet("point", (Ring(((x, y),)),))


def box(x1: float, y1: float, x2: float, y2: float, keypoints: tuple[Point, ...] = ()) -> PointSet:
    """An axis-aligned box by its min corner and its max corner."""
    return PointSet("box", (Ring(((x1, y1), (x2, y2))),), keypoints)


def rbox(corners: tuple[Point, ...]) -> PointSet:
    """A rotated box by its four corners, in the order given."""
    return PointSet("rbox", (Ring(corners),))


def polygon(*rings: Ring) -> PointSet:
    """A polygon by its rings: parts "+", each followed by its holes "-"."""
    return PointSet("polygon", rings)


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as COCO run lengths: column-major, the first run counts zeros (it may be 0)."""

    width: int
    height: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a scene in whole pixels: view pixel = scene pixel - (x, y)."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A view, never its pixels.

    path: relative to the dataset's root, with "/". width, height: of the view. window: where the view lies in the file
    (None: the whole file). affine: (a, b, c, d, e, f) with map x = a*x + b*y + c, map y = d*x + e*y + f for *scene*
    pixels; crs: its name as the file gives it.
    """

    path: str
    width: int
    height: int
    window: Window | None = None
    affine: tuple[float, float, float, float, float, float] | None = None
    crs: str | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class Target:
    """One annotated object (or one connected area of a class) in one image of a sample.

    image: 0 = A (or the only one), 1 = B. label: canonical class name (`classes.canonical`). phrase: the dataset's own
    expression for it, "" when it has none. attributes: sorted (name, value) pairs; `source_label` keeps the source's
    spelling, `head` the source's first corner. visible: share of its area inside the view. ignore: None, or the named
    reason why it is never asked; an ignored target stays in the sample, counts neither way, and its class gets no
    "all", count or negative question in that view.
    """

    image: int
    label: str
    shape: PointSet
    phrase: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    mask: Mask | None = None
    difficult: bool = False
    visible: float = 1.0
    ignore: str | None = None


UNNAMED = "object"
"""The label of a target whose dataset names no class, only an expression; such a class is never exhaustive."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a sentence where objects are pointed at: they stand before character `at` of its text (or its answer).

    targets: indices into the sample's targets.
    """

    side: Literal["text", "answer"]
    at: int
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence that a dataset gives for the whole sample.

    scene: its class. caption: a description, of a pair: of what changed. place: the name of the city or region.
    question: a question and its answer in words. expression: a referring expression; its answer is the mentioned targets,
    one mention at 0 of an empty answer, and no mention where it denotes nothing. region: the answer describes the targets
    that the (otherwise empty) text mentions. relation: a question that mentions subjects and whose answer mentions objects.
    topic: the dataset's own name for the sort of question. A caption may mention targets, too (a grounded caption).
    A tile keeps the sentences of its scene without mentions: no task asks them of a part.
    """

    kind: Literal["scene", "caption", "place", "question", "expression", "region", "relation"]
    text: str
    answer: str = ""
    mentions: tuple[Mention, ...] = ()
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a converter yields: one image (two for change) with everything that its annotation says.

    scene: the image before tiling, by which splits go: tiles of one scene, and the same scene in another dataset's
    file, carry one name. classes: the dataset's label set. exhaustive: the classes of which every instance in these
    images is annotated, so that absence is a fact; negatives come only from these. mended: (name, count) of the named
    repairs that reading needed.
    """

    id: str
    dataset: str
    split: str
    scene: str
    images: tuple[ImageRef, ...]
    targets: tuple[Target, ...] = ()
    texts: tuple[Text, ...] = ()
    tags: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    exhaustive: tuple[str, ...] = ()
    mended: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """Shapes to be written as point text in a prompt or an answer; `image` is the view whose pixels they are in."""

    shapes: tuple[PointSet, ...]
    labels: tuple[str, ...]
    image: int = 0


Part = str | Said
"""A piece of a prompt or an answer: plain words, or shapes that become point text."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One question with its gold answer, before it is written.

    id: view id + "#" + task + "-" + form. form: the variant of the task ("all", "several", "none", "candidates" ...).
    prompt: what the person says, without tag and image tokens. answer: its gold. gold: the objects that the scorer
    compares with, in view pixels. labels: canonical classes that the question is about. targets: indices into the
    view's targets that are asked by it. negative: the right answer is that nothing is there. direction: "forward"
    (words to points), "reverse" (points to words) or "" (neither); twin_of: the id of the instruction that a cyclic
    twin was turned from. references: further answers in words, each as right as the gold one (a caption's others).
    """

    id: str
    task: str
    form: str
    images: tuple[ImageRef, ...]
    prompt: tuple[Part, ...]
    answer: tuple[Part, ...]
    gold: tuple[Said, ...] = ()
    labels: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()
    negative: bool = False
    direction: Literal["forward", "reverse", ""] = ""
    twin_of: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoldRing:
    sign: Sign
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Gold:
    """One gold object of a record, in pixels of the view `image`, before any rounding to the grid."""

    label: str
    kind: Kind
    rings: tuple[GoldRing, ...]
    keypoints: tuple[Point, ...]
    image: int


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """How one image of a record came to be: `source` below the dataset's root, cut at `window` (x, y, width, height;
    empty: whole), `affine` and `crs` of the scene (empty: none), `content`: a hash of the source image's pixels, of its
    bytes where it is above 100 megapixels, empty where it is of one colour only. `looks`: a perceptual hash of the source
    image that small changes of its pixels leave alone (`georsmllm.looks`), empty where it has too little to see."""

    source: str
    width: int
    height: int
    window: tuple[int, ...]
    affine: tuple[float, ...]
    crs: str
    content: str
    looks: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """dialect: the form in which the points of question and answer are written (`georsmllm.dialects`)."""

    dataset: str
    source_split: str
    scene: str
    sample: str
    form: str
    labels: tuple[str, ...]
    negative: bool
    direction: str
    twin_of: str
    views: tuple[ViewFacts, ...]
    stretch: str
    licence: str
    mended: tuple[str, ...]
    dialect: str


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON line of a built set, the only training input: all keys always, one type each.

    references: further answers in words that a judge takes as it takes the gold text; training never sees them.
    """

    id: str
    images: tuple[str, ...]
    messages: tuple[Message, ...]
    task: str
    gold: tuple[Gold, ...]
    gold_text: str
    provenance: Provenance
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer of a model, the only evaluation input beside the records."""

    id: str
    text: str
