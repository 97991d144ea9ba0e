"""Tokens are those of the model's own tokenizer, digits one by one, and the points' share of them is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hand_made_set import record, write_set

from georsmllm.errors import MissingExtra, UsageError
from georsmllm.hearing import hear
from georsmllm.report import Wanted, collect, num_points
from georsmllm.tokencount import FromFolder, TokenTally
from georsmllm.types import Record

LETTERS = "".join(map(chr, range(33, 127))) + "ĠĊ"


def tokenizer(folder: Path, *merges: str, **config: object) -> Path:
    """A byte-level BPE of the printable letters and these merges."""
    folder.mkdir()
    words = [*LETTERS, *(merge.replace(" ", "") for merge in merges)]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def counts(folder: Path, *texts: str) -> list[int]:
    return [len(pieces) for pieces in FromFolder(folder).pieces(texts)]


def tallied(folder: Path, *records: Record):
    tally = TokenTally(FromFolder(folder))
    for line in records:
        heard = hear(line, "answer")
        tally.add(line, heard, num_points(heard))
    return tally.result()


def test_digits_stay_apart_whatever_the_merges_say(tmp_path: Path) -> None:
    assert counts(tokenizer(tmp_path / "qwen", "1 2", ") ,", "), ("), "(12,12),(12,12)", "") == [13, 0]
    gpt = tokenizer(tmp_path / "gpt", "1 2", tokenizer_class="GPT2TokenizerFast")
    assert counts(gpt, "(12,12)") == [5]


def test_tokens_of_their_own_are_one_token(tmp_path: Path) -> None:
    added = {"100": {"content": "<|box_start|>", "special": True}}
    folder = tokenizer(tmp_path / "t", tokenizer_class="Qwen2Tokenizer", added_tokens_decoder=added)
    assert counts(folder, "<|box_start|>(1,2)") == [6]


def test_a_whole_tokenizer_is_taken_as_it_stands(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    whole = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    whole.save(str(tmp_path / "tokenizer.json"))
    assert counts(tmp_path, "a b c") == counts(tmp_path / "tokenizer.json", "a b c") == [3]


def test_question_answer_and_points_are_counted(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t")
    line = record("det", "Where?", "ship: [(12,9),(300,40)];[(1,2),(3,4)]\nlake: none", labels=("ship", "lake"))
    tokens = tallied(folder, line)["det"]
    assert tokens.question.most == len("[det]Where?") + 1
    assert tokens.answer.most == len("ship: [(12,9),(300,40)];[(1,2),(3,4)]\nlake: none")
    assert tokens.whole.most == tokens.question.most + tokens.answer.most
    assert (tokens.points, tokens.per_point) == (4, round(len("[(12,9),(300,40)];[(1,2),(3,4)]") / 4, 2))
    assert tokens.over == {"1024": 0, "2048": 0}


def test_what_is_too_long_is_counted(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t")
    lines = [record("vqa", "?" * 10, "x" * n) for n in (5, 1200, 3000)]
    tokens = tallied(folder, *lines)["vqa"]
    assert (tokens.over, tokens.points, tokens.per_point) == ({"1024": 2, "2048": 1}, 0, 0.0)


def test_a_report_without_a_tokenizer_counts_none(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy")
    assert collect(folder, Wanted(0)).numbers.tokens == {}
    found = collect(folder, Wanted(0), splitter=FromFolder(tokenizer(tmp_path / "t"))).numbers.tokens
    assert {task: one.whole.count for task, one in found.items()} == {
        "change": 1, "count": 1, "det": 2, "region": 2, "seg": 1,
    }  # fmt: skip


def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tokenizer(tmp_path / "t")
    lines = [record("det", "Where?", f"[({n},{n})]") for n in range(9)]
    whole = tallied(folder, *lines)
    monkeypatch.setattr("georsmllm.tokencount._BATCH", 2)
    assert tallied(folder, *lines) == whole


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no tokenizer; expected a tokenizer.json"),
        ({"tokenizer.json": "{"}, "is no tokenizer: "),
        ({"tokenizer.json": "[]"}, "is no tokenizer: "),
        ({"vocab.json": "{", "merges.txt": ""}, "are no BPE: "),
        ({"vocab.json": "{}", "merges.txt": "", "tokenizer_config.json": "{"}, "tokenizer_config.json: "),
        (
            {"vocab.json": "{}", "merges.txt": "", "tokenizer_config.json": '{"tokenizer_class": "Florence"}'},
            "a vocabulary of Florence needs its tokenizer.json",
        ),
    ],
)
def test_a_folder_that_holds_none_is_one_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        FromFolder(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_library_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'georsmllm\[tokens\]'"):
        FromFolder(tmp_path)


def test_the_vocabulary_of_qwen2_counts_as_the_model_does(real: Callable[[str], Path]) -> None:
    folder = real("tokenizer")
    texts = ("Hello", "hello world", "[(125,125),(375,208)]", "(100, 200), (300, 400)", "<|box_start|>", "[det]")
    assert counts(folder, *texts) == [1, 2, 17, 20, 1, 3]
