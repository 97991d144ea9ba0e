"""How a run was started, by its environment: plain, torchrun, deepspeed, accelerate, srun; its processes brought together."""

from __future__ import annotations

import logging
import os
import re
import socket
import warnings
from collections.abc import Mapping
from datetime import timedelta

from georsmllm.errors import MissingExtra, UsageError

from .ranks import ALONE, Ranks, World

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: reading and measuring a large set is done by the first one alone."""


def world_of(environment: Mapping[str, str]) -> World:
    """Which process of how many; raises UsageError where a launcher promised more than it started.

    torchrun, deepspeed and accelerate say RANK, LOCAL_RANK and WORLD_SIZE; srun says SLURM_PROCID (a batch script outside of
    srun is one process, whatever SLURM_NTASKS promises).
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        rank = _number(environment, "RANK")
        local = environment.get("LOCAL_RANK", environment.get("MPI_LOCALRANKID"))
        return World(rank, rank if local is None else int(local), _number(environment, "WORLD_SIZE"))
    if "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_PORT" in environment:
        raise UsageError(
            "accelerate was asked for several processes and started worlds of one, as it does on a CPU; "
            "use `torchrun --nproc_per_node N -m georsmllm train ...`"
        )
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        names = "SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS"
        return World(*(_number(environment, name) for name in names))
    return ALONE


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not text.isdigit():
        raise UsageError(f"the launcher's variable {name} should be a whole number, got {text!r}")
    return int(text)


def check(world: World, asked: int | None, environment: Mapping[str, str], *, deepspeed: bool) -> None:
    """Raises UsageError where the processes are not those that the recipe counts on, or a launcher brings its own settings."""
    if asked is not None and asked != world.size:
        raise UsageError(
            f"the recipe counts on {asked} processes, {world.size} {'is' if world.size == 1 else 'are'} here; start it with "
            f"`torchrun --nproc_per_node {asked} -m georsmllm train ...`, or say world={world.size}"
        )
    if environment.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true" and not deepspeed:
        raise UsageError(
            "accelerate's configuration asks for DeepSpeed and the recipe does not; say deepspeed=zero2 in the recipe, "
            "and launch without accelerate's own DeepSpeed settings"
        )
    if environment.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        raise UsageError("accelerate's configuration asks for FSDP; to shard a model say deepspeed=zero3 in the recipe")


def variables(world: World, environment: Mapping[str, str], *, deepspeed: bool) -> dict[str, str]:
    """What PyTorch and DeepSpeed must find in the environment and the launcher has not put there."""
    if "RANK" in environment or (world.size == 1 and not deepspeed):
        return {} if world.size > 1 else _one_gpu(environment)
    found = {"RANK": str(world.rank), "LOCAL_RANK": str(world.local_rank), "WORLD_SIZE": str(world.size)}
    if world.size == 1:
        return {**found, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), **_one_gpu(environment)}
    host = environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_STEP_NODELIST", "localhost"))
    port = environment.get("MASTER_PORT") or str(20000 + int(environment.get("SLURM_JOB_ID", "0")) % 20000)
    return {**found, "MASTER_ADDR": host, "MASTER_PORT": port}


def _one_gpu(environment: Mapping[str, str]) -> dict[str, str]:
    """A world of one uses one GPU: the Trainer would spread a lone process over all of them by DataParallel."""
    if "LOCAL_RANK" in environment:
        return {}
    return {"CUDA_VISIBLE_DEVICES": environment.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}


def first_host(nodes: str) -> str:
    """The first name of Slurm's list of machines: `gpu[03-05,09],login1` is gpu03."""
    found = re.match(r"([^,\[]*)(?:\[([^\],-]+)[^\]]*\]([^,]*))?", nodes)
    assert found is not None  # every part may be empty
    return "".join(part or "" for part in found.groups())


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(world: World, *, deepspeed: bool) -> Ranks:
    """The processes brought together (nccl on GPUs, gloo on CPUs) before a model or the Trainer's arguments are made, as
    ZeRO-3 needs it: https://github.com/deepspeedai/DeepSpeed/blob/v0.19.8/deepspeed/runtime/zero/partition_parameters.py"""
    import torch
    from torch import distributed

    on_gpu = torch.cuda.is_available()
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if on_gpu else "cpu")  # accelerate asks DeepSpeed in any case
    if on_gpu:
        torch.cuda.set_device(world.local_rank if world.size > 1 else 0)
    if deepspeed:
        _start_deepspeed(on_gpu=on_gpu)
    elif world.size > 1:
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    if world.size == 1:
        return Ranks(world)
    return Ranks(world, distributed.new_group(backend="gloo", timeout=PATIENCE))


def _start_deepspeed(*, on_gpu: bool) -> None:
    try:
        import deepspeed
    except ModuleNotFoundError:
        raise MissingExtra("deepspeed", "train", "a recipe with deepspeed:") from None
    logging.getLogger("accelerate.accelerator").setLevel(logging.ERROR)  # accumulation is the Trainer's
    warnings.filterwarnings("ignore", r"`torch\.distributed", FutureWarning)  # DeepSpeed's own calls, at every step
    if not on_gpu:
        # a faster all-reduce of CPUs, compiled with g++ at first use (40 to 80 s), or a crash where there is none
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(
        dist_backend="nccl" if on_gpu else "gloo", auto_mpi_discovery=False, timeout=PATIENCE, verbose=False
    )


def stop() -> None:
    """Take leave of the other processes."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
