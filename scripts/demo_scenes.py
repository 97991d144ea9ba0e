"""What stands where in the demo's invented places: a port, an airport, a tank farm, a town, the country around it."""

from __future__ import annotations

import random
from typing import NamedTuple

from .demo_paint import (
    ASPHALT,
    CONCRETE,
    FOREST,
    GRASS,
    ROOFS,
    SOIL,
    WATER,
    Canvas,
    Outline,
    Point,
    Texture,
    Thing,
    band,
    court,
    disc,
    house,
    placed,
    plane,
    pool,
    rectangle,
    ship,
    smooth,
    tank,
    trees,
    vehicle,
)

BACKGROUND, BUILDING, ROAD, BODY_OF_WATER, BARREN, WOOD, FARMLAND = range(1, 8)  # LoveDA's values; its 0 is "no data"
FIELDS: tuple[Texture, ...] = (
    ((120, 142, 78), (136, 156, 88), 40),
    ((178, 164, 104), (192, 178, 122), 40),
    ((146, 118, 88), (160, 132, 98), 40),
    ((92, 126, 66), (106, 138, 74), 40),
)


class Scene(NamedTuple):
    canvas: Canvas
    things: tuple[Thing, ...]


def port(size_wh: tuple[int, int], seed: str) -> Scene:
    width, height = size_wh
    canvas = Canvas(size_wh, seed, WATER)
    rng, quay = canvas.rng, height * 0.42
    canvas.area(((0, 0), (width, 0), (width, quay), (0, quay)), CONCRETE)
    canvas.area(band(((0, quay * 0.62), (width, quay * 0.62)), 34), ASPHALT)
    canvas.line(((0, quay), (width, quay)), (120, 118, 112), 4)
    things = []
    for i in range(int(width / 190)):
        x = 100 + i * 190 + rng.uniform(-8, 8)
        reach = rng.uniform(0.45, 0.75) * (height - quay)
        pier = placed(rectangle(reach, 34), (x, quay + reach / 2), 90)
        canvas.shape(pier, (176, 172, 162), height=4)
        things.append(Thing("harbor", pier, pier))
        for side in (-1, 1):
            y = quay + 52
            while y < quay + reach - 40:
                length = rng.uniform(46, 92)
                if y + length < quay + reach + 30 and rng.random() < 0.8:
                    at = (x + side * (24 + length * 0.13), y + length / 2)
                    things.append(ship(canvas, at, length, rng.choice((90, -90)) + rng.uniform(-2, 2)))
                y += length + 14
    for i in range(3):
        at = (width * (0.2 + 0.3 * i) + rng.uniform(-30, 30), height * 0.93)
        things.append(ship(canvas, at, rng.uniform(40, 70), rng.uniform(-35, 35)))
    things += _yard(canvas, (30, 20), (width - 60, quay * 0.5 - 30))
    for i in range(int(width / 44)):
        lane = rng.choice((-8, 8))
        at = (24 + i * 44 + rng.uniform(-6, 6), quay * 0.62 + lane)
        things.append(vehicle(canvas, at, 0 if lane < 0 else 180, large=rng.random() < 0.4))
    return Scene(canvas, tuple(things))


def airport(size_wh: tuple[int, int], seed: str) -> Scene:
    width, height = size_wh
    canvas = Canvas(size_wh, seed, GRASS)
    rng = canvas.rng
    runway = band(((-20, height * 0.84), (width + 20, height * 0.76)), 60)
    canvas.area(runway, ASPHALT)
    for i in range(0, width, 60):
        slope = -0.08 * height / width
        y = height * 0.84 + slope * (i + 20)
        canvas.line(((i, y), (i + 30, y + slope * 30)), (222, 222, 216), 2)
    apron = height * 0.6
    canvas.area(((0, 70), (width, 70), (width, apron), (0, apron)), CONCRETE)
    canvas.area(band(((width * 0.15, apron), (width * 0.1, height * 0.84)), 44), CONCRETE)
    canvas.area(band(((width * 0.85, apron), (width * 0.9, height * 0.8)), 44), CONCRETE)
    canvas.line(((0, apron - 26), (width, apron - 26)), (206, 178, 84), 2)
    terminal = placed(rectangle(width * 0.8, 52), (width / 2, 60), 0)
    canvas.shape(terminal, (142, 148, 152), height=12)
    things = [Thing("building", terminal, terminal)]
    for row in range(max(1, int((apron - 130) / 110))):
        for i in range(int((width - 40) / 104)):
            at = (70 + i * 104 + rng.uniform(-4, 4), 150 + row * 112)
            if rng.random() < 0.8:
                things.append(plane(canvas, at, rng.uniform(58, 82), -90 + rng.uniform(-5, 5)))
            if rng.random() < 0.6:
                stand = (at[0] + 46, at[1] + 10)
                things.append(vehicle(canvas, stand, rng.uniform(0, 360), large=rng.random() < 0.5))
    things.append(plane(canvas, (width * 0.5, height * 0.8), 78, -5))
    parked = [(14 + i * 20, 16) for i in range(int(width / 20)) if rng.random() < 0.75]
    things += [vehicle(canvas, spot, 90 + rng.uniform(-3, 3)) for spot in parked]
    return Scene(canvas, tuple(things))


