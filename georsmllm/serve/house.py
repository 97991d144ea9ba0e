"""What all requests share: the model, the desk before it, the files."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.requests import Request

from georsmllm.serve.asker import Asker
from georsmllm.serve.bodies import Readers
from georsmllm.serve.desk import Desk
from georsmllm.serve.samples import Samples
from georsmllm.serve.settings import Settings
from georsmllm.serve.store import Store


@dataclass(frozen=True, slots=True)
class House:
    """started: seconds since 1970."""

    asker: Asker
    settings: Settings
    desk: Desk
    store: Store
    samples: Samples
    readers: Readers
    started: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def open(cls, asker: Asker, settings: Settings) -> House:
        store = Store(settings, asker.scene)
        return cls(
            asker, settings, Desk(settings.queue), store, Samples(settings.samples, store), Readers(settings.bodies)
        )

    @classmethod
    def of(cls, request: Request) -> House:
        house = request.app.state.house
        assert isinstance(house, cls)
        return house

    @property
    def hidden(self) -> tuple[str, ...]:
        """Folders that no client is told of."""
        own = f"{self.store.folder}/"
        return (own,) if self.settings.samples is None else (own, f"{self.settings.samples}/")

    def close(self) -> None:
        """Asks end at their next step, then the files go."""
        self.desk.close()
        self.store.close()
