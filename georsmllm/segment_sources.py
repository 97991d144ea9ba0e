"""What a prediction file is about: the records of a set with their images, or images alone that the ids name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from georsmllm.errors import BadRecord, UsageError
from georsmllm.hearing import OWN, spoken_image
from georsmllm.scene import Scene
from georsmllm.types import Provenance, Record, ViewFacts

if TYPE_CHECKING:
    from georsmllm.train.sources import Source

_SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


class Asked(Protocol):
    """Records and their images, by number. key: equal keys, equal images."""

    fingerprint: str

    def __len__(self) -> int: ...
    def record(self, number: int) -> Record: ...
    def key(self, number: int) -> str: ...
    def scene(self, number: int) -> Scene: ...


class OfSet:
    """The records of a set; each image is the view that the record's answer is about."""

    def __init__(self, source: Source, count: int) -> None:
        self._source = source
        self._count = count
        self.fingerprint = source.fingerprint

    def __len__(self) -> int:
        return self._count

    def record(self, number: int) -> Record:
        return self._source[number]

    def key(self, number: int) -> str:
        record = self.record(number)
        return record.images[spoken_image(record)]

    def scene(self, number: int) -> Scene:
        """Raises UsageError for an image that is gone or damaged."""
        try:
            picture = self._source.images(number)[spoken_image(self.record(number))]
        except BadRecord as bad:
            raise UsageError(str(bad)) from None
        return Scene(picture)


class OfFolder:
    """Predictions that are no records of a set: each id is the path of its image below the folder, with or without its ending;
    what follows a "#" is not of the path. dialect: the form that the points are written in."""

    def __init__(self, folder: Path, ids: Sequence[str], *, dialect: str = OWN) -> None:
        if not folder.is_dir():
            raise UsageError(f"no such folder: {folder}; expected the images of the predictions")
        self._folder = folder
        self._ids = ids
        self._dialect = dialect
        self.fingerprint = hashlib.sha256("\n".join((dialect, *ids)).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._ids)

    def record(self, number: int) -> Record:
        size = self.scene(number).image.size_wh
        return bare_record(self._ids[number], self.key(number), size, self._dialect)

    def key(self, number: int) -> str:
        """The path of the image below the folder; raises UsageError where there is none."""
        name = self._ids[number].split("#", maxsplit=1)[0]
        for suffix in _SUFFIXES:
            path = self._folder / (name + suffix)
            if path.is_file() and path.resolve().is_relative_to(self._folder.resolve()):
                return name + suffix
        raise UsageError(
            f"no image of prediction {self._ids[number]!r} in {self._folder}: expected {name} or {name}.png, .jpg, .tif; "
            "for ids of a set's records give the set"
        )

    def scene(self, number: int) -> Scene:
        return Scene(self._folder / self.key(number))


def bare_record(identity: str, image: str, size_wh: tuple[int, int], dialect: str) -> Record:
    """A record of which nothing is known but its image."""
    facts = ViewFacts(image, *size_wh, (), (), "", "", "")
    return Record(
        id=identity,
        images=(image,),
        messages=(),
        task="",
        gold=(),
        gold_text="",
        provenance=Provenance("", "", "", "", "", (), False, "", "", (facts,), "", "", (), dialect),
    )


def check_answered(source: Source, ids: Collection[str]) -> None:
    """Raises UsageError where predictions answer none of a set's records."""
    known = {source.conversation(number).id for number in range(len(source))}
    unknown = [identity for identity in ids if identity not in known]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise UsageError(
            f"{len(unknown)} predictions answer none of the {len(known)} records: {', '.join(map(repr, unknown[:3]))}{more}; "
            "take the set and split that they were made of"
        )
