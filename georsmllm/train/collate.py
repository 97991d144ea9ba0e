"""Samples as one batch of the model: padded rows, or packed rows in which no token sees a neighbour.

A packed row says by its positions, which begin anew with every sample, where samples begin; transformers makes the
block-diagonal mask of them (`masking_utils.find_packed_sequence_indices`), as long as there is no attention mask and no
cache, so a batch says `use_cache=False`. Flash attention reads positions of one row only (`_is_packed_sequence`), so for it
all rows of a batch become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from georsmllm.model.tokens import IGNORED, Rendered
from georsmllm.model.views import Seen

Batch = dict[str, Tensor | bool]
"""What the model's forward takes, and `samples`: the numbers of the samples, in their order, which it does not."""


class Encoded(NamedTuple):
    """A sample, ready for a batch. seen: None without images."""

    sample: int
    rendered: Rendered
    seen: Seen | None


def padded(rows: Sequence[Encoded], pad: int) -> Batch:
    """One sample a row, filled up on the right."""
    ids = [torch.tensor(row.rendered.ids) for row in rows]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "attention_mask": pad_sequence([torch.ones_like(one) for one in ids], batch_first=True),
        "labels": _labels(rows),
        **_common(rows),
    }


def packed(rows: Sequence[Sequence[Encoded]], pad: int, *, is_flat: bool) -> Batch:
    """Several samples a row; what fills a shorter row up is a sample to itself without labels. is_flat: all rows as one."""
    if is_flat:
        rows = [[one for row in rows for one in row]]
    ids = [torch.tensor([token for one in row for token in one.rendered.ids]) for row in rows]
    labels = [torch.tensor([label for one in row for label in one.rendered.labels]) for row in rows]
    longest = max(map(len, ids))
    positions = [
        torch.cat([*(torch.arange(len(one.rendered.ids)) for one in row), torch.arange(longest - len(its))])
        for row, its in zip(rows, ids, strict=True)
    ]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "position_ids": torch.stack(positions),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        **_common([one for row in rows for one in row]),
    }


def _labels(rows: Sequence[Encoded]) -> Tensor:
    return pad_sequence([torch.tensor(row.rendered.labels) for row in rows], batch_first=True, padding_value=IGNORED)


def _common(samples: Sequence[Encoded]) -> Batch:
    """What does not depend on rows. Pixels are the crops of all images in their order; batch_num_images has an entry for
    each sample with images, which tells the model whose image was cut into crops."""
    found: Batch = {"samples": torch.tensor([one.sample for one in samples]), "use_cache": False}
    seen = [one.seen for one in samples if one.seen is not None]
    if seen:
        found["pixel_values"] = torch.cat([one.pixels for one in seen])
        found["image_sizes"] = torch.tensor([size for one in seen for size in one.sizes_hw])
        found["batch_num_images"] = torch.tensor([len(one.sizes_hw) for one in seen])
    return found
