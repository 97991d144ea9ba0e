"""Label map to polygons, boxes and keypoints: ours beside the ecosystem's best, interleaved in one run.

    python benchmarks/masks.py [--rounds 5]

Synthetic maps, fixed seed. Land cover: 8 maps of 1024² with 7 classes -> exact polygons with holes as shapely
geometries, beside rasterio.features.shapes (with and without making shapely geometries of its dictionaries); that both
give the same polygons is checked in the run. Instances: one 4000² id map with 400 objects -> polygons, rotated boxes,
keypoints, beside find_objects + crop + cv2.findContours + minAreaRect + distanceTransform with farthest points. Each
number is the least of the rounds; trust the ratios, not the milliseconds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import cv2
import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from georsmllm.keypoints import keypoints_of
from georsmllm.masks import Crop, components
from georsmllm.tracing import label_polygons

Geometries = NDArray[np.object_]


# invented maps


def land_cover(num: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(7)
    maps = []
    for _ in range(num):
        noise = (ndimage.gaussian_filter(rng.normal(size=(1024, 1024)), 8) for _ in range(7))
        maps.append(np.stack(list(noise)).argmax(0).astype(np.uint8))
    return maps


def instances(side: int, num: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(8)
    out = np.zeros((side, side), dtype=np.int32)
    cells = int(np.ceil(num**0.5))
    pitch = side // cells
    for i in range(num):
        middle = (np.array(divmod(i, cells))[::-1] + 0.5) * pitch + rng.uniform(-15, 15, 2)
        size = rng.uniform(10, pitch * 0.8, 2)
        box = cv2.boxPoints((middle.tolist(), size.tolist(), float(rng.uniform(0, 90))))
        cv2.fillPoly(out, [box.round().astype(np.int32)], i + 1)
    return out.astype(np.uint16)


# land cover


def cover_ours(maps: list[NDArray[np.uint8]]) -> list[tuple[NDArray[np.int64], Geometries]]:
    out = []
    for label_map in maps:
        found = label_polygons(label_map)
        ragged = found.coords, (found.ring_offsets, found.polygon_offsets)
        out.append((found.values, shapely.from_ragged_array(shapely.GeometryType.POLYGON, ragged[0], ragged[1])))
    return out


def cover_dictionaries(
    maps: list[NDArray[np.uint8]],
) -> list[list[tuple[dict[str, list[list[tuple[float, float]]]], float]]]:
    return [list(rasterio.features.shapes(label_map, connectivity=4)) for label_map in maps]


def cover_rasterio(maps: list[NDArray[np.uint8]]) -> list[tuple[NDArray[np.int64], Geometries]]:
    out = []
    for shapes in cover_dictionaries(maps):
        geometries = [shapely.Polygon(s["coordinates"][0], s["coordinates"][1:]) for s, _ in shapes]
        out.append((np.array([value for _, value in shapes], dtype=np.int64), np.array(geometries, dtype=object)))
    return out


def same(maps: list[NDArray[np.uint8]]) -> int:
    """The number of polygons, after asserting that both sides have the same ones."""
    num = 0
    for (values, ours), (their_values, theirs) in zip(cover_ours(maps), cover_rasterio(maps), strict=True):
        mine = sorted(zip(values.tolist(), shapely.to_wkb(shapely.normalize(ours)), strict=True))
        other = sorted(zip(their_values.tolist(), shapely.to_wkb(shapely.normalize(theirs)), strict=True))
        assert mine == other, "the polygons differ"
        num += len(mine)
    return num


# instances


def instances_ours(id_map: NDArray[np.uint16]) -> int:
    size_wh = id_map.shape[1], id_map.shape[0]
    points = 0
    for found in components(id_map, ignore=(0,)):
        w = found.window
        crop = Crop(id_map[w.y : w.y + w.height, w.x : w.x + w.width] == found.value, w.x, w.y)
        cv2.minAreaRect(np.array(found.shape.rings[0].points, dtype=np.float32))
        points += len(keypoints_of(crop, size_wh, count=4))
    return points


def instances_pipeline(id_map: NDArray[np.uint16]) -> int:
    points = 0
    for i, window in enumerate(ndimage.find_objects(id_map)):
        if window is None:
            continue
        crop = (id_map[window] == i + 1).astype(np.uint8)
        contours, _ = cv2.findContours(crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.minAreaRect(contours[0])
        tuple(tuple(map(tuple, contour[:, 0].tolist())) for contour in contours)
        distance = cv2.distanceTransform(np.pad(crop, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        points += len(farthest_points(distance, 4))
    return points


def farthest_points(distance: NDArray[np.float32], count: int) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(distance >= distance.max() / 2)
    chosen = [int(np.argmax(distance[rows, columns]))]
    away = np.full(len(rows), np.inf)
    for _ in range(count - 1):
        away = np.minimum(away, (rows - rows[chosen[-1]]) ** 2 + (columns - columns[chosen[-1]]) ** 2)
        chosen.append(int(np.argmax(away)))
    return [(int(rows[i]), int(columns[i])) for i in chosen]


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least milliseconds of each job; one unmeasured round compiles and warms."""
    best = dict.fromkeys(jobs, float("inf"))
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:
                best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    maps, id_map = land_cover(8), instances(4000, 400)
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores\n")
    print("| job | ours | theirs | theirs / ours |\n|---|---|---|---|")
    cover = interleaved(
        {
            "ours": lambda: cover_ours(maps),
            "shapes": lambda: cover_dictionaries(maps),
            "shapes to shapely": lambda: cover_rasterio(maps),
        },
        rounds,
    )
    title = f"8 x 1024² land cover, {same(maps)} identical polygons"
    for name in ("shapes", "shapes to shapely"):
        ratio = cover[name] / cover["ours"]
        print(f"| {title}, rasterio {name} | {cover['ours']:.0f} ms | {cover[name]:.0f} ms | {ratio:.2f} |")
    both = interleaved({"ours": lambda: instances_ours(id_map), "theirs": lambda: instances_pipeline(id_map)}, rounds)
    print(
        f"| 4000², {len(np.unique(id_map)) - 1} instances to polygons, boxes, 4 keypoints | {both['ours']:.0f} ms | "
        f"{both['theirs']:.0f} ms (not exact) | {both['theirs'] / both['ours']:.2f} |"
    )
    alone = interleaved({"ours": lambda: components(id_map, ignore=(0,))}, rounds)
    print(f"| the same, exact polygons only | {alone['ours']:.0f} ms | | |")
    print(f"\nload after: {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
