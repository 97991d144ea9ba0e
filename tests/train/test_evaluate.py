"""Evaluation while training: a fair slice, judged with nothing left out, and a run that does not notice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import hand_made_set
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PrinterCallback, Trainer, TrainingArguments

from georsmllm.contracts import Score
from georsmllm.discover import task
from georsmllm.errors import BadRecord
from georsmllm.model import load, tiny
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Views
from georsmllm.train.collate import Encoded, padded
from georsmllm.train.evaluate import Asking, Evaluator, choose, held_out, shares
from georsmllm.train.ranks import ALONE, Ranks
from georsmllm.train.sinks import read_journal
from georsmllm.train.sources import open_source
from georsmllm.train.throughput import Counts
from georsmllm.train.watch import Watched, callbacks
from georsmllm.translation import judge
from georsmllm.types import Record

pytestmark = pytest.mark.filterwarnings("default")


def score(record: Record, text: str) -> Score:
    return judge(task(record.task), text, record)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A set and a model of 0.2 M parameters."""
    where = tmp_path_factory.mktemp("world")
    hand_made_set.write_set(where / "set")
    tiny.make("mini", where / "mini")
    return where


def asking(model: Path, *, batch_size: int = 3) -> Asking:
    views = Views.of_folder(model)
    return Asking(
        chat=Chat.of_folder(model),
        views=views,
        anyres=views.anyres,
        batch_size=batch_size,
        max_new_tokens=6,
        is_bf16=False,
    )


def evaluator(folder: Path, out: Path, *, scorer=score, num: int = 5, ranks: Ranks | None = None) -> Evaluator:
    source = open_source(folder / "set", "train")
    held = held_out(source, num, seed=1)
    return Evaluator(source, held, asking(folder / "mini"), scorer=scorer, ranks=ranks or Ranks(ALONE), folder=out)


# the slice


def of_tasks(*tasks: str) -> tuple[Record, ...]:
    some = hand_made_set.records()["train"][0]
    return tuple(replace(some, id=f"{name}-{i}", task=name) for i, name in enumerate(tasks))


def test_a_slice_takes_every_task_in_turn() -> None:
    records = of_tasks(*["det"] * 50, *["cls"] * 3, "vqa")
    chosen = choose(records, 8, seed=0)
    assert sorted(records[i].task for i in chosen) == ["cls", "cls", "cls", "det", "det", "det", "det", "vqa"]
    assert choose(records, 100, seed=0) == list(range(54)), "all, where there are no more"
    assert choose(records, 8, seed=0) != choose(records, 8, seed=1)


@given(st.permutations(range(12)), st.integers(1, 12), st.integers(0, 3))
def test_the_order_of_a_set_does_not_change_the_slice(order, num, seed) -> None:
    records = of_tasks(*["det"] * 6, *["cls"] * 4, *["vqa"] * 2)
    turned = [records[i] for i in order]
    assert {turned[i].id for i in choose(turned, num, seed=seed)} == {
        records[i].id for i in choose(records, num, seed=seed)
    }


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 7))
def test_ranks_get_equally_many_batches_and_leave_nothing_out(num, batch_size, world) -> None:
    ranks = shares(list(range(num)), batch_size, world)
    assert len({tuple(map(len, batches)) for batches in ranks}) == 1, "no rank waits for another"
    assert {one for batches in ranks for batch in batches for one in batch} == set(range(num))
    assert sum(len(batch) for batch in ranks[0]) == -(-num // world)


def test_an_image_that_is_gone_is_said_before_training_begins(folder: Path, tmp_path: Path) -> None:
    hand_made_set.write_set(tmp_path / "set")
    source = open_source(tmp_path / "set", "train")
    (tmp_path / "set" / source[0].images[0]).unlink()
    with pytest.raises(BadRecord, match=r"train-00000\.jsonl:\d+"):
        held_out(source, 100, seed=0)


# answers and their judgement


def test_every_answer_counts_and_can_be_read_beside_its_gold(folder: Path, tmp_path: Path) -> None:
    found = evaluator(folder, tmp_path)(load.model(folder / "mini"), 30)
    lines = [json.loads(line) for line in (tmp_path / "eval-30.jsonl").read_text().splitlines()]
    report = json.loads((tmp_path / "eval-30.json").read_text())
    assert len(lines) == report["overall"]["n"] == 5
    verdicts = {name: value for name, value in found.values.items() if name.startswith("eval/verdict/")}
    assert sum(verdicts.values()) == pytest.approx(1)
    assert found.values["eval/value"] == pytest.approx(sum(line["value"] for line in lines) / 5)
    assert all(line["gold"] and line["question"] and line["finish"] in ("stop", "length") for line in lines)
    assert all(line["value"] == 0 for line in lines if line["verdict"] != "ok")
    assert found.line.startswith("evaluation at step 30, 5 answers: ")


def test_an_answer_that_cannot_be_read_is_worth_nothing_and_stays_in_the_denominator(
    folder: Path, tmp_path: Path
) -> None:
    def half(record: Record, text: str) -> Score:
        return Score("ok", 1.0) if record.task == "det" else Score("syntax", 0.0)

    found = evaluator(folder, tmp_path, scorer=half, num=100)(load.model(folder / "mini"), 1)
    records = hand_made_set.records()["train"]
    share = sum(record.task == "det" for record in records) / len(records)
    assert 0 < share < 1
    assert found.values["eval/value"] == found.values["eval/verdict/ok"] == pytest.approx(share)
    assert found.values["eval/verdict/syntax"] == pytest.approx(1 - share)


def test_the_model_and_all_random_numbers_are_as_they_were(folder: Path, tmp_path: Path) -> None:
    model = load.model(folder / "mini").train()
    model.model.vision_tower.eval()
    modes = [module.training for module in model.modules()]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    evaluator(folder, tmp_path)(model, 1)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]


