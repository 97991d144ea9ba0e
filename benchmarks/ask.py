"""A whole ask on large rasters: plan, tiles, merging, masks, geometry, files; its peak memory against the size of the raster.

    python benchmarks/ask.py            # about four minutes and 100 MB of a temporary folder
    python benchmarks/ask.py --quick    # smaller rasters, to look at the script itself

The model is that of the tests, which finds blobs of a colour in the pixels that it is shown: what is measured is everything
but a model. As many ships lie in the large raster as in the small one, for an answer is as large as what it finds. Memory is
the peak of a process of its own (VmHWM) less what it has when everything is imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

SHIP, RIVER, GROUND = (220, 60, 60), (40, 80, 200), (90, 120, 80)
QUERY = "ships within 2 km of the river"
SHIPS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(asked(options.ask)))
        return
    sides = (2000, 4000) if options.quick else (5000, 20_000)
    peaks = []
    print(
        f"{'raster':>16} {'views':>6} {'found':>6} {'kept':>5} {'ask s':>7} {'files s':>8} {'peak MiB above start':>21}"
    )
    for side in sides:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scene.tif"
            write(path, side)
            done = subprocess.run(
                [sys.executable, __file__, "--ask", str(path)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
            found = json.loads(done.stdout)
        peaks.append(found["peak"] - found["start"])
        print(
            f"{side:>7} x {side:<6} {found['views']:6} {found['ships']:6} {found['kept']:5} {found['ask']:7.1f} "
            f"{found['files']:8.1f} {peaks[-1]:21.0f}",
            flush=True,
        )
    print(f"{(sides[1] / sides[0]) ** 2:.0f} times the pixels, {peaks[1] / peaks[0]:.2f} times the memory")


def write(path: Path, side: int) -> None:
    """Ground with a river down the middle and ships in rows, tiled and packed, 1 m a pixel."""
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    rows = int(SHIPS**0.5)
    step = side // rows
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8", crs="EPSG:32631", tiled=True,
        blockxsize=512, blockysize=512, compress="deflate", photometric="RGB",
        transform=rasterio.Affine(1, 0, 500_000, 0, -1, 5_000_000),
    ) as out:  # fmt: skip
        for top in range(0, side, 512):
            height = min(512, side - top)
            strip = np.empty((height, side, 3), np.uint8)
            strip[:] = GROUND
            strip[:, side // 2 - 30 : side // 2 + 30] = RIVER
            for row in range(rows):
                y1, y2 = (min(max(row * step + dy - top, 0), height) for dy in (step // 2, step // 2 + 16))
                for column in range(rows if y2 > y1 else 0):
                    x = column * step + step // 4
                    strip[y1:y2, x : x + 40] = SHIP
            out.write(strip.transpose(2, 0, 1), window=Window(0, top, side, height))


def asked(path: Path) -> dict[str, float]:
    from georsmllm import loading
    from georsmllm.discover import task
    from georsmllm.images import AUTO
    from georsmllm.looking import Viewing
    from georsmllm.maskdecoder import PolygonDecoder
    from georsmllm.parser.planning import Language
    from georsmllm.result import Maker
    from georsmllm.session import Session

    blobs = model_of_the_tests()
    engine = blobs.BlobEngine({"ship": SHIP, "river": RIVER})
    session = Session(
        engine,
        title="blobs",
        maker=Maker("none"),
        make_plan=loading.planning(Language("embedded")),
        execute=loading.executed,
        decoder=PolygonDecoder(),
        task_of=task,
        viewing=Viewing(),
        stretch=AUTO,
    )
    session.ask(blobs.painted((64, 64), [(SHIP, (5, 5, 20, 12))]), QUERY)  # compiles kernels, imports what is lazy
    engine.asked.clear()
    start = peak_mib()
    since = time.process_time()
    result = session.ask(path, QUERY)
    took = time.process_time() - since
    since = time.process_time()
    for name in ("a.geojson", "a.gpkg", "a.tif", "a.png"):
        result.save(path.parent / name)
    ships = dict(result.outcome.layers).get("s1", ())
    return {
        "views": len(engine.asked),
        "ships": len(ships),
        "kept": len(result.findings),
        "ask": took,
        "files": time.process_time() - since,
        "start": start,
        "peak": peak_mib(),
    }


def model_of_the_tests() -> ModuleType:
    """By its file: the folder of tests has one called georsmllm, which must not be found in the place of the package."""
    spec = importlib.util.spec_from_file_location("blobs", Path(__file__).parents[1] / "tests" / "blobs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peak_mib() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
