"""JSON answers by the codec that the rest of the house uses."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def json_answer(value: object, status: int = 200) -> Response:
    """The codec writes our tuples and structs as they are, and NaN as null."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
