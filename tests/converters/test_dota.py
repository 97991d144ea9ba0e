from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from reading import read_all

from georsmllm.converters.dota import CONVERTER, reordered_corners
from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import dota_txt
from georsmllm.geometry import is_simple_quad, signed_area
from georsmllm.types import Sample, Target

SHIP = "10 10 20 10 20 14 10 14 ship 0"


def world(
    root: Path, labels: dict[str, str | None], folder: str = "labelTxt", split: str = "train", size: int = 64
) -> Path:
    """A split with one image a label; None is an image without label file."""
    for name in ("images", folder):
        (root / split / name).mkdir(parents=True, exist_ok=True)
    for stem, text in labels.items():
        Image.new("RGB", (size, size), (40, 60, 90)).save(root / split / "images" / f"{stem}.png")
        if text is not None:
            (root / split / folder / f"{stem}.txt").write_bytes(text.encode())
    return root


def one(root: Path, text: str) -> Sample:
    (sample,), bad = read_all(CONVERTER, world(root, {"P1": text}))
    assert bad == []
    return sample


def target(root: Path, line: str) -> Target:
    (only,) = one(root, line).targets
    return only


def corners(t: Target) -> tuple[tuple[float, float], ...]:
    return t.shape.rings[0].points


# one label file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", "", [])),
        ("\n\r\n  \n", ("", "", [])),
        ("imagesource:GoogleEarth\r\ngsd:0.5\r\n", ("GoogleEarth", "0.5", [])),
        ("gsd:null\n", ("", "", [])),
        ("gsd:\nimagesource:\n", ("", "", [])),
        ("GSD: None\n" + SHIP, ("", "", [(2, "ship", False)])),
        ("\ufeffimagesource:GF\n" + SHIP, ("GF", "", [(2, "ship", False)])),
        (SHIP + "\n\n\n", ("", "", [(1, "ship", False)])),
        ("1 2 3.5 4 5 6.0 7 8 ship", ("", "", [(1, "ship", False)])),
        ("1 2 3 4 5 6 7 8 ship 1", ("", "", [(1, "ship", True)])),
        ("1 2 3 4 5 6 7 8 ship 2\r\n", ("", "", [(1, "ship", True)])),
        ("1 2 3 4 5 6 7 8 ship 0 0.98 more", ("", "", [(1, "ship", False)])),
        ("-1 -2.5 3 4 5e1 6 7 8\tship 0", ("", "", [(1, "ship", False)])),
    ],
)
def test_a_label_file_is_read_with_its_line_numbers(
    tmp_path: Path, text: str, expected: tuple[str, str, list[object]]
) -> None:
    (tmp_path / "P1.txt").write_bytes(text.encode())
    labels = dota_txt.read(tmp_path / "P1.txt", "P1.txt")
    assert (labels.imagesource, labels.gsd, [(r.line, r.name, r.difficult) for r in labels.rows]) == expected


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        ("1 2 3 4 5 6 7 8", "short_row", "got 8 fields"),
        ("1 2 3", "short_row", "got 3 fields"),
        ("gsd:0.5", "short_row", "got 1 fields"),
        ("1 2 3 4 5 6 7 x ship 0", "not_a_number", "could not convert string to float: 'x'"),
        ("1,5 2 3 4 5 6 7 8 ship 0", "not_a_number", "'1,5'"),
        ("1 2 3 4 5 6 7 8 small vehicle 0", "not_a_number", "'vehicle'"),
        ("1 2 3 4 5 6 7 8 ship nan", "not_a_number", "NaN"),
        ("nan 2 3 4 5 6 7 8 ship 0", "not_finite", "NaN, infinity"),
        ("inf 2 3 4 -inf 6 7 8 ship 0", "not_finite", "NaN, infinity"),
        ("1e300 2 3 4 -1e300 6 7 8 ship 0", "not_finite", "10 million"),
    ],
)
def test_a_line_that_is_no_object_is_named_with_its_place(tmp_path: Path, line: str, reason: str, message: str) -> None:
    (tmp_path / "P1.txt").write_text(f"imagesource:GF\n{SHIP}\n{line}\n")
    with pytest.raises(BadRecord) as caught:
        dota_txt.read(tmp_path / "P1.txt", "train/labelTxt/P1.txt")
    assert (caught.value.reason, caught.value.where) == (reason, "train/labelTxt/P1.txt:3")
    assert message in caught.value.message
    assert caught.value.raw.strip() == line
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named_with_their_offset(tmp_path: Path) -> None:
    (tmp_path / "P1.txt").write_bytes(b"imagesource:\xff\xfe")
    with pytest.raises(BadRecord, match=r"^P1.txt@12: expected UTF-8 text, got b'\\xff\\xfe' \[not_text\]$"):
        dota_txt.read(tmp_path / "P1.txt", "P1.txt")


