"""`georsmllm segment`: masks of a prediction file, resume, scores by hand, pictures, and what a person gets wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hand_made_set import LAKE, SIZE, records, write_set
from PIL import Image
from pycocotools import mask as coco_mask

from georsmllm import maskfile, masking, sam_tiny, segmenting
from georsmllm.errors import UsageError
from georsmllm.scripts.segment import command

pytestmark = pytest.mark.filterwarnings("default")
SEG, CHANGE = 2, 3
"""Numbers of the records with outlines."""


def run(*words: object) -> str:
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def predictions(folder: Path, answers: dict[str, str], name: str = "predictions.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps({"id": identity, "text": text}) + "\n" for identity, text in answers.items()))
    return path


def gold() -> dict[str, str]:
    return {one.id: one.gold_text for one in records()["train"]}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models") / "toy-sam"
    sam_tiny.model(64, spread=1.0).save_pretrained(folder)
    return folder


def test_gold_filled_is_the_gold_and_says_what_made_it(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks.jsonl"
    said = run(
        predictions(tmp_path, gold()), "--set", home, "--split", "train", "--sam", "polygons", "-o", out, "--score"
    )
    found = lines(out)
    assert [one["id"] for one in found] == [one.id for one in records()["train"]]
    assert {one["decoder"] for one in found} == {"filled shapes (no segmentation model)"}
    assert [(one["verdict"], one["reason"], len(one["masks"])) for one in found] == [
        ("ok", "", 2), ("ok", "", 1), ("ok", "", 1), ("ok", "", 1), ("no_points", "", 0), ("no_points", "", 0),
    ]  # fmt: skip
    lake = found[SEG]["masks"][0]
    assert (lake["label"], lake["bbox"], lake["area"], lake["score"]) == ("lake", [10, 10, 20, 30], 600, None)
    pixels = coco_mask.decode(lake["segmentation"])
    assert pixels.shape == (SIZE[1], SIZE[0])
    assert pixels[10:40, 10:30].all() and pixels.sum() == 600
    assert found[CHANGE]["image"] == "images/toy/B.png"
    assert "masks of 6 records, made by filled shapes (no segmentation model)" in said
    assert "words without points: 2" in said
    rows = {
        line.split()[0]: line.split()[1:]
        for line in said.splitlines()
        if line.split()[0] in ("change", "seg", "overall")
    }
    assert rows["seg"][:4] == ["1", "0", "1.0000", "1.0000"]
    assert rows["change"][:4] == ["1", "0", "1.0000", "1.0000"], "the pond with its hole"


def test_scores_are_those_of_the_hand(home: Path, tmp_path: Path) -> None:
    """The lake is 20 x 30 pixels; an answer of its upper half has IoU 1/2, junk for the change has 0."""
    answers = gold()
    ids = [one.id for one in records()["train"]]
    answers[ids[SEG]] = "[(156,208),(469,521)]"
    answers[ids[CHANGE]] = "[(156,208),(469"
    out = tmp_path / "masks.jsonl"
    said = run(
        predictions(tmp_path, answers), "--set", home, "--split", "train", "--sam", "polygons", "-o", out, "--score"
    )
    assert lines(out)[SEG]["masks"][0]["bbox"] == [10, 10, 20, 15]
    assert lines(out)[CHANGE]["verdict"] == "unreadable"
    rows = {
        line.split()[0]: line.split()[1:]
        for line in said.splitlines()
        if line.split()[0] in ("change", "seg", "overall")
    }
    assert rows["seg"] == ["1", "0", "0.5000", "0.5000", "0.5000", "-", "1.000"]
    pond = 32 * 32 - 16 * 16
    assert rows["change"] == ["1", "1", "0.0000", "0.0000", "0.0000", "-", "0.000"]
    assert rows["overall"][:4] == ["2", "1", "0.2500", f"{300 / (600 + pond):.4f}"]


def test_none_is_an_answer_and_a_missing_prediction_a_line(home: Path, tmp_path: Path) -> None:
    ids = [one.id for one in records()["train"]]
    out = tmp_path / "masks.jsonl"
    said = run(
        predictions(tmp_path, {ids[0]: "none", ids[SEG]: ""}),
        "--set",
        home,
        "--split",
        "train",
        "--sam",
        "polygons",
        "-o",
        out,
    )
    assert [one["verdict"] for one in lines(out)] == ["ok", "missing", "no_points", "missing", "missing", "missing"]
    assert "4 records have no prediction" in said
    run(predictions(tmp_path, {ids[0]: "none"}, "one.jsonl"), "--set", home, "--split", "train", "--sam", "polygons",
        "-o", tmp_path / "one-masks.jsonl", "--limit", 1)  # fmt: skip
    assert len(lines(tmp_path / "one-masks.jsonl")) == 1


def test_sam_encodes_an_image_once_for_all_its_records(home: Path, tmp_path: Path, sam: Path, monkeypatch) -> None:
    from georsmllm import sam as port

    made: list[port.Sam2Decoder] = []
    load = port.load

    def kept(*args, **more):
        made.append(load(*args, **more))
        return made[-1]

    monkeypatch.setattr(port, "load", kept)
    out = tmp_path / "masks.jsonl"
    words = (
        predictions(tmp_path, gold()),
        "--set",
        home,
        "--split",
        "train",
        "--sam",
        sam,
        "--chunk",
        4,
        "-o",
        out,
        "--device",
        "cpu",
    )
    said = run(*words)
    assert "made by SAM 2 (toy-sam)" in said
    assert made[0].num_encodings == 2, "P1 has records with objects of three tasks, and B one"
    found = lines(out)
    assert all(one["decoder"] == "SAM 2 (toy-sam)" for one in found)
    assert all(0 <= mask["score"] <= 1 for one in found for mask in one["masks"])
    assert run(*words).splitlines()[-2:] == said.splitlines()[-2:], "a finished file is not made again"
    assert made[1].num_encodings == 0
    again = tmp_path / "again.jsonl"
    run(*words[:-4], "-o", again, "--device", "cpu")
    assert again.read_bytes() == out.read_bytes()
    with pytest.raises(UsageError, match="begun with other settings: clip was False, is True"):
        run(*words, "--clip")


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_where_it_was(home: Path, tmp_path: Path, monkeypatch) -> None:
    path, out = predictions(tmp_path, gold()), tmp_path / "masks.jsonl"
    words = (path, "--set", home, "--split", "train", "--sam", "polygons", "-o", out)
    real: Callable[..., object] = segmenting.lines_of
    asked: list[tuple[int, ...]] = []

    def dies_at_the_second(source, numbers, *more):
        if len(asked) == 1:
            raise Killed
        asked.append(numbers)
        return real(source, numbers, *more)

    monkeypatch.setattr(segmenting, "lines_of", dies_at_the_second)
    with pytest.raises(Killed):
        run(*words)
    assert not out.exists()
    part = tmp_path / ".masks.jsonl.state" / "part-0-of-1.jsonl"
    part.write_bytes(part.read_bytes() + b'{"number": 3, "li')  # half a line
    rest: list[tuple[int, ...]] = []

    def noting(source, numbers, *more):
        rest.append(numbers)
        return real(source, numbers, *more)

    monkeypatch.setattr(segmenting, "lines_of", noting)
    run(*words)
    assert asked == [(0, 1, 2, 4, 5)]
    assert rest == [(3,)]
    whole = out.read_bytes()
    assert not part.parent.exists()
    monkeypatch.undo()
    run(*words[:-1], tmp_path / "other.jsonl")
    assert (tmp_path / "other.jsonl").read_bytes() == whole
    with pytest.raises(UsageError, match="was not made by `georsmllm segment`"):
        run(*words[:-1], path)


def test_pictures_show_masks_on_their_image(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks.jsonl"
    said = run(
        predictions(tmp_path, gold()), "--set", home, "--split", "train", "--sam", "polygons", "-o", out, "--draw", 3
    )
    assert said.splitlines()[-1] == f"{tmp_path / 'masks.overlays'}: 3 pictures"
    assert sorted(path.name for path in (tmp_path / "masks.overlays").iterdir()) == [
        "000000.png",
        "000001.png",
        "000002.png",
    ]
    drawn = np.asarray(Image.open(tmp_path / "masks.overlays" / "000002.png").convert("RGB")).astype(int)
    assert drawn.shape[:2] == (SIZE[1] * 10, SIZE[0] * 10)
    with Image.open(home / "images/toy/P1.png") as image:
        plain = np.asarray(image.convert("RGB")).astype(int)
    x, y = LAKE.rings[0].points[0]
    assert abs(drawn[int(y) * 10 + 55, int(x) * 10 + 55] - plain[int(y) + 5, int(x) + 5]).sum() > 30, "tinted inside"
    assert (drawn[450, 500] == plain[45, 50]).all(), "and as it was outside"


def test_images_alone_are_found_by_the_ids(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    rgb = np.zeros((1500, 2600, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(folder / "a" / "big.png")
    Image.fromarray(rgb[:100, :200]).save(folder / "small.jpg")
    answers = {
        "a/big.png": "[(0,0),(500,500)]",
        "small#1": "[(0,0),(500,500)]",
        "small.jpg#2": "none",
        "small": "words",
    }
    out = tmp_path / "masks.jsonl"
    run(predictions(tmp_path, answers), "--images", folder, "--sam", "polygons", "-o", out)
    found = lines(out)
    assert [(one["image"], one["size"], one["verdict"]) for one in found] == [
        ("a/big.png", [1500, 2600], "ok"), ("small.jpg", [100, 200], "ok"),
        ("small.jpg", [100, 200], "ok"), ("small.jpg", [100, 200], "no_points"),
    ]  # fmt: skip
    assert found[0]["masks"][0]["bbox"] == [0, 0, 1300, 750]
    qwen = predictions(tmp_path, {"small": '[{"bbox_2d": [0, 0, 500, 500], "label": "ship"}]'}, "qwen.jsonl")
    run(qwen, "--images", folder, "--sam", "polygons", "--dialect", "qwen3_vl", "-o", tmp_path / "qwen-masks.jsonl")
    mask = lines(tmp_path / "qwen-masks.jsonl")[0]["masks"][0]
    assert (mask["label"], mask["bbox"]) == ("ship", [0, 0, 100, 50])


@pytest.mark.parametrize(
    ("identity", "message"),
    [("../secret", "no image of prediction"), ("gone", "expected gone or gone.png"), ("", "no image of prediction")],
)
def test_ids_that_name_no_image_are_one_line(tmp_path: Path, identity: str, message: str) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    path = predictions(tmp_path, {identity: "none"})
    with pytest.raises(UsageError, match=message):
        run(path, "--images", tmp_path / "photos", "--sam", "polygons", "-o", tmp_path / "masks.jsonl")


def test_what_does_not_fit_is_one_line(home: Path, tmp_path: Path) -> None:
    path, out = predictions(tmp_path, {"other": "none"}), tmp_path / "masks.jsonl"
    for words, message in (
        ((), "where are the images"),
        (("--images", tmp_path / "gone"), "no such folder"),
        (("--images", home, "--dialect", "geochatt"), "did you mean geochat"),
        (("--set", home, "--split", "train"), "1 predictions answer none of the 6 records: 'other'"),
        (("--set", home, "--images", home), "a folder and holds its own images"),
    ):
        with pytest.raises(UsageError, match=message):
            run(path, *words, "--sam", "polygons", "-o", out)
    with pytest.raises(UsageError, match="no such folder"):
        run(predictions(tmp_path, gold()), "--set", home, "--split", "train", "--sam", tmp_path / "nothing", "-o", out)
    assert not out.exists()


def test_help_teaches() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert "facebook/sam2.1-hiera-small" in text
    assert "pycocotools.mask.decode" in text


def test_the_modules_agree_on_the_file(tmp_path: Path) -> None:
    line = maskfile.MaskLine(id="a", image="a.png", size=(3, 2), verdict="ok", reason="", decoder="d", masks=())
    settings = maskfile.MaskSettings(
        records="", predictions="", split="", limit=1, decoder="d", weights="", multimask="auto", clip=False, chunk=0
    )
    journal = maskfile.journal(tmp_path / "masks.jsonl", settings)
    with journal.writing():
        journal.add({0: line})
    journal.finish(1)
    assert list(maskfile.read(tmp_path / "masks.jsonl")) == [line]
    assert masking.SIDE == 1024
