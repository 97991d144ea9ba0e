"""A recipe becomes a set on disk: parts, mixture, card, manifest last; a killed build resumes, a finished one is kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm import __version__
from georsmllm.discover import converter, task
from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json, write_json, writing
from georsmllm.layout import FORMAT, Manifest, SourceFacts, SourceStats, Stats
from georsmllm.recipe import Recipe

from .card import card
from .mixture import mix
from .parts import Bar, make_parts, parts, source_name

_FILES = ("manifest.json", "stats.json", "README.md", "quarantine.jsonl", "look.html")
_FOLDERS = ("records", "images", ".state")


class Outcome(NamedTuple):
    manifest: Manifest
    stats: Stats
    already_there: bool


class Silent:
    """A progress bar that shows nothing."""

    def update(self, n: int) -> None: ...
    def close(self) -> None: ...


def silent(description: str, total: int) -> Silent:
    """Make one; the arguments are those of every maker of bars."""
    del description, total
    return Silent()


def build(
    recipe: Recipe, out: Path, *, workers: int = 1, overwrite: bool = False, bar: Callable[[str, int], Bar] = silent
) -> Outcome:
    """The set of a recipe below `out`, the same bytes for any number of workers.

    Raises UsageError when `out` holds something else or more than `max_bad_share` of a source is bad, BadRecord under
    the strict policy.
    """
    for source in recipe.sources:
        converter(source.dataset)
    for name in recipe.tasks:
        task(name)
    state = out / ".state"
    if overwrite:
        _clear(out)
    elif (out / "manifest.json").exists():
        return _kept(recipe, out)
    _claim(recipe, out, state)
    make_parts(recipe, state, workers=workers, bar=bar)
    sources, facts, paths = _gather(recipe, state, out)
    mixed = mix(recipe, paths, state, out, bar=bar)
    stats = Stats(
        sources=sources,
        made=mixed.made,
        written=mixed.written,
        repeated=mixed.repeated,
        dropped=mixed.dropped,
        by_task=mixed.by_task,
        by_class=mixed.by_class,
        negatives=mixed.negatives,
        scenes=mixed.scenes,
        unused_images=mixed.unused_images,
    )
    _check(stats)
    manifest = Manifest(FORMAT, __version__, recipe, facts, mixed.shards)
    write_json(out / "stats.json", stats)
    with writing(out / "README.md") as file:
        file.write(card(manifest, stats).encode())
    write_json(out / "manifest.json", manifest)
    shutil.rmtree(state)
    return Outcome(manifest, stats, already_there=False)


def _clear(out: Path) -> None:
    """Remove what a build of ours wrote; anything else in the folder stays."""
    if out.exists() and any(out.iterdir()) and not ((out / "manifest.json").exists() or (out / ".state").exists()):
        raise UsageError(f"{out} is not empty and no set of ours; choose another folder")
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)


def _kept(recipe: Recipe, out: Path) -> Outcome:
    manifest = read_json(out / "manifest.json", Manifest)
    if manifest.recipe != recipe:
        raise UsageError(f"{out} holds a set of another recipe ({_difference(manifest.recipe, recipe)}); {_WAYS_OUT}")
    return Outcome(manifest, read_json(out / "stats.json", Stats), already_there=True)


def _claim(recipe: Recipe, out: Path, state: Path) -> None:
    claim = state / "recipe.json"
    if claim.exists():
        begun = read_json(claim, Recipe)
        if begun != recipe and not any((state / "parts").glob("*.jsonl")):
            shutil.rmtree(state)  # it ended before anything was made, by a wrong path for instance
            write_json(claim, recipe)
        elif begun != recipe:
            raise UsageError(
                f"{out} holds an unfinished build of another recipe ({_difference(begun, recipe)}); {_WAYS_OUT}"
            )
        return
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; choose another folder for the set")
    write_json(claim, recipe)


_WAYS_OUT = "choose another --out, or --overwrite it"


def _difference(old: Recipe, new: Recipe) -> str:
    then, now = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    return f"{', '.join(name for name in then if then[name] != now[name])} differ"


def _gather(
    recipe: Recipe, state: Path, out: Path
) -> tuple[dict[str, SourceStats], tuple[SourceFacts, ...], list[Path]]:
    """The sums of all tallies, source by source; the quarantine file; the parts in order."""
    sources: dict[str, SourceStats] = {}
    facts: list[SourceFacts] = []
    paths: list[Path] = []
    with writing(out / "quarantine.jsonl") as quarantine:
        for source in recipe.sources:
            name = source_name(source)
            sums = dict.fromkeys(("found", "kept", "views", "targets", "asked", "made"), 0)
            tables: dict[str, dict[str, int]] = {key: {} for key in ("quarantined", "mended", "ignored", "refused")}
            digest, licence = hashlib.sha256(), ""
            for path, tally in parts(state, name):
                counted = msgspec.structs.asdict(tally)
                sums = {key: value + counted[key] for key, value in sums.items()}
                for bad in tally.quarantined:
                    quarantine.write(msgspec.json.encode(bad) + b"\n")
                    _count(tables["quarantined"], {bad.reason: 1})
                for key in ("mended", "ignored", "refused"):
                    _count(tables[key], counted[key])
                digest.update(hashlib.sha256(path.read_bytes()).digest())
                licence = tally.licence
                paths.append(path)
            tables = {key: dict(sorted(table.items())) for key, table in tables.items()}
            sources[name] = msgspec.convert({**sums, **tables}, SourceStats)
            facts.append(SourceFacts(name, source.dataset, licence, digest.hexdigest()))
            bad_count = sums["found"] - sums["kept"]
            if bad_count > recipe.max_bad_share * sums["found"]:
                worst = max(tables["quarantined"].items(), key=lambda item: item[1])
                raise UsageError(
                    f"{bad_count} of {sums['found']} records of {name} cannot be read (most: {worst[0]}, {worst[1]}), more "
                    f"than max_bad_share {recipe.max_bad_share:g}; see them with: georsmllm check {name}={source.path}"
                )
    return sources, tuple(facts), paths


def _count(counts: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def _check(stats: Stats) -> None:
    """Law 6: nothing vanishes."""
    for name, source in stats.sources.items():
        assert source.found == source.kept + sum(source.quarantined.values()), (name, source)
        assert source.targets == source.asked + sum(source.ignored.values()), (name, source)
    assert stats.made == stats.written - stats.repeated + sum(stats.dropped.values()), stats
    assert stats.made == sum(source.made for source in stats.sources.values()), stats
