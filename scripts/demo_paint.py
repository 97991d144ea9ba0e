"""Invented overhead scenes, drawn: water, fields, streets and what stands on them, each object with its exact outline."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Point = tuple[float, float]
Outline = tuple[Point, ...]
Colour = tuple[int, int, int]
Texture = tuple[Colour, Colour, int]  # two colours, and the size in pixels of the patches that they mix in

SCALE = 2  # drawn twice as large and reduced, so that edges are soft as in a photograph
SUN = (0.6, 0.8)  # where shadows fall, per pixel of height

GRASS: Texture = ((96, 118, 72), (128, 140, 92), 60)
WATER: Texture = ((38, 66, 82), (56, 92, 104), 90)
CONCRETE: Texture = ((168, 165, 156), (186, 182, 172), 40)
ASPHALT: Texture = ((92, 94, 97), (108, 109, 111), 50)
SOIL: Texture = ((150, 122, 92), (178, 152, 116), 70)
FOREST: Texture = ((42, 66, 40), (62, 88, 52), 30)
CARS: tuple[Colour, ...] = (
    (225, 226, 228),
    (40, 42, 48),
    (150, 32, 32),
    (48, 78, 130),
    (120, 122, 126),
    (205, 200, 190),
)

ROOFS: tuple[Colour, ...] = ((150, 84, 64), (128, 118, 112), (172, 104, 76), (104, 92, 88), (164, 150, 132))


class Thing(NamedTuple):
    """One drawn object in pixels, (0, 0) being the image's corner: its outline, and its four corners from the head on."""

    label: str
    outline: Outline
    corners: Outline


