"""A person's own data against the contract of its reader, before anything is built: what is found, mended, set aside."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.images import BadImage
from georsmllm.suspicions import UNLABELLED, Seen, suspicions
from georsmllm.types import ImageRef, Kind, PointSet, Sample, Target

VIOLATIONS = {
    "unsorted_keys": "find gives the keys in another order than their own",
    "repeated_key": "find gives one key twice",
    "unstable_find": "find gives other records when it is asked again",
    "unknown_reason": "a record is set aside for a reason that the reader does not list",
    "unknown_mend": "a repair that the reader does not list",
    "image_size": "an image is not of the size that the sample says",
    "window_outside": "a window that reaches beyond its image",
    "no_image": "a sample without an image",
    "target_image": "a target in an image that the sample has not",
    "unknown_label": "a target's label is not among the sample's classes",
    "not_canonical": "a label that is not the canonical name of its class",
    "exhaustive": "an exhaustively labelled class that is not among the sample's classes",
    "shape_form": "a shape with another number of points or rings than its kind has",
    "not_finite": "a coordinate that is NaN or infinite",
    "point_outside": "a target with a point outside its view",
    "visible_share": "a visible share that is not in 0..1",
    "attributes": "attributes that are not sorted by name, or repeat one",
}
"""The closed set of what a reader can get wrong, each with its one line."""


class Checked(msgspec.Struct, frozen=True):
    """found: records that the folder holds. read: those of them that were read (all, or as many as the limit says).
    kept + the sum of quarantined = read. unlabelled: kept samples of which nothing is known, by split. classes: targets by
    label, scenes: texts by scene class, the most frequent first. examples: of each reason in quarantined or violations, the
    first few as "where: message"; of each warning all."""

    found: int
    read: int
    kept: int
    splits: dict[str, int]
    unlabelled: dict[str, int]
    images: int
    targets: int
    classes: dict[str, int]
    ignored: dict[str, int]
    mended: dict[str, int]
    texts: dict[str, int]
    scenes: dict[str, int]
    quarantined: dict[str, int]
    violations: dict[str, int]
    warnings: dict[str, int]
    examples: dict[str, tuple[str, ...]]

    @property
    def is_clean(self) -> bool:
        return not self.quarantined and not self.violations and not self.warnings


class Survey(NamedTuple):
    """One walk of find: how many records there are, how many of them are to be read, a digest of these, and what is wrong
    with their order."""

    found: int
    to_read: int
    digest: str
    breaches: tuple[tuple[str, str], ...]


def survey(reader: Converter, root: Path, limit: int | None = None) -> Survey:
    """Walk find once; opens no image. Raises UsageError where nothing is found."""
    digest = hashlib.sha256()
    breaches: list[tuple[str, str]] = []
    found, before = 0, ""
    for ref in reader.find(root):
        if limit is None or found < limit:
            digest.update(msgspec.json.encode(ref))
        if found and ref.key <= before:
            name = "repeated_key" if ref.key == before else "unsorted_keys"
            breaches.append((name, f"{ref.key} comes after {before}"))
        before = ref.key
        found += 1
    if found == 0:
        raise UsageError(f"found no record below {root}; see the layout that a reader expects with: georsmllm datasets")
    return Survey(found, found if limit is None else min(found, limit), digest.hexdigest(), tuple(breaches))


def check(
    reader: Converter, root: Path, first: Survey, *, examples: int = 3, tick: Callable[[int], object] = lambda _: None
) -> Checked:
    """Find again and read what the survey says, decode every image; tick: called with 1 a record."""
    tally = _Tally(reader, examples)
    for name, what in first.breaches:
        tally.violate(name, what)
    digest = hashlib.sha256()
    base = root.parent if root.is_file() else root  # an index file stands for its folder
    for ref in islice(reader.find(root), first.to_read):
        digest.update(msgspec.json.encode(ref))
        tally.add(root, base, ref)
        tick(1)
    if digest.hexdigest() != first.digest:
        tally.violate("unstable_find", f"{root}: its second walk differs from the first")
    tally.suspect(base, is_whole=first.to_read == first.found)
    return tally.checked(first.found)


class _Tally:
    def __init__(self, reader: Converter, examples: int) -> None:
        self.reader = reader
        self.most = examples
        self.read = self.kept = self.images = self.targets = 0
        self.splits: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.scenes: Counter[str] = Counter()
        self.kept_of: Counter[str] = Counter()
        self.unlabelled: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, root: Path, base: Path, ref: Ref) -> None:
        self.read += 1
        self.splits[ref.split] += 1
        try:
            sample = self.reader.read(root, ref)
            for image in sample.images:
                _decode(base / image.path)
        except BadRecord as bad:
            self._set_aside(bad.reason, f"{bad.where}: {bad.message}")
            return
        except BadImage as bad:
            self._set_aside(bad.reason, f"{bad.path}: {bad.message}")
            return
        self.kept += 1
        self.images += len(sample.images)
        self.targets += len(sample.targets)
        self.classes.update(target.label for target in sample.targets)
        self.ignored.update(target.ignore for target in sample.targets if target.ignore is not None)
        self.mended.update(dict(sample.mended))
        self.texts.update(text.kind for text in sample.texts)
        self.scenes.update(text.text for text in sample.texts if text.kind == "scene")
        self.kept_of[ref.split] += 1
        self.unlabelled[ref.split] += UNLABELLED in sample.tags
        for name, what in breaches(self.reader, base, sample):
            self.violate(name, f"{sample.id}: {what}")

    def violate(self, name: str, what: str) -> None:
        self.violations[name] += 1
        self._show(name, what)

    def suspect(self, base: Path, *, is_whole: bool) -> None:
        seen = Seen(
            dict(sorted(self.kept_of.items())),
            self.unlabelled,
            _most_first(self.scenes),
            self.targets + self.texts.total(),
            is_whole,
        )
        for name, what in suspicions(seen, base, self.reader.card):
            self.warnings[name] += 1
            self.examples.setdefault(name, []).append(what)

    def checked(self, found: int) -> Checked:
        return Checked(
            found=found,
            read=self.read,
            kept=self.kept,
            splits=dict(sorted(self.splits.items())),
            unlabelled={split: count for split, count in sorted(self.unlabelled.items()) if count},
            images=self.images,
            targets=self.targets,
            classes=_most_first(self.classes),
            ignored=_most_first(self.ignored),
            mended=_most_first(self.mended),
            texts=_most_first(self.texts),
            scenes=_most_first(self.scenes),
            quarantined=_most_first(self.quarantined),
            violations={name: self.violations[name] for name in VIOLATIONS if self.violations[name]},
            warnings=dict(self.warnings),
            examples={name: tuple(lines) for name, lines in sorted(self.examples.items())},
        )

    def _set_aside(self, reason: str, what: str) -> None:
        self.quarantined[reason] += 1
        self._show(reason, what)
        if reason not in self.reader.reasons and reason not in images.REASONS:
            self.violate("unknown_reason", f"{reason!r}; the reader lists {', '.join(self.reader.reasons)}")

    def _show(self, name: str, what: str) -> None:
        lines = self.examples.setdefault(name, [])
        if len(lines) < self.most:
            lines.append(what)


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=16)  # several samples of one image follow one another
def _decode(path: Path) -> None:
    images.verify(path)


# --- the contract of one sample --------------------------------------------------------------------------------------


def breaches(reader: Converter, base: Path, sample: Sample) -> Iterator[tuple[str, str]]:
    """(violation, what) pairs of one sample whose images, below `base`, can be read."""
    if not sample.images:
        yield "no_image", "at least one was expected"
    for name, _ in sample.mended:
        if name not in reader.mends:
            yield "unknown_mend", f"{name!r}; the reader lists {', '.join(reader.mends) or 'none'}"
    for image in sample.images:
        yield from _image_breaches(base, image)
    for label in sample.exhaustive:
        if label not in sample.classes:
            yield "exhaustive", f"{label!r} is not among {', '.join(sample.classes) or 'no classes'}"
    for number, target in enumerate(sample.targets):
        for name, what in _target_breaches(sample, target):
            yield name, f"target {number} ({target.label}): {what}"


def _image_breaches(base: Path, image: ImageRef) -> Iterator[tuple[str, str]]:
    width, height = images.size_wh(base / image.path)
    window = image.window
    if window is None:
        if (width, height) != image.size_wh:
            yield "image_size", f"{image.path}: {width}x{height} pixels, the sample says {image.width}x{image.height}"
        return
    if (window.width, window.height) != image.size_wh:
        yield "image_size", f"{image.path}: a window of {window.width}x{window.height} for {image.width}x{image.height}"
    if window.x < 0 or window.y < 0 or window.x + window.width > width or window.y + window.height > height:
        yield "window_outside", f"{image.path}: {window} in {width}x{height} pixels"


AS_THEY_ARE = ("outside_image", "collapsed")
"""Targets ignored for these reasons keep the source's shape, whatever it is."""

