"""`georsmllm look` writes a page, or one record's picture, and says in one line where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hand_made_set import record, records, write_set
from PIL import Image

from georsmllm.errors import UsageError
from georsmllm.scripts.look import command, picture_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "toy")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def test_the_page_lies_in_the_folder_and_the_line_says_so(folder: Path) -> None:
    result = run(folder)
    assert (result.exit_code, result.exception) == (0, None)
    assert (folder / "look.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result.stdout.startswith(f"{folder / 'look.html'}: 7 of 7 records, ")
    assert result.stdout.count("\n") == 1


def test_a_page_elsewhere_with_few_samples_of_one_task(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "det.html"
    assert "2 of 7 records" in run(folder, "-o", out, "--task", "det,seg", "--split", "train", "-n", "2").stdout
    assert out.is_file()
    assert not (folder / "look.html").exists()


def test_the_same_set_gives_the_same_page(folder: Path, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        run(folder, "-o", tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_text_that_does_not_parse_is_told(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"train": (record("det", "Where?", "[(1,2),(3"),)})
    assert "point text that does not parse: syntax 1; see it with: georsmllm validate" in run(folder).stdout


def test_one_record_becomes_a_picture(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    result = run(folder, "--id", records()["val"][0].id, "-o", out)
    with Image.open(out) as picture:
        assert result.stdout == f"{out}: {picture.width}x{picture.height}\n"


def test_a_picture_is_named_by_its_id_unless_told_otherwise(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(folder, "--id", "toy/P1#det-several:ship_airplane")
    assert result.stdout.startswith("toy_P1_det-several_ship_airplane.png: ")
    assert (tmp_path / "toy_P1_det-several_ship_airplane.png").is_file()


def test_tokens_are_counted_with_the_tokenizer_of_a_folder(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    model = tmp_path / "words"
    model.mkdir()
    Tokenizer(models.WordLevel({"ship": 0}, unk_token="ship")).save(str(model / "tokenizer.json"))
    assert run(folder, "--tokenizer", model).exit_code == 0
    assert '"tokenizer":"the tokenizer of words"' in (folder / "look.html").read_text(encoding="utf-8")


def test_two_sets_make_one_page_named_by_both(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = write_set(tmp_path / "other", {"train": records()["train"]})
    result = run(folder, "--against", other)
    assert result.stdout.splitlines()[0].startswith("toy-against-other.html: 6 records in both (6 of them alike), ")
    assert result.stdout.splitlines()[1:] == [f"only in {folder}: 1", f"only in {other}: 0"]
    assert (tmp_path / "toy-against-other.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("", "record.png"),
        ("../../x", "x.png"),
        ("a:b/c#d~e", "a_b_c_d_e.png"),
        ("ü" * 9, "record.png"),
        ("x" * 999, f"{'x' * 150}.png"),
    ],
)
def test_the_name_of_a_picture_is_a_file_name_everywhere(identity: str, name: str) -> None:
    assert picture_name(identity) == name


def test_ids_are_listed_in_the_order_of_the_set(folder: Path) -> None:
    every = [line.id for lines in records().values() for line in lines]
    assert run(folder, "--list").stdout.splitlines() == every
    assert run(folder, "--list", "2").stdout.splitlines() == every[:2]
    assert run(folder, "--list", "9", "--task", "det,count", "--split", "val").stdout.splitlines() == every[-1:]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--id", "toy/P2#count-none:ship", "-o", "x.html"), "a picture ends in"),
        (("--id", "nobody", "-o", "x.png"), "no record has the id 'nobody'"),
        (("--id", "toy/P2#count-non:ship"), "did you mean 'toy/P2#count-none:ship' or"),
        (("--id", "toi/P2#count-none:ship"), "did you mean 'toy/P2#count-none:ship' or"),
        (("--id", "toy/P2#count-none:ship", "-o", "no/such/x.png"), "no such folder: {here}/no/such; make it first"),
        (("-o", "no/x.html"), "no such folder: {here}/no; make it first"),
        (("--list", "--task", "dte"), "has no record of these tasks and splits"),
        (("-o", "x.png"), "a page ends in .html"),
        (("--task", "dte"), "the set has no task 'dte'"),
        (("--against", "nowhere"), "no such folder: nowhere"),
        (("--against", "toy", "--task", "dte"), "neither set has a task 'dte'"),
        (("--against", "toy", "--id", "x"), "give one of them"),
        (("--against", "toy", "-o", "x.png"), "a page ends in .html"),
        (("--tokenizer", "toy"), "toy holds no tokenizer"),
        (("--tokenizer", "nowhere"), "nowhere holds no tokenizer"),
    ],
)
def test_wrong_words_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(folder, *words)
    assert isinstance(result.exception, UsageError)
    assert message.format(here=tmp_path) in str(result.exception)
    assert "\n" not in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
