"""The noun that conditions are read for."""

from __future__ import annotations

from dataclasses import dataclass

from . import lexicon
from .tree import Image


@dataclass(slots=True)
class Owner:
    """The noun that conditions are read for. image: set by "in image B" among them. head: "" may be filled by "that is
    vegetation". is_line: a road or river, which is not told by what it is near to."""

    head: str = ""
    is_plural: bool = False
    is_definite: bool = False
    image: Image = "single"
    is_generic: bool = False

    @property
    def is_line(self) -> bool:
        return self.is_definite and not self.is_plural and lexicon.is_line(self.head)
