"""What each consumer demands of its rows, held without the consumer: turns, images, keys, numbers; and what cannot be said."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import yaml
from hand_made_set import LAKE, POND, SHIP, SIZE, gold, record, records, write_set
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.instruct_data.conversations import Turn
from georsmllm.instruct_data.export import ms_swift, trl
from georsmllm.instruct_data.exporting import Receipt, Wanted, export, exporter, names
from georsmllm.pointtext import encode
from georsmllm.rfc7946 import geometry
from georsmllm.types import Gold, Message, PointSet, Record, Ring, ViewFacts, box, point, polygon, rbox

Exported = Callable[..., tuple[Path, Receipt]]


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """Records of one split (the toy set's unless given) as a format, and the receipt."""

    def run(to: str, *lines: Record, **wanted: object) -> tuple[Path, Receipt]:
        folder = write_set(tmp_path / "toy", {"train": lines} if lines else None)
        outcome = export(folder, tmp_path / "out", Wanted(to, **wanted))  # type: ignore[arg-type]
        return tmp_path / "out", outcome.receipt

    return run


def asked(*messages: tuple[str, str], **changes: object) -> Record:
    line = record("det", "?", "none")
    return dataclasses.replace(line, messages=tuple(Message(*turn) for turn in messages), **changes)  # type: ignore[arg-type]


USER, ANSWER = ("user", "<image>\nWhat?"), ("assistant", "A ship.")
SYSTEM = ("system", "Be brief.")
BAD: dict[str, list[tuple[tuple[str, str], ...]]] = {
    "turns": [(), (USER,), (ANSWER, USER), (USER, USER), (USER, ANSWER, USER)],
    "image_tokens": [
        (("user", "What?"), ANSWER),
        (("user", "<image>\n<image>\nWhat?"), ANSWER),
        (("user", "What?"), ("assistant", "<image>")),
        (USER, ("assistant", "See <image>.")),
    ],
}


@pytest.mark.parametrize("to", ["llava", "llamafactory", "ms-swift", "trl", "geochat"])
@pytest.mark.parametrize(("reason", "turns"), [(reason, turns) for reason in BAD for turns in BAD[reason]])
def test_what_is_no_conversation_is_left_out_by_its_name(exported, to: str, reason: str, turns) -> None:
    good = asked(USER, ANSWER)
    _, receipt = exported(to, asked(*turns), good)
    assert receipt.left_out == {reason: 1}
    assert sum(receipt.written.values()) == 1


@pytest.mark.parametrize("to", names())
def test_an_export_of_no_records_at_all_is_a_whole_export(tmp_path: Path, to: str) -> None:
    receipt = export(write_set(tmp_path / "toy", {}), tmp_path / "out", Wanted(to)).receipt
    assert (receipt.written, receipt.left_out, receipt.num_images) == ({}, {}, 0)


def test_the_turns_may_go_on(exported) -> None:
    out, _ = exported("llava", asked(USER, ANSWER, ("user", "And?"), ("assistant", "Two.")))
    (row,) = json.loads((out / "train.json").read_text())
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt", "human", "gpt"]


def test_llava_has_value_and_one_path_or_a_list_of_them(exported) -> None:
    out, receipt = exported("llava")
    rows = json.loads((out / "train.json").read_text())
    for row, line in zip(rows, records()["train"], strict=True):
        assert row["id"] == line.id
        assert row["image"] == (line.images[0] if len(line.images) == 1 else list(line.images))
        assert [set(turn) for turn in row["conversations"]] == [{"from", "value"}] * 2
        assert [turn["value"] for turn in row["conversations"]] == [m.content for m in line.messages]
        assert all((out / path).is_file() for path in line.images)
    assert receipt.written == {"records": 7}
    assert yaml.safe_load((out / "train.yaml").read_text()) == {
        "datasets": [{"json_path": "train.json", "sampling_strategy": "all"}]
    }


def test_llava_takes_text_alone_without_the_key_image(exported) -> None:
    line = asked(("user", "Hello?"), ANSWER, images=())
    line = dataclasses.replace(line, provenance=dataclasses.replace(line.provenance, views=()))
    out, _ = exported("llava", line, asked(USER, ANSWER))
    keys = [list(row) for row in json.loads((out / "train.json").read_text())]
    assert keys == [["id", "conversations"], ["id", "image", "conversations"]]


@pytest.mark.parametrize("to", ["llava", "geochat"])
def test_formats_without_a_system_turn_leave_such_records_out(exported, to: str) -> None:
    _, receipt = exported(to, asked(SYSTEM, USER, ANSWER), asked(USER, ANSWER))
    assert (receipt.left_out, receipt.written) == ({"system_turn": 1}, {"records": 1})


@pytest.mark.parametrize("to", ["llava", "geochat"])
def test_an_image_inside_a_question_would_be_moved_so_it_is_left_out(exported, to: str) -> None:
    _, receipt = exported(to, asked(("user", "In <image>, what?"), ANSWER))
    assert receipt.left_out == {"image_inside": 1}


def test_llama_factory_finds_its_columns_and_tags(exported) -> None:
    out, _ = exported("llamafactory")
    info = json.loads((out / "dataset_info.json").read_text())
    assert list(info) == ["train", "val"]
    entry = info["train"]
    assert entry["formatting"] == "sharegpt"
    rows = [json.loads(line) for line in (out / entry["file_name"]).read_text().splitlines()]
    tags, columns = entry["tags"], entry["columns"]
    assert len(rows) == 6
    for row in rows:
        turns = row[columns["messages"]]
        roles = [turn[tags["role_tag"]] for turn in turns]
        assert roles == [tags["user_tag"], tags["assistant_tag"]] * (len(turns) // 2)
        count = sum(turn[tags["content_tag"]].count("<image>") for turn in turns)
        assert count == len(row[columns["images"]])
        assert all((out / path).is_file() for path in row[columns["images"]])
    assert {type(row["id"]) for row in rows} == {str}


def test_llama_factory_takes_a_system_turn(exported) -> None:
    out, receipt = exported("llamafactory", asked(SYSTEM, USER, ANSWER))
    assert receipt.left_out == {}
    assert json.loads((out / "train.jsonl").read_text())["messages"][0]["role"] == "system"


def swift(line: Record) -> ms_swift.Row | None:
    import msgspec

    return ms_swift.with_objects(msgspec.json.decode(msgspec.json.encode(line), type=ms_swift.Conversation))


def said(*shapes: PointSet, label: str = "") -> Record:
    text = encode(shapes, SIZE)
    return record("det", "Where?", f"{label}: {text}\nairplane: none" if label else text)


@pytest.mark.parametrize("shape", [SHIP, POND, LAKE])
def test_ms_swift_has_no_form_for_rotated_boxes_polygons_and_keypoints(shape: PointSet) -> None:
    assert swift(said(shape)) is None
    assert swift(said(box(1, 2, 3, 4), shape)) is None


def test_ms_swift_fills_points_and_boxes_from_objects() -> None:
    row = swift(said(box(8, 12, 32, 36), point(40, 24), label="ship"))
    assert row is not None
    assert row.messages[1].content == "<ref-object>: <bbox>;<bbox>\nairplane: none"
    assert (row.objects.ref, row.objects.bbox_type, row.objects.image_id) == (["ship"], "real", [0, 0])
    assert row.objects.bbox == [[8.0, 12.0, 32.0, 36.0], [40.0, 24.0]]


def test_a_column_of_ms_swift_is_never_without_a_type() -> None:
    row = swift(said(point(1, 2)))
    assert row is not None
    assert row.objects.ref == ["ship"]


def test_points_of_the_second_image_name_it() -> None:
    line = record("change", "Where?", encode((point(4, 4),), SIZE), golds=(gold("pond", point(4, 4), 1),), pair=True)
    row = swift(line)
    assert row is not None
    assert row.objects.image_id == [1]


def test_another_dialect_stays_text_for_ms_swift() -> None:
    line = said(point(1, 2))
    assert swift(dataclasses.replace(line, provenance=dataclasses.replace(line.provenance, dialect="geochat"))) is None


@given(st.lists(st.tuples(st.integers(0, 64), st.integers(0, 48)), min_size=1, max_size=4))
def test_what_ms_swift_writes_is_the_text_that_was_there(points: list[tuple[int, int]]) -> None:
    line = said(*(point(x, y) for x, y in points))
    row = swift(line)
    assert row is not None
    assert ms_swift.rendered(row.messages, row.objects, SIZE) == [m.content for m in line.messages]


def test_ms_swift_rows_lie_by_their_sort_and_an_empty_file_is_not_there(exported) -> None:
    out, receipt = exported("ms-swift")
    assert [facts.path for facts in receipt.files] == ["train.jsonl", "train_objects.jsonl", "val.jsonl"]
    for name in ("train.jsonl", "train_objects.jsonl"):
        rows = [json.loads(line) for line in (out / name).read_text().splitlines()]
        assert len({tuple(row) for row in rows}) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("text", "")]),
        ("Hi", [("text", "Hi")]),
        ("<image>\nHi", [("image", None), ("text", "Hi")]),
        ("<image>", [("image", None)]),
        ("<image>\n<image>\nHi\n", [("image", None), ("image", None), ("text", "Hi\n")]),
        ("A <image> B", [("text", "A "), ("image", None), ("text", " B")]),
    ],
)
def test_trl_contents_are_lists(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(part["type"], part["text"]) for part in trl.content(Turn("user", text))] == expected