def losses(folder: Path, out: Path, *, evaluates: bool) -> list[float | None]:
    """Of four steps with dropout and gradient checkpointing."""
    source = open_source(folder / "set", "train")
    told = asking(folder / "mini")
    torch.manual_seed(0)
    model = load.model(folder / "mini")
    for layer in model.model.language_model.layers:
        layer.self_attn.attention_dropout = 0.2
    rows = []
    for number in range(len(source)):
        said = source.conversation(number)
        rendered = told.chat.render(said.messages, told.anyres.tokens(said.sizes_wh), where="")
        rows.append(Encoded(number, rendered, told.views.pixels(source.images(number))))
    watched = Watched(folder=out, stage="s", count=lambda _: Counts(), say=lambda _: None, is_watched=False)
    evaluate = evaluator(folder, out) if evaluates else None
    trainer = Trainer(
        model,
        TrainingArguments(
            str(out), max_steps=4, logging_steps=1, per_device_train_batch_size=2, gradient_checkpointing=True,
            report_to=[], use_cpu=True, disable_tqdm=True, save_strategy="no", remove_unused_columns=False, seed=3,
        ),
        train_dataset=rows,
        data_collator=lambda some: {k: v for k, v in padded(some, told.chat.pad).items() if k != "samples"},
        callbacks=callbacks(watched, evaluate=evaluate, eval_steps=1),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [event["loss"] for event in read_journal(out / "metrics.jsonl") if "loss" in event]


def test_a_run_with_evaluation_learns_exactly_what_one_without_does(folder: Path, tmp_path: Path) -> None:
    without = losses(folder, tmp_path / "without", evaluates=False)
    assert losses(folder, tmp_path / "with", evaluates=True) == without
    assert len(without) == 4 and len(set(without)) == 4
    assert sorted(path.name for path in (tmp_path / "with").glob("eval-*.json")) == [
        f"eval-{i}.json" for i in (1, 2, 3, 4)
    ]


TWO = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from train.test_evaluate import evaluator
from georsmllm.model import load
from georsmllm.train import launch
import os
ranks = launch.start(launch.world_of(os.environ), deepspeed=False)
folder, out = Path({folder!r}), Path({out!r})
found = evaluator(folder, out, ranks=ranks)(load.model(folder / "mini"), 7)
assert bool(found.values) == ranks.is_first
launch.stop()
"""


def test_two_processes_say_what_one_says(folder: Path, tmp_path: Path) -> None:
    from georsmllm.train.launch import free_port

    alone = evaluator(folder, tmp_path / "one")(load.model(folder / "mini"), 7)
    tests = str(Path(__file__).parents[1])
    code = TWO.format(tests=tests, folder=str(folder), out=str(tmp_path / "two"))
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    assert [one.wait(timeout=240) for one in both] == [0, 0]
    for name in ("eval-7.json", "eval-7.jsonl"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert alone.values["eval/value"] >= 0
