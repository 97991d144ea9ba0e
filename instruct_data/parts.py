"""From datasets on disk to the parts of a set: find, read, cut, ask, turn, record, in parallel, resumable, byte for byte
the same for any number of workers. `mixture` makes the set of the parts.

A chunk is a fixed run of refs; its part file and its tally are written beside and renamed, so a killed build goes on
where it was, and nothing depends on who made which chunk.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import BinaryIO, NamedTuple, Protocol

import msgspec

from georsmllm import images
from georsmllm.contracts import AskOptions, Built, Converter, Ref, Refusal, Task
from georsmllm.discover import converter, dialect, task
from georsmllm.errors import BadRecord, CannotSay, UsageError
from georsmllm.hearing import OWN
from georsmllm.jsonl import read_json, read_lines, write_json, writing
from georsmllm.layout import Quarantined
from georsmllm.recipe import Recipe, Source
from georsmllm.rng import rng
from georsmllm.tiling import cut
from georsmllm.translation import ceiling
from georsmllm.types import ImageRef, Instruction, Provenance, Record, Sample, Target, ViewFacts

from .cyclic import turn
from .pictures import Picture, view_path
from .render import record

CHUNK = 8
IN_FLIGHT = 4


class Tally(msgspec.Struct):
    """The counts of one chunk; law 6 is checked on their sum."""

    found: int = 0
    kept: int = 0
    views: int = 0
    targets: int = 0
    asked: int = 0
    made: int = 0
    licence: str = ""
    digest: str = ""
    quarantined: list[Quarantined] = []
    mended: dict[str, int] = {}
    ignored: dict[str, int] = {}
    refused: dict[str, int] = {}
    splits: dict[str, int] = {}


class Job(NamedTuple):
    """One chunk. recipe: the digest of the state's recipe, so that a worker never mistakes another build's for it."""

    state: Path
    recipe: str
    source: int
    number: int
    refs: tuple[Ref, ...]


class Bar(Protocol):
    """A progress bar, as tqdm's."""

    def update(self, n: int) -> object: ...
    def close(self) -> None: ...


def make_parts(recipe: Recipe, state: Path, *, workers: int, bar: Callable[[str, int], Bar]) -> None:
    """All part files of a recipe below state/parts; those that are there already are kept.

    Raises BadRecord under the strict policy, UsageError for a source in which nothing is found.
    """
    refs = [_found(recipe, i, state) for i in range(len(recipe.sources))]
    watch = bar("reading and asking", sum(count for _, count in refs))
    digest = hashlib.sha256((state / "recipe.json").read_bytes()).hexdigest()
    jobs = (
        Job(state, digest, i, number, chunk)
        for i, (path, _) in enumerate(refs)
        for number, chunk in enumerate(_chunks(read_lines(path, Ref)))
    )
    try:
        for done in _ordered(make_chunk, jobs, workers):
            watch.update(done)
    finally:
        watch.close()


def parts(state: Path, source: str) -> Iterator[tuple[Path, Tally]]:
    """The part files of a source in order, each with its tally."""
    number = 0
    while (path := _part_path(state, source, number)).exists():
        yield path, read_json(path.with_suffix(".tally"), Tally)
        number += 1


def _part_path(state: Path, source: str, number: int) -> Path:
    return state / "parts" / f"{source}-{number:06d}.jsonl"


def _found(recipe: Recipe, index: int, state: Path) -> tuple[Path, int]:
    """The file of a source's refs and their number; the folder is walked once, a resumed build reads the file."""
    source = recipe.sources[index]
    path = state / f"{source.records_name}.refs.jsonl"
    if not path.exists():
        encoder = msgspec.json.Encoder()
        refs = converter(source.dataset).find(Path(source.path).expanduser())
        wanted = (ref for ref in refs if not source.splits or ref.split in source.splits)
        with writing(path) as out:
            for ref in islice(wanted, source.limit):
                out.write(encoder.encode(ref) + b"\n")
    with path.open("rb") as lines:
        count = sum(1 for _ in lines)
    if count == 0:
        path.unlink()
        splits = f" in its splits {', '.join(source.splits)}" if source.splits else ""
        ask = f"see the layout it expects with: georsmllm datasets {source.dataset}"
        raise UsageError(f"{source.dataset} found no record below {source.path}{splits}; {ask}")
    return path, count


def _chunks(refs: Iterable[Ref]) -> Iterator[tuple[Ref, ...]]:
    iterator = iter(refs)
    while chunk := tuple(islice(iterator, CHUNK)):
        yield chunk


