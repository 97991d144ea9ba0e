"""`georsmllm validate`: hold a built set against its schema and laws."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from georsmllm import layout


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--pixels/--no-pixels", default=True, help="Decode every image, or read its header alone.  [default: on]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def command(ctx: click.Context, folder: Path, pixels: bool, as_json: bool) -> None:
    """Hold a set against its schema and laws: every record, image, text, score, count and split.

    Exit codes: 0 nothing is wrong, 1 something is, 2 the folder is no set.
    """
    rows = sum(shard.rows for shard in layout.manifest(folder).shards)
    from georsmllm.discover import task, task_names
    from georsmllm.validation import PROBLEMS, validate

    from .progress import bar

    watch = bar("validating", rows)
    verdict = validate(folder, {name: task(name) for name in task_names()}, pixels=pixels, tick=watch.update)
    watch.close()
    if as_json:
        print(msgspec.json.encode(verdict).decode())
    else:
        for name, count in verdict.problems.items():
            print(f"{name} {count}: {PROBLEMS[name]}")
            for example in verdict.examples[name]:
                print(f"  {example}")
        total = sum(verdict.problems.values())
        unseen = "" if pixels else " (the pixels of the images were not looked at)"
        print(f"{folder}: {verdict.records} records, {_counted(total) if total else 'nothing is wrong'}{unseen}")
    ctx.exit(1 if verdict.problems else 0)


def _counted(total: int) -> str:
    return f"{total} problem" + ("s" if total > 1 else "")
