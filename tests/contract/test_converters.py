"""What every converter that `discover` finds must keep, on its invented world in tests/data/<name>/world."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm.contracts import Converter, Ref
from georsmllm.discover import converter, converter_names
from georsmllm.errors import BadRecord, UsageError
from georsmllm.imagefile import SUFFIXES

NAMES = converter_names()
ANY_DEPTH = (
    "coco", "deepglobe_landcover", "deepglobe_road", "dota", "fit_rs", "geochat_instruct", "levir_cd", "scene_folder",
    "vrsbench", "yolo_obb",
)  # fmt: skip


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(name: str, data: Path) -> Path:
    return data / name / "world"


def test_its_world_is_what_its_script_makes(name: str, data: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"make_{name}", data / name / "make.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made, kept = tmp_path / "world", data / name / "world"
    script.make(made)
    files = sorted(path.relative_to(kept) for path in kept.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    for file in files:
        assert contents(made / file) == contents(kept / file), file


def contents(path: Path) -> bytes:
    """The pixels of a picture, which another version of the codec may pack otherwise; the bytes of anything else."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture).tobytes()
    except OSError:
        return path.read_bytes()


def test_its_card_tells_everything(name: str) -> None:
    card = converter(name).card
    for field, text in asdict(card).items():
        assert field == "sizes" or text.strip(), field
    assert all(split and size > 0 for split, size in card.sizes.items())
    assert "\n" not in card.title
    assert "\n" not in card.label_line


def test_every_reason_and_mend_is_explained(name: str) -> None:
    reader = converter(name)
    assert reader.reasons
    for key, line in [*reader.reasons.items(), *reader.mends.items()]:
        assert key.isidentifier(), key
        assert line.strip(), key
        assert "\n" not in line


def test_its_world_is_found_sorted_unique_and_twice_the_same(name: str, world: Path) -> None:
    refs = list(converter(name).find(world))
    keys = [ref.key for ref in refs]
    assert len(refs) >= 2
    assert keys == sorted(set(keys))
    assert list(converter(name).find(world)) == refs
    assert all(ref.paths and not Path(path).is_absolute() for ref in refs for path in ref.paths)


def test_reading_twice_gives_the_same_and_counts_everything(name: str, world: Path) -> None:
    reader = converter(name)
    samples, bad = read_all(reader, world)
    assert len(samples) + len(bad) == len(list(reader.find(world)))
    again, bad_again = read_all(reader, world)
    assert again == samples
    assert [str(error) for error in bad_again] == [str(error) for error in bad]


def test_exactly_one_broken_record_is_named_in_one_line(name: str, world: Path) -> None:
    reader = converter(name)
    _, bad = read_all(reader, world)
    (only,) = bad
    assert only.reason in reader.reasons
    assert only.where
    assert only.message
    assert not only.where.startswith("/")
    assert str(only) == f"{only.where}: {only.message} [{only.reason}]"
    assert "\n" not in str(only)


def test_its_samples_are_whole(name: str, world: Path) -> None:
    reader = converter(name)
    samples, _ = read_all(reader, world)
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.dataset == name
        assert sample.id.startswith(f"{name}/")
        assert sample.scene.count("/") >= 1
        assert 1 <= len(sample.images) <= 2
        assert set(sample.exhaustive) <= set(sample.classes)
        assert len(set(sample.classes)) == len(sample.classes)
        assert {mend for mend, _ in sample.mended} <= set(reader.mends)
        assert all(count > 0 for _, count in sample.mended)
        for image in sample.images:
            assert not Path(image.path).is_absolute()


def test_its_targets_lie_inside_their_image_and_carry_known_classes(name: str, world: Path) -> None:
    samples, _ = read_all(converter(name), world)
    for sample in samples:
        for target in sample.targets:
            assert target.label in sample.classes
            assert list(target.attributes) == sorted(target.attributes)
            assert 0 <= target.visible <= 1
            if target.ignore in ("outside_image", "collapsed"):
                continue  # kept as the source has them, never asked
            width, height = sample.images[target.image].size_wh
            points = [p for ring in target.shape.rings for p in ring.points] + list(target.shape.keypoints)
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points), (sample.id, target)


def test_labels_cut_short_are_a_bad_record_with_a_place_and_nothing_else(
    name: str, world: Path, tmp_path: Path
) -> None:
    reader = converter(name)
    good = [ref for ref in reader.find(world) if _reads(reader, world, ref)]
    last = max({ref.paths[-1] for ref in good}, key=lambda path: ((world / path).stat().st_size, path))
    size = (world / last).stat().st_size
    shutil.copytree(world, tmp_path / "world")
    refused = 0
    for share in (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        (tmp_path / "world" / last).write_bytes((world / last).read_bytes()[: int(size * share)])
        try:
            refs = list(reader.find(tmp_path / "world"))
        except UsageError:  # a broken index
            refused += 1
            continue
        for ref in refs:
            if last in ref.paths:
                refused += not _reads(reader, tmp_path / "world", ref)
            elif ref in good:
                assert _reads(reader, tmp_path / "world", ref)
    assert refused


@pytest.mark.parametrize("inserted", [b"\xff", b"\0", b"[" * 70])
def test_labels_that_are_no_text_are_refused_by_name_and_nothing_else_flies(
    name: str, world: Path, tmp_path: Path, inserted: bytes
) -> None:
    reader = converter(name)
    texts = [path.relative_to(world) for path in world.rglob("*") if path.suffix.lower() not in SUFFIXES]
    shutil.copytree(world, tmp_path / "world")
    for text in sorted(path for path in texts if (world / path).is_file())[:6]:
        whole = (world / text).read_bytes()
        for share in (0.0, 0.1, 0.5, 0.9, 1.0):
            at = int(len(whole) * share)
            (tmp_path / "world" / text).write_bytes(whole[:at] + inserted + whole[at:])
            assert "\n" not in _refusal(reader, tmp_path / "world")
        (tmp_path / "world" / text).write_bytes(whole)


@pytest.mark.parametrize("given", ["", "world/*", "world/*/*"])
def test_a_folder_too_high_or_too_deep_says_which_one_is_meant(
    name: str, world: Path, tmp_path: Path, given: str
) -> None:
    if name in ANY_DEPTH:
        pytest.skip("reads folders at any depth, or is told which by a file")
    shutil.copytree(world, tmp_path / "world")
    wrong = next((path for path in sorted(tmp_path.glob(given)) if path.is_dir()), tmp_path) if given else tmp_path
    said = _refusal(converter(name), wrong)
    assert said.endswith(f"{tmp_path / 'world'}: give that") or (given and said == "")


def _refusal(reader: Converter, root: Path) -> str:
    """Everything found is read; the line of a UsageError, "" for none."""
    try:
        for ref in reader.find(root):
            _reads(reader, root, ref)
    except UsageError as error:
        return str(error)
    return ""


def _reads(reader: Converter, root: Path, ref: Ref) -> bool:
    """Whether the record is read; anything but a BadRecord with a known reason and a place flies."""
    refusal = None
    try:
        reader.read(root, ref)
    except BadRecord as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason in reader.reasons
        assert any(Path(path).name in refusal.where for path in ref.paths)
    return refusal is None


def test_a_missing_root_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list(converter(name).find(tmp_path / "no" / "such"))
    assert "such" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_root_is_a_usage_error_or_holds_nothing(name: str, tmp_path: Path) -> None:
    try:
        found = list(converter(name).find(tmp_path))
    except UsageError:
        return
    assert found == []
