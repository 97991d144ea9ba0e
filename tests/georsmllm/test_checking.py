"""A reader's every breach of its contract is called by its one name; data that is well is left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from georsmllm.checking import VIOLATIONS, Checked, check, survey
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.suspicions import WARNINGS
from georsmllm.types import ImageRef, Point, PointSet, Ring, Sample, Target, Text, Window, box, point, polygon, rbox

CARD = Card("toy", "a.png", "ship", "ship", "none", "none needed", "none")
GOOD = Sample(
    id="toy/a",
    dataset="toy",
    split="train",
    scene="toy/a",
    images=(ImageRef("a.png", 64, 48),),
    targets=(
        Target(0, "ship", box(0, 0, 64, 48)),
        Target(0, "ship", rbox(((1, 1), (5, 1), (5, 4), (1, 4))), ignore="difficult"),
        Target(0, "lake", polygon(Ring(((1, 1), (9, 1), (9, 9))), Ring(((2, 2), (3, 2), (3, 3)), "-"))),
        Target(0, "lake", point(3, 3), attributes=(("head", "1,1"), ("source_label", "Lake"))),
    ),
    texts=(Text("caption", "A harbor."),),
    classes=("lake", "ship"),
    exhaustive=("ship",),
    mended=(("clipped_to_image", 2),),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        Image.new("RGB", (64, 48)).save(tmp_path / f"{name}.png")
    return tmp_path


def refs(*keys: str) -> Callable[[Path], Iterator[Ref]]:
    return lambda root: iter([Ref(key, "train", (f"{key}.png",)) for key in keys])


def good(root: Path, ref: Ref) -> Sample:
    return GOOD


ONE = refs("a")


def reader(read: Callable[[Path, Ref], Sample] = good, find: Callable[[Path], Iterator[Ref]] = ONE) -> Converter:
    return Converter(CARD, find, read, {"short_row": "too few fields"}, {"clipped_to_image": "cut to the image"})


def checked(one: Converter, root: Path, limit: int | None = None) -> Checked:
    return check(one, root, survey(one, root, limit))


def test_data_that_is_well_is_counted_and_left_in_peace(root: Path) -> None:
    result = checked(reader(find=refs("a", "b")), root)
    assert result == Checked(
        found=2,
        read=2,
        kept=2,
        splits={"train": 2},
        unlabelled={},
        images=2,
        targets=8,
        classes={"lake": 4, "ship": 4},
        ignored={"difficult": 2},
        mended={"clipped_to_image": 4},
        texts={"caption": 2},
        scenes={},
        quarantined={},
        violations={},
        warnings={},
        examples={},
    )
    assert result.is_clean


def with_target(**changes: object) -> Sample:
    return replace(GOOD, targets=(replace(GOOD.targets[0], **changes),))  # type: ignore[arg-type]


def ring(*points: Point) -> PointSet:
    return PointSet("polygon", (Ring(points),))


BREACHES: list[tuple[str, Sample]] = [
    ("unknown_mend", replace(GOOD, mended=(("guessed", 1),))),
    ("image_size", replace(GOOD, images=(ImageRef("a.png", 65, 48),))),
    ("image_size", replace(GOOD, images=(ImageRef("a.png", 64, 48, Window(0, 0, 32, 32)),))),
    ("window_outside", replace(GOOD, images=(ImageRef("a.png", 64, 48, Window(1, 0, 64, 48)),))),
    ("no_image", replace(GOOD, images=(), targets=())),
    ("target_image", with_target(image=1)),
    ("unknown_label", with_target(label="crane")),
    ("not_canonical", replace(with_target(label="Ship"), classes=("Ship", "ship"))),
    ("exhaustive", replace(GOOD, exhaustive=("crane",))),
    ("shape_form", with_target(shape=PointSet("box", (Ring(((1, 1),)),)))),
    ("shape_form", with_target(shape=PointSet("rbox", ()))),
    ("shape_form", with_target(shape=ring((1, 1), (2, 2)))),
    ("shape_form", with_target(shape=PointSet("polygon", (Ring(((1, 1), (9, 1), (9, 9)), "-"),)))),
    ("not_finite", with_target(shape=point(float("nan"), 3))),
    ("point_outside", with_target(shape=box(0, 0, 64.5, 48))),
    ("point_outside", with_target(shape=box(0, 0, 9, 9, keypoints=((70, 3),)))),
    ("visible_share", with_target(visible=1.5)),
    ("attributes", with_target(attributes=(("b", ""), ("a", "")))),
    ("attributes", with_target(attributes=(("a", ""), ("a", "")))),
]


@pytest.mark.parametrize(("name", "sample"), BREACHES)
def test_a_breach_is_called_by_its_one_name(root: Path, name: str, sample: Sample) -> None:
    result = checked(reader(lambda root, ref: sample), root)
    assert result.violations == {name: 1}
    assert name in VIOLATIONS
    assert result.examples[name][0].startswith("toy/a: ")
    assert not result.is_clean


@pytest.mark.parametrize("reason", ["outside_image", "collapsed"])
def test_a_target_ignored_for_its_shape_may_keep_it(root: Path, reason: str) -> None:
    sample = with_target(shape=box(90, 90, 99, 99), ignore=reason)
    assert checked(reader(lambda root, ref: sample), root).is_clean


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(("b", "a"), {"unsorted_keys": 1}), (("a", "a"), {"repeated_key": 1}), (("a", "b"), {})],
)
def test_keys_are_sorted_and_unique(root: Path, keys: tuple[str, ...], expected: dict[str, int]) -> None:
    assert checked(reader(find=refs(*keys)), root).violations == expected


def test_a_find_that_changes_its_mind_is_named(root: Path) -> None:
    walks = iter([refs("a"), refs("b")])
    result = checked(reader(find=lambda root: next(walks)(root)), root)
    assert result.violations == {"unstable_find": 1}


def bad(reason: str) -> Callable[[Path, Ref], Sample]:
    def read(root: Path, ref: Ref) -> Sample:
        raise BadRecord(reason, "expected 10 fields, got 3", where=f"{ref.key}.txt:4")

    return read


def test_bad_records_are_counted_by_reason_with_their_place(root: Path) -> None:
    result = checked(reader(bad("short_row"), find=refs("a", "b")), root)
    assert (result.kept, result.quarantined, result.violations) == (0, {"short_row": 2}, {})
    assert result.examples == {
        "short_row": ("a.txt:4: expected 10 fields, got 3", "b.txt:4: expected 10 fields, got 3")
    }


def test_a_reason_outside_the_closed_set_is_named(root: Path) -> None:
    result = checked(reader(bad("odd")), root)
    assert (result.quarantined, result.violations) == ({"odd": 1}, {"unknown_reason": 1})


def test_every_image_is_decoded(root: Path) -> None:
    Image.effect_noise((64, 48), 50).save(root / "b.png")
    whole = (root / "b.png").read_bytes()
    (root / "b.png").write_bytes(whole[: len(whole) // 2])
    pair = replace(GOOD, images=(GOOD.images[0], ImageRef("b.png", 64, 48)))
    result = checked(reader(lambda root, ref: pair), root)
    assert (result.kept, result.quarantined) == (0, {"image_truncated": 1})
    gone = replace(GOOD, images=(ImageRef("c.png", 64, 48),))
    assert checked(reader(lambda root, ref: gone), root).quarantined == {"image_missing": 1}


def test_images_lie_beside_an_index_file(root: Path) -> None:
    (root / "index.json").write_text("{}")
    assert checked(reader(), root / "index.json").is_clean


def test_a_limit_reads_the_first_records_and_still_counts_all(root: Path) -> None:
    seen: list[str] = []

    def read(root: Path, ref: Ref) -> Sample:
        seen.append(ref.key)
        return GOOD

    result = checked(reader(read, find=refs("a", "b", "c")), root, limit=2)
    assert (result.found, result.read, seen) == (3, 2, ["a", "b"])
    assert result.is_clean


def test_only_the_first_examples_are_kept(root: Path) -> None:
    one = reader(bad("short_row"), find=refs("a", "b", "c"))
    result = check(one, root, survey(one, root), examples=1)
    assert (result.quarantined, len(result.examples["short_row"])) == ({"short_row": 3}, 1)


def test_nothing_found_is_a_usage_error(root: Path) -> None:
    with pytest.raises(UsageError, match="found no record below"):
        survey(reader(find=refs()), root)


# --- reader and folder that do not belong together -------------------------------------------------------------------


def said(**changes: object) -> Callable[[Path, Ref], Sample]:
    return lambda root, ref: replace(GOOD, **changes)  # type: ignore[arg-type]


def in_splits(*splits: str) -> Callable[[Path], Iterator[Ref]]:
    return lambda root: iter([Ref(f"{n}", split, ("a.png",)) for n, split in enumerate(splits)])


BARE = said(targets=(), texts=(), tags=("unlabelled",), mended=())


def bare_in(*splits: str) -> Callable[[Path, Ref], Sample]:
    return lambda root, ref: BARE(root, ref) if ref.split in splits else GOOD


@pytest.mark.parametrize(
    ("splits", "bare", "warned"),
    [
        (("train", "test"), (), []),
        (("train", "test"), ("test",), []),
        (("train", "test-dev"), ("test-dev",), []),
        (("train", "val"), ("val",), ["all 1 samples of val"]),
        (("train", "train", "test"), ("train", "test"), ["all 2 samples of train"]),
        (("",), ("",), ["all 1 samples of the folder"]),
        (("test", "test"), ("test",), ["all 2 samples that are there"]),
    ],
)
def test_a_split_without_any_label_is_a_warning_unless_it_is_test(
    root: Path, splits: tuple[str, ...], bare: tuple[str, ...], warned: list[str]
) -> None:
    (root / "images").mkdir()
    result = checked(reader(bare_in(*bare), find=in_splits(*splits)), root)
    shown = result.examples.get("unlabelled_split", ())
    assert [line.partition(";")[0] for line in shown] == warned
    assert result.is_clean == (not warned)
    assert result.unlabelled == {split: splits.count(split) for split in bare}
    for line in shown:
        assert line.endswith(f"; folders seen in {root}: images; expected: a.png")


def test_of_a_partly_labelled_split_the_unlabelled_are_counted(root: Path) -> None:
    samples = iter([GOOD, BARE(root, Ref("", "", ()))])
    result = checked(reader(lambda root, ref: next(samples), find=refs("a", "b")), root)
    assert (result.unlabelled, result.warnings) == ({"train": 1}, {})


def scenes(*names: str) -> Callable[[Path, Ref], Sample]:
    return lambda root, ref: replace(GOOD, targets=(), texts=(Text("scene", names[int(ref.key)]),), mended=())


@pytest.mark.parametrize(
    ("names", "warnings"),
    [
        (("airport", "beach", "beach"), {}),
        (("images png", "masks png"), {"scene_names": 1}),
        (("a", "b", "label"), {"scene_names": 1}),
        (("positive image set",), {"scene_names": 1}),
        (("image pond", "beach"), {}),
        (("beach", "beach"), {"one_scene_class": 1}),
    ],
)
def test_scene_classes_are_counted_and_odd_ones_warned_of(
    root: Path, names: tuple[str, ...], warnings: dict[str, int]
) -> None:
    result = checked(reader(scenes(*names), find=in_splits(*("train" for _ in names))), root)
    assert result.scenes == {name: names.count(name) for name in sorted(names, key=lambda n: (-names.count(n), n))}
    assert result.warnings == warnings


def test_the_first_records_alone_prove_no_lack_of_classes(root: Path) -> None:
    one = reader(scenes("beach", "beach", "airport"), find=in_splits("train", "train", "train"))
    assert checked(one, root, limit=2).warnings == {}


def test_data_that_says_nothing_at_all_is_a_warning(root: Path) -> None:
    empty = said(targets=(), texts=(), mended=())
    assert checked(reader(empty), root).warnings == {"nothing_said": 1}


def test_every_warning_is_of_the_closed_set_and_has_its_line() -> None:
    assert set(WARNINGS) == {"unlabelled_split", "scene_names", "one_scene_class", "nothing_said"}
    assert all(WARNINGS.values())
