"""A record of an instruction, as the build would write it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from recording import recorded

from georsmllm.types import Instruction, Record


@pytest.fixture
def record_of() -> Callable[[Instruction], Record]:
    return recorded
