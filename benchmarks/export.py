"""Exporting a set against a bare write of the very bytes that the export consists of, in one run.

    python benchmarks/export.py [--rows 50000] [--image-kb 100] [--to llava parquet ...] [--keep DIR]

The bare write has everything in memory: it writes each file of the export at once, makes its folders, and waits for the
disk where the export does. So it neither reads the set nor knows what it writes. Peak memory is that of the export's own
process. Two tables: with the images copied along, and the conversations alone (--images none).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from big_set import VIEWS_OF, write_set

from georsmllm.jsonl import write_json

WITH_IMAGES = ("llava", "llamafactory", "ms-swift", "geochat", "trl", "parquet", "webdataset", "coco", "yolo-obb")
ALONE = ("llava", "llamafactory", "ms-swift", "geochat", "coco", "geojson")


def add_images(folder: Path, rows: int, size: int) -> None:
    """Files of that size for every view, no pictures: an export copies bytes."""
    rng = Random(0)
    for view in range((rows + VIEWS_OF - 1) // VIEWS_OF):
        path = folder / f"images/dota/train/P{view // 16:05d}__{view % 16}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(size))
    write_json(folder / "stats.json", {})


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def export_here(folder: Path, out: Path, to: str, images: str) -> None:
    from georsmllm.instruct_data.exporting import Wanted, export

    start = time.perf_counter()
    export(folder, out, Wanted(to, images=images))
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, peak_mb()]))


def bare_write(out: Path, again: Path) -> tuple[float, float]:
    """Seconds to write all files of an export once more, and their MB."""
    files = [(path.relative_to(out), path.read_bytes()) for path in sorted(out.rglob("*")) if path.is_file()]
    start = time.perf_counter()
    for name, data in files:
        target = again / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(data)
            if name.parts[0] not in ("images", "labels"):
                file.flush()
                os.fsync(file.fileno())
    return time.perf_counter() - start, sum(len(data) for _, data in files) / 1e6


def compare(folder: Path, base: Path, to: str, images: str, rounds: int) -> None:
    best, bare, memory = float("inf"), float("inf"), 0.0
    for _ in range(rounds):
        out, again = base / f"out-{to}", base / f"bare-{to}"
        command = [sys.executable, __file__, "--one", str(folder), str(out), to, images]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        seconds, memory = json.loads(done.stdout)
        bare_seconds, size = bare_write(out, again)
        best, bare = min(best, seconds), min(bare, bare_seconds)
        shutil.rmtree(out)
        shutil.rmtree(again)
    print(f"| {to} | {size:.0f} | {best:.2f} | {bare:.2f} | {best / bare:.2f} | {memory:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--image-kb", type=int, default=100, help="size of an image file")
    parser.add_argument("--to", nargs="+", help="only these formats")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="the set lies here, and is made where it does not")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        folder, out, to, images = options.one
        export_here(Path(folder), Path(out), to, images)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "set"
        if not folder.exists():
            write_set(folder, options.rows)
            add_images(folder, options.rows, options.image_kb * 1000)
        for images, formats in (("copy", WITH_IMAGES), ("none", ALONE)):
            print(f"\n{options.rows:,} records, images: {images}; load {os.getloadavg()[0]:.2f}\n")
            print(
                "| format | MB | export, s | bare write, s | ratio | peak, MB |\n| --- | --- | --- | --- | --- | --- |"
            )
            for to in formats:
                if not options.to or to in options.to:
                    compare(folder, Path(temporary), to, images, options.rounds)


if __name__ == "__main__":
    main()
