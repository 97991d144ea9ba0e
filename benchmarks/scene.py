"""Large scenes: memory of reading every tile and the coarse view, against the size of the raster; merging what tiles say.

    python benchmarks/scene.py            # about two minutes and 1.5 GB of a temporary folder
    python benchmarks/scene.py --quick    # smaller rasters, to look at the script itself

Memory is the peak of a process of its own, less what it has when everything is imported. It is Linux's VmHWM, which is
ru_maxrss without what the parent process had: that would hide the first hundred megabytes. Times are of the processor, for a
busy machine says nothing by its clock. Merging is timed on exact answers of rows of small things one or two pixels apart.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from georsmllm.seams import Piece
    from georsmllm.types import PointSet

SIZE, OVERLAP = 1024, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--warp", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(reading(options.read, options.warp)))
        return
    with tempfile.TemporaryDirectory() as folder:
        memory(Path(folder), (2000, 4000) if options.quick else (5000, 20_000))
    print()
    merging((5_000, 10_000) if options.quick else (25_000, 50_000, 100_000))


def memory(folder: Path, largest: tuple[int, int]) -> None:
    print(f"{'raster':34} {'tiles':>6} {'MB/s':>6} {'coarse s':>9} {'peak MiB':>9} {'above start':>12}")
    for layout in ("tiled uint8", "strips uint8", "tiled uint16", "warped uint8"):
        is_slow = layout.startswith("warped") or layout.endswith("16")
        sides = tuple(side // 2 for side in largest) if is_slow else largest
        peaks = []
        for side in sides:
            path = folder / "scene.tif"
            written = write(path, side, layout)
            arguments = [sys.executable, __file__, "--read", str(path)]
            arguments += ["--warp", str(path)] if layout.startswith("warped") else []
            done = subprocess.run(arguments, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            peaks.append(found["peak"] - found["start"])
            name = f"{layout}, {side} x {side} ({written / 1e6:.0f} MB)"
            print(
                f"{name:34} {found['tiles']:6} {found['rate']:6.0f} {found['coarse']:9.1f} {found['peak']:9.0f} "
                f"{peaks[-1]:12.0f}",
                flush=True,
            )
            path.unlink()
        print(
            f"{'':34} {sides[1] / sides[0]:.0f}^2 times the pixels, {peaks[1] / max(1.0, peaks[0]):.2f} times the memory"
        )


def write(path: Path, side: int, layout: str) -> int:
    """A raster of a repeated noisy texture; returns its bytes."""
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    kind = "uint16" if layout.endswith("16") else "uint8"
    rng = np.random.default_rng(0)
    texture = (rng.integers(0, 8, (3, 512, 512)) * 16 + np.arange(512) // 8).astype(kind)
    is_tiled = not layout.startswith("strips")
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512} if is_tiled else {"tiled": False}
    options = {"compress": "deflate", "zlevel": 1, "num_threads": "all_cpus", **blocks}
    row = np.tile(texture, (1, 1, -(-side // 512)))[:, :, :side]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=3,
        dtype=kind,
        crs="EPSG:32633",
        transform=rasterio.Affine(0.5, 0, 5e5, 0, -0.5, 5e6),
        **options,
    ) as data:
        for y in range(0, side, 512):
            height = min(512, side - y)
            data.write(row[:, :height], window=Window(0, y, side, height))
    return path.stat().st_size


def reading(path: Path, warp: Path | None) -> dict[str, float]:
    """Every tile and the coarse view of a raster, or of one that is warped onto its grid turned by 10 degrees."""
    import numpy as np
    import rasterio.vrt
    import rasterio.warp  # noqa: F401 - what is imported is not what is read
    import shapely  # noqa: F401

    from georsmllm import pairs
    from georsmllm.images import AUTO
    from georsmllm.scene import Opened, Scene
    from georsmllm.scene_sources import ArrayPixels
    from georsmllm.types import Window
    from georsmllm.viewports import viewports

    start = peak()
    scene = Scene(path)
    if warp:
        c, s = 0.5 * math.cos(math.radians(10)), 0.5 * math.sin(math.radians(10))
        grid_image = replace(scene.image, affine=(c, s, 5e5, s, -c, 5e6))
        grid = Scene.of(Opened(ArrayPixels(np.zeros((1, 1, 3), np.uint8), AUTO), grid_image))
        scene = pairs.resampled(scene, like=grid)
    views = viewports(Window(0, 0, *scene.size_wh), size=SIZE, overlap=OVERLAP)
    since = time.process_time()
    total = sum(int(scene.read(view.window, view.size_wh).sum(dtype=np.int64)) for view in views[:1])
    coarse = time.process_time() - since
    since = time.process_time()
    num_bytes = 0
    for view in views[1:]:
        tile = scene.read(view.window, view.size_wh)
        num_bytes += tile.nbytes
        total += int(tile[0, 0, 0])
    rate = num_bytes / 1e6 / (time.process_time() - since)
    assert total > 0
    return {"start": start, "peak": peak(), "tiles": len(views) - 1, "rate": rate, "coarse": coarse}


def peak() -> float:
    """MiB that this process needed at most so far."""
    (line,) = [
        one for one in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if one.startswith("VmHWM")
    ]
    return int(line.split()[1]) / 1024


def merging(numbers: tuple[int, ...]) -> None:
    from georsmllm.seams import merge

    print(f"{'objects':24} {'pieces':>8} {'merged':>8} {'right':>6} {'s':>6} {'us a piece':>11}")
    for kind in ("box", "rbox"):
        for number in numbers:
            objects, pieces = dense(number, kind)
            since = time.process_time()
            merged = merge(pieces, overlap=OVERLAP)
            took = time.process_time() - since
            right = "all" if set(merged) == set(objects) and len(merged) == len(objects) else "no"
            name = f"{kind}, {len(objects):,}"
            print(f"{name:24} {len(pieces):8} {len(merged):8} {right:>6} {took:6.2f} {took / len(pieces) * 1e6:11.1f}")


def dense(number: int, kind: str) -> tuple[list[PointSet], list[Piece]]:
    """Rows of things, and what exact tiles say of them."""
    import shapely

    from georsmllm.geometry import bounds, clip
    from georsmllm.seams import Piece
    from georsmllm.types import Window
    from georsmllm.viewports import viewports

    across = math.isqrt(number)
    spots = [(20 * (i % across), 14 * (i // across)) for i in range(number)]
    objects = [thing(x, y, kind) for x, y in spots]
    area = Window(0, 0, 20 * across + 20, 14 * (number // across + 2))
    tree = shapely.STRtree([shapely.box(*bounds(one)) for one in objects])
    pieces = []
    for view in viewports(area, size=SIZE, overlap=OVERLAP)[1:]:
        x, y, width, height = view.window.x, view.window.y, view.window.width, view.window.height
        for i in sorted(tree.query(shapely.box(x, y, x + width, y + height)).tolist()):
            seen = clip(objects[i], (x, y, width, height)).shape
            pieces += [Piece(seen, "car", view)] if seen is not None else []
    return objects, pieces


def thing(x: float, y: float, kind: str) -> PointSet:
    from georsmllm.types import box, rbox

    if kind == "box":
        return box(x + 1, y + 1, x + 19, y + 13)
    c, s = math.cos(0.2), math.sin(0.2)
    return rbox(tuple((x + 10 + u * c - v * s, y + 7 + u * s + v * c) for u, v in ((-8, -3), (8, -3), (8, 3), (-8, 3))))


if __name__ == "__main__":
    main()
