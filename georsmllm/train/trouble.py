"""Errors of training that one process meets alone, so that it must say them itself."""

from __future__ import annotations

from georsmllm.errors import UsageError


class OwnTrouble(UsageError):
    """The device of this process has no room left, for one."""
