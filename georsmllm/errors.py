"""Everything that can go wrong by someone else's doing; anything else is our bug and flies with its traceback.

GeoRSMLLMError
  UsageError      the person's input: unknown name, unknown key, missing folder     -> one line, exit 2
    MissingExtra  an optional dependency that is not installed                      -> one line, exit 2
  BadRecord       one record of a dataset: where, reason, message                   -> the policy decides
  BadAnswer       one answer of a model: reason, text                               -> scored 0, counted, never dropped
  CannotSay       a shape that the point text refuses to write: reason                   -> the target is ignored by it
"""

from __future__ import annotations


class GeoRSMLLMError(Exception):
    """The root of our own errors."""


class UsageError(GeoRSMLLMError):
    """The person's input is wrong; the message is one line: what was expected, what came, the way out."""


class MissingExtra(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'georsmllm[{extra}]'")


class BadRecord(GeoRSMLLMError):
    """One record of a dataset cannot be read. `where`: file, file:line or file@byte; `reason`: one of a closed set."""

    def __init__(self, reason: str, message: str, *, where: str, raw: str = "") -> None:
        super().__init__(f"{where}: {message} [{reason}]")
        self.reason = reason
        self.message = message
        self.where = where
        self.raw = raw[:500]

    def __reduce__(self) -> tuple[object, ...]:
        return _bad_record, (self.reason, self.message, self.where, self.raw)


def _bad_record(reason: str, message: str, where: str, raw: str) -> BadRecord:
    return BadRecord(reason, message, where=where, raw=raw)


class BadAnswer(GeoRSMLLMError):
    """A model's answer that is not point text of the asked form. `at` is the index of the offending character."""

    def __init__(self, reason: str, text: str, *, at: int = 0, expected: str = "") -> None:
        came = repr(text[at : at + 20]) if at < len(text) else "the end"
        super().__init__(
            f"{reason} at character {at}: " + (f"expected {expected}, " if expected else "") + f"got {came}"
        )
        self.reason = reason
        self.text = text
        self.at = at


class CannotSay(GeoRSMLLMError):
    """A shape that the point text refuses to write, by name; the caller ignores the target for that reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{message} [{reason}]")
        self.reason = reason
