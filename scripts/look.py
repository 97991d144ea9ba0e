"""`georsmllm look`: a page that shows a built set, or two of them side by side, or one record as a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from georsmllm import layout
from georsmllm.errors import UsageError

if TYPE_CHECKING:
    from tqdm import tqdm

    from georsmllm.report import Wanted
    from georsmllm.tokencount import Splitter

EPILOG = """
\b
Examples:
  georsmllm look sets/dota                               writes sets/dota/look.html
  georsmllm look sets/dota --task det --samples 300 -o det.html
  georsmllm look sets/dota --tokenizer models/Qwen2-7B   counts tokens, too
  georsmllm look sets/dota --against sets/dota-512       two builds side by side
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
    help="The page, DIR/look.html unless given; with --id or --against what is written, here and named by what it shows "
    "unless given.",
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
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Count tokens, too: a model's folder, or its tokenizer.json.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Another set: one page of what differs in recipe, counts and records.",
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
    tokenizer: Path | None,
    against: Path | None,
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
    if against is not None and identity is not None:
        raise UsageError("--against compares two whole sets and --id shows one record; give one of them")
    path = out or _path(folder, against, identity)
    if not path.absolute().parent.is_dir():
        raise UsageError(f"no such folder: {path.absolute().parent}; make it first, or write elsewhere with -o")
    if identity is not None:
        _write_picture(folder, path, identity)
    else:
        if path.suffix.lower() not in PAGE:
            raise UsageError(f"a page ends in .html, got {path}; a picture of one record needs --id")
        from georsmllm.report import Wanted

        wanted = Wanted(samples, _names(task), _names(split))
        if against is None:
            _write_page(folder, path, wanted, tokenizer)
        else:
            _write_comparison((folder, against), path, wanted, tokenizer)
    if opened:
        click.launch(str(path.absolute()))


def _path(folder: Path, against: Path | None, identity: str | None) -> Path:
    if identity is not None:
        return Path(picture_name(identity))
    if against is not None:
        return Path(file_name(f"{folder.absolute().name}-against-{against.absolute().name}", "against", ".html"))
    return folder / "look.html"


def _write_page(folder: Path, path: Path, wanted: Wanted, tokenizer: Path | None) -> None:
    from georsmllm.jsonl import writing
    from georsmllm.page import page
    from georsmllm.report import collect

    splitter = _splitter(tokenizer)
    total = _records(folder)
    with _watching("reading records", total) as watch:
        report = collect(folder, wanted, splitter=splitter, tick=watch.update)
    with _watching("drawing", len(report.sample)) as watch:
        text = page(report, folder, tokenizer=_title(tokenizer), tick=watch.update)
    with writing(path) as file:
        file.write(text)
    print(f"{path}: {len(report.sample)} of {total} records, {len(text) / 1e6:.1f} MB; open it in a browser")
    if report.numbers.unreadable:
        named = ", ".join(f"{reason} {count}" for reason, count in report.numbers.unreadable.items())
        print(f"point text that does not parse: {named}; see it with: georsmllm validate {folder}")


def _write_comparison(folders: tuple[Path, Path], path: Path, wanted: Wanted, tokenizer: Path | None) -> None:
    from georsmllm.against import compare
    from georsmllm.against_page import against_page
    from georsmllm.jsonl import writing

    splitter = _splitter(tokenizer)
    with _watching("reading records", 2 * sum(_records(folder) for folder in folders)) as watch:
        comparison = compare(folders, wanted, splitter=splitter, tick=watch.update)
    text = against_page(comparison, folders, tokenizer=_title(tokenizer))
    with writing(path) as file:
        file.write(text)
    same, both = comparison.same, comparison.both
    print(f"{path}: {both} records in both ({same} of them alike), {len(text) / 1e6:.1f} MB; open it in a browser")
    for folder, only in zip(folders, comparison.only, strict=True):
        print(f"only in {folder}: {only}")


def _splitter(tokenizer: Path | None) -> Splitter | None:
    if tokenizer is None:
        return None
    from georsmllm.tokencount import FromFolder

    return FromFolder(tokenizer)


def _title(tokenizer: Path | None) -> str:
    return "" if tokenizer is None else f"the tokenizer of {tokenizer.absolute().name}"


def _records(folder: Path) -> int:
    return sum(shard.rows for shard in layout.manifest(folder).shards)


@contextmanager
def _watching(what: str, total: int) -> Iterator[tqdm[None]]:
    from .progress import bar

    watch = bar(what, total)
    try:
        yield watch
    finally:
        watch.close()


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
    return file_name(identity, "record", ".png")


def file_name(words: str, otherwise: str, suffix: str) -> str:
    """Words as a file name that is one on every system."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', words).strip('._')[:150] or otherwise}{suffix}"


def _names(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)
