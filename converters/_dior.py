"""What DIOR and the sets of expressions on its images have in common: its classes, and its objects as targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache

from georsmllm.classes import canonical
from georsmllm.discover import nearest
from georsmllm.errors import BadRecord
from georsmllm.formats import voc
from georsmllm.types import Target

CLASSES = (
    "airplane", "airport", "baseballfield", "basketballcourt", "bridge", "chimney", "dam", "Expressway-Service-area",
    "Expressway-toll-station", "golffield", "groundtrackfield", "harbor", "overpass", "ship", "stadium", "storagetank",
    "tenniscourt", "trainstation", "vehicle", "windmill",
)  # fmt: skip


@cache
def class_names() -> tuple[str, ...]:
    """The canonical names, sorted."""
    return tuple(sorted(canonical(name) for name in CLASSES))


def targets(
    objects: Iterable[voc.Object], size_wh: tuple[int, int], where: str
) -> tuple[tuple[Target, ...], tuple[tuple[str, int], ...]]:
    """The objects of one label file, in its order, and the repairs that they needed; raises BadRecord."""
    found: list[Target] = []
    mended: Counter[str] = Counter()
    for item in objects:
        label = _label(item.name)
        if label is None:
            message = f"no DIOR class is called {item.name!r}; {nearest(item.name, CLASSES)}"
            raise BadRecord("unknown_class", message, where=f"{where}:{item.line}")
        shaped = voc.shape_of(item, size_wh)
        found.append(
            Target(
                0,
                label,
                shaped.shape,
                item.description,
                () if label == item.name else (("source_label", item.name),),
                difficult=item.difficult,
                visible=shaped.visible,
                ignore="difficult" if item.difficult and shaped.ignore is None else shaped.ignore,
            )
        )
        mended.update(shaped.mended)
    return tuple(found), tuple(sorted(mended.items()))


@lru_cache(maxsize=256)
def _label(name: str) -> str | None:
    label = canonical(name)
    return label if label in class_names() else None
