"""Packed rows: the model says of every sample what it says of it alone, learns from it what it learns from it alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from toy_training import mixed_records, model_folder, samples_of, write_mixed
from transformers import LlavaOnevisionForConditionalGeneration

from georsmllm.model import load
from georsmllm.model.tokens import IGNORED, Chat
from georsmllm.model.views import Views
from georsmllm.train.batches import MicroBatches
from georsmllm.train.by_sample import attend_by_sample
from georsmllm.train.collate import Batch, Encoded, packed, padded
from georsmllm.train.plan import Settings, make_plan

pytestmark = pytest.mark.filterwarnings("default")
ROWS = ((0, 1, 2, 3), (5,), (7, 4, 8))  # text alone, one image, two images, in all sorts of company, and alone


class World(NamedTuple):
    folder: Path
    chat: Chat
    samples: tuple[Encoded, ...]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    below = tmp_path_factory.mktemp("packing")
    folder = model_folder(below)
    chat = Chat.of_folder(folder)
    samples = samples_of(write_mixed(below / "set", mixed_records(9)), folder, below / "out")
    settings = Settings(
        batching="packed", row_length=700, rows=1, accumulation=1, world=1, epochs=1, max_steps=None, seed=0
    )
    plan = make_plan(samples.tokens, samples.weights, settings)
    made = MicroBatches(samples, plan, chat, Views.of_folder(folder), rank=0)
    return World(folder, chat, tuple(made.encoded(sample) for sample in range(len(samples))))


@pytest.fixture(params=["sdpa", "eager", "by sample"])
def model(world: World, request: pytest.FixtureRequest) -> LlavaOnevisionForConditionalGeneration:
    if request.param != "by sample":
        return load.model(world.folder, dtype="float32", attn_implementation=request.param)
    made = load.model(world.folder, dtype="float32", attn_implementation="sdpa")
    attend_by_sample(made)
    return made


def logits(model: LlavaOnevisionForConditionalGeneration, batch: Batch) -> torch.Tensor:
    inputs = {name: value for name, value in batch.items() if name != "samples"}
    with torch.no_grad():
        return model(**inputs).logits


def rows_of(world: World, numbers: tuple[tuple[int, ...], ...]) -> list[list[Encoded]]:
    return [[world.samples[number] for number in row] for row in numbers]


@pytest.mark.parametrize("is_flat", [False, True])
def test_logits_of_packed_samples_are_those_of_each_alone(
    world: World, model: LlavaOnevisionForConditionalGeneration, is_flat: bool
) -> None:
    rows = rows_of(world, ROWS)
    together = logits(model, packed(rows, world.chat.pad, is_flat=is_flat))
    at = 0
    for place, row in enumerate(rows):
        at = at if is_flat else 0
        for one in row:
            size = len(one.rendered.ids)
            alone = logits(model, padded([one], world.chat.pad))[0]
            torch.testing.assert_close(together[0 if is_flat else place, at : at + size], alone, rtol=1e-4, atol=2e-5)
            at += size


def test_loss_and_gradients_of_packed_samples_are_those_of_each_alone(
    world: World, model: LlavaOnevisionForConditionalGeneration
) -> None:
    rows = rows_of(world, ROWS)
    everyone = [one for row in rows for one in row]
    supervised = sum(one.rendered.num_supervised for one in everyone)

    def learn(batches: list[Batch]) -> tuple[float, dict[str, torch.Tensor]]:
        model.zero_grad()
        total = 0.0
        for batch in batches:
            inputs = {name: value for name, value in batch.items() if name != "samples"}
            loss = model(**inputs, num_items_in_batch=supervised).loss
            loss.backward()
            total += loss.item()
        return total, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    together, grads = learn([packed(rows, world.chat.pad, is_flat=False)])
    apart, expected = learn([padded([one], world.chat.pad) for one in everyone])
    assert together == pytest.approx(apart, rel=1e-5)
    assert set(grads) == set(expected)
    for name, grad in grads.items():
        torch.testing.assert_close(
            grad, expected[name], rtol=2e-3, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_another_neighbour_changes_no_logit_of_a_sample(
    world: World, model: LlavaOnevisionForConditionalGeneration
) -> None:
    first, second = (rows_of(world, (row,)) for row in ((1, 2, 6), (1, 2, 3)))
    size = sum(len(one.rendered.ids) for one in first[0][:2])
    one, other = (logits(model, packed(row, world.chat.pad, is_flat=False))[0, :size] for row in (first, second))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_with_the_positions_of_one_sample_neighbours_would_be_seen(
    world: World, model: LlavaOnevisionForConditionalGeneration
) -> None:
    """What the tests above would miss if the model took no notice of positions."""
    batch = packed(rows_of(world, ((1, 2, 3),)), world.chat.pad, is_flat=False)
    right = logits(model, batch)
    ids = batch["input_ids"]
    assert isinstance(ids, torch.Tensor)
    wrong = logits(model, {**batch, "position_ids": torch.arange(ids.shape[1])[None]})
    assert not torch.allclose(right[0, -5:], wrong[0, -5:], atol=1e-3)


def test_a_padded_batch_says_of_each_sample_what_it_says_of_it_alone(
    world: World, model: LlavaOnevisionForConditionalGeneration
) -> None:
    together = logits(model, padded(world.samples[:4], world.chat.pad))
    for row, one in zip(together, world.samples[:4], strict=True):
        alone = logits(model, padded([one], world.chat.pad))[0]
        torch.testing.assert_close(row[: len(one.rendered.ids)], alone, rtol=1e-4, atol=2e-5)


def test_a_packed_batch_in_words(world: World) -> None:
    batch = packed(rows_of(world, ((0, 4), (8,))), world.chat.pad, is_flat=False)
    sizes = [len(world.samples[number].rendered.ids) for number in (0, 4, 8)]
    ids, positions, labels = (batch[name] for name in ("input_ids", "position_ids", "labels"))
    assert isinstance(ids, torch.Tensor) and isinstance(positions, torch.Tensor) and isinstance(labels, torch.Tensor)
    longest = max(sizes[0] + sizes[1], sizes[2])
    assert ids.shape == positions.shape == labels.shape == (2, longest)
    assert positions[0].tolist()[: sizes[0] + sizes[1]] == [*range(sizes[0]), *range(sizes[1])]
    assert labels[1].tolist()[sizes[2] :] == [IGNORED] * (longest - sizes[2])
    assert "attention_mask" not in batch and batch["use_cache"] is False and "pixel_values" not in batch
    assert batch["samples"].tolist() == [0, 4, 8]  # type: ignore[union-attr]


def test_images_are_counted_by_sample_not_by_row(world: World) -> None:
    batch = packed(rows_of(world, ((1, 3), (0, 2))), world.chat.pad, is_flat=False)
    assert batch["batch_num_images"].tolist() == [1, 2, 1]  # type: ignore[union-attr]
    assert batch["image_sizes"].shape == (4, 2)  # type: ignore[union-attr]


def test_attention_by_sample_answers_as_the_plain_one_with_a_cache_and_padding_on_the_left(world: World) -> None:
    prompts = [[*one.rendered.ids[:size]] for one, size in ((world.samples[0], 9), (world.samples[4], 14))]
    longest = max(map(len, prompts))
    ids = torch.tensor([[world.chat.pad] * (longest - len(one)) + one for one in prompts])
    inputs = {"input_ids": ids, "attention_mask": (torch.arange(longest) >= longest - torch.tensor([[9], [14]])).long()}
    found = []
    for is_by_sample in (False, True):
        made = load.model(world.folder, dtype="float32", attn_implementation="sdpa")
        if is_by_sample:
            attend_by_sample(made)
        found += [
            made.generate(**inputs, max_new_tokens=8, do_sample=False, cache_implementation=cache).tolist()
            for cache in ("dynamic", "static")
        ]
        found.append(made.generate(input_ids=ids[1:], max_new_tokens=8, do_sample=False).tolist()[0])
    assert found[:3] == found[3:]


def test_attention_by_sample_is_not_saved(world: World, tmp_path: Path) -> None:
    made = load.model(world.folder, dtype="float32", attn_implementation="sdpa")
    attend_by_sample(made)
    made.save_pretrained(tmp_path)
    assert "by_sample" not in (tmp_path / "config.json").read_text()
