"""The README.md of a built set: the Hub's YAML header with the schema of a record, then what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence

from georsmllm.layout import Manifest, Stats

FEATURES = """\
  features:
  - {name: id, dtype: string}
  - {name: images, sequence: string}
  - name: messages
    list:
    - {name: role, dtype: string}
    - {name: content, dtype: string}
  - {name: task, dtype: string}
  - name: gold
    list:
    - {name: label, dtype: string}
    - {name: kind, dtype: string}
    - name: rings
      list:
      - {name: sign, dtype: string}
      - {name: points, sequence: {sequence: float64}}
    - {name: keypoints, sequence: {sequence: float64}}
    - {name: image, dtype: int64}
  - {name: gold_text, dtype: string}
  - name: provenance
    struct:
    - {name: dataset, dtype: string}
    - {name: source_split, dtype: string}
    - {name: scene, dtype: string}
    - {name: sample, dtype: string}
    - {name: form, dtype: string}
    - {name: labels, sequence: string}
    - {name: negative, dtype: bool}
    - {name: direction, dtype: string}
    - {name: twin_of, dtype: string}
    - name: views
      list:
      - {name: source, dtype: string}
      - {name: width, dtype: int64}
      - {name: height, dtype: int64}
      - {name: window, sequence: int64}
      - {name: affine, sequence: float64}
      - {name: crs, dtype: string}
      - {name: content, dtype: string}
      - {name: looks, dtype: string}
    - {name: stretch, dtype: string}
    - {name: licence, dtype: string}
    - {name: mended, sequence: string}
    - {name: dialect, dtype: string}
  - {name: references, sequence: string}
"""


BODY = """\
# Instructions from {names}

Instructions on remote-sensing images whose answers are text made of points, built by georsmllm {version}.
Coordinates in the text are lines of a 0..1000 grid over the image; `gold` is in pixels of the image (x right, y down,
(0, 0) the outer corner of the first pixel). Image paths are relative to this folder.

| split | records | scenes | tasks |
| --- | --- | --- | --- |
{counts}

## Sources and their licences

| source | dataset | samples found, by the dataset's own splits | licence |
| --- | --- | --- | --- |
{licences}

`manifest.json` holds the recipe, its seed and the hashes of inputs and shards; `stats.json` says what was left out and why.
"""


def card(manifest: Manifest, stats: Stats) -> str:
    """The card's text; the same set gives the same text."""
    splits = list(dict.fromkeys(shard.split for shard in manifest.shards))
    counts = [
        (split, sum(tasks.values()), stats.scenes.get(split, 0), ", ".join(f"{name} {n}" for name, n in tasks.items()))
        for split, tasks in stats.by_task.items()
    ]
    body = BODY.format(
        names=_plain(", ".join(source.name for source in manifest.sources)),
        version=manifest.georsmllm,
        counts="\n".join(map(_row, counts)),
        licences="\n".join(_row((s.name, s.dataset, _found(stats, s.name), s.licence)) for s in manifest.sources),
    )
    return f"---\n{_configs(splits)}dataset_info:\n{FEATURES}---\n\n{body}"


def _found(stats: Stats, source: str) -> str:
    counts = stats.sources[source].splits.items() if source in stats.sources else ()
    return ", ".join(f"{split or '(none)'} {count}" for split, count in counts)


def _configs(splits: Sequence[str]) -> str:
    """What the Hub reads before the features; a set without records has no files to name."""
    import yaml

    files = [{"split": split, "path": f"records/{split}-*.jsonl"} for split in splits]
    config = {"config_name": "default"} | ({"data_files": files} if files else {})
    head = {
        "license": "other",
        "task_categories": ["image-text-to-text"],
        "tags": ["geospatial", "remote-sensing"],
        "configs": [config],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_plain(str(cell)) for cell in cells)} |"


def _plain(text: str) -> str:
    """Foreign words on one line, without what Markdown takes for a cell's border or a tag."""
    return " ".join(text.split()).replace("|", "&#124;").replace("<", "&lt;")
