"""Which simplifier writes a mask with the fewest vertices? IoU, area bias, vertices, tokens, time, side by side.

    python benchmarks/polygons.py [--num 120] [--tokenizer DIR]

DIR holds Qwen2's vocab.json and merges.txt. Shapes are invented (fixed seed), on a 1024 px canvas: rotated rectangles
and L-shapes, rectangles of 5 to 14 px, smooth blobs, buffered polylines. Every candidate searches the fewest vertices,
at most 64, with an IoU of 0.95 with the exact mask, or straying less from it than its own stairs do (the rule of
`collapse.fewest_points`). Frame: pixel-edge.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity

from georsmllm.collapse import GRID_NOISE_PX, NOISY_IOU, fewest_points
from georsmllm.filling import fill
from georsmllm.masks import to_rings

Floats = NDArray[np.float64]
EPSILONS = (0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 14, 20)
COUNTS = (*range(4, 33), *range(34, 65, 2))
TARGET = 0.95
SIZE = 1024
BOUNDS = np.array((0.0, 0.0, SIZE, SIZE))


# invented shapes


def building(rng: np.random.Generator) -> shapely.Polygon:
    w, h = rng.uniform(16, 70), rng.uniform(16, 70)
    shape = shapely.box(-w / 2, -h / 2, w / 2, h / 2)
    if rng.random() < 0.35:
        shape = shape.difference(shapely.box(0, 0, w, h).buffer(0))
    return affinity.rotate(shape, rng.uniform(0, 90) if rng.random() < 0.8 else 0, origin=(0, 0))


def small(rng: np.random.Generator) -> shapely.Polygon:
    w, h = rng.uniform(5, 14), rng.uniform(5, 14)
    return affinity.rotate(shapely.box(-w / 2, -h / 2, w / 2, h / 2), rng.uniform(0, 90), origin=(0, 0))


def blob(rng: np.random.Generator) -> shapely.Polygon:
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radius = np.ones_like(angles)
    for k in range(2, 9):
        radius += rng.normal(0, 0.35 / k) * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.25) * rng.uniform(15, 60)
    return shapely.Polygon(np.stack((radius * np.cos(angles), radius * np.sin(angles)), 1))


def road(rng: np.random.Generator) -> shapely.Polygon:
    heading = rng.uniform(0, 2 * np.pi)
    points = [np.zeros(2)]
    for _ in range(rng.integers(2, 7)):
        heading += rng.normal(0, 0.5)
        points.append(points[-1] + rng.uniform(40, 130) * np.array((np.cos(heading), np.sin(heading))))
    line = shapely.LineString(np.array(points) - np.mean(points, axis=0))
    return line.buffer(rng.uniform(4, 12), cap_style="flat", join_style="mitre")


FAMILIES: dict[str, Callable[[np.random.Generator], shapely.Polygon]] = {
    "building": building,
    "small building": small,
    "blob": blob,
    "road": road,
}


def exact_rings(family: str, num: int) -> Iterator[Floats]:
    """Exterior crack rings, open, of the masks of `num` shapes."""
    rng = np.random.default_rng(20261121)
    for _ in range(num):
        shape = affinity.translate(FAMILIES[family](rng), *rng.uniform(300, SIZE - 300, 2))
        mask = fill((shapely.get_coordinates(shape.exterior),), (False,), (0, 0, SIZE, SIZE))
        rings = [ring for ring in to_rings(mask) if ring.sign == "+"]
        yield np.array(max(rings, key=lambda ring: shapely.Polygon(ring.points).area).points)


# candidates: a ring to the rings of growing vertex counts


def by_epsilon(line: Floats, finish: Callable[[Floats], Floats]) -> Iterator[Floats]:
    base = shapely.Polygon(line)
    for epsilon in reversed(EPSILONS):
        kept = shapely.get_coordinates(base.simplify(epsilon, preserve_topology=False))[:-1]
        if len(kept) >= 3:
            yield finish(kept)


def mitred(ring: Floats, distance: float) -> Floats:
    grown = shapely.Polygon(ring).buffer(distance, join_style="mitre", mitre_limit=4)
    if grown.geom_type != "Polygon" or grown.is_empty:
        return ring
    return shapely.get_coordinates(grown.exterior)[:-1]


def area_restored(ring: Floats, area: float) -> Floats:
    polygon = shapely.Polygon(ring)
    return mitred(ring, (area - polygon.area) / polygon.length) if polygon.is_valid else ring


def centre_line(ring: Floats) -> Floats:
    x, y = ring.min(axis=0).astype(int)
    w, h = np.ptp(ring, axis=0).astype(int)
    mask = fill((ring,), (False,), (int(x), int(y), int(w), int(h))).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(contours, key=len)[:, 0].astype(float) + np.array((x + 0.5, y + 0.5))


def midpoints(ring: Floats) -> Floats:
    """The middle of every unit edge."""
    out = []
    for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        num = int(abs(b - a).sum())
        out.append(a + (np.arange(num)[:, None] + 0.5) / num * (b - a))
    return np.concatenate(out)


def refit(line: Floats, kept: Floats) -> Floats:
    """Each run between kept vertices becomes its least-squares line; neighbours meet, but for spikes."""
    at = [int(np.abs(line - k).sum(axis=1).argmin()) for k in kept]
    doubled = np.concatenate((line, line))
    fits = []
    for i, start in enumerate(at):
        stop = at[(i + 1) % len(at)]
        run = doubled[start : (stop if stop > start else stop + len(line)) + 1]
        middle = run.mean(axis=0)
        fits.append((middle, np.linalg.svd(run - middle, full_matrices=False)[2][0]))
    out = []
    for i, vertex in enumerate(kept):
        (p, u), (q, v) = fits[i - 1], fits[i]
        cross = u[0] * v[1] - u[1] * v[0]
        meet = p + u * ((q - p)[0] * v[1] - (q - p)[1] * v[0]) / cross if abs(cross) > 0.1 else vertex
        out.append(meet if np.hypot(*(meet - vertex)) < 4 else vertex)
    return np.array(out)


def naive(ring: Floats) -> Iterator[Floats]:
    return by_epsilon(centre_line(ring), lambda kept: kept)


def a_centres(ring: Floats) -> Iterator[Floats]:
    return by_epsilon(centre_line(ring), lambda kept: mitred(kept, 0.5))


def a_centres_restored(ring: Floats) -> Iterator[Floats]:
    area = shapely.Polygon(ring).area
    return by_epsilon(centre_line(ring), lambda kept: area_restored(kept, area))


def b1_cracks(ring: Floats) -> Iterator[Floats]:
    return by_epsilon(ring, lambda kept: kept)


def b1_cracks_restored(ring: Floats) -> Iterator[Floats]:
    area = shapely.Polygon(ring).area
    return by_epsilon(ring, lambda kept: area_restored(kept, area))


def b2_refit(ring: Floats) -> Iterator[Floats]:
    line = midpoints(ring)
    return by_epsilon(line, lambda kept: refit(line, kept))


def b2_refit_restored(ring: Floats) -> Iterator[Floats]:
    line, area = midpoints(ring), shapely.Polygon(ring).area
    return by_epsilon(line, lambda kept: area_restored(refit(line, kept), area))


def visvalingam(ring: Floats) -> Iterator[Floats]:
    points = [tuple(p) for p in ring]
    states = [list(points)]
    while len(points) > 4:
        areas = [
            abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
            for a, b, c in zip(points[-1:] + points[:-1], points, points[1:] + points[:1], strict=True)
        ]
        points.pop(int(np.argmin(areas)))
        if len(points) in COUNTS:
            states.append(list(points))
    return (np.array(state) for state in reversed(states))


def b3_visvalingam(ring: Floats) -> Iterator[Floats]:
    return visvalingam(ring)


def b3_visvalingam_restored(ring: Floats) -> Iterator[Floats]:
    area = shapely.Polygon(ring).area
    return (area_restored(state, area) for state in visvalingam(ring))


def c_collapse(ring: Floats) -> Iterator[Floats]:
    yield fewest_points(ring, TARGET, 64, BOUNDS)[0]


CANDIDATES: dict[str, Callable[[Floats], Iterator[Floats]]] = {
    "findContours read as geometry, DP": naive,
    "A centres, DP, half a pixel mitred": a_centres,
    "A centres, DP, area restored": a_centres_restored,
    "B1 cracks, DP": b1_cracks,
    "B1 cracks, DP, area restored": b1_cracks_restored,
    "B2 crack middles, DP, lines refitted": b2_refit,
    "B2 the same, area restored": b2_refit_restored,
    "B3 cracks, Visvalingam": b3_visvalingam,
    "B3 the same, area restored": b3_visvalingam_restored,
    "C cracks, area-preserving collapse": c_collapse,
}


# measuring


class Found(NamedTuple):
    iou: float
    bias: float
    vertices: int
    tokens: int
    milliseconds: float


def pick(ring: Floats, candidate: Callable[[Floats], Iterator[Floats]]) -> tuple[Floats, float]:
    """The candidate's first ring that reaches the target, or else its best, by the rule of `fewest_points`."""
    exact = shapely.Polygon(ring)
    best, best_iou = ring, 0.0
    noisy: tuple[Floats, float] | None = None
    for points in candidate(ring):
        polygon = shapely.Polygon(points)
        if len(points) > 64 or not polygon.is_valid:
            continue
        if noisy and len(points) > 2 * len(noisy[0]):
            break
        common = exact.intersection(polygon).area
        iou = common / (exact.area + polygon.area - common)
        if iou >= TARGET:
            return points, iou
        if iou > best_iou:
            best, best_iou = points, iou
        strays = (exact.area + polygon.area - 2 * common) / polygon.length
        if noisy is None and iou >= NOISY_IOU and strays <= GRID_NOISE_PX:
            noisy = points, iou
    return noisy or (best, best_iou)


