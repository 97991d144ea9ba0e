"""Memory of training as `georsmllm train --dry-run` computes it, beside what a GPU then needed.

    python benchmarks/memory.py                      # a model of the published 0.5B layout with random weights, on a GPU
    python benchmarks/memory.py --size mini          # a look at the script itself, also without one

Two optimizer steps of each case on invented rows: a packed row of samples with an image each, and words. What a GPU needed is
torch.cuda.max_memory_allocated, which knows nothing of CUDA's context; the prediction is without it, too.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch

from georsmllm.model import anyres, spec, tiny
from georsmllm.model.anyres import Anyres
from georsmllm.model.spec import Spec
from georsmllm.train import building, memory
from georsmllm.train.activations import Work
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.recipe import Data, Lora, Model, Source, Stage, TrainRecipe
from georsmllm.train.trainer import supervised_only

STAGES = (
    Stage(name="full"),
    Stage(name="lora", train=("projector", "llm"), lora=Lora(r=64, alpha=128)),
    Stage(name="lora-tower", train=("projector", "llm", "vision"), lora=Lora(r=64, alpha=128)),
    Stage(name="projector", train=("projector",)),
)
ANSWER = 200  # tokens of each sample's answer


class Case(NamedTuple):
    stage: Stage
    length: int
    checkpointing: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tiny.NAMES, default="0.5b")
    parser.add_argument("--lengths", type=int, nargs="+", default=[2048, 4096, 8192])
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and options.size == "0.5b":
        print(
            "no GPU here, and PyTorch does not say what a CPU needed; --size mini walks the road without the comparison"
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        model = tiny.make(options.size, Path(folder) / "model")
        print(f"{device}, torch {torch.__version__}; GiB, CUDA's context left out\n")
        print(
            f"{'stage':11} {'tokens':>7} {'crops':>6} {'checkpointing':>14} {'predicted':>10} {'needed':>7} {'ratio':>6}"
        )
        for stage in STAGES:
            for length in options.lengths:
                for checkpointing in (True, False):
                    tell(Case(stage, length, checkpointing), model, device)


def tell(case: Case, folder: Path, device: torch.device) -> None:
    found, views = spec.of_folder(folder), anyres.of_folder(folder)
    batch, work = row(case.length, found, views)
    predicted = predict(case, found, work)
    try:
        needed = needs(case, folder, batch, device)
    except torch.OutOfMemoryError:
        needed = None
    told = f"{'none':>7} {'-':>6}" if needed is None else f"{needed:7.2f} {predicted / needed if needed else 0:6.2f}"
    checkpointing = "yes" if case.checkpointing else "no"
    print(
        f"{case.stage.name:11} {work.tokens:7} {work.crops:6} {checkpointing:>14} {predicted:10.2f} {told}", flush=True
    )


def row(length: int, found: Spec, views: Anyres) -> tuple[dict[str, torch.Tensor], Work]:
    """A packed row of samples, each an image of one crop, a question and an answer."""
    side = views.side
    visual, crops = views.tokens([(side, side)])[0], views.crops([(side, side)])[0]
    sample = visual + 3 * ANSWER
    if sample > length:
        raise SystemExit(f"a sample has {sample} tokens; a row needs as many at least")
    count = length // sample
    words = torch.arange(length)[None] % 250
    labels = torch.full((1, length), -100)
    positions = torch.arange(length)
    for number in range(count):
        start = number * sample
        words[0, start + 5 : start + 5 + visual] = found.image_token_index
        labels[0, start + sample - ANSWER : start + sample] = 7
        positions[start:] = torch.arange(length - start)
    batch = {
        "input_ids": words,
        "position_ids": positions[None],
        "labels": labels,
        "pixel_values": torch.rand(count * crops, 3, side, side),
        "image_sizes": torch.tensor([[side, side]] * count),
        "batch_num_images": torch.ones(count, dtype=torch.long),
    }
    return batch, Work(1, length, length, count * ANSWER, count * crops)


def recipe(case: Case) -> TrainRecipe:
    return TrainRecipe(
        model=Model(path="invented"),
        data=Data(sources=(Source(path="invented"),)),
        stages=(case.stage,),
        gradient_checkpointing=case.checkpointing,
    )


def predict(case: Case, found: Spec, work: Work) -> float:
    expected = memory.stage_memory(recipe(case), case.stage, found, work, world=1, deepspeed=None)
    return (expected.total - memory.CONTEXT) / memory.GIB


def needs(case: Case, folder: Path, batch: dict[str, torch.Tensor], device: torch.device) -> float:
    """GiB that two steps took at most; 0 where there is no GPU to ask."""
    gc.collect()
    torch.cuda.empty_cache()
    precision = building.Precision(bf16=True, masters=False)
    model = building.build(folder, case.stage, precision, seed=0).to(device).train()
    attend_by_sample(model.get_base_model() if case.stage.lora is not None else model)
    if case.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, fused=device.type == "cuda")
    inputs = supervised_only({name: one.to(device) for name, one in batch.items()})
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(2):
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(**inputs, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.cuda.max_memory_allocated(device) / memory.GIB if device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()
