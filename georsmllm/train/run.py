"""A recipe's stages one after another, each from the last one's weights; a run that was killed goes on where it was."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from georsmllm import jsonl

from .claims import claim
from .job import FINAL, Job, stage_folder


class Outcome(NamedTuple):
    """model: of the last stage. stopped: in its place the stage and step whose checkpoint was saved when the run was asked to
    stop."""

    model: Path | None
    stopped: tuple[str, int] | None = None


def train(job: Job, *, overwrite: bool = False) -> Outcome:
    """Train what is not trained yet; raises UsageError. The first process holds the folder meanwhile, so that two runs (or two
    worlds of one, which a launcher made of a world of two) do not share it."""
    with ExitStack() as held:
        with job.ranks.first() as is_first:
            if is_first:
                held.enter_context(jsonl.alone(job.out / ".state", "training"))
                claim(job.out, job.recipe, world=job.ranks.size, overwrite=overwrite)
        return _train(job)


def _train(job: Job) -> Outcome:
    for number, stage in enumerate(job.recipe.stages, start=1):
        final = stage_folder(job.recipe, job.out, number) / FINAL
        if final.is_dir():
            job.say(f"stage {stage.name}: done before, {final}")
            continue
        from .stage_run import teach

        stopped = teach(job, number)
        if stopped is not None:
            return Outcome(None, (stage.name, stopped))
    with job.ranks.first() as is_first:
        if is_first:
            _point(job.out / FINAL, final)
    return Outcome(job.out / FINAL)


def _point(link: Path, target: Path) -> None:
    """A link to a folder beside it, in one step."""
    beside = link.with_name(f".{link.name}-new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
    beside.replace(link)
