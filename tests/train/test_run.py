"""Stages of a run, from recipe to final model: what learns, what stays, and what a run that died goes on from."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
import torch
from killing import dying
from safetensors.torch import load_file
from toy_training import model_folder
from training_jobs import ALL, job, metrics, recipe, toy_set

from georsmllm.contracts import Score
from georsmllm.errors import UsageError
from georsmllm.model import load
from georsmllm.train import checkpoints
from georsmllm.train.finals import consolidate
from georsmllm.train.plan import Facts
from georsmllm.train.recipe import Evaluation, Lora, Model, TrainRecipe
from georsmllm.train.run import train
from georsmllm.train.trouble import is_no_room, no_room
from georsmllm.types import Record

pytestmark = pytest.mark.filterwarnings("default")
torch.set_num_threads(1)  # children that are forked must find no threads of a parent


@pytest.fixture(scope="session")
def below(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def changed(before: Path, after: Path) -> set[str]:
    """The modules of which some weight's bytes differ."""
    old, new = weights(before), weights(after)
    assert old.keys() == new.keys()
    differing = [name for name in old if not torch.equal(old[name], new[name])]
    assert not [name for name in differing if "post_layernorm" in name], "never used, never moved"
    return {name.split(".")[0] for name in differing}


def test_only_what_a_stage_trains_moves_and_the_next_one_goes_on_from_there(below: Path, tmp_path: Path) -> None:
    first = msgspec.structs.replace(ALL, name="projector", train=("projector",), max_steps=2)
    said: list[str] = []
    made = recipe(below, first, msgspec.structs.replace(ALL, max_steps=3))
    outcome = train(job(made, tmp_path / "run", said))

    start, middle, end = model_folder(below), tmp_path / "run/1-projector/final", tmp_path / "run/2-all/final"
    assert changed(start, middle) == {"multi_modal_projector", "image_newline"}
    assert changed(middle, end) == {"multi_modal_projector", "image_newline", "vision_tower", "language_model"}
    assert outcome.model == tmp_path / "run/final" and outcome.model.resolve() == end
    assert metrics(end.parent, "learning_rate/llm", "learning_rate/vision")[1] == (1e-3, 1e-4)
    assert any("learns projector 7,360 of 7,360, llm 0 of" in line for line in said)
    load.model(end)  # whole, by its own checks

    again: list[str] = []
    train(job(made, tmp_path / "run", again))
    assert [line.split(",")[0] for line in again] == ["stage projector: done before", "stage all: done before"]


def test_a_run_that_dies_again_and_again_ends_as_one_that_never_did(below: Path, tmp_path: Path) -> None:
    """Killed before any of its effects on the disk, saves among them; dropout and noise make random numbers matter."""
    stage = msgspec.structs.replace(ALL, max_steps=6, gradient_accumulation_steps=2, neftune_noise_alpha=5.0)
    made = recipe(below, stage, save_steps=1, save_total_limit=2)
    train(job(made, tmp_path / "whole"))

    deaths = 0
    while dying(partial(train, job(made, tmp_path / "broken")), after=37):
        deaths += 1
        assert deaths < 40, "no attempt gets further than the one before"
    assert deaths > 3
    whole, broken = tmp_path / "whole/1-all", tmp_path / "broken/1-all"
    assert metrics(broken, "step", "loss", "grad_norm") == metrics(whole, "step", "loss", "grad_norm")
    assert (broken / "final/model.safetensors").read_bytes() == (whole / "final/model.safetensors").read_bytes()
    kept = [path.name for path in checkpoints.whole(broken)]
    assert kept == ["checkpoint-5", "checkpoint-6"]
    assert sorted(path.name for path in broken.glob("checkpoint-*")) == kept


def test_adapters_are_saved_alone_and_merged_for_the_stage_after_them(below: Path, tmp_path: Path) -> None:
    lora = msgspec.structs.replace(ALL, name="lora", train=("projector", "llm"), lora=Lora(r=4, alpha=8), max_steps=4)
    after = msgspec.structs.replace(ALL, name="after", max_steps=1)
    whole = recipe(below, lora, after)
    train(job(whole, tmp_path / "run"))

    adapter = tmp_path / "run/1-lora/final"
    assert not (adapter / "model.safetensors").exists()
    merged = load.adapted(adapter, dtype="float32").merge_and_unload().state_dict()
    begun = load.model(tmp_path / "run/2-after/start", dtype="float32").state_dict()
    assert all(torch.allclose(one, begun[name], atol=1e-6) for name, one in merged.items())
    assert changed(model_folder(below), tmp_path / "run/2-after/start") == {"multi_modal_projector", "language_model"}

    consolidate(tmp_path / "run/1-lora", tmp_path / "adapter")
    ours, its = (load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "adapter", adapter))
    assert ours.keys() == its.keys() and all(torch.equal(ours[name], its[name]) for name in ours)


