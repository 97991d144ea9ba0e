"""Building a set from the fixture worlds: laws 5, 6 and 7, resuming, refusing, and what a full disk leaves behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
import yaml
from PIL import Image
from worlds import recipe, tree

from georsmllm.errors import BadRecord, UsageError
from georsmllm.instruct_data.build import build
from georsmllm.jsonl import read_lines
from georsmllm.layout import Quarantined
from georsmllm.recipe import Cyclic, Recipe, Split
from georsmllm.types import Record


def records(out: Path) -> list[Record]:
    return [record for path in sorted((out / "records").iterdir()) for record in read_lines(path, Record)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A set of all worlds, built by one process."""
    out = tmp_path_factory.mktemp("whole") / "set"
    return out, build(recipe(), out)


def test_law_5_any_number_of_workers_writes_the_same_bytes(whole, tmp_path):
    out, _ = whole
    build(recipe(), tmp_path / "two", workers=2)
    assert tree(tmp_path / "two") == tree(out)


def test_another_seed_writes_other_bytes(whole, tmp_path):
    out, _ = whole
    build(recipe(seed=1), tmp_path / "other")
    assert tree(tmp_path / "other")["records/train-00000.jsonl"] != tree(out)["records/train-00000.jsonl"]


def test_law_6_nothing_vanishes(whole):
    out, outcome = whole
    stats = outcome.stats
    for source in stats.sources.values():
        assert source.found == source.kept + sum(source.quarantined.values())
        assert source.targets == source.asked + sum(source.ignored.values())
    assert stats.made == stats.written - stats.repeated + sum(stats.dropped.values())
    assert stats.written == len(records(out)) == sum(shard.rows for shard in outcome.manifest.shards)
    assert sum(sum(source.quarantined.values()) for source in stats.sources.values()) == len(
        list(read_lines(out / "quarantine.jsonl", Quarantined))
    )


def test_every_world_has_its_broken_record_in_quarantine_with_a_place_and_a_reason(whole):
    out, _ = whole
    bad = list(read_lines(out / "quarantine.jsonl", Quarantined))
    assert {entry.source for entry in bad} == {"coco", "dota", "levir_cd", "loveda", "scene_folder"}
    assert all(entry.where and entry.reason and entry.message for entry in bad)


def test_law_7_no_scene_and_no_pixels_on_two_sides(whole):
    out, _ = whole
    sides: dict[str, set[str]] = defaultdict(set)
    for path in sorted((out / "records").iterdir()):
        for record in read_lines(path, Record):
            sides[record.provenance.scene].add(path.name.split("-")[0])
            for view in record.provenance.views:
                if view.content:
                    sides[view.content].add(path.name.split("-")[0])
    assert sides
    assert all(len(splits) == 1 for splits in sides.values())


def test_law_7_the_same_pixels_under_two_names_share_a_side(tmp_path):
    world = tmp_path / "scenes"
    for number in range(6):
        (world / "train" / "river").mkdir(parents=True, exist_ok=True)
        for name in (f"a{number}.png", f"b{number}.png"):
            colour = (number * 40, 10, 200)
            picture = Image.new("RGB", (32, 32), colour)
            picture.putpixel((number, 3), (255, 255, 255))
            picture.save(world / "train" / "river" / name)
    (world / "train" / "lake").mkdir()
    shutil.copy(world / "train" / "river" / "a0.png", world / "train" / "lake" / "c.png")
    sides: dict[tuple[int, str], set[str]] = defaultdict(set)
    splits = set()
    for seed in range(4):
        rules = recipe(
            "scene_folder", seed=seed, tasks=("cls",), split=Split(by="scene", ratios={"train": 0.5, "val": 0.5})
        )
        rules = msgspec.structs.replace(rules, sources=(source(world),))
        build(rules, tmp_path / str(seed))
        for path in (tmp_path / str(seed) / "records").iterdir():
            for record in read_lines(path, Record):
                sides[seed, record.provenance.views[0].content].add(path.name.split("-")[0])
                splits.add(path.name.split("-")[0])
    assert splits == {"train", "val"}
    assert len(sides) == 4 * 6
    assert all(len(found) == 1 for found in sides.values())


def test_every_task_is_asked_and_every_image_is_there_and_used(whole):
    out, _ = whole
    made = records(out)
    assert {record.task for record in made} == {"change", "cls", "count", "det", "refer", "region", "seg", "tags"}
    shown = {path for record in made for path in record.images}
    there = {p.relative_to(out).as_posix() for p in (out / "images").rglob("*") if p.is_file()}
    assert shown == there


