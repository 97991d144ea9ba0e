"""A built set written in the form of somebody else's reader: the folder, its claim, its receipt.

OUT/export.json     what was written and what was left out, by name; an export without it is unfinished
OUT/README.md       how the folder is read, and the same counts in words
OUT/.state/         what a killed export goes on from
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from georsmllm import __version__, layout
from georsmllm.discover import export_names, nearest
from georsmllm.errors import UsageError
from georsmllm.jsonl import PART, alone, read_json, write_json, writing
from georsmllm.layout import Counts

from .build import silent
from .export_job import Export, FileFacts, Images, Job, Tally, marks
from .parts import Bar

FORMAT = 1


class Claim(msgspec.Struct, frozen=True):
    """What makes an export this one. manifest_sha256: of the set's manifest, which has the hashes of its shards. tasks:
    () for all."""

    format: int
    georsmllm: str
    to: str
    manifest_sha256: str
    splits: tuple[str, ...]
    tasks: tuple[str, ...]
    images: Images


class Receipt(msgspec.Struct, frozen=True):
    """files: all but the images and labels, which are many. written: records, objects, views and so on; left_out: by the
    names of the format's reasons."""

    claim: Claim
    files: tuple[FileFacts, ...]
    num_images: int
    written: Counts
    left_out: Counts


class Outcome(NamedTuple):
    receipt: Receipt
    already_there: bool


class Wanted(NamedTuple):
    """What of a set is exported, and as what; no splits, no tasks: all. images: None for the format's own way."""

    to: str
    splits: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    images: Images | None = None


def names() -> tuple[str, ...]:
    """The formats as the command line calls them."""
    return tuple(name.replace("_", "-") for name in export_names())


def exporter(name: str) -> Export:
    """The format of that name; raises UsageError."""
    if name not in names():
        raise UsageError(f"no export is called {name!r}; {nearest(name, names())}")
    return cast(Export, importlib.import_module(f".export.{name.replace('-', '_')}", __package__).EXPORT)


def export(
    folder: Path, out: Path, wanted: Wanted, *, overwrite: bool = False, bar: Callable[[str, int], Bar] = silent
) -> Outcome:
    """Write a set in another form below `out`; an unfinished export goes on, a finished one of the same set is kept.

    Raises UsageError for splits, tasks or images that the set or the format has not, and for a folder that holds
    something else.
    """
    form = exporter(wanted.to)
    claim = _claim(folder, form, wanted)
    if out.resolve() == folder.resolve():
        raise UsageError(f"{out} is the set itself; export it into another folder")
    held, receipt = _held(out)
    if held == claim and receipt and not overwrite:
        _check_whole(out, receipt)
        shutil.rmtree(out / ".state", ignore_errors=True)  # killed after its last file
        return Outcome(receipt, already_there=True)
    if held not in (None, claim) and not overwrite:
        raise UsageError(f"{out} holds another export ({_difference(held, claim)}); {_WAYS_OUT}")
    with alone(out / ".state", "export"):
        if held is not None and overwrite:
            _clear(out, receipt)
        write_json(out / ".state" / "claim.json", claim)
        for stray in out.rglob(f".*{PART}"):
            stray.unlink()
        receipt = _write(folder, out, form, claim, bar)
    return Outcome(receipt, already_there=False)


_WAYS_OUT = "choose another --out, or --overwrite it"


def _write(folder: Path, out: Path, form: Export, claim: Claim, bar: Callable[[str, int], Bar]) -> Receipt:
    job = Job(folder, out, form.reasons, splits=claim.splits, tasks=claim.tasks)
    job.images = claim.images
    rows = sum(shard.rows for shard in job.manifest.shards if shard.split in claim.splits)
    job.watch = bar("exporting", rows * form.passes)
    head = form.write(job)
    job.watch.close()
    whole = marks(out)
    tally = Tally()
    for part in (*(mark.tally for mark in whole), job.tally):
        tally.add(part)
    receipt = Receipt(
        claim,
        tuple(mark.file for mark in whole),
        sum(len(found) for _, _, found in os.walk(out / "images")),
        dict(sorted(tally.written.items())),
        dict(sorted(tally.left_out.items())),
    )
    with writing(out / "README.md") as file:
        file.write(_readme(form, receipt, head).encode())
    write_json(out / "export.json", receipt)
    shutil.rmtree(out / ".state")
    return receipt


