"""A comparison of two sets as one HTML file: their numbers side by side, and the records in which they differ drawn twice."""

from __future__ import annotations

from pathlib import Path

import msgspec

from georsmllm.against import Comparison, Difference
from georsmllm.layout import Counts
from georsmllm.page import Terms, filled, sources_of
from georsmllm.pen import colours
from georsmllm.records import Place, read_at
from georsmllm.report import Numbers, Report
from georsmllm.showing import Pictures, Shown, show


class Half(msgspec.Struct, frozen=True):
    """What one of the two sets is."""

    name: str
    georsmllm: str
    dialect: str
    written: int
    scenes: Counts
    sources: tuple[Terms, ...]
    numbers: Numbers


class Pair(msgspec.Struct, frozen=True):
    left: Shown
    right: Shown
    differs: tuple[str, ...]


class Data(msgspec.Struct, frozen=True):
    """What the page's script draws."""

    halves: tuple[Half, Half]
    tokenizer: str
    recipe: tuple[Difference, ...]
    both: int
    same: int
    differing: Counts
    only: tuple[int, int]
    by_task: tuple[Counts, Counts]
    pairs: tuple[Pair, ...]
    singles: tuple[tuple[Shown, ...], tuple[Shown, ...]]
    colours: dict[str, str]


def against_page(comparison: Comparison, folders: tuple[Path, Path], *, tokenizer: str = "") -> bytes:
    """The page of a comparison; the same two sets give the same bytes."""
    left, right = comparison.reports
    names = _names(left.name, right.name)
    places = [(folders[0], twin.left) for twin in comparison.twins]
    places += [(folders[1], twin.right) for twin in comparison.twins]
    places += [(folder, place) for folder, mine in zip(folders, comparison.singles, strict=True) for place in mine]
    pictures = Pictures(len({path for folder, place in places for path in read_at(folder, place).images}))

    def shown(folder: Path, place: Place) -> Shown:
        return show(read_at(folder, place), place.split, folder, pictures)

    labels = [row.label for report in comparison.reports for row in report.numbers.classes]
    data = Data(
        halves=(_half(left, names[0]), _half(right, names[1])),
        tokenizer=tokenizer,
        recipe=comparison.recipe,
        both=comparison.both,
        same=comparison.same,
        differing=comparison.differing,
        only=comparison.only,
        by_task=comparison.by_task,
        pairs=tuple(Pair(shown(folders[0], t.left), shown(folders[1], t.right), t.differs) for t in comparison.twins),
        singles=(
            tuple(shown(folders[0], place) for place in comparison.singles[0]),
            tuple(shown(folders[1], place) for place in comparison.singles[1]),
        ),
        colours=colours(dict.fromkeys(labels)),
    )
    return filled(data, pictures, title=f"{names[0]} against {names[1]}", second="Records", script="against.js")


def _names(left: str, right: str) -> tuple[str, str]:
    """Two folders of one name are told apart."""
    return (left, right) if left != right else (f"{left} (first)", f"{right} (second)")


def _half(report: Report, name: str) -> Half:
    manifest, stats = report.manifest, report.stats
    return Half(
        name=name,
        georsmllm=manifest.georsmllm,
        dialect=manifest.recipe.dialect,
        written=stats.written,
        scenes=stats.scenes,
        sources=sources_of(manifest.sources),
        numbers=report.numbers,
    )
