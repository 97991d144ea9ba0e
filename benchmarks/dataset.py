"""Opening a set and reading records by number, against a list of dictionaries that `json` made.

    python benchmarks/dataset.py [--rows 500000] [--keep DIR]

Each side runs in a process of its own, the shards are in the system's cache. Private memory is what the kernel counts as
private to the process, less what it was before opening.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from big_set import write_set

READS = 20_000
SIDES = ("Records", "Records, lines only", "list of json.loads")


def private_mb() -> float:
    rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_")) / 1024


def opened(side: str, folder: Path) -> tuple[int, Callable[[int], object]]:
    if side == SIDES[2]:
        rows = []
        for path in sorted((folder / "records").iterdir()):
            with path.open("rb") as lines:
                rows += [json.loads(line) for line in lines]
        return len(rows), rows.__getitem__
    from georsmllm.dataset import Records

    records = Records(folder, "train")
    return len(records), records.line if side == SIDES[1] else records.__getitem__


def measure(side: str, folder: Path) -> None:
    from georsmllm import dataset  # what importing costs is not what opening costs

    assert dataset
    before = private_mb()
    start = time.perf_counter()
    size, read = opened(side, folder)
    open_s = time.perf_counter() - start
    memory = private_mb() - before
    numbers = Random(1).sample(range(size), min(READS, size))
    start = time.perf_counter()
    for number in numbers:
        read(number)
    print(json.dumps([open_s, memory, (time.perf_counter() - start) / len(numbers) * 1e6]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--keep", type=Path, help="the set lies here, and is made where it does not")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        measure(options.side, options.keep)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "set"
        if not folder.exists():
            write_set(folder, options.rows)
        total = sum(path.stat().st_size for path in (folder / "records").iterdir())
        print(f"{options.rows:,} rows, {total / 1e6:.0f} MB\n")
        print("| side | open, s | private, MB | µs a record |\n| --- | --- | --- | --- |")
        for side in SIDES:
            command = [sys.executable, __file__, "--keep", str(folder), "--side", side]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            open_s, memory, access = json.loads(done.stdout)
            print(f"| {side} | {open_s:.2f} | {memory:.0f} | {access:.1f} |", flush=True)


if __name__ == "__main__":
    main()
