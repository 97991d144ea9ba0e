from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.levir_mci import CONVERTER, UNCHANGED
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Ring, Sample, polygon

SAME = [" there is no difference .", " the scene is the same as before .", " no change has occurred ."]
BUILT = [" a road appears , and a house .", "a house\tstands  there .", " more houses ."]
ROAD = (0, 40, 64, 44)
HOUSE = (10, 20, 30, 32)


def mask(*areas: tuple[int, tuple[int, int, int, int]]) -> np.ndarray:
    array = np.zeros((48, 64), dtype=np.uint8)
    for value, (x1, y1, x2, y2) in areas:
        array[y1:y2, x1:x2] = value
    return array


BOTH = mask((128, ROAD), (255, HOUSE))


def pair(root: Path, name: str, label: np.ndarray | None, *, split: str = "train", form: str = "label") -> Path:
    for side in ("A", "B"):
        (root / "images" / split / side).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(root / "images" / split / side / f"{name}.png")
    if label is not None:
        (root / "images" / split / form).mkdir(parents=True, exist_ok=True)
        Image.fromarray(label).save(root / "images" / split / form / f"{name}.png")
    return root


def entry(name: str, flag: int | None, raws: list[str], *, split: str = "train") -> dict[str, object]:
    row: dict[str, object] = {"filename": f"{name}.png", "filepath": split, "sentences": [{"raw": raw} for raw in raws]}
    return row if flag is None else row | {"changeflag": flag}


def captioned(root: Path, *entries: dict[str, object]) -> Path:
    (root / "LevirCCcaptions.json").write_text(json.dumps({"images": entries}), encoding="utf-8")
    return root


def only(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def one_bad(root: Path) -> BadRecord:
    samples, (error,) = read_all(CONVERTER, root)
    assert samples == []
    return error


def said(sample: Sample) -> list[str]:
    assert {text.kind for text in sample.texts} <= {"caption"}
    return [text.text for text in sample.texts]


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "levir_mci" / "world")
    rows = [(s.id, s.split, len(s.targets), len(s.texts), s.tags, len(s.exhaustive), dict(s.mended)) for s in samples]
    assert rows == [
        ("levir_mci/test/test_000004", "test", 0, 5, ("changeflag:0",), 2, {}),
        ("levir_mci/train/train_000016", "train", 3, 5, ("changeflag:1",), 2, {}),
        ("levir_mci/train/train_000017", "train", 0, 1, ("changeflag:0",), 2, {"unchanged_caption_only": 4}),
        ("levir_mci/train/train_000021", "train", 2, 0, ("changeflag:0",), 2, {"caption_denies_change": 5}),
        ("levir_mci/train/train_000022", "train", 0, 0, ("changeflag:1",), 0, {"caption_claims_change": 5}),
        ("levir_mci/val/val_000003", "val", 1, 5, ("changeflag:1",), 2, {}),
    ]
    first = samples[1]
    assert first.scene == "levir_mci/train_000016"
    assert [image.path for image in first.images] == [
        "images/train/A/train_000016.png",
        "images/train/B/train_000016.png",
    ]
    assert {(t.image, t.attributes, t.ignore) for t in first.targets} == {(1, (("change", "any"),), None)}
    assert [(t.label, t.shape) for t in first.targets] == [
        ("building", polygon(Ring(((8, 6), (22, 6), (22, 20), (8, 20))))),
        ("building", polygon(Ring(((34, 8), (48, 8), (48, 22), (34, 22))))),
        ("road", polygon(Ring(((0, 28), (64, 28), (64, 34), (0, 34))))),
    ]
    assert said(first)[0] == "a road with two houses appears on the field."
    assert [str(error) for error in bad] == [
        "images/test/label/test_000289.png: expected values of 0, 128, 255, got 77 (1 px) [unknown_value]"
    ]


