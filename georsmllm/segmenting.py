"""A file of predictions as masks: every answer heard, every image shown to the mask decoder once, a line for each record.

Frame: pixels of the view that the answer is about. An answer with anything that looks like points and is none has no masks, and
the strict ear's reason; one that says neither points nor "none" has none either.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from georsmllm.found import Finding
from georsmllm.hearing import Object, hear, spoken_image, stretches_of
from georsmllm.journal import Journal
from georsmllm.jsonl import replacing
from georsmllm.mask_overlay import Drawn, overlay, rgb_of
from georsmllm.maskdecoder import MaskDecoder
from georsmllm.maskfile import MaskEntry, MaskLine, MaskSettings, MaskVerdict, Segmentation
from georsmllm.maskfile import read as read_lines
from georsmllm.masking import masked
from georsmllm.masks import decode_crop, from_coco, to_counts_text
from georsmllm.pen import colours
from georsmllm.segment_sources import Asked
from georsmllm.types import Mask, Message, Record


class Heard(NamedTuple):
    """What an answer says. reason: why it is unreadable, else ""."""

    objects: tuple[Object, ...]
    verdict: MaskVerdict = "ok"
    reason: str = ""


def heard(record: Record, text: str) -> Heard:
    """The objects of an answer, or why it has none; total."""
    found = hear(replace(record, messages=(Message("assistant", text),)), "answer")
    if found.troubles:
        return Heard((), "unreadable", found.troubles[0].reason)
    if not found.objects and not stretches_of(record.provenance.dialect, text, "answer"):
        return Heard((), "no_points")
    return Heard(found.objects)


def segment(
    asked: Asked,
    answers: Mapping[str, str],
    decoder: MaskDecoder,
    journal: Journal[MaskLine],
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> None:
    """Every record that the journal has no line of, image by image; tick: records done so far."""
    done = set(journal.done())
    tick(len(done))
    with journal.writing():
        for numbers in by_image(asked, [n for n in range(len(asked)) if n not in done]):
            journal.add(lines_of(asked, numbers, answers, decoder))
            done.update(numbers)
            tick(len(done))
    journal.finish(len(asked))


def by_image(asked: Asked, numbers: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The numbers of records that are of one image, in the order of their first ones."""
    groups: dict[str, list[int]] = {}
    for number in numbers:
        groups.setdefault(asked.key(number), []).append(number)
    return map(tuple, groups.values())


def lines_of(
    asked: Asked, numbers: Sequence[int], answers: Mapping[str, str], decoder: MaskDecoder
) -> dict[int, MaskLine]:
    """Of records of one image; it is opened once, and only if an answer has an object."""
    records = {number: asked.record(number) for number in numbers}
    said = {n: heard(one, answers[one.id]) if one.id in answers else None for n, one in records.items()}
    findings = [
        Finding(id_, one.label, one.shape, step=str(number))
        for id_, (number, one) in enumerate(((n, o) for n, h in said.items() if h for o in h.objects), start=1)
    ]
    found: dict[str, list[Finding]] = {}
    if findings:
        with asked.scene(numbers[0]) as scene:
            for one in masked(findings, scene, decoder):
                found.setdefault(one.step, []).append(one)
    return {n: _line(record, said[n], found.get(str(n), []), decoder.title) for n, record in records.items()}


def _line(record: Record, said: Heard | None, found: Sequence[Finding], title: str) -> MaskLine:
    image = spoken_image(record)
    view = record.provenance.views[image]
    return MaskLine(
        id=record.id,
        image=record.images[image],
        size=(view.height, view.width),
        verdict=said.verdict if said else "missing",
        reason=said.reason if said else "",
        decoder=title,
        masks=tuple(_entry(one) for one in found),
    )


def _entry(finding: Finding) -> MaskEntry:
    mask = finding.mask_scene
    assert mask is not None
    score = None if finding.mask_score is None else round(finding.mask_score, 4)
    return MaskEntry(
        label=finding.label,
        bbox=_bbox(mask),
        area=sum(mask.counts[1::2]),
        score=score,
        segmentation=Segmentation(size=(mask.height, mask.width), counts=to_counts_text(mask)),
    )


def _bbox(mask: Mask) -> tuple[int, int, int, int]:
    part = decode_crop(mask)
    height, width = part.array.shape
    return part.x, part.y, width, height


def settings_of(
    asked: Asked,
    answers: Mapping[str, str],
    decoder: MaskDecoder,
    *,
    split: str,
    weights: str,
    way: tuple[str, bool, int],
) -> MaskSettings:
    """way: multimask, clip and chunk (0: measured) as the decoder was told."""
    said = "\n".join(f"{identity}\0{text}" for identity, text in sorted(answers.items()))
    multimask, clip, chunk = way
    return MaskSettings(
        records=asked.fingerprint,
        predictions=hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        split=split,
        limit=len(asked),
        decoder=decoder.title,
        weights=weights,
        multimask=multimask,
        clip=clip,
        chunk=chunk,
    )


def summary(out: Path) -> list[str]:
    """What a finished file holds, as lines for a person."""
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    num_masks = num = 0
    title = ""
    for line in read_lines(out):
        num, num_masks, title = num + 1, num_masks + len(line.masks), line.decoder
        verdicts[line.verdict] += 1
        reasons.update([line.reason] if line.reason else [])
    lines = [f"{out}: {num_masks} masks of {num} records, made by {title or 'nothing'}"]
    if verdicts["unreadable"]:
        by_count = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        lines.append(f"not readable: {', '.join(f'{reason} {count}' for reason, count in by_count)}")
    if verdicts["no_points"]:
        lines.append(f"words without points: {verdicts['no_points']}")
    if verdicts["missing"]:
        lines.append(f"{verdicts['missing']} records have no prediction")
    return lines


def draw(asked: Asked, answers: Mapping[str, str], out: Path, folder: Path, *, most: int) -> int:
    """Pictures of the first records of a finished file that have masks, named by the record's number; returns how many."""
    done = 0
    for number, line in enumerate(read_lines(out)):
        if not line.masks:
            continue
        if done == most:
            break
        objects = heard(asked.record(number), answers[line.id]).objects
        colour_of = colours(one.label for one in line.masks)
        drawn = [
            Drawn(
                from_coco({"size": list(mask.segmentation.size), "counts": mask.segmentation.counts}),
                one.shape,
                rgb_of(colour_of, mask.label),
            )
            for one, mask in zip(objects, line.masks, strict=True)
        ]
        with asked.scene(number) as scene, replacing(folder / f"{number:06d}.png") as file:
            overlay(scene.read(), drawn).save(file, "PNG")
        done += 1
    return done
