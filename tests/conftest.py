"""Shared by all tests: where the invented fixtures lie, and the real samples beside the repository, when they are there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)  # the first call of a compiled kernel takes seconds
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)  # one commit, one verdict
settings.load_profile("ci" if os.environ.get("CI") else "here")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def data() -> Path:
    """The folder of invented fixtures."""
    return ROOT / "tests" / "data"


@pytest.fixture
def real() -> Callable[[str], Path]:
    """A folder of real samples by name; skips where they are not (they never come with the repository)."""

    def folder(name: str) -> Path:
        path = ROOT.parent / "shared" / "samples" / name
        if not path.exists():
            pytest.skip(f"real samples are not here: {name}")
        return path

    return folder
