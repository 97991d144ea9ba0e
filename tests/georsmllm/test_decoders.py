"""The mask decoder that a person names."""

from __future__ import annotations

from pathlib import Path

import pytest

from georsmllm import sam_tiny
from georsmllm.decoders import decoder_of, weights_of
from georsmllm.errors import UsageError
from georsmllm.maskdecoder import PolygonDecoder
from georsmllm.sam import Sam2Decoder
from georsmllm.sam_settings import Settings


def test_polygons_are_the_weightless_one() -> None:
    found = decoder_of("polygons")
    assert isinstance(found, PolygonDecoder)
    assert found.title == "filled shapes (no segmentation model)"
    assert weights_of(found) == ""


def test_a_folder_is_sam_2_with_the_settings(tmp_path: Path) -> None:
    sam_tiny.model(64).save_pretrained(tmp_path / "one")
    sam_tiny.model(64, seed=1).save_pretrained(tmp_path / "two")
    found = decoder_of(tmp_path / "one", device="cpu", settings=Settings(clip=True, chunk=3))
    assert isinstance(found, Sam2Decoder)
    assert (found.title, found.settings.clip, found.chunks.size) == ("SAM 2 (one)", True, 3)
    assert weights_of(found) == weights_of(decoder_of(tmp_path / "one", device="cpu"))
    assert weights_of(found) != weights_of(decoder_of(tmp_path / "two", device="cpu"))


def test_meta_s_package_is_asked_for_by_its_prefix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sam2|no such file"):
        decoder_of(f"meta:{tmp_path / 'sam2.pt'}")
