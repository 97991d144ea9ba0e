"""A tiny SAM 2 that learns a few scenes of the demo world by heart: boxes with keypoints as prompts, outlines as masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.typing import NDArray
from transformers import Sam2Model

from georsmllm import masks
from georsmllm.geometry import area, to_box
from georsmllm.keypoints import keypoints
from georsmllm.sam import preprocess, prompt_of
from georsmllm.scripts.demo_scenes import airport, port, tank_farm, town
from georsmllm.types import PointSet, Ring, polygon

PLACES = ((tank_farm, 240), (airport, 280), (port, 280), (town, 240))
LEARNT = ("storage-tank", "plane", "ship", "building", "swimming-pool", "harbor")
OBJECTS = 3
"""Of each picture, the largest."""


class Picture(NamedTuple):
    """An image with its objects: what they are asked by, and what they are."""

    rgb: NDArray[np.uint8]
    prompts: tuple[PointSet, ...]
    outlines: tuple[PointSet, ...]


def pictures() -> tuple[Picture, ...]:
    return tuple(_picture(place, side) for place, side in PLACES)


def _picture(place, side: int) -> Picture:
    scene = place((side, side), "a world for SAM 2")
    whole = [
        polygon(Ring(tuple(thing.outline)))
        for thing in scene.things
        if thing.label in LEARNT and all(0 <= x <= side and 0 <= y <= side for x, y in thing.outline)
    ]
    outlines = tuple(sorted(whole, key=area, reverse=True)[:OBJECTS])
    prompts = tuple(PointSet("box", to_box(one).rings, keypoints(one, (side, side), count=2)) for one in outlines)
    assert [len(one.keypoints) for one in prompts] == [2] * OBJECTS
    return Picture(np.asarray(scene.canvas.photograph()), prompts, outlines)


class _Lesson(NamedTuple):
    """All pictures at once: (B, 3, S, S), (B, N, 4), (B, N, P, 2), twice (B, N, S/4, S/4).

    targets: the share of each low-resolution pixel; weights: of the pixels in and around the box, and a little of all others.
    """

    pixels: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def learn(model: Sam2Model, steps: int, *, rate: float = 2e-3) -> Sam2Model:
    """In evaluation mode afterwards; the same weights from the same start."""
    lesson = lesson_of(pictures(), model.config.prompt_encoder_config.image_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    model.mask_decoder.dynamic_multimask_via_stability = (
        False  # the single mask alone is taught, none of the other three
    )
    model.config.mask_decoder_config.dynamic_multimask_via_stability = False
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, lesson).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


def lesson_of(shown: tuple[Picture, ...], side: int) -> _Lesson:
    pixels, boxes, points, targets = [], [], [], []
    for one in shown:
        size_wh = one.rgb.shape[1], one.rgb.shape[0]
        prompts = [prompt_of(shape, size_wh, side) for shape in one.prompts]
        pixels.append(preprocess(one.rgb, side))
        boxes.append([prompt.box for prompt in prompts])
        points.append([prompt.points for prompt in prompts])
        shapes = np.stack([masks.decode(masks.from_shape(shape, size_wh)) for shape in one.outlines])
        targets.append(
            F.interpolate(torch.from_numpy(shapes).float()[:, None], (side // 4, side // 4), mode="area")[:, 0]
        )
    boxes_BN4 = torch.tensor(boxes)
    at = (torch.arange(side // 4) + 0.5) * 4
    x1, y1, x2, y2 = (boxes_BN4[..., i, None, None] for i in range(4))
    inside = (at > x1 - 8) & (at < x2 + 8) & (at[:, None] > y1 - 8) & (at[:, None] < y2 + 8)
    weights = inside / inside.sum((2, 3), keepdim=True) + 1 / inside[0, 0].numel()
    return _Lesson(torch.stack(pixels), boxes_BN4, torch.tensor(points), torch.stack(targets), weights)


def loss_of(model: Sam2Model, lesson: _Lesson) -> torch.Tensor:
    """Cross entropy and Dice of the single mask, and how far its predicted IoU is off."""
    out = model(
        pixel_values=lesson.pixels,
        input_boxes=lesson.boxes,
        input_points=lesson.points,
        input_labels=torch.ones(lesson.points.shape[:3], dtype=torch.int),
        multimask_output=False,
    )
    logits, target = out.pred_masks[:, :, 0], lesson.targets
    share = logits.sigmoid()
    dice = 1 - (2 * (share * target).sum((2, 3)) + 1) / (share.sum((2, 3)) + target.sum((2, 3)) + 1)
    found, gold = logits > 0, target > 0.5
    iou = (found & gold).sum((2, 3)) / (found | gold).sum((2, 3)).clamp(min=1)
    guess = F.mse_loss(out.iou_scores[:, :, 0], iou.detach())
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * lesson.weights).sum((2, 3)).mean() + dice.mean() + guess
