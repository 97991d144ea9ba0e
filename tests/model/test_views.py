"""Crops of images: the floats, sizes and token counts of transformers' own processor."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from toy_training import model_folder

from georsmllm.errors import UsageError
from georsmllm.model import load
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views
from georsmllm.types import Message

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("views"))


def noise(size_wh: tuple[int, int], seed: int) -> Image.Image:
    width, height = size_wh
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def images_of(seed: int) -> list[Image.Image]:
    """One to three images of any shape."""
    rng = Random(seed)
    sizes = [(rng.randint(1, 120), rng.randint(1, 120)) for _ in range(rng.choice((1, 1, 2, 3)))]
    return [noise(size, seed) for size in sizes]


@pytest.mark.parametrize("seed", range(40))
def test_pixels_are_bit_for_bit_those_of_the_image_processor(folder: Path, seed: int) -> None:
    views, images = Views.of_folder(folder), images_of(seed)
    seen = views.pixels(images)
    theirs = load.processor(folder).image_processor(images=[images], return_tensors="pt")
    crops = views.anyres.crops([image.size for image in images])
    assert torch.equal(
        seen.pixels, torch.cat([one[:num] for one, num in zip(theirs["pixel_values"], crops, strict=True)])
    )
    assert [list(size) for size in seen.sizes_hw] == theirs["image_sizes"].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_ids_are_those_of_the_whole_processor(folder: Path, seed: int) -> None:
    images, views, chat = images_of(seed), Views.of_folder(folder), Chat.of_folder(folder)
    messages = (Message("user", "<image>\n" * len(images) + "[det] Where?"), Message("assistant", "[(1,2)]"))
    rendered = chat.render(messages, views.anyres.tokens([image.size for image in images]), where="here")
    parts = [{"type": "image"} for _ in images] + [{"type": "text", "text": "[det] Where?"}]
    processor = load.processor(folder)
    text = processor.apply_chat_template(
        [{"role": "user", "content": parts}, {"role": "assistant", "content": "[(1,2)]"}], tokenize=False
    )
    assert rendered.ids == processor(images=[images], text=[text])["input_ids"][0]


def test_images_of_other_modes_are_made_rgb(folder: Path) -> None:
    grey = noise((40, 30), 0).convert("L")
    views = Views.of_folder(folder)
    assert torch.equal(views.pixels([grey]).pixels, views.pixels([grey.convert("RGB")]).pixels)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"do_rescale": False}, "rescaled"), ({"image_std": [0.5, 0, 0.5]}, "image_std"), ({"resample": 77}, "resample")],
)
def test_a_processor_that_leaves_a_step_out_is_refused(
    folder: Path, tmp_path: Path, wrong: dict[str, object], said: str
) -> None:
    settings = json.loads((folder / "processor_config.json").read_text())
    settings["image_processor"] |= wrong
    (tmp_path / "processor_config.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match=said):
        Views.of_folder(tmp_path)
