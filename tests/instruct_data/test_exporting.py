"""The folder of an export: whole or unfinished, kept or refused, the same bytes however often it was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hand_made_set import records, write_records, write_set
from killing import dying

from georsmllm.errors import UsageError
from georsmllm.instruct_data import export_job, exporting
from georsmllm.instruct_data.export_job import Export, Hashed, Job
from georsmllm.instruct_data.exporting import Wanted, export, exporter, names
from georsmllm.jsonl import alone
from georsmllm.types import Record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "toy")


def tree(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("to", names())
def test_the_receipt_lists_exactly_what_was_written(folder: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    receipt = export(folder, out, Wanted(to)).receipt
    found = tree(out)
    listed = {facts.path: facts.bytes for facts in receipt.files}
    many = {path for path in found if path.startswith(("images/", "labels/"))}
    assert set(found) == {*listed, *many, "README.md", "export.json"}
    assert {path: len(found[path]) for path in listed} == listed
    assert len([path for path in many if path.startswith("images/")]) == receipt.num_images
    text = found["README.md"].decode()
    assert all(name in text for name in receipt.left_out)
    assert json.loads(found["export.json"])["written"] == receipt.written


@pytest.mark.parametrize("to", names())
def test_the_same_set_gives_the_same_bytes(folder: Path, tmp_path: Path, to: str) -> None:
    for name in ("one", "two"):
        export(folder, tmp_path / name, Wanted(to))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("to", ["llava", "ms-swift", "coco", "yolo-obb", "webdataset"])
def test_an_export_killed_anywhere_leaves_no_half_file_and_goes_on(folder: Path, tmp_path: Path, to: str) -> None:
    export(folder, tmp_path / "whole", Wanted(to))
    whole = tree(tmp_path / "whole")
    for after in range(0, 200, 3):
        out = tmp_path / f"out-{after}"
        died = dying(partial(export, folder, out, Wanted(to)), after)
        shown = {path: data for path, data in tree(out).items() if not path.startswith(".") and "/." not in path}
        assert all(whole[path] == data for path, data in shown.items())
        assert died or "export.json" in shown
        export(folder, out, Wanted(to))
        assert tree(out) == whole
        if not died:
            return
    pytest.fail("the export never came to its end")


def test_numbered_files_are_filled_and_passed_over(folder: Path, tmp_path: Path, monkeypatch) -> None:
    filled: list[str] = []

    def fill(job: Job, out: Hashed, rows: Iterator[Record]) -> None:
        for row in rows:
            filled.append(row.id)
            out.write(row.id.encode().ljust(100))
            job.wrote("records")
            if len(filled) == 5 and not (tmp_path / "again").exists():
                (tmp_path / "again").touch()
                raise KeyboardInterrupt

    def write(job: Job) -> str:
        job.write_pieces("part-{}".format, job.rows("train", Record), lambda out, rows: fill(job, out, rows), most=200)
        return ""

    form = Export("Toy", "OUT", ("none",), {}, write)
    monkeypatch.setattr(exporting, "exporter", lambda name: form)
    with pytest.raises(KeyboardInterrupt):
        export(folder, tmp_path / "out", Wanted("toy"))
    assert sorted(path.name for path in (tmp_path / "out").glob("part-*")) == ["part-0", "part-1"]
    receipt = export(folder, tmp_path / "out", Wanted("toy")).receipt
    ids = [line.id for line in records()["train"]]
    assert filled == [*ids[:5], *ids[4:]]
    assert [(facts.path, facts.bytes) for facts in receipt.files] == [("part-0", 200), ("part-1", 200), ("part-2", 200)]
    assert receipt.written == {"records": 6}


def test_a_finished_export_is_kept(folder: Path, tmp_path: Path) -> None:
    first = export(folder, tmp_path / "out", Wanted("llava"))
    again = export(folder, tmp_path / "out", Wanted("llava"))
    assert (first.already_there, again.already_there) == (False, True)
    assert first.receipt == again.receipt


def test_a_finished_export_that_was_damaged_is_not_called_whole(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", Wanted("llava"))
    (tmp_path / "out" / "train.json").write_text("[]")
    with pytest.raises(UsageError, match=r"train.json is not what export.json says .*--overwrite"):
        export(folder, tmp_path / "out", Wanted("llava"))


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (Wanted("llamafactory"), "to differ"),
        (Wanted("llava", splits=("val",)), "splits differ"),
        (Wanted("llava", tasks=("det",)), "tasks differ"),
        (Wanted("llava", images="none"), "images differ"),
    ],
)
def test_another_export_is_refused_and_overwritten_only_when_told(
    folder: Path, tmp_path: Path, wanted: Wanted, what: str
) -> None:
    out = tmp_path / "out"
    export(folder, out, Wanted("llava"))
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=rf"another export \({what}\).*--overwrite"):
        export(folder, out, wanted)
    export(folder, out, wanted, overwrite=True)
    (out / "mine.txt").unlink()  # what a person put there stays
    export(folder, tmp_path / "fresh", wanted)
    assert tree(out) == tree(tmp_path / "fresh")


def test_a_set_that_was_built_anew_is_another(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", Wanted("llava"))
    write_records(folder, {"train": records()["train"][:2]})
    with pytest.raises(UsageError, match=r"another export .manifest_sha256, "):
        export(folder, tmp_path / "out", Wanted("llava"))


def test_an_unfinished_export_of_another_sort_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "images" / "toy" / "A.png").unlink()
    with pytest.raises(UsageError, match=r"A.png is missing; .* validate"):
        export(folder, tmp_path / "out", Wanted("llava"))
    assert not (tmp_path / "out" / "train.json").exists()
    with pytest.raises(UsageError, match="another export"):
        export(folder, tmp_path / "out", Wanted("llamafactory"))


def test_a_folder_of_somebody_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not empty and no export of ours"):
        export(folder, tmp_path / "full", Wanted("llava"), overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        export(folder, tmp_path / "file", Wanted("llava"))
    with pytest.raises(UsageError, match="the set itself"):
        export(folder, folder, Wanted("llava"))
    assert (tmp_path / "full" / "thesis.tex").read_text() == "x"


def test_two_exports_do_not_write_into_one_folder(folder: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "out" / ".state", "export"), pytest.raises(UsageError, match="another export is at work"):
        export(folder, tmp_path / "out", Wanted("llava"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted("lava"), "no export is called 'lava'; did you mean llava"),
        (Wanted("llava", splits=("vall",)), "no split 'vall'; did you mean val"),
        (Wanted("llava", tasks=("dett",)), "no task 'dett'; did you mean det"),
        (Wanted("webdataset", images="link"), "webdataset has no --images link; expected copy"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(
    folder: Path, tmp_path: Path, wanted: Wanted, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export(folder, tmp_path / "out", wanted)
    assert not (tmp_path / "out").exists()


def test_only_some_splits_and_tasks(folder: Path, tmp_path: Path) -> None:
    receipt = export(folder, tmp_path / "out", Wanted("llava", splits=("train",), tasks=("seg", "change"))).receipt
    assert receipt.written == {"records": 2}
    assert sorted(path.name for path in (tmp_path / "out" / "images").rglob("*.png")) == ["A.png", "B.png", "P1.png"]


def test_linked_images_are_the_set_s_own_and_none_are_none(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "linked", Wanted("llava", images="link"))
    link = tmp_path / "linked" / "images" / "toy" / "P1.png"
    assert link.is_symlink() and link.resolve() == (folder / "images" / "toy" / "P1.png").resolve()
    assert export(folder, tmp_path / "bare", Wanted("llava", images="none")).receipt.num_images == 0
    assert not (tmp_path / "bare" / "images").exists()


def test_a_path_that_leads_out_of_the_set_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in ("/etc/passwd", "images/../../secret.png"):
        job = Job(folder, tmp_path / "out", {}, splits=(), tasks=())
        with pytest.raises(UsageError, match="leads out of the set"):
            job.image(path)


def test_a_line_that_is_no_record_is_named(folder: Path, tmp_path: Path) -> None:
    path = folder / "records" / "train-00000.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"task":"seg"', b'"task":7', 1))
    with pytest.raises(UsageError, match=r"train-00000.jsonl:3: .*task"):
        export(folder, tmp_path / "out", Wanted("llava"))


def test_the_bar_comes_to_its_end(folder: Path, tmp_path: Path) -> None:
    ticks: dict[str, int] = {}

    class Bar:
        def update(self, n: int) -> None:
            ticks["at"] = ticks.get("at", 0) + n

        def close(self) -> None:
            ticks["closed"] = 1

    def bar(description: str, total: int) -> Bar:
        ticks["total"] = total
        return Bar()

    for to in names():
        ticks.clear()
        export(folder, tmp_path / to, Wanted(to), bar=bar)
        assert ticks["closed"] == 1
        assert ticks["at"] <= ticks["total"] == 7 * exporter(to).passes


def test_parquet_without_pyarrow_says_which_extra_to_install(folder: Path, tmp_path: Path, monkeypatch) -> None:
    from georsmllm.instruct_data import parquet_files

    monkeypatch.setattr(parquet_files, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"export --to parquet needs pyarrow: pip install 'georsmllm\[export\]'"):
        export(folder, tmp_path / "out", Wanted("parquet"))


def test_a_reason_that_a_format_does_not_know_is_our_bug(folder: Path, tmp_path: Path) -> None:
    job = export_job.Job(folder, tmp_path, {"known": "It is."}, splits=(), tasks=())
    job.cannot("known", 2)
    with pytest.raises(AssertionError):
        job.cannot("unknown")
    assert job.tally.left_out == {"known": 2}
