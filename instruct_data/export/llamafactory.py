"""LLaMA-Factory: JSON lines of messages, and the dataset_info.json that names their columns and tags.

Rules (LLaMA-Factory, src/llamafactory/data/converter.py and mm_plugin.py): turns alternate from the user on and are even in
number, else the row becomes empty with a warning; there are as many <image> as images; paths are relative to media_dir,
and a missing file only warns once. One type a column.
"""

from __future__ import annotations

from functools import partial

import msgspec

from ..conversations import REASONS, Conversation, fault
from ..export_job import Export, Hashed, Job

READS = """\
```sh
# OUT is this folder; media_dir is dataset_dir unless it is given
llamafactory-cli train config.yaml dataset_dir=OUT dataset=train media_dir=OUT
```

With `--images none`, `media_dir` is the folder of the set."""


def write(job: Job) -> str:
    for split in job.splits:
        job.write(f"{split}.jsonl", partial(_write_split, job, split))
    info = {
        split: {
            "file_name": f"{split}.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
        for split in job.splits
    }
    data = msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"
    job.write("dataset_info.json", lambda out: out.write(data))
    return ""


def _write_split(job: Job, split: str, out: Hashed) -> None:
    encode_lines = msgspec.json.Encoder().encode_lines
    for batch in job.batches(split, Conversation):
        rows = []
        for record in batch:
            reason = fault(record, system=True)
            if reason is not None:
                job.cannot(reason)
                continue
            rows.append(record)
            for path in record.images:
                job.image(path)
        out.write(encode_lines(rows))
        job.wrote("records", len(rows))


EXPORT = Export(
    title="LLaMA-Factory conversations",
    reads=READS,
    images=("copy", "link", "none"),
    reasons=REASONS,
    write=write,
)
