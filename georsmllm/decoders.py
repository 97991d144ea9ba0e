"""The mask decoder that a person names: SAM 2 by transformers, by Meta's own package, or the shapes filled."""

from __future__ import annotations

from pathlib import Path

from georsmllm.maskdecoder import MaskDecoder, PolygonDecoder
from georsmllm.model.needs import require
from georsmllm.sam_settings import USUAL, Settings

POLYGONS, META = "polygons", "meta:"


def decoder_of(name: str | Path, *, device: str = "auto", settings: Settings = USUAL) -> MaskDecoder:
    """name: a folder, a hub id (facebook/sam2.1-hiera-small), one of Meta's .pt files, "meta:FILE.pt" for Meta's package on it,
    or "polygons". Raises UsageError, and MissingExtra where the model side is not installed."""
    if str(name) == POLYGONS:
        return PolygonDecoder()
    require("SAM 2")
    if str(name).startswith(META):
        from georsmllm import sam_meta

        return sam_meta.load(str(name).removeprefix(META), device=device, settings=settings)
    from georsmllm import sam

    return sam.load(name, device=device, settings=settings)


def weights_of(decoder: MaskDecoder) -> str:
    """A hash of a decoder's weights, "" of one that has none or does not show them."""
    if isinstance(decoder, PolygonDecoder):
        return ""
    from georsmllm.sam import Sam2Decoder

    return decoder.identity() if isinstance(decoder, Sam2Decoder) else ""
