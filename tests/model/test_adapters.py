"""Adapters: on the layers that are named, with the modules that are named, the same merged and unmerged, on one base only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from georsmllm.errors import UsageError
from georsmllm.model import adapters, load, tiny
from georsmllm.model.places import base_of
from georsmllm.train.recipe import MODULES, Lora

pytestmark = pytest.mark.filterwarnings("default")


def learnt(folder: Path, lora: Lora, train: tuple = MODULES) -> object:
    """An adapter whose every number is away from its start."""
    model = adapters.attach(load.model(folder), lora, train, seed=1)
    torch.manual_seed(2)
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.add_(torch.randn_like(one) * 0.05)
    return model.eval()


def asked(folder: Path) -> dict:
    processor = load.processor(folder)
    images = [[Image.effect_noise((100, 60), 60).convert("RGB")]]
    return processor(images=images, text=["<image>\n[count] Ships?"], return_tensors="pt")


@torch.no_grad()
def logits(model: torch.nn.Module, inputs: dict) -> torch.Tensor:
    return model(**inputs).logits


LORAS = {
    "lora": Lora(r=4, alpha=8, dropout=0.1),
    "rslora": Lora(r=4, alpha=8, rslora=True, modules_to_save=()),
    "dora": Lora(r=4, alpha=8, dora=True, modules_to_save=("projector", "embeddings", "head")),
}


@pytest.mark.parametrize("name", LORAS)
def test_an_adapter_says_the_same_saved_and_merged(name: str, mini: Path, tmp_path: Path) -> None:
    model, inputs = learnt(mini, LORAS[name]), asked(mini)
    expected = logits(model, inputs)
    assert (expected - logits(load.model(mini), inputs)).abs().max() > 0.1
    saved = adapters.save_adapter(model, mini, tmp_path / "adapter")
    unmerged = load.adapted(saved)
    assert torch.allclose(logits(unmerged, inputs), expected, atol=2e-4)
    merged = load.model(adapters.merge(saved, tmp_path / "merged"))
    assert torch.allclose(logits(merged, inputs), expected, atol=2e-4)
    answers = [one.generate(**inputs, max_new_tokens=8, do_sample=False) for one in (unmerged, merged)]
    assert torch.equal(*answers)


@pytest.mark.parametrize(
    ("train", "towers", "whole"),
    [
        (("projector", "llm", "vision"), {"language_model", "vision_tower"}, True),
        (("projector", "llm"), {"language_model"}, True),
        (("llm",), {"language_model"}, False),
        (("vision",), {"vision_tower"}, False),
    ],
)
def test_adapters_lie_where_the_stage_learns(mini: Path, train: tuple, towers: set, whole: bool) -> None:
    model = adapters.attach(load.model(mini), LORAS["lora"], train)
    names = [name for name, one in model.named_parameters() if one.requires_grad]
    assert {part for part in ("language_model", "vision_tower") if any(part in name for name in names)} == towers
    assert any("multi_modal_projector" in name for name in names) == whole
    assert all("lora_" in name or "modules_to_save" in name for name in names)
    low_rank = sum(one.numel() for name, one in model.named_parameters() if "lora_" in name)
    assert low_rank == adapters.adapter_parameters(tiny.size("mini").spec, LORAS["lora"], train)


def test_targets_by_name_and_their_like_in_the_tower(mini: Path) -> None:
    lora = Lora(r=2, targets=("q_proj", "o_proj", "down_proj"), dora=True)
    model = adapters.attach(load.model(mini), lora, ("llm", "vision"))
    layers = {name.split(".lora_A")[0].rsplit(".", 1)[1] for name, _ in model.named_parameters() if ".lora_A" in name}
    assert layers == {"q_proj", "o_proj", "down_proj", "out_proj", "fc2"}
    low_rank = sum(one.numel() for name, one in model.named_parameters() if "lora_" in name)
    assert low_rank == adapters.adapter_parameters(tiny.size("mini").spec, lora, ("llm", "vision"))


def test_the_same_seed_starts_the_same_adapters(mini: Path) -> None:
    one, two, other = (
        adapters.attach(load.model(mini), LORAS["lora"], MODULES, seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_layer_that_is_not_there_is_named(mini: Path) -> None:
    with pytest.raises(UsageError, match=r"no linear layer is called 'q_projj'; did you mean q_proj"):
        adapters.targets(Lora(targets=("q_projj",)), ("llm",))
    with pytest.raises(UsageError, match="name no layer of vision"):
        adapters.targets(Lora(targets=("gate_proj",)), ("vision",))


def test_tied_embeddings_are_not_trained_as_two(tmp_path: Path) -> None:
    demo = tiny.make("demo", tmp_path / "demo")
    with pytest.raises(UsageError, match="ties into one matrix"):
        adapters.attach(load.model(demo), Lora(modules_to_save=("head",)), MODULES)


@pytest.fixture
def saved(mini: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An adapter and its base, both to be moved."""
    base = Path(shutil.copytree(mini, tmp_path / "base"))
    model = learnt(base, LORAS["lora"])
    return adapters.save_adapter(model, base, tmp_path / "adapter"), base


def test_a_base_that_moved_is_named_and_can_be_given(saved: tuple[Path, Path], tmp_path: Path) -> None:
    adapter, base = saved
    base.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"the base of the adapter .* is gone: no such folder: .*; .* is --base"):
        load.adapted(adapter)
    load.adapted(adapter, base=tmp_path / "moved")


def test_another_base_is_refused(saved: tuple[Path, Path], tmp_path: Path) -> None:
    adapter, base = saved
    other = tiny.make("mini", tmp_path / "other", seed=5)
    with pytest.raises(UsageError, match=r"is not the model that the adapter .* was trained on"):
        adapters.merge(adapter, tmp_path / "merged", base=other)
    assert not (tmp_path / "merged").exists()
    shutil.rmtree(base)
    other.rename(base)
    with pytest.raises(UsageError, match="another hash"):
        load.adapted(adapter)


def test_an_adapter_in_parts_is_refused(saved: tuple[Path, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    adapter, _ = saved
    weights = load_file(adapter / "adapter_model.safetensors")
    gone = next(iter(weights))
    weights.pop(gone)
    save_file(weights, adapter / "adapter_model.safetensors")
    with pytest.raises(UsageError, match="its weights lack"):
        load.adapted(adapter)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"has no adapter_model\.safetensors"):
        load.adapted(adapter)
    with pytest.raises(UsageError, match=r"has no adapter_config\.json; expected an adapter"):
        load.adapted(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"r": 8}, "the adapter does not fit .*size mismatch"),
        ({"target_modules": "nothing"}, "the adapter does not fit .*No modules were targeted|Target modules"),
        ({"target_modules": "((a"}, "the adapter does not fit .*unterminated"),
        ({"peft_type": "PREFIX_TUNING"}, r"'PREFIX_TUNING' - at `\$\.peft_type`"),
        ({"r": 0}, r">= 1 - at `\$\.r`"),
    ],
)
def test_an_adapter_of_another_kind_or_shape_is_one_line(
    saved: tuple[Path, Path], wrong: dict[str, object], said: str
) -> None:
    path = saved[0] / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(UsageError, match=said) as raised:
        load.adapted(saved[0])
    assert "\n" not in str(raised.value)


def test_a_strangers_adapter_is_found_by_its_configuration(saved: tuple[Path, Path], tmp_path: Path) -> None:
    adapter, base = saved
    (adapter / "base.json").unlink()
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert base_of(adapter) == base
    config["base_model_name_or_path"] = None
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="does not say which model it belongs on"):
        base_of(adapter)
