"""Time and memory for every annotation of a large COCO file: our one-pass reader against `json.load`.

    python benchmarks/coco.py --size-mb 100

Each reader runs in its own process; the file is made by this script and is the same for the same size.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ANNOTATIONS_PER_IMAGE = 100


def write_coco(path: Path, size_mb: int) -> None:
    """A file of about that size: polygons of 8 to 40 points with two decimals, annotations grouped by image."""
    rng = random.Random(0)
    with path.open("w") as out:
        out.write('{"info": {"year": 2026}, "annotations": [')
        number = 0
        while out.tell() < size_mb * 1_000_000:
            out.write(", " if number else "")
            out.write(json.dumps(_annotation(rng, number)))
            number += 1
        images = -(-number // ANNOTATIONS_PER_IMAGE)
        rows = ({"id": i, "file_name": f"{i:06d}.jpg", "width": 1024, "height": 1024} for i in range(images))
        out.write('], "images": [' + ", ".join(map(json.dumps, rows)))
        out.write('], "categories": [{"id": 1, "name": "building", "supercategory": null}]}\n')


def _annotation(rng: random.Random, number: int) -> dict[str, object]:
    x, y, w, h = (round(rng.uniform(0, 500), 2) for _ in range(4))
    ring = [round(rng.uniform(0, 1024), 2) for _ in range(2 * rng.randrange(8, 41))]
    return {
        "id": number,
        "image_id": number // ANNOTATIONS_PER_IMAGE,
        "category_id": 1,
        "bbox": [x, y, w, h],
        "area": round(w * h, 2),
        "iscrowd": 0,
        "segmentation": [ring],
    }


def read_ours(path: Path) -> int:
    from georsmllm.formats import coco

    index = coco.index(path)
    runs = coco.runs(index)
    images = range(len(index.images.ids))
    return sum(a.bbox is not None for image in images for a in coco.read_annotations(path, runs.of(image)))


def read_with_json(path: Path) -> int:
    with path.open() as file:
        return sum(annotation["bbox"] is not None for annotation in json.load(file)["annotations"])


READERS = {"ours": read_ours, "json.load": read_with_json}


def measure(reader: str, path: Path) -> tuple[int, float, float]:
    """(annotations, seconds, peak RSS in GB) of one reader in a process of its own."""
    out = subprocess.run([sys.executable, __file__, "--reader", reader, str(path)], check=True, capture_output=True)
    count, seconds, rss_gb = json.loads(out.stdout)
    return count, seconds, rss_gb


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--size-mb", type=int, default=100)
    arguments.add_argument("--reader", choices=sorted(READERS), help=argparse.SUPPRESS)
    arguments.add_argument("path", nargs="?", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.reader:
        start = time.perf_counter()
        count = READERS[given.reader](given.path)
        seconds = time.perf_counter() - start
        print(json.dumps([count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coco.json"
        write_coco(path, given.size_mb)
        count, ours_s, ours_gb = measure("ours", path)
        same, json_s, json_gb = measure("json.load", path)
        assert count == same, (count, same)
    print("| file | annotations | ours | json.load | times faster |")
    print("| --- | --- | --- | --- | --- |")
    ours, theirs = f"{ours_s:.1f} s, {ours_gb:.2f} GB", f"{json_s:.1f} s, {json_gb:.2f} GB"
    print(f"| {given.size_mb} MB | {count:,} | {ours} | {theirs} | {json_s / ours_s:.1f} |")


if __name__ == "__main__":
    main()
