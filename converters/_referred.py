"""What a mask without classes shows, as targets, and the expressions that mean all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from georsmllm.formats import label_png
from georsmllm.types import UNNAMED, Mention, Target, Text


def targets(root: Path, path: str, size_wh: tuple[int, int], *, values: Iterable[int]) -> tuple[Target, ...]:
    """One target for each 8-connected piece of what is not 0, in raster order; raises BadRecord. A mask that was saved as
    JPEG is cut at 128, of any other only the values are let in."""
    lossy = path.lower().endswith((".jpg", ".jpeg"))
    labels = label_png.read(root, path, size_wh, values=range(256) if lossy else tuple(values))
    return label_png.objects((labels >= (128 if lossy else 1)).view("uint8"), {1: UNNAMED}, min_area_px=0)


def expressions(phrases: Iterable[str], count: int, *, topic: str = "") -> tuple[Text, ...]:
    """Each phrase once, as what means all of the first `count` targets; for none it means nothing that is there."""
    mentions = (Mention("answer", 0, tuple(range(count))),) if count else ()
    return tuple(Text("expression", phrase, mentions=mentions, topic=topic) for phrase in dict.fromkeys(phrases))


def named_by(phrases: tuple[str, ...], found: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets; a single one bears the first phrase, which is its own."""
    return (replace(found[0], phrase=phrases[0]),) if len(found) == 1 and phrases else found