def _ordered(work: Callable[[Job], int], jobs: Iterator[Job], workers: int) -> Iterator[int]:
    """The results in the order of the jobs, with a few jobs a worker waiting and no more, so that memory stays flat."""
    if workers == 1:
        yield from map(work, jobs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_follow_parent)
    try:
        waiting: list[Future[int]] = [pool.submit(work, job) for job in islice(jobs, workers * IN_FLIGHT)]
        while waiting:
            yield waiting.pop(0).result()
            waiting.extend(pool.submit(work, job) for job in islice(jobs, 1))
    except BrokenProcessPool:
        hint = "often by the system for lack of memory; run the same command again, with fewer --workers"
        raise UsageError(f"a worker process was killed, {hint}") from None
    finally:
        with suppress(RuntimeError):  # a pool that was interrupted while it started cannot be waited for
            pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """End this worker when its parent is gone: a pool's workers wait for work forever otherwise."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


# --- one chunk, in a worker ------------------------------------------------------------------------------------------


class Workshop(NamedTuple):
    """What a worker needs again and again; loaded once a process."""

    recipe: Recipe
    source: Source
    reader: Converter
    tasks: tuple[tuple[str, Task], ...]
    folder: Path

    @property
    def path(self) -> Path:
        return Path(self.source.path).expanduser()

    @property
    def images_root(self) -> Path:
        """What image paths are relative to: the source's folder, or the folder of its index file."""
        return self.path.parent if self.path.is_file() else self.path


@lru_cache(maxsize=8)
def _workshop(state: Path, recipe_digest: str, source: int) -> Workshop:
    del recipe_digest  # a part of the cache's key only
    recipe = read_json(state / "recipe.json", Recipe)
    tasks = tuple((name, task(name)) for name in recipe.tasks)
    return Workshop(recipe, recipe.sources[source], converter(recipe.sources[source].dataset), tasks, state.parent)


def make_chunk(job: Job) -> int:
    """Write the part and the tally of one chunk, unless they are there; the number of refs in it."""
    shop = _workshop(job.state, job.recipe, job.source)
    path = _part_path(job.state, shop.source.records_name, job.number)
    if path.exists():
        return len(job.refs)
    splits = dict(Counter(ref.split for ref in job.refs))
    tally = Tally(found=len(job.refs), licence=shop.reader.card.licence, splits=splits)
    digest = hashlib.sha256()
    ready = path.with_suffix(".ready")
    with writing(ready) as out:
        for ref in job.refs:
            start = out.tell()
            try:
                made = _make_sample(shop, ref, out, digest.update)
            except BadRecord as bad:
                if shop.recipe.policy == "strict":
                    raise
                out.seek(start)
                out.truncate()
                name = shop.source.records_name
                tally.quarantined.append(Quarantined(name, ref.key, bad.where, bad.reason, bad.message, bad.raw))
                continue
            merge(tally, made)
    tally.digest = digest.hexdigest()
    write_json(path.with_suffix(".tally"), tally)
    ready.replace(path)
    return len(job.refs)


def _make_sample(shop: Workshop, ref: Ref, out: BinaryIO, digest: Callable[[bytes], object]) -> Tally:
    """Write the records of one sample; its counts. Raises BadRecord, and the caller takes back what was written."""
    encoder = msgspec.json.Encoder()
    sample = _read(shop, ref)
    pictures = tuple(Picture(shop.images_root, image, shop.recipe.stretch) for image in sample.images)
    tally = Tally(kept=1, mended=dict(sample.mended))
    for line in _records(shop, sample, pictures, tally):
        out.write(encoder.encode(line) + b"\n")
        tally.made += 1
    digest(encoder.encode((sample, [picture.content for picture in pictures])))
    return tally


def merge(tally: Tally, more: Tally) -> None:
    """Add the counts of one tally to another's in place; the quarantined and the digest stay apart."""
    tally.found += more.found
    tally.kept += more.kept
    tally.views += more.views
    tally.targets += more.targets
    tally.asked += more.asked
    tally.made += more.made
    add(tally.mended, more.mended)
    add(tally.ignored, more.ignored)
    add(tally.refused, more.refused)
    add(tally.splits, more.splits)
    tally.licence = more.licence or tally.licence


def _read(shop: Workshop, ref: Ref) -> Sample:
    """The sample under the name that the recipe gives its source. Its scene keeps the dataset's own name, because a scene
    is the same place in whatever folder it lies; a generic reader has no such name."""
    sample = shop.reader.read(shop.path, ref)
    name, scene = shop.source.records_name, sample.scene
    if shop.reader.generic and scene.startswith(f"{sample.dataset}/"):
        scene = f"{name}{scene.removeprefix(sample.dataset)}"
    located = tuple(_located(shop.images_root, image) for image in sample.images)
    return replace(sample, id=f"{name}/{ref.key}", dataset=name, scene=scene, images=located)


def _located(root: Path, image: ImageRef) -> ImageRef:
    """A GeoTIFF whose reader gave no place with the affine and CRS of the file."""
    if image.affine is not None or image.crs is not None or not image.path.lower().endswith((".tif", ".tiff")):
        return image
    try:
        affine, crs = images.geo(root / image.path)
    except images.BadImage as bad:
        raise BadRecord(bad.reason, bad.message, where=image.path) from None
    return replace(image, affine=affine, crs=crs)


