"""How well decoded masks meet the gold outlines of a set: which records count, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from georsmllm.hearing import spoken_image
from georsmllm.maskfile import MaskLine
from georsmllm.masks import from_coco
from georsmllm.metrics.masks import Compared, MaskScores, compare, scores
from georsmllm.types import PointSet, Record, Ring

OF_AREAS = ("seg", "change")
"""Tasks whose empty gold means that no area is there; elsewhere it may mean boxes, or words."""


def has_outlines(record: Record) -> bool:
    """Whether a record's answer can be held against masks: its gold is outlines, or the certainty that there is none."""
    image = spoken_image(record)
    if not record.gold:
        return record.task in OF_AREAS
    return all(one.kind == "polygon" and one.image == image for one in record.gold)


def compared(record: Record, line: MaskLine) -> Compared:
    """The masks of one record laid over its gold; raises BadMask."""
    gold = tuple(
        PointSet(one.kind, tuple(Ring(ring.points, ring.sign) for ring in one.rings), one.keypoints)
        for one in record.gold
    )
    predicted = [
        from_coco({"size": list(one.segmentation.size), "counts": one.segmentation.counts}) for one in line.masks
    ]
    height, width = line.size
    return Compared(compare(predicted, gold, (width, height)), failed=line.verdict != "ok")


def by_task(pairs: Iterable[tuple[Record, MaskLine]]) -> dict[str, MaskScores]:
    """Task -> its scores, and "overall" where there is more than one; of the records that have outlines."""
    found: dict[str, list[Compared]] = {}
    for record, line in pairs:
        if has_outlines(record):
            found.setdefault(record.task, []).append(compared(record, line))
    tables = {task: scores(found[task]) for task in sorted(found)}
    if len(found) > 1:
        tables["overall"] = scores([one for samples in found.values() for one in samples])
    return tables


def table(tables: dict[str, MaskScores]) -> Sequence[str]:
    """The scores as lines for a person."""
    if not tables:
        return ("no record has gold outlines: there is nothing to score masks by",)
    width = max(map(len, tables))
    head = f"{'task':<{width}} {'records':>8} {'failed':>7} {'gIoU':>7} {'cIoU':>7} {'lenient':>8} {'N-acc':>6} {'T-acc':>6}"
    rows = [
        f"{task:<{width}} {one.n:>8} {one.failed:>7} {one.giou:>7.4f} {one.ciou:>7.4f} {one.ciou_lenient:>8.4f} "
        f"{_share(one.none_accuracy):>6} {_share(one.target_accuracy):>6}"
        for task, one in tables.items()
    ]
    return (head, *rows, "lenient: cIoU without what was found where nothing is, as Think2Seg-RS counts")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
