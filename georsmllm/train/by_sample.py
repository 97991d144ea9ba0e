"""Attention of packed rows one sample at a time, where no flash attention is installed.

With PyTorch's own attention a packed row of T tokens costs T² and a mask of T² besides, however short its samples are; by
sample it costs the sum of their squares, and there is no mask. Where samples begin is read from the positions, as
transformers reads it; anything else (padding, a cache, one sample) is left to transformers' `sdpa`. The weights of a model
do not know of it, nor does what is saved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, LlavaOnevisionForConditionalGeneration
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_by_sample"


def attend_by_sample(model: LlavaOnevisionForConditionalGeneration) -> None:
    """Let the language model of a model with `sdpa` attend so."""
    AttentionInterface.register(NAME, _BySample())
    AttentionMaskInterface.register(NAME, _mask)
    model.set_attn_implementation({"text_config": NAME})


def _mask(
    *, attention_mask: Tensor | None = None, allow_is_causal_skip: bool = True, **kwargs: object
) -> Tensor | None:
    """No mask for packed rows: for these alone transformers forbids that it be skipped, of a step without padding."""
    if attention_mask is None and not allow_is_causal_skip and kwargs["q_length"] == kwargs["kv_length"] != 1:
        return None
    mask: Tensor | None = sdpa_mask(attention_mask=attention_mask, allow_is_causal_skip=allow_is_causal_skip, **kwargs)
    return mask


class _BySample:
    """The attention of every layer; one reading of the positions serves all layers of a step."""

    def __init__(self) -> None:
        self.positions: Tensor | None = None
        self.sizes: list[list[int]] = []

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        position_ids: Tensor | None = None,
        **kwargs: object,
    ) -> tuple[Tensor, None]:
        # B rows, H heads, T tokens, D width: query (B, H, T, D), key and value (B, fewer H, T, D), out (B, T, H, D)
        length = query.shape[2]
        if (
            attention_mask is None
            and position_ids is not None
            and length == key.shape[2] == position_ids.shape[-1] != 1
        ):
            rows = self._sizes(position_ids, query.shape[0])
            if any(len(sizes) > 1 for sizes in rows):
                return self._attended(module, (query, key, value), rows, **kwargs), None
        out: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        return out

    @staticmethod
    def _attended(module: nn.Module, qkv: tuple[Tensor, ...], rows: list[list[int]], **kwargs: object) -> Tensor:
        found = []
        for row, sizes in enumerate(rows):
            parts = zip(*(one[row : row + 1].split(sizes, dim=2) for one in qkv), strict=True)
            found.append(torch.cat([sdpa_attention_forward(module, *part, None, **kwargs)[0] for part in parts], dim=1))
        return torch.cat(found)

    def _sizes(self, positions: Tensor, num_rows: int) -> list[list[int]]:
        """Tokens of each sample of each row; asked of the same tensor by every layer."""
        if positions is not self.positions:
            begins = positions.diff(dim=-1, prepend=positions[:, :1]) != 1  # of a row's first token, too
            rows = [torch.nonzero(row)[:, 0].tolist() for row in begins.expand(num_rows, -1).cpu()]
            length = positions.shape[-1]
            self.sizes = [[b - a for a, b in zip(row, [*row[1:], length], strict=True)] for row in rows]
            self.positions = positions
        return self.sizes