def _records(shop: Workshop, sample: Sample, pictures: tuple[Picture, ...], tally: Tally) -> Iterator[Record]:
    tiles = shop.recipe.tiles
    for view in cut(sample, size=tiles.size, overlap=tiles.overlap_px, min_visible=tiles.min_visible):
        built = _ask(shop, view)
        files = tuple(
            view_path(view.dataset, image, picture.suffix(image))
            for image, picture in zip(view.images, pictures, strict=True)
        )
        facts = tuple(picture.facts(image) for image, picture in zip(view.images, pictures, strict=True))
        said: list[Instruction] = []
        refusals = list(built.refusals)
        for instruction in built.instructions:
            origin = _origin(shop, view, instruction, facts)
            try:
                line = _said(shop, instruction, files, origin)
            except CannotSay as cannot:
                label = ", ".join(instruction.labels)
                refusals.append(Refusal(label, cannot.reason, instruction.targets))
                continue
            said.append(instruction)
            yield line
        if said:
            for image, picture, file in zip(view.images, pictures, files, strict=True):
                picture.save(image, shop.folder / file, shop.recipe.images)
        _account(tally, view.targets, said, refusals)
    if max(sample.images[0].size_wh) > tiles.size:
        beyond = sum(target.ignore == "outside_image" for target in sample.targets)
        tally.targets += beyond
        add(tally.ignored, {"outside_image": beyond} if beyond else {})


def _said(shop: Workshop, instruction: Instruction, files: tuple[str, ...], origin: Provenance) -> Record:
    """The record of an instruction; raises CannotSay as `record` does, and below_grid where a dialect rounds so much that
    its own gold text would not be right. Our own point text has been tried by the tasks."""
    line = record(instruction, images=files, provenance=origin, limits=shop.recipe.limits)
    one = dict(shop.tasks).get(line.task)
    if shop.recipe.dialect != OWN and one is not None:
        judged = ceiling(one, line.gold_text, line)
        if judged.value < one.ceiling:
            raise CannotSay("below_grid", f"its gold text scores {judged.value:.3f} in {shop.recipe.dialect}")
    return line


def _origin(shop: Workshop, view: Sample, instruction: Instruction, facts: tuple[ViewFacts, ...]) -> Provenance:
    return Provenance(
        dataset=view.dataset,
        source_split=view.split,
        scene=view.scene,
        sample=view.id,
        form=instruction.form,
        labels=instruction.labels,
        negative=instruction.negative,
        direction=instruction.direction,
        twin_of=instruction.twin_of,
        views=facts,
        stretch=str(shop.recipe.stretch),
        licence=shop.reader.card.licence,
        mended=tuple(name for name, _ in view.mended),
        dialect=shop.recipe.dialect,
    )


def _ask(shop: Workshop, view: Sample) -> Built:
    """The questions of every task about one view, and their cyclic twins."""
    seed = shop.recipe.seed
    instructions: list[Instruction] = []
    refusals: list[Refusal] = []
    for name, one in shop.tasks:
        options = _options(shop, name)
        built = one.build(view, rng(seed, view.id, name), options)
        instructions.extend(built.instructions)
        refusals.extend(built.refusals)
    if shop.recipe.is_cyclic:
        options = _options(shop, "region")
        turned = turn(instructions, view, rng(seed, view.id, "cyclic"), options)
        return Built(turned.instructions, (*refusals, *turned.refusals))
    return Built(tuple(instructions), tuple(refusals))


def _options(shop: Workshop, name: str) -> AskOptions:
    recipe, form = shop.recipe, dialect(shop.recipe.dialect)
    return AskOptions(recipe.limits, recipe.templates.get(name, ()), form.kinds, form.num_keypoints, form.is_labelled)


# These say that a task is not for such a view; a target that another task could have asked bears that task's reason.
_NOT_FOR_THIS_VIEW = frozenset((
    "one_image", "two_images", "more_than_two_images", "no_polygon", "areas", "not_countable", "on_first_image",
    "not_told_apart",
))  # fmt: skip


def _account(tally: Tally, targets: tuple[Target, ...], said: list[Instruction], refusals: list[Refusal]) -> None:
    """Every target is either asked or ignored by the first name that applies to it."""
    asked = {i for instruction in said for i in instruction.targets}
    refused: dict[int, str] = {}
    for refusal in sorted(refusals, key=lambda refusal: refusal.reason in _NOT_FOR_THIS_VIEW):
        for i in refusal.targets:
            refused.setdefault(i, refusal.reason)
    tally.views += 1
    tally.targets += len(targets)
    tally.asked += len(asked)
    for i, target in enumerate(targets):
        if i not in asked:
            add(tally.ignored, {target.ignore or refused.get(i, "not_drawn"): 1})
    for refusal in refusals:
        add(tally.refused, {refusal.reason: 1})


def add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts by name in place."""
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count
