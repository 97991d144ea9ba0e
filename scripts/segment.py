"""`georsmllm segment`: the answers of a prediction file as masks, one JSON line for each record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from georsmllm.errors import UsageError

if TYPE_CHECKING:
    from georsmllm.journal import Journal
    from georsmllm.maskdecoder import MaskDecoder
    from georsmllm.maskfile import MaskLine
    from georsmllm.segment_sources import Asked

SPLIT = "val"
"""Of predictions that say nothing of themselves."""

EPILOG = """
\b
Examples:
  georsmllm segment predictions.jsonl --set sets/loveda --sam facebook/sam2.1-hiera-small -o masks.jsonl --score
  georsmllm segment predictions.jsonl --set sets/loveda --sam checkpoints/sam2.1_hiera_large.pt -o masks.jsonl
  georsmllm segment predictions.jsonl --set sets/loveda --sam polygons -o filled.jsonl --draw 20
  georsmllm segment answers.jsonl --images photos --dialect qwen3_vl --sam models/sam2.1-hiera-tiny -o masks.jsonl
\b
A line of FILE:
  {"id", "image", "size": [h, w], "verdict": "ok" | "no_points" | "unreadable" | "missing", "reason", "decoder",
   "masks": [{"label", "bbox": [x, y, w, h], "area", "score", "segmentation": {"size", "counts"}}]}
segmentation is COCO's compressed form: pycocotools.mask.decode(mask["segmentation"]).
"""


@click.command(epilog=EPILOG)
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="masks.jsonl")
@click.option("--sam", required=True, metavar="SAM",
              help="What makes the masks: a folder, a hub id (facebook/sam2.1-hiera-{tiny,small,base-plus,large}), one of "
              "Meta's .pt files (meta:FILE.pt: by Meta's own package), or polygons: the very shapes, no model.")  # fmt: skip
@click.option("--set", "records", type=click.Path(path_type=Path), metavar="PATH",
              help="What was asked: a built set, its export, or a JSONL of records.")  # fmt: skip
@click.option("--split", metavar="NAME", help="Of a set.  [default: that of the predictions, else val]")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N records.  [default: as predicted]"
)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR",
              help="Where the images of a JSONL of records are; without --set: each prediction's id is the path of its image "
              "below DIR.")  # fmt: skip
@click.option("--dialect", default="georsmllm", show_default=True, metavar="NAME",
              help="In which form answers without a set are written (georsmllm dialects); a set's records say it.")  # fmt: skip
@click.option("--multimask", default="auto", show_default=True, type=click.Choice(["auto", "on", "off"]),
              help="Three masks for each prompt, and the best guess is kept; auto: for lone points.")  # fmt: skip
@click.option("--clip", is_flag=True, help="Cut every mask at its box.")
@click.option("--chunk", type=click.IntRange(min=1), metavar="N",
              help="Prompts at once; a fixed number makes masks repeatable to the bit.  [default: measured]")  # fmt: skip
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto: the GPU, else the CPU.")
@click.option("--score", is_flag=True, help="Print gIoU, cIoU, N-acc and T-acc against the gold outlines of the set.")
@click.option("--draw", default=0, type=click.IntRange(min=0), metavar="N",
              help="Write the first N records that have masks as pictures into FILE's folder.overlays.")  # fmt: skip
def command(
    predictions: Path,
    *,
    out: Path,
    sam: str,
    records: Path | None,
    split: str | None,
    limit: int | None,
    images: Path | None,
    dialect: str,
    multimask: Literal["auto", "on", "off"],
    clip: bool,
    chunk: int | None,
    device: str,
    score: bool,
    draw: int,
) -> None:
    """Decode every box with its keypoints that PREDICTIONS (JSON lines with id and text) says into a mask.

    Each image is encoded once, whatever the number of its prompts; large images are read in windows. Answers that cannot be
    read stay as lines without masks, with the reason. A killed run goes on where it was when the same command runs again.
    """
    from georsmllm import decoders, maskfile, segmenting
    from georsmllm import predictions as files
    from georsmllm.sam_settings import Settings

    answers = files.read(predictions)
    made = files.settings_beside(predictions)
    split = split or (made.split if made else "") or SPLIT
    asked = _asked(answers, records, images, split=split, limit=limit or (made.limit if made else 0), dialect=dialect)
    decoder = decoders.decoder_of(sam, device=device, settings=Settings(multimask=multimask, clip=clip, chunk=chunk))
    settings = segmenting.settings_of(
        asked,
        answers,
        decoder,
        split=split if records is not None and records.is_dir() else "",
        weights=decoders.weights_of(decoder),
        way=(multimask, clip, chunk or 0),
    )
    journal = maskfile.journal(out, settings)
    if not journal.is_finished:
        _segment(asked, answers, decoder, journal)
    print("\n".join(segmenting.summary(out)))
    if score:
        _score(asked, out)
    if draw:
        _draw(asked, answers, out, draw)


def _asked(
    answers: Mapping[str, str], records: Path | None, images: Path | None, *, split: str, limit: int, dialect: str
) -> Asked:
    from georsmllm import discover
    from georsmllm.segment_sources import OfFolder, OfSet, check_answered

    if records is None:
        if images is None:
            raise UsageError("where are the images? give --set (what was asked), or --images (ids are paths below it)")
        discover.dialect(dialect)
        ids = list(answers)
        return OfFolder(images, ids[:limit] if limit else ids, dialect=dialect)
    from georsmllm.asked import open_asked

    source = open_asked(records, split, image_root=images)
    check_answered(source, answers)
    return OfSet(source, min(len(source), limit or len(source)))


def _segment(asked: Asked, answers: Mapping[str, str], decoder: MaskDecoder, journal: Journal[MaskLine]) -> None:
    """With a progress bar of records."""
    from georsmllm import segmenting

    from .progress import bar

    watch = bar("segmenting", len(asked))

    def tick(done: int) -> None:
        watch.update(done - watch.n)

    try:
        segmenting.segment(asked, answers, decoder, journal, tick=tick)
    finally:
        watch.close()


def _score(asked: Asked, out: Path) -> None:
    from georsmllm import maskfile, maskscoring

    pairs = ((asked.record(number), line) for number, line in enumerate(maskfile.read(out)))
    print("\n".join(maskscoring.table(maskscoring.by_task(pairs))))


def _draw(asked: Asked, answers: Mapping[str, str], out: Path, most: int) -> None:
    from georsmllm import segmenting

    folder = out.with_suffix(".overlays")
    num = segmenting.draw(asked, answers, out, folder, most=most)
    print(f"{folder}: {num} pictures")
