"""What land is used for and what covers it: a two-level taxonomy, and the way there from the classes of datasets.

Land use: 12 Level-1 and 57 Level-2 classes (the Chinese land-use standard of 2007 in the form that MVT uses, arXiv
2509.18693), codes "01" and "011". Crosswalks are set-valued, because a class name seldom decides the use: a LoveDA
"building" may be commercial, industrial, residential or public. Land cover: nine coarse tags, one at most per class;
rows marked lossy hold more than their tag says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

from georsmllm.classes import canonical

MAX_ANSWER_CHARACTERS = 300
MAX_EDITS = 2  # methods §7.3; of a short name at most a quarter, or "sand" would be read as "pond"

_ANSWER = re.compile(r"level-1: *(?P<level1>[^;:]*?) *(?:; *level-2: *(?P<level2>[^;:]*?) *)?\.?", re.IGNORECASE)
_BRACKETS = str.maketrans("", "", "[]()<>⟨⟩\"'*`.,")


class Level2(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    name: str
    aliases: tuple[str, ...]


class Level1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    name: str
    aliases: tuple[str, ...]
    children: tuple[Level2, ...]


class Codes(NamedTuple):
    """What a class may be used for, sorted; both empty: outside the taxonomy (a ship, the sea, a cloud)."""

    level1: tuple[str, ...]
    level2: tuple[str, ...]


class Cover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The coarse land cover of a class.

    tag: None where the class says nothing of the cover. lossy: what else the class holds, "" when its tag is the whole
    truth. may_hold: tags that lie unmarked inside a lossy class, so that their area in the dataset is not known.
    """

    tag: str | None
    may_hold: tuple[str, ...] = ()
    lossy: str = ""


class Heard(NamedTuple):
    """The codes that an answer names. `level2` is set only where it is a child of `level1`."""

    verdict: Literal["ok", "bad_form", "unknown_level1", "unknown_level2", "inconsistent"]
    level1: str | None
    level2: str | None


class _Crosswalk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """shared: classes whose row stands in `shared.json`, the same for every dataset. own: class -> codes."""

    shared: tuple[str, ...]
    own: dict[str, tuple[str, ...]]


class _Covers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tags: tuple[str, ...]
    datasets: dict[str, dict[str, Cover]]


@cache
def land_use() -> tuple[Level1, ...]:
    """The taxonomy, by code."""
    return msgspec.json.decode(_resource("land_use_12_57.json"), type=tuple[Level1, ...])


def level1(code: str) -> Level1:
    return _level1_by_code()[code]


def level2(code: str) -> Level2:
    return _level2_by_code()[code]


def parent(code: str) -> str:
    """The Level-1 code above a Level-2 code, or the Level-1 code itself."""
    return code[:2]


@cache
def crosswalk_names() -> tuple[str, ...]:
    """The datasets that have a crosswalk, sorted."""
    rows = files("georsmllm").joinpath("resources", "crosswalks").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in rows if file.name != "shared.json"))


@cache
def crosswalk_table(dataset: str) -> Mapping[str, Codes]:
    """Canonical class name -> codes; empty for a dataset that has no crosswalk."""
    if dataset not in crosswalk_names():
        return {}
    rows = msgspec.json.decode(_resource("crosswalks", f"{dataset}.json"), type=_Crosswalk)
    shared = msgspec.json.decode(_resource("crosswalks", "shared.json"), type=dict[str, tuple[str, ...]])
    codes = {name: shared[name] for name in rows.shared} | rows.own
    return {name: _expanded(codes[name]) for name in sorted(codes)}


def crosswalk(dataset: str, label: str) -> Codes | None:
    """The land uses that a dataset's class may have; None where no row says."""
    return crosswalk_table(dataset).get(canonical(label))


def coarse_tags() -> tuple[str, ...]:
    return _covers().tags


def coarse_table(dataset: str) -> Mapping[str, Cover]:
    """Canonical class name -> coarse cover; empty for a dataset that has no row."""
    return _covers().datasets.get(dataset, {})


def coarse(dataset: str, label: str) -> str | None:
    """The coarse land-cover tag of a dataset's class; None where it has none."""
    cover = coarse_table(dataset).get(canonical(label))
    return cover.tag if cover else None


def say(level1_code: str, level2_code: str | None = None) -> str:
    """The answer that names a land use: "Level-1: Residential Land; Level-2: Urban Residential"."""
    first = f"Level-1: {level1(level1_code).name}"
    return f"{first}; Level-2: {level2(level2_code).name}" if level2_code else first


def hear(text: str) -> Heard:
    """The codes of an answer in the form of `say`; total.

    Names are found exactly, then without case and with "&" as "and", then by alias, then within two edits when one
    name alone is nearest (methods §7.3).
    """
    match = _ANSWER.fullmatch(text.strip()) if len(text) <= MAX_ANSWER_CHARACTERS else None
    if match is None:
        return Heard("bad_form", None, None)
    above = _find(match["level1"], _names(1))
    if above is None:
        return Heard("unknown_level1", None, None)
    if match["level2"] is None:
        return Heard("ok", above, None)
    below = _find(match["level2"], _names(2))
    if below is None:
        return Heard("unknown_level2", above, None)
    return Heard("ok", above, below) if parent(below) == above else Heard("inconsistent", above, None)


@cache
def _level1_by_code() -> dict[str, Level1]:
    return {above.code: above for above in land_use()}


@cache
def _level2_by_code() -> dict[str, Level2]:
    return {below.code: below for above in land_use() for below in above.children}


@cache
def _covers() -> _Covers:
    return msgspec.json.decode(_resource("coarse.json"), type=_Covers)


def _expanded(codes: tuple[str, ...]) -> Codes:
    """A bare Level-1 code stands for all of its children."""
    below = {code for code in codes if len(code) == 3}
    below |= {child.code for code in codes if len(code) == 2 for child in level1(code).children}
    return Codes(tuple(sorted({parent(code) for code in codes})), tuple(sorted(below)))


@cache
def _names(level: Literal[1, 2]) -> dict[str, str]:
    """Folded name or alias -> code, names before aliases."""
    nodes: tuple[Level1, ...] | tuple[Level2, ...] = land_use() if level == 1 else tuple(_level2_by_code().values())
    aliases = {_fold(alias): node.code for node in nodes for alias in node.aliases}
    return aliases | {_fold(node.name): node.code for node in nodes}


def _fold(name: str) -> str:
    """Lower-case words; "&" is "and", a hyphen a space, brackets, quotes and commas nothing, a last "land" nothing."""
    words = name.lower().translate(_BRACKETS).replace("&", " and ").replace("-", " ").split()
    return " ".join(words[:-1] if len(words) > 1 and words[-1] == "land" else words)


def _find(name: str, names: Mapping[str, str]) -> str | None:
    folded = _fold(name)
    if folded in names:
        return names[folded]
    allowed = min(MAX_EDITS, len(folded) // 4)
    near = [(edits, code) for known, code in names.items() if (edits := _edits(folded, known, allowed)) <= allowed]
    least = min((edits for edits, _ in near), default=0)
    codes = {code for edits, code in near if edits == least}
    return codes.pop() if len(codes) == 1 else None


def _edits(a: str, b: str, most: int) -> int:
    """Levenshtein distance, or `most` + 1 where the lengths alone differ by more."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def _resource(*path: str) -> bytes:
    return files("georsmllm").joinpath("resources", *path).read_bytes()
