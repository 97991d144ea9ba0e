"""Masks by SAM 2: one encoding an image against one a completion, and prompts in batches against one call an object.

    python benchmarks/sam.py [--side 512] [--size tiny] [--rounds 3] [--device cpu] [--threads 1]

The published layout of a size with random weights (speed does not depend on them), by default hiera-tiny at 512 px instead of
1024, because an encoding of 1024 px takes seconds on a CPU; --side 1024 is the published one. Both sides of a ratio take turns
in every round, and the least time of each counts: on the CPU that of this process's threads, which other people's work leaves
alone. Completions are what reinforcement learning samples of one image: 16 answers of 4 boxes with 2 points each. Re-encoding
is how Think2Seg-RS's reward runs SAM 2: the image is set anew for each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import numpy as np
import torch
from transformers import Sam2Config, Sam2Model

from georsmllm.maskdecoder import Decoded
from georsmllm.sam import Sam2Decoder
from georsmllm.sam_settings import Settings
from georsmllm.sam_weights import LAYOUTS, config_of
from georsmllm.types import PointSet, box

COMPLETIONS, BOXES = 16, 4
OBJECTS = (1, 8, 32)
VIEW = 512


def config(size: str, side: int) -> Sam2Config:
    made = config_of(size)
    made.prompt_encoder_config.image_size = side
    made.vision_config.backbone_config.image_size = [side, side]
    made.vision_config.backbone_feature_sizes = [[side // step, side // step] for step in (4, 8, 16)]
    return made


def prompts(num: int, rng: Random) -> list[PointSet]:
    found = []
    for _ in range(num):
        x, y, width, height = rng.uniform(0, 380), rng.uniform(0, 380), rng.uniform(24, 120), rng.uniform(24, 120)
        found.append(
            box(x, y, x + width, y + height, keypoints=((x + width / 2, y + height / 2), (x + width / 3, y + 9)))
        )
    return found


def least(rounds: int, device: torch.device, *ways: Callable[[], object]) -> list[float]:
    """Seconds of each way, that take turns; one round before them is left out."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    found = [float("inf")] * len(ways)
    for turn in range(rounds + 1):
        for i, way in enumerate(ways):
            began = clock()
            way()
            found[i] = min(found[i], clock() - began) if turn else found[i]
    return found


def same(a: Sequence[Decoded], b: Sequence[Decoded]) -> float:
    """The share of masks that are the same to the pixel; batches of other sizes round differently."""
    return sum(one.mask == other.mask for one, other in zip(a, b, strict=True)) / len(a)


def completions(model: Sam2Model, rgb: np.ndarray, rounds: int) -> None:
    rng = Random(0)
    answers = [prompts(BOXES, rng) for _ in range(COMPLETIONS)]
    once, anew = (Sam2Decoder(model, "", settings=Settings(chunk=BOXES)) for _ in range(2))
    turn = iter(range(1000))

    def by_key() -> list[Decoded]:
        key = f"turn {next(turn)}"  # no encoding of an earlier round is left
        return [one for answer in answers for one in once.masks(rgb, answer, key=key)]

    def without() -> list[Decoded]:
        return [one for answer in answers for one in anew.masks(rgb, answer)]

    alike = same(by_key(), without())
    counts = once.num_encodings, anew.num_encodings
    ours, theirs = least(rounds, model.device, by_key, without)
    print(f"{COMPLETIONS} completions of {BOXES} boxes on one image")
    print(f"  one encoding   {ours:8.2f} s   encodings {counts[0]}")
    print(f"  one each       {theirs:8.2f} s   encodings {counts[1]}")
    print(f"  {theirs / ours:.1f} times as fast; {alike:.0%} of the masks are the same to the pixel")


def batches(model: Sam2Model, rgb: np.ndarray, rounds: int) -> None:
    batched, single = Sam2Decoder(model, ""), Sam2Decoder(model, "", settings=Settings(chunk=1))
    while not batched.chunks.is_settled:  # the size is measured on the work itself
        batched.masks(rgb, prompts(max(OBJECTS), Random(0)), key="a")
    ladder = ", ".join(f"{size}: {seconds * 1e3:.1f}" for size, seconds in batched.chunks.seconds.items())
    print(f"prompts at once: {batched.chunks.size} measured best (ms an object by size {ladder})")
    print(f"{'objects':>9} {'batched':>10} {'one each':>10} {'ratio':>6} {'calls':>9}")
    for num in OBJECTS:
        asked = prompts(num, Random(num))
        calls = []
        for one in (batched, single):
            one.masks(rgb, asked, key="a")
            before = one.num_decodings
            one.masks(rgb, asked, key="a")
            calls.append(one.num_decodings - before)
        ours, theirs = least(
            rounds,
            model.device,
            partial(batched.masks, rgb, asked, key="a"),
            partial(single.masks, rgb, asked, key="a"),
        )
        print(
            f"{num:>9} {ours * 1e3:>7.0f} ms {theirs * 1e3:>7.0f} ms {theirs / ours:>6.2f} {calls[0]:>3} / {calls[1]:>3}"
        )
    print(f"encodings {batched.num_encodings} and {single.num_encodings}: all three rows are of one image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--size", choices=[*LAYOUTS], default="tiny")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    model = Sam2Model(config(given.size, given.side)).eval().to(given.device)
    rgb = np.random.default_rng(0).integers(0, 256, (VIEW, VIEW, 3), dtype=np.uint8)
    print(f"hiera-{given.size} at {given.side} px, {given.device}, {given.threads} thread(s), view {VIEW} x {VIEW}")
    completions(model, rgb, given.rounds)
    batches(model, rgb, given.rounds)


if __name__ == "__main__":
    main()
