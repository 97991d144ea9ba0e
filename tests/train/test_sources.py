"""A built set and its exports are one and the same source; what is wrong with a folder or an image is one clear line."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from hand_made_set import record, records, write_records, write_set
from toy_training import mixed_records, write_mixed

from georsmllm.dataset import Records
from georsmllm.errors import BadRecord, UsageError
from georsmllm.instruct_data.exporting import Wanted, export
from georsmllm.train.sources import BuiltSet, Source, open_source

RECORDS = mixed_records(23)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same set in its three forms."""
    below = tmp_path_factory.mktemp("forms")
    made = write_mixed(below / "set", RECORDS)
    for form in ("parquet", "webdataset", "llava"):
        export(made, below / form, Wanted(form))
    return {"set": made, **{form: below / form for form in ("parquet", "webdataset", "llava")}}


@pytest.fixture(params=["set", "parquet", "webdataset"])
def source(folders: dict[str, Path], request: pytest.FixtureRequest) -> Source:
    return open_source(folders[request.param], "train")


def test_every_form_gives_the_same_records_in_the_same_order(folders: dict[str, Path], source: Source) -> None:
    expected = Records(folders["set"], "train")
    assert [source[number] for number in range(len(source))] == list(expected)
    assert [one.id for one in source.conversations()] == [one.id for one in RECORDS]
    one, its = source.conversation(3), RECORDS[3]
    assert (one.id, one.messages) == (its.id, its.messages)
    assert one.sizes_wh == tuple((view.width, view.height) for view in its.provenance.views)


def test_every_form_gives_the_same_pixels(folders: dict[str, Path], source: Source) -> None:
    expected = open_source(folders["set"], "train")
    for number in (0, 1, 3, 22):
        found = [image.tobytes() for image in source.images(number)]
        assert found == [image.tobytes() for image in expected.images(number)]
        assert len(found) == len(RECORDS[number].images)


def test_a_worker_opens_its_own_files(source: Source) -> None:
    first = source[5]
    assert pickle.loads(pickle.dumps(source))[5] == first
    assert len(pickle.dumps(source)) < 20_000


def test_a_number_that_is_not_there_is_an_index_error(source: Source) -> None:
    with pytest.raises(IndexError):
        source.conversation(len(RECORDS))


def test_places_name_file_and_record(folders: dict[str, Path]) -> None:
    places = {form: open_source(folders[form], "train").place(3) for form in ("set", "parquet", "webdataset")}
    assert places == {
        "set": f"{folders['set']}/records/train-00000.jsonl:4",
        "parquet": f"{folders['parquet']}/data/train-00000.parquet:4",
        "webdataset": f"{folders['webdataset']}/train-png-png-00000.tar:000000003.json",
    }


def test_a_parquet_export_of_several_files_and_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from georsmllm.instruct_data import parquet_files

    monkeypatch.setattr(parquet_files, "_GROUP_ROWS", 4)
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 60_000)
    export(write_mixed(tmp_path / "set", RECORDS), tmp_path / "out", Wanted("parquet"))
    source = open_source(tmp_path / "out", "train")
    assert len(list((tmp_path / "out" / "data").iterdir())) > 1
    assert [source[number].id for number in range(len(source))] == [one.id for one in RECORDS]
    assert source.place(22).startswith(f"{tmp_path / 'out' / 'data'}/train-0000") and not source.place(22).endswith(
        ":23"
    )


def test_images_that_an_export_left_behind_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    export(folders["set"], tmp_path / "out", Wanted("parquet", images="none"))
    with pytest.raises(BadRecord, match=r"train-00000.parquet:2: .*0?1-0.png: no such image file.*\[image_missing\]"):
        open_source(tmp_path / "out", "train").images(1)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "export.json").unlink(), "neither a manifest.json"),
        (lambda folder: next(folder.rglob("train-*0.*")).unlink(), "is missing; export.json names it"),
        (lambda folder: next(folder.rglob("train-*0.*")).write_bytes(b"short"), "has 5 bytes, export.json says"),
    ],
)
@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_a_damaged_export_is_one_clear_line(
    folders: dict[str, Path], tmp_path: Path, form: str, damage: object, expected: str
) -> None:
    folder = shutil.copytree(folders[form], tmp_path / form)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(UsageError, match=expected):
        open_source(folder, "train")


@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_an_export_of_other_bytes_is_one_clear_line(folders: dict[str, Path], tmp_path: Path, form: str) -> None:
    folder = shutil.copytree(folders[form], tmp_path / form)
    file = min(folder.rglob("train-*0.*"))
    file.write_bytes(b"\x01" * file.stat().st_size)
    with pytest.raises(UsageError, match=r"no Parquet|no tar file"):
        open_source(folder, "train")


def test_an_export_to_another_form_is_refused_by_name(folders: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"is an export to llava; training reads built sets"):
        open_source(folders["llava"], "train")


@pytest.mark.parametrize("form", ["set", "parquet", "webdataset"])
def test_a_split_that_is_not_there_is_named_with_those_that_are(folders: dict[str, Path], form: str) -> None:
    with pytest.raises(UsageError, match=r"has no split 'test'; there are: train"):
        open_source(folders[form], "test")


@pytest.mark.parametrize(
    ("path", "damage", "expected"),
    [
        (
            "images/toy/P1.png",
            lambda file: file.unlink(),
            r"no such image file.*build the set once more \[image_missing\]",
        ),
        ("images/toy/P1.png", lambda file: file.write_bytes(file.read_bytes()[:60]), r"\[image_truncated\]"),
        ("images/toy/P1.png", lambda file: file.write_bytes(b""), r"\[image_truncated\]"),
        ("images/toy/P1.png", lambda file: file.write_text("<html>"), r"\[image_unreadable\]"),
    ],
)
def test_an_image_that_cannot_be_used_names_record_and_file(
    tmp_path: Path, path: str, damage: object, expected: str
) -> None:
    source = BuiltSet(write_set(tmp_path), "train")
    damage(tmp_path / path)  # type: ignore[operator]
    with pytest.raises(BadRecord, match=expected) as caught:
        source.images(0)
    assert caught.value.where == f"{tmp_path}/records/train-00000.jsonl:1"
    assert str(tmp_path / path) in str(caught.value)


@pytest.mark.parametrize("path", ["../outside.png", "/etc/passwd", "images/../../outside.png"])
def test_a_path_that_leads_out_of_the_set_is_not_opened(tmp_path: Path, path: str) -> None:
    from dataclasses import replace

    folder = tmp_path / "set"
    folder.mkdir()
    shutil.copy(write_set(tmp_path / "other") / "images/toy/P1.png", tmp_path / "outside.png")
    bad = replace(record("det", "Where?", "none"), images=(path,))
    with pytest.raises(BadRecord, match="image_path"):
        BuiltSet(write_records(folder, {"train": (bad,)}), "train").images(0)


def test_an_image_of_another_size_than_its_view_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    source = BuiltSet(write_set(tmp_path), "train")
    Image.new("RGB", (10, 10)).save(tmp_path / "images/toy/P1.png")
    with pytest.raises(BadRecord, match=r"image 0 has 10x10 pixels, its view says 64x48.*\[image_size\]"):
        source.images(0)


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, {"train": records()["train"]})
    shard = tmp_path / "records" / "train-00000.jsonl"
    shard.write_bytes(shard.read_bytes().replace(b'"messages"', b'"massages"', 1))
    with pytest.raises(UsageError, match=r"train-00000.jsonl:1: Object missing required field `messages`"):
        list(BuiltSet(tmp_path, "train").conversations())
