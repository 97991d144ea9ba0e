"""Lengths without pixels are those of the rendered conversation; what cannot be learned from is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_training import ROOM, mixed_records, model_folder, samples_of, worded, write_mixed

from georsmllm.errors import UsageError
from georsmllm.model import anyres
from georsmllm.model.tokens import Chat
from georsmllm.train.lengths import measure
from georsmllm.train.recipe import Source as Named
from georsmllm.train.sources import open_source
from georsmllm.types import Message, Record

pytestmark = pytest.mark.filterwarnings("default")
RECORDS = mixed_records(40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("model"))


def unlike(one: Record, *messages: Message) -> Record:
    return replace(one, id=f"{one.id}/bad", messages=messages)


def test_lengths_are_those_of_the_rendered_conversations(tmp_path: Path, model: Path) -> None:
    turns = (
        Message("system", "You look at ships."),
        Message("user", "<image>\n[vqa] One?"),
        Message("assistant", "1"),
        Message("user", "[vqa] <|im_end|> And two?"),
        Message("assistant", "2"),
    )
    records = (*RECORDS, unlike(RECORDS[1], *turns))
    source = open_source(write_mixed(tmp_path / "set", records), "train")
    chat, sizes = Chat.of_folder(model), anyres.of_folder(model)
    found = measure(source, chat, sizes, cache=tmp_path)
    for number, one in enumerate(records):
        views = [(view.width, view.height) for view in one.provenance.views]
        rendered = chat.render(one.messages, sizes.tokens(views), where="")
        assert found.tokens[number] == len(rendered.ids)
        assert found.supervised[number] == rendered.num_supervised > 0
        assert found.crops[number] == sum(sizes.crops(views))


def test_what_was_measured_is_not_measured_again_until_something_that_decides_it_changes(
    tmp_path: Path, model: Path
) -> None:
    source = open_source(write_mixed(tmp_path / "set", RECORDS), "train")
    chat, sizes = Chat.of_folder(model), anyres.of_folder(model)
    first = measure(source, chat, sizes, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    marked = first._replace(tokens=first.tokens + 1)
    np.savez(file, **marked._asdict())
    assert measure(source, chat, sizes, cache=tmp_path / "cache").tokens[0] == first.tokens[0] + 1
    file.write_bytes(file.read_bytes()[:100])  # a cache that is damaged is no cache
    assert measure(source, chat, sizes, cache=tmp_path / "cache").tokens.tolist() == first.tokens.tolist()
    measure(source, chat, anyres.Anyres(28, 2, sizes.grids[:1], 9), cache=tmp_path / "cache")
    other = open_source(write_mixed(tmp_path / "other", RECORDS[:-1]), "train")
    measure(other, chat, sizes, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_progress_is_told_for_every_record(tmp_path: Path, model: Path) -> None:
    source = open_source(write_mixed(tmp_path / "set", RECORDS), "train")
    told: list[int] = []
    measure(source, Chat.of_folder(model), anyres.of_folder(model), cache=tmp_path / "cache", tick=told.append)
    assert sum(told) == len(RECORDS)


def test_refused_records_are_listed_with_their_reasons(tmp_path: Path, model: Path) -> None:
    question, answer = Message("user", "<image>\n[det] Where?"), Message("assistant", "ship " * 2 * ROOM)
    bad = (
        unlike(RECORDS[1], question, answer),
        unlike(RECORDS[2], question),
        unlike(RECORDS[3], question, Message("assistant", "1")),  # one marker, two images
    )
    folder = write_mixed(tmp_path / "set", (*RECORDS, *bad))
    samples = samples_of(folder, model, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text().splitlines()]
    assert [(line["id"], line["reason"]) for line in lines] == [
        ("toy/1/bad", "too_long"),
        ("toy/2/bad", "no_answer"),
        ("toy/3/bad", "image_tokens"),
    ]
    assert lines[0]["place"].endswith("train-00000.jsonl:41") and lines[0]["tokens"] > lines[0]["max_length"] == ROOM
    assert samples.refused == {"image_tokens": 1, "no_answer": 1, "too_long": 1}
    assert (samples.found, len(samples)) == (43, 40)
    assert [samples.place(number).rpartition(":")[2] for number in (0, 39)] == ["1", "40"]


def test_too_many_refused_records_stop_before_training(tmp_path: Path, model: Path) -> None:
    folder = write_mixed(tmp_path / "set", RECORDS)
    with pytest.raises(
        UsageError, match=r"of 40 records cannot .* too_long.*refused.jsonl; raise data.max_length \(now 60\)"
    ):
        samples_of(folder, model, tmp_path / "out", max_length=60)
    assert (tmp_path / "out" / "refused.jsonl").read_text().count("\n") > 4
    samples_of(folder, model, tmp_path / "out", max_length=100, max_refused_share=0.9)


def test_sources_are_one_sequence_of_samples_with_their_weights(tmp_path: Path, model: Path) -> None:
    one = write_mixed(tmp_path / "one", RECORDS[:8])
    other = write_mixed(tmp_path / "other", [worded(99, [(40, 30)], __import__("random").Random(0))])
    sources = (Named(path=str(one), weight=0.5), Named(path=str(other), name="mine"))
    samples = samples_of(one, model, tmp_path / "out", sources=sources)
    assert samples.weights.tolist() == [0.5] * 8 + [1.0]
    source, number = samples.find(8)
    assert (source.conversation(number).id, samples.names) == ("toy/99", ("one", "mine"))
    mine = samples.of(("mine",))
    assert (len(mine), mine.place(0)) == (1, samples.place(8))