def test_parquet_has_small_row_groups_and_says_what_its_images_are(exported) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    lines = tuple(dataclasses.replace(records()["train"][0], id=f"toy/{n}#det-all:ship") for n in range(205))
    out, receipt = exported("parquet", *lines)
    file = pq.ParquetFile(out / "data" / "train-00000.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [100, 100, 5]
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert features["images"] == [{"_type": "Image"}]
    assert set(features) == {field.name for field in dataclasses.fields(Record)}
    head = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert receipt.written == {"records": 205}


@pytest.mark.parametrize("to", ["parquet", "trl"])
def test_without_images_a_row_holds_their_paths(exported, to: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    out, _ = exported(to, images="none")
    rows = pq.read_table(out / "data" / "train-00000.parquet").column("images").to_pylist()
    assert rows[0] == [{"bytes": None, "path": "images/toy/P1.png"}]


def test_a_tar_is_of_nobody_and_its_keys_have_no_dots(exported) -> None:
    out, receipt = exported("webdataset")
    assert [facts.path for facts in receipt.files] == [
        "train-png-00000.tar", "train-png-png-00000.tar", "val-png-00000.tar",
    ]  # fmt: skip
    with tarfile.open(out / "train-png-00000.tar") as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.mtime, m.mode) for m in members} == {(0, 0, "", 0, 0o644)}
    keys = [member.name.split(".", 1) for member in members]
    assert [ending for _, ending in keys] == ["json", "png"] * 5
    assert [key for key, _ in keys[::2]] == [key for key, _ in keys[1::2]]
    with tarfile.open(out / "train-png-png-00000.tar") as tar:
        assert tar.getnames() == ["000000003.json", "000000003.0.png", "000000003.1.png"]


