"""Two processes under real launchers on a CPU: the same losses as one, ZeRO taken up again, and nobody waits for ever."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file
from toy_training import model_folder, samples_of
from training_jobs import ALL, attempted, job, launched, metrics, recipe, toy_set

from georsmllm.model import load
from georsmllm.train.finals import consolidate
from georsmllm.train.launch import free_port
from georsmllm.train.plan import Settings, make_plan
from georsmllm.train.recipe import Lora, TrainRecipe
from georsmllm.train.run import train

pytestmark = pytest.mark.filterwarnings("default")
STAGE = msgspec.structs.replace(ALL, max_steps=4)
PLAIN = (sys.executable, "-m", "georsmllm")


@pytest.fixture(scope="session")
def below(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many")


def single_rows(below: Path, **changes: object) -> TrainRecipe:
    """A sample a row, so that one process has an image where the other has none."""
    plain = recipe(below, STAGE)
    return msgspec.structs.replace(plain, data=msgspec.structs.replace(plain.data, batching="padded"), **changes)


def torchrun() -> tuple[str, ...]:
    return "torchrun", "--nproc_per_node", "2", "--master_port", str(free_port()), "-m", "georsmllm"


def deepspeed() -> tuple[str, ...]:
    return "deepspeed", "--num_gpus", "2", "--master_port", str(free_port()), "--module", "georsmllm"


def alone(below: Path, out: Path) -> list[tuple[float, ...]]:
    """Loss and gradient of the same rows by one process, which takes two micro-batches for a step."""
    stage = msgspec.structs.replace(STAGE, gradient_accumulation_steps=2)
    train(job(single_rows(below, stages=(stage,)), out))
    return metrics(out / "1-all", "loss", "grad_norm")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_two_processes_meet_rows_of_which_one_has_no_image(below: Path, tmp_path: Path) -> None:
    """What the tests below rest on."""
    samples = samples_of(toy_set(below), model_folder(below), tmp_path)
    settings = Settings(
        batching="padded", row_length=700, rows=1, accumulation=1, world=2, epochs=1, max_steps=4, seed=0
    )
    plan = make_plan(samples.tokens, samples.weights, settings)
    crops = [[int(samples.crops[list(plan.batch(rank, i)[0])].sum()) for rank in (0, 1)] for i in range(len(plan))]
    assert any(min(pair) == 0 < max(pair) for pair in crops)


def test_torchrun_gives_the_losses_of_one_process(below: Path, tmp_path: Path) -> None:
    said = launched(torchrun(), single_rows(below), tmp_path / "two", "world=2")
    assert said.count("stage all: learns") == 1, "only the first process speaks"
    both = metrics(tmp_path / "two/1-all", "loss", "grad_norm")
    assert both == [pytest.approx(one, rel=1e-4) for one in alone(below, tmp_path / "one")]
    one, two = (weights(tmp_path / name / "final") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


@pytest.mark.parametrize(("launcher", "zero"), [(deepspeed, "zero2"), (torchrun, "zero3")], ids=["zero2", "zero3"])
def test_zero_trains_resumes_and_consolidates(below: Path, tmp_path: Path, launcher, zero: str) -> None:
    out = tmp_path / "run"
    made = single_rows(below, deepspeed=zero)
    launched(launcher(), made, out)
    losses = metrics(out / "1-all", "loss", "grad_norm")
    assert losses == [pytest.approx(one, rel=1e-4) for one in alone(below, tmp_path / "one")]
    final = weights(out / "final")
    consolidate(out / "1-all/checkpoint-4", tmp_path / "plain")
    load.model(tmp_path / "plain")
    plain = weights(tmp_path / "plain")
    assert plain.keys() == final.keys() and all(torch.equal(plain[name], final[name]) for name in plain)

    for gone in ("checkpoint-4", "final"):
        shutil.rmtree(out / "1-all" / gone)
    said = launched(launcher(), made, out)
    assert "goes on from" in said and "checkpoint-2" in said
    assert metrics(out / "1-all", "loss", "grad_norm") == losses
    again = weights(out / "final")
    assert all(torch.equal(again[name], final[name]) for name in final)


def test_adapters_under_zero3_in_bf16_are_saved_and_consolidated(below: Path, tmp_path: Path) -> None:
    stage = msgspec.structs.replace(
        STAGE, train=("projector", "llm"), lora=Lora(r=4, alpha=8, dropout=0.0), max_steps=2
    )
    made = single_rows(below, deepspeed="zero3", stages=(stage,))
    launched(torchrun(), made, tmp_path / "run", "gradient_checkpointing=true", "bf16=true")
    load.adapted(tmp_path / "run/final")
    consolidate(tmp_path / "run", tmp_path / "plain")
    ours, its = (load_file(one / "adapter_model.safetensors") for one in (tmp_path / "plain", tmp_path / "run/final"))
    assert ours.keys() == its.keys()
    assert all(torch.allclose(ours[name].float(), its[name].float(), atol=1e-2) for name in ours)


def test_worlds_that_cannot_be_stop_with_one_line(below: Path, tmp_path: Path) -> None:
    done = attempted(PLAIN, single_rows(below), tmp_path / "run", "world=2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("georsmllm: the recipe counts on 2 processes, 1 is here")
    launcher = ("accelerate", "launch", "--cpu", "--num_processes", "2", "-m", "georsmllm")
    done = attempted(launcher, single_rows(below), tmp_path / "run")
    assert done.returncode != 0 and "started worlds of one" in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_the_first_process_meets_is_said_once_and_ends_all(below: Path, tmp_path: Path) -> None:
    done = attempted(torchrun(), single_rows(below), tmp_path / "run", "data.max_length=20", limit_s=100)
    assert done.returncode != 0
    assert done.stderr.count("georsmllm: 40 of 40 records cannot be learned from") == 1
    assert "ConnectionReset" not in done.stderr
