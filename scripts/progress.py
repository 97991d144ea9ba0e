"""Progress bars of the commands, on stderr and only where a person watches."""

from __future__ import annotations

from tqdm import tqdm


def bar(description: str, total: int) -> tqdm[None]:
    """A bar that hides when stderr is no terminal."""
    return tqdm(total=total, desc=description, disable=None, unit="", dynamic_ncols=True)
