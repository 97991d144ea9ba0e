"""The opposite of conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .tree import Compares, Condition, Either, Has, Mode, Stands

_OPPOSITE: dict[Mode, Mode] = {"greater_than": "less_than", "less_than": "at_least", "at_least": "less_than"}


def denied(conditions: Sequence[Condition]) -> list[Condition]:
    """None of these conditions: each is turned round. What has no opposite (a superlative, a change) stays as it is."""
    found: list[Condition] = []
    for one in conditions:
        if isinstance(one, Has | Stands):
            found.append(replace(one, negated=not one.negated))
        elif isinstance(one, Compares):
            found.append(replace(one, mode=_OPPOSITE.get(one.mode, one.mode)))
        elif isinstance(one, Either):
            for branch in one.branches:
                found.extend(denied(branch))
        else:
            found.append(one)
    return found