def tank_farm(size_wh: tuple[int, int], seed: str) -> Scene:
    width, height = size_wh
    canvas = Canvas(size_wh, seed, SOIL)
    rng = canvas.rng
    canvas.area(band(((0, height * 0.5), (width, height * 0.5)), 26), ASPHALT)
    canvas.area(band(((width * 0.5, 0), (width * 0.5, height)), 26), ASPHALT)
    things = []
    for left, top in ((0, 0), (width * 0.5 + 13, 0), (0, height * 0.5 + 13), (width * 0.5 + 13, height * 0.5 + 13)):
        radius = rng.uniform(24, 40)
        canvas.area(
            placed(rectangle(width * 0.46, height * 0.46), (left + width * 0.24, top + height * 0.24), 0), CONCRETE
        )
        step = radius * 2.6
        for row in range(int(height * 0.46 / step)):
            for column in range(int(width * 0.46 / step)):
                if rng.random() < 0.85:
                    at = (left + step * (column + 0.6), top + step * (row + 0.6))
                    things.append(tank(canvas, at, radius * rng.uniform(0.85, 1.0)))
    lorries = [(30 + i * 60, height * 0.5 + rng.choice((-6, 6))) for i in range(int(width / 60))]
    things += [vehicle(canvas, spot, 0, large=True) for spot in lorries]
    return Scene(canvas, tuple(things))