def test_geochat_says_what_it_can_and_leaves_out_the_rest(exported) -> None:
    out, receipt = exported("geochat")
    rows = {row["id"]: row["conversations"] for row in json.loads((out / "train.json").read_text())}
    assert receipt.left_out == {"not_in_dialect": 2, "not_one_image": 1}
    several = rows["toy/P1#det-several:ship_airplane"]
    assert several[0]["value"] == "<image>\n[refer] Find ships and airplanes, a line each."
    assert several[1]["value"] == "ship: {<11><16><36><34>|<14>}\nairplane: none"
    assert rows["toy/P1#region-one:ship"][0]["value"].startswith("<image>\n[identify] What is at {<11>")
    (count,) = json.loads((out / "val.json").read_text())
    assert count["conversations"][0]["value"] == "<image>\nHow many ships are there? Answer in digits."


def test_a_set_that_speaks_geochat_goes_as_it_is(exported) -> None:
    line = record("det", "Where?", "{<10><20><30><40>|<90>}")
    line = dataclasses.replace(line, provenance=dataclasses.replace(line.provenance, dialect="geochat"))
    out, _ = exported("geochat", line)
    assert json.loads((out / "train.json").read_text())[0]["conversations"][1]["value"] == "{<10><20><30><40>|<90>}"


