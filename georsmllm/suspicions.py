"""What breaks no contract and still says that a reader and a folder do not belong together: labels unseen, odd classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from georsmllm.classes import canonical
from georsmllm.contracts import Card
from georsmllm.files import folders_below

WARNINGS = {
    "unlabelled_split": "a whole split (test apart) or everything is without labels, so that nothing can be asked of it",
    "scene_names": "scene classes that bear the names of folders for images, labels or splits: another reader's data",
    "one_scene_class": "fewer than two scene classes: the folder given is one class, or no folder of classes at all",
    "nothing_said": "everything is read, and not one target or text is in it",
}
"""The closed set of warnings, each with its one line."""

UNLABELLED = "unlabelled"
"""The tag of a sample of which nothing is known, as readers set it."""

_NO_CLASS = {
    "a", "b", "after", "ann", "anns", "annotation", "annotations", "before", "data", "dataset", "dir", "gt",
    "image", "images", "img", "imgs", "input", "jpeg", "jpg", "label", "labels", "mask", "masks", "negative", "png",
    "positive", "post", "pre", "rgb", "set", "target", "targets", "test", "tif", "train", "training", "val",
    "valid", "validation",
}  # fmt: skip
_FOLDERS_SHOWN = 12


class Seen(NamedTuple):
    """What was read. kept, unlabelled: samples by split. scenes: texts by scene class. said: targets and texts.
    is_whole: everything that was found was read."""

    kept: Mapping[str, int]
    unlabelled: Mapping[str, int]
    scenes: Mapping[str, int]
    said: int
    is_whole: bool


def suspicions(seen: Seen, base: Path, card: Card) -> Iterator[tuple[str, str]]:
    """(warning, what) pairs, of what was read below `base`."""
    bare = [split for split, count in seen.kept.items() if seen.unlabelled.get(split, 0) == count]
    due = [split for split in bare if not split.lower().startswith("test")]
    for split in due:
        yield "unlabelled_split", f"all {seen.kept[split]} samples of {split or 'the folder'}; {_where(base, card)}"
    if bare and not due and seen.is_whole and len(bare) == len(seen.kept):
        yield "unlabelled_split", f"all {sum(seen.kept.values())} samples that are there; {_where(base, card)}"
    odd = [name for name in seen.scenes if _NO_CLASS.issuperset(canonical(name).split())]
    if odd:
        yield "scene_names", f"{', '.join(odd[:_FOLDERS_SHOWN])}; {_where(base, card)}"
    elif len(seen.scenes) == 1 and seen.is_whole:
        yield "one_scene_class", f"only {next(iter(seen.scenes))}; {_where(base, card)}"
    if seen.is_whole and seen.kept and not seen.said and not bare:
        yield "nothing_said", f"{sum(seen.kept.values())} samples; {_where(base, card)}"


def _where(base: Path, card: Card) -> str:
    """The folders that are there, and those that the reader expects, in one line."""
    there = [str(path.relative_to(base)) for path in islice(folders_below(base, depth=2), _FOLDERS_SHOWN + 1)]
    shown = ", ".join(there[:_FOLDERS_SHOWN]) + (", ..." if len(there) > _FOLDERS_SHOWN else "")
    layout = [" ".join(line.split()) for line in card.layout.splitlines() if line.strip()]
    expected = (
        [line for line in layout if line.startswith("ROOT")] or layout[:1] or ["see its card: georsmllm datasets"]
    )
    return f"folders seen in {base}: {shown or 'none'}; expected: {'; '.join(expected)}"
