"""KEY=VALUE words that change single keys of a recipe before it is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.discover import nearest
from georsmllm.errors import UsageError

if TYPE_CHECKING:
    import yaml

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What YAML holds."""


@cache
def loader() -> type[yaml.SafeLoader]:
    """A safe loader to which 1e-5 is a number, as in YAML 1.2; to PyYAML's own it is text."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
    return Loader


def set_key(tree: dict[str, Plain], override: str) -> None:
    """Change a tree in place by one word, `tiles.size=512`. An entry of a list is meant by its name or number
    (`sources.dota.path=/data/DOTA`), and null takes it out. Raises UsageError."""
    import yaml

    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UsageError(f"expected key=value like tiles.size=512, got {override!r}")
    try:
        value = yaml.load(text, Loader=loader())  # noqa: S506 - a safe loader of our own
    except yaml.YAMLError:
        raise UsageError(f"{override!r}: the value is not YAML") from None
    *path, last = key.split(".")
    node: dict[str, Plain] | list[Plain] = tree
    for step in path:
        below = node[_index(node, step, override)] if isinstance(node, list) else node.setdefault(step, {})
        if not isinstance(below, (dict, list)):
            raise UsageError(f"{override!r}: {step} is not a group of keys")
        node = below
    if isinstance(node, dict):
        node[last] = value
    elif value is None:
        del node[_index(node, last, override)]
    else:
        node[_index(node, last, override)] = value


def _index(entries: Sequence[Plain], step: str, override: str) -> int:
    """Where an entry of a list stands: by its number, or, of a source, by its name."""
    names = [
        str(one.get("name") or Path(str(one.get("dataset"))).stem) if isinstance(one, dict) else str(one)
        for one in entries
    ]
    if step in names:
        return names.index(step)
    if step.isdigit() and int(step) < len(entries):
        return int(step)
    raise UsageError(f"{override!r}: there is no {step!r}; {nearest(step, tuple(names))}")
