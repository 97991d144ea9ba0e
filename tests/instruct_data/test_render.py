"""What is said: words and shapes as they are, and no word of a dataset that a trainer would take for a token."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from worlds import DATA, recipe

from georsmllm.errors import CannotSay
from georsmllm.instruct_data.build import build
from georsmllm.instruct_data.render import say
from georsmllm.jsonl import read_lines
from georsmllm.recipe import Mix, Source
from georsmllm.types import Record, Said, box, point

SIZES = ((1000, 500),)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((), ""),
        (("A ship.",), "A ship."),
        (("What is at ", Said((box(10, 10, 20, 20),), ("ship",)), "?"), "What is at [(10,20),(20,40)]?"),
        ((Said((), ()),), "none"),
        (("Fewer than 3 < 5 > 4 of them, or a <- b.",), "Fewer than 3 < 5 > 4 of them, or a <- b."),
    ],
)
def test_words_stay_and_shapes_become_point_text(parts: tuple[str | Said, ...], text: str) -> None:
    assert say(parts, SIZES) == text


@pytest.mark.parametrize(
    "token", ["<image>", "<IMAGE>", "<video>", "<|im_end|>", "<|vision_start|>", "<|endoftext|>", "</s>", "<im_patch>"]
)
def test_no_token_is_said_whatever_it_stands_in(token: str) -> None:
    for parts in ((token,), (f"Find all {token}s.",), ("What is at ", Said((point(1, 1),), ("",)), f" ({token})?")):
        with pytest.raises(CannotSay) as refused:
            say(parts, SIZES)
        assert refused.value.reason == "reserved_text"


def test_a_token_that_only_two_parts_make_together_is_none_the_less_one() -> None:
    with pytest.raises(CannotSay):
        say(("<ima", "ge>"), SIZES)


def test_a_category_called_like_the_placeholder_costs_its_questions_by_name_and_no_other(tmp_path: Path) -> None:
    world = tmp_path / "coco"
    shutil.copytree(DATA / "coco" / "world", world)
    labels = world / "annotations" / "instances_val.json"
    labels.write_text(labels.read_text().replace('"name": "building"', '"name": "<image>"'))
    source = Source(dataset="coco", path=str(world))
    outcome = build(recipe("coco", sources=(source,), mix=Mix(negatives=1.0)), tmp_path / "set")
    records = [r for path in sorted((tmp_path / "set" / "records").iterdir()) for r in read_lines(path, Record)]
    assert {"ship", "small vehicle"} <= {label for r in records for label in r.provenance.labels}
    assert all("".join(m.content for m in r.messages).count("<image>") == len(r.images) for r in records)
    assert outcome.stats.sources["coco"].refused["reserved_text"] > 0
