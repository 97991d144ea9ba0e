"""The processor of transformers for images and text alone: opens without torchvision, gives the same pixels with it."""

from __future__ import annotations

from pathlib import Path

from transformers import LlavaOnevisionImageProcessorPil, LlavaOnevisionProcessor, Qwen2Tokenizer

from georsmllm.model import anyres
from georsmllm.model.tokens import IMAGE, TEMPLATE

VIDEO = "<video>"


class ImageOnlyProcessor(LlavaOnevisionProcessor):
    """Without the video processor, which needs torchvision; transformers reads the parts off the signature. Not to be saved:
    its folder would name this class, and AutoProcessor would silently give the tokenizer in its place."""

    def __init__(
        self,
        image_processor: LlavaOnevisionImageProcessorPil | None = None,
        tokenizer: Qwen2Tokenizer | None = None,
        num_image_tokens: int | None = None,
        vision_feature_select_strategy: str | None = None,
        chat_template: str | None = None,
        image_token: str = IMAGE,
        video_token: str = VIDEO,
        vision_aspect_ratio: str = "anyres_max_9",
    ) -> None:
        super().__init__(
            image_processor,
            tokenizer,
            None,
            num_image_tokens,
            vision_feature_select_strategy,
            chat_template,
            image_token,
            video_token,
            vision_aspect_ratio,
        )


def processor(folder: Path) -> ImageOnlyProcessor:
    """The processor of a saved model, its pixels always made by Pillow: torchvision's differ by up to 0.03."""
    views = anyres.of_folder(folder)
    return ImageOnlyProcessor(
        LlavaOnevisionImageProcessorPil.from_pretrained(folder),
        Qwen2Tokenizer.from_pretrained(folder),
        num_image_tokens=views.base,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
        vision_aspect_ratio=f"anyres_max_{views.most}",
    )
