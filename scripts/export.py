"""`georsmllm export`: a built set in the form that another trainer or tool reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from georsmllm.errors import UsageError

if TYPE_CHECKING:
    from georsmllm.instruct_data.exporting import Receipt

EPILOG = """
\b
Examples:
  georsmllm export sets/dota --to llava -o exports/llava
  georsmllm export sets/dota --to llamafactory -o exports/lf --split train --images link
  georsmllm export sets/dota --to coco -o exports/coco --task det,seg
  georsmllm export --list

\b
OUT/README.md says how the folder is read; OUT/export.json lists what was written and, by name and
count, what the format cannot say. A killed export goes on where it was when the same command is run
again.
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="DIR", required=False, type=click.Path(path_type=Path))
@click.option("--to", metavar="FORMAT", help="The form to write; --list shows them.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder of the export.")
@click.option("--split", multiple=True, metavar="NAMES", help="Only these splits, by commas; repeatable.")
@click.option("--task", "-t", multiple=True, metavar="NAMES", help="Only these tasks, by commas; repeatable.")
@click.option(
    "--images",
    type=click.Choice(["copy", "link", "none"]),
    help="Copy the images along, link to the set's, or leave them there. By default copy.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export, finished or not, that lies in the folder.")
@click.option("--list", "listed", is_flag=True, help="List the formats.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def command(
    folder: Path | None,
    to: str | None,
    out: Path | None,
    split: tuple[str, ...],
    task: tuple[str, ...],
    images: Literal["copy", "link", "none"] | None,
    overwrite: bool,
    listed: bool,
    quiet: bool,
) -> None:
    """Write a set in the form of another trainer or tool."""
    if listed:
        _print_formats()
        return
    if folder is None or to is None or out is None:
        raise UsageError("expected DIR --to FORMAT --out FOLDER; see the formats with: georsmllm export --list")
    from georsmllm.instruct_data.build import silent
    from georsmllm.instruct_data.exporting import Wanted, export

    from .progress import bar

    wanted = Wanted(to, _names(split), _names(task), images)
    outcome = export(folder, out, wanted, overwrite=overwrite, bar=silent if quiet else bar)
    if outcome.already_there:
        print(f"{out} holds this very export already; --overwrite writes it anew")
    for line in summary(out, outcome.receipt):
        print(line)


def summary(out: Path, receipt: Receipt) -> list[str]:
    """What was written and what was left out, in a few lines."""
    from georsmllm.instruct_data.exporting import exporter

    reasons = exporter(receipt.claim.to).reasons
    lines = [f"{facts.path}: {facts.bytes:,} bytes" for facts in receipt.files]
    written = [f"{count} {name}" for name, count in receipt.written.items()]
    written += [f"{receipt.num_images} image files"] * (receipt.num_images > 0)
    lines.append(f"written: {', '.join(written) or 'nothing'}")
    if receipt.left_out:
        lines.append("left out, because the format cannot say it:")
        lines += [f"  {name} {count}: {reasons[name]}" for name, count in receipt.left_out.items()]
    return [*lines, f"export: {out}   how to read it: {out / 'README.md'}"]


def _print_formats() -> None:
    from georsmllm.instruct_data.exporting import exporter, names

    for name in names():
        print(f"{name:<13} {exporter(name).title}")


def _names(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)