def test_lora_resumes_with_its_dropout(below: Path, tmp_path: Path) -> None:
    lora = msgspec.structs.replace(ALL, train=("projector", "llm"), lora=Lora(r=4, alpha=8, dropout=0.2), max_steps=4)
    made = recipe(below, lora)
    train(job(made, tmp_path / "whole"))
    assert stopped_at(made, tmp_path / "broken", after="all 2/4") == ("all", 2)
    train(job(made, tmp_path / "broken"))
    assert metrics(tmp_path / "broken/1-all", "loss") == metrics(tmp_path / "whole/1-all", "loss")


def stopped_at(made: TrainRecipe, out: Path, *, after: str) -> tuple[str, int] | None:
    """Where a run stops that gets SIGTERM once it has said that."""

    class Listening(list[str]):
        def append(self, line: str) -> None:
            if line.startswith(after):
                os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    outcome = train(job(made, out, Listening()))
    assert signal.getsignal(signal.SIGTERM) is before
    return outcome.stopped


def test_a_run_asked_to_stop_saves_where_it_is_and_can_be_made_a_model(below: Path, tmp_path: Path) -> None:
    made = recipe(below, save_steps=100)
    assert stopped_at(made, tmp_path / "run", after="all 3/4") == ("all", 3)
    assert [path.name for path in checkpoints.whole(tmp_path / "run/1-all")] == ["checkpoint-3"]
    consolidate(tmp_path / "run", tmp_path / "model")
    assert changed(model_folder(below), tmp_path / "model") >= {"language_model", "vision_tower"}

    said: list[str] = []
    train(job(made, tmp_path / "run", said))
    assert any("goes on from" in line and "checkpoint-3" in line for line in said)
    consolidate(tmp_path / "run/1-all/checkpoint-4", tmp_path / "end")
    assert changed(tmp_path / "end", tmp_path / "run/final") == set()


def test_a_loss_that_is_no_number_stops_and_names_its_records(below: Path, tmp_path: Path) -> None:
    mad = msgspec.structs.replace(ALL, learning_rate=1e30, learning_rates={}, max_grad_norm=0.0, warmup_ratio=0.0)
    made = recipe(below, mad, save_steps=1)
    with pytest.raises(
        UsageError, match=r"the loss of step \d is NaN or infinite, on micro-batch \d of process 0: toy/"
    ):
        train(job(made, tmp_path / "run"))
    kept = checkpoints.whole(tmp_path / "run/1-all")
    assert kept and all(torch.isfinite(one).all() for one in load_file(kept[-1] / "trained.safetensors").values())


def test_a_record_whose_image_is_gone_stops_with_its_place(below: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "set"
    shutil.copytree(toy_set(below), folder)
    gone = min(folder.rglob("*.png"))
    gone.unlink()
    source = msgspec.structs.replace(recipe(below).data.sources[0], path=str(folder))
    for workers in (0, 1):
        data = msgspec.structs.replace(recipe(below).data, sources=(source,), dataloader_num_workers=workers)
        made = recipe(below, msgspec.structs.replace(ALL, max_steps=None), data=data)
        with pytest.raises(UsageError, match=r"\.jsonl:\d+: .*" + gone.name) as raised:
            train(job(made, tmp_path / f"run{workers}"))
        assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"stages": (msgspec.structs.replace(ALL, learning_rate=2e-3),)}, "stages.0.learning_rate 0.001 there, 0.002"),
        ({"save_steps": 1, "logging_steps": 3, "gradient_checkpointing": True}, ""),
    ],
)
def test_a_folder_holds_one_recipe(below: Path, tmp_path: Path, changes: dict, said: str) -> None:
    out = tmp_path / "run"
    one = msgspec.structs.replace(ALL, max_steps=1)
    changes = {
        name: tuple(msgspec.structs.replace(stage, max_steps=1) for stage in value) if name == "stages" else value
        for name, value in changes.items()
    }
    train(job(recipe(below, one), out))
    other = msgspec.structs.replace(recipe(below, one), **changes)
    if not said:
        train(job(other, out))
        return
    with pytest.raises(UsageError, match="a run by another recipe") as raised:
        train(job(other, out))
    assert said in str(raised.value)
    train(job(other, out), overwrite=True)
    assert (out / "final/model.safetensors").exists()


