"""One process's view of a run, and where its parts lie.

OUT/recipe.yaml, OUT/refused.jsonl
OUT/start/                     a tiny model, where the recipe begins with one
OUT/1-projector/checkpoint-N/  the newest checkpoints of a stage
OUT/1-projector/final/         its model, or its adapter
OUT/2-tuning/start/            the model and the adapter before it as one, where a stage follows adapters
OUT/final                      the last stage's
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from georsmllm.model.places import is_adapter, resolve
from georsmllm.scoring import Scorer

from .ranks import Ranks
from .recipe import TrainRecipe
from .zero import Settings

FINAL, START = "final", "start"


@dataclass(frozen=True, kw_only=True)
class Job:
    """deepspeed: its settings, None without it. say: takes a line, of the first process. is_watched: a person sits before a
    terminal. scorer: of the answers in evaluation."""

    recipe: TrainRecipe
    out: Path
    ranks: Ranks
    deepspeed: Settings | None
    say: Callable[[str], None]
    is_watched: bool
    scorer: Scorer


def stage_folder(recipe: TrainRecipe, out: Path, number: int) -> Path:
    """Of a stage, from 1."""
    return out / f"{number}-{recipe.stages[number - 1].name}"


def start_folder(recipe: TrainRecipe, out: Path, number: int) -> Path:
    """The whole model that a stage starts from; where that has to be made of an adapter or of nothing, its place in OUT."""
    if number == 1:
        given = resolve(recipe.model.path) if recipe.model.path is not None else None
        return out / START if given is None or is_adapter(given) else given
    if recipe.stages[number - 2].lora is not None:
        return stage_folder(recipe, out, number) / START
    return stage_folder(recipe, out, number - 1) / FINAL
