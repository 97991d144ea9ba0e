"""A SAM 2 of 0.35 M random parameters in the published layout, small enough for a CPU to train it: for tests and benchmarks.

Its masks mean nothing before it is trained; nobody is offered it as a mask decoder.
"""

from __future__ import annotations

import torch
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2MaskDecoderConfig, Sam2Model, Sam2PromptEncoderConfig
from transformers import Sam2VisionConfig as Vision


def config(side: int = 128, *, width: int = 16, hidden: int = 32) -> Sam2Config:
    """side: of the square image, a multiple of 32. width: of the trunk's first stage. hidden: of everything after it."""
    widths = [width, width * 2, width * 4, width * 8]
    trunk = Sam2HieraDetConfig(
        hidden_size=width,
        image_size=[side, side],
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[1, 2, 4, 8],
        blocks_per_stage=[1, 1, 2, 1],
        global_attention_blocks=[3],
    )
    return Sam2Config(
        vision_config=Vision(
            backbone_config=trunk,
            backbone_channel_list=widths[::-1],
            backbone_feature_sizes=[[side // step, side // step] for step in (4, 8, 16)],
            fpn_hidden_size=hidden,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=hidden, image_size=side),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=hidden, mlp_dim=hidden * 2, num_attention_heads=4, iou_head_hidden_dim=hidden
        ),
    )


def model(side: int = 128, *, hidden: int = 32, seed: int = 0, spread: float = 0.0) -> Sam2Model:
    """In evaluation mode. spread: of weights of unit scale, that answer visibly to every input; 0: the usual small ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = Sam2Model(config(side, hidden=hidden))
        shared = made.prompt_encoder.shared_embedding.positional_embedding
        made.shared_image_embedding.positional_embedding.copy_(shared)  # one and the same in the published ones
        if spread:
            with torch.no_grad():
                for weight in made.parameters():
                    if weight.ndim > 1:
                        weight.copy_(torch.randn_like(weight) * spread / weight[0].numel() ** 0.5)
    return made.eval()
