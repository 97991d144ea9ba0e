"""WebDataset: tar files of samples, one key a record: its JSON line and its images.

Rules (webdataset, webdataset/tariterators.py; the Hub's loader): the key ends at the first dot of a file's name, and the
files of a key follow each other; every sample of a file has the same endings, so that records of one image and of two, of
PNG and of JPEG lie in files of their own. The files are the same bytes wherever they are written: no owner, no time.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from functools import partial

import msgspec

from georsmllm.types import Record

from ..export_job import Export, Hashed, Job

READS = """\
```python
import webdataset

rows = webdataset.WebDataset("OUT/train-png-{00000..00003}.tar").decode("pil").to_tuple("json", "png")
```

The key of a record is the number of its line in the split; its id is in the JSON. A record of two images has `0.png` and
`1.png`. `load_dataset("webdataset", data_files="OUT/train-png-*.tar")` reads them too, one sort at a time."""

MOST_BYTES = 1_000_000_000
"""Of one tar file, about, as webdataset recommends."""

_ENDING = re.compile(r"[a-z0-9]{1,8}")
_ENDINGS = {"jpeg": "jpg", "tiff": "tif"}


class Numbered(msgspec.Struct, frozen=True):
    """A record and its number in the split."""

    number: int
    record: Record


class _Looked(msgspec.Struct, frozen=True, gc=False):
    images: tuple[str, ...]
    task: str


def sort(images: tuple[str, ...]) -> tuple[str, ...]:
    """The endings of a record's images."""
    endings = []
    for path in images:
        ending = path.rpartition(".")[2].lower()
        endings.append(_ENDINGS.get(ending, ending) if _ENDING.fullmatch(ending) else "bin")
    return tuple(endings)


def write(job: Job) -> str:
    for split in job.splits:
        sorts = sorted({sort(look.images) for look in job.rows(split, _Looked)})
        for its in sorts:
            name = partial("{}-{}-{:05d}.tar".format, split, "-".join(its) or "text")
            job.write_pieces(name, _numbered(job, split, its), partial(_fill, job), most=MOST_BYTES)
    return ""


def _numbered(job: Job, split: str, its: tuple[str, ...]) -> Iterator[Numbered]:
    rows = job.rows(split, Record, is_a_look=True)
    return (Numbered(number, record) for number, record in enumerate(rows) if sort(record.images) == its)


def _fill(job: Job, out: Hashed, rows: Iterator[Numbered]) -> None:
    for row in rows:
        key, record = f"{row.number:09d}", row.record
        _add(out, f"{key}.json", msgspec.json.encode(record))
        endings = sort(record.images)
        for number, (path, ending) in enumerate(zip(record.images, endings, strict=True)):
            place = f"{number}.{ending}" if len(endings) > 1 else ending
            _add(out, f"{key}.{place}", job.image_bytes(path))
        job.wrote("records")
    out.write(bytes(2 * tarfile.BLOCKSIZE))


def _add(out: Hashed, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # of nobody, in 1970
    member.size = len(data)
    out.write(member.tobuf(tarfile.USTAR_FORMAT))
    out.write(data)
    out.write(bytes(-len(data) % tarfile.BLOCKSIZE))


EXPORT = Export(
    title="WebDataset",
    reads=READS,
    images=("copy",),
    reasons={},
    write=write,
)
