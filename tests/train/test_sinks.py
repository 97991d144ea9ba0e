"""Where the numbers of a run go: one file that reads as one run, whatever was killed in between."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.train import curve, sinks
from georsmllm.train.sinks import Board, Console, Journal, Wandb, read_journal

pytestmark = pytest.mark.filterwarnings("default")


def write(path: Path, steps: list[int], *, resumed_at: int) -> None:
    journal = Journal(path, resumed_at=resumed_at)
    for step in steps:
        journal.write(step, {"loss": 1 / step})
    journal.close()


@given(st.integers(1, 30), st.data())
def test_a_run_that_was_killed_and_resumed_reads_as_one(tmp_path_factory, num, data) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    killed_at = data.draw(st.integers(1, num))
    saved_at = data.draw(st.integers(0, killed_at))
    torn = data.draw(st.integers(0, 12))
    write(path, list(range(1, killed_at + 1)), resumed_at=0)
    path.write_bytes(path.read_bytes() + b'{"step":31,"loss":0'[:torn])
    write(path, list(range(saved_at + 1, num + 1)), resumed_at=saved_at)
    assert read_journal(path) == [{"step": step, "loss": 1 / step} for step in range(1, num + 1)]


def test_a_run_from_the_start_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "metrics.jsonl", [1, 2, 3], resumed_at=0)
    write(tmp_path / "metrics.jsonl", [1], resumed_at=0)
    assert [event["step"] for event in read_journal(tmp_path / "metrics.jsonl")] == [1]


def test_a_file_that_is_no_journal_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step":1}\nhello\n')
    with pytest.raises(UsageError, match=r"metrics\.jsonl:2: .*expected an event with its step"):
        Journal(tmp_path / "metrics.jsonl", resumed_at=5)


def test_tensorboard_reads_a_resumed_run_as_one(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, resumed_at=0)
    for step in range(1, 6):
        board.write(step, {"loss": 1.0, "learning_rate/llm": 0.5})
    board.close()
    board = Board(tmp_path, resumed_at=2)
    for step in range(3, 5):
        board.write(step, {"loss": 2.0})
    board.close()
    events = EventAccumulator(str(tmp_path), purge_orphaned_data=True).Reload()
    assert [(one.step, one.value) for one in events.Scalars("train/loss")] == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)]
    assert "learning_rate/llm" in events.Tags()["scalars"]


FAKE_WANDB = """
calls = []
class Error(Exception):
    pass
class Run:
    id = "abc123"
    def log(self, values, step): calls.append(("log", values, step))
    def finish(self): calls.append(("finish",))
def init(**settings):
    if settings["name"] == "nobody":
        raise Error("No API key configured.\\nUse wandb login")
    calls.append(("init", settings))
    return Run()
"""


def test_weights_and_biases_goes_on_under_the_id_of_the_run(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "wandb.py").write_text(FAKE_WANDB)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    for resumed_at in (0, 7):
        run = Wandb(tmp_path / "stage", resumed_at=resumed_at, name="instruct", config={"seed": 3})
        run.write(resumed_at + 1, {"loss": 1.5})
        run.close()
    import wandb

    ids = [call[1]["id"] for call in wandb.calls if call[0] == "init"]
    assert ids == [None, "abc123"]
    assert wandb.calls[1:3] == [("log", {"loss": 1.5}, 1), ("finish",)]
    assert wandb.calls[0][1]["config"] == {"seed": 3}
    with pytest.raises(UsageError, match="No API key configured; WANDB_MODE=offline needs no account"):
        Wandb(tmp_path / "stage", resumed_at=0, name="nobody", config={})


def test_what_is_not_installed_is_said_before_anything_is_loaded(monkeypatch) -> None:
    sinks.check(("tensorboard",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install wandb"):
        sinks.check(("wandb",))
    with pytest.raises(MissingExtra, match="tensorboard"):
        sinks.check(("tensorboard",))


VALUES = {
    "loss": 0.123456,
    "learning_rate/projector": 1e-3,
    "learning_rate/llm": 1e-5,
    "tokens_per_s": 12345.6,
    "samples_per_s": 4.0,
    "data_wait": 0.012,
    "mfu": 0.41,
}


def test_without_a_terminal_an_event_is_a_line() -> None:
    said: list[str] = []
    console = Console("instruct", first=5, total=100, say=said.append, watched=False)
    console.advance(10)
    console.write(10, VALUES, eta_s=90.4)
    console.tell("a word")
    console.close()
    assert said == [
        "instruct 10/100: loss 0.1235, lr projector 1.00e-03, lr llm 1.00e-05, 12 346 tokens/s, 4 samples/s, MFU 41.0%, "
        "data wait 1.2%, ETA 0:01:30",
        "a word",
    ]


def test_before_a_terminal_a_bar_begins_where_the_run_goes_on(capsys) -> None:
    said: list[str] = []
    console = Console("instruct", first=40, total=100, say=said.append, watched=True)
    console.advance(50)
    console.write(50, VALUES)
    console.close()
    err = capsys.readouterr().err
    assert said == []
    assert "50/100" in err and "loss 0.1235" in err and "0/100 [" not in err.replace("40/100", "").replace("50/100", "")


def test_the_picture_is_the_same_for_the_same_journal_and_of_the_smallest_too(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    journal = Journal(path, resumed_at=0)
    curve.draw(path, tmp_path / "empty.png", title="nothing yet")
    for step in range(1, 41):
        journal.write(step, {"loss": 3 / step, "learning_rate/llm": 1e-4 * (40 - step)})
    journal.write(40, {"eval/value": 0.5, "eval/value/det": 0.5, "eval/verdict/ok": 1.0})
    journal.write(41, {"loss": float("nan")})
    journal.close()
    for name in ("a.png", "b.png"):
        curve.draw(path, tmp_path / name, title="instruct")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").stat().st_size > (tmp_path / "empty.png").stat().st_size


@pytest.mark.parametrize(
    ("values", "window", "mean"),
    [
        ([], 5, []),
        ([2.0], 5, [2.0]),
        ([1.0, 2.0, 3.0], 1, [1.0, 2.0, 3.0]),
        ([0.0, 3.0, 6.0, 9.0], 2, [1.5, 3, 6, 7.5]),
    ],
)
def test_the_smoothed_loss_is_a_mean_around_each_step(values, window, mean) -> None:
    assert curve.smoothed(values, window) == mean


def test_a_verdict_that_an_evaluation_does_not_name_was_nobodys() -> None:
    events = [
        {"step": 10, "eval/value": 0.0, "eval/verdict/syntax": 1.0},
        {"step": 20, "eval/value": 1.0, "eval/verdict/ok": 1.0},
    ]
    panels = dict(curve._panels(events))
    assert panels["share of answers"] == {"syntax": ([10, 20], [1.0, 0.0]), "ok": ([10, 20], [0.0, 1.0])}
