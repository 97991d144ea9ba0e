"""Building a set: two workers against one, and peak memory as the number of records grows.

    python benchmarks/build.py [--records 10000 1000000] [--keep DIR]

The world is DOTA text made here: scenes that are cut into 36 tiles of 128 px, with 250 objects each (their pixels differ,
so no two are one scene). Memory is the largest resident set of any process of a build, by the operating system's count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

SIDE = 640
OBJECTS = 250
CLASSES = ("ship", "plane", "harbor", "small-vehicle", "large-vehicle", "storage-tank", "tennis-court", "bridge")
RUN = """
import json, resource, sys
from georsmllm.scripts import cli
code = 0
try:
    cli.main()
except SystemExit as stop:
    code = stop.code or 0
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"kilobytes": max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)}), file=sys.stderr)
sys.exit(code)
"""


def world(folder: Path, images: int) -> None:
    """A DOTA folder of so many images."""
    import numpy as np
    from PIL import Image

    rng = Random(0)
    for name in ("images", "labelTxt-v2.0"):
        (folder / "train" / name).mkdir(parents=True)
    base = np.full((SIDE, SIDE, 3), 90, np.uint8)
    for number in range(images):
        base[0, :8, 0] = [(number >> shift) & 255 for shift in range(0, 64, 8)]
        Image.fromarray(base).save(folder / "train" / "images" / f"P{number:07d}.png", compress_level=1)
        lines = []
        for _ in range(OBJECTS):
            w, h = rng.randint(10, 30), rng.randint(10, 30)
            x, y = rng.randint(4, SIDE - w - 4), rng.randint(4, SIDE - h - 4)
            quad = (x, y, x + w, y + 2, x + w - 2, y + h, x - 2, y + h - 2)
            lines.append(" ".join(map(str, (*quad, rng.choice(CLASSES), 0))))
        (folder / "train" / "labelTxt-v2.0" / f"P{number:07d}.txt").write_text("\n".join(lines) + "\n")


def build(dota: Path, out: Path, workers: int) -> tuple[float, int, int]:
    """Seconds, kilobytes and records of one build."""
    command = [
        sys.executable, "-c", RUN, "build", "-d", f"dota={dota}", "-t", "det,count,region", "-o", str(out), "-w", str(workers),
        "-q", "tiles.size=128", "mix.negatives=1.0",
    ]  # fmt: skip
    start = time.perf_counter()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if ran.returncode:
        sys.exit(ran.stderr)
    written = json.loads((out / "stats.json").read_text())["written"]
    return seconds, json.loads(ran.stderr.splitlines()[-1])["kilobytes"], written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--records", type=int, nargs="+", default=[10_000, 40_000], help="about so many, for the memory table"
    )
    parser.add_argument("--keep", type=Path, help="work below this folder and leave everything there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = options.keep or Path(temporary)
        world(base / "w0", 8)
        per_image = build(base / "w0", base / "s0", 1)[2] / 8  # also compiles what is compiled once
        print(f"{per_image:.0f} records a scene; load {os.getloadavg()[0]:.2f}\n")
        print("| records | workers | seconds | records/s | peak resident, MB |\n| --- | --- | --- | --- | --- |")
        times: dict[int, float] = {}
        for number, wanted in enumerate(sorted(options.records), start=1):
            dota = base / f"w{number}"
            world(dota, max(1, round(wanted / per_image)))
            for workers in (1, 2) if number == 1 else (2,):
                seconds, kilobytes, written = build(dota, base / f"s{number}-{workers}", workers)
                times[workers] = seconds if number == 1 else times[workers]
                rate = written / seconds
                print(f"| {written:,} | {workers} | {seconds:.1f} | {rate:,.0f} | {kilobytes / 1024:.0f} |", flush=True)
        print(f"\ntwo workers are {times[1] / times[2]:.2f}x one; load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
