"""What constrained decoding adds to a decode step: the logits processor's own time against a step of the model, in one run.

    python benchmarks/constrained.py [--tokenizer DIR] [--batch 1 8 32] [--steps 24] [--prompt 16] [--device cpu] [--layers 24]

DIR holds Qwen2's vocab.json and merges.txt, or a model's tokenizer.json; without it a small tokenizer is trained. The model is
the text part of the published 0.5B layout (24 layers of width 896, 151 936 ids) with random weights, float32 on a CPU and
bfloat16 on a GPU. Each step feeds it the next token of gold answers of rotated boxes, so that all rows stay in the middle of an
answer. A step is a forward pass with its cache and an argmax; the processor is called on the same scores in between. Prompts
are short, which makes steps as fast as they can be. "Looked up" is the first call, which knows no states yet. On the CPU most
of the processor's time at 32 rows is filling the scores with -inf.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import torch
from big_set import record
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import Qwen2Config, Qwen2ForCausalLM

from georsmllm.constrain.form import Points
from georsmllm.constrain.pieces import of_chat
from georsmllm.constrain.processor import PointTextProcessor
from georsmllm.model.spec import published
from georsmllm.model.tiny import train_tokenizer
from georsmllm.model.tokens import END, IMAGE, PAD, START, Chat
from georsmllm.tokencount import QWEN2_SPLIT


class Times(NamedTuple):
    """Seconds: of the first call of the processor, and of each later step of the model and call of the processor."""

    first: float
    steps: list[float]
    calls: list[float]


def chat_of(folder: Path | None) -> Chat:
    """The tokenizer of a model's folder, that of Qwen2's two files, or a small one that is trained on answers."""
    if folder is None:
        rng = Random(0)
        return Chat(train_tokenizer([record(number, rng).gold_text for number in range(200)], 1000), source="small")
    if (folder / "tokenizer.json").is_file():
        return Chat.of_folder(folder)
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    split = pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PAD, START, END, IMAGE])
    return Chat(tokenizer, source=str(folder))


def model_of(device: str, layers: int) -> Qwen2ForCausalLM:
    text = published("0.5b").text
    config = Qwen2Config(
        hidden_size=text.hidden_size,
        intermediate_size=text.intermediate_size,
        num_hidden_layers=layers,
        num_attention_heads=text.num_attention_heads,
        num_key_value_heads=text.num_key_value_heads,
        vocab_size=text.vocab_size,
        tie_word_embeddings=published("0.5b").ties_embeddings,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen2ForCausalLM(config)
    return model.to(torch.float32 if device == "cpu" else torch.bfloat16).eval()


def gold(chat: Chat, rows: int, steps: int) -> list[list[int]]:
    """For each row the tokens of an answer that is long enough."""
    rng, number, found = Random(0), 0, list[list[int]]()
    while len(found) < rows:
        text = ""
        while len(chat.encode(text)) <= steps:
            text += ";" * bool(text) + record(number, rng).gold_text
            number += 1
        found.append(chat.encode(text)[: steps + 1])
    return found


def now(device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


@torch.inference_mode()
def measure(model: Qwen2ForCausalLM, chat: Chat, rows: int, *, steps: int, prompt: int) -> Times:
    device = model.device.type
    told = torch.tensor(gold(chat, rows, steps), device=device)
    ids = torch.full((rows, prompt), 11, device=device)
    of_chat.cache_clear()
    processor = PointTextProcessor(chat, [Points(("rbox",))] * rows, prompt_length=prompt, budget=1024)
    out = model(input_ids=ids, use_cache=True)
    model_s: list[float] = []
    own_s: list[float] = []
    for step in range(steps):
        scores = out.logits[:, -1].to(torch.float32)
        start = now(device)
        processor(ids, scores)
        between = now(device)
        newest = told[:, step : step + 1]
        out = model(input_ids=newest, past_key_values=out.past_key_values, use_cache=True)
        out.logits[:, -1].argmax(dim=-1)
        model_s.append(now(device) - between)
        own_s.append(between - start)
        ids = torch.cat((ids, newest), dim=1)
    return Times(own_s[0], model_s[1:], own_s[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--prompt", type=int, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--layers", type=int, default=published("0.5b").text.num_hidden_layers)
    args = parser.parse_args()
    chat = chat_of(args.tokenizer)
    model = model_of(args.device, args.layers)
    print(f"{args.device}, {sum(p.numel() for p in model.parameters()) / 1e6:.0f} M parameters, {args.steps} steps")
    print("rows   model, ms   processor, ms   share   of all   looked up, ms")
    for rows in args.batch:
        found = measure(model, chat, rows, steps=args.steps, prompt=args.prompt)
        step, own = median(found.steps), median(found.calls)
        whole = sum(found.calls) / sum(found.steps)
        print(
            f"{rows:4d} {step * 1e3:11.2f} {own * 1e3:15.3f} {own / step:7.1%} {whole:8.1%} {found.first * 1e3:15.1f}"
        )


if __name__ == "__main__":
    main()