def test_a_run_may_start_from_an_adapter(below: Path, tmp_path: Path) -> None:
    lora = msgspec.structs.replace(ALL, lora=Lora(r=4, alpha=8), train=("projector", "llm"), max_steps=1)
    adapter = train(job(recipe(below, lora), tmp_path / "first")).model
    made = msgspec.structs.replace(recipe(below, lora), model=Model(path=str(adapter)))
    train(job(made, tmp_path / "second"))
    assert changed(model_folder(below), tmp_path / "second/start") <= {"multi_modal_projector", "language_model"}
    load.adapted(tmp_path / "second/final")


def test_noise_on_words_is_off_unless_asked_for(below: Path, tmp_path: Path) -> None:
    losses = []
    for number, alpha in enumerate((None, None, 5.0)):
        stage = msgspec.structs.replace(ALL, max_steps=2, neftune_noise_alpha=alpha)
        train(job(recipe(below, stage), tmp_path / str(number)))
        losses.append(metrics(tmp_path / str(number) / "1-all", "loss"))
    assert losses[0] == losses[1] != losses[2]


def test_what_to_lower_is_named_where_memory_is_short(below: Path, tmp_path: Path) -> None:
    facts = Facts(rows=1, tokens=1, fill=1.0, padding=0.0, most_tokens=900, most_crops=7)
    stage = msgspec.structs.replace(ALL, per_device_train_batch_size=4)
    said = no_room(job(recipe(below), tmp_path), stage, facts, "micro-batch 3")
    for word in (
        "micro-batch 3",
        "900 tokens and 7 crops",
        "batch_size (now 4;",
        "(now 700 and 700)",
        "gradient_checkpointing",
    ):
        assert word in said
    assert "zero3" in said and "lora" in said and len(said.splitlines()) == 1


def test_a_folder_of_something_else_is_left_alone(below: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="no training run"):
            train(job(recipe(below), tmp_path), overwrite=overwrite)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_weights_that_are_no_numbers_are_never_saved(below: Path, tmp_path: Path) -> None:
    """The loss of the step that spoils them is still one."""
    mad = msgspec.structs.replace(ALL, learning_rate=float("inf"), learning_rates={}, max_steps=1, warmup_ratio=0.0)
    with pytest.raises(UsageError, match=r"weights are NaN or infinite after step 1; .* there is no checkpoint before"):
        train(job(recipe(below, mad), tmp_path / "run"))
    assert not [*(tmp_path / "run/1-all").glob("checkpoint-*")] and not (tmp_path / "run/final").exists()


def test_a_worker_that_is_killed_is_one_line(below: Path, tmp_path: Path) -> None:
    class Murderous(list[str]):
        def append(self, line: str) -> None:
            if line.startswith("all 1/"):
                for child in multiprocessing.active_children():
                    child.kill()

    data = msgspec.structs.replace(recipe(below).data, dataloader_num_workers=1)
    stage = msgspec.structs.replace(ALL, max_steps=40)
    with pytest.raises(UsageError, match=r"lower data\.dataloader_num_workers \(now 1\)") as raised:
        train(job(recipe(below, stage, data=data), tmp_path / "run", Murderous()))
    assert len(str(raised.value).splitlines()) == 1


def test_an_evaluation_that_cannot_be_is_said_before_the_model_is_loaded(below: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(UsageError, match="no such folder"):
        train(job(recipe(below, eval=Evaluation(path=str(tmp_path / "gone"))), tmp_path / "run", said))
    assert not any("learns" in line for line in said)


def test_memory_that_is_short_after_the_last_micro_batch_is_one_line(below: Path, tmp_path: Path) -> None:
    def greedy(record: Record, text: str) -> Score:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    held = Evaluation(path=str(toy_set(below)), split="train", records=1, max_new_tokens=2)
    with pytest.raises(UsageError, match=r"out of memory at micro-batch 3 of process 0: toy/"):
        train(replace(job(recipe(below, eval=held), tmp_path / "run"), scorer=greedy))


def test_nothing_is_left_where_checkpoints_were_on_their_way(below: Path, tmp_path: Path) -> None:
    train(job(recipe(below), tmp_path / "run"))
    assert not (tmp_path / "run/1-all/.saving").exists()


def test_short_memory_of_this_machine_is_known_by_its_words() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    assert is_no_room(raised.value)
    assert not is_no_room(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.parametrize(
    ("learning", "lora"), [(("projector",), None), (("vision",), None), (("projector", "vision"), Lora(r=2))]
)
def test_a_stage_without_the_language_model_passes_over_words_alone(below, tmp_path, learning, lora) -> None:
    """One sample a micro-batch, a quarter of them without an image."""
    stage = msgspec.structs.replace(ALL, train=learning, lora=lora, max_steps=12)
    data = msgspec.structs.replace(recipe(below).data, batching="padded")
    train(job(recipe(below, stage, data=data), tmp_path / "run"))
    assert 0.0 in [norm for (norm,) in metrics(tmp_path / "run/1-all", "grad_norm")]
