"""Visual tokens in numbers: methods' table, and transformers' own processor and model on any size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlavaOnevisionConfig, LlavaOnevisionProcessor
from transformers.models.llava_onevision.modeling_llava_onevision import (
    LlavaOnevisionModel,
    image_size_to_num_patches,
)

from georsmllm.errors import UsageError
from georsmllm.model.anyres import Anyres, of_folder, of_tower, published

pytestmark = pytest.mark.filterwarnings("default")

SIDES = st.integers(1, 4000)
TOWERS = st.builds(
    lambda patches, grid, most: of_tower(patches * 14, 14, max_grid=grid, most=most),
    st.integers(2, 27),
    st.integers(1, 6),
    st.integers(1, 9),
)


@pytest.mark.parametrize(
    ("size_wh", "tokens"),
    [
        ((256, 256), 1485),
        ((384, 384), 1485),
        ((512, 512), 3699),
        ((640, 640), 3699),
        ((900, 600), 5157),
        ((600, 900), 5184),  # one newline a row: an upright image has more
        ((1200, 600), 6615),
        ((800, 800), 7371),
        ((1024, 1024), 7371),
        ((3000, 2000), 7329),
    ],
)
def test_the_published_model_gives_an_image_this_many_tokens(size_wh: tuple[int, int], tokens: int) -> None:
    assert published().tokens([size_wh]) == (tokens,)


def test_each_of_several_images_has_the_base_view_and_one_newline() -> None:
    assert published().tokens([(256, 256), (2000, 900)]) == (730, 730)
    assert published().crops([(256, 256), (2000, 900)]) == (1, 1)


def test_a_small_tower_with_a_cap_of_four_crops() -> None:
    assert of_tower(224, 16, max_grid=2, most=4).tokens([(256, 256)]) == (1008,)  # methods, section 11.1


def test_no_images_have_no_tokens() -> None:
    assert published().tokens([]) == ()
    assert published().crops([]) == ()


class Sizes:
    """What `_get_number_of_features` looks at of a processor."""

    def __init__(self, anyres: Anyres) -> None:
        self.image_processor = self
        self.image_grid_pinpoints = [[height, width] for width, height in anyres.grids]
        self.num_image_tokens = anyres.base
        self.vision_aspect_ratio = f"anyres_max_{anyres.most}"

    _get_unpadded_features = LlavaOnevisionProcessor._get_unpadded_features


@settings(max_examples=300)
@given(TOWERS, SIDES, SIDES)
def test_the_counts_are_those_of_the_processor_of_transformers(anyres: Anyres, width: int, height: int) -> None:
    theirs = LlavaOnevisionProcessor._get_number_of_features(Sizes(anyres), height, width, anyres.side, anyres.side)
    assert anyres.tokens([(width, height)]) == (theirs,)


class Packing:
    """What `pack_image_features` looks at of a model."""

    def __init__(self, anyres: Anyres) -> None:
        self.config = LlavaOnevisionConfig(
            vision_config={"model_type": "siglip_vision_model", "image_size": anyres.side, "patch_size": 14},
            image_grid_pinpoints=[[height, width] for width, height in anyres.grids],
        )


@settings(max_examples=60)
@given(
    st.builds(lambda patches, grid, most: of_tower(patches * 14, 14, max_grid=grid, most=most),
              st.integers(2, 8), st.integers(1, 4), st.integers(1, 9)),
    st.integers(20, 3000),
    st.integers(20, 3000),
)  # fmt: skip
def test_the_counts_are_those_that_the_model_packs(anyres: Anyres, width: int, height: int) -> None:
    size = (height, width)
    model = Packing(anyres)
    crops = image_size_to_num_patches(size, model.config.image_grid_pinpoints, anyres.side)
    assert anyres.crops([(width, height)]) == (crops,)
    features = [torch.zeros(crops, anyres.base, 1), torch.zeros(1, anyres.base, 1)]
    _, lengths = LlavaOnevisionModel.pack_image_features(
        model, features, torch.tensor([size, size]), torch.zeros(1), f"anyres_max_{anyres.most}"
    )
    assert lengths.tolist() == [anyres.tokens([(width, height)])[0], anyres.tokens([(1, 1)] * 2)[0]]


def test_the_settings_of_transformers_4_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text(
        '{"image_token": "<image>", "num_image_tokens": 729, "processor_class": "LlavaOnevisionProcessor"}'
    )
    grids = [[height, width] for width, height in published().grids]
    images = {"image_grid_pinpoints": grids, "size": {"height": 384, "width": 384}, "image_mean": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(images))
    assert of_folder(tmp_path) == published()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "has no processor_config.json"),
        ("{", "expected the settings of a LLaVA-OneVision processor"),
        ('{"num_image_tokens": 729}', "has no preprocessor_config.json"),
        (
            '{"num_image_tokens": 5, "image_processor": {"image_grid_pinpoints": [[1, 1]], "size": {"height": 1, "width": 1}}}',
            "expected num_image_tokens to be a square",
        ),
        ('{"num_image_tokens": -4}', "Expected `int` >= 1"),
        (
            '{"num_image_tokens": 4, "vision_aspect_ratio": "anyres_max_²", "image_processor": '
            '{"image_grid_pinpoints": [[1, 1]], "size": {"height": 1, "width": 1}}}',
            "vision_aspect_ratio like anyres_max_9",
        ),
    ],
)
def test_damaged_settings_are_one_line(tmp_path: Path, written: str | None, said: str) -> None:
    if written is not None:
        (tmp_path / "processor_config.json").write_text(written)
    with pytest.raises(UsageError, match=said):
        of_folder(tmp_path)
