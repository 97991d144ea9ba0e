from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm import geometry, masks
from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import coco
from georsmllm.formats.coco_shapes import BadShape, Shaped, detectron2_corners, shape_of
from georsmllm.json_lists import scan
from georsmllm.types import Ring, box, polygon, rbox

SIZE_WH = (100, 80)
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


def shaped(**fields: object) -> Shaped:
    raw = msgspec.json.encode({"image_id": 0, "category_id": 1, **fields})
    return shape_of(msgspec.json.decode(raw, type=coco.Annotation), SIZE_WH)


# positions

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


# shapes


def test_a_box_of_four_numbers_is_taken_as_pixel_edges() -> None:
    assert shaped(bbox=[10, 20, 30, 40]) == (box(10, 20, 40, 60), 1.0, None, ())


def test_an_angle_turns_counter_clockwise_on_the_screen() -> None:
    half = math.sqrt(2) / 2
    corners = detectron2_corners((50, 50, 20, 0, 45))
    assert corners[1] == pytest.approx((50 + 10 * half, 50 - 10 * half))  # the right end went up
    assert shaped(bbox=[50, 40, 20, 10, 90]).shape == rbox(((45, 30), (55, 30), (55, 50), (45, 50)))


def test_eight_numbers_are_corners_and_crossing_ones_are_reordered() -> None:
    square = rbox(((10, 10), (20, 10), (20, 20), (10, 20)))
    assert shaped(bbox=[20, 10, 20, 20, 10, 20, 10, 10]) == (square, 1.0, None, ())
    assert shaped(bbox=[10, 10, 20, 20, 20, 10, 10, 20]) == (square, 1.0, None, ("reordered_corners",))


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([90, 10, 12.5, 10], (box(90, 10, 100, 20), 0.8, None, ("clipped_to_image",))),
        ([-20, 10, 25, 10], (box(0, 10, 5, 20), 0.2, "low_visibility", ("clipped_to_image",))),
        ([10, 10, 0, 10], (box(10, 10, 10, 20), 1.0, "collapsed", ())),
        ([200, 10, 10, 10], (box(200, 10, 210, 20), 0.0, "outside_image", ())),
    ],
)
def test_boxes_without_area_or_outside_stay_and_are_ignored_by_name(bbox: list[float], expected: Shaped) -> None:
    assert shaped(bbox=bbox) == expected


def test_a_segmentation_wins_over_the_box_and_parts_are_joined() -> None:
    parts = [[10.5, 10, 30, 10, 30, 20, 10.5, 20], [20, 10, 40, 10, 40, 20, 20, 20, 20, 10]]
    found = shaped(bbox=[0, 0, 1, 1], segmentation=parts)
    assert geometry.bounds(found.shape) == (10.5, 10, 40, 20)
    assert len(found.shape.rings) == 1
    assert found.mended == ()


def test_a_ring_that_crosses_itself_is_mended_and_counted() -> None:
    found = shaped(segmentation=[[0, 0, 10.5, 10, 10.5, 0, 0, 10]])
    assert found.mended == ("self_crossing_mended",)
    assert geometry.area(found.shape) == pytest.approx(52.5)
    assert geometry.to_shapely(found.shape).is_valid


def test_a_part_without_area_is_dropped_by_name_and_a_whole_one_gives_way_to_the_box() -> None:
    square = [1.5, 1, 5, 1, 5, 5, 1.5, 5]
    assert shaped(segmentation=[square, [7, 7, 9, 9]]).mended == ("degenerate_part_dropped",)
    alone = shaped(segmentation=[[7.5, 7, 9, 9]], bbox=[7, 7, 3, 3])
    assert alone == (box(7, 7, 10, 10), 1.0, None, ("degenerate_part_dropped", "box_in_place_of_shape"))


def test_rings_through_pixel_indices_grow_to_the_edges_of_these_pixels() -> None:
    found = shaped(bbox=[10, 20, 6, 4], segmentation=[[10, 20, 15, 20, 15, 23, 10, 23]])
    expected = polygon(Ring(((10, 20), (16, 20), (16, 24), (10, 24))))
    assert found.mended == ("pixels_to_edges",)
    assert geometry.to_shapely(found.shape).equals(geometry.to_shapely(expected))


