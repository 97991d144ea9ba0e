"""How a run was started, from the variables of real launchers, and what stops before anything is loaded."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from georsmllm.errors import UsageError
from georsmllm.train import launch
from georsmllm.train.ranks import ALONE, Ranks, World

TORCHRUN = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "h", "MASTER_PORT": "1"}
SRUN = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0", "SLURM_STEP_NODELIST": "gpu[03-04]"}
SRUN_JOB = {**SRUN, "SLURM_JOB_ID": "71234", "SLURM_NTASKS": "4"}
ACCELERATE_ON_CPU = {"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1",
                     "MASTER_PORT": "29500"}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ALONE),
        (TORCHRUN, World(3, 1, 4)),
        (SRUN_JOB, World(2, 0, 4)),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_JOB_ID": "1"}, ALONE),
        ({**SRUN_JOB, **TORCHRUN}, World(3, 1, 4)),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_USE_CPU": "True"}, ALONE),
    ],
    ids=["plain", "torchrun", "srun", "sbatch without srun", "torchrun in srun", "accelerate, one process"],
)
def test_the_world_is_the_launchers(environment: dict[str, str], expected: World) -> None:
    assert launch.world_of(environment) == expected


def test_two_worlds_of_one_are_refused() -> None:
    with pytest.raises(UsageError, match="started worlds of one"):
        launch.world_of(ACCELERATE_ON_CPU)


def test_a_variable_that_is_no_number_is_named() -> None:
    with pytest.raises(UsageError, match="WORLD_SIZE should be a whole number, got 'all'"):
        launch.world_of({**TORCHRUN, "WORLD_SIZE": "all"})


def test_a_world_other_than_the_recipes_is_refused() -> None:
    launch.check(World(0, 0, 8), 8, {}, deepspeed=False)
    launch.check(World(0, 0, 8), None, {}, deepspeed=False)
    for size in (1, 7, 9):
        with pytest.raises(UsageError, match=f"counts on 8 processes, {size} "):
            launch.check(World(0, 0, size), 8, {}, deepspeed=False)


def test_settings_of_accelerate_that_the_recipe_lacks_are_refused() -> None:
    with pytest.raises(UsageError, match="DeepSpeed and the recipe does not"):
        launch.check(ALONE, None, {"ACCELERATE_USE_DEEPSPEED": "true"}, deepspeed=False)
    launch.check(ALONE, None, {"ACCELERATE_USE_DEEPSPEED": "true"}, deepspeed=True)
    with pytest.raises(UsageError, match="FSDP"):
        launch.check(ALONE, None, {"ACCELERATE_USE_FSDP": "true"}, deepspeed=True)


def test_what_a_launcher_leaves_out_is_put_there() -> None:
    assert launch.variables(World(3, 1, 4), TORCHRUN, deepspeed=True) == {}
    assert launch.variables(World(2, 0, 4), SRUN_JOB, deepspeed=False) == {
        "RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "gpu03", "MASTER_PORT": "31234"
    }  # fmt: skip
    alone = launch.variables(ALONE, {}, deepspeed=True)
    assert {name: alone[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")} == {
        "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"
    }  # fmt: skip
    assert int(alone["MASTER_PORT"]) > 1023


def test_a_process_alone_has_one_gpu() -> None:
    assert launch.variables(ALONE, {}, deepspeed=False) == {"CUDA_VISIBLE_DEVICES": "0"}
    assert launch.variables(ALONE, {"CUDA_VISIBLE_DEVICES": "5,6"}, deepspeed=False) == {"CUDA_VISIBLE_DEVICES": "5"}


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu03", "gpu03"),
        ("a1,a2", "a1"),
        ("gpu[03-05,09],x1", "gpu03"),
        ("r[7,9]-ib", "r7-ib"),
        ("localhost", "localhost"),
    ],
)
def test_the_first_machine_of_slurms_list(nodes: str, first: str) -> None:
    assert launch.first_host(nodes) == first


def test_a_world_of_one_agrees_with_itself() -> None:
    ranks = Ranks(ALONE)
    assert (ranks.numbers((3, 4)), ranks.words("hi")) == (((3, 4),), ("hi",))
    with ranks.first() as is_first:
        assert is_first


def one_of_two(rank: int, port: int, said: multiprocessing.Queue[str]) -> None:
    """The first ends at once, the second waits for it."""
    os.environ.update(launch.variables(World(rank, rank, 2), {"MASTER_PORT": str(port)}, deepspeed=False))
    ranks = launch.start(World(rank, rank, 2), deepspeed=False)
    ranks.wait()
    if ranks.is_first:
        os._exit(2)
    try:
        ranks.wait()
    except UsageError as error:
        said.put(str(error))


def test_a_process_that_is_gone_is_one_line_in_those_that_wait_for_it() -> None:
    context = multiprocessing.get_context("spawn")
    said, port = context.Queue(), launch.free_port()
    both = [context.Process(target=one_of_two, args=(rank, port, said)) for rank in (0, 1)]
    for one in both:
        one.start()
    line = said.get(timeout=100)
    for one in both:
        one.join()
    assert line.startswith("another process of this run has ended") and len(line.splitlines()) == 1
