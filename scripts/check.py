"""`georsmllm check`: a person's own data against the contract of its reader, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from georsmllm.contracts import Converter
from georsmllm.discover import converter

from .build import named_path

if TYPE_CHECKING:
    from georsmllm.checking import Checked

EPILOG = """
\b
Examples:
  georsmllm check dota=/data/DOTA
  georsmllm check my_reader.py=/data/mine --limit 200 --examples 10
"""


@click.command(epilog=EPILOG)
@click.argument("source", metavar="READER=PATH")
@click.option("--limit", "-n", type=click.IntRange(1), default=None, help="Only the first records by key.")
@click.option("--examples", type=click.IntRange(0), default=3, show_default=True, help="Lines shown for each reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def command(ctx: click.Context, source: str, limit: int | None, examples: int, as_json: bool) -> None:
    """Read your own data with a reader, decode every image, and say what is wrong with it.

    READER is a name of `georsmllm datasets` or your own file.py. Exit codes: 0 all is well, 1 a record was set aside, the
    reader breaks its contract, or reader and folder seem not to belong together, 2 wrong input.
    """
    name, path = named_path(source)
    reader, root = converter(name), Path(path).expanduser()
    from georsmllm.checking import check, survey

    from .progress import bar

    first = survey(reader, root, limit)
    watch = bar("reading", first.to_read)
    checked = check(reader, root, first, examples=examples, tick=watch.update)
    watch.close()
    if as_json:
        print(msgspec.json.encode(checked).decode())
    else:
        for line in summary(reader, checked):
            print(line)
    ctx.exit(0 if checked.is_clean else 1)


def summary(reader: Converter, checked: Checked) -> list[str]:
    """What was read in a few lines, then every reason with its explanation and first places."""
    from georsmllm.checking import VIOLATIONS
    from georsmllm.images import REASONS
    from georsmllm.suspicions import WARNINGS

    limited = f" (the first {checked.read} read)" if checked.read < checked.found else ""
    lines = [
        f"found {checked.found} records{limited}, kept {checked.kept}, {checked.images} images",
        f"splits: {_named(checked.splits)}",
        *([f"published: {_named(reader.card.sizes)}"] if _is_other_size(reader, checked) else []),
        *(
            [f"unlabelled {sum(unlabelled.values())}: {_named(unlabelled)}"]
            if (unlabelled := checked.unlabelled)
            else []
        ),
        f"{checked.targets} targets of {len(checked.classes)} classes: {_named(checked.classes)}",
    ]
    if checked.scenes:
        lines.append(f"{len(checked.scenes)} scene classes: {_named(checked.scenes)}")
    for title, counts in (("texts", checked.texts), ("ignored", checked.ignored), ("mended", checked.mended)):
        if counts:
            lines.append(f"{title}: {_named(counts)}")
    reasons = {**REASONS, **reader.reasons}
    lines += _problems("set aside", checked.quarantined, reasons, checked)
    lines += _problems("contract broken", checked.violations, VIOLATIONS, checked)
    lines += _problems("warning", checked.warnings, WARNINGS, checked)
    return lines if not checked.is_clean else [*lines, "nothing is wrong"]


def _is_other_size(reader: Converter, checked: Checked) -> bool:
    """Whether a whole split has another number of records than its card says: a part of the dataset, or another release."""
    sizes = reader.card.sizes
    return checked.read == checked.found and any(
        sizes.get(split, number) != number for split, number in checked.splits.items()
    )


def _problems(title: str, counts: Mapping[str, int], meaning: Mapping[str, str], checked: Checked) -> list[str]:
    lines: list[str] = []
    for name, number in counts.items():
        lines.append(f"{title}: {name} {number}: {meaning.get(name, 'a reason that the reader does not list')}")
        lines += [f"  {example}" for example in checked.examples[name]]
    return lines


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or '(none)'} {number}" for name, number in counts.items()) or "none"