@given(st.text(max_size=200))
def test_any_text_is_labels_or_a_bad_record(text: str) -> None:
    try:
        dota_txt.parse(text, "x")
    except BadRecord as bad:
        assert bad.reason in dota_txt.REASONS  # noqa: PT017  (either outcome is right)


# one object


def test_corners_run_clockwise_from_the_canonical_one_and_the_head_is_kept(tmp_path: Path) -> None:
    t = target(tmp_path, "20 14 20 10 10 10 10 14.5 Small_Vehicle 0")  # counter-clockwise, head at the lower right
    assert corners(t) == ((10, 10), (20, 10), (20, 14), (10, 14.5))
    assert t.attributes == (("head", "20,14"), ("source_label", "Small_Vehicle"))
    assert (t.label, t.difficult, t.ignore, t.visible) == ("small vehicle", False, None, 1.0)


@pytest.mark.parametrize("flag", ["1", "2"])
def test_difficult_objects_stay_and_are_not_asked(tmp_path: Path, flag: str) -> None:
    t = target(tmp_path, f"10 10 20 10 20 14 10 14 ship {flag}")
    assert (t.difficult, t.ignore) == (True, "difficult")


@pytest.mark.parametrize(
    "quad",
    ["20 20 20 20 20 20 20 20", "10 10 30 10 10 10 30 10", "10 10 20 10 30 10 40 10", "10 10 12 10 12 10.4 10 10.4"],
)
def test_a_quad_without_area_stays_as_collapsed(tmp_path: Path, quad: str) -> None:
    sample = one(tmp_path, f"{quad} ship 0\n{SHIP}")
    assert [t.ignore for t in sample.targets] == ["collapsed", None]


def test_a_quad_that_crosses_itself_is_mended_and_counted(tmp_path: Path) -> None:
    sample = one(tmp_path, "10 10 30 20 30 10 10 20 ship 0\n" + SHIP)
    assert corners(sample.targets[0]) == ((10, 10), (30, 10), (30, 20), (10, 20))
    assert sample.targets[0].ignore is None
    assert sample.mended == (("reordered_corners", 1),)


finite = st.integers(-1000, 1000)


@given(st.lists(st.tuples(finite, finite), min_size=4, max_size=4))
def test_reordering_keeps_the_corners_and_ends_the_crossing(points: list[tuple[float, float]]) -> None:
    a, b, c, d = points
    if is_simple_quad((a, b, c, d)):
        return
    mended = reordered_corners((a, b, c, d))
    assert sorted(mended) == sorted(points)
    assert is_simple_quad(mended)
    assert signed_area(mended) > 0


def test_what_sticks_out_is_clipped_counted_and_its_share_kept(tmp_path: Path) -> None:
    sample = one(tmp_path, "54 30 66 30 66 40 54 40 ship 0")
    assert corners(sample.targets[0]) == ((54, 30), (64, 30), (64, 40), (54, 40))
    assert sample.targets[0].visible == pytest.approx(10 / 12)
    assert sample.targets[0].ignore is None
    assert sample.mended == (("clipped_to_image", 1),)


@pytest.mark.parametrize(
    ("quad", "ignore"),
    [
        ("-30 10 10 10 10 20 -30 20", "low_visibility"),
        ("-40 10 -10 10 -10 20 -40 20", "outside_image"),
        ("64 10 80 10 80 20 64 20", "outside_image"),
        ("32 -6 70 32 32 70 -6 32", "clipped_beyond_shape"),
        ("0 0 64 0 64 64 0 64", None),
    ],
)
def test_what_the_image_does_not_show_is_not_asked(tmp_path: Path, quad: str, ignore: str | None) -> None:
    sample = one(tmp_path, f"{quad} ship 0\n{SHIP}\n{SHIP}")
    assert [t.ignore for t in sample.targets] == [ignore, None, None]


