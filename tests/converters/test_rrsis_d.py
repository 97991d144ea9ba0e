from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import geometry, masks
from georsmllm.converters.rrsis_d import CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Mention, Text

Row = dict[str, Any]
REFS, INSTANCES = "rrsisd/refs(unc).p", "rrsisd/instances.json"


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(data / "rrsis_d" / "world", tmp_path / "world")


def change(root: Path, edit: Callable[[list[Row], Row], object]) -> None:
    """Writes refs and instances again after an edit of both."""
    refs = pickle.loads((root / REFS).read_bytes())
    tree = json.loads((root / INSTANCES).read_text())
    edit(refs, tree)
    (root / REFS).write_bytes(pickle.dumps(refs, 2))
    (root / INSTANCES).write_text(json.dumps(tree))


def one_bad(root: Path, key: str) -> BadRecord:
    (ref,) = [ref for ref in CONVERTER.find(root) if ref.key == key]
    with pytest.raises(BadRecord) as caught:
        CONVERTER.read(root, ref)
    assert caught.value.reason in CONVERTER.reasons
    return caught.value


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "rrsis_d" / "world")
    assert [(s.id, s.scene, [t.phrase for t in s.targets], s.mended) for s in samples] == [
        ("rrsis_d/test/00021", "dior/00021", ["A ship"], (("mask_fitted", 1),)),
        ("rrsis_d/train/00007", "dior/00007", ["The ship on the upper left", "The ship below the other one"], ()),
        ("rrsis_d/val/00012", "dior/00012", ["A white ship"], ()),
    ]
    two = samples[1]
    assert [geometry.bounds(t.shape) for t in two.targets] == [(6, 8, 30, 14), (40, 44, 58, 50)]
    assert two.texts[1] == Text("expression", "The ship below the other one", mentions=(Mention("answer", 0, (1,)),))
    assert (two.classes, two.exhaustive) == (("ship", "stadium"), ())
    assert geometry.bounds(samples[0].targets[0].shape) == (30, 2, 40, 62)
    assert (bad.reason, bad.message) == ("mask_size", "expected a mask of 64 x 77, got 64 x 64")


def test_expressions_belong_to_annotations_and_images_and_never_to_a_ref_id(root: Path) -> None:
    def reverse(refs: list[Row], tree: Row) -> None:
        refs.reverse()
        for i, ref in enumerate(refs):
            ref["ref_id"] = i
        tree["annotations"].reverse()
        tree["images"].reverse()

    before = {s.id: {(t.phrase, t.shape) for t in s.targets} for s in read_all(CONVERTER, root)[0]}
    change(root, reverse)
    assert {s.id: {(t.phrase, t.shape) for t in s.targets} for s in read_all(CONVERTER, root)[0]} == before


def test_an_image_in_two_splits_shows_each_only_its_own(root: Path) -> None:
    change(root, lambda refs, _: refs[1].update(split="val"))
    samples = {s.id: s for s in read_all(CONVERTER, root)[0]}
    assert [t.phrase for t in samples["rrsis_d/train/00007"].targets] == ["The ship on the upper left"]
    assert [t.phrase for t in samples["rrsis_d/val/00007"].targets] == ["The ship below the other one"]


def test_several_sentences_of_one_annotation_are_one_target(root: Path) -> None:
    more = [{"raw": " A  SHIP "}, {"sent": "a boat", "raw": ""}, {"raw": "A SHIP"}, {"raw": ""}]
    change(root, lambda refs, _: refs[2].update(sentences=more))
    sample = next(s for s in read_all(CONVERTER, root)[0] if s.split == "val")
    assert [text.text for text in sample.texts] == ["A SHIP", "a boat"]
    assert len(sample.targets) == 1


