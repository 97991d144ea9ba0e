"""LEVIR-MCI and LEVIR-CC: pairs of images, the roads and buildings that changed between them, and five captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import msgspec

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, not_there
from georsmllm.formats import json_record, label_png, label_rgb
from georsmllm.formats.json_record import decode, read_span
from georsmllm.json_lists import Span, scan
from georsmllm.types import Sample, Target, Text

from . import _pairs
from ._folders import by_stem

CARD = Card(
    title="LEVIR-MCI / LEVIR-CC: change masks of roads and buildings, and change captions, of 10,077 pairs of 256 px",
    layout="""
ROOT/images/{train,val,test}/{A,B}/train_000016.png        A is before, B after; files pair by name, never by order
ROOT/images/{train,val,test}/label/train_000016.png        or label_rgb; a part without either (LEVIR-CC) has captions
                                                           only (tag "unlabelled")
ROOT/LevirCCcaptions.json                                  without it there are masks only
The split is the folder. A pair that the JSON lists and the folders lack is image_missing.
""".strip(),
    label_line='{"filename": "train_000016.png", "filepath": "train", "changeflag": 1, "sentences": [{"raw": " a road '
    'appears ."}, ...]}; label: grey 0 the rest, 128 road, 255 building, in one or three equal channels',
    classes="""
road and building, on the second image, with the attribute change=any: the mask does not tell built from demolished. An
object is what hangs together, corners included. Of a labelled pair every change of both classes is known, so "no change"
is a fact, except where the captions claim one (see defects). label_rgb: (255, 255, 0) road, (255, 0, 0) building.
The five sentences become captions with white space tidied ("a road appears."); changeflag becomes a tag, "changeflag:1".
A training pair that has "the scene is the same as before" keeps that sentence alone, as its authors train with it.
""".strip(),
    paper="Liu et al., Change-Agent: Towards Interactive Comprehensive Remote Sensing Change Interpretation and Analysis, "
    "TGRS 2024 (arXiv:2403.19646); captions: Liu et al., Remote Sensing Image Change Captioning With Dual-Branch "
    "Transformers, TGRS 2022",
    licence="non-commercial academic use",
    defects="""
