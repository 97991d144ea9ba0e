"""One record of a JSON file: its bytes by their place, decoded into a closed type, every failure a BadRecord."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from georsmllm.errors import BadRecord
from georsmllm.json_lists import Span

T = TypeVar("T")

REASONS = {
    "bad_json": "a record is not JSON",
    "bad_entry": "a field of a record is missing or of another type",
}
BOM = b"\xef\xbb\xbf"


def read_span(path: Path, span: Span) -> bytes:
    """The bytes of an element, or of a run of them."""
    with path.open("rb") as file:
        file.seek(span[0])
        return file.read(span[1] - span[0])


def decode(decoder: msgspec.json.Decoder[T], raw: bytes, where: str) -> T:
    """Raises BadRecord, also for what is not UTF-8 and for brackets nested without end."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        reason, message = "bad_entry", str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason, message = "bad_json", str(error)
    raise BadRecord(reason, message, where=where, raw=raw[:500].decode(errors="replace"))
