"""The README.md of a built set: the Hub's header, then its terms, sizes, text, losses, recipe and sources in plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from georsmllm.discover import dialect
from georsmllm.layout import Counts, Manifest, Stats
from georsmllm.licences import plain, strictest, terms
from georsmllm.reasons import explain
from georsmllm.recipe import dump

from .card_header import header

TOP_CLASSES = 20
_NO_SPLIT = "(none)"
_JOINED = {
    "same_pixels": "Scenes that share the pixels of another are on its side of the split.",
    "look_alikes": "Groups of scenes that look alike are on one side of the split.",
}
_STRICTER = {"no_commerce", "research_only", "no_derivatives", "share_alike", "unstated"}


def card(manifest: Manifest, stats: Stats, papers: Mapping[str, str]) -> str:
    """The card's text; the same set gives the same text. papers: reader -> what to cite."""
    sections = (
        _top(manifest, stats),
        _licences(manifest),
        _loading(manifest),
        _text(manifest),
        _contents(manifest, stats),
        _losses(stats),
        _recipe(manifest),
        _citations(manifest, papers),
    )
    return header(manifest) + "".join(f"\n{section}\n" for section in sections)


# --- sections --------------------------------------------------------------------------------------------------------


def _top(manifest: Manifest, stats: Stats) -> str:
    sizes = Counter[str]()
    for shard in manifest.shards:
        sizes[shard.split] += shard.bytes
    rows = [
        (split, sum(tasks.values()), stats.scenes.get(split, 0), _megabytes(sizes[split]), _counted(tasks))
        for split, tasks in stats.by_task.items()
    ]
    names = _plain(", ".join(source.name for source in manifest.sources))
    likes = manifest.recipe.split.look_alikes
    apart = "No scene, no image and no look-alike of one" if likes else "No scene and no image"
    return f"""\
# Instructions from {names}

Instructions on remote-sensing images whose answers are text made of points, built by georsmllm {manifest.georsmllm}.
`gold` is in pixels of the image (x right, y down, (0, 0) the outer corner of the first pixel). Image paths are relative
to this folder. {apart} is in two splits.

{_table(("split", "records", "scenes", "MB", "tasks"), rows)}"""


def _licences(manifest: Manifest) -> str:
    whole = "\n".join(f"- {plain([name])}" for name in strictest(source.licence for source in manifest.sources))
    rows = [(s.name, _reader(s.dataset), s.licence, plain(terms(s.licence))) for s in manifest.sources]
    return f"""\
## Terms

Who uses the whole set is bound by the strictest terms of its sources:

{whole}
{_clash(manifest)}
The right column reads the licence line of each source in plain words. It is a reading and no legal advice; the licences
themselves count.

{_table(("source", "reader", "licence, as its reader tells it", "in plain words"), rows)}"""


def _clash(manifest: Manifest) -> str:
    """Share-alike terms beside others that are no weaker."""
    alike = [s for s in manifest.sources if "share_alike" in terms(s.licence)]
    licences = {s.licence for s in alike}
    others = [s for s in manifest.sources if s.licence not in licences and _STRICTER & {*terms(s.licence)}]
    if len(licences) < 2 and not (alike and others):
        return ""
    mine = _plain(", ".join(s.name for s in alike))
    theirs = _plain(", ".join(s.name for s in others)) or "one another"
    return (
        f"\n{mine} must be passed on under its own licence and no stricter one, and beside {theirs} it cannot be: pass such "
        "sources on in sets of their own, or ask their makers.\n"
    )


def _loading(manifest: Manifest) -> str:
    split = manifest.shards[0].split if manifest.shards else "train"
    return f"""\
## How to load

```python
import datasets

records = datasets.load_dataset("path/to/this/folder")["{_plain(split)}"]   # messages, images, gold, provenance

from pathlib import Path
from georsmllm.dataset import Records

records = Records(Path("path/to/this/folder"), "{_plain(split)}")           # typed; records[7].messages
```

`images` are paths: they are opened by who needs them. `georsmllm look` shows the set, `georsmllm validate` proves it."""


def _text(manifest: Manifest) -> str:
    name = manifest.recipe.dialect
    form = dialect(name)
    rows = [
        ("dialect", f"`{name}`: {form.title}"),
        ("from", form.source),
        ("frame", form.frame),
        ("numbers", form.span),
        ("rounding", form.rounding),
        ("corners", form.corner_order),
        ("angle", form.angle),
        ("can say", ", ".join(form.kinds)),
    ]
    return f"""\
## Text

The points of questions and answers are written in one form, and heard by the strict reader of that form:

{_table(("what", "how"), rows)}"""


