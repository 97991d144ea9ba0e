"""Runs of training in miniature, for tests: the toy set, a mini model, a recipe of a few steps, and what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from toy_training import ROOM, mixed_records, model_folder, write_mixed

from georsmllm.contracts import Score
from georsmllm.train import recipe as recipes
from georsmllm.train.job import Job
from georsmllm.train.ranks import ALONE, Ranks
from georsmllm.train.recipe import Data, Model, Source, Stage, TrainRecipe
from georsmllm.types import Record

ALL = Stage(name="all", learning_rate=1e-3, learning_rates={"vision": 1e-4}, max_steps=4, warmup_ratio=0.25)


def toy_set(below: Path) -> Path:
    """40 records, ten of them without an image; made once for a session."""
    folder = below / "toy"
    return folder if folder.exists() else write_mixed(folder, mixed_records(40))


def recipe(below: Path, *stages: Stage, **changes: object) -> TrainRecipe:
    plain = TrainRecipe(
        model=Model(path=str(model_folder(below))),
        data=Data(sources=(Source(path=str(toy_set(below))),), max_length=ROOM, dataloader_num_workers=0),
        stages=stages or (ALL,),
        bf16=False,
        gradient_checkpointing=False,
        save_steps=2,
        logging_steps=1,
        report_to=(),
    )
    return msgspec.structs.replace(plain, **changes)


def job(made: TrainRecipe, out: Path, said: list[str] | None = None) -> Job:
    return Job(
        recipe=made,
        out=out,
        ranks=Ranks(ALONE),
        deepspeed=None,
        say=(said if said is not None else []).append,
        is_watched=False,
        scorer=judge,
    )


def judge(record: Record, text: str) -> Score:
    from georsmllm.discover import task

    return task(record.task).score(text, record)


def metrics(stage: Path, *names: str) -> list[tuple[float, ...]]:
    """The values of these names at each logged step."""
    lines = [msgspec.json.decode(line) for line in (stage / "metrics.jsonl").read_bytes().splitlines()]
    return [tuple(line[name] for name in names) for line in lines if "loss" in line]


def launched(launcher: Sequence[str], made: TrainRecipe, out: Path, *words: str, limit_s: int = 240) -> str:
    """What a run of that recipe under a launcher said; it must end well, in time."""
    done = attempted(launcher, made, out, *words, limit_s=limit_s)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def attempted(
    launcher: Sequence[str], made: TrainRecipe, out: Path, *words: str, limit_s: int = 240
) -> subprocess.CompletedProcess[str]:
    out.parent.mkdir(parents=True, exist_ok=True)
    written = out.with_suffix(".yaml")
    written.write_text(recipes.dump(made))
    return subprocess.run(
        [*launcher, "train", str(written), "--out", str(out), *words],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "DS_ACCELERATOR": "cpu",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