def test_every_class_of_the_three_versions_is_known_in_any_spelling(tmp_path: Path) -> None:
    names = ["plane", "Large_Vehicle", "baseball diamond".replace(" ", "-"), "container-crane", "airport", "HELIPAD"]
    sample = one(tmp_path, "\n".join(SHIP.replace("ship", name) for name in names))
    expected = ["airplane", "large vehicle", "baseball diamond", "container crane", "airport", "helipad"]
    assert [t.label for t in sample.targets] == expected
    assert len(sample.classes) == len(set(sample.classes)) == 18


def test_an_unknown_class_names_the_nearest_and_the_rest_of_the_set_is_read(tmp_path: Path) -> None:
    samples, (bad,) = read_all(
        CONVERTER, world(tmp_path, {"P1": SHIP, "P2": f"gsd:1\n{SHIP}\n{SHIP.replace('ship', 'shipp')}", "P3": ""})
    )
    assert bad.reason == "unknown_class"
    assert str(bad).startswith("train/labelTxt/P2.txt:3: no DOTA class is called 'shipp'; did you mean ship")
    assert [s.id for s in samples] == ["dota/train/P1", "dota/train/P3"]


# files and folders


def test_an_empty_label_file_says_that_nothing_is_there_and_a_missing_one_says_nothing(tmp_path: Path) -> None:
    empty, none = read_all(CONVERTER, world(tmp_path, {"P1": "", "P2": None}))[0]
    assert (empty.targets, len(empty.exhaustive), empty.tags) == ((), 14, ())
    assert (none.targets, none.exhaustive, none.tags) == ((), (), ("unlabelled",))


def test_test_images_have_no_labels_and_no_facts(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP})
    (tmp_path / "test" / "images").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "test" / "images" / "P9.png")
    test, train = read_all(CONVERTER, tmp_path)[0]
    assert (test.id, test.split, test.exhaustive) == ("dota/test/P9", "test", ())
    assert (train.id, train.split) == ("dota/train/P1", "train")


@pytest.mark.parametrize(
    ("folder", "classes"),
    [("labelTxt", 14), ("annfiles", 14), ("labelTxt-v1.0", 14), ("labelTxt-v1.5", 16), ("labelTxt-v2.0", 18)],
)
def test_the_label_folder_says_what_is_labelled_in_full(tmp_path: Path, folder: str, classes: int) -> None:
    (sample,), _ = read_all(CONVERTER, world(tmp_path, {"P1": SHIP}, folder))
    assert len(sample.exhaustive) == classes
    assert set(sample.exhaustive) <= set(sample.classes)
    assert ("small vehicle" in sample.exhaustive) == (classes > 14)


def test_of_several_generations_the_newest_is_read(tmp_path: Path) -> None:
    for folder, lines in (("labelTxt-v1.0", 1), ("labelTxt-v2.0", 3), ("labelTxt-v1.5", 2), ("labelTxt", 4)):
        world(tmp_path, {"P1": f"{SHIP}\n" * lines}, folder)
    (sample,), _ = read_all(CONVERTER, tmp_path)
    assert (len(sample.targets), len(sample.exhaustive)) == (3, 18)


def test_the_horizontal_twin_of_the_labels_is_left_out(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP}, "labelTxt-v1.5/DOTA-v1.5_train")
    world(tmp_path, {"P1": f"{SHIP}\n" * 5}, "labelTxt-v1.5/DOTA-v1.5_train_hbb")
    (sample,), _ = read_all(CONVERTER, tmp_path)
    assert len(sample.targets) == 1


def test_a_root_may_be_one_split(tmp_path: Path) -> None:
    (sample,), _ = read_all(CONVERTER, world(tmp_path, {"P1": SHIP}) / "train")
    assert (sample.id, sample.split, sample.images[0].path) == ("dota/P1", "", "images/P1.png")


def test_labels_without_image_are_quarantined_by_name(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP, "P2": SHIP, "P3": SHIP})
    (tmp_path / "train" / "images" / "P2.png").unlink()
    samples, (bad,) = read_all(CONVERTER, tmp_path)
    assert [s.id for s in samples] == ["dota/train/P1", "dota/train/P3"]
    assert (bad.reason, bad.where) == ("image_missing", "train/labelTxt/P2.txt")
    assert "expected train/images/P2.png" in bad.message


@pytest.mark.parametrize("name", ["P0706__1__0___0", "P0706__1024__0___824", "P0706__0.5__-20___0", "P0706"])
def test_patches_carry_the_name_of_their_scene(tmp_path: Path, name: str) -> None:
    (sample,), _ = read_all(CONVERTER, world(tmp_path, {name: SHIP}))
    assert sample.scene == "dota/P0706"


