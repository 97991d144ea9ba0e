"""Parquet for the Hub: every record whole, its images in the row, small row groups and a card, so that the viewer shows it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

import msgspec

from georsmllm.types import Record

from .. import parquet_files
from ..export_job import Export, Hashed, Job

if TYPE_CHECKING:
    import pyarrow as pa

READS = """\
```python
from datasets import load_dataset

rows = load_dataset("OUT")                     # OUT is this folder; images are decoded
```

```sh
hf upload-large-folder NAME/SET OUT --repo-type=dataset
```

A row is a record of the set with its images in it. With `--images none` it holds their paths; they are read below the
current folder, the folder of the set."""


def columns() -> pa.Schema:
    """The fields of a record, in their order."""
    import pyarrow as pa

    images = pa.list_(parquet_files.image_type())
    fields = get_type_hints(Record).items()
    return parquet_files.schema(
        *((name, images if name == "images" else parquet_files.type_of(hint)) for name, hint in fields)
    )


def write(job: Job) -> str:
    parquet_files.require("export --to parquet")
    schema = columns()
    for split in job.splits:
        name = partial("data/{}-{:05d}.parquet".format, split)
        rows = iter(job.rows(split, Record))
        job.write_pieces(name, rows, partial(_fill, job, schema), most=parquet_files.MOST_BYTES)
    return parquet_files.hub_head(job)


def _fill(job: Job, schema: pa.Schema, out: Hashed, records: Iterator[Record]) -> None:
    def sizes(record: Record) -> int:
        return 0 if job.images == "none" else sum(Path(job.source(path)).stat().st_size for path in record.images)

    parquet_files.write(out, records, schema, partial(_table, job, schema), sizes)


def _table(job: Job, schema: pa.Schema, records: list[Record]) -> pa.Table:
    """The JSON lines read by pyarrow, which is ten times as fast as a table of Python values, and the images beside."""
    import pyarrow as pa
    import pyarrow.json

    job.wrote("records", len(records))
    at = schema.get_field_index("images")
    words = schema.set(at, pa.field("images", pa.list_(pa.string())))
    lines = io.BytesIO(msgspec.json.Encoder().encode_lines(records))
    options = pyarrow.json.ParseOptions(explicit_schema=words, unexpected_field_behavior="error")
    table = pyarrow.json.read_json(lines, parse_options=options)
    images = pa.array([parquet_files.embedded(job, record.images) for record in records], schema.field(at).type)
    return table.set_column(at, schema.field(at), images).cast(schema)


EXPORT = Export(
    title="An instruction set in Parquet",
    reads=READS,
    images=("copy", "none"),
    reasons={},
    write=write,
)
