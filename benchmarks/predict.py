"""Answers a second: batches of like questions against batches in the records' order and against one question at a time.

    python benchmarks/predict.py [--records 48] [--batch-size 8] [--turns 3]

One run, one small model with random weights on the CPU. Each answer is made to be its gold text (constrained decoding that
leaves no choice), so that lengths are those of a real set: half of the questions are answered by a number, half by 1 to 9
rotated boxes, and images are of five sizes. "Waited" is the share of the time that the model stood still for images; here
they are opened on the cores that the model computes on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from big_set import record
from PIL import Image

from georsmllm.answering import Decoding, Question, plan, question_of
from georsmllm.asked import open_asked
from georsmllm.constrain.form import Exactly
from georsmllm.infer import Generator
from georsmllm.model import anyres, load, tiny
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views
from georsmllm.train.sources import Source
from georsmllm.types import Message, Record

SIZES = ((256, 256), (512, 512), (800, 800), (1024, 700), (1024, 1024))


def mixed(number: int, rng: Random) -> Record:
    """A record of the big set on an image of any size; every other one only counts."""
    made = record(number, rng)
    (facts,), (asked, told) = made.provenance.views, made.messages
    width, height = SIZES[rng.randrange(len(SIZES))]
    views = (replace(facts, width=width, height=height),)
    made = replace(made, images=(f"{number}.png",), provenance=replace(made.provenance, views=views))
    if number % 2:
        return made
    question, answer = asked.content.replace("[det] Find all", "[count] How many"), str(len(made.gold))
    return replace(
        made, task="count", messages=(Message("user", question), Message(told.role, answer)), gold_text=answer
    )


def write(folder: Path, count: int) -> Source:
    rng = Random(0)
    made = [mixed(number, rng) for number in range(count)]
    for one in made:
        (view,) = one.provenance.views
        noise = np.random.default_rng(view.width).integers(
            0, 256, (view.height // 8, view.width // 8, 3), dtype=np.uint8
        )
        Image.fromarray(noise).resize((view.width, view.height), Image.Resampling.BICUBIC).save(folder / one.images[0])
    (folder / "records.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in made))
    return open_asked(folder / "records.jsonl", "")


class Pace(NamedTuple):
    """cpu_s: of all threads, which other people's work on the machine leaves alone. steps: of the decoder, over all batches.
    padded: share of the prompts' places."""

    cpu_s: float
    seconds: float
    waited: float
    tokens: int
    steps: int
    padded: float


def measure(generator: Generator, batches: Sequence[Sequence[Question]]) -> Pace:
    generator.waited_s = 0.0
    start, cpu = time.perf_counter(), time.process_time()
    answers = list(generator.stream(batches, Decoding(1024)))
    took, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    lengths = [[generator.prompt_length(question) for question in batch] for batch in batches]
    places = sum(len(batch) * max(batch) for batch in lengths)
    return Pace(
        cpu_s,
        took,
        generator.waited_s / took,
        sum(one.num_tokens for batch in answers for one in batch),
        sum(max(one.num_tokens for one in batch) for batch in answers),
        1 - sum(map(sum, lengths)) / places,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model", default="demo", choices=tiny.NAMES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        source = write(Path(temporary), options.records)
        folder = tiny.make(options.model, Path(temporary) / "model")
        compare(source, folder, batch_size=options.batch_size, turns=options.turns)


def compare(source: Source, folder: Path, *, batch_size: int, turns: int) -> None:
    chat, sizes = Chat.of_folder(folder), anyres.of_folder(folder)
    model = load.model(folder, dtype="float32")
    generator = Generator(model, chat, Views.of_folder(folder), sizes, batch_size=batch_size)

    def asked(numbers: Sequence[int]) -> list[Question]:
        return [question_of(source, number, lambda one: Exactly(one.gold_text)) for number in numbers]

    order = range(len(source))
    sides = {
        "like with like": [asked(batch) for batch in plan(source, len(source), sizes, batch_size=batch_size)],
        "as they come": [asked(order[at : at + batch_size]) for at in range(0, len(order), batch_size)],
        "one at a time": [asked([number]) for number in order],
    }
    paces: dict[str, list[Pace]] = {side: [] for side in sides}
    measure(generator, sides["like with like"][:1])
    for _ in range(turns):
        for side, batches in sides.items():
            paces[side].append(measure(generator, batches))
    found = {side: sorted(turn)[len(turn) // 2] for side, turn in paces.items()}
    print(f"{len(source)} records, batches of {batch_size}, the middle one of {turns} turns\n")
    print("| batches | tokens/s | answers per CPU second | of 'as they come' | decoder steps | padded | waited |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for side, pace in found.items():
        ratio = found["as they come"].cpu_s / pace.cpu_s
        rates = f"{pace.tokens / pace.seconds:.0f} | {len(source) / pace.cpu_s:.2f} | {ratio:.2f}"
        print(f"| {side} | {rates} | {pace.steps} | {pace.padded:.1%} | {pace.waited:.1%} |")


if __name__ == "__main__":
    main()
