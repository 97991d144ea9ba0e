"""Errors of training that one process meets alone, so that it must say them itself."""

from __future__ import annotations

from georsmllm.errors import UsageError

from . import zero
from .job import Job
from .plan import Facts
from .recipe import Stage


class OwnTrouble(UsageError):
    """No room on this process's device or disk, a worker of its own that is gone."""


def is_no_room(error: Exception) -> bool:
    """Of a GPU, or of this machine's own memory."""
    from torch import OutOfMemoryError

    return isinstance(error, OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def is_lost_worker(error: Exception) -> bool:
    """A signal says so, or the pipe of its batches, whichever is first."""
    return isinstance(error, ConnectionError) or str(error).startswith("DataLoader worker")


def lost_worker(error: Exception, num_workers: int) -> str:
    return (
        "a process that decodes images was ended from outside, most likely for want of memory (RAM, or /dev/shm in a "
        f"container): lower data.dataloader_num_workers (now {num_workers}), then run the same command again "
        f"({str(error).splitlines()[0]})"
    )


def no_room(job: Job, stage: Stage, facts: Facts, batch: str) -> str:
    """What did not fit, and what to lower. facts: of the stage's plan."""
    recipe, rows = job.recipe, stage.per_device_train_batch_size
    ways = [f"data.pack_length and data.max_length (now {recipe.data.row_length} and {recipe.data.max_length})"]
    if rows > 1:
        ways.insert(0, f"per_device_train_batch_size (now {rows}; raise gradient_accumulation_steps in its place)")
    others = []
    if not recipe.gradient_checkpointing:
        others.append("gradient_checkpointing=true")
    if job.deepspeed is None or not zero.facts(job.deepspeed).shards_weights:
        others.append("deepspeed=zero3 (or zero3_offload)")
    if stage.lora is None:
        others.append("lora")
    others.append("a model that cuts images into fewer crops")
    return (
        f"out of memory at {batch}; the largest micro-batch of the stage has {facts.most_tokens} tokens and "
        f"{facts.most_crops} crops. Lower {' or '.join(ways)}, or use {', '.join(others)}; "
        "`georsmllm train ... --dry-run` computes what is needed"
    )