def _claim(folder: Path, form: Export, wanted: Wanted) -> Claim:
    manifest = layout.manifest(folder)
    splits = tuple(dict.fromkeys(shard.split for shard in manifest.shards))
    for name in wanted.splits:
        if name not in splits:
            raise UsageError(f"{folder} has no split {name!r}; {nearest(name, splits)}")
    if wanted.tasks:
        tasks = tuple(sorted({task for of_split in layout.stats(folder).by_task.values() for task in of_split}))
        for name in wanted.tasks:
            if name not in tasks:
                raise UsageError(f"{folder} has no task {name!r}; {nearest(name, tasks)}")
    images = wanted.images or form.images[0]
    if images not in form.images:
        raise UsageError(f"{wanted.to} has no --images {images}; expected {' or '.join(form.images)}")
    return Claim(
        FORMAT,
        __version__,
        wanted.to,
        hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest(),
        tuple(split for split in splits if not wanted.splits or split in wanted.splits),
        tuple(sorted(set(wanted.tasks))),
        images,
    )


def _held(out: Path) -> tuple[Claim | None, Receipt | None]:
    """Whose export lies or was begun in the folder, and its receipt when it is finished."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; expected a folder for the export")
    if (out / "export.json").exists():
        receipt = read_json(out / "export.json", Receipt)
        return receipt.claim, receipt
    if (out / ".state" / "claim.json").exists():
        return read_json(out / ".state" / "claim.json", Claim), None
    if out.exists() and any(entry.name != ".state" for entry in out.iterdir()):
        raise UsageError(f"{out} is not empty and no export of ours; choose another folder")
    return None, None


def _check_whole(out: Path, receipt: Receipt) -> None:
    for facts in receipt.files:
        file = out / facts.path
        if not file.is_file() or file.stat().st_size != facts.bytes:
            raise UsageError(f"{file} is not what export.json says it is; write the export anew with --overwrite")


def _difference(old: Claim | None, new: Claim) -> str:
    assert old is not None
    then, now = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    return f"{', '.join(name for name in then if then[name] != now[name])} differ"


def _clear(out: Path, receipt: Receipt | None) -> None:
    """Remove what an export of ours wrote, its receipt last; what a person put beside it stays."""
    files = receipt.files if receipt else tuple(mark.file for mark in marks(out))
    for name in ("images", "labels"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in (*(facts.path for facts in files), "README.md"):
        (out / name).unlink(missing_ok=True)
    for folder in sorted({(out / facts.path).parent for facts in files} - {out}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    shutil.rmtree(out / ".state" / "marks", ignore_errors=True)
    (out / "export.json").unlink(missing_ok=True)


def _readme(form: Export, receipt: Receipt, head: str) -> str:
    claim = receipt.claim
    rows = "\n".join(f"| `{facts.path}` | {facts.bytes:,} |" for facts in receipt.files)
    images = {"copy": "", "link": ", linked to the set's own", "none": ": none, paths are those of the set"}[
        claim.images
    ]
    written = "\n".join(f"- {name}: {count}" for name, count in receipt.written.items()) or "- nothing"
    left_out = "\n".join(f"- {name}, {count}: {form.reasons[name]}" for name, count in receipt.left_out.items())
    return (
        f"{head}# {form.title}\n\nExported by georsmllm {claim.georsmllm} from a set of its own "
        f"(splits: {', '.join(claim.splits) or 'none'}; tasks: {', '.join(claim.tasks) or 'all'}).\n\n{form.reads}\n\n"
        f"## What is here\n\n{written}\n- image files: {receipt.num_images}{images}\n\n"
        f"| file | bytes |\n| --- | --- |\n{rows}\n\n"
        f"## What could not be said\n\n{left_out or 'Everything could be said.'}\n"
    )