@pytest.mark.parametrize("form", ["label", "label_rgb"])
def test_grey_and_coloured_labels_say_the_same(tmp_path: Path, form: str) -> None:
    label = BOTH
    if form == "label_rgb":
        label = np.dstack([(BOTH > 0) * 255, (BOTH == 128) * 255, BOTH * 0]).astype(np.uint8)
    sample = only(pair(tmp_path, "train_000001", label, form=form))
    assert [target.label for target in sample.targets] == ["building", "road"]
    for target, value in zip(sample.targets, (255, 128), strict=True):
        assert (masks.from_rings(target.shape.rings, (64, 48)) == (value == BOTH)).all()


def test_a_grey_label_is_read_before_a_coloured_one(tmp_path: Path) -> None:
    pair(tmp_path, "train_000001", np.zeros((48, 64, 3), dtype=np.uint8), form="label_rgb")
    assert len(only(pair(tmp_path, "train_000001", BOTH)).targets) == 2


def test_captions_lose_odd_spaces_and_keep_their_words(tmp_path: Path) -> None:
    root = captioned(pair(tmp_path, "train_000001", BOTH), entry("train_000001", 1, BUILT))
    assert said(only(root)) == ["a road appears, and a house.", "a house stands there.", "more houses."]


@pytest.mark.parametrize(("split", "kept"), [("train", [UNCHANGED]), ("val", 3), ("test", 3)])
def test_only_training_keeps_the_unchanged_sentence_alone(tmp_path: Path, split: str, kept: list[str] | int) -> None:
    pair(tmp_path, "pair_1", mask(), split=split)
    sample = only(captioned(tmp_path, entry("pair_1", 0, SAME, split=split)))
    assert said(sample) == kept if isinstance(kept, list) else len(said(sample)) == kept
    assert sample.mended == ((("unchanged_caption_only", 2),) if split == "train" else ())


@pytest.mark.parametrize(
    ("label", "flag", "texts", "mended", "sure"),
    [
        (mask(), 0, 1, {"unchanged_caption_only": 2}, True),
        (BOTH, 1, 1, {"unchanged_caption_only": 2}, True),
        (BOTH, 0, 0, {"caption_denies_change": 3}, True),
        (mask(), 1, 0, {"caption_claims_change": 3}, False),
        (mask(), None, 1, {"unchanged_caption_only": 2}, True),
        (None, 1, 1, {"unchanged_caption_only": 2}, False),
        (None, 0, 1, {"unchanged_caption_only": 2}, False),
    ],
)
def test_captions_that_contradict_the_mask_are_left_out_by_name(
    tmp_path: Path, label: np.ndarray | None, flag: int | None, texts: int, mended: dict[str, int], sure: bool
) -> None:
    sample = only(captioned(pair(tmp_path, "train_000001", label), entry("train_000001", flag, SAME)))
    assert (len(sample.texts), dict(sample.mended), bool(sample.exhaustive)) == (texts, mended, sure)
    assert len(sample.targets) == (0 if label is None else len(np.unique(label)) - 1)


def test_levir_cc_without_labels_has_captions_only(tmp_path: Path) -> None:
    sample = only(
        captioned(pair(tmp_path, "val_000001", None, split="val"), entry("val_000001", 1, BUILT, split="val"))
    )
    assert (sample.targets, sample.exhaustive, len(sample.texts)) == ((), (), 3)
    assert sample.tags == ("changeflag:1", "unlabelled")


def test_a_root_with_the_letter_a_in_it_still_pairs(tmp_path: Path) -> None:
    sample = only(pair(tmp_path / "DATA" / "A", "train_000001", BOTH))
    assert [image.path for image in sample.images] == [
        "images/train/A/train_000001.png",
        "images/train/B/train_000001.png",
    ]


