"""How SAM 2 is asked, as a value that costs nothing to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Settings:
    """multimask: three masks a prompt and the one with the best predicted IoU is kept; "auto": of a lone point only, which
    may mean a part or the whole. clip: nothing outside of a prompt's box. chunk: prompts at once, None: measured; a fixed one
    makes masks repeatable to the last bit. cache_bytes: of encodings that are kept, the oldest go first."""

    multimask: Literal["auto", "on", "off"] = "auto"
    clip: bool = False
    chunk: int | None = None
    cache_bytes: int = 256 << 20


USUAL = Settings()