@pytest.mark.parametrize(
    ("edit", "key", "reason"),
    [
        (lambda refs, _: refs[2].update(ann_id=100), "val/00012", "unknown_annotation"),
        (lambda refs, _: refs[2].update(image_id=99, file_name="00099.jpg"), "val/00099", "unknown_image"),
        (lambda _, tree: tree["annotations"][2].update(category_id=9), "val/00012", "unknown_annotation"),
        (lambda _, tree: tree["annotations"][2].update(segmentation=[{"size": [64, 64], "counts": "~"}]), "val/00012",
         "bad_segmentation"),
        (lambda _, tree: tree["annotations"][2].update(segmentation=[{"size": [60, 64], "counts": "00"}]), "val/00012",
         "mask_size"),
        (lambda _, tree: tree["annotations"][2].update(segmentation="all"), "val/00012", "bad_segmentation"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_named(root: Path, edit: Callable[..., object], key: str, reason: str) -> None:
    change(root, edit)
    assert one_bad(root, key).reason == reason


def test_a_mask_without_a_pixel_gives_way_to_its_box(root: Path) -> None:
    change(root, lambda _, tree: tree["annotations"][2].update(segmentation=[{"size": [64, 64], "counts": [4096]}]))
    sample = next(s for s in read_all(CONVERTER, root)[0] if s.split == "val")
    assert (sample.targets[0].shape.kind, sample.mended) == ("box", (("box_in_place_of_shape", 1),))


@pytest.mark.parametrize(("height", "fitted"), [(62, True), (63, True), (66, True), (61, False), (67, False)])
def test_a_mask_fits_an_image_of_up_to_two_pixels_more_or_less(root: Path, height: int, fitted: bool) -> None:
    Image.new("RGB", (64, height)).save(root / "images/rrsisd/JPEGImages/00021.jpg")
    samples, bad = read_all(CONVERTER, root)
    assert ("rrsis_d/test/00021" in {s.id for s in samples}) is fitted
    assert [error.reason for error in bad] == ["mask_size"] * (1 if fitted else 2)


def test_a_missing_image_is_named(root: Path) -> None:
    (root / "images/rrsisd/JPEGImages/00012.jpg").unlink()
    assert one_bad(root, "val/00012").where == "images/rrsisd/JPEGImages/00012.jpg"


def test_a_pickle_that_would_call_something_is_one_line(root: Path) -> None:
    (root / REFS).write_bytes(pickle.dumps([print], 4))
    with pytest.raises(UsageError, match="the operation STACK_GLOBAL makes no plain value"):
        list(CONVERTER.find(root))


@pytest.mark.parametrize("missing", [REFS, INSTANCES, "images"])
def test_a_missing_part_is_one_line(root: Path, missing: str) -> None:
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UsageError, match=Path(missing).name.replace("(", r"\(").replace(")", r"\)")):
        list(CONVERTER.find(root))


def test_real_expressions_and_recovered_masks_in_its_own_layout(real: Callable[[str], Path], tmp_path: Path) -> None:
    source = real("rrsis_d_recovered")
    pictures = tmp_path / "images" / "rrsisd" / "JPEGImages"
    pictures.mkdir(parents=True)
    (tmp_path / "rrsisd").mkdir()
    images, annotations, refs, drawn = [], [], [], {}
    lines = (source / "output_phrase_test.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        name, phrase = line.split(maxsplit=1)
        shutil.copy(source / "img_rgb" / name, pictures / name)
        mask = np.asarray(Image.open(source / "mask" / name.replace(".jpg", ".png"))) > 0
        drawn[phrase] = mask
        rle = masks.to_coco(masks.encode(mask))
        images.append({"id": number, "file_name": name, "width": 512, "height": 512})
        annotations.append({"id": 1000 + number, "image_id": number, "category_id": 1, "segmentation": [rle]})
        refs.append({"ref_id": 7 * number, "ann_id": 1000 + number, "image_id": number, "split": "test",
                     "sentences": [{"raw": phrase}]})  # fmt: skip
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "vehicle"}]}
    (tmp_path / INSTANCES).write_text(json.dumps(tree))
    (tmp_path / REFS).write_bytes(pickle.dumps(refs, 2))
    samples, bad = read_all(CONVERTER, tmp_path)
    assert (len(samples), bad) == (16, [])
    for sample in samples:
        (target,), (text,) = sample.targets, sample.texts
        assert (masks.from_rings(target.shape.rings, (512, 512)) == drawn[text.text]).all()


def test_an_image_is_found_whatever_its_suffix_looks_like(root: Path) -> None:
    path = root / "images/rrsisd/JPEGImages/00007.jpg"
    path.rename(path.with_suffix(".JPG"))
    assert "rrsis_d/train/00007" in {sample.id for sample in read_all(CONVERTER, root)[0]}
