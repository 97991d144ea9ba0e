"""One small model for all tests of this folder; they read it and write elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from georsmllm.model import tiny


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make("mini", tmp_path_factory.mktemp("models") / "mini")
