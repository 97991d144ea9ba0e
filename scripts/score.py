"""`georsmllm score`: how well predictions answer the records of a set, by the judges of their tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from georsmllm.scoring import Report, Scored

SPLIT = "val"
"""Of predictions that say nothing of themselves."""


@click.command()
@click.argument("records", type=click.Path(path_type=Path))
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--split", metavar="NAME", help="Of a set.  [default: that of the predictions, else val]")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N records.  [default: as predicted]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Write scores.json and a line for each record there."
)
def command(
    records: Path, predictions: Path, *, split: str | None, limit: int | None, as_json: bool, out: Path | None
) -> None:
    """Judge the answers of PREDICTIONS (JSON lines with id and text) to RECORDS: a built set's folder, or a JSONL of records.

    An answer that cannot be read scores 0, and so does a record without a prediction; both stay in the denominator.

    \b
      georsmllm score sets/demo predictions.jsonl
      georsmllm score sets/demo predictions.jsonl --split test --json
    """
    from georsmllm import predictions as files
    from georsmllm.asked import open_asked
    from georsmllm.discover import task
    from georsmllm.scoring import aggregate, judged, table
    from georsmllm.translation import judge

    answers = files.read(predictions)
    made = files.settings_beside(predictions)
    limit = limit or (made.limit if made else 0)
    source = open_asked(records, split or (made.split if made else "") or SPLIT)
    count = min(len(source), limit or len(source))
    beyond = {source.conversation(number).id for number in range(count, len(source))} if answers else set()
    asked = {identity: text for identity, text in answers.items() if identity not in beyond}
    scored = list(
        judged(
            map(source.__getitem__, range(count)), asked, lambda record, text: judge(task(record.task), text, record)
        )
    )
    report = aggregate(scored)
    if out is not None:
        _write(out, report, scored)
    if as_json:
        import msgspec

        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join(table(report)))
        if count < len(source):
            print(f"only the first {count} of {len(source)} records were scored")


def _write(out: Path, report: Report, scored: list[Scored]) -> None:
    import msgspec

    from georsmllm.jsonl import write_json, writing

    write_json(out / "scores.json", report)
    with writing(out / "records.jsonl") as file:
        for one in scored:
            file.write(msgspec.json.encode(one._asdict()) + b"\n")
