"""`georsmllm model`: make a model to fine-tune, look at one, merge an adapter, collect a sharded checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

if TYPE_CHECKING:
    from georsmllm.model.anyres import Anyres
    from georsmllm.model.spec import Spec

EPILOG = """
\b
Examples:
  georsmllm model tiny demo --out models/demo
  georsmllm model assemble --llm Qwen/Qwen2-7B-Instruct --vision google/siglip-so400m-patch14-384 --out models/start
  georsmllm model assemble --from llava-hf/llava-onevision-qwen2-7b-ov-hf --out models/start
  georsmllm model show models/start
  georsmllm model merge runs/lora/final --out models/merged

\b
A model is a folder that plain transformers and vLLM open, too: safetensors under the published names, tokenizer, chat
template and processor. Names like llava-hf/... are hub ids; a folder is never downloaded.
"""
FOLDER = click.Path(path_type=Path)
SIZES_WH = ((256, 256), (384, 384), (512, 512), (640, 640), (600, 900), (800, 800), (1024, 1024), (2000, 3000))


@click.group(epilog=EPILOG)
def command() -> None:
    """Make models from parts or from nothing, look at them, merge adapters."""


@command.command()
@click.option("--llm", default=None, help="A Qwen2 or Qwen2.5 language model: folder or hub id.")
@click.option("--vision", default=None, help="A SigLIP model, whole or its vision part: folder or hub id.")
@click.option("--from", "source", default=None, help="A LLaVA-OneVision model instead of parts: folder or hub id.")
@click.option("--out", type=FOLDER, required=True, help="Where the model goes; not there yet.")
@click.option("--max-grid", type=click.IntRange(1), default=None, help="Crops a side, at most.  [default: 6]")
@click.option(
    "--drop-layers", type=click.IntRange(0), default=None, help="Last layers of the tower to leave out.  [default: 1]"
)
@click.option(
    "--dtype", type=click.Choice(["bfloat16", "float32"]), default=None, help="Of the weights.  [default: the llm's]"
)
@click.option("--seed", type=int, default=None, help="Of the projector's fresh weights.  [default: 0]")
def assemble(
    llm: str | None,
    vision: str | None,
    source: str | None,
    out: Path,
    max_grid: int | None,
    drop_layers: int | None,
    dtype: Literal["bfloat16", "float32"] | None,
    seed: int | None,
) -> None:
    """Join a language model and a vision tower, or prepare a published model.

    From parts: weights are copied exactly, the projector between them is fresh (train it first, alone), the vocabulary gets
    <image> once. The tower loses its head and, as LLaVA-OneVision's, its last layer. --from: weights stay as they are.
    """
    from georsmllm.errors import UsageError
    from georsmllm.model import places
    from georsmllm.model.assemble import Options, start_from
    from georsmllm.model.assemble import assemble as join
    from georsmllm.model.save import check_free

    check_free(out)
    given = {"max_grid": max_grid, "drop_layers": drop_layers, "dtype": dtype, "seed": seed}
    given = {key: value for key, value in given.items() if value is not None}
    if source is not None and llm is None and vision is None and not given:
        start_from(places.resolve(source), out)
    elif source is None and llm is not None and vision is not None:
        join(places.resolve(llm), places.resolve(vision), out, msgspec.convert(given, Options))
    else:
        raise UsageError("a model is made of --llm and --vision, or of --from alone, which takes no other option")
    _say(out)


@command.command()
@click.argument("name", metavar="NAME")
@click.option("--out", type=FOLDER, required=True, help="Where the model goes; not there yet.")
@click.option("--set", "sets", type=FOLDER, multiple=True, help="A built set whose texts its tokenizer learns, too.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def tiny(name: str, out: Path, sets: tuple[Path, ...], dtype: Literal["float32", "bfloat16"], seed: int) -> None:
    """Make a small model with random weights from its configuration alone.

    \b
    NAME is one of
      mini   0.2 M parameters, for tests
      demo   0.8 M, learns the quickstart's instruction set on a CPU in minutes
      0.5b   893.7 M, the published 0.5B layout, to measure speed and memory
    """
    from georsmllm.model.tiny import make, texts_of

    make(name, out, texts=[text for one in sets for text in texts_of(one)], seed=seed, dtype=dtype)
    _say(out)


@command.command()
@click.argument("adapter", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Where the merged model goes; not there yet.")
@click.option("--base", default=None, help="The model under the adapter, when it is not where it was.")
@click.option(
    "--dtype", type=click.Choice(["auto", "bfloat16", "float32"]), default="auto", show_default=True, help="Of the sum."
)
def merge(adapter: Path, out: Path, base: str | None, dtype: Literal["auto", "bfloat16", "float32"]) -> None:
    """Add an adapter to its base: one plain model, with the same answers.

    The base is known by a hash of its weights; another one is refused. In bfloat16 the sum is rounded: float32 is exact and
    twice as large.
    """
    from georsmllm.model.adapters import merge as join

    _say(join(adapter, out, base=base, dtype=dtype))


@command.command()
@click.argument("checkpoint", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Where the model goes; not there yet.")
def consolidate(checkpoint: Path, out: Path) -> None:
    """Make a plain model of a checkpoint, ZeRO's shards put together.

    CHECKPOINT is a checkpoint's folder, or a stage's or a run's, whose newest is taken. A stage with adapters gives an
    adapter, to be merged.
    """
    from georsmllm.model.save import check_free

    check_free(out)
    from georsmllm.train.finals import consolidate as collect  # brings torch

    _say(collect(checkpoint, out))


@command.command()
@click.argument("model", metavar="MODEL")
@click.option("--size", "sizes", multiple=True, metavar="WxH", help="An image size to count the visual tokens of.")
def show(model: str, sizes: tuple[str, ...]) -> None:
    """Parameters by module, memory in bf16, visual tokens by image size. MODEL is a folder or hub id; nothing is loaded."""
    from georsmllm.model import anyres, places, spec

    folder = places.resolve(model, files=("*.json",))
    for line in parameter_table(spec.of_folder(folder)):
        print(line)
    print()
    for line in token_table(anyres.of_folder(folder), [_size(one) for one in sizes] or list(SIZES_WH)):
        print(line)


def parameter_table(found: Spec) -> list[str]:
    """Module, parameters, and their weight in bf16."""
    rows = [*found.parameters().items(), ("all", found.num_parameters)]
    lines = [f"{'module':10} {'parameters':>15} {'bf16':>10}"]
    lines += [f"{name:10} {count:15,} {2 * count / 2**20:6,.0f} MiB" for name, count in rows]
    text, tower = found.text, found.vision
    lines.append(
        f"qwen2: {text.num_hidden_layers} layers of {text.hidden_size}, {text.vocab_size} tokens"
        f"{' (tied)' if found.ties_embeddings else ''}; siglip: {tower.num_hidden_layers} layers of {tower.hidden_size}, "
        f"{tower.image_size} px in patches of {tower.patch_size}"
    )
    return lines


def token_table(views: Anyres, sizes_wh: list[tuple[int, int]]) -> list[str]:
    """Image size, its grid of crops, and its visual tokens; last, what each of several images has."""
    lines = [f"{'image':>11} {'grid':>6} {'crops':>6} {'visual tokens':>14}"]
    for size in sizes_wh:
        width, height = views.grid(size)
        grid = f"{width // views.side}x{height // views.side}"
        lines.append(f"{f'{size[0]}x{size[1]}':>11} {grid:>6} {views.crops([size])[0]:6} {views.tokens([size])[0]:14}")
    return [*lines, f"{'each of two':>11} {'-':>6} {1:6} {views.tokens([(1, 1), (1, 1)])[0]:14}"]


def _size(text: str) -> tuple[int, int]:
    width, times, height = text.partition("x")
    if not (times and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise click.BadParameter(f"expected a size like 1024x768, got {text!r}", param_hint="--size")
    return int(width), int(height)


def _say(out: Path) -> None:
    from georsmllm.model import spec
    from georsmllm.model.places import is_adapter

    print(f"{out}: an adapter" if is_adapter(out) else f"{out}: {spec.of_folder(out).num_parameters:,} parameters")
