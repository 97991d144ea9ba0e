"""A set's records by number; streams of them cover each exactly once, however they are split, left and taken up."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hand_made_set import record, records, write_records, write_set
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import layout
from georsmllm.dataset import Reader, Records, State, Stream
from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json

TOY = records()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("dataset") / "toy")


def sharded(folder: Path, sizes: list[int]) -> Path:
    """A set of one split whose shards hold so many records."""
    lines = {f"s{i}": tuple(record("count", f"How many? {i}.{n}", "0") for n in range(k)) for i, k in enumerate(sizes)}
    folder.mkdir()
    write_records(folder, lines)
    manifest = layout.manifest(folder)
    shards = tuple(msgspec.structs.replace(shard, split="train") for shard in manifest.shards)
    write_json(folder / "manifest.json", msgspec.structs.replace(manifest, shards=shards))
    return folder


def test_a_set_without_records_is_empty(tmp_path: Path) -> None:
    empty = Records(write_set(tmp_path / "none", {}))
    assert (len(empty), list(empty), list(Stream(empty, Reader()))) == (0, [], [])
    with pytest.raises(IndexError):
        empty[0]


def test_every_record_is_read_by_its_number(folder: Path) -> None:
    train = Records(folder, "train")
    assert [train[i] for i in range(len(train))] == list(TOY["train"]) == list(train)
    assert train[-1] == TOY["train"][-1]
    for beyond in (len(train), -len(train) - 1):
        with pytest.raises(IndexError, match="of 6"):
            train[beyond]


def test_without_a_split_all_of_them_follow_each_other(folder: Path) -> None:
    assert list(Records(folder)) == [*TOY["train"], *TOY["val"]]


def test_records_of_several_shards_are_counted_through(tmp_path: Path) -> None:
    found = Records(sharded(tmp_path / "many", [3, 1, 0, 4]), "train")
    questions = [line.messages[0].content.split("? ")[1] for line in found]
    assert questions == ["0.0", "0.1", "0.2", "1.0", "3.0", "3.1", "3.2", "3.3"]
    assert found.place(4).endswith("s3-00000.jsonl:1")
    assert msgspec.json.decode(found.line(3))["messages"][0]["content"].endswith("1.0")


def test_a_pickle_holds_no_record_and_reads_the_same(folder: Path) -> None:
    found = Records(folder)
    found[0]
    data = pickle.dumps(found)
    assert b"Where are the ships" not in data
    assert list(pickle.loads(data)) == list(found)


def damaged(folder: Path, change) -> None:
    path = folder / "records" / "train-00000.jsonl"
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data[:-1], "bytes, manifest.json says"),
        (lambda data: data + b"\n", "bytes, manifest.json says"),
        (lambda data: data.replace(b"\n", b" ", 1), "5 whole lines, manifest.json says 6"),
        (lambda data: data[:-1] + b" ", "5 whole lines, manifest.json says 6"),
    ],
)
def test_shards_that_are_not_the_manifest_s_are_refused(tmp_path: Path, change, expected: str) -> None:
    folder = write_set(tmp_path / "toy")
    damaged(folder, change)
    with pytest.raises(UsageError, match=expected):
        Records(folder)


def test_a_missing_shard_and_a_missing_split_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy")
    with pytest.raises(UsageError, match="no split 'test'; there are: train, val"):
        Records(folder, "test")
    (folder / "records" / "val-00000.jsonl").unlink()
    with pytest.raises(UsageError, match=r"val-00000.jsonl is missing; .* validate"):
        Records(folder)
    assert len(Records(folder, "train")) == 6


def test_a_line_that_is_no_record_is_named_when_it_is_read(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy")
    damaged(folder, lambda data: data.replace(b'"task":"seg"', b'"task":12345', 1))
    found = Records(folder)
    assert found[1] == TOY["train"][1]
    with pytest.raises(UsageError, match=r"train-00000.jsonl:3: .*\$.task"):
        found[2]


class Numbered(Records):
    """So many records that nobody reads."""

    def __init__(self, size: int) -> None:
        self.folder = Path("numbered")
        self.fingerprint = str(size)
        self._firsts = [0, size]


SIZES, WINDOWS = st.integers(0, 60), st.integers(1, 70)


def epoch(size: int, reader: Reader, world: int, workers: int, skipped: int = 0) -> list[list[int]]:
    """What each reader of an epoch reads."""
    readers = [
        msgspec.structs.replace(reader, rank=rank, world=world, worker=worker, workers=workers)
        for rank in range(world)
        for worker in range(workers)
    ]
    return [list(Stream(Numbered(size), one, skipped=skipped).numbers()) for one in readers]


@given(SIZES, WINDOWS, st.integers(1, 5), st.integers(1, 4), st.integers(), st.integers(0, 3))
def test_the_readers_of_an_epoch_cover_each_record_exactly_once(size, window, world, workers, seed, number) -> None:
    shares = epoch(size, Reader(seed=seed, epoch=number, window=window), world, workers)
    assert Counter(n for share in shares for n in share) == Counter(range(size))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


@given(SIZES, WINDOWS, st.integers(1, 5), st.data())
def test_a_stream_that_was_left_anywhere_goes_on_with_the_very_rest(size, window, world, data) -> None:
    reader = Reader(seed=3, window=window, rank=data.draw(st.integers(0, world - 1)), world=world)
    found = Numbered(size)
    whole = list(Stream(found, reader).numbers())
    stop = data.draw(st.integers(0, len(whole)))
    first = Stream(found, reader)
    numbers = first.numbers()
    head = [next(numbers) for _ in range(stop)]
    again = Stream.resume(found, json.loads(json.dumps(first.state())))
    assert len(again) == len(whole) - stop
    assert head + list(again.numbers()) == whole


@given(SIZES, WINDOWS, st.integers(1, 4), st.integers(1, 4), st.data())
def test_other_readers_take_over_what_is_left_of_an_epoch(size, window, before, after, data) -> None:
    reader = Reader(seed=5, window=window)
    steps = data.draw(st.integers(0, size // before))
    read = [n for share in epoch(size, reader, before, 1) for n in share[:steps]]
    rest = [n for share in epoch(size, reader, after, 1, skipped=steps * before) for n in share]
    assert Counter(read + rest) == Counter(range(size))


def order(**settings: int) -> list[int]:
    return list(Stream(Numbered(40), Reader(**settings)).numbers())


def test_seed_and_epoch_decide_the_order_and_nothing_else_does() -> None:
    assert order(seed=1) == order(seed=1) != order(seed=2)
    assert order(seed=1, epoch=1) != order(seed=1)
    assert order(seed=1)[1::2] == order(seed=1, rank=1, world=2)


def test_a_window_reads_what_lies_together() -> None:
    numbers = order(window=10)
    windows = [sorted(numbers[i : i + 10]) for i in range(0, 40, 10)]
    assert sorted(windows) == [list(range(i, i + 10)) for i in range(0, 40, 10)]
    assert windows != sorted(windows)
    assert numbers[:10] != windows[0]


def test_a_stream_gives_records_and_counts_what_it_gave(folder: Path) -> None:
    found = Records(folder, "train")
    stream = Stream(found, Reader(seed=1, window=4))
    given_out = [next(iter(stream)).id for _ in range(2)]
    assert (stream.read, len(stream)) == (2, 4)
    rest = [line.id for line in Stream.resume(found, stream.state())]
    assert sorted(given_out + rest) == sorted(line.id for line in TOY["train"])


def test_a_state_of_other_records_or_no_state_is_refused(folder: Path) -> None:
    state = Stream(Records(folder, "train"), Reader()).state()
    with pytest.raises(UsageError, match="other records"):
        Stream.resume(Records(folder, "val"), state)
    for bad in ({}, {**state, "read": -1}, {**state, "reader": {"window": 0}}, {**state, "more": 1}):
        with pytest.raises(UsageError, match="no state of a stream"):
            Stream.resume(Records(folder, "train"), bad)


@pytest.mark.parametrize("reader", [Reader(rank=1), Reader(worker=2, workers=2)])
def test_a_reader_that_does_not_exist_is_refused(reader: Reader) -> None:
    with pytest.raises(UsageError, match="expected a rank below"):
        Stream(Numbered(3), reader)


def test_a_state_is_small() -> None:
    state = State(of="f" * 16, reader=Reader(seed=2**63, epoch=1000, rank=500, world=512), read=10**9)
    assert len(json.dumps(msgspec.to_builtins(state))) < 300
