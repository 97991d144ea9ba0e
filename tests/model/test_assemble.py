"""Models from parts: every weight where it belongs, bit by bit, and parts that do not fit named in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipConfig,
    SiglipModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    set_seed,
)

from georsmllm.errors import UsageError
from georsmllm.model import anyres, load, save, soundness
from georsmllm.model.assemble import Options, assemble, start_from
from georsmllm.model.tiny import train_tokenizer
from georsmllm.model.tokens import Chat

pytestmark = pytest.mark.filterwarnings("default")

TOWER = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 28,
         "patch_size": 14}  # fmt: skip
WORDS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 99,
         "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip


def language_model(
    out: Path, *, tied: bool, vocab_size: int, num_words: int, dtype: torch.dtype = torch.float32
) -> Path:
    """A Qwen2 as its authors publish it: without <image>."""
    set_seed(1)
    config = Qwen2Config(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=vocab_size,
        tie_word_embeddings=tied,
        rope_parameters={"rope_type": "default", "rope_theta": 5e5},
    )
    Qwen2ForCausalLM(config).to(dtype).save_pretrained(out)
    tokenizer = train_tokenizer(["the ships in the harbour, storage tanks beside a road, [(1,2),(3,4)]"] * 3, num_words)
    plain = json.loads(tokenizer.to_str())
    plain["added_tokens"] = [one for one in plain["added_tokens"] if one["content"] not in ("<image>", "<video>")]
    (out / "tokenizer.json").write_text(json.dumps(plain))
    return out


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(tmp_path_factory.mktemp("llm") / "untied", tied=False, vocab_size=320, num_words=300)


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vision") / "whole"
    set_seed(2)
    SiglipModel(SiglipConfig(vision_config=TOWER, text_config=WORDS)).save_pretrained(out)
    look = {
        "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.25, 0.3],
        "image_processor_type": "SiglipImageProcessor",
    }
    (out / "preprocessor_config.json").write_text(json.dumps(look))
    return out


def test_parts_become_a_model_weight_by_weight(llm: Path, vision: Path, tmp_path: Path) -> None:
    out = assemble(llm, vision, tmp_path / "out", Options(max_grid=3))
    got, words, sight = (load_file(folder / "model.safetensors") for folder in (out, llm, vision))
    for name, tensor in words.items():
        assert torch.equal(got.pop(f"language_model.{name}"), tensor), name
    fresh = [got.pop(name) for name in sorted(got) if name.startswith(("multi_modal_projector", "image_newline"))]
    assert [tuple(one.shape) for one in fresh] == [(64,), (64,), (64, 48), (64,), (64, 64)]
    assert all(one.abs().max() > 0 for one in fresh)
    for name, tensor in got.items():
        assert torch.equal(tensor, sight[name.removeprefix("vision_tower.")]), name
    assert not [name for name in got if "head" in name or "layers.2." in name]
    model = load.model(out)
    assert model.config.vision_config.num_hidden_layers == 2
    assert model.config.vision_feature_layer == -1
    assert model.config.text_config.rope_parameters["rope_theta"] == 5e5
    assert model.dtype == torch.float32
    assert anyres.of_folder(out) == anyres.of_tower(28, 14, max_grid=3)
    images = load.processor(out).image_processor
    assert (list(images.image_mean), list(images.image_std)) == ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3])


def test_the_tower_sees_what_the_original_sees_one_layer_before_its_end(llm: Path, tmp_path: Path) -> None:
    set_seed(3)
    alone = SiglipVisionModel(SiglipVisionConfig(**TOWER)).eval()
    alone.save_pretrained(tmp_path / "tower")
    model = load.model(assemble(llm, tmp_path / "tower", tmp_path / "out", Options(max_grid=1)))
    pixels = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        theirs = alone(pixels, output_hidden_states=True).hidden_states[-2]
        ours = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(ours, theirs)


def test_all_layers_stay_where_none_is_dropped(llm: Path, vision: Path, tmp_path: Path) -> None:
    out = assemble(llm, vision, tmp_path / "out", Options(max_grid=1, drop_layers=0))
    assert load.model(out).config.vision_config.num_hidden_layers == 3


@pytest.mark.parametrize(
    ("tied", "vocab_size", "num_words", "rows"),
    [
        (True, 320, 300, 320),  # 305 ids have room: nothing grows, as with Qwen2's padded vocabulary
        (True, 303, 300, 320),  # 305 ids: up to the next multiple of 64
        (False, 303, 300, 320),
    ],
)
def test_the_vocabulary_grows_once_and_only_where_it_must(
    vision: Path, tmp_path: Path, tied: bool, vocab_size: int, num_words: int, rows: int
) -> None:
    llm = language_model(tmp_path / "llm", tied=tied, vocab_size=vocab_size, num_words=num_words)
    out = assemble(llm, vision, tmp_path / "out", Options(max_grid=2))
    chat, model = Chat.of_folder(out), load.model(out)
    config = model.config
    assert (config.text_config.vocab_size, config.tie_word_embeddings, config.text_config.tie_word_embeddings) == (
        rows, tied, tied
    )  # fmt: skip
    table = model.get_input_embeddings().weight
    before = load_file(llm / "model.safetensors")["model.embed_tokens.weight"]
    assert torch.equal(table[:vocab_size], before)
    assert torch.allclose(table[vocab_size:], before.mean(0).expand(rows - vocab_size, -1))
    assert (table.data_ptr() == model.lm_head.weight.data_ptr()) == tied
    assert (chat.image, config.image_token_index, chat.tokenizer.token_to_id("<video>")) == (303, 303, 304)
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (chat.end, chat.pad)


def test_the_type_is_the_language_models_or_the_one_asked_for(vision: Path, tmp_path: Path) -> None:
    llm = language_model(tmp_path / "llm", tied=True, vocab_size=320, num_words=300, dtype=torch.bfloat16)
    assert load.model(assemble(llm, vision, tmp_path / "a")).dtype == torch.bfloat16
    assert load.model(assemble(llm, vision, tmp_path / "b", Options(dtype="float32"))).dtype == torch.float32


def test_the_seed_is_the_projectors(llm: Path, vision: Path, tmp_path: Path) -> None:
    one, two, other = (
        load_file(assemble(llm, vision, tmp_path / name, Options(seed=seed)) / "model.safetensors")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert {name.split(".")[0] for name in changed} == {"multi_modal_projector", "image_newline"}


def test_weights_pass_in_shards(llm: Path, vision: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load.model(assemble(llm, vision, tmp_path / "whole")).state_dict()
    monkeypatch.setattr(save, "SHARD_BYTES", 100_000)
    out = assemble(llm, vision, tmp_path / "shards")
    assert len(soundness.weight_files(out)) > 3
    assert all(torch.equal(tensor, whole[name]) for name, tensor in load.model(out).state_dict().items())
    again = assemble_from_shards = start_from(out, tmp_path / "again")
    assert all(torch.equal(tensor, whole[name]) for name, tensor in load.model(again).state_dict().items())
    assert (assemble_from_shards / "chat_template.jinja").is_file()


def as_transformers_4_wrote_it(folder: Path) -> None:
    """The files of llava-hf's repositories: two processor files, a template in the tokenizer's."""
    processor = json.loads((folder / "processor_config.json").read_text())
    images = processor.pop("image_processor")
    processor.pop("video_processor")
    (folder / "preprocessor_config.json").write_text(json.dumps({**images, "image_mean": [0.1, 0.2, 0.3]}))
    (folder / "processor_config.json").write_text(json.dumps(processor))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "chat_template": "theirs"}))
    (folder / "chat_template.jinja").unlink()
    (folder / "generation_config.json").unlink()


def test_a_published_model_gets_our_files_and_keeps_its_weights(mini: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(mini, tmp_path / "published"))
    as_transformers_4_wrote_it(source)
    out = start_from(source, tmp_path / "out")
    assert (out / "model.safetensors").read_bytes() == (mini / "model.safetensors").read_bytes()
    for name in ("chat_template.jinja", "tokenizer_config.json", "generation_config.json", "tokenizer.json"):
        assert (out / name).read_bytes() == (mini / name).read_bytes(), name
    assert list(load.processor(out).image_processor.image_mean) == [0.1, 0.2, 0.3]
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in mini.iterdir())


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def configured(**changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return edit


def lacking(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        weights.pop(name)
        save_file(weights, folder / "model.safetensors")

    return edit


def sound(folder: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil_llm", "spoil_vision", "said"),
    [
        (configured(model_type="llama"), sound, "is a llama model .*; expected Qwen2ForCausalLM"),
        (configured(architectures=["Qwen2ForRewardModel"]), sound, r"a qwen2 model \(Qwen2ForRewardModel\); expected"),
        (sound, configured(model_type="clip"), "is a clip model; expected SigLIP, whole or its vision part"),
        (without("config.json"), sound, r"has no config\.json; expected the folder of a model"),
        (without("tokenizer.json"), sound, "holds no tokenizer"),
        (without("model.safetensors"), sound, r"has no model\.safetensors"),
        (sound, without("model.safetensors"), r"has no model\.safetensors"),
        (configured(hidden_size=128), sound, r"is \(320, 64\), by its config\.json it would be \(320, 128\)"),
        (configured(vocab_size=300), sound, r"is \(320, 64\), by its config\.json it would be \(300, 64\)"),
        (configured(num_hidden_layers=1), sound, r"config\.json.*num_hidden_layers"),
        (
            configured(num_hidden_layers=1, layer_types=None),
            sound,
            r"config\.json knows nothing of: language_model\.model\.layers\.1\.",
        ),
        (lacking("model.norm.weight"), sound, r"no weights for language_model\.model\.norm\.weight"),
        (sound, lacking("vision_model.post_layernorm.bias"), r"no weights for vision_tower\..*post_layernorm\.bias"),
    ],
)
def test_parts_that_do_not_fit_are_one_line(
    llm: Path, vision: Path, tmp_path: Path, spoil_llm: Callable, spoil_vision: Callable, said: str
) -> None:
    parts = [Path(shutil.copytree(part, tmp_path / name)) for part, name in ((llm, "llm"), (vision, "vision"))]
    spoil_llm(parts[0])
    spoil_vision(parts[1])
    with pytest.raises(UsageError, match=said) as raised:
        assemble(parts[0], parts[1], tmp_path / "out", Options(max_grid=1))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_tower_keeps_a_layer(llm: Path, vision: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 3 layers, of which 3 go"):
        assemble(llm, vision, tmp_path / "out", Options(drop_layers=3))
