"""A recipe becomes a set on disk: parts, mixture, card, manifest last; a killed build resumes, a finished one is kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm import __version__
from georsmllm.discover import converter, dialect, task
from georsmllm.errors import UsageError
from georsmllm.jsonl import PART, alone, read_json, write_json, writing
from georsmllm.layout import FORMAT, Manifest, SourceFacts, SourceStats, Stats
from georsmllm.recipe import Recipe, Source

from .card import card
from .mixture import mix
from .parts import Bar, Tally, add, make_parts, merge, parts

_FILES = ("stats.json", "README.md", "quarantine.jsonl", "look.html", "manifest.json")
_FOLDERS = ("records", "images")
_DESCRIBED = ("README.md", "quarantine.jsonl", "stats.json")


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
    dialect(recipe.dialect)
    state = out / ".state"
    if not overwrite and (out / "manifest.json").exists():
        return _kept(recipe, out)
    if (state / "lock").exists():
        with alone(state, "build"):  # before a claim clears what another build is writing
            pass
    _claim(recipe, out, overwrite=overwrite)
    with alone(state, "build"):
        make_parts(recipe, state, workers=workers, bar=bar)
        sources, facts, paths = _gather(recipe, state, out)
        return _finish(recipe, out, sources=sources, facts=facts, paths=paths, bar=bar)


def _finish(
    recipe: Recipe,
    out: Path,
    *,
    sources: dict[str, SourceStats],
    facts: tuple[SourceFacts, ...],
    paths: list[Path],
    bar: Callable[[str, int], Bar],
) -> Outcome:
    """Mix the parts and write what describes the set, the manifest last."""
    state = out / ".state"
    mixed = mix(recipe, paths, state, out, bar=bar)
    stats = Stats(sources=sources, **{name: value for name, value in mixed._asdict().items() if name != "shards"})
    _check(stats)
    write_json(out / "stats.json", stats)
    manifest = Manifest(FORMAT, __version__, recipe, facts, mixed.shards, {})
    with writing(out / "README.md") as file:
        papers = {source.dataset: converter(source.dataset).card.paper for source in recipe.sources}
        file.write(card(manifest, stats, papers).encode())
    for stray in out.glob(f".*{PART}"):
        stray.unlink()
    files = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in _DESCRIBED}
    manifest = msgspec.structs.replace(manifest, files=files)
    write_json(out / "manifest.json", manifest)
    shutil.rmtree(state)
    return Outcome(manifest, stats, already_there=False)


def _kept(recipe: Recipe, out: Path) -> Outcome:
    """The finished set that lies there, when it is of this very recipe and version."""
    manifest = read_json(out / "manifest.json", Manifest)
    if manifest.recipe != recipe:
        raise UsageError(f"{out} holds a set of another recipe ({_difference(manifest.recipe, recipe)}); {_WAYS_OUT}")
    if (manifest.format, manifest.georsmllm) != (FORMAT, __version__):
        raise UsageError(f"{out} was built by georsmllm {manifest.georsmllm}, this is {__version__}; {_WAYS_OUT}")
    if (out / ".state").exists():
        shutil.rmtree(out / ".state")
    return Outcome(manifest, read_json(out / "stats.json", Stats), already_there=True)


def _claim(recipe: Recipe, out: Path, *, overwrite: bool) -> None:
    """Leave `out` holding this recipe's claim, and of earlier work only what this recipe can go on from.

    Whatever moment a build is killed at, a claim or a manifest of ours stands there, so that the folder stays ours.
    """
    state = out / ".state"
    begun = _begun(out)
    # Relaxing the share of bad records does not change a part.
    if (
        begun is not None
        and not overwrite
        and msgspec.structs.replace(begun, max_bad_share=recipe.max_bad_share) != recipe
    ):
        if any((state / "parts").glob("*.jsonl")):
            difference = _difference(begun, recipe)
            raise UsageError(f"{out} holds an unfinished build of another recipe ({difference}); {_WAYS_OUT}")
        overwrite = True  # it ended before anything was made, by a wrong path for instance
    if begun is None and not overwrite and any(entry.name != ".state" for entry in _entries(out)):
        raise UsageError(f"{out} is not empty; choose another folder for the set")
    if overwrite:
        _clear(out, ours=begun is not None)
    write_json(state / "recipe.json", recipe)


def _entries(out: Path) -> list[Path]:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; expected a folder for the set")
    return sorted(out.iterdir()) if out.exists() else []


def _begun(out: Path) -> Recipe | None:
    """The recipe of an unfinished build in `out`; None where there is none."""
    claim = out / ".state" / "recipe.json"
    return read_json(claim, Recipe) if claim.exists() else None


def _clear(out: Path, *, ours: bool) -> None:
    """Remove what a build of ours wrote, its marks last; raises UsageError where nothing proves that it is ours."""
    entries = _entries(out)
    if not ours and any(entry.name != ".state" for entry in entries):
        try:
            read_json(out / "manifest.json", Manifest)
        except UsageError:
            raise UsageError(f"{out} is not empty and no set of ours; choose another folder") from None
    for entry in (out / ".state").glob("*"):
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in ("recipe.json", "lock"):
            entry.unlink()
    for name in _FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    for name in _FILES:
        (out / name).unlink(missing_ok=True)


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
            name = source.records_name
            total = Tally()
            bad: dict[str, int] = {}
            digest = hashlib.sha256()
            for path, tally in parts(state, name):
                merge(total, tally)
                for entry in tally.quarantined:
                    quarantine.write(msgspec.json.encode(entry) + b"\n")
                    add(bad, {entry.reason: 1})
                digest.update(tally.digest.encode())
                paths.append(path)
            sources[name] = _source_stats(total, bad)
            facts.append(SourceFacts(name, source.dataset, total.licence, digest.hexdigest()))
    for source in recipe.sources:
        _check_share(source, sources[source.records_name], recipe.max_bad_share)
    if not any(stats.made for stats in sources.values()):
        raise UsageError(_nothing_asked(recipe, sources))
    return sources, tuple(facts), paths


def _nothing_asked(recipe: Recipe, sources: dict[str, SourceStats]) -> str:
    """One line that says why there is no record at all."""
    reasons: dict[str, int] = {}
    for stats in sources.values():
        for counts in (stats.quarantined, stats.ignored, stats.refused):
            add(reasons, counts)
    most = ", ".join(
        f"{name} {count}" for name, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:4]
    )
    why = f"most often: {most}" if most else "they are not for such data"
    return (
        f"the tasks {', '.join(recipe.tasks)} ask nothing of {', '.join(sources)} ({why}); add tasks or other sources"
    )


def _source_stats(total: Tally, bad: dict[str, int]) -> SourceStats:
    def ordered(counts: dict[str, int]) -> dict[str, int]:
        return dict(sorted(counts.items()))

    return SourceStats(
        found=total.found,
        kept=total.kept,
        views=total.views,
        targets=total.targets,
        asked=total.asked,
        made=total.made,
        quarantined=ordered(bad),
        mended=ordered(total.mended),
        ignored=ordered(total.ignored),
        refused=ordered(total.refused),
        splits=ordered(total.splits),
    )


def _check_share(source: Source, stats: SourceStats, most: float) -> None:
    bad = stats.found - stats.kept
    if bad > most * stats.found:
        reason, count = max(stats.quarantined.items(), key=lambda item: item[1])
        name = source.records_name
        raise UsageError(
            f"{bad} of {stats.found} records of {name} cannot be read (most: {reason}, {count}), more than max_bad_share "
            f"{most:g}; see quarantine.jsonl, or: georsmllm check {source.dataset}={source.path}"
        )


def _check(stats: Stats) -> None:
    """Law 6: nothing vanishes."""
    for name, source in stats.sources.items():
        assert source.found == source.kept + sum(source.quarantined.values()), (name, source)
        assert source.targets == source.asked + sum(source.ignored.values()), (name, source)
    assert stats.made == stats.written - stats.repeated + sum(stats.dropped.values()), stats
    assert stats.made == sum(source.made for source in stats.sources.values()), stats
