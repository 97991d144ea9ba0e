"""Speed of the point text on one core, and what a point costs in the tokens of a real vocabulary.

    python benchmarks/pointtext.py [--tokenizer DIR with vocab.json and merges.txt]

Objects lie anywhere in the view; one in its middle costs a little more than one at its left or upper border, because
numbers under 100 have fewer digits and Qwen2 writes a token a digit.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

from georsmllm.pointtext import decode, encode
from georsmllm.types import Point, PointSet, Ring, box, polygon, rbox

T = TypeVar("T")

SIZE = (1024, 1024)
PER_ANSWER = 10
ROUNDS = 5


def ring(rng: Random, vertices: int) -> PointSet:
    """A wobbly closed outline."""
    r = rng.uniform(12, 60)
    x, y = rng.uniform(r, 1024 - r), rng.uniform(r, 1024 - r)
    turn = 2 * math.pi / vertices
    radii = [r * rng.uniform(0.8, 1) for _ in range(vertices)]
    return polygon(Ring(tuple((x + q * math.cos(turn * i), y + q * math.sin(turn * i)) for i, q in enumerate(radii))))


def corners(rng: Random) -> PointSet:
    w, h, a = rng.uniform(4, 25), rng.uniform(4, 25), rng.uniform(0, math.pi)
    reach = math.hypot(w, h)
    x, y = rng.uniform(reach, 1024 - reach), rng.uniform(reach, 1024 - reach)

    def at(u: float, v: float) -> Point:
        return x + u * math.cos(a) - v * math.sin(a), y + u * math.sin(a) + v * math.cos(a)

    return rbox((at(-w, -h), at(w, -h), at(w, h), at(-w, h)))


def box_with_keypoints(rng: Random) -> PointSet:
    w, h = rng.uniform(4, 50), rng.uniform(4, 50)
    x, y = rng.uniform(0, 1024 - w), rng.uniform(0, 1024 - h)
    inside = tuple((rng.uniform(x, x + w), rng.uniform(y, y + h)) for _ in range(4))
    return box(x, y, x + w, y + h, keypoints=inside)


def points(shape: PointSet) -> int:
    """The points that are written: a polygon's rings say their first point twice."""
    closed = len(shape.rings) if shape.kind == "polygon" else 0
    return sum(len(r.points) for r in shape.rings) + closed + len(shape.keypoints)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="folder with vocab.json and merges.txt of Qwen2")
    options = parser.parse_args()
    rng = Random(0)
    kinds = {
        "rotated boxes": [corners(rng) for _ in range(10_000)],
        "boxes with 4 keypoints": [box_with_keypoints(rng) for _ in range(6_000)],
        "rings of 32": [ring(rng, 32) for _ in range(1_500)],
        "rings of 64": [ring(rng, 64) for _ in range(800)],
    }
    print(f"load {os.getloadavg()[0]:.2f}; best of {ROUNDS} rounds, one core\n")
    print("| shapes | encode, points/s | decode, points/s | Qwen2 tokens a point |\n| --- | --- | --- | --- |")
    for name, shapes in kinds.items():
        answers = [shapes[i : i + PER_ANSWER] for i in range(0, len(shapes), PER_ANSWER)]
        count = sum(map(points, shapes))
        texts = [encode(answer, SIZE) for answer in answers]
        saying = min(_seconds(encode, answers) for _ in range(ROUNDS))
        hearing = min(_seconds(decode, texts) for _ in range(ROUNDS))
        tokens = f"{_tokens(options.tokenizer, texts) / count:.2f}" if options.tokenizer else "-"
        print(f"| {name} | {count / saying:,.0f} | {count / hearing:,.0f} | {tokens} |")


def _seconds(work: Callable[[T, tuple[int, int]], object], things: list[T]) -> float:
    start = time.perf_counter()
    for thing in things:
        work(thing, SIZE)
    return time.perf_counter() - start


def _tokens(folder: Path, texts: list[str]) -> int:
    """The number of tokens in Qwen2's byte-level BPE, built from its vocabulary and merges (its own pre-tokeniser)."""
    from tokenizers import Regex, Tokenizer, pre_tokenizers
    from tokenizers.models import BPE

    tokenizer = Tokenizer(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    split = Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(split, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts))


if __name__ == "__main__":
    main()
