"""Exports read by the very libraries that they are for, where these are installed: each test skips where its own is not.

`datasets` and pycocotools come with the dev extra. The others do not, and CI does not run them; docs/decisions.md says
with which versions they were run, and test_export_rules.py holds the same rules without them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made_set import records, write_set

from georsmllm.instruct_data.exporting import Wanted, export
from georsmllm.types import Record

TOY = {line.id: line for lines in records().values() for line in lines}
TRAIN = [line.id for line in records()["train"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("consumers") / "toy")


@pytest.fixture
def out(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An export into the format that the test is parametrised with."""
    export(folder, tmp_path / "out", Wanted(request.param))
    return tmp_path / "out"


def to(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("out", [name], indirect=True)


def sizes(line: Record) -> list[tuple[int, int]]:
    return [(view.width, view.height) for view in line.provenance.views]


@to("parquet")
def test_datasets_reads_every_record_whole_with_its_images(out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in found.items()} == {"train": 6, "val": 1}
    for row in [*found["train"], *found["val"]]:
        line = TOY[row["id"]]
        assert [image.size for image in row["images"]] == sizes(line)
        assert [(m["role"], m["content"]) for m in row["messages"]] == [(m.role, m.content) for m in line.messages]
        rings = [[[tuple(p) for p in ring["points"]] for ring in gold["rings"]] for gold in row["gold"]]
        assert rings == [[list(ring.points) for ring in gold.rings] for gold in line.gold]
        assert row["provenance"]["labels"] == list(line.provenance.labels)


@to("trl")
def test_datasets_reads_content_lists_and_decodes_their_images(out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows["id"] == TRAIN
    for row in rows:
        places = [part for message in row["messages"] for part in message["content"] if part["type"] == "image"]
        assert len(places) == len(row["images"])
        assert [image.size for image in row["images"]] == sizes(TOY[row["id"]])


@to("trl")
def test_trl_puts_the_images_where_the_question_has_them(out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    prepare = pytest.importorskip("trl.data_utils").prepare_multimodal_messages
    for row in datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache")):
        turns = prepare(row["messages"], images=row["images"])
        asked = turns[0]["content"]
        assert [part["type"] for part in asked] == ["image"] * len(row["images"]) + ["text"]
        assert [part["image"].size for part in asked[:-1]] == sizes(TOY[row["id"]])
        assert asked[-1]["text"] == TOY[row["id"]].messages[0].content.replace("<image>\n", "")
        assert turns[1]["content"] == [{"type": "text", "text": TOY[row["id"]].messages[1].content}]
        prompt = prepare(row["messages"][:-1], images=row["images"])
        assert prompt == turns[:-1]


@to("webdataset")
def test_datasets_reads_the_tar_files(out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset(
        "webdataset", data_files=str(out / "train-png-0*.tar"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row["json"]["id"] for row in rows] == [name for name in TRAIN if "AB" not in name]
    assert all(row["png"].size == (64, 48) for row in rows)


@to("webdataset")
def test_webdataset_reads_the_tar_files(out: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    rows = list(webdataset.WebDataset(str(out / "train-png-png-00000.tar"), shardshuffle=False).decode("pil"))
    assert [(row["json"]["id"], row["0.png"].size, row["1.png"].size) for row in rows] == [
        ("toy/AB#change-all:pond", (64, 48), (64, 48))
    ]


@to("coco")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools under numpy 2
def test_pycocotools_reads_the_annotations_and_paints_them(out: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco").COCO(str(out / "annotations" / "instances_train.json"))
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    areas = {
        (names[one["category_id"]], round(one["area"])): int(coco.annToMask(one).sum())
        for one in coco.loadAnns(coco.getAnnIds())
    }
    assert areas[("pond", 768)] == 768  # a hole is a hole
    assert areas[("lake", 600)] == pytest.approx(600, rel=0.1)  # rings go by the tool's own rasteriser
    assert len(areas) == 4


@to("llamafactory")
def test_llama_factory_loads_and_aligns_every_row(out: Path) -> None:
    pytest.importorskip("llamafactory.data.converter")
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    data = DataArguments(dataset="train", dataset_dir=str(out), media_dir=str(out), cutoff_len=2048)
    model = ModelArguments(model_name_or_path="none", cache_dir=str(out.parent / "cache"))
    training = Seq2SeqTrainingArguments(output_dir=str(out.parent / "trained"), use_cpu=True)
    (attr,) = get_dataset_list(["train"], str(out))
    rows = list(_load_single_dataset(attr, model, data, training))
    assert len(rows) == len(TRAIN)
    for row, name in zip(rows, TRAIN, strict=True):
        line = TOY[name]
        assert [turn["content"] for turn in (*row["_prompt"], *row["_response"])] == [m.content for m in line.messages]
        assert row["_images"] == [str(out / path) for path in line.images]
        assert sum(turn["content"].count("<image>") for turn in row["_prompt"]) == len(row["_images"])


@to("ms-swift")
def test_ms_swift_loads_every_row_and_writes_the_points_as_they_were(out: Path, monkeypatch) -> None:
    swift = pytest.importorskip("swift.dataset")
    from swift.template.base import Template
    from swift.template.template_inputs import StdTemplateInputs

    monkeypatch.setenv("ROOT_IMAGE_DIR", str(out))
    files = [str(out / "train.jsonl"), str(out / "train_objects.jsonl")]
    rows, _ = swift.load_dataset(files, strict=True, shuffle=False)
    said = {row["messages"][0]["content"]: row for row in rows}
    assert len(said) == len(TRAIN)
    for line in records()["train"]:
        if line.provenance.form == "point":
            continue
        assert said[line.messages[0].content]["messages"][1]["content"] == line.messages[1].content
    (row,) = (row for row in rows if (row.get("objects") or {}).get("bbox"))
    inputs = StdTemplateInputs.from_dict({**row, "images": [str(out / image["path"]) for image in row["images"]]})
    inputs.objects |= {"width": [64], "height": [48]}
    Template.norm_bbox = "norm1000"
    Template.normalize_bbox(Template.__new__(Template), inputs)
    text = row["messages"][0]["content"].replace("<bbox>", f"[{Template._get_bbox_str(inputs.objects['bbox'][0])}]")
    assert text == TOY["toy/P1#region-point:ship"].messages[0].content
