"""DOTA text to detection records, against the conversion scripts of two projects.

    python benchmarks/dota.py [--objects 100000] [--mmrotate CHECKOUT] [--skysense CHECKOUT]

CHECKOUT is a clone of VisionXLab/mllm-mmrotate or of Luo-Z13/SkySenseGPT; a comparison without one is left out, and so
is the first where torch is missing (its quantiser is torch). Their functions are taken from their files as they stand;
only their paths, their model download and the token statistics that the first one prints at its end are left out.

mmrotate: a COCO file of rotated boxes becomes one answer an image that lists every class. skysense: DOTA text becomes
one question a class and image, and one about an absent class an image. ours: DOTA text becomes the `det` task's records
(every class of an image, several classes together, an absent class), each with its exact gold and provenance. "Text alone"
is the skysense conversion itself: the same rows of question and answer in the same dialect, without gold, by our reader of
label text and our pen. No side leaves an object out, and no side opens an image beyond its header.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.util
import io
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace

import msgspec

from georsmllm.contracts import AskOptions, Limits, Ref
from georsmllm.rng import rng
from georsmllm.types import Provenance, ViewFacts

CLASSES = ("ship", "plane", "harbor", "small-vehicle", "large-vehicle", "storage-tank", "tennis-court", "bridge")
ROUNDS = 4
BATCH = 32  # label files whose boxes are written at once
SIDE, PER_IMAGE = 1024, 67  # objects of an image of DOTA v1.0, on the average

Functions = dict[str, object]


def world(folder: Path, objects: int) -> None:
    """A split of patches with so many objects, as DOTA text below annfiles, as COCO, and as images."""
    from PIL import Image

    rng = Random(0)
    for name in ("images", "annfiles"):
        (folder / "train" / name).mkdir(parents=True)
    picture = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (90, 90, 90)).save(picture, "PNG", compress_level=9)
    coco: dict[str, list[dict[str, object]]] = {
        "images": [], "annotations": [], "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)]
    }  # fmt: skip
    for number in range(math.ceil(objects / PER_IMAGE)):
        name = f"P{number:05d}"
        (folder / "train" / "images" / f"{name}.png").write_bytes(picture.getvalue())
        coco["images"].append({"id": number, "file_name": f"{name}.png", "width": SIDE, "height": SIDE})
        rows = []
        here = rng.sample(range(len(CLASSES)), 3)
        for _ in range(min(PER_IMAGE, objects - number * PER_IMAGE)):
            kind, corners = rng.choice(here), _quad(rng)
            rows.append(" ".join((*(f"{v:.1f}" for v in corners), CLASSES[kind], "0")))
            coco["annotations"].append({"image_id": number, "category_id": kind, "segmentation": [corners]})
        (folder / "train" / "annfiles" / f"{name}.txt").write_text("\n".join(rows) + "\n")
    (folder / "coco.json").write_text(json.dumps(coco))


def _quad(rng: Random) -> list[float]:
    """A rotated box well inside the image."""
    w, h, a = rng.uniform(20, 60), rng.uniform(10, 30), rng.uniform(0, math.pi)
    x, y = rng.uniform(50, SIDE - 50), rng.uniform(50, SIDE - 50)
    ux, uy = math.cos(a) / 2, math.sin(a) / 2
    return [
        round(v, 1) for sw, sh in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        for v in (x + sw * w * ux - sh * h * uy, y + sw * w * uy + sh * h * ux)
    ]  # fmt: skip


def taken(path: Path, names: tuple[str, ...], given: Functions) -> ModuleType:
    """The named functions, classes and constants of a file as a module of their own, and nothing else of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kept = [
        node for node in tree.body
        if (isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.py"
        part.write_text("from __future__ import annotations\n" + ast.unparse(ast.Module(kept, [])), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(f"part_of_{path.stem}", part)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        vars(module).update(given)
        spec.loader.exec_module(module)
    return module


def mmrotate(checkout: Path, folder: Path) -> int:
    """Their conversion of the world; the number of records."""
    import numpy as np
    import torch

    florence = checkout / "lmmrotate/models/florence2/processing_florence2.py"
    quantiser = taken(florence, ("CoordinatesQuantizer",), {"torch": torch}).CoordinatesQuantizer
    processor = SimpleNamespace(
        tokenizer=lambda text, **_: {"input_ids": [text]},
        post_processor=SimpleNamespace(coordinates_quantizer=quantiser("floor", (1000, 1000))),
    )
    script = taken(
        checkout / "playground/convert_dota_for_sft.py",
        ("normalize_polygon", "clip_0_999", "main_convert_data_to_florence2fmt"),
        {"math": math, "json": json, "np": np, "torch": torch, "get_processor": lambda: processor},
    )
    with contextlib.redirect_stdout(io.StringIO()):
        script.main_convert_data_to_florence2fmt(folder / "coco.json", folder / "mmrotate.json")
    return len(json.loads((folder / "mmrotate.json").read_text()))


def skysense(checkout: Path, folder: Path) -> int:
    """Their conversion of the world, written as they write it; the number of records."""
    import cv2
    import numpy as np

    names = (
        "IOF_THR", "RBOX_NORM", "RBOX_START", "RBOX_END", "Object_Detection_QUESTIONS", "NEG_ANSWER1", "poly2obb_np",
        "poly2obb_np_oc", "Fair_special_class", "get_primary_category", "generate_Object_Detection_QA", "Process_Dataset",
    )  # fmt: skip
    given = {"os": os, "random": random, "copy": copy, "np": np, "cv2": cv2, "math": math, "OBJ_NUM_THR": sys.maxsize}
    script = taken(checkout / "Tools/process_data_RS_Object_Detection.py", names, given)
    found = script.Process_Dataset(str(folder), sorted(CLASSES), {name: n for n, name in enumerate(sorted(CLASSES))})
    with (folder / "skysense.jsonl").open("w") as out:
        for number, (image, question, answer) in enumerate(found, start=1):
            row = {"id": number, "source": "DOTA", "image": image, "question": question, "answer": answer}
            out.write(json.dumps(row) + "\n")
    return len(found)


def ours(folder: Path, workers: int) -> int:
    """Our conversion of the world, written; the number of records."""
    from georsmllm.discover import converter

    refs = list(converter("dota").find(folder))
    parts = [refs[n::workers] for n in range(workers)]
    if workers == 1:
        return _records(folder, parts[0], folder / "ours-0.jsonl")
    with Pool(workers) as pool:
        return sum(pool.starmap(_records, [(folder, part, folder / f"ours-{n}.jsonl") for n, part in enumerate(parts)]))


def _records(folder: Path, refs: list[Ref], out: Path) -> int:
    from georsmllm.discover import converter, task
    from georsmllm.instruct_data import render

    reader, det, encoder = converter("dota"), task("det"), msgspec.json.Encoder()
    options = AskOptions(Limits(max_objects=10**6, max_points=10**7))
    num = 0
    with out.open("wb") as file:
        for ref in refs:
            sample = reader.read(folder, ref)
            views = (ViewFacts(sample.images[0].path, *sample.images[0].size_wh, (), (), "", "", ""),)
            for one in det.build(sample, rng(0, sample.id, "det"), options).instructions:
                origin = Provenance(
                    sample.dataset, sample.split, sample.scene, sample.id, one.form, one.labels, one.negative,
                    one.direction, one.twin_of, views, "", reader.card.licence, (), "georsmllm",
                )  # fmt: skip
                line = render.record(one, images=(views[0].source,), provenance=origin, limits=options.limits)
                file.write(encoder.encode(line) + b"\n")
                num += 1
    return num


def conversations(folder: Path) -> int:
    """The very conversion of the SkySenseGPT script by our reader and our pen of its dialect, written; the number of rows."""
    import numpy as np

    from georsmllm.classes import plural
    from georsmllm.dialects import fit_rs
    from georsmllm.formats import dota_txt
    from georsmllm.instruct_data.tasks.det import TEMPLATES

    encoder = msgspec.json.Encoder()
    wordings = [wording for wording in TEMPLATES if "{plural}" in wording]
    plurals = {name: plural(name.replace("-", " ")) for name in CLASSES}
    paths = sorted((folder / "train" / "annfiles").iterdir())
    num = 0
    with (folder / "conversations.jsonl").open("wb") as file:
        for start in range(0, len(paths), BATCH):
            batch = [dota_txt.read(path, path.name).lines for path in paths[start : start + BATCH]]
            said = fit_rs.said_quads(np.concatenate([lines.corners for lines in batch]), (SIDE, SIDE))
            assert said is not None
            answers: list[dict[str, list[str]]] = [{name: [] for name in sorted(set(lines.names))} for lines in batch]
            places = [of[name] for of, lines in zip(answers, batch, strict=True) for name in lines.names]
            for i in said.order:
                places[i].append(said.texts[i])
            for path, of in zip(paths[start : start + BATCH], answers, strict=True):
                drawn = Random(path.stem)
                of[drawn.choice([name for name in CLASSES if name not in of])] = []
                for name, texts in of.items():
                    num += 1
                    question = f"[detection] {drawn.choice(wordings).format(plural=plurals[name])}"
                    row = {"id": num, "source": "DOTA", "image": path.name, "question": question}
                    file.write(encoder.encode({**row, "answer": fit_rs.joined(texts)}) + b"\n")
    return num


def timed(name: str, convert: Callable[[], int], objects: int) -> float:
    """Records a second in the best of some rounds, printed as a row."""
    seconds, num = float("inf"), 0
    for _ in range(ROUNDS):  # the first one compiles, and warms the file cache, on every side
        start = time.perf_counter()
        num = convert()
        seconds = min(seconds, time.perf_counter() - start)
    print(f"| {name} | {num:,} | {seconds:.2f} | {num / seconds:,.0f} | {seconds / objects * 1e6:.1f} |", flush=True)
    return num / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--mmrotate", type=Path, metavar="CHECKOUT")
    parser.add_argument("--skysense", type=Path, metavar="CHECKOUT")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        world(folder, given.objects)
        print(f"{given.objects:,} objects, load {os.getloadavg()[0]:.2f}\n")
        print("| conversion | records | seconds | records/s | us an object |\n| --- | --- | --- | --- | --- |")
        own = {n: timed(f"ours, {n} process{'es' * (n > 1)}", partial(ours, folder, n), given.objects) for n in (1, 2)}
        same = timed("ours, text alone", partial(conversations, folder), given.objects)
        for name, convert, checkout in (("mmrotate", mmrotate, given.mmrotate), ("skysense", skysense, given.skysense)):
            if checkout is None:
                print(f"{name}: left out, no --{name} CHECKOUT", file=sys.stderr)
                continue
            if name == "mmrotate" and importlib.util.find_spec("torch") is None:
                print("mmrotate: left out, torch is not installed", file=sys.stderr)
                continue
            theirs = timed(name, partial(convert, checkout, folder), given.objects)
            print(f"| ours against {name} | | | {own[1] / theirs:.2f}x, {own[2] / theirs:.2f}x by two processes | |")
            if name == "skysense":
                print(f"| ours, text alone, against skysense | | | {same / theirs:.2f}x | |")


if __name__ == "__main__":
    main()
