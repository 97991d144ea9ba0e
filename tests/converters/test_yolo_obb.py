from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from reading import read_all

from georsmllm import geometry
from georsmllm.converters.yolo_obb import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import Sample, box, rbox

YAML = "train: images/train\nnames: [ship, Small_Vehicle]\n"
QUAD = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"


def world(root: Path, label: str | None, *, yaml: str = YAML, name: str = "images/train/a.png") -> Path:
    """One image of 80 x 64 px with its label, and the YAML."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (80, 64)).save(path)
    (root / "dataset.yaml").write_text(yaml, encoding="utf-8")
    text = (root / name.replace("images/", "labels/")).with_suffix(".txt")
    text.parent.mkdir(parents=True, exist_ok=True)
    if label is not None:
        text.write_text(label, encoding="utf-8")
    return root


def only(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def test_an_empty_label_file_is_an_image_without_objects(tmp_path: Path) -> None:
    sample = only(world(tmp_path, "\n"))
    assert (sample.targets, sample.exhaustive, sample.tags) == ((), ("ship", "small vehicle"), ())


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "yolo_obb" / "world")
    assert [(s.id, s.scene, s.tags, len(s.targets)) for s in samples] == [
        ("yolo_obb/test/unknown", "yolo_obb/images/test/unknown", ("unlabelled",), 0),
        ("yolo_obb/train/open_sea", "yolo_obb/images/train/open_sea", (), 0),
        ("yolo_obb/train/port_1", "yolo_obb/images/train/port_1", (), 3),
        ("yolo_obb/val/P0009", "dota/P0009", (), 1),
    ]
    port = samples[2]
    assert [(t.label, t.shape.kind, t.ignore) for t in port.targets] == [
        ("ship", "rbox", None), ("ship", "rbox", None), ("quay wall", "polygon", None),
    ]  # fmt: skip
    assert port.mended == (("clipped_to_image", 1), ("duplicate_dropped", 1))
    assert samples[3].targets[0].shape == box(20, 20, 44, 32)
    assert (bad.reason, bad.where) == ("not_normalised", "labels/val/pixels.txt:1")


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        (QUAD, rbox(((20, 16), (40, 16), (40, 32), (20, 32)))),
        ("0 0.5 0.5 0.25 0.5 0.25 0.25 0.5 0.25", rbox(((20, 16), (40, 16), (40, 32), (20, 32)))),
        ("0.0 0.375 0.375 0.25 0.25", box(20, 16, 40, 32)),
    ],
)
def test_corners_may_come_in_any_order_and_shares_are_of_width_and_height(
    tmp_path: Path, line: str, shape: object
) -> None:
    assert [t.shape for t in only(world(tmp_path, line)).targets] == [shape]


@pytest.mark.parametrize(
    ("line", "bounds", "mended"),
    [
        ("1 0.25 0.25 0.5 0.25 0.5 0.5", (20, 16, 40, 32), ()),
        ("1 0.25 0.25 0.5 0.25 0.5 0.5 0.4 0.5 0.3 0.4", (20, 16, 40, 32), ()),
        ("1 0.25 0.25 0.5 0.25 0.5 0.5 0.4 0.5 0.25 0.25", (20, 16, 40, 32), ()),
        ("1 0.25 0.25 0.5 0.5 0.5 0.25 0.25 0.5 0.2 0.4", (16, 16, 40, 32), (("self_crossing_mended", 1),)),
    ],
)
def test_a_longer_odd_line_is_an_outline(tmp_path: Path, line: str, bounds: object, mended: object) -> None:
    sample = only(world(tmp_path, line))
    assert [(t.label, t.shape.kind, geometry.bounds(t.shape)) for t in sample.targets] == [
        ("small vehicle", "polygon", bounds)
    ]
    assert sample.mended == mended


@pytest.mark.parametrize(
    ("line", "ignore", "mended"),
    [
        ("0 0.25 0.25 0.5 0.5 0.5 0.25 0.25 0.5", None, (("reordered_corners", 1),)),
        ("0 0.99 0.25 1.01 0.25 1.01 0.5 0.99 0.5", "low_visibility", (("clipped_to_image", 1),)),
        ("0 -0.01 0.25 0.5 0.25 0.5 0.5 -0.01 0.5", None, (("clipped_to_image", 1),)),
        ("0 0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.25", "collapsed", ()),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3", "collapsed", ()),
        ("0 0.5 0.5 0.25 -0.005", "collapsed", ()),
    ],
)
def test_odd_shapes_are_mended_or_ignored_by_name(
    tmp_path: Path, line: str, ignore: str | None, mended: object
) -> None:
    sample = only(world(tmp_path, line))
    assert ([t.ignore for t in sample.targets], sample.mended) == ([ignore], mended)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0", "bad_row"),
        ("0 0.1 0.2 0.3", "bad_row"),
        ("0 0.1 0.2 0.3 0.4 0.5", "bad_row"),
        (f"{QUAD} 0.9", "bad_row"),
        ("ship 0.1 0.2 0.3 0.4", "not_a_number"),
        ("0 0.1 0.2 0.3 0,4", "not_a_number"),
        ("0 0.1 0.2 0.3 1.02", "not_normalised"),
        ("0 0.1 0.2 0.3 -0.02", "not_normalised"),
        ("0 0.1 0.2 0.3 nan", "not_normalised"),
        ("2 0.1 0.2 0.3 0.4", "unknown_class"),
        ("0.5 0.1 0.2 0.3 0.4", "unknown_class"),
        ("-1 0.1 0.2 0.3 0.4", "unknown_class"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    _, (bad,) = read_all(CONVERTER, world(tmp_path, f"{QUAD}\r\n\r\n{line}\r\n"))
    assert (bad.reason, bad.where) == (reason, "labels/train/a.txt:3")


def test_a_label_without_its_image_is_named_and_a_class_list_is_no_label(tmp_path: Path) -> None:
    world(tmp_path, QUAD)
    (tmp_path / "labels" / "train" / "b.txt").write_text(QUAD, encoding="utf-8")
    (tmp_path / "labels" / "train" / "classes.txt").write_text("ship\n", encoding="utf-8")
    samples, (bad,) = read_all(CONVERTER, tmp_path)
    assert ([s.id for s in samples], bad.reason, bad.where) == (
        ["yolo_obb/train/a"],
        "image_missing",
        "images/train/b.jpg",
    )


@pytest.mark.parametrize(
    "yaml",
    [
        "train: images/train\nnames:\n  0: ship\n",
        "path: .\ntrain: [images/train]\nnames: {'0': ship}\n",
        "path: /data/of/somebody/else\ntrain: ./images/train\nnames: [ship]\n",
        "train: ../images/train\nval:\nnc: 1\nnames: [ship]\n",
        "train: images.txt\nnames: [ship]\n",
    ],
)
def test_the_yaml_is_read_in_every_common_form(tmp_path: Path, yaml: str) -> None:
    world(tmp_path, QUAD, yaml=yaml)
    (tmp_path / "images.txt").write_text("./images/train/a.png\n", encoding="utf-8")
    sample = only(tmp_path)
    assert (sample.split, sample.images[0].path, sample.classes) == ("train", "images/train/a.png", ("ship",))


def test_an_absolute_path_that_is_there_is_taken(tmp_path: Path) -> None:
    world(tmp_path / "data", QUAD)
    (tmp_path / "mine").mkdir()
    yaml = tmp_path / "mine" / "dataset.yaml"
    yaml.write_text(f"path: {tmp_path / 'data'}\n{YAML}", encoding="utf-8")
    assert only(yaml).images[0].path == "../data/images/train/a.png"


def test_one_image_in_two_splits_is_one_scene(tmp_path: Path) -> None:
    samples, _ = read_all(CONVERTER, world(tmp_path, QUAD, yaml=f"{YAML}val: images/train\n"))
    assert [(s.id, s.scene) for s in samples] == [
        ("yolo_obb/train/a", "yolo_obb/images/train/a"),
        ("yolo_obb/val/a", "yolo_obb/images/train/a"),
    ]


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("names: [ship]\n", "expected train, val or test"),
        ("train: images/train\nnames: 3\n", "expected names as a list"),
        ("train: images/train\nnames: {ship: 0}\n", "expected names as a list"),
        ("train: 3\nnames: [ship]\n", "expected train as a folder"),
        ("train: images/nowhere\nnames: [ship]\n", "no folder or list 'images/nowhere'"),
        ("- names\n", "expected keys train, val and names, got list"),
        ("train: images/train\nnames: [[ship]]\n", "expected names as a list"),
        ("train: [[x]]\nnames: [ship]\n", "expected train as a folder"),
        ("path: [x]\ntrain: images/train\nnames: [ship]\n", "expected path as the name of a folder"),
        ("names: " + "[" * 3000, "lists inside lists"),
        (f"names: [ship]\ntrain: images/train\n#{'x' * 1_000_000}\nval: images/val\n", "at most 1,000,000 bytes"),
        ("names: [ship\ntrain: x\n", r"dataset\.yaml:\d: expected YAML"),
        ("names: !!python/object/apply:os.mkdir [evil]\n", "expected YAML"),
    ],
)
def test_a_bad_yaml_is_one_line(tmp_path: Path, yaml: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said) as caught:
        list(CONVERTER.find(world(tmp_path, QUAD, yaml=yaml)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "evil").exists()


def test_two_yamls_are_asked_about(tmp_path: Path) -> None:
    world(tmp_path, QUAD)
    shutil.copy(tmp_path / "dataset.yaml", tmp_path / "other.yml")
    with pytest.raises(UsageError, match=r"exactly one YAML with names .*dataset\.yaml, .*other\.yml; give the one"):
        list(CONVERTER.find(tmp_path))


def test_two_images_of_one_label_are_one_line(tmp_path: Path) -> None:
    world(tmp_path, QUAD)
    Image.new("RGB", (9, 9)).save(tmp_path / "images/train/a.jpg")
    with pytest.raises(UsageError, match="two images of one label"):
        list(CONVERTER.find(tmp_path))