def test_a_pair_that_only_the_captions_know_is_missing_and_nothing_else_is_lost(tmp_path: Path) -> None:
    pair(tmp_path, "train_000001", BOTH)
    names = [("train_000001", "train"), ("train_000003", "train"), ("test_000009", "test")]
    samples, bad = read_all(CONVERTER, captioned(tmp_path, *(entry(n, 1, BUILT, split=s) for n, s in names)))
    assert [sample.id for sample in samples] == ["levir_mci/train/train_000001"]
    assert [(error.reason, error.where) for error in bad] == [
        ("image_missing", "images/test/A/test_000009.png"),
        ("image_missing", "images/train/A/train_000003.png"),
    ]


@pytest.mark.parametrize(
    ("label", "reason"), [(mask((2, HOUSE)), "unknown_value"), (BOTH[:40], "mask_size"), (None, "label_missing")]
)
def test_a_bad_label_is_named(tmp_path: Path, label: np.ndarray | None, reason: str) -> None:
    pair(tmp_path, "train_000001", label)
    (tmp_path / "images" / "train" / "label").mkdir(exist_ok=True)
    error = one_bad(tmp_path)
    assert (error.reason, error.where) == (reason, "images/train/label/train_000001.png")


@pytest.mark.parametrize(
    "broken",
    [
        {"sentences": []},
        {"sentences": [{"raw": "  "}]},
        {"sentences": [{"tokens": ["a"]}]},
        {"changeflag": 2},
        {"sentences": "none"},
    ],
)
def test_a_bad_entry_is_one_bad_record_with_its_place(tmp_path: Path, broken: dict[str, object]) -> None:
    row = entry("train_000001", 1, BUILT) | broken
    error = one_bad(captioned(pair(tmp_path, "train_000001", BOTH), row))
    assert (error.reason, error.where) == ("bad_entry", "LevirCCcaptions.json@12")
    assert error.raw.startswith('{"filename"')


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry("a", 1, BUILT), entry("a", 0, SAME)], "each once, got 'a.png' in train"),
        ([entry("../a", 1, BUILT)], "expected a bare file name"),
        ([{"filename": "a.png"}], "missing required field `filepath`"),
        ([entry("a", 1, BUILT, split="dev")], "Invalid enum value 'dev'"),
    ],
)
def test_a_broken_index_is_a_usage_error_with_its_place(
    tmp_path: Path, entries: list[dict[str, object]], message: str
) -> None:
    root = captioned(pair(tmp_path, "a", BOTH), *entries)
    with pytest.raises(UsageError, match=r"LevirCCcaptions\.json@\d+: ") as caught:
        list(CONVERTER.find(root))
    assert message in str(caught.value)


@pytest.mark.parametrize("given", ["", "data/images", "data/images/train/A"])
def test_a_folder_too_high_or_too_deep_says_where_the_pairs_lie(tmp_path: Path, given: str) -> None:
    pair(tmp_path / "x/data", "train_000001", BOTH)
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "x" / given))
    assert str(error.value).endswith(f"; these lie in {tmp_path}/x/data: give that")


def test_real_pairs_are_read(real: Callable[[str], Path]) -> None:
    samples, bad = read_all(CONVERTER, real("levir_mci"))
    assert bad == []
    assert [(sample.id, sample.images[0].size_wh, sample.tags) for sample in samples] == [
        ("levir_mci/test/test_000289", (256, 256), ("unlabelled",)),
        ("levir_mci/train/train_000016", (256, 256), ("unlabelled",)),
    ]


def test_real_captions_are_said_as_sentences(real: Callable[[str], Path], tmp_path: Path) -> None:
    lines = (real("earthdial_eval_gt") / "levir_mci_captions_25.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [[row[f"caption{i}"] for i in range(5)] for row in map(json.loads, lines)]
    entries = [entry(f"test_{i:06d}", None, raws, split="test") for i, raws in enumerate(rows)]
    for i in range(len(rows)):
        pair(tmp_path, f"test_{i:06d}", None, split="test")
    samples, bad = read_all(CONVERTER, captioned(tmp_path, *entries))
    assert bad == []
    for sample in samples:
        assert all(text == text.strip() and text.endswith(".") and " ." not in text for text in said(sample))
    assert UNCHANGED in said(samples[0])
