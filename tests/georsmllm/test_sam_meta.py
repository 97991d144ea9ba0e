"""Meta's own package beside transformers' port: the same masks of the same weights, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from test_sam_loading import as_meta
from transformers import Sam2Model

from georsmllm import masks, sam_meta
from georsmllm.errors import MissingExtra
from georsmllm.sam import Sam2Decoder, clipped
from georsmllm.sam_meta import MetaDecoder, alike
from georsmllm.sam_settings import Settings
from georsmllm.sam_weights import config_of
from georsmllm.types import box, point

PROMPTS = (
    box(10, 10, 30, 34, keypoints=((20, 20),)),
    point(5, 5),
    box(2, 3, 20, 30),
    box(0, 0, 9, 9, keypoints=((4, 4),)),
)


class Predictor:
    """What MetaDecoder asks of SAM2ImagePredictor, in its shapes: (N, M, H, W) of many, (M, H, W) of one; fills the boxes."""

    def __init__(self) -> None:
        self.size_hw = (0, 0)
        self.calls: list[tuple[object, ...]] = []

    def set_image(self, rgb: np.ndarray) -> None:
        self.size_hw = rgb.shape[:2]

    def predict(self, *, point_coords, point_labels, box, multimask_output):
        num = len(box) if box is not None else len(point_coords)
        shapes = [None if one is None else one.shape for one in (point_coords, point_labels, box)]
        self.calls.append((*shapes, multimask_output))
        many = 3 if multimask_output else 1
        found = np.zeros((num, many, *self.size_hw), dtype=np.float32)
        for i in range(num):
            x1, y1, x2, y2 = map(int, box[i]) if box is not None else (*map(int, point_coords[i, 0]), 8, 8)
            found[i, many - 1, y1:y2, x1:x2] = 1
        scores = np.tile(np.linspace(0.1, 0.9, many, dtype=np.float32), (num, 1))
        return (found.squeeze(0), scores.squeeze(0), None) if num == 1 else (found, scores, None)


def test_the_predictor_is_asked_in_its_own_shapes() -> None:
    predictor = Predictor()
    decoder = MetaDecoder(predictor, "sam2.1_hiera_tiny.pt")
    rgb = np.zeros((40, 50, 3), dtype=np.uint8)
    found = decoder.masks(rgb, PROMPTS, key="a")
    assert decoder.masks(rgb, PROMPTS, key="a") == found
    assert (decoder.num_encodings, decoder.num_decodings) == (1, 6)
    assert predictor.calls[:3] == [
        ((2, 1, 2), (2, 1), (2, 4), False),
        (None, None, (1, 4), False),
        ((1, 1, 2), (1, 1), None, True),
    ]
    assert [masks.decode(one.mask).sum() for one in found] == [20 * 24, 9, 18 * 27, 81]
    assert [round(one.score, 2) for one in found] == [0.1, 0.9, 0.1, 0.1]
    assert decoder.masks(rgb, ()) == ()
    assert alike(PROMPTS) == [[0, 3], [2], [1]]


def test_a_box_clips_and_a_point_does_not() -> None:
    full = np.ones((4, 6), dtype=bool)
    assert clipped(full, box(1.5, 0.5, 3.2, 2)).astype(int).tolist() == [[0, 1, 1, 1, 0, 0]] * 2 + [[0] * 6] * 2
    assert clipped(full, point(1, 1)).all()
    assert not clipped(full, box(-9, -9, -1, -1)).any()


@pytest.mark.skipif(find_spec("sam2") is not None, reason="it is installed")
def test_the_missing_package_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"Meta's own SAM 2 needs sam2: pip install 'georsmllm\[sam2\]'"):
        sam_meta.load(tmp_path / "sam2.pt")


def test_both_backends_agree(tmp_path: Path) -> None:
    building = pytest.importorskip("sam2.build_sam")
    torch.manual_seed(0)
    port = Sam2Model(config_of("tiny")).eval()
    shared = port.prompt_encoder.shared_embedding.positional_embedding
    port.shared_image_embedding.positional_embedding.copy_(shared)
    state = {
        name: one for name, one in as_meta(port).items() if name.startswith(("image_encoder", "sam_", "no_mem_embed"))
    }
    whole = building.build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", ckpt_path=None, device="cpu").state_dict()
    torch.save({"model": whole | state}, tmp_path / "sam2.1_hiera_tiny.pt")
    rgb = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    prompts = (box(40, 30, 160, 150, keypoints=((90, 80),)), box(100, 20, 280, 190))
    theirs = sam_meta.load(tmp_path / "sam2.1_hiera_tiny.pt", device="cpu").masks(rgb, prompts)
    ours = Sam2Decoder(port, "port", settings=Settings(chunk=2)).masks(rgb, prompts)
    for a, b in zip(theirs, ours, strict=True):
        assert (masks.decode(a.mask) == masks.decode(b.mask)).mean() > 0.98, "they shrink floats, transformers bytes"
        assert a.score == pytest.approx(b.score, abs=0.01)
