"""What the server asks of a model: conditional queries, and plain chat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from georsmllm.found import Watch
from georsmllm.result import Result
from georsmllm.scene import Scene
from georsmllm.types import Message

BoxXYXY = tuple[float, float, float, float]


class Asker(Protocol):
    """One model, one call at a time; `georsmllm.session.Session` is the real one.

    Whatever `watch` raises, and whoever closes the iterator of `say`, ends the work at its next step.
    """

    @property
    def title(self) -> str:
        """The model's name, as shown and as listed in /v1/models."""
        ...

    def scene(self, picture: Path) -> Scene:
        """A file as the model sees it, its values stretched as in training. Raises UsageError or BadImage."""
        ...

    def ask(
        self,
        image: Scene,
        query: str,
        *,
        image_b: Scene | None = None,
        box: BoxXYXY | None = None,
        watch: Watch = Watch(),  # noqa: B008 - frozen and without effects
    ) -> Result:
        """A query answered by its steps. image_b: the later image of a pair. box: a visual prompt in scene pixels."""
        ...

    def say(
        self, messages: Sequence[Message], images: Sequence[Scene], *, max_new_tokens: int, temperature: float
    ) -> Iterator[str]:
        """Plain chat: pieces of text as they are generated. Messages hold words only, the images stand before the first
        question. A generator may return a `streaming.Ended`."""
        ...
