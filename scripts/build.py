"""`georsmllm build`: datasets as they lie on disk become an instruction set."""

from __future__ import annotations

import os
from pathlib import Path

import click

from georsmllm.errors import UsageError
from georsmllm.layout import Stats
from georsmllm.overrides import Plain
from georsmllm.recipe import Recipe, load

EPILOG = """
\b
Examples:
  georsmllm build --dataset dota=/data/DOTA --task det,count --out sets/dota
  georsmllm build recipe.yaml --out sets/mine --workers 8 --seed 7
  georsmllm build recipe.yaml tiles.size=512 mix.negatives=0.1 --out sets/small-tiles
  georsmllm build recipe.yaml sources.dota.path=/data/DOTA sources.loveda=null --out sets/elsewhere

\b
A killed build goes on where it was when the same command is run again. The same recipe and seed give
the same bytes for any number of workers. Exit codes: 0 done, 2 wrong input or, under --strict, the
first bad record.
"""


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[RECIPE.yaml] [KEY=VALUE]...")
@click.option(
    "--dataset",
    "-d",
    multiple=True,
    metavar="READER[:NAME]=PATH",
    help="A reader and the folder it reads.",
)
@click.option(
    "--task",
    "-t",
    multiple=True,
    metavar="NAMES",
    help="Tasks, comma-separated; by default all.",
)
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Folder of the set.")
@click.option("--workers", "-w", type=click.IntRange(1), default=None, help="Processes; by default one a core.")
@click.option("--seed", "-s", type=int, default=None, help="Decides every draw; 0 unless the recipe says otherwise.")
@click.option(
    "--strict", is_flag=True, help="Stop at the first record that cannot be read, instead of setting it aside."
)
@click.option("--overwrite", is_flag=True, help="Replace a set, finished or not, that lies in the folder.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bars.")
def command(
    words: tuple[str, ...],
    dataset: tuple[str, ...],
    task: tuple[str, ...],
    out: Path,
    workers: int | None,
    seed: int | None,
    strict: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Make an instruction set from datasets as they lie on disk.

    Give a recipe, or everything by flags; KEY=VALUE words change single keys of the recipe.
    """
    path, overrides = recipe_and_overrides(words)
    recipe = load(path, overrides, _flags(dataset, task, seed=seed, strict=strict, whole=path is None))
    from georsmllm.instruct_data.build import build, silent

    from .progress import bar

    outcome = build(
        recipe, out, workers=workers or os.cpu_count() or 1, overwrite=overwrite, bar=silent if quiet else bar
    )
    if outcome.already_there:
        print(f"{out} holds this very set already; --overwrite builds it anew")
    for line in summary(recipe, outcome.stats):
        print(line)
    print(f"set: {out}   look at it: georsmllm look {out}")


def summary(recipe: Recipe, stats: Stats) -> list[str]:
    """What was found, asked, left out and written, in a few lines."""
    lines = []
    for name, source in stats.sources.items():
        bad = f"; {_named(source.quarantined)} set aside in quarantine.jsonl" if source.quarantined else ""
        lines.append(f"{name}: {source.kept} of {source.found} samples read, {source.views} views{bad}")
        ignored = f" (not asked: {_named(source.ignored)})" if source.ignored else ""
        lines.append(f"  {source.asked} of {source.targets} targets asked{ignored}")
        if source.mended:
            lines.append(f"  mended while reading: {_named(source.mended)}")
    for split, tasks in stats.by_task.items():
        lines.append(f"{split}: {sum(tasks.values())} records of {stats.scenes[split]} scenes ({_named(tasks)})")
    scenes = sum(stats.scenes.values())
    for split, share in recipe.split.ratios.items() if recipe.split.by != "official" else ():
        if share > 0 and split not in stats.by_task:
            lines.append(
                f"{split}: empty, {scenes} scenes are few for a share of {share:g}; raise it or take another seed"
            )
    if any(stats.joined.values()):
        lines.append(f"scenes that belong together: {_named(stats.joined)}")
    left_out = f"; left out by the mixture: {_named(stats.dropped)}" if stats.dropped else ""
    repeated = f", {stats.repeated} of them repeats by weight" if stats.repeated else ""
    lines.append(f"{stats.made} records made, {stats.written} written{repeated}{left_out}")
    return lines


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def recipe_and_overrides(words: tuple[str, ...]) -> tuple[Path | None, tuple[str, ...]]:
    """The path of a recipe and the words that change its keys."""
    recipes = [word for word in words if "=" not in word]
    if len(recipes) > 1:
        raise UsageError(f"expected one recipe, got {' and '.join(recipes)}")
    return (Path(recipes[0]) if recipes else None), tuple(word for word in words if "=" in word)


def _flags(
    datasets: tuple[str, ...], tasks: tuple[str, ...], *, seed: int | None, strict: bool, whole: bool
) -> dict[str, Plain]:
    """What the flags say, as keys of a recipe; `whole`: there is no recipe file, so they must say everything."""
    flags: dict[str, Plain] = {}
    if datasets or whole:
        flags["sources"] = [source(text) for text in datasets]
    if tasks:
        flags["tasks"] = [name for names in tasks for name in names.split(",") if name]
    elif whole:
        from georsmllm.discover import task_names

        flags["tasks"] = list(task_names())
    if seed is not None:
        flags["seed"] = seed
    if strict:
        flags["policy"] = "strict"
    return flags


def source(text: str) -> dict[str, Plain]:
    """A source of a recipe from READER=PATH or READER:NAME=PATH."""
    reader, path = named_path(text)
    reader, colon, name = reader.partition(":")
    return {"dataset": reader, "path": path, "name": name} if colon else {"dataset": reader, "path": path}


def named_path(text: str) -> tuple[str, str]:
    """(reader, path) of READER=PATH."""
    reader, equals, path = text.partition("=")
    if not (reader and equals and path):
        raise UsageError(f"expected READER=PATH like dota=/data/DOTA, got {text!r}")
    return reader, path
