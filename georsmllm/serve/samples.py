"""Images of a folder that the page offers by name; clients know them by id, never by path."""

from __future__ import annotations

import hashlib
import secrets
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from georsmllm.files import folder, walk
from georsmllm.images import SUFFIXES
from georsmllm.serve.store import Kept, Store

MAX_OFFERED = 1000


class Offered(NamedTuple):
    id: str
    name: str


class Samples:
    """root: None offers nothing. Raises UsageError for a folder that is not there."""

    def __init__(self, root: Path | None, store: Store) -> None:
        self.root = None if root is None else folder(root, "a folder of images")
        self.store = store
        self._secret = secrets.token_bytes(16)
        self._names: dict[str, str] = {}

    def offered(self) -> tuple[Offered, ...]:
        """In the order of their names."""
        if self.root is None:
            return ()
        names = islice(walk(self.root, SUFFIXES), MAX_OFFERED)
        found = tuple(Offered(self._id(name), name) for name in names)
        self._names = {one.id: one.name for one in found}
        return found

    def opened(self, identity: str) -> Kept:
        """An uploaded image, or one of the folder, which is opened when it is first wanted; raises Refusal."""
        name = self._names.get(identity)
        if name is None or self.root is None or self.store.has(identity):
            return self.store.image(identity)
        return self.store.offer(identity, self.root / name, name)

    def _id(self, name: str) -> str:
        return hashlib.blake2b(name.encode(), key=self._secret, digest_size=16).hexdigest()