def test_the_header_is_kept_as_tags(tmp_path: Path) -> None:
    assert one(tmp_path, f"imagesource:GF\ngsd:0.81\n{SHIP}").tags == ("gsd:0.81", "imagesource:GF")


def test_junk_spaces_unicode_and_upper_case_do_no_harm(tmp_path: Path) -> None:
    world(tmp_path, {"P 1": SHIP, "río": SHIP})
    images = tmp_path / "train" / "images"
    (images / "P 1.png").rename(images / "P 1.PNG")
    for junk in ("images/._P 1.png", "images/.DS_Store", "labelTxt/._P 1.txt", "images/Thumbs.db"):
        (tmp_path / "train" / junk).write_bytes(b"\0\5")
    samples, bad = read_all(CONVERTER, tmp_path)
    assert [(s.id, len(s.targets)) for s in samples] == [("dota/train/P 1", 1), ("dota/train/río", 1)]
    assert bad == []


def test_a_loop_of_links_below_the_images_is_no_trap(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP})
    (tmp_path / "train" / "images" / "again").symlink_to(tmp_path / "train")
    samples, bad = read_all(CONVERTER, tmp_path)
    assert ([s.id for s in samples], bad) == (["dota/train/P1"], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "image_truncated"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image_truncated"),
        (b"<html>404</html>", "image_unreadable"),
    ],
)
def test_a_broken_image_is_one_bad_record_and_the_others_are_read(tmp_path: Path, content: bytes, reason: str) -> None:
    world(tmp_path, {"P1": SHIP, "P2": SHIP, "P3": SHIP})
    (tmp_path / "train" / "images" / "P2.png").write_bytes(content)
    samples, (bad,) = read_all(CONVERTER, tmp_path)
    assert [s.id for s in samples] == ["dota/train/P1", "dota/train/P3"]
    assert (bad.reason, bad.where) == (reason, "train/images/P2.png")


def test_a_decompression_bomb_is_one_bad_record_with_its_numbers(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP, "P2": SHIP})
    path = tmp_path / "train" / "images" / "P2.png"
    whole = path.read_bytes()
    head = b"IHDR" + struct.pack(">II", 30_000, 30_000) + whole[24:29]
    path.write_bytes(whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:])
    (sample,), (bad,) = read_all(CONVERTER, tmp_path)
    assert sample.id == "dota/train/P1"
    assert (bad.reason, bad.where) == ("image_bomb", "train/images/P2.png")
    assert f"30000 x 30000 px in {len(whole)} bytes" in bad.message


def test_a_label_file_that_went_away_is_named(tmp_path: Path) -> None:
    (ref,) = CONVERTER.find(world(tmp_path, {"P1": SHIP}))
    (tmp_path / "train" / "labelTxt" / "P1.txt").unlink()
    with pytest.raises(BadRecord, match=r"^train/labelTxt/P1.txt: cannot read the label file.*\[label_missing\]$"):
        CONVERTER.read(tmp_path, ref)


def test_labels_in_the_frame_of_another_image_size_are_refused(tmp_path: Path) -> None:
    text = f"{SHIP}\n100 100 120 100 120 110 100 110 ship 0\n40 200 60 200 60 210 40 210 ship 0\n"
    _, (bad,) = read_all(CONVERTER, world(tmp_path, {"P1": text}))
    assert (bad.reason, bad.where) == ("frame_mismatch", "train/labelTxt/P1.txt")
    assert "2 of 3 objects lie outside the 64 x 64 image" in bad.message


def test_a_label_file_with_a_suffix_in_capitals_is_read(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP})
    (tmp_path / "train" / "labelTxt" / "P1.txt").rename(tmp_path / "train" / "labelTxt" / "P1.TXT")
    (sample,), bad = read_all(CONVERTER, tmp_path)
    assert (len(sample.targets), bad) == (1, [])


def test_two_images_or_labels_of_one_name_are_a_usage_error(tmp_path: Path) -> None:
    world(tmp_path, {"P1": SHIP})
    Image.new("RGB", (64, 64)).save(tmp_path / "train" / "images" / "P1.jpg")
    with pytest.raises(UsageError, match=r"two images of one name .*P1.jpg and train/images/P1.png; keep one of"):
        list(CONVERTER.find(tmp_path))
    (tmp_path / "train" / "images" / "P1.jpg").unlink()
    world(tmp_path, {"P1": SHIP}, "labelTxt/copy")
    with pytest.raises(UsageError, match=r"two label files of one name: .*keep one of the folders"):
        list(CONVERTER.find(tmp_path))