def town(size_wh: tuple[int, int], seed: str, *, year: int = 0, step: int = 128) -> Scene:
    """Streets around blocks of gardens, in a year from 0 to 10: houses come and go, streets and trees stay."""
    width, height = size_wh
    canvas = Canvas(size_wh, seed, GRASS, BACKGROUND)
    for x in range(step // 4, width, step):
        canvas.area(band(((x, 0), (x, height)), 22), ASPHALT, ROAD)
    for y in range(step // 3, height, step):
        canvas.area(band(((0, y), (width, y)), 22), ASPHALT, ROAD)
    lots, traffic = random.Random(f"{seed} lots"), random.Random(f"{seed} traffic {year}")
    things = []
    for left in range(step // 4, width, step):
        for top in range(step // 3, height, step):
            things += _block(canvas, lots, (left + 11, top + 11), step - 22, year)
    for x in range(step // 4, width, step):
        for y in range(30, height, 60):
            if traffic.random() < 0.5:
                lane = traffic.choice((-5, 5))
                things.append(vehicle(canvas, (x + lane, y + traffic.uniform(-18, 18)), 90 if lane < 0 else -90))
    return Scene(canvas, tuple(things))


def country(size_wh: tuple[int, int], seed: str, *, river: bool = True) -> Scene:
    """Fields, a wood, a farm, a road, and a river under it."""
    width, height = size_wh
    canvas = Canvas(size_wh, seed, GRASS, BACKGROUND)
    rng = canvas.rng
    step = 150
    for left in range(-step, width + step, step):
        for top in range(-step, height + step, step):
            if rng.random() < 0.8:
                field = placed(rectangle(step - 10, step - 8), (left + step / 2 + top * 0.15, top + step / 2), 6)
                canvas.area(field, rng.choice(FIELDS), FARMLAND)
                _furrows(canvas, field)
    centre = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.15, 0.35))
    blob = tuple(
        (centre[0] + x * rng.uniform(0.8, 1.2), centre[1] + y * rng.uniform(0.8, 1.2)) for x, y in disc(width * 0.2, 40)
    )
    canvas.area(blob, FOREST, WOOD)
    trees(canvas, [(x, y) for x, y in _scatter(rng, blob, int(width * 0.35))], 7.0)
    if river:
        bends = [(x, height * 0.66 + rng.uniform(-0.08, 0.08) * height) for x in range(-60, width + 160, 100)]
        course = smooth(bends)
        canvas.area(band(course, 52), SOIL, BARREN)
        canvas.area(band(course, 40), WATER, BODY_OF_WATER)
    lane = smooth([(width * 0.55, -20), (width * 0.52, height * 0.5), (width * 0.58, height + 20)])
    canvas.area(band(lane, 15), ASPHALT, ROAD)
    farm = [(width * 0.55 + dx, height * 0.46 + dy) for dx, dy in ((34, -20), (60, 12), (30, 36), (-36, 10))]
    things = [
        house(canvas, at, (rng.uniform(26, 44), 20), rng.choice((0, 84)), roof=rng.choice(ROOFS), value=BUILDING)
        for at in farm
    ]
    return Scene(canvas, tuple(things))


def dry_country(size_wh: tuple[int, int], seed: str) -> Scene:
    """Without a river there is no bridge either: nothing that DOTA has a class for."""
    return country(size_wh, seed, river=False)


def round_fields(size_wh: tuple[int, int], seed: str) -> Scene:
    """Fields watered by a turning arm: circles."""
    canvas = Canvas(size_wh, seed, SOIL)
    rng = canvas.rng
    radius = size_wh[0] * rng.uniform(0.2, 0.24)
    for x in (0.26, 0.76):
        for y in (0.26, 0.76):
            at = (size_wh[0] * x, size_wh[1] * y)
            canvas.area(placed(disc(radius, 40), at, 0), rng.choice(FIELDS))
            canvas.line((at, placed(((radius, 0.0),), at, rng.uniform(0, 360))[0]), (200, 198, 186), 1)
    return Scene(canvas, ())


def wood(size_wh: tuple[int, int], seed: str) -> Scene:
    canvas = Canvas(size_wh, seed, FOREST)
    rng = canvas.rng
    trees(canvas, [(rng.uniform(0, size_wh[0]), rng.uniform(0, size_wh[1])) for _ in range(size_wh[0] * 4)], 7.0)
    return Scene(canvas, ())


def _yard(canvas: Canvas, at: Point, size: Point) -> list[Thing]:
    """Tanks at the left, warehouses, and a car park at the right."""
    rng = canvas.rng
    things = []
    radius = min(34.0, size[1] / 4.6)
    for row in range(2):
        for column in range(3):
            spot = (at[0] + radius * (1 + 2.4 * column), at[1] + radius * (1 + 2.4 * row))
            things.append(tank(canvas, spot, radius * rng.uniform(0.85, 1.0)))
    left = at[0] + radius * 8
    while left + 90 < at[0] + size[0] * 0.7:
        hall = placed(rectangle(70, size[1] * 0.8), (left + 35, at[1] + size[1] / 2), 0)
        canvas.shape(hall, (160, 166, 172), height=10)
        things.append(Thing("building", hall, hall))
        canvas.line(((left + 35, at[1] + size[1] * 0.1), (left + 35, at[1] + size[1] * 0.9)), (188, 192, 196), 3)
        left += 96
    canvas.area(
        ((left, at[1]), (at[0] + size[0], at[1]), (at[0] + size[0], at[1] + size[1]), (left, at[1] + size[1])), ASPHALT
    )
    for row in range(int(size[1] / 34)):
        for i in range(int((at[0] + size[0] - left) / 11)):
            if rng.random() < 0.7:
                spot = (left + 8 + i * 11, at[1] + 14 + row * 34)
                things.append(vehicle(canvas, spot, 90 + rng.uniform(-2, 2)))
    return things


def _block(canvas: Canvas, lots: random.Random, at: Point, side: float, year: int) -> list[Thing]:
    """One block: a tennis court, a car park, or houses on its lots with trees between, some with a pool."""
    kind = lots.random()
    if kind < 0.08:
        return [court(canvas, (at[0] + side / 2, at[1] + side * 0.6), 0)]
    if kind < 0.14:
        canvas.area(placed(rectangle(side, side * 0.7), (at[0] + side / 2, at[1] + side / 2), 0), ASPHALT, ROAD)
        spots = [(at[0] + 8 + i * 10, at[1] + side * row) for row in (0.3, 0.6) for i in range(int(side / 10) - 1)]
        return [vehicle(canvas, spot, 90) for spot in spots if canvas.rng.random() < 0.8]
    things = []
    for x in (0.22, 0.76):
        for y in (0.22, 0.78):
            size, heading = (lots.uniform(26, 38), lots.uniform(18, 26)), lots.choice((0, 90)) + lots.uniform(-4, 4)
            built, torn_down = lots.choice((0,) * 7 + (6,)), lots.choice((11,) * 11 + (5,))
            roof, with_pool = lots.choice(ROOFS), lots.random() < 0.15
            if built <= year < torn_down:
                things.append(
                    house(canvas, (at[0] + side * x, at[1] + side * y), size, heading, roof=roof, value=BUILDING)
                )
            if with_pool:
                things.append(pool(canvas, (at[0] + side * x, at[1] + side / 2), 0))
    middle = [(at[0] + side * share, at[1] + side / 2 + lots.uniform(-6, 6)) for share in (0.02, 0.44, 0.54, 0.98)]
    trees(canvas, middle)
    return things


def _furrows(canvas: Canvas, field: Outline) -> None:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = field
    shade = canvas.rng.randint(-14, 4)
    for i in range(2, 30, 2):
        t = i / 30
        ends = ((ax + (bx - ax) * t, ay + (by - ay) * t), (dx + (cx - dx) * t, dy + (cy - dy) * t))
        if canvas.rng.random() < 0.8:
            canvas.line(ends, (132 + shade, 136 + shade, 88 + shade), 0.8)


def _scatter(rng: random.Random, outline: Outline, count: int) -> list[Point]:
    """Points between the centre of an outline and its rim."""
    cx, cy = sum(x for x, _ in outline) / len(outline), sum(y for _, y in outline) / len(outline)
    spots = []
    for _ in range(count):
        (x, y), share = rng.choice(outline), rng.random() ** 0.5 * 0.94
        spots.append((cx + (x - cx) * share, cy + (y - cy) * share))
    return spots
