"""A mini model and a set of text-only, one-image and two-image records with answers of widely spread lengths, for the tests
of training's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
from hand_made_set import record, write_records
from PIL import Image

from georsmllm.model import tiny
from georsmllm.train.recipe import Data
from georsmllm.train.recipe import Source as Named
from georsmllm.train.samples import Samples, gather
from georsmllm.types import Message, Record, ViewFacts

ROOM = 700
"""Tokens that every record of the set is below."""


def model_folder(below: Path) -> Path:
    """A mini model, made once for a session."""
    folder = below / "mini"
    return folder if folder.exists() else tiny.make("mini", folder)


def worded(number: int, sizes_wh: Sequence[tuple[int, int]], rng: Random) -> Record:
    """A record with images of these sizes and an answer of 1 to 60 words."""
    answer = " ".join(rng.choice(("ship", "(12,345)", "harbor", "none", "7")) for _ in range(rng.choice((1, 3, 9, 60))))
    plain = record("vqa", "", answer)
    view = plain.provenance.views[0]
    return replace(
        plain,
        id=f"toy/{number}",
        images=tuple(f"images/toy/{number}-{i}.png" for i in range(len(sizes_wh))),
        messages=(
            Message("user", "<image>\n" * len(sizes_wh) + f"[vqa] What is at {number}?"),
            Message("assistant", answer),
        ),
        gold_text=answer,
        provenance=replace(
            plain.provenance, views=tuple(replace(view, width=w, height=h, content="") for w, h in sizes_wh)
        ),
    )


def mixed_records(count: int, seed: int = 0) -> tuple[Record, ...]:
    rng = Random(seed)
    return tuple(
        worded(number, [(rng.randint(20, 90), rng.randint(20, 90)) for _ in range((0, 1, 1, 2)[number % 4])], rng)
        for number in range(count)
    )


def write_mixed(folder: Path, records: Sequence[Record]) -> Path:
    """The set on disk: images of noise."""
    noise = np.random.default_rng(0)
    for one in records:
        for path, view in zip(one.images, one.provenance.views, strict=True):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (view.height, view.width, 3), np.uint8)).save(folder / path)
    folder.mkdir(parents=True, exist_ok=True)
    return write_records(folder, {"train": tuple(records)})


def view_of(one: Record) -> ViewFacts:
    return one.provenance.views[0]


def samples_of(folder: Path, model: Path, out: Path, **changes: object) -> Samples:
    from georsmllm.model import anyres
    from georsmllm.model.tokens import Chat

    data = Data(sources=(Named(path=str(folder)),), max_length=ROOM)
    return gather(replace_data(data, changes), Chat.of_folder(model), anyres.of_folder(model), out=out)


def replace_data(data: Data, changes: dict[str, object]) -> Data:
    import msgspec

    return msgspec.structs.replace(data, **changes)
