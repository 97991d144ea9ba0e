from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.openearthmap import CLASSES, COLOURS, CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Sample, Text

ALL = ("agricultural land", "bare land", "building", "developed space", "rangeland", "road", "tree", "water")
GROUND = np.full((48, 64), 2, dtype=np.uint8)


def ground(*areas: tuple[int, int, int, int, int]) -> np.ndarray:
    values = GROUND.copy()
    for value, x1, y1, x2, y2 in areas:
        values[y1:y2, x1:x2] = value
    return values


def tile(root: Path, name: str, label: np.ndarray | None) -> Path:
    region = name.rpartition("_")[0]
    (root / region / "images").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (90, 110, 70)).save(root / region / "images" / f"{name}.tif")
    if label is not None:
        (root / region / "labels").mkdir(exist_ok=True)
        Image.fromarray(label).save(root / region / "labels" / f"{name}.tif")
    return root


def lists(root: Path, **splits: list[str]) -> Path:
    for split, names in splits.items():
        (root / f"{split}.txt").write_text("".join(f"{name}.tif\r\n" for name in names), encoding="utf-8-sig")
    return root


def only(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def one_bad(root: Path) -> BadRecord:
    samples, (error,) = read_all(CONVERTER, root)
    assert samples == []
    return error


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "openearthmap" / "world")
    counted = "lists:2/1/1 unknown"
    assert [(s.id, s.split, s.scene, s.tags, len(s.exhaustive)) for s in samples] == [
        ("openearthmap/koeln/koeln_1", "train", "openearthmap/koeln_1", (counted,), 8),
        ("openearthmap/koeln/koeln_3", "test", "openearthmap/koeln_3", (counted, "unlabelled"), 0),
        ("openearthmap/new_york/new_york_10", "", "openearthmap/new_york_10", (counted,), 8),
        ("openearthmap/new_york/new_york_2", "val", "openearthmap/new_york_2", (counted,), 0),  # unknown pixels
    ]
    assert [sample.texts for sample in samples] == [(Text("place", name),) for name in ("Koeln", "Koeln")] + [
        (Text("place", "New York"),) for _ in range(2)
    ]
    country = samples[0]
    assert (country.images[0].affine, country.images[0].crs) == (
        (0.5, 0.0, 355000.0, 0.0, -0.5, 5645000.0),
        "EPSG:25832",
    )
    assert [(t.label, t.ignore, "".join(r.sign for r in t.shape.rings)) for t in country.targets] == [
        ("agricultural land", None, "+"),
        ("tree", None, "+-"),  # with the pond as its hole
        ("water", None, "+"),
        ("road", None, "+"),
        ("agricultural land", None, "+-"),
        ("building", None, "+"),
    ]
    assert country.targets[0].attributes == (("source_label", "agriculture land"),)
    assert [str(error) for error in bad] == [
        "little_rock/images/little_rock_5.tif: no such image file (No such file or directory) [image_missing]"
    ]


@pytest.mark.parametrize(("value", "label"), list(enumerate(CLASSES.values(), start=1)))
@pytest.mark.parametrize("coloured", [False, True])
def test_every_value_and_every_colour_has_its_class(tmp_path: Path, value: int, label: str, coloured: bool) -> None:
    values = np.full((48, 64), value, dtype=np.uint8)
    if coloured:
        values[0, 0] = 1 + value % 8  # white alone is a grey picture, too
        colours = {number: colour for colour, number in COLOURS.items()}
        values = np.array([colours[i] for i in range(9)], dtype=np.uint8)[values]
    sample = only(tile(tmp_path, "koeln_1", values))
    target = max(sample.targets, key=lambda target: len(target.shape.rings[0].points))
    assert dict(target.attributes).get("source_label", target.label) == label
    assert sample.classes == ALL


def test_targets_give_back_the_label_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 9, (6, 8)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    sample = only(tile(tmp_path, "koeln_1", values))
    number = {name: value for value, name in CLASSES.items()}
    drawn = np.zeros_like(values)
    for target in sample.targets:
        name = dict(target.attributes).get("source_label", target.label)
        drawn[masks.from_rings(target.shape.rings, (64, 48))] = number[name]
    assert (drawn == values).all()


@pytest.mark.parametrize(("pixels", "sure"), [(0, ALL), (1, ())])
def test_a_tile_with_unknown_ground_is_sure_of_no_absence(tmp_path: Path, pixels: int, sure: tuple[str, ...]) -> None:
    assert only(tile(tmp_path, "koeln_1", ground((0, 5, 5, 5 + pixels, 6)))).exhaustive == sure


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ("koeln", "Koeln"),
        ("new_york", "New York"),
        ("buenos_aires", "Buenos Aires"),
        ("kujawsko-pomorskie", "Kujawsko-Pomorskie"),
        ("saint_louis_du_sud", "Saint Louis du Sud"),
        ("daressalaam", "Dar es Salaam"),
        ("vegas", "Las Vegas"),
    ],
)
def test_a_region_is_a_place_as_one_writes_it(tmp_path: Path, region: str, place: str) -> None:
    sample = only(tile(tmp_path, f"{region}_7", GROUND))
    assert sample.id == f"openearthmap/{region}/{region}_7"
    assert sample.texts == (Text("place", place),)