def test_points_that_are_not_of_the_named_form_are_left_out(exported) -> None:
    _, receipt = exported("geochat", record("det", "Where?", "[(1,2),(3"))
    assert receipt.left_out == {"unheard": 1}


def coco(out: Path) -> dict[str, list[dict]]:
    return json.loads((out / "annotations" / "instances_train.json").read_text())


def test_coco_has_each_object_once_and_says_what_is_known_of_an_image(exported) -> None:
    out, receipt = exported("coco")
    found = coco(out)
    names_of = {category["id"]: category["name"] for category in found["categories"]}
    annotations = sorted((names_of[one["category_id"]], one["kind"], one["area"]) for one in found["annotations"])
    assert annotations == [
        ("lake", "polygon", 600), ("pond", "polygon", 768), ("ship", "rbox", 84), ("ship", "rbox", 136),
    ]  # fmt: skip
    images = {image["file_name"]: image for image in found["images"]}
    assert [names_of[i] for i in images["images/toy/P1.png"]["neg_category_ids"]] == ["airplane"]
    assert images["images/toy/P1.png"]["not_exhaustive_category_ids"] == []
    assert [names_of[i] for i in images["images/toy/B.png"]["not_exhaustive_category_ids"]] == ["pond"]
    ids = [one["id"] for one in (*found["annotations"], *found["images"])]
    assert len(set(ids)) == len(ids) and max(ids) < 2**53
    assert receipt.left_out == {"no_objects": 3}


def test_ids_of_coco_do_not_depend_on_what_else_is_exported(exported, tmp_path: Path) -> None:
    out, _ = exported("coco")
    export(tmp_path / "toy", tmp_path / "some", Wanted("coco", tasks=("det",)))
    ids = {one["id"] for one in coco(out)["annotations"]}
    some = {one["id"] for one in coco(tmp_path / "some")["annotations"]}
    assert some < ids and len(some) == 2


def test_coco_has_no_points_and_no_keypoints(exported) -> None:
    lines = record("det", "?", "none", golds=(gold("ship", point(1, 2)), gold("lake", LAKE)), labels=("ship", "lake"))
    out, receipt = exported("coco", lines)
    assert receipt.left_out == {"keypoints": 1, "point": 1}
    (one,) = coco(out)["annotations"]
    assert one["bbox"] == [10, 10, 20, 30] and "segmentation" not in one


def test_yolo_lines_are_a_class_and_four_corners_as_shares(exported) -> None:
    out, receipt = exported("yolo-obb")
    assert yaml.safe_load((out / "dataset.yaml").read_text()) == {"train": "images/train", "names": {0: "ship"}}
    lines = (out / "labels" / "train" / "toy" / "P1.txt").read_text().splitlines()
    assert (out / "images" / "train" / "toy" / "P1.png").is_file()
    assert lines[0] == "0 0.125000 0.125000 0.375000 0.208333 0.343750 0.375000 0.093750 0.291667"
    assert [len(line.split()) for line in lines] == [9, 9]
    assert receipt.left_out == {"no_objects": 3, "polygon": 2, "view_without_boxes": 3}
    assert [path.name for path in (out / "images").rglob("*.png")] == ["P1.png"]


def test_yolo_files_of_two_images_with_one_stem_are_two(tmp_path: Path) -> None:
    lines = [record("det", "?", "none", golds=(gold("ship", SHIP),), scene=scene) for scene in ("P1", "P2")]
    lines[1] = dataclasses.replace(lines[1], images=("images/toy/P1.jpg",))
    folder = write_set(tmp_path / "toy", {"train": tuple(lines)})
    export(folder, tmp_path / "out", Wanted("yolo-obb"))
    labels = sorted(path.name for path in (tmp_path / "out" / "labels").rglob("*.txt"))
    images = sorted(path.name for path in (tmp_path / "out" / "images").rglob("*.*"))
    assert (labels, images) == (["P1.jpg.txt", "P1.png.txt"], ["P1.jpg.jpg", "P1.png.png"])


def test_upright_boxes_are_four_corners_for_yolo(exported) -> None:
    out, _ = exported("yolo-obb", record("det", "?", "none", golds=(gold("ship", box(16, 12, 32, 24)),)))
    line = (out / "labels" / "train" / "toy" / "P1.txt").read_text()
    assert line == "0 0.250000 0.250000 0.500000 0.250000 0.500000 0.500000 0.250000 0.500000\n"


