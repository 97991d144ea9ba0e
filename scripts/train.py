"""`georsmllm train`: fine-tune a model on built sets, on one CPU, one GPU or many, by a recipe."""

from __future__ import annotations

import os
import signal
import sys
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from georsmllm.errors import UsageError

from .build import recipe_and_overrides

if TYPE_CHECKING:
    from georsmllm.contracts import Score
    from georsmllm.train.ranks import World
    from georsmllm.train.recipe import TrainRecipe
    from georsmllm.train.zero import Settings
    from georsmllm.types import Record

EPILOG = """
\b
Examples:
  georsmllm train recipe.yaml --out runs/mine
  georsmllm train recipe.yaml --out runs/mine stages.0.learning_rate=2e-5 save_steps=100
  georsmllm train recipe.yaml --out runs/mine --dry-run      memory, before anything is loaded
  georsmllm train recipe.yaml --out runs/mine --show 3       samples as the model reads them
\b
Several GPUs, the same command under a launcher:
  torchrun --nproc_per_node 8 -m georsmllm train recipe.yaml --out runs/mine
  deepspeed --num_gpus 8 --module georsmllm train recipe.yaml --out runs/mine deepspeed=zero3
  accelerate launch --num_processes 8 -m georsmllm train recipe.yaml --out runs/mine
  srun --ntasks-per-node 8 --gpus-per-node 8 georsmllm train recipe.yaml --out /shared/mine
  torchrun --nnodes 2 --nproc_per_node 8 --rdzv_backend c10d --rdzv_endpoint HOST:29500 -m georsmllm train ...
\b
A killed run goes on from its newest whole checkpoint when the same command is run again; Ctrl-C and
SIGTERM save one first. OUT/final is the model (or the adapter) in the end. Exit codes: 0 done, 2 wrong
input, a bad record, a loss that is no number or too little memory, 130 asked to stop.
"""

GRACE_S = 20.0
"""After this long without an end a process says itself what it met."""


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, required=True, metavar="RECIPE.yaml [KEY=VALUE]...")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option(
    "--show", type=click.IntRange(min=1), metavar="N", help="Show N samples as the model reads them; train nothing."
)
@click.option("--dry-run", is_flag=True, help="Say how much memory each stage needs; load and train nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: every number, as JSON.")
@click.option("--overwrite", is_flag=True, help="Begin anew: remove the run that lies in the folder.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bars.")
def command(
    words: tuple[str, ...],
    out: Path,
    show: int | None,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Fine-tune a model by a recipe: its stages one after another, each from the weights of the last.

    KEY=VALUE words change single keys of the recipe.
    """
    from georsmllm.train import launch
    from georsmllm.train.recipe import load

    path, overrides = recipe_and_overrides(words)
    recipe = load(path, overrides)
    if show is not None:
        _show(recipe, show)
        return 0
    if dry_run:
        _say_memory(recipe, as_json=as_json)
        return 0
    world = launch.world_of(os.environ)
    launch.check(world, recipe.world, os.environ, deepspeed=recipe.deepspeed is not None)
    settings = _settings(recipe)
    os.environ.update(launch.variables(world, os.environ, deepspeed=settings is not None))
    try:
        return _train(recipe, out.absolute(), world, settings, overwrite=overwrite, quiet=quiet)
    except UsageError as error:
        from georsmllm.train.trouble import OwnTrouble

        if world.local_rank and not isinstance(error, OwnTrouble):
            # what all processes find out is said once, by the first, whose end takes this one with it
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(GRACE_S)
        raise


def _train(
    recipe: TrainRecipe, out: Path, world: World, settings: Settings | None, *, overwrite: bool, quiet: bool
) -> int:
    from georsmllm.model import needs
    from georsmllm.train import launch, sinks
    from georsmllm.train.job import Job
    from georsmllm.train.run import train

    from .cli import EXIT_INTERRUPTED

    needs.require("training", "accelerate", "safetensors")
    sinks.check(recipe.report_to)
    ranks = launch.start(world, deepspeed=settings is not None)
    job = Job(
        recipe=recipe,
        out=out,
        ranks=ranks,
        deepspeed=settings,
        say=_say if ranks.is_first else _nothing,
        is_watched=ranks.is_first and not quiet and sys.stderr.isatty(),
        scorer=_score,
    )
    outcome = train(job, overwrite=overwrite)
    launch.stop()
    if outcome.stopped is not None:
        stage, step = outcome.stopped
        job.say(f"stopped as asked, stage {stage} at step {step} is saved; run the same command again to go on")
        return EXIT_INTERRUPTED
    job.say(
        f"model: {outcome.model}   let it answer: georsmllm predict SET --model {outcome.model} -o predictions.jsonl"
    )
    return 0


def _show(recipe: TrainRecipe, num: int) -> None:
    from georsmllm.train.show import of_recipe, wants_colour

    coloured = wants_colour(sys.stdout.isatty(), os.environ.get)
    for one in of_recipe(recipe, num, coloured=coloured):
        print(f"== {one.place}\n{one.text}\n-- {one.summary}\n")


def _say_memory(recipe: TrainRecipe, *, as_json: bool) -> None:
    import msgspec

    from georsmllm.train import launch, zero
    from georsmllm.train.memory_table import expect, table

    here, settings = launch.world_of(os.environ), _settings(recipe)
    if here.rank:
        return
    expected = expect(
        recipe, world=recipe.world or here.size, deepspeed=None if settings is None else zero.facts(settings)
    )
    print(msgspec.json.format(msgspec.json.encode(expected)).decode() if as_json else table(expected))


def _settings(recipe: TrainRecipe) -> Settings | None:
    from georsmllm.train import zero

    if recipe.deepspeed is None:
        return None
    with as_file(files("georsmllm.scripts") / "recipes" / "deepspeed") as folder:
        return zero.settings(recipe.deepspeed, folder)


def _score(record: Record, text: str) -> Score:
    from georsmllm import translation
    from georsmllm.discover import task

    return translation.judge(task(record.task), text, record)


def _say(line: str) -> None:
    print(line, flush=True)


def _nothing(_: str) -> None:
    pass
