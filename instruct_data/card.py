"""The README.md of a built set: the Hub's YAML header with the schema of a record, then what a reader must know."""

from __future__ import annotations

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
    - {name: stretch, dtype: string}
    - {name: licence, dtype: string}
    - {name: mended, sequence: string}
"""


def card(manifest: Manifest, stats: Stats) -> str:
    """The card's text; the same set gives the same text."""
    splits = list(dict.fromkeys(shard.split for shard in manifest.shards))
    files = "".join(f'  - split: {split}\n    path: "records/{split}-*.jsonl"\n' for split in splits)
    licences = "\n".join(f"| {s.name} | {s.dataset} | {s.licence} |" for s in manifest.sources)
    counts = "\n".join(
        f"| {split} | {sum(tasks.values())} | {stats.scenes.get(split, 0)} | "
        + ", ".join(f"{task} {count}" for task, count in tasks.items())
        + " |"
        for split, tasks in stats.by_task.items()
    )
    return f"""\
---
license: other
task_categories:
- image-text-to-text
tags:
- geospatial
- remote-sensing
configs:
- config_name: default
  data_files:
{files}dataset_info:
{FEATURES}---

# Instructions from {", ".join(source.name for source in manifest.sources)}

Instructions on remote-sensing images whose answers are text made of points, built by georsmllm {manifest.georsmllm}.
Coordinates in the text are lines of a 0..1000 grid over the image; `gold` is in pixels of the image (x right, y down,
(0, 0) the outer corner of the first pixel). Image paths are relative to this folder.

| split | records | scenes | tasks |
| --- | --- | --- | --- |
{counts}

## Sources and their licences

| source | dataset | licence |
| --- | --- | --- |
{licences}

`manifest.json` holds the recipe, its seed and the hashes of inputs and shards; `stats.json` says what was left out and why.
"""
