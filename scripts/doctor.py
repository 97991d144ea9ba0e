"""`georsmllm doctor`: which form and frame given answers are in, how sure that is, and what would mend them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from georsmllm.contracts import Dialect
from georsmllm.discover import dialect, dialect_names
from georsmllm.errors import CannotSay, UsageError

if TYPE_CHECKING:
    from georsmllm.doctor.ears import Case
    from georsmllm.doctor.readings import Reading


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--answers", default="", metavar="FIELD", help="The field that holds the answer, where it is none of the usual."
)
@click.option(
    "--gold", default="", metavar="FIELD", help="The field that holds the gold: boxes in px of the view, or text."
)
@click.option("--gold-dialect", default="", metavar="NAME", help="The form of gold that is text (georsmllm dialects).")
@click.option("--size", nargs=2, type=click.IntRange(min=1), metavar="W H", help="The size of all views, in px.")
@click.option("--images", type=click.Path(path_type=Path), help="The folder of the images, for their sizes.")
@click.option(
    "--set", "set_", type=click.Path(path_type=Path), help="A built set: sizes and gold of its records, by id."
)
@click.option(
    "--mend", type=click.Path(path_type=Path), metavar="OUT", help="Write the answers anew, as they were meant."
)
@click.option("--to", default="georsmllm", show_default=True, metavar="NAME", help="The form of the mended answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON.")
def command(
    file: Path,
    *,
    answers: str,
    gold: str,
    gold_dialect: str,
    size: tuple[int, int] | None,
    images: Path | None,
    set_: Path | None,
    mend: Path | None,
    to: str,
    as_json: bool,
) -> None:
    """Look at the answers of FILE (JSON lines, or a JSON list) and say in which form and frame they are written.

    With gold it also finds shifts, scales, swapped and mirrored axes, widths in the place of corners, angles of the wrong
    sense: whatever one transform mends. Without gold it tells what the numbers alone can tell.

    \b
      georsmllm doctor predictions.jsonl --set sets/dota
      georsmllm doctor answers.jsonl --images images/ --gold bbox --mend mended.jsonl
    """
    from georsmllm.doctor import cases, wording
    from georsmllm.doctor.examination import examine

    records = None
    if set_ is not None:
        from georsmllm.layout import manifest
        from georsmllm.records import walk

        wanted = cases.identities(file)
        records = {record.id: record for _, record in walk(set_, manifest(set_)) if record.id in wanted}
    options = cases.Options(
        answers=answers,
        gold=gold,
        gold_dialect=dialect(gold_dialect) if gold_dialect else None,
        size_wh=size,
        images=images,
        records=records,
    )
    found = cases.read(file, options)
    diagnosis = examine(found, {name: dialect(name) for name in dialect_names()})
    if as_json:
        print(json.dumps(wording.as_json(diagnosis), indent=2))
    else:
        for heading, text in wording.lines(diagnosis):
            print(f"{heading:<9} {text}")
    if mend is not None:
        if not diagnosis.options:
            raise UsageError(f"nothing can be mended in {file}: no reading was found")
        _mend(found, mend, diagnosis.options[0].reading, dialect(to))


def _mend(found: list[Case], out: Path, reading: Reading, to: Dialect) -> None:
    """One JSON line an answer: its id, its text anew, and the text as it was; what cannot be said keeps no text, by name."""
    from georsmllm.doctor.mending import mended
    from georsmllm.jsonl import writing

    refused: dict[str, int] = {}
    with writing(out) as file:
        for case in found:
            if case.size_wh is None:
                raise UsageError(f"{case.id}: mending needs the size of its view; give --images or --size")
            line = {"id": case.id, "text": "", "was": case.text, "refused": ""}
            try:
                line["text"] = mended(case.text, case.size_wh, reading, to)
            except CannotSay as cannot:
                line["refused"] = cannot.reason
                refused[cannot.reason] = refused.get(cannot.reason, 0) + 1
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    left = "".join(f", {reason} {count}" for reason, count in sorted(refused.items()))
    print(f"{out}: {len(found) - sum(refused.values())} of {len(found)} answers said anew{left}")
