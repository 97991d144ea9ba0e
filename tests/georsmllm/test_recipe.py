"""Recipes: what a person mistypes comes back as one line with its place and the nearest word."""

from __future__ import annotations

from pathlib import Path

import pytest

from georsmllm.errors import UsageError
from georsmllm.recipe import Cyclic, Mix, Recipe, Source, Tiles, load

GOOD = """\
# a comment
sources:
  - dataset: dota
    path: data/DOTA
  - dataset: coco
    path: /abs/x.json
    name: vhr
    weight: 2.5
tasks: [det, count]
tiles:
  size: 512
mix:
  negatives: 0.2
"""


def written(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_with_its_defaults_and_paths_from_its_own_folder(tmp_path):
    assert load(written(tmp_path, GOOD)) == Recipe(
        sources=(
            Source(dataset="dota", path=str(tmp_path / "data/DOTA")),
            Source(dataset="coco", path="/abs/x.json", name="vhr", weight=2.5),
        ),
        tasks=("det", "count"),
        tiles=Tiles(size=512),
        mix=Mix(negatives=0.2),
    )


def test_words_and_flags_change_single_keys(tmp_path):
    recipe = load(
        written(tmp_path, GOOD), ["tiles.size=256", "cyclic.mode=none", "mix.weights={det: 0.5}"], {"seed": 7}
    )
    assert (recipe.tiles.size, recipe.cyclic, recipe.seed) == (256, Cyclic(mode="none"), 7)
    assert recipe.mix == Mix(negatives=0.2, weights={"det": 0.5})


@pytest.mark.parametrize("step", ["vhr", "1"])
def test_a_word_changes_one_source_by_its_name_or_number(tmp_path, step):
    words = [f"sources.{step}.path=/other/y.json", f"sources.{step}.weight=0.5", f"sources.{step}.splits=[train]"]
    vhr = Source(dataset="coco", path="/other/y.json", name="vhr", weight=0.5, splits=("train",))
    dota, changed = load(written(tmp_path, GOOD), words).sources
    assert (dota.path, changed) == (str(tmp_path / "data/DOTA"), vhr)


def test_a_path_in_a_word_is_relative_to_where_the_person_is(tmp_path, monkeypatch):
    path = written(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path.parent)
    assert load(path, ["sources.dota.path=here"]).sources[0].path == str(tmp_path.parent / "here")


def test_a_word_leaves_a_source_or_a_task_out(tmp_path):
    recipe = load(written(tmp_path, GOOD), ["sources.vhr=null", "tasks.count=null"])
    assert ([source.records_name for source in recipe.sources], recipe.tasks) == (["dota"], ("det",))


def test_flags_alone_make_a_recipe():
    recipe = load(None, flags={"sources": [{"dataset": "dota", "path": "d"}], "tasks": ["det"]})
    assert recipe.sources == (Source(dataset="dota", path=str(Path.cwd() / "d")),)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("tasks:", "taks:"), "recipe.yaml:9: unknown key 'taks'; did you mean tasks"),
        (("  size:", "  sice:"), "recipe.yaml:11: unknown key 'sice' in tiles; did you mean size"),
        (("    weight:", "    wieght:"), "recipe.yaml:8: unknown key 'wieght' in sources.1; did you mean weight"),
        (("  negatives: 0.2", "  negatives: few"), "recipe.yaml:13: Expected a number, got text at mix.negatives"),
        (("  size: 512", "  size: 1.5"), "recipe.yaml:11: Expected a whole number, got a number at tiles.size"),
        (("    path: data/DOTA\n", ""), "recipe.yaml:3: missing required field `path` at sources.0"),
        (("tasks: [det, count]", "tasks: []"), "a recipe needs at least one task"),
        (("name: vhr", "name: dota"), "two sources are called 'dota'"),
        (("name: vhr", "name: a/b"), "a source name is letters"),
        (("  negatives: 0.2", "  negatives: 2"), "recipe.yaml:13: Expected a number <= 1.0 at mix.negatives"),
        (
            ("  negatives: 0.2", "  weights: {cout: 2}"),
            "'cout' is named in templates or mix but is not among the tasks",
        ),
        (("  negatives: 0.2", "  temperature: 0.5"), "recipe.yaml:13: Expected a number >= 1.0 at mix.temperature"),
        (("weight: 2.5", "weight: -1"), "recipe.yaml:8: Expected a number >= 0.0 at sources.1.weight"),
        (("tasks:", "split: {ratios: {train: 0.5}}\ntasks:"), "split ratios must add up to 1"),
        (
            ("tasks:", "split: {by: officiel}\ntasks:"),
            "Invalid enum value 'officiel'; it is one of auto, scene, official at split.by",
        ),
        (("tasks:", "cyclic: full\ntasks:"), "recipe.yaml:9: Expected a group of keys, got text at cyclic"),
        (("tasks:", "shard_rows: 0\ntasks:"), "Expected a whole number >= 1 at shard_rows"),
        (("tasks:", "limits: {max_object: 3}\ntasks:"), "unknown key 'max_object' in limits; did you mean max_objects"),
        (("tasks:", "stretch: {kindd: auto}\ntasks:"), "unknown key 'kindd' in stretch; did you mean kind"),
        (("tasks: [det, count]", "tasks: [det, det]"), "the task 'det' is named twice"),
        (("mix:", "tiles: {size: 8}\nmix:"), "recipe.yaml:12: the key 'tiles' stands there a second time"),
        (("tasks:", "split: {ratios: {../x: 1.0}}\ntasks:"), "matching regex"),
        (("name: vhr", "name: .."), "a source name is letters"),
        (
            ("    weight:", "    limit: 0\n    weight:"),
            "recipe.yaml:8: Expected a whole number >= 1 at sources.1.limit",
        ),
        (("tasks: [", "tasks: [["), "recipe.yaml: not YAML"),
        ((GOOD, "just words"), "expected keys like `sources:`"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, change, line):
    with pytest.raises(UsageError) as wrong:
        load(written(tmp_path, GOOD.replace(*change)))
    assert line in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("sources.vhrr.path=x", "there is no 'vhrr'; did you mean vhr"),
        ("sources.2.path=x", "there is no '2'; there are: dota, vhr"),
        ("tasks.seg=null", "there is no 'seg'"),
        ("seed", "expected key=value"),
        ("seed.x=1", "Expected a whole number"),
        ("a.b=[", "not YAML"),
    ],
)
def test_a_mistyped_word_is_one_line(tmp_path, word, line):
    with pytest.raises(UsageError, match=line):
        load(written(tmp_path, GOOD), [word])


def test_a_missing_recipe_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="no such recipe"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="expected a YAML text file"):
        load(tmp_path)


@pytest.mark.parametrize("number", ["2e-1", "0.2", "2E-1", "+2.e-1", "20.0e-2"])
def test_a_number_is_one_in_every_spelling(tmp_path, number):
    written = tmp_path / "recipe.yaml"
    written.write_text(GOOD)
    assert load(written, [f"mix.negatives={number}"]).mix.negatives == 0.2
    written.write_text(f"{GOOD}\nsplit: {{ratios: {{train: 8e-1, val: {number}}}}}\n")
    assert load(written).split.ratios == {"train": 0.8, "val": 0.2}
