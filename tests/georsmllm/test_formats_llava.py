from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import llava
from georsmllm.formats.llava import Message, Record, clean, index, refs, turns


def write(path: Path, *records: Any, form: str = "list") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "list":
        path.write_text(json.dumps(list(records), indent=1))
    else:
        path.write_text({"bom": "\ufeff"}.get(form, "") + "".join(f"{json.dumps(record)}\n\n" for record in records))
    return path


def paint(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / name)


def talk(image: str | None, **more: Any) -> dict[str, Any]:
    return {"id": 0, **({} if image is None else {"image": image}), "conversations": [], **more}


def test_an_empty_list_has_no_image_and_an_empty_file_is_a_usage_error(tmp_path: Path) -> None:
    assert index(write(tmp_path / "a.json")).names == {}
    (tmp_path / "b.jsonl").write_text("\n \n")
    with pytest.raises(UsageError, match=r"b\.jsonl: no record"):
        index(tmp_path / "b.jsonl")


@pytest.mark.parametrize("form", ["list", "lines", "bom"])
def test_records_are_found_by_image_wherever_they_stand(tmp_path: Path, form: str) -> None:
    path = write(
        tmp_path / "a.json", talk("b.png", n=0), talk("a.png", n=1), talk("b.png", n=2), talk(None, n=3), form=form
    )
    found = index(path)
    raw = path.read_bytes()
    numbers = {name: [json.loads(raw[start:end])["n"] for start, end in found.of(name)] for name in found.names}
    assert numbers == {"": [3], "a.png": [1], "b.png": [0, 2]}
    assert list(numbers) == ["", "a.png", "b.png"]


def test_one_name_in_two_spellings_is_one_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", talk("a/b.png", n=0), talk("./a//b.png", n=1))
    path.write_text(path.read_text().replace('"a/b.png"', '"a\\/b.png"'))
    assert {name: len(index(path).of(name)) for name in index(path).names} == {"a/b.png": 2}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("", ""),
        ("a.png", "a.png"),
        ("C:\\data\\a.png", "C:/data/a.png"),
        ("/share/x/../a.png", "share/x/a.png"),
        ("a\n\0.png", "a.png"),
    ],
)
def test_a_name_stays_below_the_folder(name: str, path: str) -> None:
    assert clean(name) == path


@pytest.mark.parametrize(
    ("name", "there", "path"),
    [
        ("a.png", ["a.png", "images/a.png"], "a.png"),
        ("a.png", ["sub/a.png", "images/a.png"], "sub/a.png"),  # beside the JSON
        ("deep/a.png", ["images/all/a.png"], "images/all/a.png"),
        ("a.jpg", ["images/a.png"], "images/a.png"),
        ("a", ["images/a.png"], "images/a.png"),
        ("a.jpg", ["images/a.png", "images/a.jpg"], "images/a.jpg"),
        ("a.1", ["images/a.1.png"], "images/a.1.png"),
        ("gone.png", ["images/a.png"], "gone.png"),
    ],
)
def test_an_image_is_looked_for_by_name_and_then_by_bare_name(
    tmp_path: Path, name: str, there: list[str], path: str
) -> None:
    write(tmp_path / "sub" / "talks.json", talk(name))
    paint(tmp_path, *there)
    (ref,) = refs(tmp_path, [("sub/talks.json", "train")])
    assert ref.paths == (path, "sub/talks.json")
    assert (ref.key, ref.split) == (f"sub/talks/{name}", "train")


def test_two_images_of_one_bare_name_are_one_line_that_names_both(tmp_path: Path) -> None:
    write(tmp_path / "talks.json", talk("a.png"))
    paint(tmp_path, "x/a.png", "y/a.png")
    with pytest.raises(UsageError, match=r"a\.png may be x/a\.png or y/a\.png"):
        list(refs(tmp_path, [("talks.json", "train")]))


def test_a_file_without_any_of_its_images_is_left_out_unless_none_has_any(tmp_path: Path) -> None:
    write(tmp_path / "here.json", talk("a.png"), talk("gone.png"))
    write(tmp_path / "away.json", talk("b.png"))
    files = [("here.json", "train"), ("away.json", "test")]
    assert [ref.key for ref in refs(tmp_path, files)] == ["away/b.png", "here/a.png", "here/gone.png"]
    paint(tmp_path, "a.png")
    assert [ref.key for ref in refs(tmp_path, files)] == ["here/a.png", "here/gone.png"]


def test_keys_are_sorted_also_where_a_record_names_no_image(tmp_path: Path) -> None:
    write(tmp_path / "a-b.json", talk("b.png"), talk(None), talk("Z.png"))
    write(tmp_path / "a.json", talk("0.png"))
    keys = [ref.key for ref in refs(tmp_path, [("a-b.json", ""), ("a.json", "")])]
    assert keys == sorted(keys)
    assert len(keys) == 4


def test_a_list_cut_short_is_a_usage_error_and_a_line_cut_short_a_record_without_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", talk("a.png"), talk("b.png"))
    path.write_text(path.read_text()[:-9])
    with pytest.raises(UsageError, match=r"a\.json@\d+"):
        index(path)
    lines = write(tmp_path / "b.jsonl", talk("a.png"), talk("b.png"), form="lines")
    lines.write_text(lines.read_text()[:-9])
    found = index(lines)
    assert list(found.names) == ["", "a.png"]
    (span,) = found.of("")
    with pytest.raises(BadRecord, match=rf"b\.jsonl@{span[0]}: .* \[bad_json\]"):
        llava.decode(llava.RECORD, lines, span)


@pytest.mark.parametrize(
    ("speakers", "pairs", "lost"),
    [
        ("", [], 0),
        ("hg", [("0", "1")], 0),
        ("hghg", [("0", "1"), ("2", "3")], 0),
        ("ub", [("0", "1")], 0),
        ("ghg", [("1", "2")], 1),
        ("hhg", [("1", "2")], 1),
        ("hgg", [("0", "1")], 1),
        ("h", [], 1),
    ],
)
def test_questions_go_with_the_answer_after_them(speakers: str, pairs: list[tuple[str, str]], lost: int) -> None:
    names = {"h": "human", "u": "user", "g": "gpt", "b": "bot"}
    mended: Counter[str] = Counter()
    messages = tuple(Message(names[speaker], str(i)) for i, speaker in enumerate(speakers))
    assert list(turns(Record(messages), mended)) == pairs
    assert mended["unpaired_turn_dropped"] == lost


@pytest.mark.parametrize("form", ["list", "lines"])
def test_records_that_say_image_id_are_told_apart(tmp_path: Path, form: str) -> None:
    records = [{"image_id": name, "n": n} for n, name in enumerate("aba")]
    path = write(tmp_path / "a.json", *records, talk(None, n=3), talk("b", n=4), form=form)
    found, raw = index(path), path.read_bytes()
    numbers = {name: [json.loads(raw[start:end])["n"] for start, end in found.of(name)] for name in found.names}
    assert {name: sorted(each) for name, each in numbers.items()} == {"": [3], "a": [0, 2], "b": [1, 4]}


def test_two_files_of_one_name_are_one_line(tmp_path: Path) -> None:
    paint(tmp_path, "b.png")
    write(tmp_path / "a.json", talk("b.png"))
    write(tmp_path / "a.jsonl", talk("b.png"), form="lines")
    with pytest.raises(UsageError, match=r"a\.json stands beside a file of the same name"):
        list(refs(tmp_path, [("a.json", "train"), ("a.jsonl", "train")]))
