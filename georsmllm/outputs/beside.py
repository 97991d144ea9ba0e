"""Files that other software writes by their path, never seen half-written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from georsmllm.jsonl import writing


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path with the same ending in a folder of its own next to the place; what is there when the block ends takes the
    name. Raises UsageError where nothing can be written."""
    with writing(path) as out, tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        made = Path(folder) / f"made{path.suffix}"
        yield made
        with made.open("rb") as data:
            while chunk := data.read(1 << 20):
                out.write(chunk)
