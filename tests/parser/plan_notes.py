"""Ideal plans in short notes, one line a query: "boxes: D planes; D the river; R 1/2 on_side_of side=east".

D detect, S segment (with @A or @B for the image), A attribute, R relation, C compare, N count, X change, U combine, F a last
segment step. "1/2" is input 1 and anchor 2; "!" denies; "_" stands for a space within a value.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm.parser.evaluate import Gold
from georsmllm.parser.plan import Plan

EMPTY = dict.fromkeys(("target", "attribute", "relation", "compare", "change", "combine"))


class Note(NamedTuple):
    query: str
    num_images: int
    steps: str


def notes(path: Path) -> list[Note]:
    """The notes of a file; blocks are parted by empty lines, lines with # are remarks."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = []
    for block in "\n".join(lines).strip().split("\n\n"):
        query, steps = block.strip().splitlines()
        found.append(Note(query.removeprefix("2|"), 1 + query.startswith("2|"), steps))
    return found


def gold(note: Note) -> Gold:
    """The note as an ideal plan."""
    answer_type, _, text = note.steps.partition(": ")
    steps = [step(number, one.strip()) for number, one in enumerate(text.split(";"), start=1)]
    plan = {"steps": steps, "answer_from": f"s{len(steps)}", "answer_type": answer_type}
    return Gold(note.query, note.query, msgspec.convert(plan, Plan), note.num_images, ())


def step(number: int, text: str) -> dict[str, object]:
    code, _, rest = text.partition(" ")
    code, _, image = code.partition("@")
    made: dict[str, object] = EMPTY | {"id": f"s{number}", "role": "target", "image": image or "single"}
    if code in ("D", "S"):
        return made | {"type": "detect" if code == "D" else "segment", "target": rest} | places("", "")
    if code == "X":
        what, kind = rest.split()
        change = {"kind": kind, "from_image": "A", "to_image": "B"}
        return (
            made
            | {"type": "change", "target": what.replace("_", " "), "change": change, "image": "pair"}
            | places("", "")
        )
    where, _, told = rest.partition(" ")
    inputs, _, anchors = where.partition("/")
    return made | places(inputs, anchors) | condition(code, told.split())


def places(inputs: str, anchors: str) -> dict[str, object]:
    lists = {
        "inputs": [f"s{one}" for one in inputs.split(",") if one],
        "anchors": [f"s{one}" for one in anchors.split(",") if one],
    }
    return lists | {"text": " ".join(f"{{{one}}}" for one in [*lists["inputs"], *lists["anchors"]]) or "Look."}


def condition(code: str, words: list[str]) -> dict[str, object]:
    given = {name: value(text) for name, _, text in (word.partition("=") for word in words) if text}
    plain = [word for word in words if "=" not in word]
    if code == "A":
        name, _, text = words[0].partition("=")
        attribute = {"name": name.lstrip("!"), "value": text.replace("_", " "), "negated": name.startswith("!")}
        return {"type": "filter_attribute", "attribute": attribute}
    if code == "R":
        known = {"value": None, "unit": None, "side": None} | given
        return {
            "type": "filter_relation",
            "relation": known | {"name": plain[0].lstrip("!"), "negated": plain[0].startswith("!")},
        }
    if code == "C":
        return {
            "type": "compare",
            "compare": {"k": None, "value": None} | given | {"criterion": plain[0], "mode": plain[1]},
        }
    if code == "U":
        return {"type": "combine", "combine": {"op": plain[0]}}
    return {"type": "count" if code == "N" else "segment"}


def value(text: str) -> object:
    return int(text) if text.isdigit() else text.replace("_", " ")
