from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import coco
from georsmllm.json_lists import scan

CATEGORIES = [{"id": 1, "name": "ship"}]


def write(path: Path, tree: object) -> Path:
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def tree(annotations: list[object], images: list[object] | None = None) -> dict[str, object]:
    entries = images if images is not None else [{"id": i, "file_name": f"{i}.png"} for i in range(3)]
    return {"images": entries, "annotations": annotations, "categories": CATEGORIES}


def by_image(path: Path) -> list[list[float]]:
    """First number of each bbox, per image: which annotations went where, and in which order."""
    index = coco.index(path)
    runs = coco.runs(index)
    images = range(len(list(coco.entries(index))))
    return [[a.bbox[0] for a in coco.read_annotations(path, runs.of(i)) if a.bbox] for i in images]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=6),
    st.dictionaries(st.text(min_size=1, max_size=4), JSON, max_size=3),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_every_element_is_found_where_it_lies(
    tmp_path_factory: pytest.TempPathFactory,
    elements: list[object],
    others: dict[str, object],
    ascii_only: bool,
    indent: int | None,
) -> None:
    path = tmp_path_factory.mktemp("scan") / "a.json"
    others.pop("wanted", None)
    text = json.dumps({**others, "wanted": elements}, ensure_ascii=ascii_only, indent=indent)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    spans = scan(path, {"wanted": "id"})["wanted"].elements.spans.tolist()
    raw = path.read_bytes()
    found = [json.loads(raw[a:b].decode("utf-8", "surrogatepass")) for a, b in spans]
    assert repr(found) == repr(json.loads(text)["wanted"])


def test_more_elements_than_one_batch_are_all_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {"wanted": [{"id": i % 7} for i in range(70_000)]})
    found = scan(path, {"wanted": "id"})["wanted"].elements
    assert found.spans.shape == (70_000, 2)
    assert len(np.unique(found.ids)) == 7


@pytest.mark.parametrize("order", [("images", "annotations", "categories"), ("categories", "annotations", "images")])
def test_annotations_go_to_their_image_in_any_order_of_keys_and_rows(tmp_path: Path, order: tuple[str, ...]) -> None:
    rows = [{"image_id": i % 3, "category_id": 1, "bbox": [n, 0, 1, 1]} for n, i in enumerate([2, 2, 0, 2, 0])]
    content = tree(rows)
    path = write(tmp_path / "a.json", {"info": {"image_id": 5}, **{key: content[key] for key in order}})
    assert by_image(path) == [[2, 4], [], [0, 1, 3]]


def test_ids_may_be_strings_with_escapes_and_never_equal_numbers(tmp_path: Path) -> None:
    images = [{"id": name, "file_name": f"{i}.png"} for i, name in enumerate(['a"]}', "3", "ü"])]
    images.append({"id": 3, "file_name": "3.png"})
    rows = [{"image_id": i, "category_id": 1, "bbox": [n, 0, 1, 1]} for n, i in enumerate(["3", 3, 'a"]}', "ü"])]
    assert by_image(write(tmp_path / "a.json", tree(rows, images))) == [[2], [0], [3], [1]]


def test_only_the_image_id_of_the_annotation_itself_counts(tmp_path: Path) -> None:
    row = {"attributes": {"image_id": 2}, "note": "image_id", "image_id": 1, "category_id": 1, "bbox": [7, 0, 1, 1]}
    assert by_image(write(tmp_path / "a.json", tree([row]))) == [[], [7], []]


def test_no_annotations_at_all_is_a_valid_file(tmp_path: Path) -> None:
    assert by_image(write(tmp_path / "a.json", tree([]))) == [[], [], []]


def test_annotations_of_unknown_images_are_kept_apart_by_image(tmp_path: Path) -> None:
    rows = [{"image_id": i, "category_id": 1} for i in (9, 0, 9, 8)] + [{"category_id": 1}]
    path = write(tmp_path / "a.json", tree(rows))
    lost = [sum(coco.count(path, run) for run in runs) for runs in coco.orphans(coco.index(path))]
    assert sorted(lost) == [1, 1, 2]


@pytest.mark.parametrize("image_id", ["0", 0.0, 7])
def test_ids_that_never_meet_are_one_line_and_no_set_of_empty_images(tmp_path: Path, image_id: object) -> None:
    path = write(tmp_path / "a.json", tree([{"image_id": image_id, "category_id": 1}] * 2))
    with pytest.raises(UsageError, match="no annotation at all has an image_id that is the id of an image; write both"):
        coco.index(path)


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", tree([]))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(coco.index(path).images.ids) == 3


def test_a_file_cut_short_anywhere_is_one_line_with_the_byte(tmp_path: Path) -> None:
    whole = json.dumps(tree([{"image_id": 0, "category_id": 1, "segmentation": [[1, 2, 3, 4, 5, 6]]}])).encode()
    path = tmp_path / "a.json"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"a\.json@\d+: .*fetch or write it again$") as caught:
            coco.index(path)
        assert int(str(caught.value).split("@")[1].split(":")[0]) <= length


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "@0: the file is empty"),
        (b"[1]", "@0: expected a JSON object"),
        (b'{"images": [{"id": 1]}', "@20: a bracket closes another kind"),
        (b'{"images": [{"id": 1} {"id": 2}]}', "@22: expected a comma"),
        (b'{"images": {"file_name": "a"}}', "SODA-A"),
        (b'{"images": [], "images": []}', "a second list 'images'"),
        (b'{"images": []} {"images": []}', "@15: something follows"),
        (b'{"images": ' + b"[" * 70, "nested deeper than 60"),
        (b'{"images": [], "annotations": []}', "no categories"),
        (b'{"images": [], "annotations": [], "categories": [{"id": 1}]}', "categories: Object missing required field"),
        (b'{"images": [], "annotations": [], "categories": []}', "expected categories"),
        (b'{"images": [{"id": 1}, {"id": 1}], "annotations": [], "categories": []}', "@23: an image with the id"),
    ],
)
def test_a_broken_file_is_one_line_with_place(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        coco.index(path)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        coco.index(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"image_id": 0, "category_id": 1, "bbox": [NaN, 0, 1, 1]}', "not_finite"),
        ('{"image_id": 0, "category_id": 1, "bbox": [-Infinity, 0, 1, 1]}', "not_finite"),
        ('{"image_id": 0, "category_id": 1, "bbox": [1, 0, 1 1]}', "bad_json"),
        ('{"image_id": 0, "category_id": 1, "bbox": "1 2 3 4"}', "bad_entry"),
        ('{"image_id": 0, "bbox": [1, 0, 1, 1]}', "bad_entry"),
    ],
)
def test_one_bad_annotation_is_named_and_harms_no_other_image(tmp_path: Path, bad: str, reason: str) -> None:
    good = '{"image_id": 1, "category_id": 1, "bbox": [5, 0, 1, 1]}'
    text = json.dumps(tree([])).replace('"annotations": []', f'"annotations": [{good}, {bad}, {good}]')
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    runs = coco.runs(coco.index(path))
    assert len(coco.read_annotations(path, runs.of(1))) == 2
    with pytest.raises(BadRecord) as caught:
        coco.read_annotations(path, runs.of(0))
    assert (caught.value.reason, caught.value.where) == (reason, f"a.json@{text.index(bad)}")
    assert caught.value.raw == bad