ROTATED = (0.0, 2.0, 500000.0, -2.0, 0.0, 5000000.0)
"""A quarter turn: x runs to the south, y to the east, 2 m a pixel."""


def placed(
    *golds: Gold,
    affine: tuple[float, ...] = ROTATED,
    crs: str = "EPSG:32631",
    window: tuple[int, ...] = (),
    scene: str = "P1",
) -> Record:
    line = record("det", "?", "none", golds=golds, scene=scene)
    width, height = SIZE
    view = ViewFacts("P1.tif", width, height, window, affine, crs, "", "")
    return dataclasses.replace(line, provenance=dataclasses.replace(line.provenance, views=(view,)))


def test_geojson_is_longitude_and_latitude_through_a_rotated_affine(exported) -> None:
    from rasterio.warp import transform

    out, receipt = exported("geojson", placed(gold("ship", point(10, 20)), window=(100, 200, 64, 48)))
    (feature,) = json.loads((out / "train.geojson").read_text())["features"]
    (lon,), (lat,) = transform("EPSG:32631", "EPSG:4326", [500000 + 2 * 220], [5000000 - 2 * 110])
    assert feature["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=1e-7)
    assert 3.0 < lon < 3.1 and 45.1 < lat < 45.2
    assert receipt.written == {"objects on WGS 84": 1}
    assert not (out / "train_scene_pixels.json").exists()


def test_what_two_tiles_show_at_one_place_is_one_feature(exported) -> None:
    first = placed(gold("ship", point(60, 20)), window=(0, 0, 64, 48))
    second = placed(gold("ship", point(10, 20)), window=(50, 0, 64, 48), scene="P2")
    out, receipt = exported("geojson", first, second)
    assert len(json.loads((out / "train.geojson").read_text())["features"]) == 1
    assert receipt.written == {"objects on WGS 84": 1}


@pytest.mark.parametrize(
    ("affine", "crs", "reason"),
    [((), "", "no_affine"), (ROTATED, "", "no_crs"), (ROTATED, "EPSG:nonsense", "unknown_crs")],
)
def test_what_has_no_place_on_earth_is_in_a_file_that_says_so(exported, affine, crs: str, reason: str) -> None:
    line = placed(gold("ship", point(10, 20)), affine=affine, crs=crs, window=(100, 200, 64, 48))
    out, receipt = exported("geojson", line)
    assert receipt.left_out == {reason: 1}
    assert json.loads((out / "train.geojson").read_text())["features"] == []
    found = json.loads((out / "train_scene_pixels.json").read_text())
    assert found["frame"].startswith("scene pixels")
    assert found["features"][0]["geometry"] == {"type": "Point", "coordinates": [110.0, 220.0]}


def turns_left(ring: list) -> bool:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) > 0


SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
HOLE = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0))


@pytest.mark.parametrize("outer", [SQUARE, SQUARE[::-1]])
@pytest.mark.parametrize("hole", [HOLE, HOLE[::-1]])
def test_rings_of_geojson_are_closed_and_turn_as_the_rfc_has_it(outer, hole) -> None:
    found = geometry(polygon(Ring(outer), Ring(hole, "-")))
    assert found["type"] == "Polygon"
    rings = cast("list[list[tuple[float, float]]]", found["coordinates"])
    assert [turns_left(ring) for ring in rings] == [True, False]
    assert all(ring[0] == ring[-1] for ring in rings)
    two = geometry(polygon(Ring(outer), Ring(hole, "-"), Ring(tuple((x + 9, y) for x, y in outer))))
    assert two["type"] == "MultiPolygon"
    assert [len(part) for part in cast("list[list[object]]", two["coordinates"])] == [2, 1]


def test_a_rotated_box_is_a_polygon_of_geojson() -> None:
    assert geometry(rbox(SQUARE))["type"] == "Polygon"


@pytest.mark.parametrize("name", names())
def test_a_format_says_how_it_is_read_and_why_it_leaves_things_out(name: str) -> None:
    form = exporter(name)
    assert "OUT" in form.reads and form.title and form.images
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in form.reasons.values())
