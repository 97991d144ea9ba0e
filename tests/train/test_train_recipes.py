"""The recipes of training: each loads, each states the memory that it needs, each fits the GPU that it is named after."""

from __future__ import annotations

import re
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import pytest

from georsmllm.errors import UsageError
from georsmllm.train import zero
from georsmllm.train.memory import GIB, StageMemory
from georsmllm.train.memory_table import Expected, expect
from georsmllm.train.recipe import Data, Evaluation, Lora, Model, Source, Stage, TrainRecipe, load

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "scripts" / "recipes" / "train").glob("*.yaml"))
MANUAL = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
STATED = re.compile(r"^# expected: stage (\S+): ([\d.]+) GiB on each GPU, (\d+) GiB of RAM$", re.MULTILINE)
COMMAND = re.compile(r"^#   (georsmllm|torchrun|sbatch) .*?(\S+\.(?:yaml|sh))", re.MULTILINE)


def recipe_at(path: Path) -> TrainRecipe:
    """With the published model in the place of one that its reader assembles, and without anybody's set."""
    own = ["model.path=llava-hf/llava-onevision-qwen2-7b-ov-hf"] if path.stem == "7b_full" else []
    return load(path, [*own, "data.sources.0.path=nowhere"])


def expected(recipe: TrainRecipe) -> Expected:
    if recipe.deepspeed is None:
        return expect(recipe)
    with as_file(files("georsmllm.scripts") / "recipes" / "deepspeed") as folder:
        return expect(recipe, deepspeed=zero.facts(zero.settings(recipe.deepspeed, folder)))


def test_there_is_a_recipe_for_each_machine() -> None:
    assert [path.stem for path in RECIPES] == [
        "05b_full",
        "7b_full",
        "7b_lora_24gb",
        "7b_lora_48gb",
        "7b_lora_80gb",
        "tiny",
    ]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_states_the_memory_that_is_computed_for_it(path: Path) -> None:
    stated = STATED.findall(path.read_text(encoding="utf-8"))
    computed = [
        (stage.stage, f"{stage.total / GIB:.1f}", f"{sum(stage.ram.values()) / GIB:.0f}")
        for stage in expected(recipe_at(path)).stages
    ]
    assert stated == computed


def row(path: Path, stage: StageMemory) -> str:
    """Of the manual's table."""
    gpu = stage.gpu
    terms = (gpu.weights, gpu.gradients, gpu.optimizer, gpu.gathered, gpu.kept, gpu.layer, gpu.logits, stage.total)
    return f"| `{path.name}` | {stage.stage} | {' | '.join(f'{one / GIB:.1f}' for one in terms)} |"


def test_the_manual_s_table_is_what_is_computed() -> None:
    table = MANUAL.split("<!-- memory table -->")[1].split("<!-- end -->")[0]
    rows = [row(path, stage) for path in RECIPES if path.stem != "tiny" for stage in expected(recipe_at(path)).stages]
    assert table.strip().splitlines()[2:] == rows


@pytest.mark.parametrize("group", [Model, Data, Source, Stage, Lora, Evaluation, TrainRecipe])
def test_the_manual_names_every_key(group: type[msgspec.Struct]) -> None:
    named = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", MANUAL))))
    assert {field.name for field in msgspec.structs.fields(group)} - named == set()


def test_the_manual_names_every_recipe_and_setting_of_deepspeed() -> None:
    settings = (ROOT / "scripts" / "recipes" / "deepspeed").glob("*.json")
    assert [path.name for path in RECIPES if f"`{path.name}`" not in MANUAL] == []
    assert [path.stem for path in settings if f"`{path.stem}`" not in MANUAL] == []


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("7b_lora_24gb", "24 GB"),
        ("7b_lora_48gb", "48 GB"),
        ("7b_lora_80gb", "80 GB"),
        ("7b_full", "48 GB"),
        ("05b_full", "48 GB"),
    ],
)
def test_a_recipe_fits_the_gpu_that_it_is_for(name: str, card: str) -> None:
    path = next(path for path in RECIPES if path.stem == name)
    assert {stage.cards[card] for stage in expected(recipe_at(path)).stages} == {"fits"}


def test_the_small_model_s_recipe_fits_a_small_gpu_with_the_key_that_it_names() -> None:
    path = next(path for path in RECIPES if path.stem == "05b_full")
    (key,) = re.findall(r"data\.max_length=\d+", path.read_text(encoding="utf-8"))
    recipe = load(path, [key, "data.sources.0.path=nowhere"])
    assert expected(recipe).stages[0].cards["24 GB"] == "fits"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_s_own_command_names_it(path: Path) -> None:
    named = {Path(file).name for _, file in COMMAND.findall(path.read_text(encoding="utf-8"))}
    assert path.name in named


def test_the_rates_are_those_of_the_paper_s_recipe() -> None:
    recipe = recipe_at(next(path for path in RECIPES if path.stem == "7b_full"))
    projector, instruct = recipe.stages
    assert (projector.train, projector.learning_rate) == (("projector",), 1e-3)
    assert [instruct.rate(module) for module in ("projector", "llm", "vision")] == [1e-5, 1e-5, 2e-6]
    assert (instruct.lr_scheduler_type, instruct.warmup_ratio, recipe.world, recipe.deepspeed) == (
        "cosine",
        0.03,
        8,
        "zero3",
    )


@pytest.mark.parametrize("name", ["7b_lora_24gb", "7b_lora_48gb", "7b_lora_80gb"])
def test_adapters_are_those_of_the_paper_s_recipe(name: str) -> None:
    (stage,) = recipe_at(next(path for path in RECIPES if path.stem == name)).stages
    assert stage.lora is not None
    assert (stage.lora.r, stage.lora.alpha, stage.learning_rate) == (64, 128, 2e-4)
    assert stage.lora.bits == (4 if name == "7b_lora_24gb" else None)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stages.0.adam_beta2=1", "Expected a number < 1.0 at stages.0.adam_beta2"),
        ("stages.0.learning_rate=.inf", "Expected a number <= 1000000.0 at stages.0.learning_rate"),
        ("seed=-5", "Expected a whole number >= 0 at seed"),
        ("stages.0.learning_rates={tower: 1}", "it is one of projector, llm, vision at stages.0.learning_rates"),
    ],
)
def test_a_number_that_no_optimizer_takes_is_one_line(word: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load(ROOT / "scripts" / "recipes" / "train" / "tiny.yaml", [word])
    assert said in str(raised.value) and len(str(raised.value).splitlines()) == 1
