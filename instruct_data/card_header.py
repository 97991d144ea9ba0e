"""The YAML header of a set's card, as the Hugging Face Hub reads it: licence, tasks, sizes, files and schema."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from georsmllm.layout import Manifest, Shard
from georsmllm.licences import hub_name, plain, strictest

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
"""What `datasets` reads a record's line into."""

_CATEGORIES = {
    "caption": ("image-to-text", "image-captioning"),
    "change": ("image-segmentation", "change-detection"),
    "cls": ("image-classification", "scene-classification"),
    "count": ("visual-question-answering", "object-counting"),
    "det": ("object-detection", "oriented-object-detection"),
    "geoloc": ("image-to-text", "geolocation"),
    "refer": ("object-detection", "visual-grounding"),
    "region": ("image-to-text", "region-description"),
    "relation": ("visual-question-answering", "spatial-relations"),
    "seg": ("image-segmentation", "segmentation"),
    "select": ("visual-question-answering", "spatial-relations"),
    "tags": ("image-classification", "multi-label-classification"),
    "vqa": ("visual-question-answering", "visual-question-answering"),
}
"""Task -> the Hub's own category that is nearest to it, and its tag."""


def header(manifest: Manifest) -> str:
    """Between two lines of dashes; the same set gives the same text."""
    import yaml

    tasks = sorted(manifest.recipe.tasks)
    licences = [source.licence for source in manifest.sources]
    known = [_CATEGORIES[task] for task in tasks if task in _CATEGORIES]
    head = {
        "pretty_name": f"Instructions from {', '.join(source.name for source in manifest.sources)}",
        "language": ["en"],
        **_licence(licences),
        "task_categories": ["image-text-to-text", *dict.fromkeys(category for category, _ in known)],
        "size_categories": [size_category(sum(shard.rows for shard in manifest.shards))],
        "source_datasets": list(dict.fromkeys(f"extended|other-{Path(s.dataset).stem}" for s in manifest.sources)),
        "tags": list(dict.fromkeys(["geospatial", "remote-sensing", "instruction-tuning", *(tag for _, tag in known)])),
        "configs": [_config(_splits(manifest.shards))],
    }
    sizes = yaml.safe_dump(_sizes(manifest.shards), sort_keys=False, allow_unicode=True)
    top = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{top}dataset_info:\n{FEATURES}{textwrap.indent(sizes, '  ')}---\n"


def size_category(records: int) -> str:
    """The Hub's name for sets of about this many records."""
    edges = (
        ("1K", 10**3),
        ("10K", 10**4),
        ("100K", 10**5),
        ("1M", 10**6),
        ("10M", 10**7),
        ("100M", 10**8),
        ("1B", 10**9),
    )
    below = ""
    for name, edge in edges:
        if records < edge:
            return f"{below}<n<{name}" if below else f"n<{name}"
        below = name
    return "1B<n<10B"


def _licence(licences: Sequence[str]) -> dict[str, str]:
    """One licence by the Hub's name for it; of several or others, what holds for all of the set, in words."""
    name = hub_name(licences)
    if name != "other":
        return {"license": name}
    details = f"{plain(strictest(licences))} The terms of each source stand in this card."
    return {"license": name, "license_name": "terms-of-the-sources", "license_details": details}


def _splits(shards: Sequence[Shard]) -> list[str]:
    return list(dict.fromkeys(shard.split for shard in shards))


def _config(splits: Sequence[str]) -> dict[str, object]:
    """A set without records has no files to name."""
    files = [{"split": split, "path": f"records/{split}-*.jsonl"} for split in splits]
    return {"config_name": "default"} | ({"data_files": files} if files else {})


def _sizes(shards: Sequence[Shard]) -> dict[str, object]:
    """Bytes are those of the JSON lines, which is what is downloaded and read."""

    def of(split: str) -> dict[str, object]:
        mine = [shard for shard in shards if shard.split == split]
        return {
            "name": split,
            "num_bytes": sum(shard.bytes for shard in mine),
            "num_examples": sum(shard.rows for shard in mine),
        }

    total = sum(shard.bytes for shard in shards)
    return {"splits": [of(split) for split in _splits(shards)], "download_size": total, "dataset_size": total}
