"""The heavy dependencies, asked for by name before they are imported, so that a missing one is one line."""

from __future__ import annotations

from importlib.util import find_spec

from georsmllm.errors import MissingExtra, UsageError


def require(purpose: str, *packages: str) -> None:
    """Raises MissingExtra unless torch, transformers and the packages named are installed."""
    for package in ("torch", "transformers", *packages):
        if find_spec(package) is None:
            raise MissingExtra(package, "model", purpose)


def require_beside(package: str, purpose: str, way_out: str) -> None:
    """The same for a package that belongs to no extra of ours; raises UsageError."""
    if find_spec(package) is None:
        raise UsageError(f"{purpose} needs {package}: {way_out}")
