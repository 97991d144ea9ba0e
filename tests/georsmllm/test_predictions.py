"""Predictions on disk: in the records' order, after any kill the same bytes, and never of two settings in one file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hand_made_set import record, write_set
from killing import dying

from georsmllm import predictions
from georsmllm.answering import Answer, Decoding, Question, answer, plan
from georsmllm.asked import open_asked
from georsmllm.errors import BadRecord, UsageError
from georsmllm.journal import WHOLE, Shard, settings_path
from georsmllm.model import anyres
from georsmllm.predictions import Settings
from georsmllm.predictions import journal as journal_of
from georsmllm.train.sources import Source

SETTINGS = Settings(
    records="r", split="train", limit=0, model="m", adapter="", is_merged=False, engine="transformers", dtype="float32",
    batch_size=2, max_new_tokens=9, temperature=0.0, top_p=1.0, seed=0, constrained=False,
)  # fmt: skip
BATCHES = [[4, 1], [0, 3], [2, 5]]


class Echo:
    """Answers with the question's id and the answers that stood beside it; dies at a question when it is told to."""

    def __init__(self, dies_at: str = "") -> None:
        self.dies_at = dies_at
        self.asked: list[list[str]] = []

    def stream(self, batches: Iterable[Sequence[Question]], decoding: Decoding) -> Iterator[list[Answer]]:
        for batch in batches:
            self.asked.append([one.id for one in batch])
            if self.dies_at in self.asked[-1]:
                raise KeyboardInterrupt
            yield [Answer(f"{one.id} of {len(batch)}", "length" if i else "stop", decoding.max_new_tokens - i)
                   for i, one in enumerate(batch)]  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_asked(write_set(tmp_path / "set"), "train")


def run(source: Source, out: Path, engine: Echo, *, shard: Shard = WHOLE, settings: Settings = SETTINGS) -> bool:
    journal = journal_of(out, settings, shard)
    if not journal.is_finished:
        answer(source, BATCHES, engine, journal, decoding=Decoding(9), shard=shard)
    return journal.finish(len(source))


