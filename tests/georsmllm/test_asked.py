"""Records to be answered: a JSONL of them reads as the set does that it was taken from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made_set import SIZE, write_set

from georsmllm.asked import open_asked
from georsmllm.errors import BadRecord, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def test_a_file_reads_as_its_set(folder: Path, tmp_path: Path) -> None:
    shard = folder / "records" / "train-00000.jsonl"
    copy = tmp_path / "some.jsonl"
    copy.write_bytes(shard.read_bytes())
    whole = open_asked(folder, "train")
    for file in (open_asked(shard, ""), open_asked(copy, "", image_root=folder)):
        assert [file[n] for n in range(len(file))] == [whole[n] for n in range(len(whole))]
        assert list(file.conversations()) == list(whole.conversations())
        assert [image.size for image in file.images(3)] == [SIZE, SIZE]
        assert file.place(3).endswith("l:4")


def test_a_fingerprint_is_of_the_lines(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "records" / "train-00000.jsonl").read_bytes()
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl").write_bytes(lines.replace(b"ships", b"boats"))
    first, other = (open_asked(tmp_path / name, "") for name in ("a.jsonl", "b.jsonl"))
    assert first.fingerprint != other.fingerprint
    assert first.fingerprint == open_asked(folder / "records" / "train-00000.jsonl", "").fingerprint


def test_images_beside_the_file_are_searched_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_bytes((folder / "records" / "train-00000.jsonl").read_bytes())
    with pytest.raises(BadRecord, match=r"some.jsonl:1: .*image_missing"):
        open_asked(tmp_path / "some.jsonl", "").images(0)


def test_what_is_no_record_is_one_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        open_asked(path, "")
    path.write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        open_asked(path, "")
    path.write_text('{"id": 3}\n')
    with pytest.raises(UsageError, match=r"some.jsonl:1: Expected `str`, got `int` - at `\$.id`"):
        open_asked(path, "")[0]
    with pytest.raises(UsageError, match="holds its own images"):
        open_asked(folder, "train", image_root=tmp_path)
