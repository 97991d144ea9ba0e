"""GeoChat: LLaVA's conversations of one image, points in GeoChat's own form: {<x1><y1><x2><y2>|<degrees>}, 0 to 100.

Rules (mbzuai-oryx/GeoChat, a fork of LLaVA-1.5): a JSON list, one image a record, <image> at the head; [refer] asks where
something is and [identify] what is somewhere, other questions bear no tag. What the form cannot say (polygons, points,
keypoints) it cannot say at all, so such a record is left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import msgspec

from georsmllm.contracts import SizeWH, Spoken
from georsmllm.discover import dialect
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.hearing import IN_DEGREES, stretches_of

from ..conversations import HEAD, REASONS, SYSTEM, Conversation, Turn, fault, is_headed
from ..export_job import Export, Hashed, Job
from .llava import row

READS = """\
```sh
# OUT is this folder
python geochat/train/train_mem.py --data_path OUT/train.json --image_folder OUT ...
```

Points are in GeoChat's form, rounded to whole percents of the image: about 5 px of a 512 px image. Where the set's own tag
means what one of GeoChat's means it became that ([det], [refer] to [refer], [region] to [identify]); other tags are gone,
as GeoChat asks such questions without one."""

TAGS = {"det": "[refer] ", "refer": "[refer] ", "region": "[identify] "}
_TAG = re.compile(r"(?<=^<image>\n)\[[a-z_]+\] ")


class _Size(msgspec.Struct, frozen=True, gc=False):
    width: int
    height: int


class _Provenance(msgspec.Struct, frozen=True, gc=False):
    views: tuple[_Size, ...]
    dialect: str


class Heard(Conversation, frozen=True, gc=False):
    provenance: _Provenance


def in_geochat(record: Heard) -> Heard:
    """The record as GeoChat says it; raises CannotSay, and BadAnswer for points that are not of the set's own form."""
    view = record.provenance.views[0]
    ours, theirs = dialect(record.provenance.dialect), dialect("geochat")
    turns = []
    for turn in record.messages:
        text = turn.content
        if ours is not theirs and not (record.task == IN_DEGREES and turn.role == "assistant"):
            text = _translated(turn, (view.width, view.height), record.provenance.dialect)
        turns.append(Turn(turn.role, _TAG.sub(TAGS.get(record.task, ""), text)))
    return msgspec.structs.replace(record, messages=tuple(turns))


def _translated(turn: Turn, size_wh: SizeWH, of: str) -> str:
    ear = dialect(of)
    pieces = []
    at = 0
    for stretch in stretches_of(of, turn.content, "answer" if turn.role == "assistant" else "prompt"):
        pieces += [turn.content[at : stretch.start], _said(ear.decode(stretch.text, size_wh, ear.kinds), size_wh)]
        at = stretch.end
    return "".join([*pieces, turn.content[at:]])


def _said(spoken: Sequence[Spoken], size_wh: SizeWH) -> str:
    """In GeoChat's form; of several classes a line for each."""
    encode = dialect("geochat").encode
    labels = dict.fromkeys(one.label for one in spoken)
    if len(labels) < 2:
        return encode(spoken, size_wh, None)
    return "\n".join(
        f"{label}: {encode([one for one in spoken if one.label == label], size_wh, None)}" for label in labels
    )


def write(job: Job) -> str:
    for split in job.splits:
        job.write(f"{split}.json", partial(_write_split, job, split))
    return ""


def _fault(record: Heard) -> str | None:
    if len(record.images) != 1 or not record.provenance.views:
        return "not_one_image"
    return fault(record, system=False) or (None if is_headed(record) else "image_inside")


def _write_split(job: Job, split: str, out: Hashed) -> None:
    encode = msgspec.json.Encoder().encode
    joint = b"[\n"
    for record in job.rows(split, Heard):
        reason = _fault(record)
        if reason is None:
            try:
                said = in_geochat(record)
            except CannotSay as cannot:
                reason = cannot.reason
            except BadAnswer:
                reason = "unheard"
        if reason is not None:
            job.cannot(reason)
            continue
        out.write(joint + encode(row(said)))
        joint = b",\n"
        job.wrote("records")
        job.image(record.images[0])
    out.write(b"\n]\n" if joint == b",\n" else b"[]\n")


EXPORT = Export(
    title="GeoChat conversations",
    reads=READS,
    images=("copy", "link", "none"),
    reasons={
        **REASONS,
        **SYSTEM,
        **HEAD,
        "not_one_image": "GeoChat reads one image, and the record has another number of them.",
        "not_in_dialect": "The record has a polygon, a point or keypoints, and GeoChat's form has boxes only.",
        "collapsed": "In whole percents of the image the box would have no area.",
        "outside_view": "A shape leaves its view.",
        "not_finite": "A coordinate is not a number.",
        "unheard": "The points of the record are not of the form that it names.",
    },
    write=write,
)
