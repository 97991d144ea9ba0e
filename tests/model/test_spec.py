"""Architectures in numbers, held against models that transformers builds without making their weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

from georsmllm.errors import UsageError
from georsmllm.model import anyres, sidecars
from georsmllm.model.save import published_name
from georsmllm.model.spec import Spec, Text, Vision, of_folder, published

pytestmark = pytest.mark.filterwarnings("default")


def empty(config: LlavaOnevisionConfig) -> LlavaOnevisionForConditionalGeneration:
    with torch.device("meta"):
        return LlavaOnevisionForConditionalGeneration(config)


def counted(model: LlavaOnevisionForConditionalGeneration) -> dict[str, int]:
    """Numbers of each module; tied weights once."""
    sums = dict.fromkeys(("projector", "llm", "vision"), 0)
    for name, tensor in model.named_parameters():
        module = (
            "vision"
            if "vision_tower" in name
            else "llm"
            if "language_model" in name or "lm_head" in name
            else "projector"
        )
        sums[module] += tensor.numel()
    return sums


SPECS = st.builds(
    lambda width, heads, groups, layers, vocab, tied, tower, head, bias, taken: Spec(
        text_config=Text(
            hidden_size=8 * width * heads,
            intermediate_size=24 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=max(1, heads // groups),
            vocab_size=vocab,
            tie_word_embeddings=tied,
        ),
        vision_config=Vision(
            hidden_size=12 * tower,
            intermediate_size=20 * tower,
            num_hidden_layers=tower,
            num_attention_heads=4,
            image_size=14 * (tower + 1) + tower,  # not always whole patches
            patch_size=14,
            vision_use_head=head,
        ),
        multimodal_projector_bias=bias,
        vision_feature_layer=taken,
    ),
    st.integers(1, 3),
    st.sampled_from((2, 4)),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(200, 300),
    st.booleans(),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from((-1, [-1, -2])),
)


@settings(max_examples=30)
@given(SPECS)
def test_parameters_are_those_of_the_model_that_transformers_builds(spec: Spec) -> None:
    plain = msgspec.to_builtins(spec)
    for part in ("text_config", "vision_config"):
        plain[part] = {key: value for key, value in plain[part].items() if value is not None}
    plain.pop("model_type")
    assert spec.parameters() == counted(empty(LlavaOnevisionConfig(**plain)))


PUBLISHED_TEXT = {
    "7b": {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_hidden_layers": 28,
           "num_key_value_heads": 4, "vocab_size": 152128},
    "0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14, "num_hidden_layers": 24,
             "num_key_value_heads": 2, "vocab_size": 152000, "tie_word_embeddings": True},
}  # fmt: skip


@pytest.mark.parametrize(("name", "billions"), [("7b", "8.03"), ("0.5b", "0.894")])
def test_the_published_layouts(name: str, billions: str) -> None:
    spec = published(name)
    assert f"{spec.num_parameters / 1e9:.{len(billions) - 2}f}" == billions
    assert round(spec.parameters()["vision"] / 1e9, 3) == 0.398
    model = empty(LlavaOnevisionConfig(text_config={"model_type": "qwen2", **PUBLISHED_TEXT[name]}))
    assert counted(model) == spec.parameters()
    shapes = {published_name(key): tuple(one.shape) for key, one in model.state_dict().items()}
    text = spec.text
    width, vocab = text.hidden_size, text.vocab_size
    expected = {
        "image_newline": (width,),
        "multi_modal_projector.linear_1.weight": (width, 1152),
        "multi_modal_projector.linear_2.bias": (width,),
        "language_model.lm_head.weight": (vocab, width),
        "language_model.model.embed_tokens.weight": (vocab, width),
        "language_model.model.norm.weight": (width,),
        f"language_model.model.layers.{text.num_hidden_layers - 1}.self_attn.k_proj.weight": (text.key_size, width),
        "language_model.model.layers.0.self_attn.q_proj.bias": (width,),
        "language_model.model.layers.0.mlp.down_proj.weight": (width, text.intermediate_size),
        "vision_tower.vision_model.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
        "vision_tower.vision_model.embeddings.position_embedding.weight": (729, 1152),
        "vision_tower.vision_model.encoder.layers.25.mlp.fc1.weight": (4304, 1152),
        "vision_tower.vision_model.encoder.layers.25.self_attn.out_proj.bias": (1152,),
        "vision_tower.vision_model.post_layernorm.weight": (1152,),
    }
    assert {key: shapes.get(key) for key in expected} == expected
    forms = {re.sub(r"\.\d+\.", ".N.", key) for key in shapes}
    assert len(shapes) == 3 + 12 * text.num_hidden_layers + 5 + 16 * 26 + 5
    assert sorted(forms)[:1] == ["image_newline"]
    assert not [form for form in forms if "layers.26" in form or "head." in form.replace("lm_head.", "")]


def test_the_published_processor_settings(tmp_path: Path) -> None:
    from transformers import LlavaOnevisionImageProcessorPil

    sidecars.write_processor(tmp_path, anyres.published(), sidecars.Colours())
    settings = json.loads((tmp_path / "processor_config.json").read_text())
    grids = settings["image_processor"]["image_grid_pinpoints"]
    assert grids == LlavaOnevisionImageProcessorPil().image_grid_pinpoints
    assert grids == LlavaOnevisionConfig().image_grid_pinpoints
    assert settings["image_processor"]["size"] == {"height": 384, "width": 384}
    assert settings["image_processor"]["image_mean"] == settings["image_processor"]["image_std"] == [0.5] * 3
    assert (settings["num_image_tokens"], settings["vision_aspect_ratio"]) == (729, "anyres_max_9")
    assert anyres.of_folder(tmp_path) == anyres.published()


def test_what_a_published_config_leaves_out_is_the_default_of_transformers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llava_onevision"}')
    assert of_folder(tmp_path).parameters() == counted(empty(LlavaOnevisionConfig()))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "no such file"),
        ("{", "expected the configuration of a LLaVA-OneVision model"),
        (
            '{"model_type": "llava_next"}',
            "expected a llava_onevision model of qwen2 and siglip_vision_model, got llava_next",
        ),
        (
            '{"model_type": "llava_onevision", "text_config": {"model_type": "llama"}}',
            "got llava_onevision of llama and",
        ),
        ('{"model_type": "llava_onevision", "text_config": {"hidden_size": "wide"}}', r"\$.text_config.hidden_size"),
    ],
)
def test_other_configurations_are_named(tmp_path: Path, written: str | None, said: str) -> None:
    if written is not None:
        (tmp_path / "config.json").write_text(written)
    with pytest.raises(UsageError, match=said):
        of_folder(tmp_path)


EVERYTHING = ("projector", "llm", "vision")


def test_a_long_text_costs_six_operations_a_weight_and_token_when_all_learns() -> None:
    spec = published("7b")
    weights = spec.parameters()["llm"] - spec.embedding  # a lookup costs nothing
    attention = 3 * 2 * 28 * 1000**2 * 3584
    assert spec.flops([1000], 0, train=EVERYTHING) == pytest.approx(6 * weights * 1000 + attention, rel=1e-3)


def test_forward_alone_costs_a_third() -> None:
    spec = published("0.5b")
    assert spec.flops([700, 20], 5) == pytest.approx(spec.flops([700, 20], 5, train=EVERYTHING) / 3, rel=0.01)


def test_what_is_frozen_costs_less_and_sequences_that_do_not_see_each_other_too() -> None:
    spec = published("7b")
    costs = [
        spec.flops([4000], 5),
        spec.flops([4000], 5, train=("llm",), adapters=("llm",)),
        spec.flops([4000], 5, train=("projector",)),  # gradients pass the language model, too
        spec.flops([4000], 5, train=("llm",)),
        spec.flops([4000], 5, train=EVERYTHING),
    ]
    assert costs == sorted(costs)
    assert len({*costs}) == 5
    assert spec.flops([2000, 2000], 5) < spec.flops([4000], 5)


def test_the_arithmetic_is_what_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    spec = Spec(
        image_token_index=9,
        text_config=Text(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=256),
        vision_config=Vision(hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                             image_size=28, patch_size=14, vision_use_head=False),
    )  # fmt: skip
    plain = json.loads(msgspec.json.encode(spec))
    plain["text_config"].pop("head_dim")
    config = LlavaOnevisionConfig(**plain, image_grid_pinpoints=[[28, 28]])
    model = LlavaOnevisionForConditionalGeneration(config).train()
    model.set_attn_implementation("eager")  # its matrix products are counted one by one, the masked half among them
    ids = torch.tensor([[9] * 10 + [1] * 30])
    with FlopCounterMode(display=False) as counter:
        loss = model(
            input_ids=ids, labels=ids, pixel_values=torch.zeros(2, 3, 28, 28), image_sizes=torch.tensor([[28, 28]]),
            batch_num_images=torch.tensor([1]),
        ).loss  # fmt: skip
        loss.backward()
    masked = 3 * 2 * 2 * 40**2 * 64
    assert spec.flops([40], 2, train=EVERYTHING) + masked == pytest.approx(counter.get_total_flops(), rel=0.01)
