"""Whose pixels an image shows, by its file name: datasets that cut and renamed DOTA or DIOR images share their scenes."""

from __future__ import annotations

import re

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
