"""A record of an instruction, as the build would write it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from georsmllm.instruct_data import render
from georsmllm.types import Instruction, Provenance, Record, ViewFacts


@pytest.fixture
def record_of() -> Callable[[Instruction], Record]:
    return _record_of


def _record_of(instruction: Instruction) -> Record:
    facts = tuple(ViewFacts(ref.path, ref.width, ref.height, (), (), "", "") for ref in instruction.images)
    provenance = Provenance(
        dataset="invented",
        source_split="",
        scene="invented/a",
        sample=instruction.id.partition("#")[0],
        form=instruction.form,
        labels=instruction.labels,
        negative=instruction.negative,
        direction=instruction.direction,
        twin_of=instruction.twin_of,
        views=facts,
        stretch="",
        licence="",
        mended=(),
    )
    return render.record(instruction, images=tuple(ref.path for ref in instruction.images), provenance=provenance)
