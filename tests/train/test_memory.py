"""The memory table: parameters and optimizer exactly those of a model that is built, activations those that autograd keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

from georsmllm.model import spec as specs
from georsmllm.model import tiny
from georsmllm.train import building, memory, stages
from georsmllm.train.activations import Work, kept
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.memory_table import expect, table
from georsmllm.train.recipe import Data, Lora, Model, Module, Source, Stage, TrainRecipe
from georsmllm.train.zero import Facts, facts

pytestmark = pytest.mark.filterwarnings("default")
PUBLISHED = "llava-hf/llava-onevision-qwen2-7b-ov-hf"
WHOLE = Stage(name="whole")
PROJECTOR = Stage(name="projector", train=("projector",))
LORA = Stage(name="lora", train=("projector", "llm"), lora=Lora(r=4, dropout=0))
TOWER = Stage(name="tower", train=("llm", "vision"), lora=Lora(r=4, dropout=0, dora=True))
STAGES = [pytest.param(stage, id=stage.name) for stage in (WHOLE, PROJECTOR, LORA, TOWER)]
PRECISIONS = [
    pytest.param(building.Precision(bf16=False, masters=False), id="fp32"),
    pytest.param(building.Precision(bf16=True, masters=False), id="autocast"),
    pytest.param(building.Precision(bf16=True, masters=True), id="masters"),
]


def recipe(
    stage: Stage, *, bf16: bool = True, checkpointing: bool = False, path: str = "m", **data: object
) -> TrainRecipe:
    return TrainRecipe(
        model=Model(path=path),
        data=Data(sources=(Source(path="nowhere"),), **data),
        stages=(stage,),
        bf16=bf16,
        gradient_checkpointing=checkpointing,
    )


def zero(stage: int, **more: object) -> Facts:
    return facts({"zero_optimization": {"stage": stage, **more}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make("mini", tmp_path_factory.mktemp("models") / "mini")


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_of_the_model_that_is_built(folder: Path, stage: Stage) -> None:
    built = stages.counts(building.build(folder, stage, building.Precision(bf16=False, masters=False), seed=0))
    found = memory.parameters(specs.of_folder(folder), stage)
    added = {module: one.trained if stage.lora is not None else 0 for module, one in found.items()}
    assert {module: one.trained for module, one in found.items()} == {name: one.trained for name, one in built.items()}
    assert {name: one.all + added[name] for name, one in found.items()} == {
        name: one.all for name, one in built.items()
    }


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("stage", STAGES)
def test_weights_gradients_and_moments_are_as_many_bytes_as_a_step_leaves(
    folder: Path, stage: Stage, bf16: bool
) -> None:
    model = building.build(folder, stage, building.Precision(bf16=bf16, masters=False), seed=0)
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning)
    for one in learning:
        one.grad = torch.zeros_like(one)
    optimizer.step()
    moments = [one for state in optimizer.state.values() for name, one in state.items() if name != "step"]
    unused = 2 * specs.of_folder(folder).vision.hidden_size  # SigLIP's last norm
    spare = 2 * unused if bf16 and "vision" in stage.train and stage.lora is None else 0  # it is in the tower's float32
    work = Work(1, 64, 64, 8, 1)
    gpu = memory.stage_memory(
        recipe(stage, bf16=bf16), stage, specs.of_folder(folder), work, world=1, deepspeed=None
    ).gpu
    assert gpu.weights + spare == sum(one.nbytes for one in model.parameters())
    assert gpu.gradients == sum(one.nbytes for one in learning)
    assert gpu.optimizer == sum(one.nbytes for one in moments)


def kept_by_autograd(model: torch.nn.Module, batch: dict[str, torch.Tensor], *, autocast: bool) -> int:
    """Bytes of the storages that a forward pass hands to autograd, weights left out."""
    own = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    found: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            found.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        model(**batch)
    return sum(one.untyped_storage().nbytes() for one in found.values())


def packed(folder: Path, *, dtype: torch.dtype, length: int = 400) -> dict[str, torch.Tensor]:
    """A row of two samples of which the first has an image of one crop's grid: base view and one crop."""
    found = specs.of_folder(folder)
    side, patches = found.vision.image_size, found.vision.patches
    ids = torch.arange(length)[None] % 100
    ids[0, 3 : 3 + 2 * patches + side // found.vision.patch_size] = found.image_token_index
    places = torch.arange(length - 50, length)
    return {
        "input_ids": ids,
        "position_ids": torch.cat([torch.arange(length // 2), torch.arange(length - length // 2)])[None],
        "pixel_values": torch.rand(2, 3, side, side).to(dtype),
        "image_sizes": torch.tensor([[side, side]]),
        "batch_num_images": torch.tensor([1]),
        "labels": ids[:, places],
        "shift_labels": ids[:, places],
        "logits_to_keep": places,
        "use_cache": False,
    }


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stage", STAGES)
def test_what_is_kept_for_the_backward_pass_is_what_autograd_is_handed_within_a_tenth(
    folder: Path, stage: Stage, precision: building.Precision, checkpointing: bool
) -> None:
    model = building.build(folder, stage, precision, seed=0).train()
    if precision.masters:
        model = model.to(torch.bfloat16)  # as DeepSpeed's engine does with adapters, too
    attend_by_sample(model.get_base_model() if stage.lora is not None else model)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    tower = next(one for name, one in model.named_parameters() if "patch_embedding" in name)
    batch = packed(folder, dtype=tower.dtype)
    found = specs.of_folder(folder)
    work = Work(1, 400, 400, 50, 2)
    setting = memory.setting_of(
        recipe(stage, bf16=precision.bf16, checkpointing=checkpointing), stage, found, work, masters=precision.masters
    )
    casts = memory.casts(found, setting)
    most = kept(found, work, setting).saved + casts
    least = most - casts if checkpointing else most  # then most of them are held by autocast itself, not by the graph
    measured = kept_by_autograd(model, batch, autocast=precision.bf16 and not precision.masters)
    measured -= 4 * 50 * found.text.vocab_size  # of the loss
    assert 0.9 * least <= measured <= 1.1 * most


def test_zero_divides_what_it_says_it_divides() -> None:
    spec, work = specs.published("7b"), Work(1, 8192, 8192, 512, 10)
    whole = spec.num_parameters - 2 * spec.vision.hidden_size  # SigLIP's last norm never learns

    def states(stage: int, **more: object) -> tuple[float, float, float]:
        gpu = memory.stage_memory(recipe(WHOLE), WHOLE, spec, work, world=8, deepspeed=zero(stage, **more)).gpu
        return gpu.weights / whole, gpu.gradients / whole, gpu.optimizer / whole

    assert states(1) == pytest.approx((2, 2, 12 / 8), rel=1e-4)
    assert states(2) == pytest.approx((2, 2 / 8, 12 / 8), rel=1e-4)
    assert states(3) == pytest.approx((2 / 8, 2 / 8, 12 / 8), rel=1e-4)
    assert states(2, offload_optimizer={"device": "cpu"}) == pytest.approx((2, 2 / 8, 0), rel=1e-4)
    offloaded = {"offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}}
    assert states(3, **offloaded) == pytest.approx((0, 2 / 8, 0), rel=1e-4)


def test_what_leaves_the_gpu_is_in_the_machine_s_memory() -> None:
    spec, work = specs.published("7b"), Work(1, 8192, 8192, 512, 10)
    found = memory.stage_memory(
        recipe(WHOLE), WHOLE, spec, work, world=8, deepspeed=zero(2, offload_optimizer={"device": "cpu"})
    )
    learning = sum(one.trained for one in found.parameters.values())
    assert found.ram["optimizer"] == pytest.approx(16 * learning, rel=1e-6)  # master, moments, gradients in float32


def test_a_quantised_model_is_a_quarter_of_a_bf16_one() -> None:
    spec, work = specs.published("7b"), Work(1, 8192, 8192, 512, 10)

    def weights(bits: int | None) -> int:
        stage = Stage(name="s", train=("llm",), lora=Lora(bits=bits))
        return memory.stage_memory(recipe(stage), stage, spec, work, world=1, deepspeed=None).gpu.weights

    linears = sum(one.weights for one in spec.linears if one.module == "llm")
    assert weights(None) - weights(4) == pytest.approx(linears * (2 - 4.127 / 8), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        pytest.param({"supervised": 8192}, "loss", id="a long answer over a large vocabulary"),
        pytest.param({"supervised": 1}, "backward", id="a short answer"),
    ],
)
def test_the_peak_is_the_phase_that_needs_most(change: dict[str, int], phase: str) -> None:
    work = Work(1, 8192, 8192, 512, 10)._replace(**change)
    found = memory.stage_memory(
        recipe(WHOLE, checkpointing=True), WHOLE, specs.published("7b"), work, world=8, deepspeed=zero(3)
    )
    assert found.peak == phase
    assert found.total == max(found.phases.values()) + memory.CONTEXT


def test_a_recipe_without_its_set_is_taken_at_its_limits() -> None:
    found = expect(recipe(WHOLE, path=PUBLISHED, max_length=8192))
    assert not found.is_measured
    assert found.stages[0].work == Work(1, 8192, 8192, 2048, 42)
    lines = table(found).splitlines()
    assert lines[0].startswith(f"{PUBLISHED}: 8.03 B parameters; 1 process, no DeepSpeed, bf16")
    assert [line.split()[-1] for line in lines if "a GPU of" in line] == ["no"] * 4
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_the_table_is_made_without_torch() -> None:
    code = (
        "import sys; from georsmllm.train.recipe import load; from georsmllm.train.memory_table import expect, table;"
        f"model, data = 'model.path={PUBLISHED}', 'data={{sources: [{{path: nowhere}}]}}';"
        "table(expect(load(None, [model, data, 'stages=[{name: a}]'])));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_modules_are_all_in_the_table() -> None:
    names: set[Module] = set(expect(recipe(WHOLE, path=PUBLISHED)).stages[0].parameters)
    assert names == {"projector", "llm", "vision"}
