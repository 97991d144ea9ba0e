"""The small ones: hashes of identity, files that are never half-written, plug-ins by name, errors that travel."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import discover
from georsmllm.errors import BadAnswer, BadRecord, MissingExtra, UsageError
from georsmllm.jsonl import read_json, read_lines, write_json, writing
from georsmllm.rng import hash64, rng, unit
from georsmllm.types import Prediction

names = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=5), min_size=1, max_size=4)


@given(names, names)
def test_different_names_draw_different_numbers(a, b):
    assert (hash64(*a) == hash64(*b)) == (a == b)
    assert 0 <= unit(*a) < 1


def test_draws_are_the_same_in_every_process_and_version():
    assert hash64("georsmllm", 1) == 9873714983576096745
    assert rng(0, "dota/P0706", "det").randrange(10**6) == rng(0, "dota/P0706", "det").randrange(10**6)
    assert rng(0, "a").random() != rng(1, "a").random()


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "below" / "a.txt"
    with pytest.raises(KeyError), writing(path) as out:
        out.write(b"half")
        raise KeyError
    assert list(path.parent.iterdir()) == []
    with writing(path) as out:
        out.write(b"whole")
    assert [p.read_bytes() for p in path.parent.iterdir()] == [b"whole"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_with_the_way_out(tmp_path, number):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with (
        pytest.raises(UsageError, match=r"no space left while writing .*a.txt.*run the same command again"),
        writing(path),
    ):
        raise OSError(number, "full")
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_another_system_error_flies_as_it_is(tmp_path):
    with pytest.raises(PermissionError), writing(tmp_path / "a"):
        raise PermissionError


def test_json_files_say_where_they_are_wrong(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, Prediction("1", "none"))
    assert path.read_text() == '{\n  "id": "1",\n  "text": "none"\n}\n'
    assert read_json(path, Prediction) == Prediction("1", "none")
    path.write_text('{"id": 1, "text": ""}')
    with pytest.raises(UsageError, match=r"a.json: Expected `str`, got `int` - at `\$.id`"):
        read_json(path, Prediction)
    with pytest.raises(UsageError, match="no such file"):
        read_json(tmp_path / "b.json", Prediction)


def test_json_lines_say_file_and_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "text": "a"}\n{"id": "2"}\n')
    with pytest.raises(UsageError, match=r"a.jsonl:2: Object missing required field `text`"):
        list(read_lines(path, Prediction))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="no converter is called 'dotta'; did you mean dota"):
        discover.converter("dotta")
    with pytest.raises(UsageError, match="no task is called 'counts'; did you mean count"):
        discover.task("counts")
    assert discover.nearest("xyz", ("a", "b")) == "there are: a, b"


def test_the_readers_and_tasks_of_the_foundation_are_there():
    assert set(discover.converter_names()) >= {"coco", "dota", "levir_cd", "loveda", "scene_folder"}
    assert set(discover.task_names()) >= {"change", "cls", "count", "det", "region", "seg", "tags"}


def test_a_persons_own_reader_is_a_path(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text("from georsmllm.converters.dota import CONVERTER\n")
    assert discover.converter(str(own)) is discover.converter("dota")
    own.write_text("x = 1\n")
    with pytest.raises(UsageError, match="has no CONVERTER"):
        discover.converter(str(own))
    with pytest.raises(UsageError, match="no such file"):
        discover.converter(str(Path("none.py")))


def test_a_bad_record_comes_back_from_a_worker_as_it_went():
    bad = BadRecord("short_row", "expected 10 fields, got 3", where="a.txt:4", raw="x" * 900)
    back = pickle.loads(pickle.dumps(bad))
    assert (str(back), back.reason, back.where, back.raw) == (str(bad), "short_row", "a.txt:4", "x" * 500)
    assert str(bad) == "a.txt:4: expected 10 fields, got 3 [short_row]"


def test_messages_are_one_line_with_the_way_out():
    assert str(MissingExtra("torch", "train", "training")) == "training needs torch: pip install 'georsmllm[train]'"
    assert str(BadAnswer("syntax", "abc", at=1, expected="x")) == "syntax at character 1: expected x, got 'bc'"
    assert str(BadAnswer("syntax", "abc", at=3)) == "syntax at character 3: got the end"
