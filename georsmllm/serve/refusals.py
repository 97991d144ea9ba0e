"""What the server refuses and why, as OpenAI's clients and the page read it: one JSON object, never a stack trace."""

from __future__ import annotations

import logging
import re

from georsmllm.errors import GeoRSMLLMError
from georsmllm.imagefile import BadImage

_LOG = logging.getLogger("georsmllm.serve")
_ID = re.compile(r"\b[0-9a-f]{32}/")
"""The folder of one image; people know it by its name."""
EXPECTED = (GeoRSMLLMError,)
"""What is told to the client."""
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "server_error",
    504: "timeout_error",
}


class Refusal(GeoRSMLLMError):
    """A request that is not served. code: one word for programs. param: the part of the request that is wrong. retry_s:
    after how long it is worth asking again, 0 for never."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None, retry_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_s = retry_s

    def body(self) -> dict[str, object]:
        kind = _TYPES.get(self.status, "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        headers = {"cache-control": "no-store"}
        if self.retry_s:
            headers["retry-after"] = str(self.retry_s)
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        if self.status in (408, 413):
            headers["connection"] = "close"  # the rest of the body is not read
        return headers


def bad(message: str, *, param: str | None = None, code: str = "invalid_value") -> Refusal:
    """What a person or a program can mend in the request itself."""
    return Refusal(400, code, message, param=param)


def too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the request is larger than the {limit / 1e6:g} MB that this server takes")


def closing() -> Refusal:
    return Refusal(503, "closing", "the server is shutting down")


def broken() -> Refusal:
    """What is our fault: the details stand in the server's log."""
    return Refusal(500, "server_error", "the server failed at this request; its log has the details")


class Gone(GeoRSMLLMError):
    """Nobody waits for the answer any more. Whoever still hears of it waits at a server that is shutting down."""


def of(error: BaseException, hidden: tuple[str, ...]) -> Refusal:
    """Why an ask failed, for the client. hidden: folders of ours that no message names. What is no error of the request
    goes to the log with its traceback."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Gone):
        return closing()
    if isinstance(error, GeoRSMLLMError):
        is_image = isinstance(error, BadImage)
        message = (
            f"the image cannot be read: {error.message} [{error.reason}]" if isinstance(error, BadImage) else str(error)
        )
        for folder in hidden:
            message = message.replace(folder, "")
        message = _ID.sub("", message)
        return bad(message[:1000], code="bad_image" if is_image else "refused")
    _LOG.error("a request failed by our own fault", exc_info=error)
    return broken()
