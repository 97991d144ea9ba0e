"""Law 5: no order of work changes a byte. Law 6: nothing vanishes. Law 7: no scene, pixels or looks on two sides."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.instruct_data import parts
from georsmllm.instruct_data.build import build, silent
from georsmllm.instruct_data.mixture import mix
from georsmllm.jsonl import read_lines
from georsmllm.layout import Quarantined
from georsmllm.recipe import Mix, Recipe, Source, Split, Tiles
from georsmllm.types import Message, Provenance, Record, ViewFacts

DATA = Path(__file__).parent.parent / "data"
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def worlds() -> Recipe:
    names = ("coco", "dota", "levir_cd", "loveda", "scene_folder")
    return Recipe(
        sources=tuple(Source(dataset=name, path=str(DATA / name / "world")) for name in names),
        tasks=("change", "cls", "count", "det", "region", "seg", "tags"),
        tiles=Tiles(size=64),
        max_bad_share=0.9,
    )


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    """The bytes of a build by one worker, chunk after chunk, with chunks of two refs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "CHUNK", 2)
        build(worlds(), tmp_path_factory.mktemp("in_order") / "set")
        return tree(tmp_path_factory.getbasetemp() / "in_order0" / "set")


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(random=st.randoms(use_true_random=False), killed=st.integers(0, 4))
def test_law_5_chunks_made_in_any_order_and_twice_give_the_same_bytes(in_order, random, killed):
    """The work of N workers is some interleaving of the chunks; a killed run makes some of them twice."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "CHUNK", 2)

        def shuffled(work, jobs, workers):
            waiting = list(jobs)
            random.shuffle(waiting)
            for job in waiting[:killed]:
                work(job)
                parts._part_path(job.state, worlds().sources[job.source].records_name, job.number).unlink()
            return map(work, waiting)

        patch.setattr(parts, "_ordered", shuffled)
        build(worlds(), Path(folder) / "set")
        assert tree(Path(folder) / "set") == in_order


numbers = st.one_of(
    st.integers(-5, 70).map(str), st.floats(0, 64).map(lambda f: f"{f:.1f}"), st.sampled_from(["nan", "x", ""])
)
rows = st.one_of(
    st.tuples(*[st.integers(0, 64)] * 8, st.sampled_from(["ship", "plane", "small-vehicle"]), st.integers(0, 2)).map(
        lambda row: " ".join(map(str, row))
    ),
    st.lists(numbers, max_size=11).map(" ".join),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20),
)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(files=st.lists(st.lists(rows, max_size=6), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_law_6_whatever_the_labels_say_every_record_is_counted_once(files, seed):
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        picture = DATA / "dota" / "world" / "train" / "images" / "P0001.png"
        for name in ("images", "labelTxt"):
            (base / "dota" / "train" / name).mkdir(parents=True)
        files = [*files, ["10 10 30 10 30 30 10 30 ship 0"]]  # so that there is a set at all
        for number, lines in enumerate(files):
            shutil.copy(picture, base / "dota" / "train" / "images" / f"P{number}.png")
            (base / "dota" / "train" / "labelTxt" / f"P{number}.txt").write_text("\n".join(lines), encoding="utf-8")
        recipe = Recipe(
            sources=(Source(dataset="dota", path=str(base / "dota")),),
            tasks=("count", "det", "region"),
            max_bad_share=1.0,
            seed=seed,
        )
        outcome = build(recipe, base / "set")
        counts = outcome.stats.sources["dota"]
        bad = list(read_lines(base / "set" / "quarantine.jsonl", Quarantined))
        assert counts.found == len(files) == counts.kept + len(bad)
        assert counts.targets == counts.asked + sum(counts.ignored.values())
        written = [r for path in (base / "set" / "records").iterdir() for r in read_lines(path, Record)]
        assert outcome.stats.made == len(written) + sum(outcome.stats.dropped.values())
        read = {bad_one.key for bad_one in bad} | {record.provenance.sample.removeprefix("dota/") for record in written}
        assert len(read) <= len(files)


names = st.integers(0, 6).map(str)
splits = st.sampled_from(["train", "val", "test", "", "test-dev", "train2017", " Val"])


@settings(max_examples=80, deadline=None)
@given(
    made=st.lists(st.tuples(names, names, splits, st.booleans(), st.integers(0, 9)), max_size=25),
    by=st.sampled_from(["scene", "official", "auto"]),
    seed=st.integers(0, 99),
)
def test_law_7_no_scene_no_pixels_and_no_looks_on_two_sides(made, by, seed):
    recipe = Recipe(
        sources=(Source(dataset="d", path="p"),),
        tasks=("det",),
        mix=Mix(negatives=1.0),
        split=Split(by=by, ratios={"train": 0.4, "val": 0.3, "test": 0.3}),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.jsonl"
        lines = [record(i, *one) for i, one in enumerate(made)]
        part.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        result = mix(recipe, [part], Path(folder), Path(folder) / "out", bar=silent)
        sides: dict[str, set[str]] = defaultdict(set)
        for shard in result.shards:
            for line in read_lines(Path(folder) / "out" / shard.path, Record):
                sides[f"scene {line.provenance.scene}"].add(shard.split)
                view = line.provenance.views[0]
                if view.content:
                    sides[f"pixels {view.content}"].add(shard.split)
                if view.looks:
                    sides[f"looks {view.looks}"].add(shard.split)
        assert all(len(found) == 1 for found in sides.values())
        assert result.written + sum(result.dropped.values()) == len(made)
        assert by != "scene" or set(result.dropped) <= {"looks_like_evaluation"}


def record(number: int, scene: str, content: str, split: str, blank: bool, looks: int) -> Record:
    said = hashlib.sha256(f"{looks}".encode()).hexdigest()[:32] if looks else ""
    view = ViewFacts("a.png", 9, 9, (), (), "", "" if blank else f"pixels{content}", said)
    origin = Provenance(
        dataset="d", source_split=split, scene=scene, sample=f"v{number}", form="all", labels=("ship",), negative=False,
        direction="", twin_of="", views=(view,), stretch="", licence="", mended=(), dialect="georsmllm",
    )  # fmt: skip
    return Record(f"r{number}", (f"images/{number}.png",), (Message("user", "?"),), "det", (), "none", origin)


def test_the_python_that_runs_this_hashes_strings_anew_each_time():
    """Law 5 is only worth something while PYTHONHASHSEED is not pinned."""
    assert sys.flags.hash_randomization == 1
