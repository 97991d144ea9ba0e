"""`georsmllm overlap` finds what two sets or datasets share by scene, by pixels and by looks, and fails on a leak if asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hand_made_set import record, write_set
from numpy.typing import NDArray
from PIL import Image

from georsmllm.discover import converter, converter_names
from georsmllm.errors import UsageError
from georsmllm.imagery import imageries, scene_of
from georsmllm.instruct_data.build import build
from georsmllm.recipe import Recipe, Source, Split
from georsmllm.scripts.overlap import command

READER = """
from pathlib import Path

from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord
from georsmllm.types import ImageRef, Sample

def find(root):
    for path in sorted(root.rglob("*.png")):
        key = path.relative_to(root).as_posix()
        yield Ref(key, key.split("/")[0], (key,))

def read(root, ref):
    name = Path(ref.key).stem
    if name == "broken":
        raise BadRecord("broken", "as its name says", where=ref.key)
    return Sample(f"mine/{ref.key}", "mine", ref.split, f"mine/{name}", (ImageRef(ref.key, 96, 80),))

CONVERTER = Converter(Card("mine", "", "", "", "", "", ""), find, read, {"broken": ""}, generic=GENERIC)
"""
Rgb = NDArray[np.uint8]


def scene(seed: int) -> Rgb:
    patches = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def turned(rgb: Rgb) -> Rgb:
    return np.clip(np.rot90(rgb).astype(int) + 5, 0, 255).astype(np.uint8)


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., str]:
    """Writes images as a dataset of the reader above and says how to name it on the command line."""

    def write(name: str, *, generic: bool = False, **images: Rgb) -> str:
        reader = tmp_path / f"mine_{generic}.py"
        reader.write_text(READER.replace("GENERIC", str(generic)))
        for key, rgb in images.items():
            split, _, stem = key.partition("_")
            path = tmp_path / name / split / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb).save(path)
        return f"{reader}={tmp_path / name}"

    return write


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def meetings(*words: str | Path) -> list[dict[str, object]]:
    result = run(*words, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)["meetings"]
    assert isinstance(found, list)
    return found


def test_what_shares_nothing_does_not_meet(dataset: Callable[..., str]) -> None:
    a, b = dataset("a", train_x=scene(1)), dataset("b", test_y=scene(2))
    result = run(a, b, "--fail")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "nothing is shared")
    assert meetings(a, b) == []


@pytest.mark.parametrize(
    ("theirs", "by"),
    [
        ({"test_y": scene(1)}, {"scenes": 0, "pixels": 1, "looks": 1}),
        ({"test_y": turned(scene(1))}, {"scenes": 0, "pixels": 0, "looks": 1}),
        ({"test_x": scene(9)}, {"scenes": 1, "pixels": 0, "looks": 0}),
        ({"test_x": scene(1), "test_z": scene(8)}, {"scenes": 1, "pixels": 1, "looks": 1}),
    ],
)
def test_images_meet_by_scene_by_pixels_and_by_looks(
    dataset: Callable[..., str], theirs: dict[str, Rgb], by: dict[str, int]
) -> None:
    a, b = dataset("a", train_x=scene(1), train_w=scene(7)), dataset("b", **theirs)
    (found,) = meetings(a, b)
    assert {name: found[name] for name in by} == by
    assert (found["a_split"], found["b_split"], found["leaks"]) == ("train", "test", True)
    assert (found["a_images"], found["b_images"]) == (1, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "leaks"),
    [("train", "test", True), ("val", "train", True), ("part1", "test", True), ("train", "train", False),
     ("val", "test", False)],
)  # fmt: skip
def test_only_training_that_meets_evaluation_leaks(
    dataset: Callable[..., str], ours: str, theirs: str, leaks: bool
) -> None:
    a, b = dataset("a", **{f"{ours}_x": scene(1)}), dataset("b", **{f"{theirs}_y": scene(1)})
    assert run(a, b).exit_code == 0
    result = run(a, b, "--fail")
    assert result.exit_code == int(leaks)
    assert any(line.startswith(f"LEAK  A {ours} x B {theirs}: 1 of 1 ") for line in result.stdout.splitlines()) is leaks


def test_examples_name_a_pair_once_by_its_surest_sign(dataset: Callable[..., str]) -> None:
    a = dataset("a", train_x=scene(1), train_y=scene(2), train_z=scene(3))
    b = dataset("b", test_q=scene(2), test_x=turned(scene(1)), test_z=scene(4))
    lines = [line.strip() for line in run(a, b).stdout.splitlines() if line.startswith("  ")]
    assert sorted(lines) == [
        "mine/train/x.png and mine/test/x.png: look alike",
        "mine/train/y.png and mine/test/q.png: the same pixels",
        "mine/train/z.png and mine/test/z.png: the same scene, mine/z",
    ]
    assert "the same pixels" in lines[0]
    assert sum(line.startswith("  ") for line in run(a, b, "--examples", "1").stdout.splitlines()) == 1


def test_a_dataset_with_itself_tells_of_its_own_splits(dataset: Callable[..., str]) -> None:
    a = dataset("a", train_x=scene(1), train_y=scene(2), val_q=scene(3), test_x=scene(4), test_z=turned(scene(2)))
    (found,) = meetings(a, a)
    assert (found["a_split"], found["b_split"], found["a_images"], found["b_images"]) == ("train", "test", 2, 2)
    assert run(a, a, "--fail").exit_code == 1


def test_scene_names_of_a_generic_reader_mean_nothing_beside_it(dataset: Callable[..., str]) -> None:
    a, b = dataset("a", generic=True, train_x=scene(1)), dataset("b", generic=True, test_x=scene(2))
    assert meetings(a, b) == []
    named = [word.replace(".py=", ".py:ports=") for word in (a, b)]
    assert [found["scenes"] for found in meetings(*named)] == [1]


def test_unread_records_are_counted_and_a_limit_is_kept(dataset: Callable[..., str]) -> None:
    a = dataset("a", train_a=scene(1), train_broken=scene(2), train_c=scene(3))
    b = dataset("b", test_c=scene(3))
    assert "images train 2; unread: broken 1" in run(a, b).stdout
    assert meetings(a, b, "--limit", "1") == []
    assert "images train 1\n" in run(a, b, "--limit", "1").stdout


def test_a_built_set_meets_the_dataset_that_it_is_made_of(data: Path, tmp_path: Path) -> None:
    world = data / "dota" / "world"
    split = Split(by="scene", ratios={"train": 1.0})
    recipe = Recipe(sources=(Source(dataset="dota", path=str(world)),), tasks=("det", "region"), split=split)
    build(recipe, tmp_path / "set")
    found = {(one["a_split"], one["b_split"]): one for one in meetings(tmp_path / "set", f"dota={world}")}
    assert found["train", "val"]["leaks"] is True
    for one in found.values():
        assert one["scenes"] == one["a_images"] == one["b_images"]
    assert meetings(tmp_path / "set", tmp_path / "set") == []


def test_a_set_whose_splits_share_a_scene_leaks_into_itself(tmp_path: Path) -> None:
    lines = {"train": (record("det", "Where?", "none"),), "val": (record("seg", "Where?", "none"),)}
    result = run(write_set(tmp_path, lines), tmp_path, "--fail")
    assert result.exit_code == 1
    assert "LEAK  A train x B val: 1 of 1 images meet 1 of 1 (scenes 1, same pixels 1, look alike 0)" in result.stdout


def test_datasets_of_one_imagery_are_named_even_where_they_do_not_meet(data: Path) -> None:
    text = run(f"vrsbench={data / 'vrsbench' / 'world'}", f"isaid={data / 'isaid' / 'world'}").stdout
    assert "imagery of both: DOTA" in text
    assert "imagery of both: DIOR" not in text
    assert "\n  isaid: P0706.png is the DOTA v1.0 image" in text


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("nowhere", "no such folder: nowhere"),
        ("=here", "expected the folder of a set, or READER=PATH"),
        ("dotta=here", "no converter is called 'dotta'; did you mean dota"),
        ("dota=nowhere", "nowhere"),
    ],
)
def test_wrong_input_is_one_line(dataset: Callable[..., str], word: str, line: str) -> None:
    result = run(dataset("a", train_x=scene(1)), word)
    assert isinstance(result.exception, UsageError)
    assert line in str(result.exception)
    assert "\n" not in str(result.exception)


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_of_imagery_is_sorted_and_its_scenes_are_named_as_readers_name_them() -> None:
    for one in imageries():
        assert list(one.datasets) == sorted(one.datasets)
        assert len(one.datasets) > 1
        assert not one.scene or scene_of(one.scene.partition("/")[2]) == one.scene
    assert [one.scene for one in imageries() if one.scene] == ["dota/P0706", "dior/00001"]


USES = re.compile(r'imagery import scene_of|f"(?:dota|dior)/')


def test_every_reader_that_names_dota_or_dior_scenes_is_in_the_table() -> None:
    folder = Path(__file__).parents[2] / "converters"
    own = [name for name in converter_names() if not converter(name).generic]
    users = {name for name in own if USES.search((folder / f"{name}.py").read_text(encoding="utf-8"))}
    assert {"dota", "dior", "vrsbench"} <= users <= {name for one in imageries() for name in one.datasets}