class Canvas:
    """A scene being drawn: colours at SCALE, and a map of classes at 1."""

    def __init__(self, size_wh: tuple[int, int], seed: str, ground: Texture, value: int = 0) -> None:
        from PIL import Image

        self.size_wh = size_wh
        self.rng = random.Random(seed)
        self.image = self._texture(ground, size_wh)
        self.classes = Image.new("L", size_wh, value)

    def area(self, outline: Outline, texture: Texture, value: int | None = None) -> None:
        """Fill an outline with a texture; `value` is its class."""
        from PIL import Image, ImageDraw

        xs, ys = [x for x, _ in outline], [y for _, y in outline]
        left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
        right, bottom = min(self.size_wh[0], math.ceil(max(xs))), min(self.size_wh[1], math.ceil(max(ys)))
        if left >= right or top >= bottom:
            return
        patch = self._texture(texture, (right - left, bottom - top))
        mask = Image.new("L", patch.size, 0)
        ImageDraw.Draw(mask).polygon(_scaled([(x - left, y - top) for x, y in outline]), fill=255)
        self.image.paste(patch, (left * SCALE, top * SCALE), mask)
        self._classify(outline, value)

    def shape(self, outline: Outline, colour: Colour, *, height: float = 0.0, value: int | None = None) -> None:
        """Fill an outline with a colour over the shadow that something `height` px tall casts."""
        from PIL import ImageDraw

        draw = ImageDraw.Draw(self.image, "RGBA")
        if height:
            for step in (0.5, 1.0):
                shadow = tuple((x + SUN[0] * height * step, y + SUN[1] * height * step) for x, y in outline)
                draw.polygon(_scaled(shadow), fill=(10, 14, 24, 80))
        draw.polygon(_scaled(outline), fill=(*colour, 255))
        self._classify(outline, value)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        from PIL import ImageDraw

        draw = ImageDraw.Draw(self.image)
        draw.line(_scaled(points), fill=colour, width=max(1, round(width * SCALE)), joint="curve")

    def photograph(self, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Image.Image:
        """The scene at its size with the grain, haze and tint of a day."""
        import numpy as np
        from PIL import Image

        pixels = np.asarray(self.image.resize(self.size_wh, Image.Resampling.BOX), dtype=np.float32)
        grain = np.random.default_rng(self.rng.getrandbits(64)).normal(0.0, 4.0, pixels.shape[:2])
        light = 1.0 + 0.05 * self._clouds(180, self.size_wh)
        lit = (pixels * light[..., None] + grain[..., None]) * np.array(tint, np.float32)
        return Image.fromarray(np.clip(lit * 0.96 + 8, 0, 255).astype(np.uint8))

    def _classify(self, outline: Outline, value: int | None) -> None:
        if value is not None:
            from PIL import ImageDraw

            ImageDraw.Draw(self.classes).polygon([(round(x - 0.5), round(y - 0.5)) for x, y in outline], fill=value)

    def _texture(self, texture: Texture, size_wh: tuple[int, int]) -> Image.Image:
        import numpy as np
        from PIL import Image

        first, second, cell = texture
        share = np.clip(0.5 + self._clouds(cell, size_wh), 0, 1)[..., None]
        mixed = np.array(first, np.float32) * (1 - share) + np.array(second, np.float32) * share
        small = Image.fromarray(mixed.astype(np.uint8))
        return small.resize((size_wh[0] * SCALE, size_wh[1] * SCALE), Image.Resampling.NEAREST)

    def _clouds(self, cell: int, size_wh: tuple[int, int]) -> NDArray[np.float32]:
        """Smooth noise of about -0.5 to 0.5 in patches of `cell` pixels and finer ones."""
        import numpy as np
        from PIL import Image

        width, height = size_wh
        noise = np.random.default_rng(self.rng.getrandbits(64))
        total = np.zeros((height, width), np.float32)
        for octave in range(4):
            step = max(2, cell >> octave)
            grid = noise.normal(0.0, 0.3, (height // step + 3, width // step + 3)).astype(np.float32)
            total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
        return total


def placed(outline: Outline, at: Point, heading: float) -> Outline:
    """An outline around (0, 0) that points to +x, moved to `at` and turned by `heading` degrees, clockwise on screen."""
    cos, sin = math.cos(math.radians(heading)), math.sin(math.radians(heading))
    return tuple((at[0] + x * cos - y * sin, at[1] + x * sin + y * cos) for x, y in outline)


def rectangle(length: float, width: float) -> Outline:
    """Around (0, 0), from the front left corner on."""
    x, y = length / 2, width / 2
    return ((x, -y), (x, y), (-x, y), (-x, -y))


def disc(radius: float, sides: int = 24) -> Outline:
    turns = (2 * math.pi * i / sides for i in range(sides))
    return tuple((radius * math.cos(turn), radius * math.sin(turn)) for turn in turns)


def band(points: Sequence[Point], width: float) -> Outline:
    """The outline of a line of that width."""
    left, right = [], []
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(0, i - 1)], points[min(len(points) - 1, i + 1)]
        norm = math.hypot(bx - ax, by - ay)
        nx, ny = -(by - ay) / norm * width / 2, (bx - ax) / norm * width / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return (*left, *reversed(right))


def smooth(points: Sequence[Point]) -> list[Point]:
    """A line with its corners cut three times (Chaikin)."""
    line = list(points)
    for _ in range(3):
        quarters = [
            (ax + (bx - ax) * t, ay + (by - ay) * t) for (ax, ay), (bx, by) in pairwise(line) for t in (0.25, 0.75)
        ]
        line = [line[0], *quarters, line[-1]]
    return line


def ship(canvas: Canvas, at: Point, length: float, heading: float) -> Thing:
    beam = length * 0.26
    hull = ((0.5, 0.0), (0.3, 0.5), (-0.46, 0.5), (-0.5, 0.3), (-0.5, -0.3), (-0.46, -0.5), (0.3, -0.5))
    outline = placed(tuple((x * length, y * beam) for x, y in hull), at, heading)
    deck = placed(tuple((x * length * 0.84, y * beam * 0.68) for x, y in hull), at, heading)
    canvas.shape(outline, canvas.rng.choice(((196, 198, 200), (96, 52, 46), (52, 62, 82), (70, 74, 78))), height=3)
    canvas.shape(deck, canvas.rng.choice(((168, 116, 84), (188, 186, 178), (120, 136, 120))))
    if length > 50:  # a freighter: containers in rows before the bridge
        for row in range(5):
            middle = placed(((length * (0.24 - 0.12 * row), 0.0),), at, heading)[0]
            colour = canvas.rng.choice(((176, 70, 52), (60, 96, 140), (190, 150, 66), (92, 128, 92)))
            canvas.shape(placed(rectangle(length * 0.1, beam * 0.62), middle, heading), colour)
    bridge = placed(((-length * 0.36, 0.0),), at, heading)[0]
    canvas.shape(placed(rectangle(length * 0.12, beam * 0.6), bridge, heading), (232, 232, 228), height=2)
    return Thing("ship", outline, placed(rectangle(length, beam), at, heading))


def plane(canvas: Canvas, at: Point, length: float, heading: float) -> Thing:
    half = ((0.5, 0.0), (0.44, 0.05), (0.16, 0.06), (-0.12, 0.48), (-0.2, 0.48), (-0.06, 0.06), (-0.34, 0.045),
            (-0.44, 0.18), (-0.5, 0.18), (-0.46, 0.02))  # fmt: skip
    whole = half + tuple((x, -y) for x, y in reversed(half[1:]))
    outline = placed(tuple((x * length, y * length) for x, y in whole), at, heading)
    canvas.shape(outline, canvas.rng.choice(((236, 238, 240), (222, 226, 232), (206, 212, 220))), height=length * 0.08)
    stripe = placed(((0.4 * length, 0.0), (-0.44 * length, 0.0)), at, heading)
    canvas.line(stripe, canvas.rng.choice(((60, 92, 150), (170, 60, 56), (120, 130, 140))), 1.6)
    return Thing("plane", outline, placed(rectangle(length, length * 0.96), at, heading))


def tank(canvas: Canvas, at: Point, radius: float) -> Thing:
    outline = placed(disc(radius), at, 0)
    canvas.shape(outline, (198, 200, 198), height=radius * 0.5)
    canvas.shape(placed(disc(radius * 0.88), at, 0), (226, 227, 222))
    canvas.shape(placed(disc(radius * 0.16, 10), at, 0), (170, 172, 170))
    canvas.line((at, (at[0] - radius * 0.8, at[1] - radius * 0.3)), (176, 178, 176), 1.2)
    return Thing("storage-tank", outline, placed(rectangle(2 * radius, 2 * radius), at, 0))


def vehicle(canvas: Canvas, at: Point, heading: float, *, large: bool = False) -> Thing:
    length, width = (26.0, 8.0) if large else (13.0, 6.0)
    corners = placed(rectangle(length, width), at, heading)
    canvas.shape(corners, (214, 214, 210) if large else canvas.rng.choice(CARS), height=3)
    glass = placed(((length * (0.36 if large else 0.1), 0.0),), at, heading)[0]
    canvas.shape(placed(rectangle(length * (0.12 if large else 0.36), width * 0.72), glass, heading), (58, 66, 76))
    return Thing("large-vehicle" if large else "small-vehicle", corners, corners)


def house(
    canvas: Canvas, at: Point, size: tuple[float, float], heading: float, *, roof: Colour, value: int | None = None
) -> Thing:
    """A gable roof: the side towards the sun is lighter."""
    length, width = size
    outline = placed(rectangle(length, width), at, heading)
    canvas.shape(outline, roof, height=9, value=value)
    lit = placed(
        ((length / 2, -width / 2), (length / 2, 0.0), (-length / 2, 0.0), (-length / 2, -width / 2)), at, heading
    )
    canvas.shape(lit, (min(255, roof[0] + 26), min(255, roof[1] + 24), min(255, roof[2] + 22)))
    return Thing("building", outline, outline)


def court(canvas: Canvas, at: Point, heading: float) -> Thing:
    corners = placed(rectangle(78, 36), at, heading)
    canvas.shape(placed(rectangle(96, 50), at, heading), (72, 112, 96))
    canvas.shape(corners, (58, 92, 140))
    for part in (rectangle(78, 36), rectangle(78, 27), rectangle(42, 27), rectangle(0.1, 36), rectangle(42, 0.1)):
        canvas.line((*placed(part, at, heading), placed(part, at, heading)[0]), (232, 234, 232), 1)
    return Thing("tennis-court", corners, corners)


def pool(canvas: Canvas, at: Point, heading: float) -> Thing:
    corners = placed(rectangle(22, 11), at, heading)
    canvas.shape(placed(rectangle(28, 17), at, heading), (200, 192, 176))
    canvas.shape(corners, (72, 176, 196))
    return Thing("swimming-pool", corners, corners)


def trees(canvas: Canvas, spots: Sequence[Point], radius: float = 6.0, value: int | None = None) -> None:
    for x, y in spots:
        r = radius * canvas.rng.uniform(0.7, 1.3)
        green = canvas.rng.randint(-10, 14)
        canvas.shape(placed(disc(r, 10), (x, y), 0), (50 + green, 78 + green, 44 + green), height=r * 0.7, value=value)
        canvas.shape(placed(disc(r * 0.5, 8), (x - r * 0.25, y - r * 0.3), 0), (74 + green, 104 + green, 60 + green))


def _scaled(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(x * SCALE - 0.5, y * SCALE - 0.5) for x, y in points]
