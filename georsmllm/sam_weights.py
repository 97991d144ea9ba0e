"""Meta's own SAM 2 checkpoints (`sam2_hiera_*.pt`, `sam2.1_hiera_*.pt`) as transformers' `Sam2Model`: names, layout, weights.

Only what an image needs is taken over; what only videos need (memory, object pointers) is left behind by name, and any other
name that is not known is an error. Source of the names: facebookresearch/sam2, sam2/modeling/; of the layouts: its
sam2/configs/sam2.1/*.yaml; of transformers' side: models/sam2_video/convert_sam2_video_to_hf.py.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # its name alone: torch raises it for what is no plain tensor

import torch
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VisionConfig

from georsmllm.errors import UsageError

State = Mapping[str, torch.Tensor]

_OF_VIDEOS = re.compile(
    r"(memory_attention|memory_encoder|mask_downsample|obj_ptr_proj|obj_ptr_tpos_proj)\.|"
    r"(maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)$"
)
_HEADS = r"(iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps\.\d+)"
_RULES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
        (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
        (r"^sam_prompt_encoder\.", "prompt_encoder."),
        (r"^sam_mask_decoder\.", "mask_decoder."),
        (r"^no_mem_embed$", "no_memory_embedding"),
        (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
        (r"\.norm", ".layer_norm"),
        (r"\.out_proj\.", ".o_proj."),
        (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
        (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
        (rf"\.{_HEADS}\.layers\.0\.", r".\1.proj_in."),
        (rf"\.{_HEADS}\.layers\.1\.", r".\1.layers.0."),
        (rf"\.{_HEADS}\.layers\.2\.", r".\1.proj_out."),
        (r"\.output_upscaling\.0\.", ".upscale_conv1."),
        (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
        (r"\.output_upscaling\.3\.", ".upscale_conv2."),
        (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
        (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
        (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
        (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
        (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
        (r"\.pe_layer\.positional_encoding_gaussian_matrix$", ".shared_embedding.positional_embedding"),
    )
)
_SHARED = "prompt_encoder.shared_embedding.positional_embedding"
_SHARED_WITH_IMAGE = "shared_image_embedding.positional_embedding"
_POINT = "prompt_encoder.point_embeddings."
_TRUNK = "image_encoder.trunk."

LAYOUTS: dict[str, dict[str, object]] = {
    "tiny": {"blocks_per_stage": [1, 2, 7, 2], "global_attention_blocks": [5, 7, 9]},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base-plus": {
        "hidden_size": 112,
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "large": {
        "hidden_size": 144,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}
"""What differs from the defaults of `Sam2HieraDetConfig`. Heads, windows and global blocks stand in no weight's shape, so that
only these four can be told."""


def config_of(size: str) -> Sam2Config:
    """The configuration of a published size, by its name in LAYOUTS."""
    trunk = Sam2HieraDetConfig(**LAYOUTS[size])
    channels = list(reversed(trunk.embed_dim_per_stage))
    return Sam2Config(vision_config=Sam2VisionConfig(backbone_config=trunk, backbone_channel_list=channels))


def model_of_checkpoint(path: Path, config: Sam2Config | None = None) -> Sam2Model:
    """A model in evaluation mode, in float32. config: of a checkpoint that is none of the four published sizes.

    Raises UsageError for what is no checkpoint of tensors alone, for an unknown layout, and for weights too few, too many or of
    other shapes.
    """
    state = state_of(path)
    config = config or config_of(size_of(state, path))
    with torch.device("meta"):
        model = Sam2Model(config)
    expected = {name: tuple(one.shape) for name, one in model.state_dict().items()}
    found = converted(state, path)
    _compare(expected, {name: tuple(one.shape) for name, one in found.items()}, path)
    model.load_state_dict({name: one.float() for name, one in found.items()}, assign=True)
    return model.eval()


def size_of(state: State, path: Path) -> str:
    """Which of the published sizes a checkpoint has, by width and number of blocks; raises UsageError."""
    numbers = [int(match[1]) for name in state if (match := re.match(rf"{re.escape(_TRUNK)}blocks\.(\d+)\.", name))]
    width = state.get(f"{_TRUNK}pos_embed")
    came = (0 if width is None else int(width.shape[1]), max(numbers, default=-1) + 1)
    for size in LAYOUTS:
        trunk = Sam2HieraDetConfig(**LAYOUTS[size])
        if came == (trunk.hidden_size, sum(trunk.blocks_per_stage)):
            return size
    raise UsageError(
        f"{path}: expected a SAM 2 checkpoint of size {', '.join(LAYOUTS)}; got a trunk of width {came[0]} with {came[1]} "
        "blocks; other layouts load as a folder that transformers saved"
    )


def converted(state: State, path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint under transformers' names; raises UsageError for a name that is not known."""
    found: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        if _OF_VIDEOS.match(name):
            continue
        new = name
        for pattern, replacement in _RULES:
            new = pattern.sub(replacement, new)
        if new == name:
            raise UsageError(f"{path}: a weight called {name} is none of SAM 2; expected Meta's sam2*_hiera_*.pt")
        found[new] = weight
    points = sorted(name for name in found if name.startswith(_POINT))
    if points:
        found["prompt_encoder.point_embed.weight"] = torch.cat([found.pop(name) for name in points])
    if _SHARED in found:
        found[_SHARED_WITH_IMAGE] = found[_SHARED].clone()
    return found


def state_of(path: Path) -> State:
    """The tensors of a checkpoint by name, nothing else unpickled; raises UsageError."""
    if not path.is_file():
        raise UsageError(f"no such file: {path}; expected Meta's sam2*_hiera_*.pt")
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is no checkpoint of torch, or a download that was cut short; get it again")
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UsageError(
            f"{path} holds more than tensors, or is damaged: {reason}; only plain weights are read"
        ) from None
    state = whole.get("model", whole) if isinstance(whole, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise UsageError(f"{path} has no weights under 'model'; expected Meta's sam2*_hiera_*.pt")
    return {str(name): one for name, one in state.items()}


def _compare(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raises UsageError with the first weights that are missing, left over or of another shape."""
    missing, extra = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    other = sorted(name for name in {*expected} & {*found} if expected[name] != found[name])
    for what, names in (("lacks", missing), ("has, and no SAM 2 has,", extra), ("has in another shape", other)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise UsageError(f"{path} {what} {', '.join(names[:3])}{more}; it is no whole SAM 2 of a published size")
