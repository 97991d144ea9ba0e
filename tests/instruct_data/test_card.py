"""The card of a set: a header that YAML reads, tables that hold whatever a name or a licence is made of."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from georsmllm.instruct_data.card import card
from georsmllm.layout import FORMAT, Counts, Manifest, Shard, SourceFacts, Stats
from georsmllm.recipe import Recipe, Source

PLAIN = SourceFacts("ships", "dota", "CC BY 4.0", "00")


def text(by_task: dict[str, Counts], *sources: SourceFacts) -> str:
    shards = tuple(
        Shard(f"records/{split}-00000.jsonl", split, sum(tasks.values()), 1, "00")
        for split, tasks in by_task.items()
        if tasks
    )
    recipe = Recipe(sources=(Source(dataset="dota", path="d"),), tasks=("det",))
    stats = Stats(
        sources={}, made=0, written=0, repeated=0, dropped={}, by_task=by_task, by_class={}, negatives={},
        scenes=dict.fromkeys(by_task, 2), unused_images=0,
    )  # fmt: skip
    return card(Manifest(FORMAT, "1", recipe, sources or (PLAIN,), shards, files={}), stats)


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
    assert "\n| train | 4 | 2 | det 3, seg 1 |\n" in text({"train": {"det": 3, "seg": 1}})


def test_no_name_and_no_licence_breaks_a_table() -> None:
    odd = SourceFacts("my|ships", "/data/<b>\nx.py", "CC BY 4.0 |\r\n| see <https://a.b> \\", "00")
    lines = text({}, PLAIN, odd).splitlines()
    assert "| ships | dota |  | CC BY 4.0 |" in lines
    assert "| my&#124;ships | /data/&lt;b> x.py |  | CC BY 4.0 &#124; &#124; see &lt;https://a.b> \\ |" in lines
    assert "# Instructions from ships, my&#124;ships" in lines