@pytest.mark.parametrize("ring", [[10, 20], [10, 20, 15, 20], [10, 20, 15, 20, 15, 20]])
def test_one_pixel_or_one_row_of_pixels_is_an_area(ring: list[int]) -> None:
    width = max(ring[::2]) - 10 + 1
    found = shaped(bbox=[10, 20, width, 1], segmentation=[ring])
    assert (geometry.area(found.shape), found.ignore) == (width, None)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=9, unique=True))
@settings(deadline=None)
def test_growing_fills_exactly_the_box_of_the_pixels(points: list[tuple[int, int]]) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    bbox = [min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1]
    found = shaped(bbox=bbox, segmentation=[[n for point in points for n in point]])
    assert geometry.bounds(found.shape) == (bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3])
    pixels = masks.from_rings(found.shape.rings, SIZE_WH)
    assert all(pixels[y, x] for x, y in points)


def test_whole_numbers_with_a_box_of_the_ring_itself_are_edges_already() -> None:
    found = shaped(bbox=[10, 20, 5, 3], segmentation=[[10, 20, 15, 20, 15, 23, 10, 23]])
    assert (geometry.area(found.shape), found.mended) == (15, ())


def rectangle_mask() -> np.ndarray:
    array = np.zeros((SIZE_WH[1], SIZE_WH[0]), dtype=bool)
    array[20:30, 40:60] = True
    array[24:26, 50:55] = False
    return array


@pytest.mark.parametrize("form", ["list", "text", "list of one"])
def test_run_lengths_become_exact_rings_in_every_form(form: str) -> None:
    mask = masks.encode(rectangle_mask())
    rle = {"size": [80, 100], "counts": list(mask.counts) if form == "list" else masks.to_counts_text(mask)}
    found = shaped(segmentation=[rle] if form == "list of one" else rle, iscrowd=1)
    assert (masks.from_rings(found.shape.rings, SIZE_WH) == rectangle_mask()).all()
    assert [ring.sign for ring in found.shape.rings] == ["+", "-"]


def test_compressed_text_is_read_as_pycocotools_writes_it() -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    rle = coco_mask.encode(np.asfortranarray(rectangle_mask().astype(np.uint8)))
    found = shaped(segmentation=[{"size": rle["size"], "counts": rle["counts"].decode()}])
    assert (masks.from_rings(found.shape.rings, SIZE_WH) == rectangle_mask()).all()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no_shape"),
        ({"segmentation": []}, "no_shape"),
        ({"segmentation": [[1, 1, 2, 2]]}, "no_shape"),
        ({"bbox": [1, 2, 3]}, "bad_bbox"),
        ({"bbox": [1, 2, -3, 4]}, "bad_bbox"),
        ({"bbox": [5, 5, 3, -4, 30]}, "bad_bbox"),
        ({"segmentation": [[1, 2, 3, 4, 5]]}, "bad_segmentation"),
        ({"segmentation": [[]]}, "bad_segmentation"),
        ({"segmentation": "poly"}, "bad_segmentation"),
        ({"segmentation": {"size": [80, 100], "counts": [8001]}}, "bad_segmentation"),
        ({"segmentation": {"size": [80, 100], "counts": "\u0001"}}, "bad_segmentation"),
        ({"segmentation": [{"size": [80, 100], "counts": [8000]}] * 2}, "bad_segmentation"),
        ({"segmentation": {"size": [100, 80], "counts": [8000]}}, "mask_size"),
        ({"segmentation": [[0, 0, 1e300, 0, 0, 1e300]]}, "out_of_range"),
        ({"bbox": [1e308, 0, 1e308, 1]}, "out_of_range"),
    ],
)
def test_a_shape_that_cannot_be_read_is_named(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(BadShape) as caught:
        shaped(**fields)
    assert caught.value.reason == reason
