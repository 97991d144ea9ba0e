"""The mixture on hand-made parts: directions, weights, caps, negatives, splits; every record left out by name."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from georsmllm.errors import UsageError
from georsmllm.instruct_data.build import silent
from georsmllm.instruct_data.mixture import Mixed, mix
from georsmllm.recipe import Cyclic, Mix, Recipe, Source, Split
from georsmllm.types import UNNAMED, Message, Provenance, Record, ViewFacts


def record(identity: str, *, task: str = "det", view: str = "d/v", label: str = "ship", scene: str = "", split: str = "",
           negative: bool = False, direction: str = "", twin_of: str = "", content: str = "",
           source: str = "d") -> Record:  # fmt: skip
    origin = Provenance(
        dataset=source, source_split=split, scene=scene or view, sample=view, form="all", labels=(label,), negative=negative,
        direction=direction, twin_of=twin_of, stretch="", licence="", mended=(), dialect="georsmllm",
        views=(ViewFacts("a.png", 9, 9, (), (), "", content or view, ""),),
    )  # fmt: skip
    return Record(
        identity, (f"images/{view.replace('/./', '/')}.png",), (Message("user", identity),), task, (), "none", origin
    )


def recipe(**changes: object) -> Recipe:
    plain = Recipe(
        sources=(Source(dataset="d", path="p"),),
        tasks=("det", "count", "region"),
        mix=Mix(negatives=1.0),
        split=Split(ratios={"train": 1.0}),
    )
    return msgspec.structs.replace(plain, **changes)


def mixed(tmp_path: Path, rules: Recipe, *records: Record) -> tuple[Mixed, dict[str, list[Record]]]:
    part = tmp_path / "part.jsonl"
    part.write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in records))
    result = mix(rules, [part], tmp_path, tmp_path / "out", bar=silent)
    written = {}
    for shard in result.shards:
        lines = (tmp_path / "out" / shard.path).read_bytes().splitlines()
        assert len(lines) == shard.rows
        written.setdefault(shard.split, []).extend(msgspec.json.decode(line, type=Record) for line in lines)
    assert result.made == result.written - result.repeated + sum(result.dropped.values())
    return result, written


def ids(written: dict[str, list[Record]]) -> set[str]:
    return {r.id for records in written.values() for r in records}


def test_nothing_makes_no_shard(tmp_path):
    result, written = mixed(tmp_path, recipe())
    assert (result.shards, result.written, written) == ((), 0, {})


def test_plain_records_all_arrive_once_in_an_order_of_their_own(tmp_path):
    made = [record(f"r{i}", view=f"d/v{i}") for i in range(50)]
    _, written = mixed(tmp_path, recipe(), *made)
    assert sorted(r.id for r in written["train"]) == sorted(r.id for r in made)
    assert [r.id for r in written["train"]] != [r.id for r in made]


def test_the_order_of_the_parts_does_not_change_the_order_of_the_set(tmp_path):
    made = [record(f"r{i}", view=f"d/v{i}") for i in range(20)]
    _, forward = mixed(tmp_path, recipe(), *made)
    _, backward = mixed(tmp_path, recipe(), *made[::-1])
    assert forward == backward


def test_shards_hold_at_most_so_many_rows(tmp_path):
    result, _ = mixed(tmp_path, recipe(shard_rows=3), *(record(f"r{i}") for i in range(7)))
    assert [(s.path, s.rows) for s in result.shards] == [
        ("records/train-00000.jsonl", 3),
        ("records/train-00001.jsonl", 3),
        ("records/train-00002.jsonl", 1),
    ]


def test_a_view_and_class_is_asked_in_one_direction_only(tmp_path):
    made = []
    for i in range(60):
        view = f"d/v{i}"
        made += [
            record(f"f{i}", view=view, direction="forward"),
            record(f"b{i}", view=view, task="region", direction="reverse", twin_of=f"f{i}"),
            record(f"n{i}", view=view, task="count"),
        ]
    result, written = mixed(tmp_path, recipe(cyclic=Cyclic(share=0.4)), *made)
    kept = ids(written)
    for i in range(60):
        assert (f"f{i}" in kept) != (f"b{i}" in kept)
        assert f"n{i}" in kept
    backward = sum(f"b{i}" in kept for i in range(60))
    assert 12 <= backward <= 36
    assert result.dropped == {"other_direction": 60}


def test_a_question_about_several_classes_yields_where_one_of_them_is_asked_in_reverse(tmp_path):
    several = record("f", direction="forward")
    origin = msgspec.convert(msgspec.to_builtins(several.provenance) | {"labels": ["ship", "harbor"]}, Provenance)
    several = Record(several.id, several.images, several.messages, several.task, (), "none", origin)
    back = record("b", task="region", direction="reverse")
    result, written = mixed(tmp_path, recipe(cyclic=Cyclic(share=1.0)), several, back)
    assert ids(written) == {"b"}
    assert result.dropped == {"other_direction": 1}


def test_a_class_that_is_asked_only_in_reverse_stays(tmp_path):
    _, written = mixed(tmp_path, recipe(cyclic=Cyclic(share=0.0)), record("b", task="region", direction="reverse"))
    assert ids(written) == {"b"}


def test_the_control_has_as_many_records_and_no_turned_one(tmp_path):
    made = []
    for i in range(40):
        view = f"d/v{i}"
        made += [
            record(f"f{i}", view=view, direction="forward"),
            record(f"b{i}", view=view, task="region", direction="reverse", twin_of=f"f{i}"),
            record(f"a{i}", view=view, direction="forward", twin_of=f"f{i}"),
        ]
    full, _ = mixed(tmp_path, recipe(), *made)
    control, written = mixed(tmp_path, recipe(cyclic=Cyclic(mode="control")), *made)
    assert control.written == full.written
    assert {r.task for r in written["train"]} == {"det"}
    assert all(r.id.endswith("~control") == (r.messages[0].content != r.id) for r in written["train"])
    assert len(ids(written)) == control.written


def test_a_control_without_the_forward_record_of_a_twin_says_so(tmp_path):
    """A dialect may be too coarse for a question and not for its twin."""
    twin = record("b", task="region", direction="reverse", twin_of="f")
    result, written = mixed(tmp_path, recipe(cyclic=Cyclic(mode="control")), twin, record("other", view="d/w"))
    assert ids(written) == {"other"}
    assert result.dropped == {"no_forward": 1}


@pytest.mark.parametrize(("weight", "written", "repeated"), [(0.0, 0, 0), (1.0, 200, 0), (2.0, 400, 200)])
def test_whole_weights_keep_or_repeat(tmp_path, weight, written, repeated):
    made = [record(f"r{i}", view=f"d/v{i}") for i in range(200)]
    result, records = mixed(tmp_path, recipe(mix=Mix(weights={"det": weight}, negatives=1.0)), *made)
    assert (result.written, result.repeated, len(ids(records))) == (written, repeated, written)


def test_a_fraction_of_a_weight_keeps_about_that_share(tmp_path):
    made = [record(f"r{i}", view=f"d/v{i}") for i in range(400)]
    rules = recipe(sources=(Source(dataset="d", path="p", weight=0.5),), mix=Mix(weights={"det": 0.5}, negatives=1.0))
    result, _ = mixed(tmp_path, rules, *made)
    assert 70 <= result.written <= 130
    assert result.dropped == {"weight": 400 - result.written}


SIZES = {"large": 400, "middle": 100, "small": 25}


def sources_of(sizes: dict[str, int], split: str = "") -> list[Record]:
    return [
        record(f"{name}{split}{i}", view=f"{name}{split}/{i}", source=name, split=split)
        for name, size in sizes.items()
        for i in range(size)
    ]


def by_source(written: dict[str, list[Record]], split: str = "train") -> dict[str, int]:
    return {name: sum(r.provenance.dataset == name for r in written.get(split, ())) for name in SIZES}


SOURCES = tuple(Source(dataset="d", path="p", name=name) for name in SIZES)


@pytest.mark.parametrize(
    ("temperature", "kept"),
    [
        (1.0, {"large": 400, "middle": 100, "small": 25}),
        (2.0, {"large": 100, "middle": 50, "small": 25}),  # as the roots of their sizes: 20 to 10 to 5
        (1e9, {"large": 25, "middle": 25, "small": 25}),
    ],
)
def test_temperature_evens_sources_out_and_repeats_nothing(tmp_path, temperature, kept):
    rules = recipe(sources=SOURCES, mix=Mix(temperature=temperature, negatives=1.0))
    result, written = mixed(tmp_path, rules, *sources_of(SIZES))
    assert by_source(written) == kept
    assert (result.dropped.get("temperature", 0), result.repeated) == (525 - sum(kept.values()), 0)
    _, same = mixed(tmp_path, rules, *sources_of(SIZES)[::-1])
    assert same == written


def test_temperature_looks_at_each_split_alone_and_weights_come_after_it(tmp_path):
    made = [*sources_of(SIZES, "train"), *sources_of({"large": 64, "middle": 16}, "val")]
    rules = recipe(sources=SOURCES, mix=Mix(temperature=2.0, negatives=1.0), split=Split(by="official"))
    _, written = mixed(tmp_path, rules, *made)
    assert by_source(written, "val") == {"large": 32, "middle": 16, "small": 0}
    twice = (*SOURCES[:2], Source(dataset="d", path="p", name="small", weight=2.0))
    result, written = mixed(tmp_path, msgspec.structs.replace(rules, sources=twice), *made)
    assert by_source(written) == {"large": 100, "middle": 50, "small": 50}
    assert result.repeated == 25


def test_a_source_has_at_most_so_many_records_in_each_split(tmp_path):
    made = [*sources_of(SIZES, "train"), *sources_of({"large": 64}, "val")]
    rules = recipe(sources=SOURCES, mix=Mix(max_per_source=30, negatives=1.0), split=Split(by="official"))
    result, written = mixed(tmp_path, rules, *made)
    assert by_source(written) == {"large": 30, "middle": 30, "small": 25}
    assert by_source(written, "val")["large"] == 30
    assert result.dropped == {"max_per_source": 474}


def test_caps_keep_the_first_by_rank(tmp_path):
    made = [record(f"r{i}", view=f"d/v{i % 4}", label=f"c{i % 2}") for i in range(40)]
    result, written = mixed(tmp_path, recipe(mix=Mix(max_per_image={"det": 3}, negatives=1.0)), *made)
    assert (result.written, result.dropped) == (12, {"max_per_image": 28})
    result, _ = mixed(tmp_path, recipe(mix=Mix(max_per_class=5, negatives=1.0)), *made)
    assert result.by_class == {"train": {"c0": 5, "c1": 5}}
    result, _ = mixed(tmp_path, recipe(mix=Mix(max_per_task={"det": 7}, negatives=1.0)), *made)
    assert (result.written, result.dropped) == (7, {"max_per_task": 33})
    _, same = mixed(tmp_path, recipe(mix=Mix(max_per_image={"det": 3}, negatives=1.0)), *made[::-1])
    assert same == written


def test_caps_and_shares_count_repeated_records_and_repeats_are_spread(tmp_path):
    made = [record(f"r{i}", view=f"d/v{i}") for i in range(30)]
    capped = recipe(mix=Mix(weights={"det": 3}, max_per_task={"det": 7}, negatives=1.0))
    result, written = mixed(tmp_path, capped, *made)
    assert (result.written, result.by_class) == (7, {"train": {"ship": 7}})
    result, written = mixed(tmp_path, recipe(mix=Mix(weights={"det": 3}, negatives=1.0)), *made)
    order = [r.id.partition("~")[0] for r in written["train"]]
    assert len(order) == 90
    assert sum(a == b for a, b in pairwise(order)) < 20
    negatives = [record(f"n{i}", view=f"d/n{i}", negative=True) for i in range(30)]
    tripled = recipe(mix=Mix(weights={"det": 3}, negatives=0.2))
    result, _ = mixed(tmp_path, tripled, *made, *negatives)
    assert (result.written, result.negatives) == (112, {"train": {"det": 22}})


@pytest.mark.parametrize("split", ["dev", "part1", "?"])
def test_an_official_split_of_another_name_is_asked_about(tmp_path, split):
    with pytest.raises(UsageError, match="is none of train, val and test"):
        mixed(tmp_path, recipe(split=Split(by="official")), record("1", split=split))


def test_two_records_of_one_name_or_two_views_in_one_file_are_a_readers_fault(tmp_path):
    with pytest.raises(UsageError, match="two records are called r1"):
        mixed(tmp_path, recipe(), record("r1"), record("r1", view="d/w"))
    with pytest.raises(UsageError, match=r"two views would be written to images/d/v.png"):
        mixed(tmp_path, recipe(), record("r1", view="d/v"), record("r2", view="d/./v"))


def test_two_samples_of_one_scene_may_show_one_image_which_stays_while_one_of_them_is_kept(tmp_path):
    image = tmp_path / "out" / "images" / "d" / "v.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"pixels")
    made = [record("r1", view="d/v", scene="s", split="train"), record("r2", view="d/./v", scene="s", split="test")]
    result, written = mixed(tmp_path, recipe(split=Split(by="official")), *made)
    assert (ids(written), result.dropped, result.unused_images) == ({"r2"}, {"scene_in_evaluation_split": 1}, 0)
    assert image.exists()


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.2, 10), (0.5, 40), (1.0, 60)])
def test_negatives_are_at_most_their_share_of_a_task(tmp_path, share, kept):
    made = [record(f"p{i}", view=f"d/p{i}") for i in range(40)]
    made += [record(f"n{i}", view=f"d/n{i}", negative=True) for i in range(60)]
    result, _ = mixed(tmp_path, recipe(mix=Mix(negatives=share)), *made)
    assert result.negatives == {"train": {"det": kept}}
    assert sum(result.dropped.values()) == 60 - kept


def test_scenes_that_share_pixels_share_a_split_and_blank_images_prove_nothing(tmp_path):
    made = []
    for i in range(100):
        made.append(record(f"a{i}", view=f"a/v{i}", content=f"pixels{i}"))
        made.append(record(f"b{i}", view=f"b/v{i}", content=f"pixels{i}"))
        made.append(record(f"c{i}", view=f"c/v{i}", content=""))
    halves = Split(ratios={"train": 0.5, "val": 0.5})
    _, written = mixed(tmp_path, recipe(split=halves), *made)
    train = {r.id for r in written["train"]}
    assert all((f"a{i}" in train) == (f"b{i}" in train) for i in range(100))
    assert 70 <= len(train) <= 230


def test_official_splits_take_evaluation_scenes_out_of_training(tmp_path):
    made = [
        record("1", view="d/a", scene="d/a", split="train"),
        record("2", view="e/a", scene="d/a", split="test"),
        record("3", view="d/b", scene="d/b", split="val"),
        record("4", view="d/c", scene="d/c", split="Train", content="same"),
        record("5", view="d/d", scene="d/d", split="valid", content="same"),
        record("6", view="d/e", scene="d/e", split=""),
    ]
    result, written = mixed(tmp_path, recipe(split=Split(by="official")), *made)
    assert {split: sorted(r.id for r in records) for split, records in written.items()} == {
        "train": ["6"], "val": ["3", "5"], "test": ["2"]
    }  # fmt: skip
    assert result.dropped == {"scene_in_evaluation_split": 2}


def test_views_that_no_kept_record_shows_are_removed(tmp_path):
    images = tmp_path / "out" / "images" / "d"
    images.mkdir(parents=True)
    for name in ("v1.png", "v2.png", "taken_back.png", ".v3.png.77.part"):
        (images / name).write_bytes(b"x")
    rules = recipe(mix=Mix(negatives=0.0))
    result, _ = mixed(tmp_path, rules, record("r1", view="d/v1"), record("r2", view="d/v2", negative=True))
    assert result.unused_images == 1
    assert [p.name for p in images.iterdir()] == ["v1.png"]


def test_a_folder_of_views_that_is_left_empty_goes_too(tmp_path):
    (tmp_path / "out" / "images" / "d").mkdir(parents=True)
    (tmp_path / "out" / "images" / "d" / "v2.png").write_bytes(b"x")
    mixed(tmp_path, recipe(mix=Mix(negatives=0.0)), record("r2", view="d/v2", negative=True))
    assert not (tmp_path / "out" / "images").exists()


def test_a_scene_with_things_of_no_class_is_asked_one_way_as_a_whole(tmp_path):
    made = []
    for i in range(40):
        made += [
            record(f"f{i}", task="refer", view=f"d/v{i}", scene=f"s{i}", label=UNNAMED, direction="forward"),
            record(f"b{i}", task="region", view=f"e/v{i}", scene=f"s{i}", direction="reverse"),
        ]
    kept = ids(mixed(tmp_path, recipe(cyclic=Cyclic(share=0.5)), *made)[1])
    assert all((f"f{i}" in kept) != (f"b{i}" in kept) for i in range(40))
    assert {name[0] for name in kept} == {"f", "b"}