def test_a_folder_that_is_no_dota_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(UsageError, match=r"which holds JPEGImages; expected train/images"):
        list(CONVERTER.find(tmp_path))
    with pytest.raises(UsageError, match=r"no such folder: .*/none; expected a DOTA folder"):
        list(CONVERTER.find(tmp_path / "none"))


def test_folders_of_other_datasets_are_no_splits(tmp_path: Path) -> None:
    for name in ("levir_mci/images/train/A", "xbd/images", "xbd/labels"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "xbd/images/a.png").write_bytes(b"")
    with pytest.raises(UsageError, match=r"no split in .*: levir_mci, xbd hold images and none of labelTxt"):
        list(CONVERTER.find(tmp_path))
    for name in ("patches/images", "patches/annfiles", "test-dev/images", "Val_split/images"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "P1.png").write_bytes(b"")
    assert [ref.split for ref in CONVERTER.find(tmp_path)] == ["Val_split", "patches", "test-dev"]


def test_the_order_of_the_file_system_does_not_matter(tmp_path: Path) -> None:
    names = [f"P{i:04}" for i in range(40)] + ["P0001__1__0___0", "P0001-a"]
    random.Random(3).shuffle(names)
    world(tmp_path, dict.fromkeys(names, SHIP))
    keys = [ref.key for ref in CONVERTER.find(tmp_path)]
    assert keys == sorted(keys)
    assert len(keys) == 42


# the invented world


def test_the_world_reads_as_drawn(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "dota" / "world")
    assert str(bad) == (
        "val/labelTxt-v1.5/P0005.txt:2: expected x1 y1 ... x4 y4 class [difficult], got 5 fields [short_row]"
    )
    found = {s.id: ([(t.label, t.ignore) for t in s.targets], s.mended) for s in samples}
    assert found == {
        "dota/test/P0006": ([], ()),
        "dota/train/P0001": ([("ship", None), ("ship", None), ("ship", "difficult")], ()),
        "dota/train/P0002": ([("airplane", None)] * 3, (("reordered_corners", 1),)),
        "dota/train/P0003": ([], ()),
        "dota/train/P0010__1__0___0": (
            [("ship", None), ("ship", "difficult"), ("small vehicle", "collapsed")],
            (("clipped_to_image", 1),),
        ),
        "dota/val/P0004": ([("container crane", None)], ()),
    }


# real files


def test_a_real_image_has_all_its_ships_inside_the_image(real: Callable[[str], Path]) -> None:
    root = real("dota_v1")
    (sample,), bad = read_all(CONVERTER, root)
    lines = (root / "train/labelTxt/P0706.txt").read_text().splitlines()[2:]
    assert bad == []
    assert len(sample.targets) == len(lines)
    width, height = sample.images[0].size_wh
    assert all(0 <= x <= width and 0 <= y <= height for t in sample.targets for x, y in corners(t))
    assert {t.attributes[0][1] for t in sample.targets} == {",".join(line.split()[:2]) for line in lines}
    # ships are brighter than the water around them: the quads sit where the picture shows something
    grey = np.asarray(Image.open(root / sample.images[0].path).convert("L"), float)
    inside = [
        grey[round(sum(y for _, y in c) / 4), round(sum(x for x, _ in c) / 4)] for c in map(corners, sample.targets)
    ]
    assert np.median(inside) > np.median(grey) + 20


def test_real_label_files_of_every_style_are_read(real: Callable[[str], Path]) -> None:
    for path in sorted(real("dota_v1").rglob("P*.txt")):
        labels = dota_txt.read(path, path.name)
        assert len(labels.rows) == sum(line[:1].isdigit() for line in path.read_text().splitlines()), path


def test_real_thumbnails_under_full_size_labels_are_refused(real: Callable[[str], Path]) -> None:
    samples, bad = read_all(CONVERTER, real("dota_v1_patches"))
    assert [(b.reason, b.where) for b in bad] == [
        ("frame_mismatch", "annfiles/P0004__1__0___0.txt"),
        ("image_missing", "annfiles/P0004__1__0___1024.txt"),
        ("frame_mismatch", "annfiles/P2805__1024__0___0.txt"),
    ]
    assert samples == []
