"""The SAM 2 road from end to end: a tiny model learns the demo world, is saved, loaded, and decodes a file of predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_sam
from click.testing import CliRunner
from PIL import Image

from georsmllm import masks, sam, sam_tiny
from georsmllm.metrics.masks import compare
from georsmllm.metrics.regions import iou
from georsmllm.pointtext import encode
from georsmllm.scripts.segment import command

pytestmark = pytest.mark.filterwarnings("default")
STEPS = 150


@pytest.mark.timeout(900)  # cores that are shared
def test_a_model_that_learnt_the_demo_world_gives_its_masks_back(tmp_path: Path) -> None:
    """About 20 s of one core; before it has learnt, masks and outlines have next to nothing in common."""
    torch.set_num_threads(1)
    shown = toy_sam.pictures()
    model = sam_tiny.model(128, hidden=128, spread=1.0)
    untaught = mean_iou(sam.Sam2Decoder(model, "untaught"), shown)
    toy_sam.learn(model, STEPS).save_pretrained(tmp_path / "toy")
    decoder = sam.load(tmp_path / "toy", device="cpu")
    assert untaught < 0.4
    assert mean_iou(decoder, shown) >= 0.8
    assert decoder.num_encodings == len(shown)

    lines = []
    for number, picture in enumerate(shown):
        Image.fromarray(picture.rgb).save(tmp_path / f"{number}.png")
        size_wh = picture.rgb.shape[1], picture.rgb.shape[0]
        lines.append(json.dumps({"id": str(number), "text": encode(picture.prompts, size_wh)}))
    (tmp_path / "predictions.jsonl").write_text("\n".join(lines) + "\n")
    words = [
        tmp_path / "predictions.jsonl",
        "--images",
        tmp_path,
        "--sam",
        tmp_path / "toy",
        "--device",
        "cpu",
        "--draw",
        4,
    ]
    result = CliRunner().invoke(
        command, [*map(str, words), "-o", str(tmp_path / "masks.jsonl")], catch_exceptions=False
    )
    assert "12 masks of 4 records, made by SAM 2 (toy)" in result.output
    assert len([*(tmp_path / "masks.overlays").iterdir()]) == 4
    assert from_file(tmp_path / "masks.jsonl", shown) >= 0.8


def mean_iou(decoder: sam.Sam2Decoder, shown: tuple[toy_sam.Picture, ...]) -> float:
    """Object by object."""
    return float(np.mean([
        iou(compare([one.mask], [gold], (picture.rgb.shape[1], picture.rgb.shape[0])))
        for picture in shown
        for one, gold in zip(decoder.masks(picture.rgb, picture.prompts), picture.outlines, strict=True)
    ]))  # fmt: skip


def from_file(path: Path, shown: tuple[toy_sam.Picture, ...]) -> float:
    """Masks and outlines by where they lie: the point text says objects in an order of its own."""
    found = []
    for line, picture in zip(path.read_text().splitlines(), shown, strict=True):
        decoded = [masks.from_coco(one["segmentation"]) for one in json.loads(line)["masks"]]
        size_wh = picture.rgb.shape[1], picture.rgb.shape[0]
        found += [max(iou(compare([one], [gold], size_wh)) for one in decoded) for gold in picture.outlines]
    return float(np.mean(found))