def _contents(manifest: Manifest, stats: Stats) -> str:
    splits = list(stats.by_task)
    total = Counter[str]()
    for counts in stats.by_class.values():
        total.update(counts)
    first = sorted(total, key=lambda label: (-total[label], label))[:TOP_CLASSES]
    tasks = list(dict.fromkeys(task for counts in stats.by_task.values() for task in counts))
    more = f", {TOP_CLASSES} of {len(total)}" if len(total) > TOP_CLASSES else ""
    by_task = [(task, *(stats.by_task[s].get(task, 0) for s in splits), _negatives(stats, task)) for task in tasks]
    by_class = [(label, *(stats.by_class.get(split, {}).get(label, 0) for split in splits)) for label in first]
    origins = list(_origins(manifest, stats, splits))
    parts = [
        "## What is inside\n",
        'Records by task; the last column: those whose answer is "nothing there".\n\n'
        f"{_table(('task', *splits, 'nothing there'), by_task)}\n",
        "The samples that lay in each of a dataset's own splits, and the records that this set made of them:\n\n"
        f"{_table(('source', 'its own split', 'samples found', *(f'records in {split}' for split in splits)), origins)}\n",
        f"Records that ask about a class{more}:\n\n{_table(('class', *splits), by_class)}" if by_class else "",
    ]
    return "\n".join(part for part in parts if part).rstrip()


def _negatives(stats: Stats, task: str) -> int:
    return sum(counts.get(task, 0) for counts in stats.negatives.values())


def _origins(manifest: Manifest, stats: Stats, splits: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for source in manifest.sources:
        found = stats.sources[source.name].splits if source.name in stats.sources else {}
        written = stats.by_origin.get(source.name, {})
        for own in sorted({*found, *written}):
            counts = written.get(own, {})
            yield source.name, own or _NO_SPLIT, found.get(own, 0), *(counts.get(split, 0) for split in splits)


def _losses(stats: Stats) -> str:
    every = stats.sources.values()
    sums = [(source.found, source.kept, source.targets, source.asked) for source in every]
    found, kept, targets, asked = map(sum, zip(*sums, strict=True)) if sums else (0, 0, 0, 0)
    tables: tuple[tuple[str, Counts], ...] = (
        ("Samples set aside", _sum(source.quarantined for source in every)),
        ("Mended while reading", _sum(source.mended for source in every)),
        ("Annotated objects that no question asks", _sum(source.ignored for source in every)),
        ("Questions refused", _sum(source.refused for source in every)),
        ("Records left out by the mixture", stats.dropped),
        ("Scenes joined before the split", {name: n for name, n in stats.joined.items() if n}),
    )
    blocks = [
        f"{title}: {sum(counts.values())}\n\n{_table(('name', 'how many', 'why'), _named(counts))}"
        for title, counts in tables
        if counts
    ]
    return "\n\n".join((
        "## What was left out, and why",
        f"Of {found} samples found {kept} were read; of their {targets} annotated objects {asked} are asked about; of "
        f"{stats.made} records made {stats.written - stats.repeated} were written"
        + (f", {stats.repeated} of them again by weight." if stats.repeated else ".")
        + " All of the rest stands here by name; `quarantine.jsonl` has file and line of what could not be read.",
        *blocks,
    ))  # fmt: skip


def _named(counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """The most frequent first, each with its sentence."""
    return [
        (name, n, explain(name) or _JOINED.get(name, ""))
        for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _recipe(manifest: Manifest) -> str:
    """The recipe without the folders of whoever built it."""
    sources = tuple(
        msgspec.structs.replace(s, dataset=_reader(s.dataset), path=Path(s.path).name) for s in manifest.recipe.sources
    )
    recipe = msgspec.structs.replace(manifest.recipe, sources=sources)
    text = dump(recipe).rstrip()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    rows = [(source.name, f"`{source.input_sha256}`") for source in manifest.sources]
    return f"""\
## Recipe

Seed {recipe.seed}. With the same inputs and the same version this recipe gives the same bytes; the paths are yours to fill in.

{fence}yaml
{text}
{fence}

SHA-256 over all that was read of a source (objects, texts, pixels); `manifest.json` has those of the files written:

{_table(("source", "SHA-256 of what was read"), rows)}"""


def _citations(manifest: Manifest, papers: Mapping[str, str]) -> str:
    cited: dict[str, list[str]] = {}
    for source in manifest.sources:
        if paper := papers.get(source.dataset, ""):
            cited.setdefault(paper, []).append(source.name)
    lines = [f"- {_plain(', '.join(names))}: {_plain(paper)}" for paper, names in cited.items()]
    return "\n".join(("## Whom to cite", "", *(lines or ["The readers of these sources name no paper."])))


# --- words -----------------------------------------------------------------------------------------------------------


def _sum(counts: Iterable[Counts]) -> Counts:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return dict(total)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _reader(dataset: str) -> str:
    """The name of a reader; a person's own is a path, which says nothing elsewhere."""
    return Path(dataset).name


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join((_row(head), _row(["---"] * len(head)), *map(_row, rows)))


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_plain(str(cell)) for cell in cells)} |"


def _plain(text: str) -> str:
    """Foreign words on one line, without what Markdown takes for a cell's border or a tag."""
    return " ".join(text.split()).replace("|", "&#124;").replace("<", "&lt;")