def test_ids_are_unique_and_a_view_and_class_has_one_direction(whole):
    out, _ = whole
    made = records(out)
    assert len({record.id for record in made}) == len(made)
    directions = defaultdict(set)
    for record in made:
        for label in record.provenance.labels:
            if record.provenance.direction:
                directions[record.provenance.sample, label].add(record.provenance.direction)
    assert all(len(found) == 1 for found in directions.values())
    assert {next(iter(found)) for found in directions.values()} == {"forward", "reverse"}


def test_the_control_mixture_has_as_many_records(whole, tmp_path):
    _, outcome = whole
    control = build(recipe(cyclic=Cyclic(mode="control")), tmp_path / "set")
    assert control.stats.written == outcome.stats.written
    none = build(recipe(cyclic=Cyclic(mode="none")), tmp_path / "none")
    assert none.stats.written < outcome.stats.written


def test_official_splits_are_kept(tmp_path):
    build(recipe("levir_cd", split=Split(by="official")), tmp_path / "set")
    for path in (tmp_path / "set" / "records").iterdir():
        assert {r.provenance.source_split for r in read_lines(path, Record)} == {path.name.split("-")[0]}


def test_building_twice_keeps_what_is_there_and_another_recipe_is_refused(tmp_path):
    out = tmp_path / "set"
    build(recipe("dota"), out)
    before = tree(out)
    assert build(recipe("dota"), out).already_there
    assert tree(out) == before
    with pytest.raises(UsageError, match=r"seed differ.*--overwrite"):
        build(recipe("dota", seed=5), out)
    assert not build(recipe("dota", seed=5), out, overwrite=True).already_there


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        build(recipe("dota"), tmp_path)
    with pytest.raises(UsageError, match="no set of ours"):
        build(recipe("dota"), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_strict_stops_at_the_first_bad_record_whatever_the_number_of_workers(tmp_path):
    for workers in (1, 2):
        with pytest.raises(BadRecord) as bad:
            build(recipe("dota", policy="strict"), tmp_path / f"w{workers}", workers=workers)
        assert bad.value.where


def test_too_many_bad_records_end_the_build_with_the_reason_and_the_way_out(tmp_path):
    with pytest.raises(UsageError, match=r"records of dota cannot be read \(most: .*georsmllm check dota="):
        build(recipe("dota", max_bad_share=0.0), tmp_path / "set")


def test_a_source_without_records_says_which_layout_it_expects(tmp_path):
    (tmp_path / "empty" / "images").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"georsmllm datasets scene_folder|expected"):
        build(msgspec.structs.replace(recipe("scene_folder"), sources=(source(tmp_path / "empty"),)), tmp_path / "set")


def source(path: Path):
    from georsmllm.recipe import Source

    return Source(dataset="scene_folder", path=str(path))


def written(tmp_path: Path, rules: Recipe) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(msgspec.to_builtins(rules)))
    return path


def start(recipe_path: Path, out: Path, **kwargs: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "georsmllm.scripts.cli", "build", str(recipe_path), "--out", str(out), "-w", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def test_a_killed_build_goes_on_and_ends_in_the_same_bytes(whole, tmp_path):
    out, killed = tmp_path / "set", 0
    path = written(tmp_path, recipe())
    for parts_before_the_kill in (1, 3):
        process = start(path, out)
        while process.poll() is None and len(list((out / ".state" / "parts").glob("*.jsonl"))) < parts_before_the_kill:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        assert killed == 0 or not (out / "manifest.json").exists() or process.returncode == 0
    assert killed
    process = start(path, out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert tree(out) == tree(whole[0])


def test_a_full_disk_is_one_line_and_leaves_nothing_that_looks_whole(tmp_path):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    out = tmp_path / "set"
    process = start(written(tmp_path, recipe()), out, preexec_fn=small_files)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "no space left while writing" in errors
    assert not (out / "manifest.json").exists()
    assert not list(out.rglob("*.part"))
    process = start(tmp_path / "recipe.yaml", out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def test_load_dataset_opens_a_set_as_it_lies(whole, tmp_path):
    out, outcome = whole
    code = (
        "import sys, datasets; d = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]);"
        "print({k: len(v) for k, v in d.items()}, d['train'][0]['messages'][0]['role'], d['train'].features['gold'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(out), str(tmp_path)],
        capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    for split, tasks in outcome.stats.by_task.items():
        assert f"'{split}': {sum(tasks.values())}" in ran.stdout
