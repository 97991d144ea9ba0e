"""The card of a set: a header that YAML reads, tables that hold whatever a name or a licence is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from georsmllm.discover import dialect
from georsmllm.instruct_data.card import card
from georsmllm.instruct_data.card_header import size_category
from georsmllm.layout import FORMAT, Counts, Manifest, Shard, SourceFacts, SourceStats, Stats
from georsmllm.recipe import Recipe, Source, load

PLAIN = SourceFacts("ships", "dota", "CC BY 4.0", "00")
RECIPE = Recipe(sources=(Source(dataset="dota", path="d"),), tasks=("det",))
EMPTY = Stats(
    sources={}, made=0, written=0, repeated=0, dropped={}, by_task={}, by_class={}, negatives={}, scenes={}, unused_images=0,
)  # fmt: skip


def text(by_task: dict[str, Counts], *sources: SourceFacts) -> str:
    shards = tuple(
        Shard(f"records/{split}-00000.jsonl", split, sum(tasks.values()), 1, "00")
        for split, tasks in by_task.items()
        if tasks
    )
    counts = msgspec.structs.replace(EMPTY, by_task=by_task, scenes=dict.fromkeys(by_task, 2))
    return card(Manifest(FORMAT, "1", RECIPE, sources or (PLAIN,), shards, files={}), counts, {"dota": "Xia et al."})


def of(counts: Stats, recipe: Recipe = RECIPE) -> str:
    return card(Manifest(FORMAT, "1", recipe, (PLAIN,), (), files={}), counts, {})


def header(readme: str) -> dict[str, Any]:
    start, top, _ = readme.split("---\n", 2)
    assert start == ""
    found = yaml.safe_load(top)
    assert isinstance(found, dict)
    return found


def test_a_set_without_records_has_a_header_without_files() -> None:
    found = header(text({}))
    assert found["configs"] == [{"config_name": "default"}]
    assert header(text({"train": {}}))["configs"] == [{"config_name": "default"}]


def test_every_split_has_its_files() -> None:
    found = header(text({"train": {"det": 3, "seg": 1}, "val": {"det": 1}}))
    (config,) = found["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "records/train-*.jsonl"},
        {"split": "val", "path": "records/val-*.jsonl"},
    ]
    names = [feature["name"] for feature in found["dataset_info"]["features"]]
    assert names == ["id", "images", "messages", "task", "gold", "gold_text", "provenance", "references"]


@pytest.mark.parametrize("split", ["no", "1", "a: b", "x # y", "- z", "Köln", '"q"', "1e3", "null"])
def test_a_splits_name_is_read_back_as_it_is(split: str) -> None:
    (config,) = header(text({split: {"det": 1}}))["configs"]
    assert config["data_files"] == [{"split": split, "path": f"records/{split}-*.jsonl"}]


def test_the_table_counts_records_scenes_and_tasks() -> None:
    assert "\n| train | 4 | 2 | 0.0 | det 3, seg 1 |\n" in text({"train": {"det": 3, "seg": 1}})


def test_no_name_and_no_licence_breaks_a_table() -> None:
    odd = SourceFacts("my|ships", "/data/<b>\nx.py", "CC BY 4.0 |\r\n| see <https://a.b> \\", "00")
    readme = text({}, PLAIN, odd)
    named = "Its makers must be named, and what was changed be told."
    assert f"| ships | dota | CC BY 4.0 | {named} |" in readme.splitlines()
    escaped = f"| my&#124;ships | &lt;b> x.py | CC BY 4.0 &#124; &#124; see &lt;https://a.b> \\ | {named} |"
    assert escaped in readme.splitlines()
    assert "# Instructions from ships, my&#124;ships" in readme.splitlines()
    assert header(readme)["pretty_name"] == "Instructions from ships, my|ships"


def test_the_header_tells_the_sizes_of_every_split() -> None:
    info = header(text({"train": {"det": 3, "seg": 1}, "val": {"det": 1}}))["dataset_info"]
    assert info["splits"] == [
        {"name": "train", "num_bytes": 1, "num_examples": 4},
        {"name": "val", "num_bytes": 1, "num_examples": 1},
    ]
    assert (info["download_size"], info["dataset_size"]) == (2, 2)


def test_the_header_names_tasks_and_sources_as_the_hub_does() -> None:
    found = header(text({"train": {"det": 1}}))
    assert found["task_categories"] == ["image-text-to-text", "object-detection"]
    assert found["tags"] == ["geospatial", "remote-sensing", "instruction-tuning", "oriented-object-detection"]
    assert found["source_datasets"] == ["extended|other-dota"]


@pytest.mark.parametrize(
    ("records", "category"),
    [
        (0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**6, "1M<n<10M"),
        (10**9, "1B<n<10B"),
    ],
)  # fmt: skip
def test_sizes_have_the_hubs_names(records: int, category: str) -> None:
    assert size_category(records) == category


def test_one_known_licence_has_its_name_and_several_are_other_with_what_holds_for_all() -> None:
    assert header(text({}))["license"] == "cc-by-4.0"
    found = header(text({}, PLAIN, SourceFacts("land", "loveda", "CC BY-NC-SA 4.0, academic use only", "01")))
    assert (found["license"], found["license_name"]) == ("other", "terms-of-the-sources")
    assert found["license_details"].startswith("No commercial use. Academic and research use only.")


def test_the_strictest_terms_stand_first_and_bind_the_whole_set() -> None:
    readme = text({}, PLAIN, SourceFacts("land", "loveda", "CC BY-NC-SA 4.0, academic use only", "01"))
    terms = readme.split("## Terms")[1].split("The right column")[0]
    assert [line for line in terms.splitlines() if line.startswith("- ")] == [
        "- No commercial use.",
        "- Academic and research use only.",
        "- What is derived from it must be passed on under the same licence.",
        "- Its makers must be named, and what was changed be told.",
    ]
    assert "it cannot be" not in terms


@pytest.mark.parametrize("other", ["academic use only", "CC BY-SA 4.0", "none stated"])
def test_share_alike_beside_terms_no_weaker_is_told(other: str) -> None:
    alike = SourceFacts("land", "loveda", "CC BY-NC-SA 4.0", "01")
    assert "land" in (readme := text({}, alike, SourceFacts("ships", "dota", other, "00")))
    assert "must be passed on under its own licence and no stricter one" in readme
    assert "no stricter one" not in text({}, alike, PLAIN)


def test_what_was_found_stands_beside_what_was_written_of_it() -> None:
    source = SourceStats(
        found=5, kept=4, views=4, targets=9, asked=7, made=8, quarantined={"short_row": 1}, mended={"clipped_to_image": 2},
        ignored={"difficult": 2}, refused={}, splits={"train": 3, "val": 2},
    )  # fmt: skip
    counts = Stats(
        sources={"ships": source}, made=8, written=6, repeated=0, dropped={"weight": 2}, by_task={"train": {"det": 6}},
        by_class={"train": {"ship": 4, "lake": 5}}, negatives={"train": {"det": 1}}, scenes={"train": 2}, unused_images=0,
        by_origin={"ships": {"train": {"train": 4}, "val": {"train": 2}}}, joined={"look_alikes": 1, "same_pixels": 0},
    )  # fmt: skip
    readme = of(counts)
    for row in (
        "| ships | train | 3 | 4 |",
        "| ships | val | 2 | 2 |",
        "| det | 6 | 1 |",
        "| lake | 5 |\n| ship | 4 |",
        "| short_row | 1 | A line of the label file has fewer than the 9 fields of an object. |",
        "| clipped_to_image | 2 | The part of a shape outside the image was cut off. |",
        "| difficult | 2 | The dataset marks the object as difficult. |",
        "| weight | 2 | The recipe weighs the source or the task below 1. |",
        "| look_alikes | 1 | Groups of scenes that look alike are on one side of the split. |",
    ):
        assert f"\n{row}\n" in readme
    assert "same_pixels" not in readme
    assert (
        "Of 5 samples found 4 were read; of their 9 annotated objects 7 are asked about; of 8 records made 6" in readme
    )


def test_only_the_most_frequent_classes_are_listed() -> None:
    counts = msgspec.structs.replace(EMPTY, by_class={"train": {f"class {n:02}": n + 1 for n in range(30)}})
    rows = [line for line in of(counts).splitlines() if line.startswith("| class ") and line[8].isdigit()]
    assert (len(rows), rows[0], rows[-1]) == (20, "| class 29 |", "| class 10 |")


def test_the_recipe_reads_back_and_names_nobodys_folders(tmp_path: Path) -> None:
    recipe = Recipe(
        sources=(Source(dataset="/data/me/reader.py", path="/data/me/secret/ships", name="ships"),),
        tasks=("det",), templates={"det": ("Where are the {plural}? ``` ",)}, seed=7,
    )  # fmt: skip
    readme = of(EMPTY, recipe)
    assert "/data/me" not in readme
    fence = "````"
    block = readme.split(f"\n{fence}yaml\n")[1].split(f"\n{fence}\n")[0]
    file = tmp_path / "recipe.yaml"
    file.write_text(block)
    again = load(file)
    assert (again.seed, again.templates) == (recipe.seed, recipe.templates)
    assert again.sources[0].path == str(tmp_path / "ships")


def test_the_text_is_told_by_its_dialect() -> None:
    recipe = Recipe(sources=(Source(dataset="dota", path="d"),), tasks=("det",), dialect="qwen2_vl")
    form = dialect("qwen2_vl")
    assert f"| dialect | `qwen2_vl`: {form.title} |" in of(EMPTY, recipe)
    assert f"| corners | {form.corner_order} |" in of(EMPTY, recipe)


def test_a_paper_is_cited_once_for_all_that_come_from_it() -> None:
    readme = text({}, PLAIN, SourceFacts("more", "dota", "CC BY 4.0", "01"))
    assert "\n- ships, more: Xia et al.\n" in readme


def test_the_inputs_are_named_by_their_hashes() -> None:
    assert "\n| ships | `00` |\n" in text({})
