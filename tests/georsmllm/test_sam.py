"""SAM 2 as a mask decoder on tiny random models: one encoding an image, masks that no neighbour moves, settings, memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from georsmllm import masks, sam_tiny
from georsmllm.errors import UsageError
from georsmllm.sam import Sam2Decoder, groups, preprocess, prompt_of
from georsmllm.sam_chunks import MOST, Chunks
from georsmllm.sam_settings import Settings
from georsmllm.types import Ring, box, point, polygon, rbox

torch.set_num_threads(1)
MODEL = sam_tiny.model(spread=1.0)
BOXES = (
    box(10, 10, 60, 70, keypoints=((30, 40), (40, 50))),
    box(80, 5, 150, 60),
    box(20, 30, 90, 95, keypoints=((30, 40),)),
    box(100, 50, 140, 80, keypoints=((110, 60), (120, 70))),
    point(50, 50),
)


def view(seed: int = 0, size_wh: tuple[int, int] = (160, 100)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)


def decoder(**settings: object) -> Sam2Decoder:
    return Sam2Decoder(MODEL, "tiny", settings=Settings(**settings))


def test_no_prompt_costs_nothing() -> None:
    sam = decoder()
    assert sam.masks(view(), ()) == ()
    assert (sam.num_encodings, sam.num_decodings) == (0, 0)


def test_every_prompt_has_a_mask_of_the_view_in_order() -> None:
    sam = decoder(chunk=8)
    found = sam.masks(view(), BOXES)
    assert [(one.mask.width, one.mask.height) for one in found] == [(160, 100)] * 5
    assert [sum(one.mask.counts) for one in found] == [160 * 100] * 5
    assert all(one.score is not None and 0 <= one.score <= 1 for one in found)
    assert (sam.num_encodings, sam.num_decodings) == (1, 4), "2 points, 1 point, none, and a lone point"
    assert sam.title == "SAM 2 (tiny)"


def test_a_mask_is_that_of_transformers_on_the_same_pixels() -> None:
    rgb = view(size_wh=(128, 128))
    with torch.no_grad():
        out = MODEL(
            pixel_values=preprocess(rgb, 128)[None],
            input_boxes=torch.tensor([[[10.0, 10, 60, 70]]]),
            input_points=torch.tensor([[[[30.0, 40], [40, 50]]]]),
            input_labels=torch.ones(1, 1, 2, dtype=torch.int),
            multimask_output=False,
        )
        large = torch.nn.functional.interpolate(out.pred_masks[0], (128, 128), mode="bilinear", align_corners=False)
    (found,) = decoder().masks(rgb, BOXES[:1])
    assert (masks.decode(found.mask) == (large[0, 0] > 0).numpy()).all()
    assert found.score == pytest.approx(float(out.iou_scores[0, 0, 0]), abs=1e-6)
    assert 0.02 < masks.decode(found.mask).mean() < 0.98, "a mask that tells something"


@pytest.mark.parametrize("size_wh", [(160, 100), (37, 211), (128, 128)])
def test_a_mask_does_not_depend_on_its_neighbours(size_wh: tuple[int, int]) -> None:
    rgb = view(1, size_wh)
    together = decoder(chunk=8).masks(rgb, BOXES)
    alone = [decoder(chunk=1).masks(rgb, (one,))[0] for one in BOXES]
    for a, b in zip(together, alone, strict=True):
        assert (masks.decode(a.mask) != masks.decode(b.mask)).mean() < 1e-3, "rounding alone may differ"
        assert a.score == pytest.approx(b.score, abs=1e-4)


def test_padding_points_would_move_a_mask() -> None:
    """Why batches are not padded: label -10 is a token that the attention reads."""
    with torch.no_grad():
        maps = MODEL.get_image_embeddings(preprocess(view(), 128)[None])
        boxes, nothing = torch.tensor([[[10.0, 10, 60, 70]]]), torch.zeros(1, 1, 3, 2)
        labels = torch.full((1, 1, 3), -10, dtype=torch.int)
        bare = MODEL(image_embeddings=maps, input_boxes=boxes, multimask_output=False).pred_masks
        padded = MODEL(
            image_embeddings=maps, input_boxes=boxes, input_points=nothing, input_labels=labels, multimask_output=False
        ).pred_masks
    assert (bare - padded).abs().max() > 1e-4 * bare.std()


def test_the_box_alone_of_any_other_shape_is_its_bounds() -> None:
    turned = rbox(((30, 10), (60, 40), (30, 70), (10, 40)))
    area = polygon(Ring(((10, 10), (60, 10), (60, 70), (10, 70))))
    assert prompt_of(turned, (100, 100), 100) == ((10, 10, 60, 70), ())
    assert prompt_of(area, (100, 50), 200) == ((20, 40, 120, 200), ()), "brought to the border: 70 is below the view"
    assert prompt_of(point(50, 25), (100, 50), 200) == (None, ((100, 100),))


def test_prompts_of_one_form_go_together() -> None:
    prompts = [prompt_of(one, (160, 100), 128) for one in BOXES]
    assert groups(prompts) == [[0, 3], [2], [4], [1]]
    assert groups([]) == []


def test_equal_keys_share_an_encoding_within_the_bound() -> None:
    sam = decoder(chunk=4)
    first = sam.masks(view(0), BOXES, key="a")
    assert sam.masks(view(0), BOXES, key="a") == first
    sam.masks(view(0), BOXES[:1], key="")
    sam.masks(view(0), BOXES[:1], key="")
    assert sam.num_encodings == 3, "a, and twice without a key"
    one = sum(t.numel() * 4 for t in sam._cache["a"])
    small = decoder(cache_bytes=2 * one)
    for key in ("a", "b", "a", "c", "a", "b"):  # b goes when c comes, since a was used after it
        small.masks(view(ord(key)), BOXES[:1], key=key)
    assert small.num_encodings == 4
    assert list(small._cache) == ["a", "b"]
    none = decoder(cache_bytes=0)
    none.masks(view(), BOXES[:1], key="a")
    assert not none._cache


def test_of_three_masks_the_best_guess_is_kept() -> None:
    model = sam_tiny.model(spread=1.0)
    model.mask_decoder.dynamic_multimask_via_stability = False  # it takes one of the three where the single one wavers
    single, best, auto = (
        Sam2Decoder(model, "tiny", settings=Settings(multimask=way, chunk=4)).masks(view(), BOXES)
        for way in ("off", "on", "auto")
    )
    with torch.no_grad():
        maps = model.get_image_embeddings(preprocess(view(), 128)[None])
        prompt = prompt_of(BOXES[1], (160, 100), 128)
        scores = model(image_embeddings=maps, input_boxes=torch.tensor([[prompt.box]])).iou_scores[0, 0]
    assert best[1].score == pytest.approx(float(scores.max()), abs=1e-5)
    assert all(a.mask != b.mask for a, b in zip(single, best, strict=True))
    assert auto == (*single[:4], best[4]), "a lone point may mean several things"


def test_clipped_masks_stay_in_their_box() -> None:
    free, clipped = decoder(chunk=4).masks(view(), BOXES), decoder(clip=True, chunk=4).masks(view(), BOXES)
    inside = np.zeros((100, 160), dtype=bool)
    inside[10:70, 10:60] = True
    assert (masks.decode(free[0].mask) & ~inside).any(), "else this says nothing"
    assert (masks.decode(clipped[0].mask) == (masks.decode(free[0].mask) & inside)).all()
    assert clipped[4] == free[4], "a point has no box"


def test_the_encoder_in_bfloat16_leaves_prompts_exact() -> None:
    half = Sam2Decoder(MODEL, "tiny", precision="bfloat16")
    found, exact = half.masks(view(), BOXES[:2]), decoder().masks(view(), BOXES[:2])
    assert {t.dtype for t in half._encoding(view(), "")} == {torch.float32}
    for a, b in zip(found, exact, strict=True):
        assert (masks.decode(a.mask) == masks.decode(b.mask)).mean() > 0.8


class Small(Sam2Decoder):
    """Memory for so many prompts at once."""

    room = 2

    def _decode(self, encoding: list[torch.Tensor], prompts: Sequence[object]) -> tuple[torch.Tensor, torch.Tensor]:
        if len(prompts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super()._decode(encoding, prompts)


def test_out_of_memory_halves_the_chunk_and_changes_no_mask() -> None:
    many = [box(10 + i, 10, 60 + i, 70) for i in range(9)]
    small = Small(MODEL, "tiny", settings=Settings(chunk=8))
    found = small.masks(view(), many)
    assert small.chunks.size == 2
    whole = decoder(chunk=16).masks(view(), many)
    for a, b in zip(found, whole, strict=True):
        assert (masks.decode(a.mask) != masks.decode(b.mask)).mean() < 1e-3
    nothing = Small(MODEL, "tiny")
    nothing.room = 0
    with pytest.raises(UsageError, match="out of memory at a single prompt"):
        nothing.masks(view(), many)


def test_other_errors_of_the_model_fly() -> None:
    class Broken(Sam2Decoder):
        def _decode(self, encoding: object, prompts: object) -> tuple[torch.Tensor, torch.Tensor]:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        Broken(MODEL, "tiny").masks(view(), BOXES)


@pytest.mark.parametrize(
    ("seconds_of", "expected"),
    [
        (lambda n: 1.0, MOST),  # a call costs the same whatever it holds
        (lambda n: float(n), 1),  # nothing is gained: one at a time
        (lambda n: 1 + n / 8 if n < 16 else float(n), 8),  # memory spills at 16
        (lambda n: 1.0 if n < 4 else 100.0, 2),
    ],
)
def test_the_ladder_stops_where_an_object_takes_longer(seconds_of, expected: int) -> None:
    chunks = Chunks()
    chunks.learn(1, 99.0)  # sets up kernels
    chunks.learn(3, 0.0)  # no full call
    while not chunks.is_settled:
        chunks.learn(chunks.size, seconds_of(chunks.size))
    assert chunks.size == expected
    chunks.learn(expected, 1e9)
    assert chunks.size == expected
