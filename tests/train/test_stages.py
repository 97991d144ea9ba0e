"""What learns: every parameter has one module, those that learn get a gradient; black images change nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from toy_training import ROOM, model_folder, samples_of
from training_jobs import ALL, toy_set

from georsmllm.model import spec
from georsmllm.model.tokens import IGNORED, Chat
from georsmllm.model.views import Views
from georsmllm.train import stages
from georsmllm.train.batches import MicroBatches
from georsmllm.train.building import Precision, build
from georsmllm.train.everywhere import keep_vision_in_step
from georsmllm.train.plan import Settings, make_plan
from georsmllm.train.recipe import MODULES, Lora, Stage
from georsmllm.train.trainer import supervised_only

pytestmark = pytest.mark.filterwarnings("default")
FULL = Precision(bf16=False, masters=False)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def batches(start: Path, tmp_path_factory: pytest.TempPathFactory) -> MicroBatches:
    """Rows of three samples, padded."""
    below = tmp_path_factory.mktemp("sets")
    samples = samples_of(toy_set(below), start, below / "out")
    settings = Settings(
        batching="padded", row_length=ROOM, rows=3, accumulation=1, world=1, epochs=1, max_steps=None, seed=0
    )
    plan = make_plan(samples.tokens, samples.weights, settings)
    return MicroBatches(samples, plan, Chat.of_folder(start), Views.of_folder(start), rank=0)


def test_modules_are_those_of_the_architecture(start: Path) -> None:
    model = build(start, ALL, FULL, seed=0)
    counted = {module: count.all for module, count in stages.counts(model).items()}
    assert counted == spec.of_folder(start).parameters()


@pytest.mark.parametrize(
    "stage",
    [
        *(Stage(name="s", train=(module,)) for module in MODULES),
        Stage(name="s"),
        Stage(name="s", lora=Lora(r=4)),
        Stage(name="s", train=("llm",), lora=Lora(r=4, dora=True, rslora=True)),
    ],
    ids=lambda stage: "-".join(stage.train) + ("-lora" if stage.lora else ""),
)
def test_exactly_what_learns_gets_a_gradient(start: Path, batches: MicroBatches, stage: Stage) -> None:
    model = build(start, stage, FULL, seed=0).train()
    model(**supervised_only(batches[0])).loss.backward()
    learning = {name for name, one in model.named_parameters() if one.requires_grad}
    assert learning == {name for name, one in model.named_parameters() if one.grad is not None}
    assert {stages.module_of(name) for name in learning} == set(stage.train)
    grouped = stages.groups(model.named_parameters(), frozenset())
    assert sum(map(len, grouped.values())) == len(learning)


def test_in_bf16_what_learns_is_float32_and_what_is_frozen_is_not(start: Path) -> None:
    model = build(start, Stage(name="s", train=("projector",)), Precision(bf16=True, masters=False), seed=0)
    assert {(one.dtype, one.requires_grad) for one in model.parameters()} == {
        (torch.float32, True),
        (torch.bfloat16, False),
    }
    with_masters = build(start, Stage(name="s"), Precision(bf16=True, masters=True), seed=0)
    assert {one.dtype for one in with_masters.parameters()} == {torch.bfloat16}


def test_logits_where_nothing_is_learnt_are_not_missed(start: Path, batches: MicroBatches) -> None:
    model = build(start, Stage(name="s"), FULL, seed=0)
    for number in range(3):
        whole = {name: value for name, value in batches[number].items() if name != "samples"}
        plain = model(**whole)
        lean = model(**supervised_only(batches[number]), num_items_in_batch=torch.tensor(7))
        supervised = int((whole["labels"] != IGNORED).sum())
        assert lean.loss.item() == pytest.approx(plain.loss.item() * supervised / 7, rel=1e-5)
        assert lean.logits.shape[1] < plain.logits.shape[1]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_words_alone_run_the_tower_too_and_hear_nothing_of_it(
    start: Path, batches: MicroBatches, checkpointing: bool
) -> None:
    plain = build(start, Stage(name="s"), FULL, seed=0).train()
    hooked = build(start, Stage(name="s"), FULL, seed=0).train()
    keep_vision_in_step(hooked)
    if checkpointing:
        hooked.gradient_checkpointing_enable({"use_reentrant": False})
    with_images = supervised_only(batches[0])
    words = {name: with_images[name] for name in ("attention_mask", "labels", "shift_labels", "logits_to_keep")}
    words["input_ids"] = with_images["input_ids"].where(with_images["input_ids"] != plain.config.image_token_id, 1)
    ran: list[int] = []
    hooked.model.vision_tower.register_forward_hook(lambda *_: ran.append(1))

    for batch, gradients in ((words, True), (with_images, True)):
        ours, its = hooked(**batch), plain(**batch)
        assert torch.equal(ours.logits, its.logits)
        ours.loss.backward()
        learning = [one for one in hooked.parameters() if one.requires_grad]
        assert all(one.grad is not None for one in learning) is gradients
        if batch is words:
            tower = [
                one for name, one in hooked.named_parameters() if stages.module_of(name) != "llm" and one.requires_grad
            ]
            assert all(not one.grad.any() for one in tower)
        hooked.zero_grad()
    assert len(ran) == 2, "once in each pass"


def test_said_in_a_line(start: Path) -> None:
    model = build(start, msgspec.structs.replace(ALL, train=("vision",)), FULL, seed=0)
    assert stages.said(stages.counts(model)) == "projector 0 of 7,360, llm 0 of 131,648, vision 66,384 of 66,480"
