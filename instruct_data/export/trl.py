"""TRL: Parquet rows of messages whose contents are lists of images and texts, with the images beside them.

Rules (TRL, trl/data_utils.py prepare_multimodal_messages): the content of a message is a list of {"type": "image"} and
{"type": "text", "text"}; of a plain string the images would be put before the text and a literal <image> would stay in it;
there are as many places as images. Loss on answers alone needs `prompt` and `completion` (README.md says how).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from .. import parquet_files
from ..conversations import REASONS, Conversation, Turn, fault
from ..export_job import Export, Hashed, Job
from ..render import IMAGE_TOKEN

if TYPE_CHECKING:
    import pyarrow as pa

READS = """\
```python
from datasets import load_dataset

rows = load_dataset("OUT", split="train")           # OUT is this folder; images are decoded
SFTTrainer(model, train_dataset=rows, ...)          # a vision-language model with its processor

# loss on the answers alone, which TRL has for this form only:
rows = rows.map(lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}, remove_columns="messages")
```

With `--images none` a row holds the paths of its images; they are read below the current folder, the folder of the set."""

Part = dict[str, str | None]


def content(turn: Turn) -> list[Part]:
    """A text with <image> in it as images and texts in turn; the newline after an <image> belongs to it."""
    head, *rest = turn.content.split(IMAGE_TOKEN)
    parts: list[Part] = [{"type": "text", "text": head}] if head else []
    for text in rest:
        parts.append({"type": "image", "text": None})
        text = text.removeprefix("\n")
        if text:
            parts.append({"type": "text", "text": text})
    return parts or [{"type": "text", "text": ""}]


def write(job: Job) -> str:
    parquet_files.require("export --to trl")
    import pyarrow as pa

    part = pa.struct([("type", pa.string()), ("text", pa.string())])
    columns = parquet_files.schema(
        ("id", pa.string()),
        ("task", pa.string()),
        ("images", pa.list_(parquet_files.image_type())),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(part))]))),
    )
    for split in job.splits:
        rows = (record for record in job.rows(split, Conversation))
        name = partial("data/{}-{:05d}.parquet".format, split)
        job.write_pieces(name, rows, partial(_fill, job, columns), most=parquet_files.MOST_BYTES)
    return parquet_files.hub_head(job)


def _fill(job: Job, columns: pa.Schema, out: Hashed, records: Iterator[Conversation]) -> None:
    import pyarrow as pa

    def rows() -> Iterator[dict[str, object]]:
        for record in records:
            reason = fault(record, system=True)
            if reason is not None:
                job.cannot(reason)
                continue
            job.wrote("records")
            messages = [{"role": turn.role, "content": content(turn)} for turn in record.messages]
            images = parquet_files.embedded(job, record.images)
            yield {"id": record.id, "task": record.task, "images": images, "messages": messages}

    parquet_files.write(out, rows(), columns, partial(pa.Table.from_pylist, schema=columns), _size)


def _size(row: dict[str, object]) -> int:
    images = row["images"]
    assert isinstance(images, list)
    return sum(len(image["bytes"] or b"") for image in images)


EXPORT = Export(
    title="TRL conversations",
    reads=READS,
    images=("copy", "none"),
    reasons=REASONS,
    write=write,
)
