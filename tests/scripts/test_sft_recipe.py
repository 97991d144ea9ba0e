"""The white paper's mixture builds on the invented worlds as it would on the datasets, and the set that comes out is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from georsmllm import layout
from georsmllm.discover import task
from georsmllm.instruct_data.build import Outcome, build
from georsmllm.overlap import overlap, source
from georsmllm.recipe import Recipe, load
from georsmllm.scripts.build import command
from georsmllm.validation import validate

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "scripts" / "recipes" / "georsmllm_sft.yaml"


def words(*more: str) -> list[str]:
    """Each source by its name in its world; a world has one broken record among few."""
    worlds = ROOT / "tests" / "data"
    paths = [f"sources.{one.records_name}.path={worlds / one.dataset / 'world'}" for one in load(RECIPE).sources]
    return [*paths, "max_bad_share=0.9", *more]


def built(folder: Path, *more: str) -> tuple[Recipe, Outcome]:
    recipe = load(RECIPE, words(*more))
    return recipe, build(recipe, folder)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe, Outcome]:
    """The set without temperature and weights, so that the few records of the worlds stay."""
    folder = tmp_path_factory.mktemp("sft") / "set"
    more = ("mix.temperature=1", "mix.weights={}", "mix.negatives=1.0", *(f"sources.{i}.weight=1" for i in range(10)))
    return folder, *built(folder, *more)


def test_the_recipe_is_of_the_ten_sources_that_the_paper_names(everything: tuple[Path, Recipe, Outcome]) -> None:
    _, recipe, outcome = everything
    assert len(recipe.sources) == 10
    assert recipe.is_cyclic
    assert all(stats.kept and stats.made for stats in outcome.stats.sources.values())


def test_every_task_of_the_recipe_has_records(everything: tuple[Path, Recipe, Outcome]) -> None:
    _, recipe, outcome = everything
    written = {name for tasks in outcome.stats.by_task.values() for name in tasks}
    assert written == set(recipe.tasks)


def test_dota_scenes_of_an_evaluation_split_leave_the_training_of_other_datasets(
    everything: tuple[Path, Recipe, Outcome],
) -> None:
    folder, _, outcome = everything
    assert outcome.stats.dropped["scene_in_evaluation_split"] > 0
    found = overlap(source(str(folder)), source(str(folder)))
    assert found.meetings == ()


def test_the_mixture_as_it_stands_is_valid_and_keeps_its_promises(tmp_path: Path) -> None:
    recipe, outcome = built(tmp_path / "set")
    stats = outcome.stats
    assert validate(tmp_path / "set", {name: task(name) for name in recipe.tasks}).problems == {}
    assert {*stats.dropped} >= {"other_direction", "temperature"}
    assert stats.repeated > 0
    for split, tasks in stats.negatives.items():
        for name, negatives in tasks.items():
            assert negatives <= 0.15 * stats.by_task[split][name] + 1e-9
    kept = {name for name, one in stats.sources.items() if one.made}
    assert kept == {one.records_name for one in recipe.sources}
    assert stats.sources["levir_mci"].splits == {"test": 2, "train": 4, "val": 1}
    assert layout.manifest(tmp_path / "set").recipe == recipe


def test_a_person_without_some_datasets_leaves_them_out_by_their_names(tmp_path: Path) -> None:
    absent = ("fit_rs", "geochat_instruct", "deepglobe_road", "openearthmap", "isaid", "refsegrs", "vrsbench")
    args = [RECIPE, *words(*(f"sources.{name}=null" for name in absent)), "--out", tmp_path]
    result = CliRunner().invoke(command, [str(word) for word in args])
    assert result.exit_code == 0
    assert set(layout.stats(tmp_path).sources) == {"loveda", "deepglobe_landcover", "levir_mci"}