def measure(family: str, name: str, num: int, count: Callable[[str], int]) -> list[Found]:
    out = []
    for ring in exact_rings(family, num):
        start = time.perf_counter()
        points, iou = pick(ring, CANDIDATES[name])
        spent = (time.perf_counter() - start) * 1e3
        area = shapely.Polygon(ring).area
        grid = np.floor(points * 1000 / SIZE + 0.5).astype(int).tolist()
        text = "[" + ",".join(f"({x},{y})" for x, y in [*grid, grid[0]]) + "]"
        out.append(Found(iou, shapely.Polygon(points).area / area - 1, len(points), count(text), spent))
    return out


def token_counter(folder: Path | None) -> Callable[[str], int]:
    if folder is None:
        return lambda _: 0
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return lambda text: len(tokenizer.encode(text).ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=120)
    parser.add_argument("--tokenizer", type=Path)
    options = parser.parse_args()
    count = token_counter(options.tokenizer)
    print(
        "| shapes | candidate | IoU mean (p10) | area bias mean, median of abs | vertices median (p90) | tokens | ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for family in FAMILIES:
        for name in CANDIDATES:
            measure(family, name, 3, count)
            found = measure(family, name, options.num, count)
            iou, bias, vertices, tokens, spent = (np.array(column) for column in zip(*found, strict=True))
            print(
                f"| {family} | {name} | {iou.mean():.3f} ({np.quantile(iou, 0.1):.3f}) | {bias.mean():+.2%}, "
                f"{np.median(abs(bias)):.2%} | {np.median(vertices):.0f} ({np.quantile(vertices, 0.9):.0f}) | "
                f"{np.median(tokens):.0f} | {np.median(spent):.2f} |"
            )


if __name__ == "__main__":
    main()
