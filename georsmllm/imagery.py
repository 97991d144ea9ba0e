"""Whose pixels an image shows: DOTA and DIOR scenes by their file names, and the table of datasets that share imagery."""

from __future__ import annotations

import re
from importlib.resources import files

import msgspec

_NAMES = (
    ("dota", re.compile(r"P\d{4}(?!\d)")),  # P0706, P0003_0002, P0706__1__0___0, P0224_0_800_0_800
    ("dior", re.compile(r"\d{5}(?!\d)")),  # 00001, 00001_0000
)


def scene_of(stem: str) -> str | None:
    """The scene of a name that begins as DOTA or DIOR number their images ("dota/P0706", "dior/00001"), else None.

    A name of five digits may be another dataset's (FAIR1M numbers above 9999); a false match only puts more images into
    one scene, which is safe for splits.
    """
    for group, name in _NAMES:
        if found := name.match(stem):
            return f"{group}/{found.group()}"
    return None


class Imagery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pixels that several datasets show. scene: the literal name that their readers share, "" where the names do not map.
    datasets: reader -> how its files name the imagery."""

    imagery: str
    scene: str
    datasets: dict[str, str]
    note: str


def imageries() -> tuple[Imagery, ...]:
    """The table of datasets that share imagery (methods section 5.2, datasets 0.8)."""
    text = files("georsmllm").joinpath("resources", "imagery.json").read_bytes()
    return msgspec.json.decode(text, type=tuple[Imagery, ...])
