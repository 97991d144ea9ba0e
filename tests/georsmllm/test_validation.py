"""A whole set has no problem; every damage is called by its one name, at its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hand_made_set import LAKE, SHIP, SIZE, gold, picture, record, records, stats, write_records, write_set, write_stats
from PIL import Image

from georsmllm import layout
from georsmllm.discover import task, task_names
from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json
from georsmllm.pointtext import encode
from georsmllm.recipe import Split
from georsmllm.types import GoldRing, Message, Record, box
from georsmllm.validation import PROBLEMS, problems, validate

TASKS = {name: task(name) for name in task_names()}


def names(folder: Path) -> list[str]:
    return [problem.name for problem in problems(folder, TASKS)]


def changed(damage: Callable[[Record], Record], *, at: int = 0) -> dict[str, tuple[Record, ...]]:
    of_split = records()
    lines = of_split["train"]
    return {**of_split, "train": (*lines[:at], damage(lines[at]), *lines[at + 1 :])}


def answered(line: Record, text: str, *, gold_text: str | None = None) -> Record:
    turns = (line.messages[0], Message("assistant", text))
    return replace(line, messages=turns, gold_text=text if gold_text is None else gold_text)


def asked(line: Record, text: str) -> Record:
    return replace(line, messages=(Message("user", text), line.messages[1]))


def test_a_whole_set_has_no_problem(tmp_path: Path) -> None:
    verdict = validate(write_set(tmp_path), TASKS)
    assert (verdict.records, verdict.pixels, verdict.problems, verdict.examples) == (7, True, {}, {})


def test_an_empty_set_has_no_problem(tmp_path: Path) -> None:
    assert validate(write_set(tmp_path, {}), TASKS).problems == {}


def moved_scene(line: Record) -> Record:
    return replace(line, provenance=replace(line.provenance, scene="toy/P2"))


REVERSED = encode((SHIP,), SIZE).replace("[(125,125),(375,208)", "[(375,208),(125,125)")
THREE = encode((box(1, 1, 4, 4), box(5, 5, 9, 9), box(11, 11, 15, 15)), SIZE)

DAMAGES: list[tuple[str, Callable[[Record], Record]]] = [
    ("repeated_id", lambda r: replace(r, id=records()["train"][1].id)),
    ("roles", lambda r: replace(r, messages=(*r.messages, Message("assistant", r.gold_text)))),
    ("image_tokens", lambda r: asked(r, r.messages[0].content.replace("<image>\n", ""))),
    ("image_tokens", lambda r: asked(r, "<image>\n" + r.messages[0].content)),
    ("image_path", lambda r: replace(r, images=("../other/A.png",))),
    ("image_missing", lambda r: replace(r, images=("images/toy/gone.jpg",))),
    ("tag", lambda r: asked(r, "<image>\nWhere are the ships?")),
    ("tag", lambda r: asked(r, "<image>\n[seg] Where are the ships?")),
    ("other_class", lambda r: asked(r, "<image>\n[det] Where are the shipyards?")),
    ("gold_text", lambda r: answered(r, r.gold_text, gold_text=r.gold_text + " ")),
    ("point_text", lambda r: asked(r, "<image>\n[det] Where are the ships beside [(1,2),(3]?")),
    ("law_1", lambda r: answered(r, ";".join(reversed(r.gold_text.split(";"))))),
    ("law_1", lambda r: asked(r, f"<image>\n[det] Where are the ships beside {REVERSED}?")),
    ("law_3", lambda r: answered(r, encode((SHIP, SHIP), SIZE))),
    ("law_7_scene", moved_scene),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damage_is_called_by_its_one_name(tmp_path: Path, name: str, damage: Callable[[Record], Record]) -> None:
    folder = write_records(write_set(tmp_path), changed(damage))
    assert set(names(folder)) == {name}


@pytest.mark.parametrize("question", ["Locate the ship.", "Ships: where?", "Are there ships?"])
def test_a_class_may_be_named_as_one_or_many(tmp_path: Path, question: str) -> None:
    assert names(write_set(tmp_path, changed(lambda r: asked(r, f"<image>\n[det] {question}")))) == []


@pytest.mark.parametrize(
    ("options", "answer", "found"),
    [
        ("beach, Storage Tank, harbor", "storage tank", []),
        ("beach, harbor", "storage tank", ["no_option"]),
        ("beach, storage tanks", "storage tank", ["no_option"]),
        ("beach, harbor", "harbor", ["other_class"]),
        ("beach, harbor", "ship", ["other_class", "no_option"]),
    ],
)
def test_a_scene_class_is_that_of_the_record_and_one_of_the_options(
    tmp_path: Path, options: str, answer: str, found: list[str]
) -> None:
    line = record("cls", f"Which of these fits: {options}?", answer, labels=("storage tank",), form="candidates")
    assert names(write_set(tmp_path, {"train": (line,)})) == found


RINGS = ((), (GoldRing("-", ((1, 1),)),), (GoldRing("+", ((1, 1), (1, 1), (1, 1))),))
ODD: tuple[Callable[[Record], Record], ...] = (
    lambda r: r,
    lambda r: about(r, labels=()),
    lambda r: about(r, labels=("a", "b")),
    lambda r: about(r, form="several"),
    lambda r: about(r, form="coarse"),
    lambda r: about(r, negative=not r.provenance.negative),
    lambda r: about(r, views=()),
    lambda r: about(replace(r, images=r.images[:1]), views=r.provenance.views[:1]),
    lambda r: about(r, views=tuple(replace(view, width=0) for view in r.provenance.views)),
    lambda r: about(r, views=tuple(replace(view, height=-1) for view in r.provenance.views)),
    lambda r: replace(r, gold=()),
    lambda r: replace(r, gold=(gold("ship", SHIP, -1),)),
    *(lambda r, rings=rings: replace(r, gold=(replace(gold("ship", SHIP), rings=rings),)) for rings in RINGS),
    lambda r: replace(r, messages=()),
    lambda r: replace(r, gold_text="7" * 5000),
    lambda r: replace(r, gold_text=""),
)


def about(line: Record, **changes: object) -> Record:
    return replace(line, provenance=replace(line.provenance, **changes))  # type: ignore[arg-type]


def test_no_record_stops_the_walk_however_odd(tmp_path: Path) -> None:
    lines = [
        replace(odd(line), task=name, id=f"{n} {name} {line.id}")
        for n, odd in enumerate(ODD)
        for line in (*records()["train"], *records()["val"])
        for name in TASKS
    ]
    verdict = validate(write_set(tmp_path, {"train": tuple(lines)}), TASKS)
    assert verdict.records == len(lines)
    assert {"gold_form", "gold_image", "law_3", "tag"} <= verdict.problems.keys()


def test_an_answer_over_the_budget_of_the_recipe_is_named(tmp_path: Path) -> None:
    golds = tuple(gold("ship", shape) for shape in (box(1, 1, 4, 4), box(5, 5, 9, 9), box(11, 11, 15, 15)))
    folder = write_set(tmp_path, changed(lambda r: replace(answered(r, THREE), gold=golds)))
    (problem,) = problems(folder, TASKS)
    assert (problem.name, problem.what) == ("over_budget", "3 objects in an answer, the recipe allows 2")


def test_gold_outside_its_view_and_its_image_are_named(tmp_path: Path) -> None:
    outside = write_set(
        tmp_path / "a", changed(lambda r: replace(r, gold=(gold("lake", box(10, 10, 30, 48.5)),)), at=2)
    )
    assert "gold_outside" in names(outside)
    nowhere = write_set(tmp_path / "b", changed(lambda r: replace(r, gold=(gold("ship", SHIP, 1), r.gold[1]))))
    assert names(nowhere) == ["gold_image"]


def test_an_unknown_task_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"train": (record("odd", "Why?", "Because."),)})
    assert names(folder) == ["unknown_task"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"task":"det"', b'"task":7', r"Expected `str`, got `int` - at `\$\.task`"),
        (b'"task":"det",', b"", "missing required field `task`"),
        (b'"task":"det"', b'"task":"det","extra":1', "unknown field `extra`"),
        (b'"form":"all"', b'"form":"all","extra":1', r"unknown field `extra` - at `\$\.provenance`"),
        (b'"role":"user"', b'"role":"human"', "Invalid enum value 'human'"),
        (b"}\n", b"\n", "Input data was truncated"),
        (b"toy", b"\xff\xfe", "'utf-8' codec"),
    ],
)
def test_a_line_that_is_no_record_is_named_with_its_path(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    folder = write_set(tmp_path)
    shard = folder / "records/train-00000.jsonl"
    shard.write_bytes(shard.read_bytes().replace(old, new, 1))
    found = [problem for problem in problems(folder, TASKS) if problem.name == "schema"]
    assert [problem.where for problem in found] == ["records/train-00000.jsonl:1"]
    assert re.search(message, found[0].what)
    assert set(names(folder)) == {"schema", "shard_hash", "law_6"}


def test_shards_that_are_not_those_of_the_manifest_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    train, val = folder / "records/train-00000.jsonl", folder / "records/val-00000.jsonl"
    whole = val.read_bytes()
    val.write_bytes(whole.replace(b"How many", b"How  many"))
    assert names(folder) == ["shard_hash"]
    val.write_bytes(b"")
    assert names(folder) == ["shard_rows", "shard_hash", "law_6"]
    val.unlink()
    assert names(folder) == ["shard_missing", "law_6"]
    val.write_bytes(whole)
    train.with_name("test-00000.jsonl").write_bytes(whole)
    assert names(folder) == ["shard_unlisted"]


def test_images_that_are_wrong_are_named_for_each_record_that_shows_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    picture = folder / "images/toy/P2.png"
    Image.new("RGB", (10, 10)).save(picture)
    (problem,) = problems(folder, TASKS)
    assert (problem.name, problem.where) == ("image_size", "records/val-00000.jsonl:1")
    assert problem.what == "images/toy/P2.png: 10x10 pixels, its view says 64x48"
    picture.write_bytes(b"no image")
    assert names(folder) == ["image_unreadable"]
    picture.unlink()
    assert names(folder) == ["image_missing"]
    (folder / "images/toy/P1.png").unlink()
    assert names(folder) == ["image_missing"] * 6


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("made", 8, "made = sum over sources: 8 is not 7"),
        ("written", 6, "written = rows of all shards: 6 is not 7"),
        ("dropped", {"weight": 1}, "made = written - repeated + dropped: 7 is not 8"),
        ("by_task", {"train": {"det": 2}}, "train: seg records = lines: 0 is not 1"),
    ],
)
def test_counts_that_do_not_add_up_are_named(tmp_path: Path, key: str, value: object, what: str) -> None:
    folder = write_set(tmp_path)
    write_stats(folder, msgspec.structs.replace(stats(records()), **{key: value}))
    found = list(problems(folder, TASKS))
    assert {problem.name for problem in found} == {"law_6"}
    assert what in {problem.what for problem in found}


def test_samples_and_targets_of_a_source_are_all_accounted_for(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    counts = stats(records())
    source = msgspec.structs.replace(counts.sources["toy"], quarantined={}, ignored={"difficult": 1})
    write_stats(folder, msgspec.structs.replace(counts, sources={"toy": source}))
    assert [problem.what for problem in problems(folder, TASKS)] == [
        "toy: found = kept + quarantined: 4 is not 3",
        "toy: targets = asked + ignored: 6 is not 5",
    ]


def test_one_image_by_its_pixels_in_two_splits_is_named(tmp_path: Path) -> None:
    twin = records()["val"][0].provenance.views

    def same_pixels(line: Record) -> Record:
        return replace(line, provenance=replace(line.provenance, views=twin)) if "P1.png" in line.images[0] else line

    folder = write_set(tmp_path, {**records(), "train": tuple(map(same_pixels, records()["train"]))})
    picture("images/toy/P2.png").save(folder / "images/toy/P1.png")
    assert names(folder) == ["law_7_content"]


LOOKS, NEAR, FAR = f"{0xFFF:032x}", f"{0xFFF0:032x}", f"{0xFFF0000:032x}"  # 8 and 24 bits away


def looking(train: str, val: str) -> dict[str, tuple[Record, ...]]:
    """The set with these looks of all images of a split."""

    def with_looks(line: Record, looks: str) -> Record:
        views = tuple(replace(view, looks=looks) for view in line.provenance.views)
        return replace(line, provenance=replace(line.provenance, views=views))

    said = {"train": train, "val": val}
    return {split: tuple(with_looks(line, said[split]) for line in lines) for split, lines in records().items()}


@pytest.mark.parametrize(
    ("train", "val", "found"),
    [
        (LOOKS, LOOKS, ["law_7_looks"]),
        (LOOKS, NEAR, ["law_7_looks"]),
        (LOOKS, FAR, []),
        (LOOKS, "", []),
        ("", "ship", ["looks_form"]),
    ],
)
def test_images_that_look_alike_in_two_splits_are_named(tmp_path: Path, train: str, val: str, found: list[str]) -> None:
    assert names(write_set(tmp_path, looking(train, val))) == found


def test_looks_are_no_matter_where_the_recipe_says_so(tmp_path: Path) -> None:
    folder = write_set(tmp_path, looking(LOOKS, NEAR))
    told = layout.manifest(folder)
    recipe = msgspec.structs.replace(told.recipe, split=Split(look_alikes=False))
    write_json(folder / "manifest.json", msgspec.structs.replace(told, recipe=recipe))
    assert names(folder) == []


def test_pixels_that_are_cut_short_or_not_those_of_the_source_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    file = folder / "images/toy/P2.png"
    picture("another").save(file)
    (problem,) = problems(folder, TASKS)
    assert (problem.name, problem.where) == ("image_content", "records/val-00000.jsonl:1")
    Image.new("RGB", SIZE).save(file)
    assert names(folder) == ["image_content"]
    Image.effect_noise(SIZE, 90).convert("RGB").save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert names(folder) == ["image_unreadable"]
    verdict = validate(folder, TASKS, pixels=False)
    assert (verdict.pixels, verdict.problems) == (False, {})


def test_a_part_of_a_source_has_no_hash_of_its_own_and_is_still_decoded(tmp_path: Path) -> None:
    def tile(line: Record) -> Record:
        views = tuple(
            replace(view, window=(0, 0, *SIZE), content="of the whole scene") for view in line.provenance.views
        )
        return replace(line, provenance=replace(line.provenance, views=views))

    folder = write_set(tmp_path, {"train": tuple(map(tile, records()["train"][:1]))})
    assert names(folder) == []
    file = folder / "images/toy/P1.png"
    file.write_bytes(file.read_bytes()[:-30])
    assert names(folder) == ["image_unreadable"]


def test_descriptions_that_are_not_those_of_the_manifest_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    (folder / "README.md").write_text("# Toys\n")
    (folder / "quarantine.jsonl").unlink()
    assert [(problem.name, problem.where) for problem in problems(folder, TASKS)] == [
        ("file_changed", "README.md"),
        ("file_missing", "quarantine.jsonl"),
    ]


@pytest.mark.parametrize(("content", "name"), [(None, "file_missing"), ("{", "file_changed"), ("{}", "file_changed")])
def test_counts_that_are_gone_or_broken_are_named_once(tmp_path: Path, content: str | None, name: str) -> None:
    folder = write_set(tmp_path)
    (folder / "stats.json").unlink()
    if content is not None:
        (folder / "stats.json").write_text(content)
    assert names(folder) == [name]


def test_blank_images_are_no_evidence_of_a_shared_scene(tmp_path: Path) -> None:
    def blank(line: Record) -> Record:
        views = tuple(replace(view, content="") for view in line.provenance.views)
        return replace(line, provenance=replace(line.provenance, views=views))

    of_split = {split: tuple(map(blank, lines)) for split, lines in records().items()}
    assert names(write_set(tmp_path, of_split)) == []


def test_a_verdict_counts_all_and_shows_the_first(tmp_path: Path) -> None:
    lines = tuple(
        record("seg", "Segment the lakes.", encode((LAKE,), SIZE), scene=f"P{n}", labels=("lake",)) for n in range(9)
    )
    verdict = validate(write_set(tmp_path, {"train": lines}), TASKS, examples=2)
    assert verdict.problems == {"law_3": 9}
    assert [line.partition(": its gold")[0] for line in verdict.examples["law_3"]] == [
        "records/train-00000.jsonl:1: toy/P0#seg-all:lake",
        "records/train-00000.jsonl:2: toy/P1#seg-all:lake",
    ]


def test_every_problem_is_of_the_closed_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path, changed(lambda r: replace(r, messages=(), images=(), task="odd")))
    found = validate(folder, TASKS).problems
    assert found
    assert list(found) == [name for name in PROBLEMS if name in found]


def test_a_folder_that_is_no_set_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        validate(tmp_path / "no", TASKS)
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        validate(tmp_path, TASKS)
