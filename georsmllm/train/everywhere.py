"""Every micro-batch runs the vision tower, also one without images, so that no process waits for another's.

ZeRO-3 gathers a layer's weights on all processes when one of them runs it, and DistributedDataParallel reduces the gradients
of all parameters: a process whose micro-batch is text alone would leave the others waiting for ever
(https://github.com/deepspeedai/DeepSpeed/issues/7170). It therefore sends two black crops
through the tower and the projector, by the model's own way, and adds their features times zero to the embedded words. This
happens exactly where a picture's features would be made, between the embedding and the language model: ZeRO-3 gathers weights
again on the way back, and processes that came by another order wait for each other just the same.

A process alone needs it where the language model is frozen: words alone would leave nothing to compute a gradient of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import LlavaOnevisionForConditionalGeneration


def keep_vision_in_step(model: LlavaOnevisionForConditionalGeneration) -> None:
    """Hook a model so that its forward passes over words alone run the tower, the projector and the row's end, too; a step of
    generation, which has one new token, does not."""
    _Company(model.model)


class _Company:
    """Black images for the micro-batches that have none. has_images: of the pass that is on its way."""

    def __init__(self, inner: nn.Module) -> None:
        self.inner = inner
        self.has_images = True
        inner.register_forward_pre_hook(self._look, with_kwargs=True)
        inner.language_model.register_forward_pre_hook(self._join, with_kwargs=True)

    def _look(self, _: nn.Module, __: tuple[object, ...], named: dict[str, Tensor | None]) -> None:
        self.has_images = named.get("pixel_values") is not None

    def _join(
        self, _: nn.Module, places: tuple[object, ...], named: dict[str, Tensor]
    ) -> tuple[tuple[object, ...], dict[str, Tensor]]:
        words_BTD = named["inputs_embeds"]  # B rows, T tokens, D width
        if self.has_images or words_BTD.shape[1] == 1:
            return places, named
        side = self.inner.config.vision_config.image_size
        first = next(self.inner.vision_tower.parameters())
        black = torch.zeros(2, 3, side, side, dtype=first.dtype, device=words_BTD.device)
        sizes = torch.full((2, 2), side, device=words_BTD.device)
        # two images of one sample are not cut into crops: the cheapest pass that there is
        features = self.inner.get_image_features(black, sizes, batch_num_images=torch.tensor([2])).pooler_output
        return places, {
            **named,
            "inputs_embeds": words_BTD + 0.0 * torch.cat(tuple(features)).mean().to(words_BTD.dtype),
        }