_POINTS: dict[Kind, int] = {"point": 1, "box": 2, "rbox": 4}


def _target_breaches(sample: Sample, target: Target) -> Iterator[tuple[str, str]]:
    if target.label not in sample.classes:
        yield "unknown_label", f"not among {', '.join(sample.classes) or 'no classes'}"
    if target.label != canonical(target.label):
        yield "not_canonical", f"its canonical name is {canonical(target.label)!r}"
    if not 0 <= target.visible <= 1:
        yield "visible_share", f"{target.visible:g}"
    names = [name for name, _ in target.attributes]
    if names != sorted(set(names)):
        yield "attributes", ", ".join(names)
    if not 0 <= target.image < len(sample.images):
        yield "target_image", f"image {target.image} of {len(sample.images)}"
        return
    if target.ignore not in AS_THEY_ARE:
        yield from _shape_breaches(target.shape, sample.images[target.image].size_wh)


def misshapen(shape: PointSet) -> str:
    """What a shape's rings are where they are not those of its kind, else ""."""
    lengths = [len(ring.points) for ring in shape.rings]
    is_polygon = bool(lengths) and min(lengths) >= 3 and shape.rings[0].sign == "+"
    is_whole = is_polygon if shape.kind == "polygon" else lengths == [_POINTS[shape.kind]]
    return "" if is_whole else f"a {shape.kind} with {lengths} points in its rings"


def _shape_breaches(shape: PointSet, size_wh: tuple[int, int]) -> Iterator[tuple[str, str]]:
    if form := misshapen(shape):
        yield "shape_form", form
    points = [*(p for ring in shape.rings for p in ring.points), *shape.keypoints]
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in points):
        yield "not_finite", f"{shape.kind} {points[:4]}"
        return
    outside = [(x, y) for x, y in points if not (0 <= x <= size_wh[0] and 0 <= y <= size_wh[1])]
    if outside:
        x, y = outside[0]
        yield "point_outside", f"({x:g}, {y:g}) lies outside 0..{size_wh[0]} x 0..{size_wh[1]}"
