"""Set algebra: of areas by their pixels, of objects by who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from georsmllm.found import Finding

from .clipping import cut
from .held import Held, Work, unique

if TYPE_CHECKING:
    from georsmllm.measures import Measured

SAME_IOU = 0.5
"""Two objects that were found by different questions are one where their outlines share so much."""


def combined(work: Work) -> Held:
    """What the inputs come to together: their union, what they share, the first without the others, or their numbers."""
    assert work.step.combine is not None
    op = work.step.combine.op
    if op == "tuple":
        return _numbers(work)
    is_area = any(held.is_area for held in work.inputs)
    found = unique(work.inputs[0].findings)
    for held in work.inputs[1:]:
        if op == "union":
            found += _apart(work, held.findings, found, is_area=is_area)
        elif op == "difference":
            found = _apart(work, found, held.findings, is_area=is_area)
        else:
            found = _shared(work, found, held.findings, is_area=is_area)
    sizes = " and ".join(str(len(held.findings)) for held in work.inputs)
    by = "pixel by pixel" if is_area else "object by object"
    found = unique(found)
    note = f"{op} of {sizes}, {by}: {len(found)}"
    cause = "" if found else next((held.cause for held in work.inputs if held.cause), "")
    unsure = not found and any(held.is_unknown for held in work.inputs)
    return Held(found, note=note, is_area=is_area, cause=cause, is_unknown=unsure)


def _numbers(work: Work) -> Held:
    """The numbers of the inputs, of a set how many it holds; nothing where one of them is not known."""
    lost = next((held for held in work.inputs if held.is_unknown), None)
    if lost is not None:
        return Held(reason=lost.reason, note=lost.note, cause=lost.cause, is_number=True, is_unknown=True)
    values = [held.value if held.is_number else len(held.findings) for held in work.inputs]
    flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    numbers = tuple(one for one in flat if isinstance(one, int | float))
    cause = "" if any(numbers) else next((held.cause for held in work.inputs if held.cause), "")
    return Held(
        work.input_findings,
        value=numbers,
        note=" and ".join(f"{one:g}" for one in numbers) or "no numbers",
        is_number=True,
        cause=cause,
    )


def _apart(work: Work, these: tuple[Finding, ...], those: tuple[Finding, ...], *, is_area: bool) -> tuple[Finding, ...]:
    """Of these, what is in none of those."""
    if not is_area:
        same = _same_objects(work, these, those)
        return tuple(one for i, one in enumerate(these) if i not in same)
    return _cut(work, these, those, keep_shared=False)


def _shared(
    work: Work, these: tuple[Finding, ...], those: tuple[Finding, ...], *, is_area: bool
) -> tuple[Finding, ...]:
    """Of these, what is in one of those, too."""
    if not is_area:
        same = _same_objects(work, these, those)
        return tuple(one for i, one in enumerate(these) if i in same)
    return _cut(work, these, those, keep_shared=True)


def _cut(
    work: Work, these: tuple[Finding, ...], those: tuple[Finding, ...], *, keep_shared: bool
) -> tuple[Finding, ...]:
    import shapely

    mine, theirs = (work.bench.frame.measured(group) for group in (these, those))
    others: dict[int, list[int]] = {}
    if these and those:
        for i, j in zip(*theirs.tree.query(mine.surfaces, predicate="intersects"), strict=True):
            others.setdefault(int(i), []).append(int(j))
    found = []
    for i, one in enumerate(these):
        whole = mine.surfaces[i]
        there = shapely.union_all(theirs.surfaces[others.get(i, [])]) if i in others else shapely.Polygon()
        left = shapely.intersection(whole, there) if keep_shared else shapely.difference(whole, there)
        part = cut(one, whole, left, work.step.id)
        found += [part] if part is not None else []
    return tuple(found)


def _same_objects(work: Work, these: tuple[Finding, ...], those: tuple[Finding, ...]) -> set[int]:
    """Indices of these that are among those: by id, or because both outlines share half of what they cover together."""
    ids = {one.id for one in those}
    same = {i for i, one in enumerate(these) if one.id in ids}
    if these and those:
        same |= _alike(*(work.bench.frame.measured(group) for group in (these, those)))
    return same


def _alike(mine: Measured, theirs: Measured) -> set[int]:
    import numpy as np
    import shapely

    rows, columns = theirs.tree.query(mine.surfaces, predicate="intersects")
    shared = shapely.area(shapely.intersection(mine.surfaces[rows], theirs.surfaces[columns]))
    union = mine.areas[rows] + theirs.areas[columns] - shared
    return set(np.asarray(rows)[(union > 0) & (shared >= SAME_IOU * union)].tolist())
