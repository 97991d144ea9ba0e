"""What a person writes to build a set: one typed value, unknown keys are errors with their line and the nearest key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import msgspec

from georsmllm.contracts import Limits
from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.images import AUTO, Stretch
from georsmllm.overrides import Plain, set_key

if TYPE_CHECKING:
    import yaml

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
    tree, root = _from_file(path) if path is not None else ({}, None)
    for override in overrides:
        set_key(tree, override)
    tree.update(flags or {})
    _anchor_sources(tree, Path.cwd())
    try:
        recipe = msgspec.convert(tree, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(_explain(str(error), path, root)) from None
    _check(recipe)
    return recipe


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, every key in its place; `load` reads it back."""
    import yaml

    return yaml.safe_dump(msgspec.to_builtins(recipe), sort_keys=False, allow_unicode=True)


def _from_file(path: Path) -> tuple[dict[str, Plain], yaml.Node | None]:
    import yaml

    text = _read(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: expected keys like `sources:` and `tasks:`, got {type(loaded).__name__}")
    _refuse_twins(root, path)
    tree = cast(dict[str, Plain], loaded)
    _anchor_sources(tree, path.absolute().parent)
    return tree, root


def _refuse_twins(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys and says nothing; we say where."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise UsageError(f"{path}:{key.start_mark.line + 1}: the key {key.value!r} stands there a second time")
            seen.add(key.value)
            _refuse_twins(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twins(item, path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"no such recipe: {path}") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise UsageError(f"{path}: expected a YAML text file") from None


def _anchor_sources(tree: dict[str, Plain], folder: Path) -> None:
    sources = tree.get("sources")
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, dict) and isinstance(source.get("path"), str):
            source["path"] = os.path.normpath(folder / Path(str(source["path"])).expanduser())


_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$(?P<at>[^`]*)`)?")
_AT = re.compile(r" - at `\$(?P<at>[^`]*)`$")


def _explain(message: str, path: Path | None, root: yaml.Node | None) -> str:
    unknown = _UNKNOWN.match(message)
    at = unknown["at"] if unknown else (found["at"] if (found := _AT.search(message)) else "")
    steps = [name or number for name, number in re.findall(r"\.([^.\[]+)|\[([0-9]+)\]", at or "")]
    if unknown:
        known = tuple(f.encode_name for f in msgspec.structs.fields(_struct_at(steps)))
        place = ".".join(steps)
        message = (
            f"unknown key {unknown['key']!r}"
            + (f" in {place}" if place else "")
            + f"; {nearest(unknown['key'], known)}"
        )
        steps = [*steps, unknown["key"]]
    else:
        message = _plain(_AT.sub("", message)).replace("Object missing", "missing") + _choices(message, steps)
        message += f" at {'.'.join(steps)}" if steps else ""
    line = _line(root, steps)
    return f"{path or 'recipe'}{f':{line}' if line else ''}: {message}"


def _choices(message: str, steps: Sequence[str]) -> str:
    """The values that a key takes, where the one that came is none of them."""
    if not message.startswith("Invalid enum value"):
        return ""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(_struct_at(steps[:-1]))}
    return f"; it is one of {', '.join(map(str, get_args(fields[steps[-1]])))}"


_WORDS = {"`object`": "a group of keys", "`array`": "a list", "`str`": "text", "`int`": "a whole number",
          "`float`": "a number", "`bool`": "yes or no", "`null`": "nothing"}  # fmt: skip


def _plain(message: str) -> str:
    """The codec's words for types in a person's."""
    for word, plain in _WORDS.items():
        message = message.replace(word, plain)
    return message


def _struct_at(steps: Sequence[str]) -> type[msgspec.Struct]:
    groups: dict[str, type[msgspec.Struct]] = {
        "sources": Source,
        "tiles": Tiles,
        "limits": Limits,
        "cyclic": Cyclic,
        "mix": Mix,
        "split": Split,
        "stretch": Stretch,
    }
    return groups[steps[0]] if steps else Recipe


def _line(root: yaml.Node | None, steps: Sequence[str]) -> int:
    """The line of a key in the file, 0 where it does not stand in it."""
    import yaml

    node, line = root, 0
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == step), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line + 1
    return line


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