def test_a_region_that_names_no_place_says_none(tmp_path: Path) -> None:
    assert only(tile(tmp_path, "western_7", GROUND)).texts == ()


@pytest.mark.parametrize(
    ("counts", "tag"),
    [
        ((3000, 500, 1500), "lists:3000/500/1500 official"),
        ((663, 92, 313), "lists:663/92/313 mini"),
        ((3000, 1500, 500), "lists:3000/1500/500 val and test changed places"),
        ((2999, 500, 1500), "lists:2999/500/1500 unknown"),
    ],
)
def test_the_lists_are_counted_whatever_their_names(tmp_path: Path, counts: tuple[int, int, int], tag: str) -> None:
    tile(tmp_path, "koeln_1", GROUND)
    tiles = iter([f"koeln_{i}" for i in range(1, sum(counts) + 1)])
    lists(
        tmp_path,
        **{name: [next(tiles) for _ in range(n)] for name, n in zip(("train", "val", "test"), counts, strict=True)},
    )
    refs = list(CONVERTER.find(tmp_path))
    assert len(refs) == sum(counts)
    assert CONVERTER.read(tmp_path, next(ref for ref in refs if ref.key == "koeln/koeln_1")).tags == (tag,)


def test_without_lists_there_is_no_split_and_nothing_to_count(tmp_path: Path) -> None:
    sample = only(tile(tmp_path, "koeln_1", GROUND))
    assert (sample.split, sample.tags, sample.exhaustive) == ("", (), ALL)


def test_a_tile_in_two_lists_is_kept_from_training_by_name(tmp_path: Path) -> None:
    sample = only(lists(tile(tmp_path, "koeln_1", GROUND), train=["koeln_1"], val=["koeln_1"]))
    assert (sample.split, sample.mended) == ("val", (("kept_from_training", 1),))


def test_a_missing_label_is_named_where_its_split_has_labels(tmp_path: Path) -> None:
    for name, label in (("koeln_1", GROUND), ("koeln_2", None), ("koeln_3", None), ("koeln_4", None)):
        tile(tmp_path, name, label)
    lists(tmp_path, train=["koeln_1", "koeln_2"], test=["koeln_3"])
    samples, (error,) = read_all(CONVERTER, tmp_path)
    assert (error.reason, error.where) == ("label_missing", "koeln/labels/koeln_2.tif")
    assert [(s.id[-1], s.split, "unlabelled" in s.tags) for s in samples] == [
        ("1", "train", False),
        ("3", "test", True),
        ("4", "", True),
    ]


def test_a_listed_tile_that_is_nowhere_is_one_bad_record(tmp_path: Path) -> None:
    lists(tile(tmp_path, "koeln_1", GROUND), train=["koeln_1", "port_a_piment_22"])
    samples, (error,) = read_all(CONVERTER, tmp_path)
    assert len(samples) == 1
    assert (error.reason, error.where) == ("image_missing", "port_a_piment/images/port_a_piment_22.tif")


@pytest.mark.parametrize(
    ("label", "reason", "message"),
    [
        (ground((9, 0, 0, 3, 1)), "unknown_value", "expected values of 0, 1, 2, 3, 4, 5, 6, 7, 8, got 9 (3 px)"),
        (GROUND[:40], "mask_size", "expected 64 x 48 as the image, the label is 64 x 40"),
        (
            np.dstack([ground((1, 0, 0, 2, 1)), GROUND, GROUND]),
            "unknown_colour",
            "expected colours of (0, 0, 0), (128, 0, 0)",
        ),
    ],
)
def test_a_bad_label_is_named(tmp_path: Path, label: np.ndarray, reason: str, message: str) -> None:
    error = one_bad(tile(tmp_path, "koeln_1", label))
    assert (error.reason, error.where) == (reason, "koeln/labels/koeln_1.tif")
    assert error.message.startswith(message)


@pytest.mark.parametrize("given", ["", "data/koeln"])
def test_a_folder_too_high_or_too_deep_says_where_the_lists_lie(tmp_path: Path, given: str) -> None:
    lists(tile(tmp_path / "x/data", "koeln_1", GROUND), train=["koeln_1"])
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "x" / given))
    assert str(error.value).endswith(f"{tmp_path}/x/data: give that")


def test_a_list_that_is_not_text_is_a_usage_error(tmp_path: Path) -> None:
    (tile(tmp_path, "koeln_1", GROUND) / "val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"val\.txt"):
        list(CONVERTER.find(tmp_path))


def test_the_real_tile_knows_where_it_lies(real: Callable[[str], Path]) -> None:
    root = real("openearthmap")
    refs = list(CONVERTER.find(root))
    assert len(refs) == 5000
    (ref,) = (ref for ref in refs if (root / ref.paths[0]).exists())
    sample = CONVERTER.read(root, ref)
    assert (sample.id, sample.split) == ("openearthmap/koeln/koeln_50", "test")
    assert sample.tags == ("lists:3000/1500/500 val and test changed places", "unlabelled")
    image = sample.images[0]
    assert (image.size_wh, image.crs) == ((1000, 1000), "EPSG:25832")
    with rasterio.open(root / ref.paths[0]) as file:
        assert image.affine == tuple(file.transform)[:6]
