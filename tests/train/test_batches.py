"""The loader of a process: the same bytes for any number of workers, cheap to skip, and bad records whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from accelerate import skip_first_batches
from toy_training import mixed_records, model_folder, samples_of, write_mixed

from georsmllm.errors import BadRecord, UsageError
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views
from georsmllm.train import batches
from georsmllm.train.batches import MicroBatches
from georsmllm.train.collate import Batch
from georsmllm.train.plan import Settings, make_plan
from georsmllm.train.samples import Samples

pytestmark = pytest.mark.filterwarnings("default")
RECORDS = mixed_records(24)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("model"))


def micro_batches(samples: Samples, model: Path, batching: str, *, world: int = 1, rank: int = 0) -> MicroBatches:
    settings = Settings(
        batching=batching, row_length=700, rows=2, accumulation=1, world=world, epochs=1, max_steps=None, seed=0
    )  # type: ignore[arg-type] # a literal by parametrize
    plan = make_plan(samples.tokens, samples.weights, settings)
    return MicroBatches(samples, plan, Chat.of_folder(model), Views.of_folder(model), rank=rank)


def loaded(made: MicroBatches, num_workers: int) -> torch.utils.data.DataLoader[Batch]:
    return batches.loader(made.samples, made.plan, made.chat, made.views, rank=made.rank, num_workers=num_workers)


def same(some: Iterable[Batch], others: Iterable[Batch]) -> bool:
    pairs = zip(some, others, strict=True)
    return all(
        one.keys() == other.keys()
        and all(torch.equal(torch.as_tensor(one[key]), torch.as_tensor(other[key])) for key in one)
        for one, other in pairs
    )


@pytest.mark.parametrize("batching", ["packed", "grouped", "padded"])
def test_bytes_are_the_same_for_any_number_of_workers(tmp_path: Path, model: Path, batching: str) -> None:
    samples = samples_of(write_mixed(tmp_path / "set", RECORDS), model, tmp_path / "out")
    made = micro_batches(samples, model, batching)
    assert len(made) > 2
    assert same(loaded(made, 0), loaded(made, 2))
    seen = torch.cat([torch.as_tensor(batch["samples"]) for batch in loaded(made, 0)])
    assert sorted(seen.tolist()) == list(range(len(RECORDS)))


def test_ranks_share_the_samples_of_an_epoch(tmp_path: Path, model: Path) -> None:
    samples = samples_of(write_mixed(tmp_path / "set", RECORDS), model, tmp_path / "out")
    seen = [
        number
        for rank in range(2)
        for batch in loaded(micro_batches(samples, model, "grouped", world=2, rank=rank), 0)
        for number in torch.as_tensor(batch["samples"]).tolist()
    ]
    assert sorted(seen) == list(range(len(RECORDS)))


def test_skipped_batches_are_not_read(tmp_path: Path, model: Path) -> None:
    folder = write_mixed(tmp_path / "set", RECORDS)
    made = micro_batches(samples_of(folder, model, tmp_path / "out"), model, "padded")
    expected = list(loaded(made, 0))
    first = torch.as_tensor(expected[0]["samples"]).tolist()
    for number in first:
        for path in RECORDS[number].images:
            (folder / path).unlink()  # whoever reads the first batch, fails
    assert same(skip_first_batches(loaded(made, 0), 1), expected[1:])
    assert same(skip_first_batches(loaded(made, 2), 1), expected[1:])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_record_whose_image_is_gone_is_named_by_the_main_process(
    tmp_path: Path, model: Path, num_workers: int
) -> None:
    folder = write_mixed(tmp_path / "set", RECORDS)
    made = micro_batches(samples_of(folder, model, tmp_path / "out"), model, "padded")
    (folder / RECORDS[1].images[0]).unlink()
    with pytest.raises(BadRecord, match=r"no such image file") as caught:
        list(loaded(made, num_workers))
    assert (caught.value.reason, caught.value.where) == ("image_missing", f"{folder}/records/train-00000.jsonl:2")
    assert str(caught.value).startswith(f"{folder}/records/train-00000.jsonl:2: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_set_that_has_changed_under_the_run_is_one_line(tmp_path: Path, model: Path, num_workers: int) -> None:
    folder = write_mixed(tmp_path / "set", RECORDS)
    samples = samples_of(folder, model, tmp_path / "out")
    samples.tokens[:] += 1
    with pytest.raises(UsageError, match="when it was measured; the set has changed under the run") as caught:
        list(loaded(micro_batches(samples, model, "padded"), num_workers))
    assert str(caught.value).startswith(f"{folder}/records/train-00000.jsonl:") and "\n" not in str(caught.value)


@pytest.mark.parametrize("room", [0, 1 << 30])
def test_a_set_that_there_is_room_for_is_decoded_once(
    tmp_path: Path, model: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_KEPT_BYTES", room)
    folder = write_mixed(tmp_path / "set", RECORDS)
    made = micro_batches(samples_of(folder, model, tmp_path / "out"), model, "padded")
    number = next(number for number in range(len(made)) if "pixel_values" in made[number])
    before = made[number]
    for path in {path for record in RECORDS for path in record.images}:
        (folder / path).unlink()
    if room:
        assert same([made[number]], [before])
    else:
        with pytest.raises(BadRecord):
            made[number]


def test_a_worker_hears_no_wish_to_stop_and_can_be_ended() -> None:
    worker = multiprocessing.get_context("fork").Process(target=_started_and_stuck)
    worker.start()
    try:
        for _ in range(100):
            if os.getpgid(worker.pid) == worker.pid:
                break
            time.sleep(0.05)
        assert os.getpgid(worker.pid) != os.getpgid(0), "Ctrl-C and scancel go to the group of the run"
        worker.terminate()
        worker.join(10)
        assert worker.exitcode == -signal.SIGTERM
    finally:
        worker.kill()


def _started_and_stuck() -> None:
    batches._start_worker(0)
    time.sleep(60)
