"""Plans that a language model has made, kept on disk: the same question to the same model is asked once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json

from .plan import MAX_BYTES


class ReplyCache:
    """A folder with one file a question, named by a hash of the whole question; no folder: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, *question: str | int) -> str | None:
        """What was kept, None where nothing was. What lies there is as untrusted as a reply."""
        if self.folder is None:
            return None
        try:
            with self._path(question).open("rb") as file:
                return file.read(MAX_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, value: object, *question: str | int) -> str:
        """Keep a value as JSON; "" or, where it cannot be written, one line why not."""
        if self.folder is None:
            return ""
        try:
            write_json(self._path(question), value)
        except (UsageError, OSError) as error:
            return f"the plan is not kept for the next time: {error}"
        return ""

    def _path(self, question: tuple[str | int, ...]) -> Path:
        assert self.folder is not None
        name = hashlib.blake2b(json.dumps(question).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
        return self.folder / f"{name}.json"
