"""Damaged or mismatched folders: each is one line that names the file, before or instead of a model."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file, save_file

from georsmllm.errors import UsageError
from georsmllm.model import load, soundness
from georsmllm.model.adapters import attach
from georsmllm.train.recipe import Lora

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def broken(mini: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(mini, tmp_path / "broken"))


def change(path: Path, edit: Callable[[dict], object]) -> None:
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def change_weights(folder: Path, edit: Callable[[dict], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_short(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1000])


def no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"<html>not found</html>" * 10)


def a_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"git")


def a_shard_gone(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def one_missing(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop("multi_modal_projector.linear_1.weight"))


def one_too_many(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.update({"language_model.model.layers.7.x": torch.zeros(1)}))


def another_shape(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.update({"multi_modal_projector.linear_1.bias": torch.zeros(9)}))


def too_few_embeddings(folder: Path) -> None:
    change(folder / "config.json", lambda config: config["text_config"].update(vocab_size=100))


def a_contradiction(folder: Path) -> None:
    change(folder / "config.json", lambda config: config["text_config"].update(layer_types=["full_attention"]))


def another_image_token(folder: Path) -> None:
    change(folder / "config.json", lambda config: config.update(image_token_index=5))


def other_grids(folder: Path) -> None:
    change(folder / "config.json", lambda config: config["image_grid_pinpoints"].pop())


def another_tower(folder: Path) -> None:
    change(folder / "processor_config.json", lambda config: config.update(num_image_tokens=9))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def no_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def of_config(**settings: object) -> Callable[[Path], None]:
    return lambda folder: change(folder / "config.json", lambda config: config.update(settings))


def of_part(part: str, **settings: object) -> Callable[[Path], None]:
    return lambda folder: change(folder / "config.json", lambda config: config[part].update(settings))


def of_images(**settings: object) -> Callable[[Path], None]:
    return lambda folder: change(
        folder / "processor_config.json", lambda config: config["image_processor"].update(settings)
    )


def a_shard_elsewhere(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    shutil.copyfile(folder / "model.safetensors", outside)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"a": f"../{outside.name}"}})
    )


def nested_without_end(folder: Path) -> None:
    (folder / "config.json").write_text('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_shard_elsewhere, r"names '\.\./outside\.safetensors'; expected files that lie beside it"),
        (nested_without_end, r"config\.json: maximum recursion depth exceeded"),
        (of_config(quantization_config={"quant_method": "gptq", "bits": 4}), "expected weights of full precision"),
        (of_config(vision_feature_select_strategy="default"), "'default' - at .*vision_feature_select_strategy"),
        (of_config(vision_feature_layer=7), "vision_feature_layer 7, its tower has 2 layers"),
        (of_config(dtype="int4"), r"'int4' - at `\$\.dtype`"),
        (of_part("text_config", num_attention_heads=0), r">= 1 - at `\$\.text_config\.num_attention_heads`"),
        (of_part("vision_config", patch_size=0), r">= 1 - at `\$\.vision_config\.patch_size`"),
        (of_images(image_grid_pinpoints=[]), "length >= 1 - at .*image_grid_pinpoints"),
        (of_images(image_grid_pinpoints=[[28, 30]]), "image_grid_pinpoints to be whole crops"),
        (of_images(size={"height": 56, "width": 28}), "expected size to be a square"),
        (no_weights, r"has no model\.safetensors and no model\.safetensors\.index\.json; it holds "),
        (pickled, r"pytorch_model\.bin, a pickle, which may run code; only safetensors are read: .* save_pretrained"),
        (cut_short, r"model\.safetensors: expected \d+ bytes, got \d+; a download or a copy was cut short"),
        (no_safetensors, r"model\.safetensors: no safetensors file"),
        (a_pointer, r"model\.safetensors: no safetensors file"),
        (a_shard_gone, r"model-00001-of-00002\.safetensors of 2 weight files is missing"),
        (one_missing, "its weights lack .*linear_1.weight, which config.json asks for"),
        (one_too_many, r"its weights have .*layers\.7\.x, which config.json knows nothing of"),
        (another_shape, r"its weights and config.json give .*linear_1\.bias different shapes"),
        (too_few_embeddings, "the tokenizer has 448 ids, the model embeds 100"),
        (a_contradiction, r"config\.json contradicts itself: .*num_hidden_layers"),
        (another_image_token, "<image> is id 446 of the tokenizer, config.json has image_token_index 5"),
        (other_grids, "image_grid_pinpoints or vision_aspect_ratio of config.json and of the processor differ"),
        (
            another_tower,
            "cuts crops of 28 px into 3 x 3 features, the tower of config.json takes 28 px in patches of 14",
        ),
        (no_tokenizer, r"has no tokenizer\.json"),
        (no_processor, r"has no processor_config\.json"),
        (no_config, r"no such file: .*config\.json; expected the folder of a model"),
    ],
)
def test_a_spoilt_folder_is_one_line(
    broken: Path, spoil: Callable[[Path], None], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(broken)
    with pytest.raises(UsageError, match=said) as raised:
        load.model(broken)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


def test_what_is_sound_loads_in_the_type_asked_for(mini: Path) -> None:
    assert load.model(mini).dtype == torch.float32
    assert load.model(mini, dtype="bfloat16", attn_implementation="eager").dtype == torch.bfloat16
    assert not load.model(mini, device="cpu").training


def test_the_folder_is_checked_without_torch(mini: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from georsmllm.model import load, soundness\n"
        f"soundness.check(Path({str(mini)!r})); load.resolve({str(mini)!r})\n"
        "print(sorted({'torch', 'transformers'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("package", "asked", "said"),
    [
        ("bitsandbytes", {"bits": 4}, "weights of 4 bits needs bitsandbytes: pip install bitsandbytes"),
        (
            "flash_attn",
            {"attn_implementation": "flash_attention_2"},
            "flash_attention_2 needs flash_attn: .* or take sdpa",
        ),
    ],
)
def test_what_is_not_installed_is_one_line(mini: Path, package: str, asked: dict, said: str) -> None:
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is here")
    with pytest.raises(UsageError, match=said):
        load.model(mini, **asked)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "no/such/folder", "nowhere"])
def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id(name: str) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load.resolve(name)


def test_a_hub_id_without_a_network_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="no folder nobody/nothing here, and as a hub id it cannot be had") as raised:
        load.resolve("nobody/nothing")
    assert "\n" not in str(raised.value)


def test_a_model_is_known_by_its_numbers_not_by_its_form(mini: Path, broken: Path) -> None:
    assert soundness.identity(mini) == soundness.identity(broken)
    change_weights(broken, lambda weights: weights["image_newline"].add_(1))
    assert soundness.identity(mini) != soundness.identity(broken)


def test_quantising_leaves_all_but_the_language_model_whole(mini: Path) -> None:
    """transformers matches these names from their start, or as an end."""
    held = tuple(load._HELD_WHOLE)
    linear = [name for name, one in load.model(mini).named_modules() if isinstance(one, torch.nn.Linear)]
    assert {name for name in linear if not name.startswith(held)} == {
        name for name in linear if name.startswith("model.language_model.")
    }


@pytest.mark.parametrize("bits", [4, 8])
def test_a_quantised_model_takes_adapters_and_a_whole_projector(mini: Path, bits: Literal[4, 8]) -> None:
    pytest.importorskip("bitsandbytes")
    both = attach(load.model(mini, dtype="bfloat16", bits=bits), Lora(r=4, bits=bits), ("projector", "llm"), seed=0)
    kinds = {type(one).__name__ for name, one in both.named_modules() if name.endswith(".q_proj.base_layer")}
    assert kinds == {"Linear4bit" if bits == 4 else "Linear8bitLt"}
    learning = {name.split(".")[-1] for name, one in both.named_parameters() if one.requires_grad}
    assert learning == {"weight", "bias"}, "of adapters and of the projector"
    assert any("multi_modal_projector" in name for name, one in both.named_parameters() if one.requires_grad)
