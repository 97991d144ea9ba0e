"""LLaVA and LLaVA-NeXT: a JSON list of conversations between human and gpt, and the YAML that LLaVA-NeXT mixes sets by.

Rules (LLaVA-NeXT, llava/train/train.py): `image` is a path or a list of them; turns are `from` and `value` (the lengths
index `value`, so role and content fail); a first turn `system` raises KeyError; a single <image> that is not at the head
is moved there; of several images each is padded to a square instead of cut by anyres.
"""

from __future__ import annotations

from functools import partial

import msgspec

from ..conversations import HEAD, REASONS, SYSTEM, Conversation, fault, is_headed
from ..export_job import Export, Hashed, Job

READS = """\
```sh
# LLaVA-NeXT and LLaVA; OUT is this folder
python llava/train/train_mem.py --data_path OUT/train.json --image_folder OUT ...
cd OUT && python .../train_mem.py --data_path train.yaml --image_folder . ...    # LLaVA-NeXT, which mixes sets by such a file
```

Records of two images train with each image padded to a square (LLaVA-NeXT's own rule for several images). All rows are
read into memory by the trainer. With `--images none` the image folder is the set itself."""


class Turn(msgspec.Struct, frozen=True, gc=False, rename={"speaker": "from"}):
    speaker: str
    value: str


class Row(msgspec.Struct, frozen=True, gc=False):
    id: str
    image: str | tuple[str, ...]
    conversations: list[Turn]


class TextRow(msgspec.Struct, frozen=True, gc=False):
    """Without images the key `image` must not be there."""

    id: str
    conversations: list[Turn]


SPEAKERS = {"user": "human", "assistant": "gpt"}


def row(record: Conversation) -> Row | TextRow:
    turns = [Turn(SPEAKERS[turn.role], turn.content) for turn in record.messages]
    if not record.images:
        return TextRow(record.id, turns)
    return Row(record.id, record.images[0] if len(record.images) == 1 else record.images, turns)


def write(job: Job) -> str:
    import yaml

    for split in job.splits:
        job.write(f"{split}.json", partial(_write_split, job, split))
        mix = {"datasets": [{"json_path": f"{split}.json", "sampling_strategy": "all"}]}
        text = yaml.safe_dump(mix, sort_keys=False)
        job.write(f"{split}.yaml", lambda out, text=text: out.write(text.encode()))  # type: ignore[misc]
    return ""


def _write_split(job: Job, split: str, out: Hashed) -> None:
    encode = msgspec.json.Encoder().encode
    joint = b"[\n"
    for batch in job.batches(split, Conversation):
        rows = []
        for record in batch:
            reason = fault(record, system=False) or (None if is_headed(record) else "image_inside")
            if reason is not None:
                job.cannot(reason)
                continue
            rows.append(encode(row(record)))
            for path in record.images:
                job.image(path)
        if rows:
            out.write(joint + b",\n".join(rows))
            joint = b",\n"
        job.wrote("records", len(rows))
    out.write(b"\n]\n" if joint == b",\n" else b"[]\n")


EXPORT = Export(
    title="LLaVA conversations",
    reads=READS,
    images=("copy", "link", "none"),
    reasons={**REASONS, **SYSTEM, **HEAD},
    write=write,
)
