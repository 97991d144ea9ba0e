"""A record of an instruction, as the build would write it."""

from __future__ import annotations

from georsmllm.contracts import Limits
from georsmllm.instruct_data import render
from georsmllm.types import Instruction, Provenance, Record, ViewFacts


def recorded(instruction: Instruction, limits: Limits | None = None) -> Record:
    """The line of an instruction whose sample is all that there is to know; raises CannotSay as the build sees it."""
    facts = tuple(ViewFacts(ref.path, ref.width, ref.height, (), (), "", "", "") for ref in instruction.images)
    sample_id = instruction.id.partition("#")[0]
    provenance = Provenance(
        dataset=sample_id.partition("/")[0],
        source_split="train",
        scene=sample_id,
        sample=sample_id,
        form=instruction.form,
        labels=instruction.labels,
        negative=instruction.negative,
        direction=instruction.direction,
        twin_of=instruction.twin_of,
        views=facts,
        stretch="",
        licence="",
        mended=(),
        dialect="georsmllm",
    )
    images = tuple(ref.path for ref in instruction.images)
    return render.record(instruction, images=images, provenance=provenance, limits=limits)
