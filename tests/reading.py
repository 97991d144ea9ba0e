"""A whole dataset read as a build reads it: the samples, and what was set aside, within the reader's own contract."""

from __future__ import annotations

from pathlib import Path

from georsmllm.contracts import Converter
from georsmllm.errors import BadRecord
from georsmllm.types import Sample


def read_all(reader: Converter, root: Path) -> tuple[list[Sample], list[BadRecord]]:
    samples, bad = [], []
    for ref in reader.find(root):
        try:
            samples.append(reader.read(root, ref))
        except BadRecord as error:
            bad.append(error)
    assert {error.reason for error in bad} <= set(reader.reasons)
    assert not any("\n" in str(error) for error in bad)
    assert {name for sample in samples for name, _ in sample.mended} <= set(reader.mends)
    return samples, bad
