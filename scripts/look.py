"""`georsmllm look`: a page that shows a built set, or one of its records as a picture."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import click

from georsmllm import layout
from georsmllm.errors import UsageError

EPILOG = """
\b
Examples:
  georsmllm look sets/dota                               writes sets/dota/look.html
  georsmllm look sets/dota --task det --samples 300 -o det.html
  georsmllm look sets/dota --list 5 --task det
  georsmllm look sets/dota --id 'dota/train/P0003#det-all:ship'
"""
PAGE, PICTURE = (".html", ".htm"), (".png", ".jpg", ".jpeg")


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="The page, DIR/look.html unless given; with --id the picture, here and named by the id unless given.",
)
@click.option("--samples", "-n", type=click.IntRange(0), default=120, show_default=True, help="Records in the gallery.")
@click.option(
    "--task",
    "-t",
    multiple=True,
    metavar="NAMES",
    help="Only these tasks in the gallery or list, by commas; repeatable.",
)
@click.option(
    "--split", multiple=True, metavar="NAMES", help="Only these splits in the gallery or list, by commas; repeatable."
)
@click.option("--id", "identity", metavar="ID", help="One record, as a picture with its question and answer.")
@click.option(
    "--list",
    "listed",
    type=click.IntRange(1),
    is_flag=False,
    flag_value=20,
    help="Print the first ids, 20 unless given.",
)
@click.option("--open", "-O", "opened", is_flag=True, help="Open what was written.")
def command(
    folder: Path,
    out: Path | None,
    samples: int,
    task: tuple[str, ...],
    split: tuple[str, ...],
    identity: str | None,
    listed: int | None,
    opened: bool,
) -> None:
    """Write a page that shows a set: counts, and every answer drawn on its image, read back from its text.

    The page is one file; it fetches nothing and can be sent to a colleague.
    """
    if listed is not None:
        _print_ids(folder, listed, _names(task), _names(split))
        return
    path = out or (folder / "look.html" if identity is None else Path(picture_name(identity)))
    if not path.absolute().parent.is_dir():
        raise UsageError(f"no such folder: {path.absolute().parent}; make it first, or write elsewhere with -o")
    if identity is None:
        _write_page(folder, path, samples, _names(task), _names(split))
    else:
        _write_picture(folder, path, identity)
    if opened:
        click.launch(str(path.absolute()))


def _write_page(folder: Path, path: Path, samples: int, tasks: tuple[str, ...], splits: tuple[str, ...]) -> None:
    if path.suffix.lower() not in PAGE:
        raise UsageError(f"a page ends in .html, got {path}; a picture of one record needs --id")
    from georsmllm.jsonl import writing
    from georsmllm.page import page
    from georsmllm.report import collect

    from .progress import bar

    total = sum(shard.rows for shard in layout.manifest(folder).shards)
    watch = bar("reading records", total)
    report = collect(folder, samples=samples, tasks=tasks, splits=splits, tick=watch.update)
    watch.close()
    watch = bar("drawing", len(report.sample))
    text = page(report, folder, tick=watch.update)
    watch.close()
    with writing(path) as file:
        file.write(text)
    print(f"{path}: {len(report.sample)} of {total} records, {len(text) / 1e6:.1f} MB; open it in a browser")
    if report.unreadable:
        named = ", ".join(f"{reason} {count}" for reason, count in report.unreadable.items())
        print(f"point text that does not parse: {named}; see it with: georsmllm validate {folder}")


def _write_picture(folder: Path, path: Path, identity: str) -> None:
    if path.suffix.lower() not in PICTURE:
        raise UsageError(f"a picture ends in {' or '.join(PICTURE)}, got {path}")
    from georsmllm.drawing import draw
    from georsmllm.jsonl import writing
    from georsmllm.records import find

    picture = draw(find(folder, identity), folder)
    with writing(path) as file:
        picture.save(file, format="PNG" if path.suffix.lower() == ".png" else "JPEG")
    print(f"{path}: {picture.width}x{picture.height}")


def _print_ids(folder: Path, most: int, tasks: tuple[str, ...], splits: tuple[str, ...]) -> None:
    from georsmllm.records import ids

    wanted = (
        name for name, split, task in ids(folder) if (not tasks or task in tasks) and (not splits or split in splits)
    )
    names = list(islice(wanted, most))
    if not names:
        raise UsageError(f"{folder} has no record of these tasks and splits; look at them all: georsmllm look {folder}")
    print("\n".join(names))


def picture_name(identity: str) -> str:
    """A file name that says the id and is one on every system."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', identity).strip('._')[:150] or 'record'}.png"


def _names(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)
