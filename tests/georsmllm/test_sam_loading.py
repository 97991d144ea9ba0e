"""SAM 2 from folders and from Meta's checkpoints: equal weights and logits, every name accounted for, damage in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Sam2Model, Sam2VideoConfig, Sam2VideoModel

from georsmllm import sam_tiny
from georsmllm.errors import UsageError
from georsmllm.sam import load as decoder
from georsmllm.sam_loading import model_of as load
from georsmllm.sam_weights import LAYOUTS, config_of, converted, model_of_checkpoint, size_of

NOWHERE = Path("sam2.pt")
HEADS = "iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps\\.[0-9]"
BACK = (  # transformers' names to Meta's, as sam2/modeling/ has them
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.([0-9])\.", r"image_encoder.neck.convs.\1.conv."),
    (r"^prompt_encoder\.", "sam_prompt_encoder."),
    (r"^mask_decoder\.", "sam_mask_decoder."),
    (r"^no_memory_embedding$", "no_mem_embed"),
    (r"patch_embed\.projection", "patch_embed.proj"),
    (r"mask_embed\.conv1", "mask_downscaling.0"),
    (r"mask_embed\.layer_norm1", "mask_downscaling.1"),
    (r"mask_embed\.conv2", "mask_downscaling.3"),
    (r"mask_embed\.layer_norm2", "mask_downscaling.4"),
    (r"mask_embed\.conv3", "mask_downscaling.6"),
    (r"upscale_conv1", "output_upscaling.0"),
    (r"upscale_layer_norm", "output_upscaling.1"),
    (r"upscale_conv2", "output_upscaling.3"),
    (r"\.o_proj\.", ".out_proj."),
    (r"layer_norm", "norm"),
    (r"shared_embedding\.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
    (rf"({HEADS})\.proj_out", r"\1.layers.2"),
    (rf"({HEADS})\.layers\.0", r"\1.layers.1"),
    (rf"({HEADS})\.proj_in", r"\1.layers.0"),
    (r"mlp\.proj_in", "mlp.layers.0"),
    (r"mlp\.proj_out", "mlp.layers.1"),
)
OF_VIDEOS = (
    "memory_attention.layers.0.norm1.weight", "memory_encoder.out_proj.weight", "maskmem_tpos_enc", "no_mem_pos_enc",
    "no_obj_ptr", "no_obj_embed_spatial", "mask_downsample.weight", "obj_ptr_proj.layers.0.weight", "obj_ptr_tpos_proj.bias",
)  # fmt: skip


def as_meta(model: Sam2Model) -> dict[str, torch.Tensor]:
    """The weights under Meta's names, with some of a video model's beside them."""
    state = {}
    for name, weight in model.state_dict().items():
        if name == "shared_image_embedding.positional_embedding":
            continue
        if name == "prompt_encoder.point_embed.weight":
            rows = {f"sam_prompt_encoder.point_embeddings.{i}.weight": weight[i : i + 1] for i in range(4)}
            state.update(rows)
            continue
        for pattern, old in BACK:
            name = re.sub(pattern, old, name)
        state[name] = weight
    return state | {name: torch.zeros(1) for name in OF_VIDEOS}


@pytest.fixture(scope="module")
def model() -> Sam2Model:
    return sam_tiny.model(spread=1.0)


@pytest.fixture
def folder(model: Sam2Model, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path / "sam")
    return tmp_path / "sam"


def logits(model: Sam2Model) -> torch.Tensor:
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor([[[10.0, 10, 60, 70]]])
    with torch.no_grad():
        return model(pixel_values=pixels, input_boxes=boxes, multimask_output=False).pred_masks


def equal(a: Sam2Model, b: Sam2Model) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return [*first] == [*second] and all(torch.equal(first[name], second[name]) for name in first)


def test_what_transformers_saved_is_loaded(model: Sam2Model, folder: Path) -> None:
    found = load(folder, device="cpu")
    assert equal(found.model, model)
    assert found.name == "sam"
    assert not found.model.training
    assert decoder(folder, device="cpu").title == "SAM 2 (sam)"


def test_a_video_folder_as_published_loads_into_the_image_model(model: Sam2Model, tmp_path: Path) -> None:
    small = sam_tiny.config()
    config = Sam2VideoConfig(
        vision_config=small.vision_config.to_dict(),
        prompt_encoder_config=small.prompt_encoder_config.to_dict(),
        mask_decoder_config=small.mask_decoder_config.to_dict(),
        image_size=128,
        memory_attention_hidden_size=32,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=8,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=64,
    )
    video = Sam2VideoModel(config)
    video.load_state_dict(model.state_dict(), strict=False)
    video.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "sam2_video"
    assert equal(load(tmp_path, device="cpu").model, model)


def test_meta_s_names_give_equal_weights_and_logits(model: Sam2Model, tmp_path: Path) -> None:
    torch.save({"model": as_meta(model)}, tmp_path / "sam2.pt")
    found = model_of_checkpoint(tmp_path / "sam2.pt", sam_tiny.config())
    assert equal(found, model)
    assert torch.equal(logits(found), logits(model))


@pytest.mark.parametrize("size", LAYOUTS)
def test_every_published_size_is_told_and_converted_whole(size: str) -> None:
    with torch.device("meta"):
        model = Sam2Model(config_of(size))
    state = as_meta(model)
    assert size_of(state, NOWHERE) == size
    shapes = {name: one.shape for name, one in model.state_dict().items()}
    assert {name: one.shape for name, one in converted(state, NOWHERE).items()} == shapes
    assert len(shapes) == {"tiny": 309, "small": 357, "base-plus": 453, "large": 741}[size]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("no_mem_embed"), "lacks no_memory_embedding"),
        (lambda state: state.pop("sam_mask_decoder.conv_s0.bias"), "lacks mask_decoder.conv_s0.bias"),
        (lambda state: state.update(surprise=torch.zeros(1)), "a weight called surprise is none of SAM 2"),
        (
            lambda state: state.update({"sam_mask_decoder.new": torch.zeros(1)}),
            "has, and no SAM 2 has, mask_decoder.new",
        ),
        (lambda state: state.update(no_mem_embed=torch.zeros(3)), "has in another shape no_memory_embedding"),
    ],
)
def test_a_checkpoint_with_other_weights_is_one_line(model: Sam2Model, tmp_path: Path, damage, message: str) -> None:
    state = as_meta(model)
    damage(state)
    torch.save({"model": state}, tmp_path / "sam2.pt")
    with pytest.raises(UsageError, match=message):
        model_of_checkpoint(tmp_path / "sam2.pt", sam_tiny.config())


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


def test_a_checkpoint_never_runs_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": {"a": Evil()}}, tmp_path / "sam2.pt")
    with pytest.raises(UsageError, match="holds more than tensors"):
        load(tmp_path / "sam2.pt")
    assert capsys.readouterr().out == ""


def test_what_is_no_checkpoint_is_one_line(model: Sam2Model, tmp_path: Path) -> None:
    path = tmp_path / "sam2.pt"
    with pytest.raises(UsageError, match="no such file"):
        load(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(UsageError, match="no checkpoint of torch, or a download that was cut short"):
        load(path)
    for value in ([1, 2], {"model": {}}, {"model": {"epoch": 3}}):
        torch.save(value, path)
        with pytest.raises(UsageError, match="has no weights under 'model'"):
            load(path)
    torch.save({"model": as_meta(model)}, path)
    with pytest.raises(UsageError, match="size tiny, small, base-plus, large; got a trunk of width 16 with 5 blocks"):
        load(path)


def test_a_folder_that_is_not_whole_is_one_line(folder: Path) -> None:
    weights = folder / "model.safetensors"
    state = load_file(weights)
    less = {name: one for name, one in state.items() if name != "no_memory_embedding"}
    for changed, message in (
        (less, "weights lack no_memory_embedding"),
        (state | {"surprise": torch.zeros(1)}, "weights have surprise, which config.json knows nothing of"),
        (state | {"no_memory_embedding": torch.zeros(1, 1, 7)}, "give no_memory_embedding different shapes"),
    ):
        save_file(changed, weights, {"format": "pt"})
        with pytest.raises(UsageError, match=message):
            load(folder)
    save_file(state, weights, {"format": "pt"})
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="cut short"):
        load(folder)
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match="only safetensors are read"):
        load(folder)


def test_a_folder_of_something_else_is_one_line(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for changed, message in (
        (config | {"model_type": "sam"}, "model_type"),
        (config | {"vision_config": {"backbone_config": {"model_type": "timm_wrapper"}}}, "backbone_config"),
        ({**config, "prompt_encoder_config": config["prompt_encoder_config"] | {"image_size": 256}}, "feature maps of"),
    ):
        (folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(UsageError, match=message):
            load(folder)
    with pytest.raises(UsageError, match=r"no config\.json; expected SAM 2 as transformers saves it"):
        load(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        load(tmp_path / "gone")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="device nonsense cannot be used here"):
        load(folder, device="nonsense")
