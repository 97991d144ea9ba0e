"""What a person writes to build a set: one typed value, unknown keys are errors with their line and the nearest key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from georsmllm import typed_yaml
from georsmllm.contracts import Limits
from georsmllm.errors import UsageError
from georsmllm.images import AUTO, Stretch
from georsmllm.overrides import Plain

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Weight = Annotated[float, msgspec.Meta(ge=0)]
SplitName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$")]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dataset as it lies on disk. name: how its records are called, `dataset` unless given (two folders of one
    format need two names). splits: of the dataset's own splits, only these. limit: at most so many samples, the first
    by key. weight: share of its records that the mixture keeps (above 1: repeated)."""

    dataset: str
    path: str
    name: str = ""
    splits: tuple[str, ...] = ()
    limit: Count | None = None
    weight: Weight = 1.0

    @property
    def records_name(self) -> str:
        """How its records are called: `name`, else the reader's name (the stem of a person's own reader.py)."""
        return self.name or Path(self.dataset).stem


class Tiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Images larger than `size` px are cut to tiles that share `overlap` px (by default about a fifth); a target showing
    under `min_visible` of its area in a tile is not asked there."""

    size: Count = 1024
    overlap: int | None = None
    min_visible: Share = 0.7

    @property
    def overlap_px(self) -> int:
        """`overlap`, or 200 px of 1024 (DOTA's own splitting) in proportion."""
        return self.size * 200 // 1024 if self.overlap is None else self.overlap


class Cyclic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cyclic referring (methods section 5). full: answers also become questions; none; auto: full when `region` is among
    the tasks; control: as many records as "full", with forward records in the place of the turned ones (for ablations at
    equal steps). share: of the (scene, class) groups, how many are asked in reverse; one group is only ever asked in one
    direction."""

    mode: Literal["auto", "full", "none", "control"] = "auto"
    share: Share = 0.4


class Mix(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the records that were made enter the set; each one left out is counted by name. temperature: T evens the
    sources out: one of n records keeps n^(1/T), in proportion, the smallest all of its (1: all of them; very large: all
    sources as large as the smallest). weights: task -> share kept (above 1: repeated). max_per_image: task -> records a
    view. max_per_class, max_per_task, max_per_source: records at most, in each split. negatives: largest share of a task's
    records whose right answer is "nothing there"."""

    temperature: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    weights: dict[str, Weight] = {}
    max_per_image: dict[str, Count] = {}
    max_per_class: Count | None = None
    max_per_task: dict[str, Count] = {}
    max_per_source: Count | None = None
    negatives: Share = 0.15


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """auto: the datasets' own splits where they have them, scenes of an evaluation split taken out of training whatever
    file they lie in; all else by scene, in `ratios`. official: only the datasets' own, what has none is training data.
    scene: all by scene, in `ratios`, whatever the datasets say. look_alikes: images that look alike are on one side, too."""

    by: Literal["auto", "scene", "official"] = "auto"
    look_alikes: bool = True
    ratios: dict[SplitName, Share] = msgspec.field(default_factory=lambda: {"train": 0.9, "val": 0.1})


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides the bytes of a built set. dialect: the form in which points are written. templates: task ->
    wordings in the place of its own. images: copy (the set stands alone) or link (symlinks to whole files, saves disk).
    stretch: radiometry of images that are not 8-bit. policy: quarantine (set bad records aside and count them) or strict
    (stop at the first). max_bad_share: above it the build ends with an error even under quarantine."""

    sources: tuple[Source, ...]
    tasks: tuple[str, ...]
    tiles: Tiles = Tiles()
    limits: Limits = Limits()
    dialect: str = "georsmllm"
    templates: dict[str, tuple[str, ...]] = {}
    cyclic: Cyclic = Cyclic()
    mix: Mix = Mix()
    split: Split = Split()
    images: Literal["copy", "link"] = "copy"
    stretch: Stretch = AUTO
    policy: Literal["quarantine", "strict"] = "quarantine"
    max_bad_share: Share = 0.5
    shard_rows: Count = 10_000
    seed: int = 0

    @property
    def is_cyclic(self) -> bool:
        return self.cyclic.mode in ("full", "control") or (self.cyclic.mode == "auto" and "region" in self.tasks)


def load(path: Path | None, overrides: Sequence[str] = (), flags: Mapping[str, Plain] | None = None) -> Recipe:
    """The recipe of a YAML file (or of nothing), then dotted `key=value` overrides, then flags; raises UsageError.

    Source paths become absolute: those in a file from the file's folder, those in flags from the working directory.
    """
    recipe = typed_yaml.load(Recipe, path, overrides, flags, anchor=_anchor_sources)
    _check(recipe)
    return recipe


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, every key in its place; `load` reads it back."""
    return typed_yaml.dump(recipe)


def _anchor_sources(tree: dict[str, Plain], folder: Path) -> None:
    sources = tree.get("sources")
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, dict) and isinstance(source.get("path"), str):
            source["path"] = os.path.normpath(folder / Path(str(source["path"])).expanduser())


def _check(recipe: Recipe) -> None:
    if not recipe.sources:
        raise UsageError("a recipe needs at least one source; give `sources:` or --dataset NAME=PATH")
    if not recipe.tasks:
        raise UsageError("a recipe needs at least one task; give `tasks:` or --task det,count")
    names = [source.records_name for source in recipe.sources]
    for things, what in ((names, "two sources are called {!r}; give each a `name:` of its own"),
                         (list(recipe.tasks), "the task {!r} is named twice")):  # fmt: skip
        twice = sorted({name for name in things if things.count(name) > 1})
        if twice:
            raise UsageError(what.format(twice[0]))
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise UsageError(f"a source name is letters, digits, . _ and -, got {name!r}; give it a `name:`")
    if recipe.split.by != "official" and abs(sum(recipe.split.ratios.values()) - 1) > 1e-6:
        raise UsageError(f"split ratios must add up to 1, got {recipe.split.ratios}")
    mix = recipe.mix
    named = {*recipe.templates, *mix.weights, *mix.max_per_image, *mix.max_per_task}
    unknown = sorted(named - {*recipe.tasks, "region"})
    if unknown:
        raise UsageError(
            f"{unknown[0]!r} is named in templates or mix but is not among the tasks {', '.join(recipe.tasks)}"
        )
    if not 0 <= recipe.tiles.overlap_px < recipe.tiles.size:
        raise UsageError(f"tiles need 0 <= overlap < size, got {recipe.tiles.overlap_px} and {recipe.tiles.size}")