350 of the 6,815 training pairs contradict themselves (Change-Agent, issue 18): 211 have changeflag 0 over a mask with
changes ("caption_denies_change"), 139 have changeflag 1 over an empty mask ("caption_claims_change", often of plants and
yards, which have no class). Such a pair keeps its mask and loses its captions; under a claim it is sure of no absence.
The images are crops of LEVIR-CD under numbers of their own: only their pixels tell (content hashes). The numbers have
gaps. Loaders that make B's path by replacing every "A" break on folders that hold that letter.
""".strip(),
    sizes={"train": 6815, "val": 1333, "test": 1929},
)
REASONS = {
    **label_rgb.REASONS,
    **_pairs.REASONS,
    **json_record.REASONS,
}
MENDS = {
    "caption_denies_change": "captions of a pair whose changeflag is 0 and whose mask has changes were left out",
    "caption_claims_change": "captions of a pair whose changeflag is 1 and whose mask is empty were left out",
    "unchanged_caption_only": "of a training pair that has the unchanged sentence, its other captions were left out",
}
CAPTIONS = "LevirCCcaptions.json"
SPLITS = ("test", "train", "val")
GREY = {128: "road", 255: "building"}
COLOURED = {1: "road", 2: "building"}
COLOURS = {(0, 0, 0): 0, (255, 255, 0): 1, (255, 0, 0): 2}
CLASSES = tuple(sorted(canonical(name) for name in GREY.values()))
UNCHANGED = "the scene is the same as before."
_BEFORE_STOP = re.compile(r"\s+(?=[.,;:?!])")


class _Name(msgspec.Struct, frozen=True):
    filename: str
    filepath: Literal["train", "val", "test"]


class _Sentence(msgspec.Struct, frozen=True):
    raw: str


class _Entry(msgspec.Struct, frozen=True):
    sentences: tuple[_Sentence, ...]
    changeflag: Literal[0, 1] | None = None


class _Captions(NamedTuple):
    """What the entry of a pair says. tags: its changeflag."""

    texts: tuple[Text, ...]
    tags: tuple[str, ...]
    mended: tuple[tuple[str, int], ...]


def find(root: Path) -> Iterator[Ref]:
    folder(root, f"a LEVIR-MCI folder with images/train/A ... and {CAPTIONS}")
    parts = _parts(root)
    if not parts:
        expected = "images/train, each part with A, B and label"
        raise not_there(root, "images/train/A and images/train/B", lambda path: bool(_parts(path)), expected)
    spans = _index(root)
    for split in SPLITS:
        yield from _find_part(root, split, spans.get(split, {}), is_there=split in parts)


def _parts(root: Path) -> list[str]:
    return [split for split in SPLITS if all((root / "images" / split / side).is_dir() for side in "AB")]


def _index(root: Path) -> dict[str, dict[str, Span]]:
    """Split -> name of a pair -> where its entry lies in the JSON."""
    path = root / CAPTIONS
    spans: dict[str, dict[str, Span]] = {}
    if not path.is_file():
        return spans
    lists = scan(path, {"images": "imgid"})
    if "images" not in lists:
        raise UsageError(f"{path}: expected an object with the list images, one entry a pair")
    with path.open("rb") as file:
        for start, end in lists["images"].elements.spans.tolist():
            file.seek(start)
            try:
                entry = decode(_NAME, file.read(end - start), f"{path}@{start}")
            except BadRecord as bad:
                raise UsageError(f"{bad.where}: {bad.message}; mend this entry in the file") from None
            part, name = spans.setdefault(entry.filepath, {}), PurePosixPath(entry.filename)
            if name.name != entry.filename or name.stem in part:
                expected = "a bare file name, each once"
                raise UsageError(f"{path}@{start}: expected {expected}, got {entry.filename!r} in {entry.filepath}")
            part[name.stem] = (start, end)
    return spans


def _find_part(root: Path, split: str, spans: dict[str, Span], *, is_there: bool) -> Iterator[Ref]:
    below = f"images/{split}"
    labels = [side for side in ("label", "label_rgb") if (root / below / side).is_dir()]
    sides = ("A", "B", *labels) if is_there else ()
    files = {side: by_stem(root, f"{below}/{side}", images.SUFFIXES) for side in sides}
    for stem in sorted(set(spans).union(*files.values())):
        # A file that is missing keeps the name that its fellow would give it, so that reading names it.
        name = next((PurePosixPath(files[side][stem]).name for side in sides if stem in files[side]), f"{stem}.png")
        paths = [files.get(side, {}).get(stem, f"{below}/{side}/{name}") for side in "AB"]
        if labels:
            mask = (files[side][stem] for side in labels if stem in files[side])
            paths.append(next(mask, f"{below}/{labels[0]}/{name}"))
        captions = [CAPTIONS] if stem in spans else []
        yield Ref(f"{split}/{stem}", split, (*paths, *captions), (spans[stem],) if captions else ())


def read(root: Path, ref: Ref) -> Sample:
    pair = _pairs.paired(root, *ref.paths[:2])
    masks = [path for path in ref.paths[2:] if path != CAPTIONS]
    sample = Sample(
        id=f"levir_mci/{ref.key}",
        dataset="levir_mci",
        split=ref.split,
        scene=f"levir_mci/{PurePosixPath(ref.key).name}",
        images=pair,
        targets=_changes(root, masks[0], pair[0].size_wh) if masks else (),
        classes=CLASSES,
        exhaustive=CLASSES if masks else (),
        tags=() if masks else ("unlabelled",),
    )
    if not ref.spans:
        return sample
    found = _captions(root, ref, has_change=bool(sample.targets) if masks else None)
    claimed = any(name == "caption_claims_change" for name, _ in found.mended)
    return replace(
        sample,
        texts=found.texts,
        tags=(*found.tags, *sample.tags),
        exhaustive=() if claimed else sample.exhaustive,
        mended=found.mended,
    )


def _changes(root: Path, path: str, size_wh: tuple[int, int]) -> tuple[Target, ...]:
    if PurePosixPath(path).parent.name == "label_rgb":
        found = label_png.objects(label_rgb.read(root, path, size_wh, colours=COLOURS), COLOURED, min_area_px=0)
    else:
        labels = label_png.read(root, path, size_wh, values=(0, *GREY))
        found = label_png.objects(labels, GREY, min_area_px=0)
    return tuple(replace(target, image=1, attributes=(("change", "any"),)) for target in found)


def _captions(root: Path, ref: Ref, *, has_change: bool | None) -> _Captions:
    """has_change: whether the mask has changes, None where there is no mask."""
    raw = read_span(root / CAPTIONS, ref.spans[0])
    where = f"{CAPTIONS}@{ref.spans[0][0]}"
    entry = decode(_ENTRY, raw, where)
    said = [_tidy(sentence.raw) for sentence in entry.sentences]
    if not said or not all(said):
        raise BadRecord("bad_entry", "expected sentences, got none or an empty one", where=where, raw=raw.decode())
    kept, mended = said, Counter[str]()
    if has_change is not None and entry.changeflag is not None and has_change != bool(entry.changeflag):
        kept = []
        mended["caption_denies_change" if has_change else "caption_claims_change"] = len(said)
    elif ref.split == "train" and UNCHANGED in said and len(said) > 1:
        kept = [UNCHANGED]
        mended["unchanged_caption_only"] = len(said) - 1
    tags = () if entry.changeflag is None else (f"changeflag:{entry.changeflag}",)
    return _Captions(tuple(Text("caption", text) for text in kept), tags, tuple(sorted(mended.items())))


def _tidy(raw: str) -> str:
    """A sentence with single spaces, none of them at its ends or before a stop."""
    return _BEFORE_STOP.sub("", " ".join(raw.split()))


_NAME = msgspec.json.Decoder(_Name)
_ENTRY = msgspec.json.Decoder(_Entry)
CONVERTER = Converter(CARD, find, read, REASONS, MENDS)
