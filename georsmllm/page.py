"""A report as one HTML file that needs nothing else: no network, no library, images inside, every text escaped."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path

import msgspec

from georsmllm.layout import SourceFacts, Stats
from georsmllm.licences import plain, strictest, terms
from georsmllm.pen import colours
from georsmllm.reasons import explain
from georsmllm.recipe import dump
from georsmllm.records import read_at
from georsmllm.report import Numbers, Report
from georsmllm.showing import Pictures, Shown, show

_SCRIPTS = ("look_base.js", "look_plots.js")
"""What the scripts of all pages begin with."""


class Terms(msgspec.Struct, frozen=True):
    """A source's licence line, and what it says in plain words."""

    name: str
    dataset: str
    licence: str
    plain: str


class Data(msgspec.Struct, frozen=True):
    """What the page's script draws. terms: what holds for the whole set. tokenizer: whose tokens are counted, "" for none.
    reasons: name -> sentence, of every reason in the counts that has one."""

    name: str
    georsmllm: str
    seed: int
    recipe: str
    dialect: str
    tokenizer: str
    sources: tuple[Terms, ...]
    terms: str
    stats: Stats
    numbers: Numbers
    reasons: dict[str, str]
    colours: dict[str, str]
    records: tuple[Shown, ...]


def page(report: Report, folder: Path, *, tokenizer: str = "", tick: Callable[[int], object] = lambda _: None) -> bytes:
    """The page of a set; the same set gives the same bytes. tick: called with 1 for each record of the sample."""
    records = [(place.split, read_at(folder, place)) for place in report.sample]
    pictures = Pictures(len({path for _, record in records for path in record.images}))
    shown = []
    for split, record in records:
        shown.append(show(record, split, folder, pictures))
        tick(1)
    manifest = report.manifest
    data = Data(
        name=report.name,
        georsmllm=manifest.georsmllm,
        seed=manifest.recipe.seed,
        recipe=dump(manifest.recipe),
        dialect=manifest.recipe.dialect,
        tokenizer=tokenizer,
        sources=sources_of(manifest.sources),
        terms=plain(strictest(source.licence for source in manifest.sources)),
        stats=report.stats,
        numbers=report.numbers,
        reasons=_reasons(report.stats),
        colours=colours(row.label for row in report.numbers.classes),
        records=tuple(shown),
    )
    return filled(data, pictures, title=report.name, second="Gallery", script="look.js")


def sources_of(sources: Iterable[SourceFacts]) -> tuple[Terms, ...]:
    """With their terms in plain words."""
    return tuple(Terms(s.name, s.dataset, s.licence, plain(terms(s.licence))) for s in sources)


def _reasons(stats: Stats) -> dict[str, str]:
    counts = [stats.dropped]
    for source in stats.sources.values():
        counts += [source.quarantined, source.mended, source.ignored, source.refused]
    return {name: why for name in sorted({name for count in counts for name in count}) if (why := explain(name))}


def _for_script(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor begin a comment or another one."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def filled(data: object, pictures: Pictures, *, title: str, second: str, script: str) -> bytes:
    """The template with its slots filled in one pass, so that a slot's name inside a text stays a text.

    second: the name of the page's second part. The content security policy lets our own script run, by its hash, and
    nothing be fetched.
    """
    resources = files("georsmllm") / "resources"
    whole = "".join((resources / name).read_text(encoding="utf-8") for name in (*_SCRIPTS, script))
    digest = hashlib.sha256(f"\n{whole}\n".encode()).digest()
    slots = {
        "TITLE": html.escape(title),
        "SECOND": html.escape(second),
        "HASH": f"sha256-{base64.b64encode(digest).decode()}",
        "DATA": _for_script(data),
        "PICTURES": _for_script(pictures.urls),
        "SCRIPT": whole,
    }
    template = (resources / "look.html").read_text(encoding="utf-8")
    return re.sub(r"@@([A-Z]+)@@", lambda match: slots[match[1]], template).encode()