def test_lines_stand_in_the_order_of_the_records(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out" / "predictions.jsonl"
    assert run(source, out, Echo())
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [source[number].id for number in range(len(source))]
    assert lines[1] == {"id": source[1].id, "text": f"{source[1].id} of 2", "finish": "length", "tokens": 8}
    assert predictions.read(out) == {line["id"]: line["text"] for line in lines}
    assert predictions.num_cut(out) == 3
    assert sorted(path.name for path in out.parent.iterdir()) == ["predictions.jsonl", "predictions.settings.json"]


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(source: Source, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(source, whole, Echo())
    with pytest.raises(KeyboardInterrupt):
        run(source, out, Echo(dies_at=source[3].id))
    assert not out.exists()
    again = Echo()
    assert run(source, out, again)
    assert again.asked == [[source[n].id for n in batch] for batch in BATCHES[1:]]
    assert out.read_bytes() == whole.read_bytes()


def test_dying_before_any_effect_on_the_disk_costs_nothing(source: Source, tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    run(source, whole, Echo())

    def fresh(out: Path) -> Callable[[], bool]:
        return lambda: run(source, out, Echo())

    deaths = 0
    while dying(fresh(out := tmp_path / f"{deaths}.jsonl"), deaths):
        assert run(source, out, Echo())
        assert out.read_bytes() == whole.read_bytes()
        assert settings_path(out).exists()
        assert not (tmp_path / f".{deaths}.jsonl.state").exists()
        deaths += 1
    assert deaths > 8


def test_half_a_line_is_asked_again_with_its_whole_batch(source: Source, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(source, whole, Echo())
    with pytest.raises(KeyboardInterrupt):
        run(source, out, Echo(dies_at=source[2].id))
    part = next(tmp_path.glob(".out.jsonl.state/part-*.jsonl"))
    part.write_bytes(part.read_bytes()[:-9])
    again = Echo()
    assert run(source, out, again)
    assert again.asked[0] == [source[0].id, source[3].id]
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_shards_make_the_same_file_whoever_ends_last(source: Source, tmp_path: Path, order: tuple[int, ...]) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(source, whole, Echo())
    ends = [run(source, out, Echo(), shard=Shard(number=number, of=3)) for number in order]
    assert ends == [False, False, True]
    assert out.read_bytes() == whole.read_bytes()


def test_what_shards_have_answered_another_number_of_them_does_not_ask(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(source, out, Echo(), shard=Shard(number=1, of=3))
    rest = Echo()
    assert run(source, out, rest)
    assert rest.asked == [[source[n].id for n in batch] for batch in (BATCHES[0], BATCHES[2])]


@pytest.mark.parametrize("is_whole", [True, False])
def test_other_settings_are_refused_by_name(source: Source, tmp_path: Path, is_whole: bool) -> None:
    out = tmp_path / "out.jsonl"
    if is_whole:
        run(source, out, Echo())
    else:
        run(source, out, Echo(), shard=Shard(number=0, of=3))
    other = msgspec.structs.replace(SETTINGS, max_new_tokens=64, seed=1)
    said = re.escape(
        f"{out} was begun with other settings: max_new_tokens was 9, is 64, seed was 0, is 1; choose another"
    )
    with pytest.raises(UsageError, match=said):
        run(source, out, Echo(), settings=other)


def test_what_was_begun_without_an_answer_binds_nobody(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(source, out, Echo(dies_at=source[4].id))
    other = msgspec.structs.replace(SETTINGS, batch_size=1)
    assert run(source, out, Echo(), settings=other)
    assert predictions.settings_beside(out) == other


def test_shards_of_different_settings_are_never_put_together(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    first = journal_of(out, SETTINGS, Shard(number=0, of=2))
    second = journal_of(out, msgspec.structs.replace(SETTINGS, seed=1), Shard(number=1, of=2))
    for journal, shard in ((first, Shard(number=0, of=2)), (second, Shard(number=1, of=2))):
        answer(source, BATCHES, Echo(), journal, decoding=Decoding(9), shard=shard)
    with pytest.raises(UsageError, match="seed was 1, is 0"):
        first.finish(len(source))


def test_a_finished_file_is_not_made_again(source: Source, tmp_path: Path) -> None:
    run(source, tmp_path / "out.jsonl", Echo())
    again = Echo()
    assert run(source, tmp_path / "out.jsonl", again)
    assert again.asked == []


def test_somebody_elses_file_is_left_alone(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine\n")
    with pytest.raises(UsageError, match="was not made by `georsmllm predict`"):
        run(source, out, Echo())
    assert out.read_text() == "mine\n"


def test_two_processes_of_one_shard_are_one_too_many(source: Source, tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "out.jsonl", SETTINGS)
    with journal.writing(), pytest.raises(UsageError, match="another georsmllm predict is at work"):
        run(source, tmp_path / "out.jsonl", Echo())


# --- what is asked together ------------------------------------------------------------------------------------------


def test_the_plan_puts_like_beside_like_and_every_record_once(source: Source) -> None:
    batches = plan(source, len(source), anyres.published(), batch_size=2)
    order = [number for batch in batches for number in batch]
    assert sorted(order) == list(range(6))
    tasks = [source[number].task for number in order]
    assert tasks == [
        "change",
        "det",
        "det",
        "region",
        "region",
        "seg",
    ]  # two views of 730 tokens are more than 64 x 48 px
    assert plan(source, 3, anyres.published(), batch_size=8) == [[1, 0, 2]]


def test_an_image_that_is_gone_stops_before_anything_is_asked(source: Source) -> None:
    (source.folder / "images/toy/B.png").unlink()
    with pytest.raises(BadRecord, match=r"train-00000.jsonl:4: no such image file: .*B.png"):
        plan(source, len(source), anyres.published(), batch_size=2)


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    twice = replace(record("det", "Where?", "none"), id="a")
    source = open_asked(write_set(tmp_path, {"train": (twice, twice)}), "train")
    with pytest.raises(UsageError, match=r"train-00000.jsonl:2: 'a' stands at .*train-00000.jsonl:1, too"):
        plan(source, 2, anyres.published(), batch_size=2)
